"""Make states of Pydantic models: their tag, equality and pickling, and validation that admits descendants.

States differ from plain models in one thing: a class means its whole family. Validating against a class, through any
entrance, admits the class and every descendant, also those defined later; the tag ``type`` tells them apart.
To that end each class has two core schemas:

* the *narrow* one reads exactly this class. Constructors and writers use it.
* the *wide* one is a Python function, the only schema of the class that Pydantic ever sees. It calls one of `readers`:
  the union of the narrow schemas of all concrete descendants, discriminated by tag and rebuilt after a new state was
  defined.

Nothing here may know the names of the states, or how JSON text spells them.
"""

from __future__ import annotations

import inspect
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from copy import deepcopy
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError
from pydantic_core import (
    CoreSchema,
    PydanticCustomError,
    PydanticSerializationUnexpectedValue,
    SchemaValidator,
    ValidationError,
    core_schema,
)
from typing_extensions import Unpack, dataclass_transform, override

from statesig.errors import LONGEST_TAG, DefinitionError, EncodeError
from statesig.states.choices import Choice
from statesig.states.equality import are_alike, digest, same
from statesig.states.generics import (
    MOST_KEPT,
    PerClass,
    args_of,
    kind_of,
    origin_of,
    packed,
    parent_of,
    specialised,
    unpacked,
)
from statesig.states.json_rules import Schema, has_non_finite
from statesig.states.refusals import WIDE, brief, misplaced, surplus
from statesig.states.schemas import TAG, Narrow, building, defined
from statesig.states.set_order import sort_fields
from statesig.states.unions import choice_of

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass
    from pydantic.json_schema import JsonSchemaValue
else:
    ModelMetaclass = type(BaseModel)

__all__ = [
    "Asked",
    "Narrow",
    "StateMeta",
    "StateModel",
    "args_of",
    "check_keys",
    "check_unforged",
    "descendants",
    "dump",
    "narrow",
    "one_of",
    "origin_of",
    "origins_of",
    "own_annotations",
    "read_unforged",
    "readers",
    "rootless",
    "schema_of",
]

_lock = threading.RLock()
_registry: dict[tuple[str, str], type[StateModel]] = {}
_parametrised: dict[tuple[type, str], tuple[Any, Any]] = {}
"""The last parametrised classes; pydantic knows of an older one for as long as anything uses it."""
_describing: ContextVar[frozenset[Asked]] = ContextVar("_describing", default=frozenset())


