"""Validate plain values as a declared type: what a function returns as its annotation, a parameter as its type.

The rules are those by which a state's result is read (`json_rules`), so a value is the same whether it is validated
here or comes back from its JSON. A type without a schema is held by ``isinstance``. Nothing here may know a task.
"""

from __future__ import annotations

import enum
import re
import warnings
from collections.abc import Iterator
from dataclasses import is_dataclass
from datetime import date, datetime, time, timedelta
from types import GenericAlias, NoneType, UnionType
from typing import Any, Final, Optional, Union, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError
from pydantic.warnings import ArbitraryTypeWarning
from pydantic_core import PydanticCustomError, SchemaError, SchemaValidator

from statesig.states.generics import kind_of
from statesig.states.json_rules import Schema, guarded, json_rules
from statesig.states.schemas import defined

__all__ = ["Declared", "declared_as", "list_of", "name_of", "optional"]

_CONFIG: Final = ConfigDict(strict=True, allow_inf_nan=False)
_ANY_CLASS: Final = ConfigDict(strict=True, allow_inf_nan=False, arbitrary_types_allowed=True)
_SCALARS: Final = frozenset({str, int, bool, NoneType})
_AS_THEY_ARE: Final = _SCALARS | {bytes, date, datetime, time, timedelta, UUID, list, dict, tuple, set, frozenset}


def declared_as(annotation: Any) -> Declared | None:
    """Return the validation of an annotation; None where every value is valid: `Any`, `object`, or nothing to ask."""
    if annotation is Any or annotation is object:
        return None
    try:
        return Declared(annotation)
    except (SchemaError, PydanticSchemaGenerationError):
        return None  # neither pydantic nor isinstance can ask: a protocol, NoReturn and the like are for checkers


class Declared:
    """A declared type, and how values are validated as it.

    Attributes:
        type: The type.
        exact: The classes whose own instances are valid as they are; asking this first is the fast path.
        is_ambiguous: Whether JSON may read a valid value back as another: a union with two members of one JSON form.
        broken: Why no value can be validated, where the type itself is wrong; None: values can be.

    Raises:
        SchemaError, PydanticSchemaGenerationError: Nothing can be asked of a value.
    """

    def __init__(self, annotation: Any, broken: str | None = None) -> None:
        self.type: Any = annotation
        self.broken: str | None = broken
        parts = _parts(annotation)
        self.exact: frozenset[type] = frozenset(part for part in parts if _is_exact(part))
        is_known = len(self.exact) == len(parts)
        is_plain = is_known and (self.exact <= _SCALARS or (len(parts) == 1 and self.exact <= _AS_THEY_ARE))
        self._parsed: _Parsed | None = None if is_plain or broken is not None else self._parse(is_known)
        self.is_ambiguous: bool = self._parsed is not None and self._parsed.is_ambiguous
        if self.broken is not None or self.is_ambiguous:
            self.exact = frozenset()

    def _parse(self, is_known: bool) -> _Parsed | None:
        """Return what pydantic makes of the type; None if it fails, which for known classes is no reason to refuse."""
        try:
            return _Parsed(self.type)
        except Exception as exc:  # a type's own code may raise anything while pydantic asks it for its schema
            if is_known:
                return None
            if isinstance(exc, (SchemaError, PydanticSchemaGenerationError)):
                raise
            self.broken = _said_of(exc)
            return None

    @property
    def name(self) -> str:
        """The type as a message names it."""
        return name_of(self.type)

    @property
    def names(self) -> frozenset[str]:
        """The names of fields in the type: of a path, these may be shown; other keys may be payload."""
        return self._words.names if self._words else frozenset()

    @property
    def labels(self) -> frozenset[str]:
        """The words that pydantic puts into a path for a member of a union."""
        return self._words.labels if self._words else frozenset()

    @property
    def _words(self) -> _Parsed | None:
        return self._parsed or (self._parse(is_known=True) if self.broken is None else None)

    def validated(self, value: Any) -> Any:
        """Return a value as the type: itself where it is an instance, else what its JSON would read as.

        Raises:
            ValidationError: It is not valid.
            Exception: What a validator of the type's own raises.
        """
        return value if type(value) in self.exact else self._read().validator.validate_python(value)

    def __reduce__(self) -> Any:
        return Declared, (self.type, self.broken)

    def _read(self) -> _Parsed:
        if self._parsed is None:
            self._parsed = _Parsed(self.type)
        return self._parsed


class _Parsed:
    """What pydantic makes of a type: a validator, and the words of its schema."""

    __slots__ = ("is_ambiguous", "labels", "names", "validator")

    def __init__(self, annotation: Any) -> None:
        whole: Any = _schema_of(annotation)
        definitions: dict[str, Schema] = {}
        if whole["type"] == "definitions":
            definitions = {schema["ref"]: schema for schema in whole["definitions"]}
            whole = whole["schema"]
        schema: Schema = whole.get("items_schema", {"type": "any"})
        ruled = {ref: json_rules(one, _own_instances) for ref, one in definitions.items()}
        validated = defined(json_rules(schema, _own_instances), ruled)
        self.validator = SchemaValidator(validated, {"strict": True, "allow_inf_nan": False})
        nodes = [node for one in (schema, *definitions.values()) for node in _nodes(one)]
        self.is_ambiguous = any(node["type"] == "union" and not _are_told_apart(node["choices"]) for node in nodes)
        self.names = frozenset(name for node in nodes for name in _field_names(node))
        self.labels = frozenset(str(label) for node in nodes for label in (node["type"], _class_name(node)))


