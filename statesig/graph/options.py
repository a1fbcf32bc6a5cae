"""Check the options of a task where they are written, with the task's name in the error."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from difflib import get_close_matches
from typing import Any, Final, cast

from statesig.algebra import triggers
from statesig.algebra.triggers import SkipPolicy, Trigger
from statesig.states.generics import kind_of

__all__ = ["FOREVER", "check_options", "in_turn", "seconds", "unknown_options"]

FOREVER: Final = "forever"
"""The word for a time without an end."""

_LONGEST: Final = timedelta(days=36_525)
"""The longest duration, a hundred years: a time that is later by it can still be told."""


def seconds(given: float | timedelta | str) -> float:
    """Return a duration that was checked in seconds, `math.inf` for ``"forever"``."""
    if isinstance(given, str):
        return math.inf
    return given.total_seconds() if isinstance(given, timedelta) else float(given)


def in_turn(given: object) -> object:
    """Return handlers as a tuple; anything else, for `check_options` to refuse, as it is."""
    return tuple(cast("Iterable[object]", given)) if isinstance(given, Iterable) else given


def check_options(owner: str, options: Mapping[str, Any]) -> None:
    """Check the options of a task.

    Args:
        owner: The task, as the error names it.
        options: Values by name.

    Raises:
        TypeError: A value has the wrong type; the text says what it may be.
        ValueError: A number is out of its range.
    """
    for name, value in options.items():
        is_type, is_possible, possible = _POSSIBLE[name]
        if not is_type(value):
            wrong = _uncalled(value)[0] if name == "handlers" else value
            raise TypeError(f"{owner}: {name} is {possible}, not {_shown(wrong)}{_hint(name, wrong)}")
        if not is_possible(value):
            raise ValueError(f"{owner}: {name} is {possible}, not {_shown(value)}")


def unknown_options(task: str, unknown: Iterable[str], known: Iterable[str]) -> TypeError:
    """Return the error for options that no task has."""
    names = list(unknown)
    close = {name: get_close_matches(name, list(known)) for name in names}
    meant = [min(found, key=lambda one: abs(len(one) - len(name))) for name, found in close.items() if found]
    hint = f"; did you mean {', '.join(meant)}?" if meant else ""
    return TypeError(f"task {task!r}: no such option: {', '.join(names)}{hint}; the options are {', '.join(known)}")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_duration(value: object) -> bool:
    return isinstance(value, timedelta) or _is_number(value)


def _is_duration_or_none(value: object) -> bool:
    return value is None or _is_duration(value)


def _is_lasting(value: object) -> bool:
    return _is_duration_or_none(value) or value == FOREVER


def _is_called(value: object) -> bool:
    return value is None or callable(value)


def _are_called(value: Any) -> bool:
    return kind_of(value) is tuple and not _uncalled(value)


def _uncalled(value: Any) -> list[Any]:
    """Return what among handlers cannot be called; of something else than handlers, the thing itself."""
    return [part for part in value if not callable(part)] if kind_of(value) is tuple else [value]


def _between(least: float, most: float) -> Callable[[Any], bool]:
    return lambda value: least <= value <= most  # False for NaN


def _lasts(least: float, *, more: bool = False) -> Callable[[Any], bool]:
    def is_possible(value: Any) -> bool:
        if value is None or value == FOREVER:
            return True
        length = seconds(value)
        return (length > least if more else length >= least) and length <= _LONGEST.total_seconds()

    return is_possible


def _any(value: object) -> bool:
    return True


def _is_of(cls: type[Any]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, cls)


_SECONDS: Final = "a number of seconds or a timedelta"
_POSSIBLE: Final[Mapping[str, tuple[Callable[[Any], bool], Callable[[Any], bool], str]]] = {
    "name": (_is_of(str), _any, "a text"),
    "retries": (_is_whole, _between(0, math.inf), "a whole number of at least 0"),
    "retry_delay": (_is_duration, _lasts(0), f"{_SECONDS}, at least 0 and at most 100 years"),
    "retry_backoff": (_is_number, _between(1, 1e300), "a finite factor of at least 1"),
    "retry_max_delay": (_is_duration_or_none, _lasts(0), f"{_SECONDS}, at least 0 and at most 100 years, or None"),
    "retry_jitter": (_is_number, _between(0, 1), "a part of the delay, from 0 to 1"),
    "timeout": (_is_duration_or_none, _lasts(0, more=True), f"{_SECONDS}, more than 0 and at most 100 years, or None"),
    "trigger": (_is_of(Trigger), _any, "a Trigger, such as all_finished"),
    "on_skip": (_is_of(SkipPolicy), _any, "a SkipPolicy, such as SkipPolicy.PROPAGATE"),
    "cache_for": (
        _is_lasting, _lasts(0, more=True), f'{_SECONDS}, more than 0 and at most 100 years, "forever", or None',
    ),
    "cache_key": (_is_called, _any, "a function of the task's arguments that returns a text, or None"),
    "handlers": (_are_called, _any, "a list of functions, each of the old and the new state"),
}  # fmt: skip
"""For each option: whether a value has its type, whether it is in its range, and the words for both."""


def _hint(name: str, value: object) -> str:
    if name == "trigger" and isinstance(value, str):
        named = [name for name in triggers.__all__ if isinstance(getattr(triggers, name), Trigger)]
        found = get_close_matches(value, named, 1, 0.5)
        return f"; did you mean {found[0]}?" if found else ""
    if name == "trigger" and callable(value):
        return "; decide by the states upstream in the task itself: take state_of(node), with trigger=all_finished"
    return ""


def _shown(value: Any) -> str:
    """Return what was given, as far as it may be repeated: numbers and names, of others the class."""
    if (isinstance(value, (int, float)) and abs(value) < 1e300) or value != value or value in (math.inf, -math.inf):
        return repr(value)
    if isinstance(value, timedelta):
        return str(value)
    if isinstance(value, str) and value.isidentifier() and len(value) <= 40:
        return repr(value)
    return f"a value of class {type(value).__name__}"
