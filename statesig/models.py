"""What makes a Pydantic model a state: its tag, its equality, its pickle, and validation that admits its descendants.

`States` differ from plain models in one thing: a class stands for its whole family. Validating against a class, through
whichever entrance, admits the class and every descendant, told apart by the tag ``type``, also those defined later.
To that end each class has two core schemas:

* the *narrow* one reads exactly this class. Constructors and writers use it.
* the *wide* one is a Python function, all that Pydantic ever sees of the class. It passes to one of `readers`: the
  union of the narrow schemas of all concrete descendants, discriminated by tag and built again after a new state was
  defined.

Nothing here may know the names of the states, nor how they are written as JSON text.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from copy import deepcopy
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import (
    CoreSchema,
    PydanticCustomError,
    PydanticSerializationUnexpectedValue,
    SchemaSerializer,
    SchemaValidator,
    core_schema,
)
from typing_extensions import dataclass_transform, override

from statesig.errors import DefinitionError
from statesig.rules import Schema, json_rules

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass
    from pydantic.json_schema import JsonSchemaValue
else:
    ModelMetaclass = type(BaseModel)

__all__ = ["LONGEST_TAG", "StateMeta", "StateModel", "args_of", "descendants", "narrow", "origin_of", "readers"]

TAG = "type"
LONGEST_TAG = 200

_lock = threading.RLock()
_registry: dict[str, type[StateModel]] = {}
_describing: ContextVar[frozenset[type]] = ContextVar("_describing", default=frozenset())


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(Field,))
class StateMeta(ModelMetaclass):
    """Check a state class before it exists, and give it its tag."""

    # A state's family is its subclasses and nothing else: no abstract base class's registry is asked.
    __instancecheck__ = type.__instancecheck__
    __subclasscheck__ = type.__subclasscheck__

    def __new__(
        mcs,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        tag: str | None = None,
        abstract: bool = False,
        **kwargs: Any,
    ) -> Any:
        if kwargs.get("__pydantic_generic_metadata__") is not None or not _has_root(bases):
            return super().__new__(mcs, name, bases, namespace, **kwargs)
        with _lock:
            _check_definition(name, bases, namespace, tag or name)
            cls: Any = super().__new__(mcs, name, bases, namespace, **kwargs)
            if TAG in cls.model_fields:
                raise DefinitionError(name, f"the field name {TAG!r} is the tag's; choose another")
            cls.__tag__ = tag or name
            cls.__abstract__ = abstract
            if not abstract:
                _registry[cls.__tag__] = cls
                readers.clear()
        return cls


if not TYPE_CHECKING:
    # `Success.type`, declared on the model as a ClassVar: an attribute of the class itself would stand in the way of
    # the builtin when annotations are evaluated.
    StateMeta.type = property(lambda cls: cls.__tag__, doc="The tag.")


def _has_root(bases: tuple[type, ...]) -> bool:
    return any(isinstance(base, StateMeta) and base.__bases__ != (BaseModel,) for base in bases)


def _check_definition(name: str, bases: tuple[type, ...], namespace: Mapping[str, Any], tag: str) -> None:
    parents = [base for base in bases if isinstance(base, StateMeta)]
    if len(parents) > 1:
        listed = " and ".join(parent.__name__ for parent in parents)
        raise DefinitionError(name, f"a state has one state parent, not {listed}")
    parent: Any = origin_of(parents[0])
    module, qualname = namespace.get("__module__"), namespace.get("__qualname__")
    if parent.__abstract__ and module != parent.__module__:
        branches = ", ".join(c.__name__ for c in _registry.values() if origin_of(_parent(c)) is parent)
        ways = branches or ", ".join(c.__name__ for c in descendants(parent))
        raise DefinitionError(name, f"{parent.__name__} is sealed; derive from one of {ways}")
    if not 0 < len(tag) <= LONGEST_TAG:
        raise DefinitionError(name, f"a tag has 1 to {LONGEST_TAG} characters, not {len(tag)}")
    other = _registry.get(tag)
    if other is not None and (other.__module__, other.__qualname__) != (module, qualname):
        raise DefinitionError(
            name,
            f"the tag {tag!r} is taken by {other.__module__}.{other.__qualname__}; "
            f'choose another with class {name}(..., tag="...")',
        )


class StateModel(BaseModel, metaclass=StateMeta):
    """The machinery below `State`: a frozen model whose class stands for its family."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        defer_build=True,
        validate_by_name=True,
        protected_namespaces=(),
    )

    __tag__: ClassVar[str]
    __abstract__: ClassVar[bool] = True
    __narrow__: ClassVar[Callable[..., Any]]

    if TYPE_CHECKING:
        type: ClassVar[str]
    else:

        def __init__(self, /, **data):
            self.__narrow__(data, self_instance=self)
            # Keys that are no fields are ignored above, and found here for less than the core would take to look
            # for them; reading the data once more says which they are.
            if len(self.__pydantic_fields_set__) != len(data):
                narrow(type(self)).validate(data, self_instance=self)

        # What pydantic asks for, to know that validation need not call __init__.
        __init__.__pydantic_base_init__ = True

        @classmethod
        def __pydantic_init_subclass__(cls, **kwargs):
            super().__pydantic_init_subclass__(**kwargs)
            cls.__narrow__ = _Unbuilt(cls)

        def __class_getitem__(cls, item):
            if item is Any:
                return cls  # Any is what R stands for already
            with _lock:
                return super().__class_getitem__(item)

    @override
    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with some fields replaced, validated as a construction is.

        Args:
            update: New values by field name.
            deep: Whether to copy the values that stay, too.

        Raises:
            ValidationError: A new value does not fit its field, or no such field is there.
        """
        kept = {name: value for name, value in self.__dict__.items() if name in self.__pydantic_fields_set__}
        copied: Self = narrow(type(self)).validate({**(deepcopy(kept) if deep else kept), **(update or {})})
        return copied

    @override
    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StateModel):
            return NotImplemented
        return (
            self.__dict__ == other.__dict__
            and origin_of(self.__class__) is origin_of(other.__class__)
            and ("result" in self.__pydantic_fields_set__) == ("result" in other.__pydantic_fields_set__)
        )

    @override
    def __hash__(self) -> int:
        # Coarser than equality on purpose: a state whose result is a list can be hashed all the same.
        return hash((self.__dict__[TAG], self.__dict__.get("message")))

    @override
    def __repr_args__(self) -> Iterator[tuple[str, Any]]:
        for name, field in type(self).model_fields.items():
            value = self.__dict__[name]
            if field.is_required() or (name == "result" and name in self.model_fields_set) or value != field.default:
                yield name, value

    @override
    def __str__(self) -> str:
        return repr(self)

    @override
    def __reduce_ex__(self, protocol: Any) -> Any:
        # A parametrised class has no importable name: name its origin and its arguments instead.
        cls = type(self)
        return _restored, (origin_of(cls), args_of(cls)), self.__getstate__()

    @classmethod
    @override
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        written = core_schema.plain_serializer_function_ser_schema(_dump, info_arg=True, when_used="always")
        if cls.__pydantic_complete__:
            return core_schema.with_info_plain_validator_function(cls._admit, serialization=written)
        return core_schema.with_info_wrap_validator_function(
            cls._admit_ignoring_inner, handler(source), serialization=written
        )

    @classmethod
    @override
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        name = re.sub(r"\W+", "_", cls.__name__).strip("_")
        family = f"{cls.__module__}.Any{name}:{id(cls)}"
        if cls in _describing.get():
            # Wrapped, since pydantic would look up a bare reference, and its target is still being written.
            return {"allOf": [handler(core_schema.definition_reference_schema(family))]}
        token = _describing.set(_describing.get() | {cls})
        try:
            union, definitions = _family_schema(cls)
            whole = _defined({**union, "ref": family}, definitions, always=True)
            # A copy: pydantic hangs the definitions below what is returned, and this is one of them.
            return deepcopy(handler.resolve_ref_schema(handler(whole)))
        finally:
            _describing.reset(token)

    @classmethod
    def _admit(cls, value: Any, info: core_schema.ValidationInfo) -> Any:
        if isinstance(value, StateModel):
            return _admitted(cls, value)
        if info.mode == "json":
            _refuse_non_finite(value)
        return readers[cls].validate_python(value, context=info.context)

    @classmethod
    def _admit_ignoring_inner(cls, value: Any, handler: Any, info: core_schema.ValidationInfo) -> Any:
        return cls._admit(value, info)


class Narrow:
    """How one class is read and written, apart from its descendants.

    Attributes:
        schema: The core schema of a construction, the tag being optional.
        definitions: What that schema refers to, by reference.
        validator: Reads one instance, from a mapping or from JSON text.
        validate: Make an instance from a mapping of field names to values.
        construct: The same, but keys that are no fields are ignored; faster, and the caller compares the counts.
        fields: The core schema of each field by name, defaults taken off.
        with_result, without_result: Write an instance's ``__dict__``; what equals its default is left out on request.
    """

    def __init__(self, cls: type[StateModel]) -> None:
        if not cls.__pydantic_complete__:
            cls.model_rebuild(_types_namespace={})
        inner, self.definitions = _unwrapped(cls)
        self.schema = _with_fields(inner, _tag_field(cls, required=False))
        self.tagged = _with_fields(inner, _tag_field(cls, required=True))
        self.validator = SchemaValidator(_defined(self.schema, self.definitions))
        self.validate = self.validator.validate_python
        self.construct = SchemaValidator(_defined(_ignoring_extra(self.schema), self.definitions)).validate_python
        fields: dict[str, Any] = _fields_of(self.schema)
        self.fields = {name: _innermost(field["schema"]) for name, field in fields.items() if name != TAG}
        self.with_result = _writer(fields, self.definitions)
        absent = {name: field for name, field in fields.items() if name != "result"}
        self.without_result = _writer(absent, self.definitions)


_narrow: dict[type[StateModel], Narrow] = {}


def narrow(cls: type[StateModel]) -> Narrow:
    """Return how a concrete class itself is read and written, built at first use."""
    found = _narrow.get(cls)
    if found is None:
        if cls.__abstract__:
            ways = ", ".join(descendant.__name__ for descendant in descendants(origin_of(cls)))
            raise TypeError(f"{cls.__name__} is abstract; construct one of {ways}")
        with _lock:
            found = _narrow.setdefault(cls, Narrow(cls))
            cls.__narrow__ = found.construct
    return found


class _Readers(dict[type[StateModel], SchemaValidator]):
    """For each class the validator that admits it and its descendants by tag; emptied when a state is defined."""

    def __missing__(self, cls: type[StateModel]) -> SchemaValidator:
        with _lock:
            self[cls] = found = SchemaValidator(_defined(*_family_schema(cls)))
        return found


readers = _Readers()


def descendants(origin: type[StateModel]) -> tuple[type[StateModel], ...]:
    """Return the concrete classes of a family, itself included, in order of definition."""
    return tuple(cls for cls in _registry.values() if issubclass(cls, origin))


def origin_of(cls: Any) -> Any:
    """Return the class that was parametrised, or the class itself: ``Success`` for ``Success[int]``.

    Of a class that is no model it is the class itself, too.
    """
    metadata = getattr(cls, "__pydantic_generic_metadata__", None)
    return (metadata and metadata["origin"]) or cls


def args_of(cls: Any) -> tuple[Any, ...]:
    """Return the arguments of a parametrised class: ``(int,)`` for ``Success[int]``, ``()`` for ``Success``."""
    args: tuple[Any, ...] = cls.__pydantic_generic_metadata__["args"]
    return args


def specialised(origin: Any, family: Any) -> Any:
    """Return a descendant as a family's arguments make it, or None where they contradict its own.

    ``specialised(Skipped, Finished[int])`` is ``Skipped[int]``; of ``class IntOnly(Success[int])`` it is ``IntOnly`` in
    ``Finished[int]`` and None in ``Finished[str]``.
    """
    asked = args_of(family)
    if not asked or any(isinstance(arg, TypeVar) for arg in asked):
        return origin
    bound: dict[Any, Any] = {}
    template = _seen_from(origin, origin_of(family))
    if not all(_unify(part, arg, bound) for part, arg in zip(template, asked, strict=True)):
        return None
    parameters = origin.__pydantic_generic_metadata__["parameters"]
    return origin[tuple(bound.get(parameter, Any) for parameter in parameters)] if parameters else origin


def _parent(cls: type[Any]) -> Any:
    return next(base for base in cls.__bases__ if isinstance(base, StateMeta))


def _seen_from(cls: type[Any], family: type[Any]) -> tuple[Any, ...]:
    """Return the family's type parameters in terms of a descendant's own."""
    if cls is family:
        return tuple(cls.__pydantic_generic_metadata__["parameters"])
    parent = _parent(cls)
    origin = origin_of(parent)
    inner = _seen_from(origin, family)
    if parent is origin:
        return inner
    given = dict(zip(origin.__pydantic_generic_metadata__["parameters"], args_of(parent), strict=True))
    return tuple(_substituted(part, given) for part in inner)


def _substituted(part: Any, given: Mapping[Any, Any]) -> Any:
    if isinstance(part, TypeVar):
        return given.get(part, part)
    parameters = getattr(part, "__parameters__", ())
    return part[tuple(given.get(parameter, parameter) for parameter in parameters)] if parameters else part


def _unify(template: Any, arg: Any, bound: dict[Any, Any]) -> bool:
    """Bind the template's type variables so that it equals the argument; False where it cannot."""
    if isinstance(template, TypeVar):
        return bool(bound.setdefault(template, arg) == arg)
    if not getattr(template, "__parameters__", ()):
        return bool(template == arg) or arg in (Any, object)
    parts: tuple[Any, ...] = getattr(template, "__args__", ())
    others: tuple[Any, ...] = getattr(arg, "__args__", ())
    same: bool = getattr(template, "__origin__", template) == getattr(arg, "__origin__", arg)
    return same and len(parts) == len(others) and all(map(_unify, parts, others, [bound] * len(parts)))


