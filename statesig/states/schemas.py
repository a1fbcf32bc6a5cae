"""Build the core schemas of one class of states; its descendants must not matter here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import cached_property
from operator import attrgetter
from typing import Any

from pydantic_core import (
    SchemaSerializer,
    SchemaValidator,
    core_schema,
)

from statesig.states.equality import same
from statesig.states.generics import origin_of
from statesig.states.json_rules import Schema, is_exact, json_rules
from statesig.states.set_order import holds_sets

__all__ = ["TAG", "Narrow", "building", "defined", "innermost"]


TAG = "type"


building: ContextVar[type | None] = ContextVar("building", default=None)


class Narrow:
    """The readers and writers of exactly one class, without its descendants.

    Attributes:
        cls: The class.
        schema: The core schema of a construction, the tag being optional.
        tagged: The same, the tag being required.
        definitions: The definitions that the schemas refer to, by reference.
        validator: Reads one instance, from a mapping or from JSON text.
        validate: Makes an instance from a mapping of field names to values.
        construct: The same, but ignores unknown keys; faster, and the caller compares the counts.
        declared: The declaration of each field by name.
        fields: The core schema of each field by name, defaults taken off.
        holds_sets: Whether a field declares a set, at any depth.
        defaults: The default of each field that has one; an equal value is not written.
        with_result, without_result: Write an instance's ``__dict__``; the caller excludes values that equal a default.
    """

    def __init__(self, cls: type[Any]) -> None:
        token = building.set(cls)
        try:
            cls.model_rebuild(force=True, _types_namespace={})
        finally:
            building.reset(token)
        self.cls: type[Any] = cls
        self.definitions: dict[str, Schema]
        inner, self.definitions = _unwrapped(cls)
        self.schema: Schema = _with_fields(inner, _tag_field(cls, required=False))
        self.tagged: Schema = _with_fields(inner, _tag_field(cls, required=True))
        title: Any = {"title": cls.__name__}
        self.validator: SchemaValidator = SchemaValidator(defined(self.schema, self.definitions), title)
        self.validate: Callable[..., Any] = self.validator.validate_python
        lenient = SchemaValidator(defined(_ignoring_extra(self.schema), self.definitions), title)
        self.construct: Callable[..., Any] = lenient.validate_python
        fields: dict[str, Any] = _fields_of(self.schema)
        self.fields: dict[str, Schema] = {
            name: innermost(field["schema"]) for name, field in fields.items() if name != TAG
        }
        self.holds_sets: bool = holds_sets((self.schema, self.definitions))
        self.declared: dict[str, Any] = cls.model_fields
        self.defaults: dict[str, Any] = {
            name: field.default
            for name, field in cls.model_fields.items()
            if name != "result" and not field.is_required() and field.default_factory is None
        }
        self.with_result: SchemaSerializer = _writer(fields, self.definitions)
        absent = {name: field for name, field in fields.items() if name != "result"}
        self.without_result: SchemaSerializer = _writer(absent, self.definitions)

    @cached_property
    def guard(self) -> SchemaValidator:
        """Validates an instance's ``__dict__``, but for the result and the fields that a user's own code validates."""
        plain = {name: field for name, field in self.fields.items() if name != "result" and is_exact(field, _is_kept)}
        fields = {TAG: core_schema.literal_schema([origin_of(self.cls).__tag__]), **plain}
        declared: Schema = {name: {"type": "typed-dict-field", "schema": field} for name, field in fields.items()}
        config = {"strict": True, "title": self.cls.__name__}
        whole = {"type": "typed-dict", "fields": declared, "extra_behavior": "ignore", "total": False, "config": config}
        return SchemaValidator(defined(whole, self.definitions))

    def defaulted(self, data: Mapping[str, Any]) -> set[str]:
        """Return the names of the fields that equal their defaults.

        Excluding these by name leaves nested models alone: a change of their defaults must not change written text.
        """
        return {name for name, default in self.defaults.items() if same(data[name], default)}


def _is_kept(cls: type) -> bool:
    """Tell that an instance of a model passes unread."""
    return True


def defined(schema: Schema, definitions: Mapping[str, Schema], *, always: bool = False) -> Any:
    """Return a schema with its definitions; wrap it even without any if `always`."""
    if not definitions and not always:
        return schema
    return {"type": "definitions", "schema": schema, "definitions": list(definitions.values())}


def _unwrapped(cls: type[Any]) -> tuple[Schema, dict[str, Schema]]:
    """Return pydantic's schema of exactly one class, under the rules of JSON, and its definitions."""
    whole: Any = cls.__pydantic_core_schema__
    definitions: dict[str, Schema] = {}
    if whole["type"] == "definitions":
        definitions = {schema["ref"]: schema for schema in whole["definitions"]}
        whole = whole["schema"]
    inner = whole["schema"]
    own = inner.get("schema_ref", inner.get("ref"))
    own_definition = definitions.pop(own, None)  # left in, it would be described in place of the narrow schema
    if inner["type"] == "definition-ref" and own_definition is not None:
        inner = own_definition

    within_of = attrgetter("_admit_within")  # without a look at each: a thousand children would take twice as long

    def within(node: Schema) -> Schema | None:
        # A field of the class's own type means its family, as everywhere else.
        if node["type"] == "definition-ref" and node["schema_ref"] == own:
            described = {"pydantic_js_functions": [cls.__get_pydantic_json_schema__]}
            admit = core_schema.with_info_plain_validator_function(within_of(cls))
            return {**admit, "metadata": described}
        if node["type"] == "function-plain":
            family: Any = getattr(node["function"]["function"], "__self__", None)
            if type(family) is type(cls):
                return {**node, "function": {**node["function"], "function": within_of(family)}}
        return None

    def apply(fields: Schema) -> Schema:
        return {name: {**field, "schema": _ruled(name, field["schema"], within)} for name, field in fields.items()}

    return _with_fields(inner, apply), {ref: json_rules(schema, within) for ref, schema in definitions.items()}


