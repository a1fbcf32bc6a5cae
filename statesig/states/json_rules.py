"""Read values by one set of rules, whether they arrive as Python objects or as JSON text.

Pydantic's strict mode refuses an ISO string or a list in Python but takes both from JSON, and its lax mode takes ``5``
for a datetime. FastAPI hands over JSON already parsed into Python, so neither mode alone gives one answer at
every entrance. `json_rules` rewrites a strict core schema so that it reads Python input like JSON: text as times, an
array as a tuple, an object as a model; nothing else is converted. Schemas that it does not know stay strict.

This module must not know any state.
"""

from __future__ import annotations

import datetime
import decimal
import marshal
import math
import re
import uuid
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import is_dataclass
from typing import Any, TypeVar

from pydantic import BaseModel
from pydantic_core import PydanticCustomError, PydanticKnownError, ValidationError, to_json
from pydantic_core.core_schema import ValidationInfo

from statesig.states.generics import kind_of
from statesig.states.refusals import WIDE

Schema = dict[str, Any]
FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

_CHILDREN = frozenset(
    {
        "schema", "items_schema", "keys_schema", "values_schema", "lax_schema", "strict_schema", "json_schema",
        "python_schema", "choices", "steps", "definitions",
    }
)  # fmt: skip

# Core schemas whose JSON form is text: the Python class that is admitted as well, and pydantic's error.
_TEXT: dict[str, tuple[type, str]] = {
    "datetime": (datetime.datetime, "datetime_type"),
    "date": (datetime.date, "date_type"),
    "time": (datetime.time, "time_type"),
    "timedelta": (datetime.timedelta, "time_delta_type"),
    "uuid": (uuid.UUID, "uuid_type"),
    "bytes": (bytes, "bytes_type"),
    "complex": (complex, "complex_type"),
}
_CLOCK = frozenset({"datetime", "date", "time", "timedelta"})

# Core schemas whose JSON form is an array.
_ARRAY: dict[str, tuple[type, str]] = {
    "tuple": (tuple, "tuple_type"),
    "set": (set, "set_type"),
    "frozenset": (frozenset, "frozen_set_type"),
    "deque": (deque, "deque_type"),
}

# Core schemas of several items or keys.
_SEVERAL = frozenset({*_ARRAY, "list", "dict", "ordered-dict", "counter", "frozendict"})

# Keys of a JSON object are text whatever their declared type.
_KEYS: dict[str, tuple[type, str]] = {
    "int": (int, "int_type"),
    "float": (float, "float_type"),
    "bool": (bool, "bool_type"),
}

# Core schemas whose lax form takes their JSON form, an object or an array, as well as an instance.
_OBJECT = frozenset({"dataclass", "named-tuple"})

# Core schemas that read JSON only through their lax form: paths, addresses, counters and the like.
_PARSED = frozenset({"lax-or-strict", "json-or-python"})


_SCALARS = frozenset({"str", "int", "float", "bool", "none"})
_reading_back: set[Callable[..., Any]] = set()


def reads_back(function: FunctionT) -> FunctionT:
    """Mark a validator that runs last and whose every output reads back unchanged from its JSON."""
    _reading_back.add(function)
    return function


def is_exact(schema: Schema, is_exact_model: Callable[[type], bool]) -> bool:
    """Tell whether every value that a schema admits reads back unchanged from its JSON.

    True only where it is certain: text, numbers, booleans, None, and lists, tuples and mappings of those.

    Args:
        schema: A core schema under the rules of `json_rules`.
        is_exact_model: Tells the same of a model's class.
    """

    def all_exact(*schemas: Schema) -> bool:
        return all(is_exact(item, is_exact_model) for item in schemas)

    kind: str = schema["type"]
    if "serialization" in schema:
        return False
    if kind == "model":
        return is_exact_model(schema["cls"])
    if kind == "function-after":
        return bool(schema["function"]["function"] in _reading_back)
    if kind == "function-before":
        guard = schema["function"]["function"]
        if isinstance(guard, _Literal):
            return all(type(one) in (str, int, bool, type(None)) for one in guard.expected)
        return isinstance(guard, _Array) and guard.native is tuple and all_exact(*schema["schema"]["items_schema"])
    if kind in ("default", "nullable"):
        return all_exact(schema["schema"])
    if kind == "list":
        return "items_schema" in schema and all_exact(schema["items_schema"])
    if kind == "dict":
        plain = schema.get("keys_schema", {}).get("type") == "str"
        return plain and "values_schema" in schema and all_exact(schema["values_schema"])
    return kind in _SCALARS