def _restored(origin: Any, args: tuple[Any, ...]) -> Any:
    cls = origin[args] if args else origin
    return cls.__new__(cls)


class _Unbuilt:
    """Stand where a class's constructor will be, and build it when it is first called."""

    def __init__(self, cls: type[StateModel]) -> None:
        self.cls = cls

    def __call__(self, data: dict[str, Any], self_instance: Any = None) -> Any:
        return narrow(self.cls).construct(data, self_instance=self_instance)


def _admitted(cls: type[StateModel], state: StateModel) -> StateModel:
    """Return a state as a member of a family, its result validated where the family declares one."""
    origin = origin_of(type(state))
    target = specialised(origin, cls) if issubclass(origin, origin_of(cls)) else None
    if target is None:
        raise PydanticCustomError(
            "state_kind",
            "expected {expected}, got {actual}",
            {"expected": cls.__name__, "actual": type(state).__name__},
        )
    if target is origin or isinstance(state, target):
        return state
    given = {name: value for name, value in state.__dict__.items() if name in state.__pydantic_fields_set__}
    admitted: StateModel = narrow(target).validate(given)
    return admitted


def _refuse_non_finite(value: Any) -> None:
    """Refuse NaN and infinities, which are no JSON though parsers take them."""
    stack: list[Any] = [value]
    while stack:
        item: Any = stack.pop()
        if isinstance(item, float) and not math.isfinite(item):
            raise PydanticCustomError("finite_number", "NaN and infinities are not JSON")
        if isinstance(item, dict):
            stack.extend(cast("dict[str, Any]", item).values())
        elif isinstance(item, list):
            stack.extend(cast("Iterable[Any]", item))