def list_of(annotation: Any) -> Any:
    """Return the type of a list of a type."""
    return list[annotation]


def optional(annotation: Any) -> Any:
    """Return the type of a value of a type or None."""
    return Optional[annotation]  # noqa: UP045  # the type is only known at run time, and need not take part in `|`


def _schema_of(annotation: Any) -> Any:
    """Return the schema of a list of a type: an adapter of a model itself would not take a configuration."""
    listed = list_of(annotation)
    try:
        return TypeAdapter(listed, config=_CONFIG).core_schema
    except PydanticSchemaGenerationError:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", ArbitraryTypeWarning
            )  # that a form such as NoReturn admits anything is fine
            return TypeAdapter(listed, config=_ANY_CLASS).core_schema


def name_of(annotation: Any) -> str:
    """Return a type as a message names it: ``Order``, ``list[Order]``."""
    if isinstance(annotation, type) and not get_args(annotation):
        return "None" if annotation is NoneType else annotation.__name__
    if get_origin(annotation) in (Union, UnionType):
        return " | ".join(map(name_of, get_args(annotation)))
    return re.sub(r"(?:[\w<>]+\.)+(?=\w)", "", str(annotation))


# ---- the fast path


def _parts(annotation: Any) -> tuple[Any, ...]:
    """Return the members of a union, or the type alone."""
    parts = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    return tuple(NoneType if part is None else part for part in parts)


def _is_exact(part: Any) -> bool:
    """Tell whether every instance of exactly this class is valid as it is."""
    if kind_of(part) is GenericAlias or not isinstance(part, type):
        return False
    cls: type[Any] = part
    return cls in _AS_THEY_ARE or issubclass(cls, (BaseModel, enum.Enum)) or is_dataclass(cls)


# ---- instances of subclasses


def _own_instances(node: Schema) -> Schema | None:
    """Hold a model or a dataclass to instances of exactly its class: JSON reads a subclass back as the class."""
    if node["type"] not in ("model", "dataclass"):
        return None
    return guarded(json_rules(node), _OwnInstance(node["cls"]))


class _OwnInstance:
    """Refuse an instance of a subclass."""

    __slots__ = ("cls",)

    def __init__(self, cls: type) -> None:
        self.cls = cls

    def __call__(self, value: Any) -> Any:
        of = kind_of(value)
        if of is not self.cls and issubclass(of, self.cls):
            context = {"expected": self.cls.__name__, "actual": of.__name__}
            raise PydanticCustomError("exact_class", "expected exactly {expected}, got its subclass {actual}", context)
        return value


# ---- what a schema says


def _nodes(part: Any) -> Iterator[Schema]:
    """Yield all schemas within a schema."""
    found: object = part
    if isinstance(found, dict):
        if isinstance(part.get("type"), str):
            yield part
        for key, value in part.items():
            if key not in _NO_SCHEMAS:
                yield from _nodes(value)
    elif isinstance(found, (list, tuple)):
        for value in part:
            yield from _nodes(value)


_NO_SCHEMAS: Final = frozenset({"metadata", "serialization", "config", "cls", "default", "expected", "members"})


def _field_names(node: Schema) -> Iterator[str]:
    fields: Any = node.get("fields")
    of: object = fields
    if isinstance(of, dict):
        for name, field in fields.items():
            yield name
            alias: object = field.get("validation_alias")
            if isinstance(alias, str):
                yield alias
    elif isinstance(of, list):
        yield from (field["name"] for field in fields if isinstance(field, dict) and "name" in field)


def _class_name(node: Schema) -> str:
    return str(getattr(node.get("cls"), "__name__", ""))


_FORMS: Final = {
    "none": "null", "bool": "boolean", "int": "whole", "float": "number",
    "str": "text", "date": "text", "datetime": "text", "time": "text", "timedelta": "text", "uuid": "text",
    "bytes": "text", "complex": "text", "url": "text",
    "list": "array", "tuple": "array", "set": "array", "frozenset": "array", "deque": "array", "named-tuple": "array",
    "dict": "object", "model": "object", "dataclass": "object", "typed-dict": "object",
}  # fmt: skip
"""The JSON form of each kind of schema that has a single one."""


def _are_told_apart(choices: list[Any]) -> bool:
    """Tell whether the members of a union have different forms in JSON, so that none reads back as another."""
    schemas: list[Schema] = [choice[0] if isinstance(choice, tuple) else choice for choice in choices]
    forms = {_FORMS.get(schema["type"], "unknown") for schema in schemas}
    return "unknown" not in forms and len(forms) == len(schemas)


def _said_of(exc: Exception) -> str:
    """Return why pydantic cannot read a type; the text of another exception than its own may be anything."""
    if isinstance(exc, (PydanticUserError, NameError)):
        return str(exc).partition("\n")[0]
    return f"asking it for its schema raised {type(exc).__name__}"
