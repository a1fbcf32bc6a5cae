"""Validate the values of a flow's parameters before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError

from statesig.errors import FlowError
from statesig.graph.graph import Graph
from statesig.graph.nodes import Parameter
from statesig.states.declared import name_of
from statesig.states.reasons import invalid

__all__ = ["checked_parameters"]


def checked_parameters(flow: Graph, given: Mapping[str, Any], *, text: bool = False) -> dict[str, Any]:
    """Return the values of a flow's parameters, each validated as its type.

    Args:
        flow: The flow.
        given: Values by name.
        text: Whether the values are text, as from a command line, to be parsed as their types.

    Raises:
        FlowError: A value is missing, unknown or not valid; the text does not repeat it.
    """
    unknown = sorted(given.keys() - flow.parameters.keys())
    if unknown:
        raise FlowError(flow.name, _unknown(flow, unknown))
    missing = [name for name, one in flow.parameters.items() if one.required and name not in given]
    if missing:
        raise FlowError(flow.name, f"needs a value for {', '.join(missing)}")
    read = _from_text if text else _from_value
    return {
        name: read(flow, parameter, given[name]) if name in given else parameter.default
        for name, parameter in flow.parameters.items()
    }


def _unknown(flow: Graph, names: list[str]) -> str:
    """Return the sentence about keywords that no parameter has; a checker cannot tell them from misspelt options."""
    from difflib import get_close_matches

    known = [*flow.parameters, *flow.options]
    meant = [found[0] for name in names if (found := get_close_matches(name, known, 1))]
    hint = f"; did you mean {', '.join(meant)}?" if meant else ""
    return f"no such parameter: {', '.join(names)}{hint}; its parameters are {', '.join(flow.parameters) or 'none'}"


def _from_value(flow: Graph, parameter: Parameter, value: Any) -> Any:
    return parameter.validated(value, flow.name)


def _from_text(flow: Graph, parameter: Parameter, value: str) -> Any:
    """Return the value of a text: as its type writes it, such as ``2026-11-22``, or else as JSON."""
    adapter = _adapter(flow, parameter)
    try:
        return adapter.validate_strings(value)
    except Exception as exc:
        refusal = exc
    try:
        return adapter.validate_json(value)
    except Exception as exc:
        if value.lstrip()[:1] in _OPENINGS:
            refusal = exc
    declared = parameter.value_type
    assert declared is not None, "every text is valid where nothing is asked of a value"
    raise FlowError(flow.name, f"parameter {parameter.name} is {invalid(declared, refusal, parameter.name)}")


_OPENINGS = ("{", "[")
"""The beginnings of JSON that can be nothing else, so that its own refusal is the one to tell."""


def _adapter(flow: Graph, parameter: Parameter) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(parameter.type)
    except PydanticUserError:
        name = name_of(parameter.type)
        raise FlowError(flow.name, f"parameter {parameter.name}: pydantic cannot read values of type {name}") from None
