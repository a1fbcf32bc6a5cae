"""Document the signals of a FastAPI application in its OpenAPI document.

Each operation has, besides its own, the responses of the signals that it may raise: one for each status, with the
states of that status told apart by tag. FastAPI itself names the components, so that none has two names.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, Union, cast

from pydantic import BaseModel, create_model

from statesig.http.answers import JSON, PROBLEM, WITHOUT_BODY, title_of
from statesig.http.statuses import TableOfStatuses, check_families
from statesig.signals import Signal, catching
from statesig.states import State, ValidationFailed
from statesig.states.families import descendants

if TYPE_CHECKING:
    from fastapi import FastAPI

    from statesig.http.answers import Expose

__all__ = ["Document"]

_HIDDEN: Final = "/statesig-signals"
_METHODS: Final = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
_TEXT: Final = {"type": "string"}
_ERRORS: Final = {
    "type": "array",
    "description": "What is wrong with the request: a place and what is expected there.",
    "items": {"type": "object", "properties": {"path": _TEXT, "reason": _TEXT}, "required": ["path", "reason"]},
}


class Document:
    """Makes the document of an application; again when a state, a signal or a route has come since.

    Args:
        app: The application.
        table: The statuses of states.
        raises: The families of states whose signals endpoints raise.
    """

    def __init__(self, app: FastAPI, table: TableOfStatuses, raises: Expose) -> None:
        self.app = app
        self.table = table
        check_families("raises", raises)
        self.raises = raises
        self.made_of: object = None

    def __call__(self) -> dict[str, Any]:
        """Return the document."""
        kinds = self._kinds()
        made_of = (kinds, descendants(State), _version_of(self.app))
        if self.app.openapi_schema is None or self.made_of != made_of:
            self.app.openapi_schema = self._make(kinds)
            self.made_of = made_of
        return self.app.openapi_schema

    def _kinds(self) -> tuple[tuple[int, tuple[type[State[Any]], ...]], ...]:
        """Return the states that have a signal and are of the families, by status."""
        found: defaultdict[int, list[type[State[Any]]]] = defaultdict(list)
        raised = {signal.__state_type__ for family in self.raises for signal in catching(family)}
        for cls in cast("tuple[type[State[Any]], ...]", descendants(State)):
            if cls in raised:
                found[self.table.status_of(cls)].append(cls)
        return tuple((status, tuple(classes)) for status, classes in sorted(found.items()))

    def _make(self, kinds: tuple[tuple[int, tuple[type[State[Any]], ...]], ...]) -> dict[str, Any]:
        refused = self.table.status_of(ValidationFailed)
        of_statuses: dict[str, Any] = {f"Signal{status}": Signal[Union[classes]] for status, classes in kinds}  # type: ignore[valid-type]  # made here
        document, schemas = _with_schemas(self.app, {**of_statuses, "InvalidRequest": Signal[ValidationFailed]})
        made = {f"Signal{at}": _response(document, at, schemas[f"Signal{at}"], at == refused) for at, _ in kinds}
        made["InvalidRequest"] = _response(document, refused, schemas["InvalidRequest"], True)
        made |= {f"RefusedBody{status}": _response(document, status, None, False) for status in (400, 413)}
        document["components"].setdefault("responses", {}).update(made)
        for operation in _operations(document):
            responses = operation.setdefault("responses", {})
            added = [(status, f"Signal{status}") for status, _ in kinds]
            if _is_default(responses.get("422")):
                del responses["422"]
                added += [(refused, "InvalidRequest")] if refused not in dict(kinds) else []
            if "requestBody" in operation:
                added += [(status, f"RefusedBody{status}") for status in (400, 413)]
            for status, name in sorted(added):
                _add(responses, str(status), name, made)
        _drop_unused(document)
        return document


def _version_of(app: FastAPI) -> object:
    """Return what changes with the routes of an application."""
    version: Any = getattr(app.router, "_get_routes_version", None)  # FastAPI's own way, where it has one
    return (version and version(), len(app.routes))


def _with_schemas(app: FastAPI, kinds: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the document that FastAPI makes, and the schemas of types, whose components are in it."""
    from fastapi.openapi.utils import get_openapi
    from fastapi.routing import APIRoute

    fields: dict[str, Any] = {name: (kind, ...) for name, kind in kinds.items()}
    model: type[BaseModel] = create_model("StatesigSignals", **fields)

    def hidden() -> None:
        """Have its response described, along with those of the application."""

    document = get_openapi(
        title=app.title,
        version=app.version,
        openapi_version=app.openapi_version,
        summary=app.summary,
        description=app.description,
        terms_of_service=app.terms_of_service,
        contact=app.contact,
        license_info=app.license_info,
        routes=[*app.routes, APIRoute(_HIDDEN, hidden, response_model=model)],
        webhooks=app.webhooks.routes,
        tags=app.openapi_tags,
        servers=app.servers,
        separate_input_output_schemas=app.separate_input_output_schemas,
        external_docs=app.openapi_external_docs,
    )
    del document["paths"][_HIDDEN]
    return document, document["components"]["schemas"].pop(model.__name__)["properties"]


