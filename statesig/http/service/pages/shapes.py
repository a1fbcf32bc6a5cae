"""The shape of a form, from a JSON Schema: which input each value has. Nothing here knows what somebody typed.

A decimal number is sent as a text, which keeps all its digits. What has no input is typed as JSON: unions, recursive
types, mappings with keys of any name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final, Literal, TypeAlias

from pydantic_core import to_json

__all__ = ["NOTHING", "Kind", "Nothing", "Shape", "shape_of"]

Kind: TypeAlias = Literal["text", "date", "number", "decimal", "integer", "choice", "object", "list", "json"]


class Nothing(Enum):
    """No value, which is not null."""

    NOTHING = "nothing"


NOTHING: Final = Nothing.NOTHING

_DEEPEST: Final = 6


@dataclass(frozen=True, slots=True)
class Shape:
    """How one value is typed.

    Args:
        kind: Its input.
        label: What it is called.
        hint: What it is for, and what it may be.
        is_required: Whether the document has to have it.
        is_nullable: Whether it may be null.
        is_asked: Whether nothing goes without it: it and all around it are required.
        default: What the input holds first; `NOTHING`: it is empty.
        options: The values of a choice, each as JSON and as it is shown.
        fields: Those of an object, by key.
        item: Those of a list.
        fewest: The number of items of a list, at least.
    """

    kind: Kind
    label: str
    hint: str = ""
    is_required: bool = True
    is_nullable: bool = False
    is_asked: bool = True
    default: Any = NOTHING
    options: tuple[tuple[str, str], ...] = ()
    fields: tuple[tuple[str, Shape], ...] = ()
    item: Shape | None = None
    fewest: int = 0


def shape_of(schema: Mapping[str, Any], label: str) -> Shape:
    """Return the shape of a value.

    Args:
        schema: Its JSON Schema, with its own definitions.
        label: What it is called if the schema has no title.
    """
    definitions: Mapping[str, Any] = schema.get("$defs", {})
    return _Shaper(definitions).shape(_without(schema, "$defs"), label, is_required=True, is_asked=True, within=())


@dataclass(frozen=True, slots=True)
class _Shaper:
    """Makes the shapes of one schema.

    Args:
        definitions: What its references mean.
    """

    definitions: Mapping[str, Any]

    def shape(
        self, schema: Mapping[str, Any], label: str, *, is_required: bool, is_asked: bool, within: tuple[str, ...]
    ) -> Shape:
        label = str(schema.get("title") or label)
        default = schema.get("default", NOTHING)
        named = tuple(_references(schema))
        resolved, is_nullable = self._resolved(schema)
        itself_asked = is_asked and is_required and not is_nullable
        common = Shape("json", label, _hint(resolved), is_required, is_nullable, itself_asked, default)
        within = (*within, *named)
        if len(within) != len(set(within)) or len(within) > _DEEPEST:
            return replace(common, hint=_joined(common.hint, "as JSON"))
        return self._typed(common, resolved, within, rows_asked=is_asked)

    def _resolved(self, schema: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
        """Return a schema without references and without null, and whether it has null."""
        found: dict[str, Any] = {**schema}
        is_nullable = False
        for _ in range(_DEEPEST):
            members: list[dict[str, Any]] = found.get("anyOf") or found.get("oneOf") or []
            others = [one for one in members if one.get("type") != "null"]
            whole: list[dict[str, Any]] = found.get("allOf", [])
            if "$ref" in found:
                found = {**self._definition(found["$ref"]), **_without(found, "$ref")}
            elif len(whole) == 1:
                found = {**whole[0], **_without(found, "allOf")}
            elif len(others) < len(members):
                rest = _without(found, "anyOf", "oneOf")
                found = {**others[0], **rest} if len(others) == 1 else {**rest, "anyOf": others}
                is_nullable = True
            elif len(members) == 2 and {one.get("type") for one in others} == {"number", "string"}:
                found = {**_without(found, "anyOf", "oneOf"), "type": "decimal"}
            else:
                break
        return found, is_nullable

    def _definition(self, reference: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.definitions.get(reference.removeprefix("#/$defs/"), {})
        return found

    def _typed(self, common: Shape, schema: Mapping[str, Any], within: tuple[str, ...], *, rows_asked: bool) -> Shape:
        """Return the shape of a value; a row of a list is asked for once it is there."""
        values = [schema["const"]] if "const" in schema else schema.get("enum")
        match schema.get("type"):
            case _ if values:
                return replace(common, kind="choice", options=tuple((_json(one), _shown(one)) for one in values))
            case "boolean":
                return replace(common, kind="choice", options=(("true", "Yes"), ("false", "No")))
            case "string":
                return replace(common, kind="date" if schema.get("format") == "date" else "text")
            case "number" | "integer" | "decimal" as kind:
                return replace(common, kind=kind)
            case "object" if schema.get("properties"):
                return self._object(common, schema, within)
            case "array" if "items" in schema and "prefixItems" not in schema and not common.is_nullable:
                item = self.shape(schema["items"], "", is_required=True, is_asked=rows_asked, within=within)
                return replace(common, kind="list", item=item, fewest=min(schema.get("minItems", 0), 20))
            case _:
                return replace(common, hint=_joined(common.hint, "as JSON"))

    def _object(self, common: Shape, schema: Mapping[str, Any], within: tuple[str, ...]) -> Shape:
        """Return the shape of an object. One that may be left out begins empty, whatever its fields begin with."""
        required: list[str] = schema.get("required", [])
        fields: list[tuple[str, Shape]] = []
        for key, each in schema["properties"].items():
            is_required = key in required
            found = self.shape(each, _words(key), is_required=is_required, is_asked=common.is_asked, within=within)
            if not common.is_required or common.is_nullable:
                found = _without_default(found)
            fields.append((key, found))
        return replace(common, kind="object", fields=tuple(fields))


def _without(schema: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key not in keys}


def _without_default(shape: Shape) -> Shape:
    shown = "" if shape.default in (NOTHING, None) else f"if left empty: {_shown(shape.default)}"
    fields = tuple((key, _without_default(each)) for key, each in shape.fields)
    return replace(shape, default=NOTHING, hint=_joined(shape.hint, shown), fields=fields)


def _references(schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a schema refers to, itself or as one of its members."""
    for one in (schema, *schema.get("anyOf", ()), *schema.get("allOf", ()), *schema.get("oneOf", ())):
        if "$ref" in one:
            yield one["$ref"]


