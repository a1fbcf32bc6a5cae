"""Build the writers of each class of state, and rate how far their output needs a check.

Nothing here may read a document.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from pydantic_core import from_json, to_json

from statesig.states import ErrorInfo
from statesig.states.families import Narrow, StateModel, narrow
from statesig.states.generics import PerClass
from statesig.states.json_rules import is_exact
from statesig.states.set_order import sort_fields

__all__ = ["EXACT", "READ_BACK", "UNDECLARED", "writers"]

EXACT, UNDECLARED, READ_BACK = range(3)


class _Writers(PerClass[Any]):
    """The writers of each class, with and without its result, and the trust in each."""

    def __missing__(self, cls: type) -> Any:
        if not issubclass(cls, StateModel):
            raise TypeError(f"encode takes a state, not {cls.__name__}")
        form = narrow(cls)
        trust = _trust(form.fields) if _is_plain_model(form.schema) else READ_BACK
        without = READ_BACK if trust == READ_BACK else EXACT
        is_plain = trust == UNDECLARED and "message" in form.fields and _has_defaults(cls)
        head = b'{"type":%b,"result":' % to_json(cls.__tag__) if is_plain else None
        with_result, without_result = form.with_result.to_json, form.without_result.to_json
        if trust == READ_BACK:
            with_result, without_result = partial(_in_full, form, with_result), partial(_in_full, form, without_result)
        entry = (head, with_result, without_result, trust, without)
        self.keep(cls, entry)
        return entry


writers: Final = _Writers()


def _is_plain_model(schema: dict[str, Any]) -> bool:
    """Tell whether a model has no validators: these may read another value than was written."""
    return bool(schema["type"] == "model" and schema["schema"]["type"] == "model-fields")


def _in_full(form: Narrow, write: Callable[..., bytes], data: dict[str, Any], *, exclude_defaults: bool) -> bytes:
    """Write an instance that contains a model; write that model in full and by its aliases, as it reads itself."""
    written = write(data, exclude=form.defaulted(data) if exclude_defaults else None, by_alias=True)
    if not form.holds_sets:
        return written
    document = from_json(written)
    sort_fields(form.declared, data, document)
    return to_json(document, inf_nan_mode="constants")


def _has_defaults(cls: type[StateModel]) -> bool:
    """Tell whether all fields have a plain default, so that the document may leave them out."""
    return not any(field.is_required() or field.default_factory for field in cls.model_fields.values())


def _trust(fields: dict[str, Any]) -> int:
    others = (field for name, field in fields.items() if name != "result")
    if not all(is_exact(field, _is_exact_model) for field in others):
        return READ_BACK
    result = fields.get("result")
    if result is None:  # of a machine
        return EXACT
    if result["type"] == "any":
        return UNDECLARED
    return EXACT if is_exact(result, _is_exact_model) else READ_BACK


def _is_exact_model(cls: type) -> bool:
    return cls is ErrorInfo