def _ruled(name: str, schema: Schema, replace: Callable[[Schema], Schema | None]) -> Schema:
    """Return a field's schema under the rules; the family's reader checks a result without a declared type."""
    return schema if name == "result" and innermost(schema)["type"] == "any" else json_rules(schema, replace)


def _with_fields(schema: Schema, change: Callable[[Schema], Schema]) -> Schema:
    """Return a copy of a model's schema with changed fields; the validators around it are kept."""
    if schema["type"] == "model-fields":
        return {**schema, "fields": change(schema["fields"])}
    return {**schema, "schema": _with_fields(schema["schema"], change)}


def _ignoring_extra(schema: Schema) -> Schema:
    """Return a copy of a model's schema that ignores unknown keys."""
    copied = (
        {**schema, "config": {**schema["config"], "extra_fields_behavior": "ignore"}} if "config" in schema else schema
    )
    return {**copied, "schema": _ignoring_extra(schema["schema"])} if schema["type"] != "model-fields" else copied


def _fields_of(schema: Schema) -> Schema:
    fields: Schema = schema["fields"] if schema["type"] == "model-fields" else _fields_of(schema["schema"])
    return fields


def _tag_field(cls: type[Any], *, required: bool) -> Callable[[Schema], Schema]:
    tag = origin_of(cls).__tag__
    literal: Any = core_schema.literal_schema([tag])
    schema = literal if required else core_schema.with_default_schema(literal, default=tag)
    return lambda fields: {TAG: core_schema.model_field(schema), **fields}


def innermost(schema: Schema) -> Schema:
    while schema["type"] == "default":
        schema = schema["schema"]
    return schema


def _writer(fields: Schema, definitions: Mapping[str, Schema]) -> SchemaSerializer:
    """Build a serializer of an instance's ``__dict__``; tag and result have no default, so they are always written."""
    written: dict[str, Schema] = {}
    for name, field in fields.items():
        schema = innermost(field["schema"]) if name in (TAG, "result") else field["schema"]
        written[name] = {"type": "typed-dict-field", "schema": schema, "required": False}
    # NaN is written as NaN, which is not JSON but which the codec can see, rather than as a silent null.
    whole: Schema = {"type": "typed-dict", "fields": written}
    return SchemaSerializer(defined(whole, definitions), {"ser_json_inf_nan": "constants", "serialize_by_alias": True})
