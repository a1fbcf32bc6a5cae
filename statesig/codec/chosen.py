"""Make a type of Pydantic's of a choice of states, whose members are told apart by tag wherever it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic_core import core_schema

from statesig.states.choices import Choice
from statesig.states.families import dump, read_unforged, schema_of

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

__all__ = ["annotated"]


def annotated(choice: Choice) -> Any:
    """Return the type that admits a choice of states."""
    return Annotated[Any, _Chosen(choice)]


class _Chosen:
    """How Pydantic validates, writes and describes a choice of states."""

    def __init__(self, choice: Choice) -> None:
        self.choice = choice

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        written = core_schema.plain_serializer_function_ser_schema(dump, info_arg=True, when_used="always")
        described = {"pydantic_js_functions": [self.describe]}
        return core_schema.with_info_plain_validator_function(self.read, serialization=written, metadata=described)

    def read(self, value: Any, info: core_schema.ValidationInfo) -> Any:
        return read_unforged(self.choice, value, info)

    def describe(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return schema_of(self.choice, handler)