def json_rules(schema: Schema, replace: Callable[[Schema], Schema | None] = lambda node: None) -> Schema:
    """Return a copy of a strict core schema that reads Python input as it reads JSON.

    Args:
        schema: A core schema, built under ``strict=True``; not changed.
        replace: Called with every node first; a schema that it returns replaces the node and is not entered.

    Pydantic's models and dataclasses keep their own configuration: they are not entered.
    """
    replacement = replace(schema)
    if replacement is not None:
        return replacement
    whole = _not_entered(schema, replace)
    if whole is not None:
        return whole
    node: Schema = {key: _entered(key, value, replace) for key, value in schema.items()}
    kind: str = node["type"]
    if kind in _OBJECT:
        return {**node, "strict": False}
    if kind in _SEVERAL:
        node["fail_fast"] = True  # or each wrong item of a large document would cost an error
    guard = _guard_of(kind, node)
    if guard is not None:
        return guarded({**node, "strict": False}, guard)
    if kind == "dict" and "keys_schema" in schema:
        node["keys_schema"] = _key(schema["keys_schema"], node["keys_schema"])
    return node


def _key(schema: Schema, ruled: Schema) -> Schema:
    """Return the schema of a key; JSON writes keys as text, also numbers and members of an enumeration of numbers."""
    kind: str = schema["type"]
    if kind in _KEYS:
        return guarded({**schema, "strict": False}, _Text(*_KEYS[kind], clock=False))
    return {**schema, "strict": False} if kind == "enum" else ruled


def _not_entered(schema: Schema, replace: Callable[[Schema], Schema | None]) -> Schema | None:
    """Return the replacement of a schema that is taken as a whole; None for a schema whose parts are entered."""
    kind: str = schema["type"]
    if kind in ("model", "dataclass") and hasattr(schema["cls"], "__pydantic_validator__"):
        own = {**schema, "strict": False}
        own = _strict_model(own) if schema.get("config", {}).get("strict") else own
        return own if getattr(schema["cls"], "__finite__", False) else _finite_in_json(own)
    if kind == "any":
        return _finite_in_json(schema)
    if kind == "literal":
        return guarded(schema, _Literal(schema["expected"]))
    if kind == "enum":
        return guarded(
            {**schema, "strict": False}, _Literal([part for one in schema["members"] for part in (one, one.value)])
        )
    if kind == "generator":
        return guarded(
            {"type": "list", "items_schema": json_rules(schema["items_schema"], replace)}, _Listed(Collection)
        )
    if _is_sequence(schema):
        return guarded(json_rules(schema["json_schema"], replace), _Listed(Sequence))
    if kind in _PARSED:
        strict = {**schema, "strict": True} if kind == "lax-or-strict" else schema
        lax = schema["lax_schema"] if kind == "lax-or-strict" else schema["json_schema"]
        return _union(strict, guarded(lax, _plain_json))
    return None


def _guard_of(kind: str, node: Schema) -> Callable[[Any], Any] | None:
    if kind in _TEXT:
        return _Text(*_TEXT[kind], clock=kind in _CLOCK)
    if kind in _ARRAY:
        return _Array(*_ARRAY[kind], widest=_most_keys(node["items_schema"]) if kind == "tuple" else None)
    return _number if kind == "decimal" else None


def _entered(key: str, value: Any, replace: Callable[[Schema], Schema | None]) -> Any:
    """Apply the rules to the value of one of a node's keys."""
    cls = kind_of(value)

    def enter(item: Any) -> Any:
        """Enter a schema; a choice may come with its label or, in a tagged union, name another choice."""
        chosen = kind_of(item)
        if chosen is tuple:
            return (json_rules(item[0], replace), item[1])
        return json_rules(item, replace) if chosen is dict else item

    def enter_field(field: Any) -> Any:
        return {**field, "schema": enter(field["schema"])} if kind_of(field) is dict else field

    if key == "fields" and cls is dict:
        return {name: enter_field(field) for name, field in value.items()}
    if key == "fields":
        return [enter_field(field) for field in value]
    if key == "choices" and cls is dict:
        return {tag: enter(item) for tag, item in value.items()}
    if key in _CHILDREN:
        return [enter(item) for item in value] if cls is list else enter(value)
    return value


