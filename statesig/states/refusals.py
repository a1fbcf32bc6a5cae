"""Keep the refusal of a document short and cheap, however large or deep the document is.

A nested state hands the first few of its errors on, each cut: handed on whole, a thousand errors under fifty levels
would be copied fifty times. Nothing here may accept a value or repeat a long one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final, LiteralString, get_args

from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError, core_schema

from statesig.states.generics import kind_of

__all__ = ["FEW", "MANY", "WIDE", "brief", "cut", "misplaced", "of_branches", "refused", "surplus"]

FEW: Final = 3
"""The errors that are kept."""

MANY: Final = 1_000
"""The errors past which none is described."""

WIDE: Final = 100
"""The keys past which an object is searched for unknown ones before it is validated."""

_LONGEST = 160
_DEEPEST = 12
_KNOWN = frozenset(get_args(core_schema.ErrorType))


def brief(exc: ValidationError) -> ValidationError:
    """Return an error with the first few errors of another, without its long values."""
    if exc.error_count() > MANY:
        many = PydanticCustomError("too_many_errors", "more than {most} errors", {"most": MANY})
        lines = [InitErrorDetails(type=many, input=None)]
    else:
        lines = list(map(_shortened, of_branches(exc.errors(include_url=False))[:FEW]))
    return ValidationError.from_exception_data(exc.title, lines)


def of_branches(errors: Sequence[Any]) -> list[Any]:
    """Return errors without those of the members of a union of states that a tag did not mean.

    A union is asked member by member, and each says that the tag is another's. Where one of them knew the tag, its own
    errors tell what is wrong; where none did, one error names all that is possible.
    """
    found: dict[object, Any] = {}
    for error in errors:
        is_tag = error["type"] in ("union_tag_invalid", "union_tag_not_found")
        key = error["loc"] if is_tag else id(error)
        found[key] = _with_tags_of(error, found[key]) if key in found else error
    places = {error["loc"][:end] for error in errors for end in range(len(error["loc"]))}
    return [error for key, error in found.items() if key not in places]


def _with_tags_of(error: Any, other: Any) -> Any:
    """Return an error about a tag that names what is possible by another, too."""
    context, more = error.get("ctx", {}), other.get("ctx", {})
    names = [tags["expected_tags"] for tags in (more, context) if "expected_tags" in tags]
    return {**error, "ctx": {**context, "expected_tags": ", ".join(names)}} if names else error


def surplus(title: str, unknown: Iterable[str]) -> ValidationError:
    """Return the error of an object with unknown keys; it names the first few."""
    lines = [InitErrorDetails(type="extra_forbidden", loc=(cut(key),), input=None) for key in islice(unknown, FEW)]
    return ValidationError.from_exception_data(title, lines)


def misplaced(expected: str, code: LiteralString, actual: str) -> ValidationError:
    """Return the error of an instance of another class than is expected; it does not show the instance."""
    return refused(expected, code, f"expected {expected}, got {actual}", actual)


def refused(title: str, code: LiteralString, sentence: str, shown: str) -> ValidationError:
    """Return an error of one sentence, which shows the class of the value instead of the value.

    Args:
        title: What was asked for.
        code: The name of the error.
        sentence: The reason; it may repeat nothing of the value.
        shown: The class.
    """
    reason = PydanticCustomError(code, "{sentence}", {"sentence": sentence})
    return ValidationError.from_exception_data(title, [InitErrorDetails(type=reason, input=f"<{shown}>")])


def cut(text: str, length: int = _LONGEST) -> str:
    """Return a text, shortened to a length."""
    return text if len(text) <= length else text[: length - 3] + "..."


def _shortened(error: Any) -> InitErrorDetails:
    """Return an error as it may be handed on: pydantic's own where its message is short, else one of the same name."""
    given: Mapping[str, Any] = error.get("ctx", {})
    context = {name: cut(value) if isinstance(value, str) else value for name, value in given.items()}
    is_known = len(error["msg"]) <= _LONGEST and error["type"] in _KNOWN
    message: Any = cut(error["msg"])  # a template without placeholders; for checkers, any text
    short: InitErrorDetails = {
        "type": error["type"] if is_known else PydanticCustomError(error["type"], message, context),
        "loc": tuple(cut(part) if isinstance(part, str) else part for part in error["loc"][:_DEEPEST]),
        "input": _shown(error["input"]),
    }
    return {**short, "ctx": context} if is_known and context else short


def _shown(value: Any) -> Any:
    """Return a value that an answer may repeat: a short scalar, or the class and the length of another value."""
    cls = kind_of(value)
    if cls in (bool, float, type(None)) or (cls in (str, int) and _is_short(value)):
        return value
    return f"<{cls.__name__} of {len(value)}>" if cls in (str, bytes, list, dict) else f"<{cls.__name__}>"


def _is_short(value: str | int) -> bool:
    return len(value) <= _LONGEST if isinstance(value, str) else -(10**_LONGEST) < value < 10**_LONGEST
