"""Say why a value or a document is not valid: paths and reasons.

A reason must never repeat text from the value: only the schema's words and ours.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from typing import Any

from pydantic import PydanticUserError, ValidationError

from statesig.states.declared import Declared
from statesig.states.families import StateModel, descendants
from statesig.states.refusals import FEW, cut, of_branches

__all__ = ["invalid", "path_shown", "reason_of", "without_tag"]


def invalid(declared: Declared, exc: BaseException, place: str) -> str:
    """Return a sentence about a value that is not valid as its declared type: paths and reasons, never a value.

    Args:
        declared: The type.
        exc: What its validation raised.
        place: What the value is, as the first part of each path.
    """
    if isinstance(exc, PydanticUserError):  # it speaks of the type alone
        return f"not a valid {cut(declared.name, 60)}: {exc.message}"
    if not isinstance(exc, ValidationError):
        return f"not a valid {cut(declared.name, 60)}: {place}: its validator raised {type(exc).__name__}"
    errors = of_branches(exc.errors(include_url=False, include_input=False, include_context=False))
    shown_errors = [f"{_typed_path(declared, place, error['loc'])}: {reason_of(error)}" for error in errors[:FEW]]
    more = f" and {len(errors) - FEW:,} more" if len(errors) > FEW else ""
    return f"not a valid {cut(declared.name, 60)}: {'; '.join(shown_errors)}{more}"


def _typed_path(declared: Declared, place: str, loc: tuple[int | str, ...]) -> str:
    """Return the path of an error in a value."""
    return cut(place + path_shown(loc, declared.names, declared.labels), 80)


def path_shown(loc: Iterable[int | str], names: Collection[str], labels: Collection[str]) -> str:
    """Return the path of an error, as in ``.rows[3]``, with a question mark for a key that may be payload.

    Args:
        loc: Its parts, as Pydantic has them.
        names: The names of declared fields, which are shown.
        labels: What Pydantic inserts for types, which is left out.
    """
    path = ""
    for part in islice(loc, 8):
        if isinstance(part, int):
            path += f"[{part}]"
        elif part in names:
            path += f".{part}"
        elif part not in labels and "[" not in part:
            path += ".?"
    return path


def reason_of(error: Any) -> str:
    """Return the reason of a validation error."""
    code: str = error["type"]
    if code == "json_invalid":
        return cut(error["msg"].replace("Invalid JSON", "not JSON"), 110)
    if code == "union_tag_invalid":
        return _wrong_tag(error.get("ctx", {}))
    if code in _SENTENCES:
        return _SENTENCES[code]
    if code in _PYDANTIC_CODES:
        return cut(error["msg"], 110)
    return cut(f"refused: {code}")


def _wrong_tag(context: Mapping[str, Any]) -> str:
    """Name a tag that is not possible, and the possible ones; a tag that reads as no name may be a payload."""
    tag: str = context.get("tag", "")
    possible = context.get("expected_tags", "").replace("'", "")
    known = {cls.__tag__ for cls in descendants(StateModel)}
    if tag in known:
        return cut(f"a {tag} is not one; possible: {possible}")
    named = f" {tag}" if _NAME.fullmatch(tag) else ""
    is_state = not known.isdisjoint(possible.split(", "))
    remedy = " (import its module, or give --import MODULE)" if is_state else ""
    return cut(f"unknown tag{named}{remedy}; possible: {possible}")


def without_tag(reason: str) -> str:
    """Return a reason without the unknown tag that it names, and what to do about that where the reason is read here.

    A document may have anything in the place of a tag.
    """
    return re.sub(r"\Aunknown tag(?: [\w.-]+)?(?: \(import [^)]*\))?", "unknown tag", reason)


_NAME = re.compile(r"(?=.{1,40}\Z)[A-Za-z_]\w*(?:[.-]\w+)*")


# The errors of pydantic whose messages quote the schema alone.
_PYDANTIC_CODES = frozenset(
    {
        "bool_type", "bytes_type", "date_type", "datetime_type", "decimal_type", "dict_type", "enum", "float_type",
        "finite_number", "frozen_set_type", "greater_than", "greater_than_equal", "int_type", "is_instance_of",
        "less_than", "less_than_equal", "list_type", "literal_error", "map_children", "none_required", "set_type",
        "no_signal", "signal_kind", "state_kind",
        "string_type", "string_too_long", "string_too_short", "string_pattern_mismatch", "time_type", "time_delta_type",
        "timezone_aware", "timezone_range", "too_long", "too_short", "tuple_type", "uuid_type", "multiple_of",
        "datetime_from_date_parsing", "date_from_datetime_parsing", "time_delta_parsing", "time_parsing",
        "bool_parsing", "float_parsing", "int_from_float", "int_parsing", "int_parsing_size", "decimal_parsing",
        "decimal_max_digits", "decimal_max_places", "decimal_whole_digits", "date_parsing", "datetime_parsing",
        "date_from_datetime_inexact", "date_past", "date_future", "datetime_past", "datetime_future", "timezone_naive",
        "dataclass_type", "complex_type",
    }
)  # fmt: skip


_SENTENCES = {
    "extra_forbidden": "no such field",
    "json_invalid": "not JSON",
    "missing": "field required",
    "union_tag_not_found": 'a state needs its "type"',
    "model_attributes_type": "an object was expected",
    "model_type": "an object was expected",
    "exact_class": "an instance of exactly the declared class was expected",
    "value_error": "refused by its validator",
    "assertion_error": "refused by its validator",
}