def _finite_in_json(schema: Schema) -> Schema:
    """Refuse infinities and NaN in JSON text, in values whose declared type does not refuse them itself."""
    moved: Schema = {key: schema[key] for key in ("serialization", "ref") if key in schema}
    inner = {key: value for key, value in schema.items() if key not in moved}
    function = {"type": "with-info", "function": _finite}
    return {"type": "function-after", "function": function, "schema": inner, **moved}


def _finite(value: Any, info: ValidationInfo) -> Any:
    if info.mode == "json" and has_non_finite(value):
        raise PydanticCustomError("finite_number", "NaN, infinities and numbers beyond a double are not JSON")
    return value


def has_non_finite(value: Any) -> bool:
    """Tell whether NaN or an infinity is anywhere in lists, tuples, dicts, models and dataclasses."""
    if type(value) in (list, dict) and _packs_finite(value):
        return False
    stack: list[Any] = [value]
    while stack:
        item: Any = stack.pop()
        of: object = item
        if isinstance(of, float):
            if not math.isfinite(of):
                return True
        elif isinstance(of, dict):
            stack.extend(item.values())
        elif isinstance(of, (list, tuple, deque)):
            stack.extend(item)
        elif isinstance(of, BaseModel) or is_dataclass(of):
            fields: dict[str, Any] = getattr(item, "__dict__", {})
            stack.extend(fields.values())
    return False


def _packs_finite(value: Any) -> bool:
    """Tell whether a quick look shows that there is no NaN and no infinity in a value; False means unknown."""
    try:
        packed = marshal.dumps(value)  # built-in classes only, at the speed of C
    except ValueError:
        return False
    return _NON_FINITE.search(packed) is None


# The end of a double, little-endian, whose exponent is all ones: of every infinity and every NaN.
_NON_FINITE = re.compile(rb"[\xf0-\xff][\x7f\xff]")


def _is_sequence(schema: Schema) -> bool:
    """Tell whether a schema is of an abstract sequence."""
    return bool(schema["type"] == "json-or-python" and schema["json_schema"]["type"] == "list")


def guarded(schema: Schema, guard: Callable[[Any], Any]) -> Schema:
    """Put a guard before a schema: called with each value, it returns what the schema reads, or refuses it."""
    moved: Schema = {key: schema[key] for key in ("serialization", "ref", "metadata") if key in schema}
    inner = {key: value for key, value in schema.items() if key not in moved or key == "metadata"}
    return {"type": "function-before", "function": {"type": "no-info", "function": guard}, "schema": inner, **moved}


def _strict_model(schema: Schema) -> Schema:
    """Let a model that its own configuration makes strict read objects as JSON, too."""
    moved: Schema = {key: schema[key] for key in ("serialization", "ref") if key in schema}
    inner = {key: value for key, value in schema.items() if key not in moved}
    function = {"type": "no-info", "function": _StrictModel(schema["cls"])}
    return {"type": "function-wrap", "function": function, "schema": inner, **moved}


class _StrictModel:
    """Admit every value that a strict model admits, and objects that it would admit from JSON text."""

    __slots__ = ("cls",)

    def __init__(self, cls: Any) -> None:
        self.cls = cls

    def __call__(self, value: Any, handler: Callable[[Any], Any]) -> Any:
        try:
            return handler(value)
        except ValidationError:
            if not _is_json(value):
                raise
        return self.cls.__pydantic_validator__.validate_json(to_json(value))


def _is_json(value: Any) -> bool:
    """Tell whether a value consists of the classes that a JSON parser makes, without their subclasses."""
    cls = kind_of(value)
    if cls is dict:
        return all(type(key) is str and _is_json(item) for key, item in value.items())
    if cls is list:
        return all(map(_is_json, value))
    return cls in (str, int, float, bool, type(None))