# ---- words


def _words(key: str) -> str:
    return key.replace("_", " ").strip().capitalize() or key


def _json(value: Any) -> str:
    return to_json(value).decode()


def _shown(value: Any) -> str:
    return value if isinstance(value, str) and value else _json(value)


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


_FORMATS: Final = {
    "date-time": "a date and time with its offset, such as 2026-01-31T12:00:00Z",
    "time": "a time, such as 12:00:00",
    "duration": "a duration, such as PT90S",
    "uuid": "a UUID",
    "email": "an address such as name@example.org",
    "uri": "an address such as https://example.org",
    "binary": "text",
}

_BOUNDS: Final = (
    ("minimum", "at least {}"),
    ("exclusiveMinimum", "more than {}"),
    ("maximum", "at most {}"),
    ("exclusiveMaximum", "less than {}"),
    ("multipleOf", "a multiple of {}"),
    ("minLength", "at least {} characters"),
    ("maxLength", "at most {} characters"),
    ("minItems", "at least {} items"),
    ("maxItems", "at most {} items"),
)


def _hint(schema: Mapping[str, Any]) -> str:
    """Return what a value is for, and what it may be, as far as the schema says."""
    told = [str(schema.get("description", "")), _FORMATS.get(str(schema.get("format")), "")]
    bounds = {name: schema[name] for name, _ in _BOUNDS if name in schema}
    if bounds.get("minLength") == 1:
        bounds.pop("minLength")
        told.append("not empty")
    told += [sentence.format(_json(bounds[name])) for name, sentence in _BOUNDS if name in bounds]
    return _joined(*told)
