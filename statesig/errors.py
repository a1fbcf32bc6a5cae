"""The errors of statesig; each takes data, keeps it as attributes and builds its own sentence.

The tree::

    StatesigError
    ├── DefinitionError(TypeError)    a state or signal class that the hierarchy does not admit
    ├── NoResult(ValueError)          unwrap() of a state without a result
    ├── NoSignal(TypeError)           signal_of() a state whose class has no signal
    ├── IllegalTransition(ValueError) advance() to a state that the table does not allow
    │   └── RefusedTransition         advance() to one that the transition's own guard refuses
    ├── EncodeError(ValueError)       a state that would not read back unchanged
    ├── DecodeError(ValueError)       a document that is not a state, or is too large to read
    ├── FlowError(ValueError)         a flow that cannot be built or run as asked
    ├── RunFailed(RuntimeError)       raise_for_state() of a run that did not succeed
    ├── ExecutorError(RuntimeError)   an executor that cannot be used, such as an unreachable cluster
    ├── StoreError(RuntimeError)      a store that cannot be read or written; it keeps acknowledged changes
    │   ├── NoRun(LookupError)        a store has no run with this identity
    │   ├── RunTaken                  another process owns or changed the run, or the run is over
    │   ├── NoEntity(LookupError)     a store has no entity with this key
    │   ├── EntityChanged             an entity has another version than the one that was expected
    │   └── StoreDamaged              stored data differs from the data written
    └── NodeUseError(TypeError)       a node used as if it were its value while the flow is built

A payload that breaks its model raises pydantic's own ``ValidationError``. Signals are not errors: none may be here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

LONGEST_TAG: Final = 200
"""Characters; a state with a longer tag is a `DefinitionError`. It is here since the mypy plugin loads no Pydantic."""


class StatesigError(Exception):
    """The root of all errors of statesig."""

    def __init__(self, *data: object) -> None:
        super().__init__(*data)

    def __str__(self) -> str:
        return self.sentence()

    def sentence(self) -> str:
        """Say what was asked, what is true and what is possible."""
        return ", ".join(str(item) for item in self.args)


class DefinitionError(StatesigError, TypeError):
    """A state or signal class was defined that the hierarchy does not admit.

    Args:
        name: The name of the class.
        reason: Why it is refused, and what to write instead.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.name = name
        self.reason = reason

    def sentence(self) -> str:
        return f"{self.name} cannot be defined: {self.reason}"


class NoResult(StatesigError, ValueError):
    """`unwrap` was called on a state without a result.

    Args:
        state: The state's tag.
        reason: Why the state was entered: its message, and the text of its first cause; empty if it has neither.
    """

    def __init__(self, state: str, reason: str = "") -> None:
        super().__init__(state, reason)
        self.state = state
        self.reason = reason

    def sentence(self) -> str:
        if self.reason:
            return f"{self.state} has no result: {self.reason}"
        return f"{self.state} was given no result; test `has_result` first, or construct it with result=..."


class NoSignal(StatesigError, TypeError):
    """`signal_of` was called on a state whose class has no signal.

    Args:
        state: The name of the state's class.
        base: What its signal would derive from, with braces in the place of the name.
    """

    def __init__(self, state: str, base: str = "Signal[{}]") -> None:
        super().__init__(state, base)
        self.state = state
        self.base = base

    def sentence(self) -> str:
        base = self.base.format(self.state)
        return f"{self.state} has no signal; define one: class {self.state.upper()}({base}): ..."


class IllegalTransition(StatesigError, ValueError):
    """A signal asked for a transition that the table does not have; the state does not change.

    Args:
        source: The name of the current state's class.
        target: The name of the requested state's class.
        possible: The families that may follow `source`; empty when it is final.
    """

    def __init__(self, source: str, target: str, possible: Sequence[str] = ()) -> None:
        super().__init__(source, target, tuple(possible))
        self.source = source
        self.target = target
        self.possible: tuple[str, ...] = tuple(possible)

    def sentence(self) -> str:
        ways = ", ".join(self.possible) or "nothing (final)"
        return f"{self.source} -> {self.target} is not allowed; from {self.source}: {ways}"


class RefusedTransition(IllegalTransition):
    """The guard of a transition refused it: the table has it, but not for this state; the state does not change.

    Args:
        source: The name of the current state's class.
        target: The name of the requested state's class.
        possible: The families that may follow `source`.
        reason: What `refuses` returned.
    """

    def __init__(self, source: str, target: str, possible: Sequence[str] = (), reason: str = "") -> None:
        super().__init__(source, target, possible)
        StatesigError.__init__(self, source, target, self.possible, reason)  # what a pickle keeps
        self.reason = reason

    def sentence(self) -> str:
        return f"{self.source} -> {self.target} is refused: {self.reason}"


class EncodeError(StatesigError, ValueError):
    """A state holds a value that JSON would not give back unchanged.

    Args:
        state: The name of the state's class.
        path: The place of the value, as in ``result.items[3]``.
        reason: Why, and what to do about it; never the value itself.
    """

    def __init__(self, state: str, path: str, reason: str) -> None:
        super().__init__(state, path, reason)
        self.state = state
        self.path = path
        self.reason = reason

    def sentence(self) -> str:
        return f"{self.state} cannot be encoded: {self.path}: {self.reason}"


