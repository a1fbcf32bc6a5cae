"""Tell what is wrong with a request: paths and what is expected, never what was sent.

A key of a body may be payload, and so may a tag that no state has: a path shows declared names alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from statesig.errors import DecodeError
from statesig.http.words import Words, words_of_states
from statesig.states.reasons import reason_of, without_tag
from statesig.states.refusals import FEW, MANY, of_branches

__all__ = ["Fault", "faults_in", "faults_of"]


class Fault(NamedTuple):
    """One fault of a request.

    Args:
        path: Its place, as in ``body.rows[3]``; empty for the whole.
        reason: What is expected there.
    """

    path: str
    reason: str


def faults_of(exc: DecodeError | ValidationError, words: Words | None = None) -> tuple[Fault, ...]:
    """Return the faults that an error tells of: the first few.

    Args:
        exc: The error.
        words: The declared names that a path may show, besides those of states.
    """
    if isinstance(exc, DecodeError):
        known = words_of_states() if words is None else words | words_of_states()
        return tuple(Fault(known.path_of(_parts(path)), _reason(reason)) for path, reason in exc.problems[:FEW])
    if exc.error_count() > MANY:
        return (Fault("", f"more than {MANY:,} errors"),)
    return faults_in(exc.errors(include_url=False, include_input=False), words)


def faults_in(errors: Sequence[Any], words: Words | None = None) -> tuple[Fault, ...]:
    """Return the faults that errors of pydantic's tell of: the first few, and how many more there are.

    Args:
        errors: The errors, as mappings.
        words: The declared names that a path may show, besides those of states.
    """
    known = words_of_states() if words is None else words | words_of_states()
    return tuple(_faults(of_branches(errors), known))


def _faults(errors: Sequence[Mapping[str, Any]], known: Words) -> Iterator[Fault]:
    for error in errors[:FEW]:
        *outer, last = error["loc"] or ("",)
        path = known.path_of(outer if error["type"] == "json_invalid" or not error["loc"] else error["loc"])
        if error["type"] == "missing" and isinstance(last, str) and last not in known.names:
            path = known.path_of(outer) + f".{last}"  # a name that is declared: the body has no such key
        yield Fault(path.lstrip("."), without_tag(reason_of(error)))
    if len(errors) > FEW:
        yield Fault("", f"and {len(errors) - FEW:,} more")


def _parts(path: str) -> list[int | str]:
    """Return the parts of a path as it is written: ``result.items[3]``."""
    return [int(index) if index else name for index, name in re.findall(r"\[(\d+)\]|([^.\[\]]+)", path)]


def _reason(reason: str) -> str:
    """Return a reason of the codec's without the tag or the key of the document that it may name."""
    return re.sub(r"\Athe key \w+ is", "a key is", without_tag(reason))
