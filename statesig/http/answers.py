"""The response to a state, a signal or a refused document: status, headers and body. Nothing here sends anything.

A state with a status below 400 is the body itself, as JSON. With any other it is a member of a problem (RFC 9457), as
are the faults of a request that was refused, the names of a transition that was, and the versions of an entity that has
changed. Messages and causes leave only where `Boundary.expose` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any, Final, TypeAlias, TypeGuard
from urllib.parse import quote

from pydantic import BaseModel, ValidationError
from pydantic_core import to_json
from typing_extensions import TypeIs

from statesig.algebra.captures import Redact, state_of_exception
from statesig.codec.limits import DEFAULT_LIMITS, Limits
from statesig.codec.states import encode
from statesig.errors import DecodeError, EncodeError, EntityChanged, IllegalTransition, NoEntity, RefusedTransition
from statesig.http.asgi import Receive, Scope, Send
from statesig.http.problems import Fault, faults_of
from statesig.http.statuses import Statuses, TableOfStatuses, check_families
from statesig.http.words import Words
from statesig.signals import Signal, is_signal
from statesig.signals.definitions import carries_state
from statesig.states import ErrorInfo, MetaState, Scheduled, State, ValidationFailed
from statesig.states.descriptions import members_of, redacted
from statesig.states.families import origin_of
from statesig.states.machines import Machine
from statesig.states.refusals import cut

__all__ = [
    "ENTITY",
    "JSON",
    "MACHINE",
    "MARK",
    "PROBLEM",
    "TRANSITION",
    "WITHOUT_BODY",
    "Answer",
    "Answered",
    "Boundary",
    "Expose",
    "Location",
    "problem",
    "title_of",
]

Expose: TypeAlias = Collection[type[State[Any]]]
"""The states whose messages and causes may leave: these classes and their descendants."""

Location: TypeAlias = Callable[[State[Any] | Machine, Mapping[str, Any]], str | None]
"""Tells where a state can be followed: called with the state and the ASGI scope of the request; None: nowhere."""

MARK: Final = "statesig-state"
"""The header of a response that a signal has become, with the tag of its state, percent-encoded."""

MACHINE: Final = "statesig-machine"
"""The same for a signal of a machine: the names of its root and the tag of its state, with a slash between them."""

TRANSITION: Final = "statesig-transition"
"""The header of a response to a transition that was not made: ``illegal``, or ``refused`` by a guard."""

ENTITY: Final = "statesig-entity"
"""The header of a response to a change of an entity that has ``changed``, or is ``missing``."""

JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"

# By RFC 9110; Python's own phrases differ between its releases.
_TITLES: Final = {413: "Content Too Large", 422: "Unprocessable Content"}
_LONGEST: Final = 400
WITHOUT_BODY: Final = frozenset({204, 205, 304})


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, and the ASGI application that sends it."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self.headers]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


class Answered(BaseException):
    """Ends a request with a response: not an error, so that no handler in the application takes it for one of its own.

    Args:
        answer: The response.
    """

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self.answer = answer


@dataclass(frozen=True)
class Boundary:
    """How states leave over HTTP.

    Args:
        statuses: Statuses by class of states, `IllegalTransition`, `RefusedTransition`, `EntityChanged` and `NoEntity`,
            laid over `STATUSES`; one of a class holds for its descendants.
        expose: The states whose messages and causes may leave; their descendants' may, too. Tracebacks never do.
        redact: Called with each text of a message, a cause or a guard's reason that leaves; returns the text in its
            place.
        location: Tells where a state can be followed, for the header Location of a status from 200 to 399.
        limits: Limits of request bodies.
        validation: Whether a `DecodeError` or a `ValidationError` that leaves the application is the client's fault
            and answered as ValidationFailed; False: it is the framework's, which answers 500.

    Raises:
        TypeError: `statuses` or `expose` name something else than classes of states.
        ValueError: A status is not one from 200 to 599.
    """

    statuses: Statuses | None = None
    expose: Expose = ()
    redact: Redact | None = None
    location: Location | None = None
    limits: Limits = DEFAULT_LIMITS
    validation: bool = True
    table: TableOfStatuses = field(init=False, repr=False, compare=False)
    exposed_families: tuple[type[State[Any]], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_families("expose", self.expose)
        object.__setattr__(self, "table", TableOfStatuses(self.statuses))
        object.__setattr__(self, "exposed_families", tuple(map(origin_of, self.expose)))

    def answer_to(self, exc: BaseException, scope: Scope, words: Words | None = None) -> Answer | None:
        """Return the response to an exception; None if it is not the boundary's.

        Signals are, groups of signals (exceptions among them combine as in `capture`), transitions that were not made,
        entities that have changed or are not there, if `validation` says so the errors of documents, and, alone or in a
        group, `Answered`. A group of one is that.

        Args:
            exc: The exception.
            scope: The ASGI scope of the request.
            words: The declared names that a path may show, besides those of states.

        Raises:
            EncodeError: The state has no JSON.
        """
        members = list(_each(exc))
        for member in members:
            if isinstance(member, Answered):
                return member.answer
        alone = members[0] if len(members) == 1 else exc
        if isinstance(alone, IllegalTransition):
            return self.conflict(alone)
        if isinstance(alone, EntityChanged):
            return self.changed(alone, scope)
        if isinstance(alone, NoEntity):
            missing = "there is no such entity"
            return problem(self.table.status_of(type(alone)), [(ENTITY, "missing")], detail=missing)
        if carries_state(alone) and isinstance(alone.state, Machine):
            return self.answer(alone.state, scope)
        if _is_of_signals(members):
            return self.answer(state_of_exception(exc), scope)
        if self.validation and isinstance(alone, (DecodeError, ValidationError)):
            return self.refusal(faults_of(alone, words), scope)
        return None

    def conflict(self, exc: IllegalTransition) -> Answer:
        """Return the response to a transition that was not made: what is possible, and the reason of a guard.

        Args:
            exc: The error; it names classes, and no values.
        """
        is_refused = isinstance(exc, RefusedTransition)
        detail = redacted(exc.reason, self.redact) if isinstance(exc, RefusedTransition) else str(exc)
        headers = [(TRANSITION, "refused" if is_refused else "illegal")]
        names = {"source": exc.source, "target": exc.target, "possible": exc.possible}
        return problem(self.table.status_of(type(exc)), headers, detail=detail, members={"transition": names})

    def changed(self, exc: EntityChanged, scope: Scope) -> Answer:
        """Return the response to a change of an entity that has another version: both versions.

        Its key leaves only where the path of the request has it, so that nobody learns a key here.

        Args:
            exc: The error.
            scope: The ASGI scope of the request.
        """
        told: dict[str, int | str] = {"expected": exc.expected, "version": exc.version}
        if exc.key in scope.get("path", ""):
            told = {"key": exc.key, **told}
        detail = f"the entity is {exc.difference}"
        headers = [(ENTITY, "changed")]
        return problem(self.table.status_of(type(exc)), headers, detail=detail, members={"entity": told})

    def answer(self, state: State[Any] | Machine, scope: Scope) -> Answer:
        """Return the response to a state; without the state where its class takes none without the message.

        Args:
            state: The state.
            scope: The ASGI scope of the request.

        Raises:
            EncodeError: The state has no JSON.
        """
        try:
            shown = self.exposed(state)
        except ValidationError:
            return problem(self.table.status_of(type(state)))
        return self._answer(shown, scope)

    def refusal(self, faults: Iterable[Fault], scope: Scope) -> Answer:
        """Return the response to a request whose parameters or body are not valid.

        Args:
            faults: What is wrong with it.
            scope: The ASGI scope of the request.
        """
        listed = tuple(faults)
        message = "; ".join(f"{fault.path}: {fault.reason}" if fault.path else fault.reason for fault in listed)
        return self._answer(ValidationFailed[Any](message=cut(message, _LONGEST), retryable=False), scope, listed)

    def _answer(self, shown: State[Any] | Machine, scope: Scope, faults: Iterable[Fault] = ()) -> Answer:
        try:
            document = encode(shown)
        except EncodeError as exc:
            raise exc from None  # what it was raised from has texts that are not exposed
        status = self.table.status_of(type(shown))
        headers = [_mark_of(shown)]
        starting = shown.state if isinstance(shown, MetaState) else shown
        if isinstance(starting, Scheduled) and starting.start_time is not None:
            headers.append(("retry-after", _http_date(starting.start_time)))
        place = self.location(shown, scope) if self.location is not None and status < 400 else None
        if place is not None:
            headers.append(("location", quote(place, safe=_OF_URLS)))
        if status >= 400:
            detail = shown.message if isinstance(shown, State) else None
            return problem(status, headers, detail=detail, faults=faults, state=document)
        return _with_body(status, headers, JSON, document)

    def exposed(self, state: State[Any] | Machine) -> State[Any] | Machine:
        """Return a state as it may leave; the states in its fields, in its result, and in what these hold likewise.

        That of a machine leaves with all its fields: it says nothing of how the program fared.

        Args:
            state: The state.

        Raises:
            ValidationError: Its class does not take it without what may not leave.
        """
        if isinstance(state, Machine):
            within = self._changes_within(state)
            return state.model_copy(update=within) if within else state
        is_exposed = issubclass(origin_of(type(state)), self.exposed_families)
        changes: dict[str, Any] = {}
        if state.message is not None:
            changes["message"] = redacted(state.message, self.redact) if is_exposed else None
        if state.causes:
            changes["causes"] = tuple(map(self._cause, state.causes)) if is_exposed else ()
        changes |= self._changes_within(state)
        return _changed(state, changes) if changes else state

    def _changes_within(self, model: BaseModel) -> dict[str, Any]:
        """Return the fields of a model that hold states which leave in another form."""
        own = ("message", "causes") if isinstance(model, State) else ()
        fields = ((name, value) for name, value in model if name not in own)
        return {name: left for name, value in fields if (left := self._within(value)) is not value}

    def _within(self, value: Any) -> Any:
        """Return a value as it may leave: itself where no state is in it, or none that changes."""
        if _is_state(value):
            return self.exposed(value)
        if isinstance(value, BaseModel):
            changes = self._changes_within(value)
            return value.model_copy(update=changes) if changes else value
        if _is_dict(value):
            left: dict[Any, Any] = {key: self._within(each) for key, each in value.items()}
            return left if any(map(_is_other, left.values(), value.values())) else value
        if type(value) in (list, tuple, set, frozenset):
            items = [self._within(each) for each in value]
            return type(value)(items) if any(map(_is_other, items, value)) else value
        return value

    def _cause(self, cause: ErrorInfo) -> ErrorInfo:
        notes = tuple(redacted(note, self.redact) for note in cause.notes)
        return ErrorInfo(type=cause.type, message=redacted(cause.message, self.redact), notes=notes)


def problem(
    status: int,
    headers: Iterable[tuple[str, str]] = (),
    *,
    detail: str | None = None,
    faults: Iterable[Fault] = (),
    state: bytes | None = None,
    members: Mapping[str, Any] | None = None,
) -> Answer:
    """Return a problem (RFC 9457).

    Args:
        status: Its status.
        headers: Headers besides those of the body.
        detail: What happened, for people.
        faults: What is wrong with the request.
        state: The JSON of a state, as a member.
        members: Further members.
    """
    said: dict[str, Any] = {"type": "about:blank", "title": title_of(status), "status": status}
    if detail is not None:
        said["detail"] = detail
    listed = [{"path": fault.path, "reason": fault.reason} for fault in faults]
    if listed:
        said["errors"] = listed
    written = to_json({**said, **(members or {})})
    if state is not None:
        written = b'%b,"state":%b}' % (written[:-1], state)
    return _with_body(status, headers, PROBLEM, written)


def title_of(status: int) -> str:
    """Return the phrase of a status."""
    try:
        return _TITLES.get(status) or HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"


def _with_body(status: int, headers: Iterable[tuple[str, str]], media_type: str, body: bytes) -> Answer:
    if status in WITHOUT_BODY:
        return Answer(status, tuple(headers), b"")
    of_body = (("content-type", media_type), ("content-length", str(len(body))))
    return Answer(status, (*headers, *of_body), body)


def _is_state(value: object) -> TypeIs[State[Any]]:
    return isinstance(value, State)


def _is_dict(value: object) -> TypeGuard[dict[Any, Any]]:
    return type(value) is dict


def _is_other(one: object, other: object) -> bool:
    return one is not other


def _mark_of(state: State[Any] | Machine) -> tuple[str, str]:
    """Return the header by which a client knows that a response is a signal, and of which state."""
    tag = quote(state.type, safe="")
    root = type(state).__top__ if isinstance(state, Machine) else None
    return (MARK, tag) if root is None else (MACHINE, f"{quote(root.__name__, safe='')}/{tag}")


def _is_of_signals(members: Collection[BaseException]) -> bool:
    """Tell whether exceptions are signals, and exceptions beside them."""
    return any(map(is_signal, members)) and all(isinstance(member, (Signal, Exception)) for member in members)


def _each(exc: BaseException) -> Iterator[BaseException]:
    """Yield the exceptions of a group, or the one exception."""
    return members_of(exc) if _is_group(exc) else iter((exc,))


def _is_group(exc: BaseException) -> TypeIs[BaseExceptionGroup[BaseException]]:
    return isinstance(exc, BaseExceptionGroup)


def _changed(state: State[Any], changes: dict[str, Any]) -> State[Any]:
    """Return a state with changed fields; a class that requires a message has an empty one in place of none."""
    try:
        return state.model_copy(update=changes)
    except ValidationError:
        if changes.get("message", "") is not None:
            raise
        return state.model_copy(update={**changes, "message": ""})


def _http_date(time: datetime) -> str:
    """Return a time by RFC 9110, in whole seconds, never before it."""
    whole = time.replace(microsecond=0)
    if whole < time and whole.replace(tzinfo=None) < _LAST:
        whole += timedelta(seconds=1)
    return format_datetime(whole, usegmt=True)


_LAST: Final = datetime.max.replace(microsecond=0)
_OF_URLS: Final = "%:/?#[]@!$&'()*+,;=~"
