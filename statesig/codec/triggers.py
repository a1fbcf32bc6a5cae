"""Encode and decode triggers as JSON: names of predicates and their arguments.

A document must hold nothing that is executed, and kinds must be looked up only among the known tags, as in states.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, FailFast, Field, model_validator
from pydantic_core import PydanticCustomError, PydanticKnownError, to_json

from statesig.algebra import triggers
from statesig.algebra.predicates import Atom, Expression, Verdict, composed
from statesig.algebra.triggers import Trigger
from statesig.codec.limits import DEFAULT_LIMITS, Limits
from statesig.codec.states import check_size, decode_model
from statesig.errors import DecodeError, EncodeError
from statesig.signals import FAIL, PAUSE, SKIP
from statesig.states import Finished, MetaState, State
from statesig.states.families import descendants

__all__ = ["decode_trigger", "encode_trigger"]


def encode_trigger(trigger: Trigger) -> bytes:
    """Return a trigger as canonical JSON, in UTF-8; ``decode_trigger(encode_trigger(t)) == t``.

    For example ``{"name":"all_successful","when":{"type":"every","kind":"Success"}}``.

    Raises:
        EncodeError: It would not read back: another class has taken a kind's tag, a name is not valid Unicode, or the
            document is beyond the default limits.
    """
    document: dict[str, Any] = {} if trigger.label is None else {"name": trigger.label}
    document["when"] = _written(trigger.expression)
    try:
        written = to_json(document)
    except ValueError:
        raise EncodeError("Trigger", "name", "text with a lone surrogate is not valid Unicode") from None
    check_size("Trigger", written, DEFAULT_LIMITS)
    return written


def decode_trigger(data: str | bytes | bytearray, *, limits: Limits = DEFAULT_LIMITS, strict: bool = False) -> Trigger:
    """Return the trigger that a JSON document holds; ``decode_trigger(encode_trigger(t)) == t``.

    Args:
        data: JSON text, or its UTF-8.
        limits: The largest document that is accepted.
        strict: Whether to refuse an object with a duplicate key.

    Raises:
        DecodeError: The document is too large, not JSON or not a trigger. The text never repeats a value from it.
    """
    document = decode_model(_Document, data, "trigger", limits=limits, strict=strict)
    try:
        trigger = document.when.made()
    except ValueError:
        raise DecodeError("trigger", [("when", "all and any alternate too deep")]) from None
    return trigger if document.name is None else trigger.called(document.name)


# ---- writing


def _written(expression: Expression) -> dict[str, Any]:
    if not isinstance(expression, Atom):
        word = "all" if expression.operator == "&" else "any"
        return {"type": word, "of": [_written(part) for part in expression.parts]}
    document: dict[str, Any] = {"type": expression.word}
    if expression.word in ("every", "some", "none", "between", "share"):
        document["kind"] = _tag(expression.kind)
    if expression.word == "between":
        document["lo"] = expression.lo
        document |= {} if expression.hi is None else {"hi": expression.hi}
    elif expression.word == "share":
        document["lo"] = str(expression.lo)
        document |= {} if expression.hi == 1 else {"hi": str(expression.hi)}
    if expression.rest is not _usual(expression.word):
        document["otherwise"] = expression.rest.name
    return {"type": "not", "of": document} if expression.is_negated else document


def _usual(word: str) -> Verdict:
    return Verdict.PAUSE if word == "manual_only" else Verdict.FAIL


def _tag(kind: type[State[Any]]) -> str:
    if _known().get(kind.__tag__) is not kind:
        raise EncodeError("Trigger", "kind", f"another class has the tag of {kind.__name__}")
    return kind.__tag__


# ---- reading


def _known() -> dict[str, type[State[Any]]]:
    """Return the readable kinds by their tags: the concrete classes, and the package's abstract ones."""
    named: tuple[Any, ...] = (State, MetaState, Finished, *descendants(State))
    return {kind.__tag__: kind for kind in named}


def _kind(tag: str) -> type[State[Any]]:
    known = _known()
    if tag not in known:
        possible = ", ".join(map(repr, known))
        raise PydanticKnownError("union_tag_invalid", {"discriminator": "kind", "tag": tag, "expected_tags": possible})
    return known[tag]


def _part(text: str) -> Fraction:
    try:
        return triggers.part_of_all(text)
    except ValueError:
        raise PydanticCustomError("no_part_of_all", "a part of all is from 0 to 1") from None


_Tag = Annotated[str, AfterValidator(_kind)]
_PartText = Annotated[str, AfterValidator(_part)]
_OTHERWISE: Final = {"FAIL": FAIL, "SKIP": SKIP, "PAUSE": PAUSE}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)


class _Predicate(_Part):
    otherwise: Literal["FAIL", "SKIP", "PAUSE"] | None = None

    def made(self) -> Trigger:
        """Return the trigger that this part of the document describes."""
        trigger = self.plain()
        return trigger if self.otherwise is None else trigger.otherwise(_OTHERWISE[self.otherwise])

    def plain(self) -> Trigger:
        """Return the trigger with its default `otherwise`."""
        raise NotImplementedError


class _Counting(_Predicate):
    type: Literal["every", "some", "none"]
    kind: _Tag

    def plain(self) -> Trigger:
        return _COUNTING[self.type](self.kind)


_COUNTING: Final[dict[str, Callable[[Any], Trigger]]] = {
    "every": triggers.every,
    "some": triggers.some,
    "none": triggers.none,
}


class _Between(_Predicate):
    type: Literal["between"]
    kind: _Tag
    lo: int = Field(ge=0)
    hi: int | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.hi is not None and self.hi < self.lo:
            raise PydanticCustomError("nothing_between", "no number is between the bounds")
        return self

    def plain(self) -> Trigger:
        kind: Any = self.kind
        return triggers.between(kind, self.lo, self.hi)


class _Share(_Predicate):
    type: Literal["share"]
    kind: _Tag
    lo: _PartText
    hi: _PartText = "1"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if Fraction(self.hi) < Fraction(self.lo):
            raise PydanticCustomError("nothing_between", "no part is between the bounds")
        return self

    def plain(self) -> Trigger:
        kind: Any = self.kind
        return triggers.share(kind, self.lo, self.hi)


class _Plain(_Predicate):
    type: Literal["finished", "always", "manual_only"]

    def plain(self) -> Trigger:
        return _PLAIN[self.type]


_PLAIN: Final = {
    "finished": triggers.finished(),
    "always": triggers.always(),
    "manual_only": triggers.manual_only,
}


class _Not(_Part):
    type: Literal["not"]
    of: _Expression

    def made(self) -> Trigger:
        return ~self.of.made()


class _Many(_Part):
    type: Literal["all", "any"]
    of: Annotated[list[_Expression], FailFast()] = Field(min_length=1)

    def made(self) -> Trigger:
        return Trigger(composed("&" if self.type == "all" else "|", [part.made().expression for part in self.of]))


_Expression = Annotated[_Counting | _Between | _Share | _Plain | _Not | _Many, Field(discriminator="type")]


class _Document(_Part):
    name: str | None = Field(default=None, min_length=1)
    when: _Expression
