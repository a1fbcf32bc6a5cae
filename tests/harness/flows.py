"""Random flows: every trigger, policy, mapping and way for a task to end, drawn from a seed.

A task's behaviour is drawn with its flow: it depends on its name, its index and how often it was called alone, never on
time or on the thread that runs it. So whatever the executor and the order of arrival, the final states must be equal.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from statesig import (
    FAIL,
    LOOP,
    PAUSE,
    RETRY,
    SCHEDULE,
    SKIP,
    SUCCESS,
    Flow,
    SkipPolicy,
    State,
    Task,
    Trigger,
    all_failed,
    all_finished,
    all_successful,
    always_run,
    any_failed,
    any_successful,
    current,
    manual_only,
    none_skipped,
    not_all_skipped,
    some_failed,
    some_successful,
    state_of,
    states_of,
    task,
)

__all__ = ["Drawn", "drawn"]

TRIGGERS: tuple[Trigger, ...] = (
    *(all_successful,) * 4, always_run, any_failed, any_successful, all_finished, all_failed, none_skipped,
    not_all_skipped, some_failed(1, 2), some_successful(1), manual_only, any_failed.otherwise(SKIP),
    any_successful.otherwise(PAUSE), none_skipped & any_successful,
)  # fmt: skip

UNPAUSED = tuple(trigger for trigger in TRIGGERS if "PAUSE" not in f"{trigger!r}" and trigger is not manual_only)
"""Those that never pause a task."""

ENDS = ("value",) * 8 + ("fail", "fail for good", "error", "skip", "skip with value", "success", "pause")
"""How an attempt ends that is not followed by another of its own accord."""

AGAIN = ("retry", "fail", "loop", "schedule")
"""How an attempt ends that may be followed by another."""


class Drawn:
    """A random flow.

    Attributes:
        flow: The flow.
        text: Its tasks, one in a line, to be shown where something is wrong with it.
        calls: The name and index of each call, in the order in which they were made.
        at_call: Called in each call, before the task ends.
    """

    def __init__(self, seed: int, *, pauses: bool = True) -> None:
        self.calls: list[tuple[str, int | None]] = []
        self.at_call: Callable[[], object] = lambda: None
        self._lines: list[str] = [f"seed {seed}"]
        rng = random.Random(seed)
        self._pauses = pauses
        with Flow(f"drawn {seed}") as self.flow:
            nodes: list[Any] = []
            for number in range(rng.randint(2, 7)):
                nodes.append(self._node(rng, f"t{number}", nodes))

    @property
    def text(self) -> str:
        """The seed and the tasks, to be shown where something is wrong."""
        return "\n".join(self._lines)

    def _node(self, rng: random.Random, name: str, nodes: list[Any]) -> Any:
        made, said = self._task(rng, name)
        mapped = [node for node in nodes if self.flow.own(node).is_mapped]
        ways = [rng.choice(("value", "value", "state", "order", "states")) for _ in range(rng.randint(0, 3))]
        taken = [(way, rng.choice(mapped if way == "states" and mapped else nodes)) for way in ways if nodes]
        if rng.random() < 0.3:
            over = rng.choice([[1, 2, 3], [], [1], *nodes])
            node: Any = self.flow.map(made, over)
            taken = [(way, source) for way, source in taken if way == "order" and source is not over]
            said += f" mapped over {over!r}"
        else:
            args = [self._taken(way, source) for way, source in taken if way != "order"]
            node = made(*args)
        for way, source in taken:
            if way == "order":
                self.flow.after(node, source)
        upstream = [(way, self.flow.own(source).name) for way, source in taken]
        self._lines.append(f"{name}: {said} {upstream}")
        return node

    def _taken(self, way: str, source: Any) -> Any:
        if way == "value":
            return source
        return states_of(source) if way == "states" and self.flow.own(source).is_mapped else state_of(source)

    def _task(self, rng: random.Random, name: str) -> tuple[Task[..., Any], str]:
        retries = rng.choice((0, 0, 1, 2))
        ends = [end for end in ENDS if end != "pause" or self._pauses]
        plans = [[rng.choice(AGAIN) for _ in range(rng.choice((0, 0, 0, 1, 2)))] + [rng.choice(ends)] for _ in range(3)]
        trigger = rng.choice(
            [one for one in TRIGGERS if self._pauses or "PAUSE" not in repr(one) + str(one.verdict([]))]
        )
        policy = rng.choice((SkipPolicy.SUCCESS, SkipPolicy.SUCCESS, SkipPolicy.PROPAGATE, SkipPolicy.FAILURE_FIRST))
        is_async = rng.random() < 0.25
        body = self._body(name, plans)
        fn = _awaited(body) if is_async else body
        made = task(name=name, retries=retries, trigger=trigger, on_skip=policy)(fn)
        said = f"{plans} retries={retries} {trigger!r} {policy.name}{' async' * is_async}"
        return made, said

    def _body(self, name: str, plans: list[list[str]]) -> Callable[..., Any]:
        def body(*taken: Any) -> Any:
            attempt = current()
            call = name, attempt.index
            plan = plans[(attempt.index or 0) % len(plans)]
            end = plan[min(self.calls.count(call), len(plan) - 1)]
            self.calls.append(call)
            self.at_call()
            return _end("value" if end == "pause" and attempt.resumed else end, taken)

        return body


def _awaited(body: Callable[..., Any]) -> Callable[..., Any]:
    async def awaited(*taken: Any) -> Any:
        return body(*taken)

    return awaited


def _end(end: str, taken: tuple[Any, ...]) -> Any:
    match end:
        case "fail":
            raise FAIL("failed")
        case "fail for good":
            raise FAIL("failed for good", retryable=False)
        case "error":
            raise ValueError("an error")
        case "skip":
            raise SKIP("skipped")
        case "skip with value":
            raise SKIP("skipped", result=0)
        case "success":
            raise SUCCESS("success", result=len(taken))
        case "pause":
            raise PAUSE("paused")
        case "retry":
            raise RETRY("retry")
        case "loop":
            raise LOOP("loop")
        case "schedule":
            raise SCHEDULE("later")
        case _:
            return [State.__name__, len(taken)]


def drawn(seed: int, *, pauses: bool = True) -> Drawn:
    """Return the random flow of a seed, the same each time."""
    return Drawn(seed, pauses=pauses)
