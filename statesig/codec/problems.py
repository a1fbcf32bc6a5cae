"""Describe the faults of a document as paths and reasons.

A reason must never repeat text from the document: only the schema's words and ours.
"""

from __future__ import annotations

import re

from pydantic import ValidationError

from statesig.codec.faithful import shown
from statesig.errors import DecodeError, EncodeError, StoreError
from statesig.states.declared import Declared
from statesig.states.families import StateModel
from statesig.states.reasons import reason_of
from statesig.states.refusals import FEW, MANY, cut, of_branches
from statesig.states.tags import tags_of

__all__ = ["not_understood", "path_of", "undecodable", "without_keys"]


def undecodable(name: str, exc: ValidationError | UnicodeError) -> DecodeError:
    """Return the error for a document that a validator refused.

    Args:
        name: The kind that was asked for.
        exc: What the validator raised.
    """
    name = cut(name, 40)
    if isinstance(exc, UnicodeError):
        return DecodeError(name, [("", "the text is not valid Unicode")])
    if exc.error_count() > MANY:
        return DecodeError(name, [("", f"more than {MANY:,} problems")])
    errors = of_branches(exc.errors(include_url=False, include_input=False))
    problems = [(path_of(error["loc"]), reason_of(error)) for error in errors[:FEW]]
    return DecodeError(name, problems, len(errors) - len(problems))


def not_understood(store: str, what: str, exc: DecodeError) -> StoreError:
    """Return the error for a row that is whole, by its checksum, but that this program does not understand.

    Args:
        store: The name of its store.
        what: What the row holds.
        exc: Why it is not understood.
    """
    remedy = "import the module that defines it, or use the program as it was"
    return StoreError(store, f"{what} is not understood by this program: {exc}; {remedy}")


def path_of(loc: tuple[int | str, ...]) -> str:
    """Return the path of an error, as in ``result.items[3]``, without the tags that pydantic inserts."""
    tags = tags_of(StateModel)
    path = ""
    for part in [part for part in loc if part not in tags and not _is_member(part)][:8]:
        path += f"[{part}]" if isinstance(part, int) else f".{shown(part)}"
    return cut(path.lstrip("."), 80)


def _is_member(part: int | str) -> bool:
    """Tell whether pydantic names a member of a union of states by a part."""
    return isinstance(part, str) and _MEMBER.fullmatch(part) is not None


_MEMBER = re.compile(r"function-\w+\[_admit\w*\(\)\]")


def without_keys(exc: EncodeError, declared: Declared | None) -> EncodeError:
    """Return an error about a result without the keys of its mappings, which may be payload: a question mark for each.

    Args:
        exc: The error.
        declared: The declared type of the result, the names of whose fields are kept; None without one.
    """
    names = () if declared is None else declared.names
    path = re.sub(r"\.([^.\[]+)", lambda found: found[0] if found[1] in names else ".?", exc.path)
    return EncodeError(exc.state, path, exc.reason)