def _union(strict: Schema, other: Schema) -> Schema:
    moved: Schema = {key: strict[key] for key in ("serialization", "metadata") if key in strict}
    return {"type": "union", "choices": [strict, other], "mode": "left_to_right", **moved}


class _Text:
    """Admit a native value or its JSON text; a number in quotes is not a time."""

    __slots__ = ("clock", "error", "native")

    def __init__(self, native: type, error: str, *, clock: bool) -> None:
        self.native = native
        self.error = error
        self.clock = clock

    def __call__(self, value: Any) -> Any:
        if type(value) is str:
            if self.clock and _is_number(value):
                raise PydanticKnownError(self.error)  # type: ignore[arg-type]  # a name of pydantic's, from the table
            return value
        if isinstance(value, self.native) and not _is_kin(value, self.native):
            return value
        raise PydanticKnownError(self.error)  # type: ignore[arg-type]  # as above


_iso_time = _Text(datetime.datetime, "datetime_type", clock=True)


def iso_time(value: object) -> object:
    """Refuse all but a datetime or its text; a validator before fields that are not under the rules themselves."""
    return _iso_time(value)


class _Literal:
    """Refuse a value that equals a literal but is of another class: True is not 1."""

    __slots__ = ("expected",)

    def __init__(self, expected: Sequence[Any]) -> None:
        self.expected = tuple(expected)

    def __call__(self, value: Any) -> Any:
        alike = [one for one in self.expected if one == value] or self.expected
        if not any(type(one) is kind_of(value) for one in alike):
            listed = " or ".join(map(repr, self.expected))
            raise PydanticKnownError("literal_error", {"expected": listed})
        return value


def _most_keys(items: Sequence[Schema]) -> int | None:
    """Return how many keys an item of a tuple may have; None if it is no plain model that forbids unknown keys."""
    if len(items) != 1:
        return None
    item = items[0]
    plain = item["type"] == "model" and item["schema"]["type"] == "model-fields"
    forbids = plain and item["cls"].model_config.get("extra") == "forbid"
    # A field may have several aliases; an object within this bound is left to the model.
    return max(WIDE, 4 * len(item["schema"]["fields"])) if forbids else None


class _Array:
    """Admit a native collection or a list, its JSON form.

    Args:
        native: The class of the collection.
        error: Pydantic's name of the error for any other class.
        widest: The most keys of an item, if its model forbids unknown ones.
    """

    __slots__ = ("error", "native", "widest")

    def __init__(self, native: type, error: str, *, widest: int | None = None) -> None:
        self.native = native
        self.error = error
        self.widest = widest

    def __call__(self, value: Any) -> Any:
        if isinstance(value, (self.native, list)):
            if self.widest is not None:
                self._check_keys(value)
            return value
        raise PydanticKnownError(self.error)  # type: ignore[arg-type]  # a name of pydantic's, from the table

    def _check_keys(self, items: Any) -> None:
        for item in items:
            if kind_of(item) is dict and len(item) > (self.widest or 0):
                raise PydanticKnownError("extra_forbidden")


class _Listed:
    """Admit a collection of an abstract class as a list, which its JSON reads back as; refuse text and mappings."""

    __slots__ = ("abstract",)

    def __init__(self, abstract: type) -> None:
        self.abstract = abstract

    def __call__(self, value: Any) -> Any:
        of: object = value
        if isinstance(of, list):
            return value
        if isinstance(of, self.abstract) and not isinstance(of, (str, bytes, bytearray, Mapping)):
            return list(value)
        raise PydanticKnownError("list_type")


def _is_kin(value: object, native: type) -> bool:
    """Tell whether a value of a subclass means something else: a datetime is not a date, True is not an int."""
    return (native is datetime.date and isinstance(value, datetime.datetime)) or (
        native in (int, float) and isinstance(value, bool)
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(value: Any) -> Any:
    if isinstance(value, (decimal.Decimal, str, int, float)) and not isinstance(value, bool):
        return value
    raise PydanticKnownError("decimal_type")


def _plain_json(value: Any) -> Any:
    if type(value) in (str, list, dict):
        return value
    raise PydanticCustomError("json_form", "not the JSON form of this type")
