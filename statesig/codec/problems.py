"""Describe the faults of a document as paths and reasons.

A reason must never repeat text from the document: only the schema's words and ours.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from statesig.codec.faithful import shown
from statesig.errors import DecodeError
from statesig.states import State
from statesig.states.families import descendants

__all__ = ["cut", "path_of", "reason_of", "undecodable"]

_SENTENCES = {
    "extra_forbidden": "no such field",
    "json_invalid": "not JSON",
    "missing": "required",
    "union_tag_not_found": 'a state needs its "type"',
    "model_attributes_type": "an object was expected",
    "model_type": "an object was expected",
    "value_error": "refused by its validator",
    "assertion_error": "refused by its validator",
}


_SHOWN_PROBLEMS = 3


_SHOWN_LENGTH = 110


def undecodable(name: str, exc: ValidationError | UnicodeError, *, in_detail: bool) -> DecodeError:
    """Return the error for a document that a validator refused.

    Args:
        name: The kind that was asked for.
        exc: What the validator raised.
        in_detail: Whether to look at the context of each problem, which costs more for a large document.
    """
    name = cut(name, 40)
    if isinstance(exc, UnicodeError):
        return DecodeError(name, [("", "the text is not valid Unicode")])
    errors = exc.errors(include_url=False, include_input=False, include_context=in_detail)
    problems = [(path_of(error["loc"]), reason_of(error)) for error in errors[:_SHOWN_PROBLEMS]]
    return DecodeError(name, problems, len(errors) - len(problems))


def reason_of(error: Any) -> str:
    """Return the reason of a validation error."""
    code: str = error["type"]
    if code == "json_invalid":
        return cut(error["msg"].replace("Invalid JSON", "not JSON"))
    if code == "union_tag_invalid":
        tag = error.get("ctx", {}).get("tag")
        known = {cls.__tag__ for cls in descendants(State)}
        ways = error.get("ctx", {}).get("expected_tags", "").replace("'", "")
        return cut(f"a {tag} is not one; possible: {ways}" if tag in known else f"unknown tag; possible: {ways}", 160)
    if code in _SENTENCES:
        return _SENTENCES[code]
    if code in _PYDANTIC_CODES:
        return cut(error["msg"])
    return cut(f"refused: {code}")


# The errors of pydantic whose messages quote the schema alone.
_PYDANTIC_CODES = frozenset(
    {
        "bool_type", "bytes_type", "date_type", "datetime_type", "decimal_type", "dict_type", "enum", "float_type",
        "finite_number", "frozen_set_type", "greater_than", "greater_than_equal", "int_type", "less_than",
        "less_than_equal", "list_type", "literal_error", "none_required", "set_type", "state_kind", "string_type",
        "string_too_long", "string_too_short", "string_pattern_mismatch", "time_type", "time_delta_type",
        "timezone_aware", "timezone_range", "too_long", "too_short", "tuple_type", "uuid_type", "multiple_of",
        "datetime_from_date_parsing", "date_from_datetime_parsing", "time_delta_parsing", "time_parsing",
    }
)  # fmt: skip


def path_of(loc: tuple[int | str, ...]) -> str:
    """Return the path of an error, as in ``result.items[3]``, without the tags that pydantic inserts."""
    tags = {cls.__tag__ for cls in descendants(State)}
    path = ""
    for part in [part for part in loc if part not in tags][:8]:
        path += f"[{part}]" if isinstance(part, int) else f".{shown(part)}"
    return cut(path.lstrip("."), 80)


def cut(text: str, length: int = _SHOWN_LENGTH) -> str:
    """Return a text, shortened to a length."""
    return text if len(text) <= length else text[: length - 3] + "..."