def _dump(state: Any, info: core_schema.SerializationInfo) -> Any:
    """Write a state by its own class, whichever class the field was declared with."""
    if not isinstance(state, StateModel):
        raise PydanticSerializationUnexpectedValue(f"expected a state, got {type(state).__name__}")
    form = narrow(type(state))
    writer = form.with_result if "result" in state.__pydantic_fields_set__ else form.without_result
    return writer.to_python(
        state.__dict__,
        mode=info.mode,
        include=info.include,  # type: ignore[arg-type]  # what was handed in, handed on
        exclude=info.exclude,  # type: ignore[arg-type]  # as above
        exclude_defaults=True,
        exclude_none=info.exclude_none,
        round_trip=info.round_trip,
        serialize_as_any=info.serialize_as_any,
        context=info.context,
    )


def _family_schema(cls: type[StateModel]) -> tuple[Schema, dict[str, Schema]]:
    """Return the union of the narrow schemas of a family, told apart by tag, and what they refer to."""
    choices: dict[str, Schema] = {}
    definitions: dict[str, Schema] = {}
    for origin in descendants(origin_of(cls)):
        member = specialised(origin, cls)
        if member is not None:
            form = narrow(member)
            choices[origin.__tag__] = form.tagged
            definitions.update(form.definitions)
    return {"type": "tagged-union", "choices": choices, "discriminator": TAG}, definitions