class DecodeError(StatesigError, ValueError):
    """A document is not a state of the requested kind.

    The text of this error stays short for any document and never repeats a value from it.

    Args:
        kind: The name of the requested kind.
        problems: Pairs of a path (empty for the whole document) and the problem there; never empty.
        more: The number of further problems, left out.
    """

    def __init__(self, kind: str, problems: Sequence[tuple[str, str]], more: int = 0) -> None:
        super().__init__(kind, tuple(problems), more)
        self.kind = kind
        self.problems: tuple[tuple[str, str], ...] = tuple(problems)
        self.more = more

    def sentence(self) -> str:
        listed = "; ".join(f"{path}: {reason}" if path else reason for path, reason in self.problems)
        rest = f"; and {self.more} more" if self.more else ""
        kind = self.kind if len(self.kind) <= 40 else f"{self.kind[:37]}..."
        article = "an" if kind[:1].lower() in tuple("aeiou") else "a"
        return f"not {article} {kind}: {listed}{rest}"


class FlowError(StatesigError, ValueError):
    """A flow cannot be built or run as asked.

    Args:
        flow: The name of the flow, or of the task that is the problem.
        reason: The problem, and what is possible.
        what: What has that name: a flow or a task.
    """

    def __init__(self, flow: str, reason: str, what: str = "flow") -> None:
        super().__init__(flow, reason, what)
        self.flow = flow
        self.reason = reason
        self.what = what

    def sentence(self) -> str:
        return f"{self.what} {self.flow!r}: {self.reason}"


class RunFailed(StatesigError, RuntimeError):
    """A run did not succeed.

    Args:
        flow: The name of the flow.
        state: The tag of the run's state.
        tasks: The name and the state's tag of each task and child of a mapped task that did not succeed, as pairs; the
            failed ones first.
        reasons: Why the first of them failed, in their order; empty where nobody said.
        message: What a handler of the flow said, if it, and no task, made the run fail.
    """

    def __init__(
        self, flow: str, state: str, tasks: Sequence[tuple[str, str]], reasons: Sequence[str] = (), message: str = ""
    ) -> None:
        super().__init__(flow, state, tuple(tasks), tuple(reasons), message)
        self.flow = flow
        self.state = state
        self.tasks: tuple[tuple[str, str], ...] = tuple(tasks)
        self.reasons: tuple[str, ...] = tuple(reasons)
        self.message = message

    def sentence(self) -> str:
        shown = [_shortened(self.message)] if self.message else []
        shown += [
            f"{name} {state}{f' ({_shortened(reason)})' if reason else ''}"
            for (name, state), reason in zip(self.tasks[:10], [*self.reasons, *[""] * 10], strict=False)
        ]
        rest = f" and {len(self.tasks) - 10} more" if len(self.tasks) > 10 else ""
        return f"flow {self.flow!r} is {self.state}: {', '.join(shown)}{rest}"


def _shortened(text: str) -> str:
    """Return a text, or its first 200 characters."""
    return text if len(text) <= 200 else f"{text[:197]}..."


class ExecutorError(StatesigError, RuntimeError):
    """An executor cannot be used.

    Args:
        executor: Its name in messages: ``"Dask"``.
        reason: Why, and what can be done.
    """

    def __init__(self, executor: str, reason: str) -> None:
        super().__init__(executor, reason)
        self.executor = executor
        self.reason = reason

    def sentence(self) -> str:
        return f"{self.executor} cannot be used: {self.reason}"


class StoreError(StatesigError, RuntimeError):
    """A store cannot be read or written. It holds every change that it acknowledged before, and no other.

    Args:
        store: Its place: a path, or a URL without user and password.
        reason: Why, and what can be done.
    """

    def __init__(self, store: str, reason: str) -> None:
        super().__init__(store, reason)
        self.store = store
        self.reason = reason

    def sentence(self) -> str:
        return f"store {self.store}: {self.reason}"


class NoRun(StoreError, LookupError):
    """A store has no run with this identity, or several whose identities begin with it."""


class RunTaken(StoreError):
    """Another process owns or changed the run, or the run is over."""


class NoEntity(StoreError, LookupError):
    """A store has no entity with this key."""


class EntityChanged(StoreError):
    """An entity has another version than the one that was expected; nothing was written.

    Args:
        store: The store's place.
        key: The entity's key.
        expected: The version that was expected; 0: that the entity is not there yet.
        version: The version that it has; 0: it is not there.
    """

    def __init__(self, store: str, key: str, expected: int, version: int) -> None:
        self.key = key
        self.expected = expected
        self.version = version
        super().__init__(store, f"entity {key!r} is {self.difference}")
        StatesigError.__init__(self, store, key, expected, version)  # what a pickle keeps

    @property
    def difference(self) -> str:
        """The two versions, in words without the key."""
        where = f"at version {self.version}" if self.version else "not there"
        if not self.expected:
            return f"{where}, so it cannot begin again"
        return f"{where}, not at version {self.expected}; read it and decide anew"


class StoreDamaged(StoreError):
    """Stored data differs from the data written: a row's checksum does not match, or a row is missing."""


class NodeUseError(StatesigError, TypeError):
    """A node was used as if it were its value, while its flow is being built.

    Args:
        task: The name of the node's task.
        use: The operation, as in ``if node``, or the place where the node was put.
        remedy: What to do instead.
    """

    def __init__(self, task: str, use: str, remedy: str = "pass it to another task, and compute there") -> None:
        super().__init__(task, use, remedy)
        self.task = task
        self.use = use
        self.remedy = remedy

    def sentence(self) -> str:
        return f"{self.use} on task {self.task!r}: its value is known only when the flow runs; {self.remedy}"