_DEPRECATED = frozenset(name for name in vars(BaseModel) if name.islower() and not name.startswith(("_", "model_")))
"""The methods that Pydantic kept from its first version."""


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(Field,))
class StateMeta(ModelMetaclass):
    """The metaclass of states; tells type checkers that they are frozen and take their fields as keywords."""

    @classmethod
    @override
    def __prepare__(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Defer building the schemas of a class until they are used.

        The setting is removed once the class is made, so that adapters of the class do not inherit it.
        """
        return {**super().__prepare__(*args, **kwargs), "model_config": ConfigDict(defer_build=True)}

    @override
    def __setattr__(cls, name: str, value: Any) -> None:  # noqa: N805  # the first argument of a metaclass's method
        super().__setattr__(name, value)
        if name == "__tag__":
            with _lock:
                _registry[cls.__module__, cls.__qualname__] = cast("type[StateModel]", cls)
                readers.clear()

    @override
    def __dir__(cls) -> list[str]:  # noqa: N805  # the first argument of a metaclass's method
        """List the names for ``help(Success)`` and completion: no internals, nothing deprecated."""
        return [name for name in super().__dir__() if not name.startswith("_") and name not in _DEPRECATED]

    # A family is a class with its subclasses, nothing else: the registry of abstract base classes is bypassed.
    if not TYPE_CHECKING:
        __instancecheck__ = type.__instancecheck__
        __subclasscheck__ = type.__subclasscheck__


if not TYPE_CHECKING:
    # `Success.type`, declared on the model as a ClassVar: an attribute of the class itself would hide the builtin when
    # annotations are evaluated.
    StateMeta.type = property(lambda cls: cls.__tag__, doc="The tag.")


def _check_parent(cls: Any) -> None:
    """Refuse a class that does not fit the hierarchy, before pydantic processes it."""
    parents: list[Any] = [base for base in cls.__bases__ if isinstance(base, StateMeta)]
    if len(parents) > 1:
        listed = " and ".join(parent.__name__ for parent in parents)
        raise DefinitionError(cls.__name__, f"a state has one state parent, not {listed}")
    parent = origin_of(parents[0])
    if parent.__abstract__ and parent.__top__ is not None and cls.__module__ != parent.__module__:
        branches = [branch for branch in descendants(parent) if _is_branch(branch, parent)]
        possible = one_of("derive from one of", branches)
        raise DefinitionError(cls.__name__, f"{parent.__name__} is sealed; {possible}")
    if TAG in own_annotations(cls) or TAG in cls.__dict__:
        raise DefinitionError(cls.__name__, f"the field name {TAG!r} is the tag's; choose another")
    unannotated = cls.__dict__.keys() & getattr(parent, "__pydantic_fields__", {}).keys() - own_annotations(cls).keys()
    for name in sorted(name for name in unannotated if not hasattr(cls.__dict__[name], "__get__")):
        raise DefinitionError(cls.__name__, f"the field {name} needs its annotation to have another default")


def one_of(verb: str, kinds: Iterable[type[StateModel]]) -> str:
    """Return what to do in place of using an abstract class: ``"construct one of Draft, Placed"``."""
    listed = ", ".join(kind.__name__ for kind in kinds)
    return f"{verb} {listed}" if listed else "define a state below it first"


def _is_branch(cls: Any, abstract: Any) -> bool:
    """Tell whether only abstract classes lie between a class and an abstract ancestor."""
    parent = origin_of(parent_of(cls))
    return parent is abstract or (parent.__abstract__ and _is_branch(parent, abstract))


def own_annotations(cls: Any) -> Mapping[str, Any]:
    """Return the annotations in the body of a class, those that cannot be evaluated yet as they are."""
    if sys.version_info >= (3, 14):
        import annotationlib

        return annotationlib.get_annotations(cls, format=annotationlib.Format.FORWARDREF)
    return inspect.get_annotations(cls)


def _register(cls: Any, tag: str, abstract: bool) -> None:
    """Give a class its tag and register it; it replaces a class of the same module and qualified name."""
    name = cls.__name__
    if not isinstance(cast("object", tag), str):
        raise DefinitionError(name, f"a tag is a text, not a value of class {type(tag).__name__}")
    if not 0 < len(tag) <= LONGEST_TAG:
        raise DefinitionError(name, f"a tag has 1 to {LONGEST_TAG} characters, not {len(tag)}")
    place = (cls.__module__, cls.__qualname__)
    root = cls.__top__
    with _lock:
        known_at = tuple(_registry.items())
        same_tag = (known for at, known in known_at if known.__tag__ == tag and at != place and not known.__abstract__)
        other = next((known for known in same_tag if known.__top__ is root), None)
        if other is not None:
            raise DefinitionError(
                name,
                f"the tag {tag!r} is taken by {other.__module__}.{other.__qualname__}; "
                f'choose another with class {name}(..., tag="...")',
            )
        cls.__abstract__ = abstract or root is cls
        cls.__tag__ = tag


def _is_skeleton() -> bool:
    """Tell whether cloudpickle is making an empty class, to fill it later or to drop it for one that it has already.

    Only the call stack tells. Filling the class sets its tag, which registers it.
    """
    frame = inspect.currentframe()
    for _ in range(8):
        if frame is None:
            return False
        if frame.f_code.co_name == "_make_skeleton_class":
            return True
        frame = frame.f_back
    return False


class _Rootless(PydanticUserError, AttributeError):
    """A class has no schema; also an AttributeError, since `help` asks Pydantic's stand-ins for attributes."""


class StateModel(BaseModel, metaclass=StateMeta):
    """The base of `State` and `Machine`: a frozen model whose class means its family in validation."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
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
    __top__: ClassVar[type[StateModel] | None] = None
    """The class at the top of a hierarchy: `State`, or the root of a machine. Tags are unique below it."""
    __narrow__: ClassVar[Callable[..., Any]]

    if TYPE_CHECKING:
        type: ClassVar[str]
        __pydantic_serializer__: ClassVar[Any]  # until it is first used, what stands in for it

        def __init_subclass__(
            cls, *, tag: str | None = None, abstract: bool = False, **kwargs: Unpack[ConfigDict]
        ) -> None:
            """Define a state; ``tag`` names it in JSON; the class's name by default."""

        @classmethod
        @override
        def model_construct(cls, _fields_set: set[str] | None = None, **values: Any) -> Self:
            """Return a state as its constructor does; no state escapes validation."""
            ...

    else:

        @classmethod
        def model_construct(cls, _fields_set=None, **values):
            return narrow(cls).validate(values)

        def __init__(self, /, *args, **data):
            if args:
                name = type(self).__name__
                raise TypeError(f"{name} takes its fields by keyword, not by place: {name}(message=...)")
            self.__narrow__(data, self_instance=self)
            # The call above ignores unknown keys. Comparing the counts finds them faster than the core would; reading
            # the data once more names them.
            if len(self.__pydantic_fields_set__) != len(data):
                narrow(type(self)).validate(data, self_instance=self)

        # Pydantic makes the signature of each class of this one: what is only taken to be refused is not shown.
        __init__.__signature__ = inspect.signature(lambda self, /, **data: None)
        # Tells pydantic that validation need not call __init__.
        __init__.__pydantic_base_init__ = True

        def __init_subclass__(cls, *, tag=None, abstract=False, **kwargs):
            super().__init_subclass__(**kwargs)
            _check_parent(cls)
            if cls.__top__ is None and "__top__" not in cls.__dict__:
                cls.__top__ = cls

        @classmethod
        def __pydantic_init_subclass__(cls, *, tag=None, abstract=False, **kwargs):
            super().__pydantic_init_subclass__(**kwargs)
            if "self" in cls.__pydantic_fields__:
                raise DefinitionError(cls.__name__, "the field name 'self' is Python's; choose another")
            cls.model_config = {key: value for key, value in cls.model_config.items() if key != "defer_build"}
            cls.__narrow__ = _Unbuilt(cls)
            cls.__signature__ = _Unsigned()
            # Judged by its name: a class unpickled by value gets its pydantic metadata only later.
            if "[" not in cls.__name__ and not _is_skeleton():
                _register(cls, cls.__name__ if tag is None else tag, abstract)

        def __class_getitem__(cls, item):
            if item is Any:
                return cls  # Any is the default of R
            # One class for each parameter, whichever thread asks first. No lock here: pydantic holds its lock while it
            # evaluates annotations that lead here, and takes it again further down.
            key = cls, repr(item)
            found = _parametrised.get(key)
            if found is None or found[0] != item:
                made = super().__class_getitem__(item)
                if not isinstance(made, StateMeta):
                    return made  # pydantic's placeholder for a class that is being made
                found = item, made
                known = _parametrised.setdefault(key, found)
                if known[0] == item:
                    found = known
                while len(_parametrised) > MOST_KEPT:
                    _parametrised.pop(next(iter(_parametrised)), None)
            return found[1]

    @override
    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with some fields replaced, validated like a new state.

        Args:
            update: New values by field name.
            deep: Whether to copy the kept values deeply.

        Raises:
            ValidationError: A new value does not fit its field, or a field does not exist.
        """
        kept = {name: value for name, value in self.__dict__.items() if name in self.__pydantic_fields_set__}
        copied: Self = narrow(type(self)).validate({**(deepcopy(kept) if deep else kept), **(update or {})})
        return copied

    @override
    def __eq__(self, other: object) -> bool:
        return are_alike(self, other) if isinstance(other, StateModel) else NotImplemented

    @override
    def __hash__(self) -> int:
        return digest(self)

    @override
    def __repr_args__(self) -> Iterator[tuple[str, Any]]:
        for name, field in type(self).model_fields.items():
            value = self.__dict__[name]
            is_given = field.is_required() or (name == "result" and name in self.model_fields_set)
            if is_given or not same(value, field.default):
                yield name, value

    @override
    def __str__(self) -> str:
        return repr(self)

    @override
    def __reduce_ex__(self, protocol: Any) -> Any:
        # A parametrised class has no importable name: name its origin and its arguments instead.
        cls = type(self)
        return _restored, (origin_of(cls), tuple(map(packed, args_of(cls)))), self.__getstate__()

    @classmethod
    @override
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        if cls.__top__ is None:
            raise _Rootless(rootless(cls), code=None)
        written = core_schema.plain_serializer_function_ser_schema(dump, info_arg=True, when_used="always")
        if building.get() is not cls:
            return core_schema.with_info_plain_validator_function(cls._admit, serialization=written)
        # `Narrow` builds this class: pydantic finishes the narrow schema inside the wide one.
        token = building.set(None)
        try:
            inner = handler(source)
        finally:
            building.reset(token)
        return core_schema.with_info_wrap_validator_function(cls._admit_ignoring_inner, inner, serialization=written)

    @classmethod
    @override
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return schema_of(cls, handler)

    # Pickling a class of a script by value includes these; they may only call importable functions.

    @classmethod
    def _admit(cls, value: Any, info: core_schema.ValidationInfo) -> Any:
        return read_unforged(cls, value, info)

    @classmethod
    def _admit_within(cls, value: Any, info: core_schema.ValidationInfo) -> Any:
        return _read(cls, value, info)

    @classmethod
    def _admit_ignoring_inner(cls, value: Any, handler: Any, info: core_schema.ValidationInfo) -> Any:
        return read_unforged(cls, value, info)


Asked = type[StateModel] | Choice
"""What a place admits: the family of a class of states, or a choice of classes."""


def read_unforged(asked: Asked, value: Any, info: core_schema.ValidationInfo) -> Any:
    """Validate a value as `_read` does, and refuse a state that was forged."""
    if isinstance(value, StateModel):
        check_unforged(value)
    return _read(asked, value, info)


def _read(asked: Asked, value: Any, info: core_schema.ValidationInfo) -> Any:
    """Validate a value as one of the states that are asked for: a state by its class, anything else by its tag."""
    try:
        if isinstance(value, StateModel):
            return _admitted(asked, value)
        if info.mode == "json" and has_non_finite(value):
            raise PydanticCustomError("finite_number", "NaN, infinities and numbers beyond a double are not JSON")
        if kind_of(value) is dict and len(value) > WIDE:
            check_keys(asked, value)
        return readers[asked].validate_python(value, context=info.context)
    except ValidationError as exc:
        raise brief(exc) from None


def check_keys(asked: Asked, value: Mapping[str, Any]) -> None:
    """Refuse an object with unknown keys before an error is made for each of them.

    Raises:
        ValidationError: A key is unknown; the error names the first few.
    """
    for member in origins_of(asked):
        if member.__tag__ == value.get(TAG) and _reads_fields_alone(member):
            known = {TAG, *member.model_fields}
            unknown = [key for key in value if key not in known]
            if unknown:
                raise surplus(asked.__name__, unknown)


def _reads_fields_alone(cls: type[StateModel]) -> bool:
    """Tell whether a class reads no keys but the names of its fields: no aliases, and no validator that sees them."""
    aliased = any(field.validation_alias is not None for field in cls.model_fields.values())
    return (
        cls.model_config.get("extra") == "forbid" and not aliased and not cls.__pydantic_decorators__.model_validators
    )


def schema_of(asked: Asked, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
    """Return the JSON Schema of what is asked for; within that schema, a reference to it."""
    alone = asked.alone if isinstance(asked, Choice) else None
    name = re.sub(r"\W+", "_", asked.__name__).strip("_")
    # One class alone is what a reference to that class gives; a family has a name of its own.
    ref = f"{asked.__module__}.Any{name}:{id(asked)}" if alone is None else narrow(alone).tagged["ref"]
    if asked in _describing.get():
        # Wrapped: pydantic would look up a bare reference, whose target is still being written.
        return {"allOf": [handler(core_schema.definition_reference_schema(ref))]}
    token = _describing.set(_describing.get() | {asked})
    try:
        union, definitions, _ = _union_schema(asked)
        whole = defined(union if alone is not None else {**union, "ref": ref}, definitions, always=True)
        # A copy: pydantic adds the definitions to the returned schema, which is one of them.
        return deepcopy(handler.resolve_ref_schema(handler(whole)))
    finally:
        _describing.reset(token)


def _narrow_of(cls: type[StateModel]) -> Narrow:
    if cls.__abstract__:
        raise TypeError(f"{cls.__name__} is abstract; {one_of('construct one of', descendants(origin_of(cls)))}")
    with _lock:
        found = _narrow.get(cls)
        if found is None:
            found = Narrow(cls)
            cls.__narrow__ = found.construct
            _narrow.keep(cls, found)
    return found


_narrow = PerClass(_narrow_of)


def narrow(cls: type[StateModel]) -> Narrow:
    """Return the reader and writer of exactly one concrete class, built at first use."""
    return _narrow[cls]


class _Readers(PerClass[SchemaValidator]):
    """The validators that read what is asked for by tag; cleared when a state is defined."""

    @override
    def __missing__(self, asked: Any) -> SchemaValidator:
        choice = choice_of(asked) if type(asked) not in (StateMeta, Choice) else None
        if choice is not None:
            found = self[choice]
            if choice in self:
                self.keep(asked, found)
            return found
        if type(asked) not in (StateMeta, Choice):
            raise TypeError(f"a class of state is asked for, not {asked!r}")
        if getattr(asked, "__top__", asked) is None:
            raise TypeError(rootless(asked))
        with _lock:
            *schema, is_whole = _union_schema(asked)
            found = SchemaValidator(defined(*schema))
            if is_whole:
                self.keep(asked, found)
        return found


def rootless(cls: type[StateModel]) -> str:
    """Return why a class means no states: it is above those of all machines."""
    return f"{cls.__name__} is above all machines, whose tags may be the same; ask for the states of one of them"


_MOST_READERS = 64

readers: dict[Asked, SchemaValidator] = _Readers(most=_MOST_READERS)


def descendants(origin: type[StateModel]) -> tuple[type[StateModel], ...]:
    """Return the concrete classes of a family, itself included, in order of definition."""
    return tuple(cls for cls in _concrete() if issubclass(cls, origin))


def _concrete() -> Iterator[type[StateModel]]:
    """Yield the concrete classes in order of definition.

    They are told apart here, not where they are registered: cloudpickle may fill a class before its base, which says
    whether both are abstract.
    """
    return (cls for cls in tuple(_registry.values()) if not cls.__abstract__)


def origins_of(asked: Asked) -> tuple[type[StateModel], ...]:
    """Return the classes that may be admitted, without parameters, in order of definition."""
    if isinstance(asked, Choice):
        return tuple(cls for cls in _concrete() if asked.member(cls) is not None)
    return descendants(origin_of(asked))


def _member(asked: Asked, origin: type[StateModel]) -> Any:
    """Return a class, specialised as it is admitted; None if it is not."""
    if isinstance(asked, Choice):
        return asked.member(origin)
    return specialised(origin, asked) if issubclass(origin, origin_of(asked)) else None


def _restored(origin: Any, args: tuple[Any, ...]) -> Any:
    cls = origin[tuple(map(unpacked, args))] if args else origin
    return cls.__new__(cls)


class _Unbuilt:
    """Placeholder for a class's constructor; builds it at the first call."""

    def __init__(self, cls: type[StateModel]) -> None:
        self.cls = cls

    def __call__(self, data: dict[str, Any], self_instance: Any = None) -> Any:
        return narrow(self.cls).construct(data, self_instance=self_instance)


class _Unsigned:
    """Placeholder for a class's signature; builds the class, and so the signature, at the first access."""

    def __get__(self, state: StateModel | None, cls: type[StateModel]) -> Any:
        if cls.__abstract__:
            cls.model_rebuild(_types_namespace={})
        else:
            narrow(cls)
        if vars(cls).get("__signature__", self) is self:
            raise AttributeError("__signature__")
        return cls.__signature__


def _admitted(asked: Asked, state: StateModel) -> StateModel:
    """Return a state as one of those asked for, its result validated if a type is declared."""
    origin = origin_of(type(state))
    target = _member(asked, origin)
    if target is None:
        raise misplaced(asked.__name__, "state_kind", type(state).__name__)
    if target is origin or isinstance(state, target):
        return state
    given = {name: value for name, value in state.__dict__.items() if name in state.__pydantic_fields_set__}
    admitted: StateModel = narrow(target).validate(given)
    return admitted


def check_unforged(state: StateModel) -> None:
    """Refuse a state whose fields were changed past its being frozen: by `object.__setattr__`, or in its ``__dict__``.

    A quick look: its result, the states within it and what a user's own code validates are not looked at.

    Raises:
        ValidationError: A field is not what its class declares.
    """
    try:
        narrow(type(state)).guard.validate_python(state.__dict__)
    except ValidationError as exc:
        raise brief(exc) from None


def dump(state: Any, info: core_schema.SerializationInfo) -> Any:
    """Write a state by its actual class, whatever class its field declares."""
    if not isinstance(state, StateModel):
        raise PydanticSerializationUnexpectedValue(f"expected a state, got {type(state).__name__}")
    form = narrow(type(state))
    writer = form.with_result if "result" in state.__pydantic_fields_set__ else form.without_result
    # Never by the classes of the values, as `serialize_as_any` asks: a state has one document.
    written: Any = writer.to_python(
        state.__dict__,
        mode=info.mode,
        include=info.include,  # type: ignore[arg-type]  # passed on as received
        exclude=_merged(info.exclude, form.defaulted(state.__dict__)),
        by_alias=True,
        exclude_none=info.exclude_none,
        round_trip=info.round_trip,
        context=info.context,
    )
    if info.mode != "json":
        return written
    if form.holds_sets:
        sort_fields(form.declared, state.__dict__, written)
    for name, part in written.items():
        if type(part) in _MAY_HOLD_NUMBERS and has_non_finite(part):
            raise EncodeError(type(state).__name__, name, "NaN and infinities are not JSON")
    return written


_MAY_HOLD_NUMBERS = frozenset({float, list, dict})


def _merged(exclude: Any, names: set[str]) -> Any:
    """Add names to an `exclude` argument, and keep its form: a mapping or a set."""
    of: object = exclude
    if isinstance(of, dict):
        return {**exclude, **dict.fromkeys(names, True)}
    return names | set(exclude or ())


def _union_schema(asked: Asked) -> tuple[Schema, dict[str, Schema], bool]:
    """Return the union of the narrow schemas, told apart by tag, their definitions, and whether it is whole.

    It is not while a member is left out because an annotation names a class that is not defined yet.
    """
    choices: dict[str, Schema] = {}
    definitions: dict[str, Schema] = {}
    is_whole = True
    for origin in origins_of(asked):
        member = _member(asked, origin)
        if member is not None:
            try:
                form = narrow(member)
            except PydanticUndefinedAnnotation:
                is_whole = False
                continue
            choices[origin.__tag__] = _reading(asked, origin, form.tagged)
            definitions.update(form.definitions)
    return {"type": "tagged-union", "choices": choices, "discriminator": TAG}, definitions, is_whole


def _reading(asked: Asked, origin: type[StateModel], tagged: Schema) -> Schema:
    """Return the schema that reads the documents with one tag as one of the states asked for.

    A class whose documents older releases wrote by other rules says what such a document means; its own validator,
    which runs last, gives way to that.
    """
    as_written = origin.__dict__.get("__as_written__")
    if as_written is None:
        return tagged

    def read(state: Any) -> StateModel:
        return _admitted(asked, as_written.__func__(state))

    return {**tagged, "function": {"type": "no-info", "function": read}}