def _defined(schema: Schema, definitions: Mapping[str, Schema], *, always: bool = False) -> Any:
    """Return a schema with what it refers to; `always` also where it refers to nothing."""
    if not definitions and not always:
        return schema
    return {"type": "definitions", "schema": schema, "definitions": list(definitions.values())}


def _unwrapped(cls: type[StateModel]) -> tuple[Schema, dict[str, Schema]]:
    """Return the schema that pydantic made of a class itself, under the rules of JSON, and its definitions."""
    whole: Any = cls.__pydantic_core_schema__
    definitions: dict[str, Schema] = {}
    if whole["type"] == "definitions":
        definitions = {schema["ref"]: schema for schema in whole["definitions"]}
        whole = whole["schema"]
    inner = whole["schema"]
    own = inner.get("schema_ref", inner.get("ref"))
    if inner["type"] == "definition-ref":
        inner = definitions.pop(own)

    def to_family(node: Schema) -> Schema | None:
        # A field of the class's own type means its family, as everywhere else.
        if node["type"] == "definition-ref" and node["schema_ref"] == own:
            return core_schema.with_info_plain_validator_function(cls._admit)  # type: ignore[return-value]  # a typed dict
        return None

    def apply(fields: Schema) -> Schema:
        return {name: {**field, "schema": json_rules(field["schema"], to_family)} for name, field in fields.items()}

    return _with_fields(inner, apply), {ref: json_rules(schema, to_family) for ref, schema in definitions.items()}