def _response(document: dict[str, Any], status: int, states: dict[str, Any] | None, is_refusal: bool) -> dict[str, Any]:
    """Return a response, its body being a component of the document.

    Args:
        document: The document.
        status: The status.
        states: The schema of the states that have it; None: those of no state.
        is_refusal: Whether it is that of requests that are not valid, too.
    """
    described = {"description": title_of(status)}
    if status in WITHOUT_BODY:
        return described
    schema = None if states is None else {key: value for key, value in states.items() if key != "title"}
    if schema is not None and status < 400:
        return {**described, "content": {JSON: {"schema": _component(document, f"Signal{status}", schema)}}}
    members: dict[str, Any] = {"type": _TEXT, "title": _TEXT, "status": {"const": status}, "detail": _TEXT}
    members |= {"errors": _ERRORS} if is_refusal else {}
    members |= {"state": schema} if schema is not None else {}
    required = ["type", "title", "status", *(["state"] if schema is not None else [])]
    problem = {"type": "object", "properties": members, "required": required}
    return {**described, "content": {PROBLEM: {"schema": _component(document, f"Problem{status}", problem)}}}


def _component(document: dict[str, Any], name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Add a schema to the document under its name, or a longer one if that is taken, and return a reference to it."""
    schemas: dict[str, Any] = document["components"]["schemas"]
    while schemas.get(name, schema) != schema:
        name = f"Statesig{name}"
    schemas[name] = schema
    return {"$ref": f"#/components/schemas/{name}"}


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from (operation for method, operation in path.items() if method in _METHODS)


def _is_default(response: dict[str, Any] | None) -> bool:
    """Tell whether a response is the one that FastAPI adds for its validation errors."""
    return response is not None and ("schemas", "HTTPValidationError") in _references(response)


def _add(responses: dict[str, Any], status: str, name: str, made: dict[str, Any]) -> None:
    """Add a response to those of an operation; beside one that it has, each kind of content is one or the other."""
    if status not in responses:
        responses[status] = {"$ref": f"#/components/responses/{name}"}
        return
    own = responses[status]
    own = made[own["$ref"].rpartition("/")[2]] if "$ref" in own else own
    content = dict(own.get("content", {}))
    for media_type, described in made[name].get("content", {}).items():
        had = content.get(media_type, {}).get("schema")
        both = described["schema"] if had is None else {"anyOf": [had, described["schema"]]}
        content[media_type] = {**content.get(media_type, {}), "schema": both}
    responses[status] = {**own, "content": content}


def _drop_unused(document: dict[str, Any]) -> None:
    """Drop the responses and schemas that nothing refers to any longer."""
    components: dict[str, Any] = document["components"]
    kept: dict[str, dict[str, Any]] = {"responses": {}, "schemas": {}}
    there = {kind: components.pop(kind) for kind in kept}
    waiting = _references(document)
    while waiting:
        kind, name = waiting.pop()
        if name in there[kind] and name not in kept[kind]:
            kept[kind][name] = there[kind][name]
            waiting |= _references(there[kind][name])
    components.update({kind: dict(sorted(parts.items())) for kind, parts in kept.items()})


def _references(part: object) -> set[tuple[str, str]]:
    """Return the responses and schemas to which a part of a document refers."""
    return set(re.findall(r'"#/components/(responses|schemas)/([^"]+)"', json.dumps(part)))