def _with_fields(schema: Schema, change: Callable[[Schema], Schema]) -> Schema:
    """Return a copy of a model's schema, its validators around it kept, with the fields changed."""
    if schema["type"] == "model-fields":
        return {**schema, "fields": change(schema["fields"])}
    return {**schema, "schema": _with_fields(schema["schema"], change)}


def _ignoring_extra(schema: Schema) -> Schema:
    """Return a copy of a model's schema in which keys that are no fields are ignored."""
    copied = (
        {**schema, "config": {**schema["config"], "extra_fields_behavior": "ignore"}} if "config" in schema else schema
    )
    return {**copied, "schema": _ignoring_extra(schema["schema"])} if schema["type"] != "model-fields" else copied


def _fields_of(schema: Schema) -> Schema:
    fields: Schema = schema["fields"] if schema["type"] == "model-fields" else _fields_of(schema["schema"])
    return fields


def _tag_field(cls: type[StateModel], *, required: bool) -> Callable[[Schema], Schema]:
    tag = origin_of(cls).__tag__
    literal: Any = core_schema.literal_schema([tag])
    schema = literal if required else core_schema.with_default_schema(literal, default=tag)
    return lambda fields: {TAG: core_schema.model_field(schema), **fields}


def _innermost(schema: Schema) -> Schema:
    while schema["type"] == "default":
        schema = schema["schema"]
    return schema


def _writer(fields: Schema, definitions: Mapping[str, Schema]) -> SchemaSerializer:
    """Build a serializer of an instance's ``__dict__``; tag and result have no default, so they are always written."""
    written: dict[str, Schema] = {}
    for name, field in fields.items():
        schema = _innermost(field["schema"]) if name in (TAG, "result") else field["schema"]
        written[name] = {"type": "typed-dict-field", "schema": schema, "required": False}
    # NaN is written as NaN, which is no JSON, rather than as a silent null: the codec can see it.
    whole: Schema = {"type": "typed-dict", "fields": written}
    return SchemaSerializer(_defined(whole, definitions), {"ser_json_inf_nan": "constants"})
