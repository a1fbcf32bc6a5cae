"""Document the signals of a FastAPI application in its OpenAPI document.

Each operation has, besides its own, the responses of the signals that it may raise: one for each status and machine,
with the states of that status told apart by tag, and those of the errors that refuse a change. FastAPI itself names the
components, so that none has two names.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Union, cast

from pydantic import BaseModel, create_model

from statesig.errors import EntityChanged, IllegalTransition, NoEntity, RefusedTransition
from statesig.http.answers import JSON, PROBLEM, WITHOUT_BODY, title_of
from statesig.http.statuses import REFUSALS, TableOfStatuses, check_families
from statesig.signals import Signal, catching
from statesig.states import State, ValidationFailed
from statesig.states.families import StateModel, descendants
from statesig.states.machines import Machine

if TYPE_CHECKING:
    from fastapi import FastAPI

    from statesig.http.statuses import Raises, Refusal

__all__ = ["Document"]

_HIDDEN: Final = "/statesig-signals"
_METHODS: Final = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
_TEXT: Final = {"type": "string"}
_ERRORS: Final = {
    "type": "array",
    "description": "What is wrong with the request: a place and what is expected there.",
    "items": {"type": "object", "properties": {"path": _TEXT, "reason": _TEXT}, "required": ["path", "reason"]},
}

_NAMES: Final = {
    "type": "object",
    "description": "What was asked, and what may follow the source.",
    "properties": {"source": _TEXT, "target": _TEXT, "possible": {"type": "array", "items": _TEXT}},
    "required": ["source", "target", "possible"],
}
_VERSION: Final = {"type": "integer", "minimum": 0}
_VERSIONS: Final = {
    "type": "object",
    "description": "The version that was expected and the one that the entity has; 0: it is not there.",
    "properties": {"key": _TEXT, "expected": _VERSION, "version": _VERSION},
    "required": ["expected", "version"],
}
# Each error that refuses a change: the name of its response, and the members of its problem.
_REFUSALS: Final[dict[type[Refusal], tuple[str, dict[str, Any]]]] = {
    IllegalTransition: ("Transition", {"transition": _NAMES}),
    RefusedTransition: ("Transition", {"transition": _NAMES}),
    EntityChanged: ("EntityChanged", {"entity": _VERSIONS}),
    NoEntity: ("NoEntity", {}),
}


class Document:
    """Makes the document of an application; again when a state, a signal or a route has come since.

    Args:
        app: The application.
        table: The statuses of states.
        raises: The families of states whose signals endpoints raise, and the errors that refuse a change.
    """

    def __init__(self, app: FastAPI, table: TableOfStatuses, raises: Raises) -> None:
        self.app = app
        self.table = table
        check_families("raises", raises, Machine, *REFUSALS)
        self.families: list[Any] = [each for each in raises if not issubclass(each, REFUSALS)]
        errors: tuple[Any, ...] = tuple(each for each in raises if issubclass(each, REFUSALS))
        self.refusals: list[type[Refusal]] = [each for each in _REFUSALS if issubclass(each, errors)]
        self.made_of: object = None

    def __call__(self) -> dict[str, Any]:
        """Return the document."""
        kinds = self._kinds()
        made_of = (kinds, descendants(StateModel), _version_of(self.app))
        if self.app.openapi_schema is None or self.made_of != made_of:
            self.app.openapi_schema = self._make(kinds)
            self.made_of = made_of
        return self.app.openapi_schema

    def _kinds(self) -> tuple[_Kind, ...]:
        """Return the states that have a signal and are of the families, by status and root."""
        found: defaultdict[tuple[int, Any], list[Any]] = defaultdict(list)
        raised: set[Any] = {signal.__state_type__ for family in self.families for signal in catching(family)}
        for cls in cast("tuple[Any, ...]", descendants(StateModel)):
            if cls in raised:
                found[self.table.status_of(cls), cls.__top__].append(cls)
        names: dict[str, _Kind] = {}
        for (status, root), classes in found.items():
            name = f"{'' if root is State else root.__name__}{status}"
            while name in names:
                name = f"Another{name}"  # another machine whose root has the same name
            names[name] = _Kind(name, status, tuple(classes))
        return tuple(sorted(names.values(), key=lambda kind: kind.status))

    def _make(self, kinds: tuple[_Kind, ...]) -> dict[str, Any]:
        refused = self.table.status_of(ValidationFailed)
        is_invalid = {kind.name: kind.status == refused and issubclass(kind.classes[0], State) for kind in kinds}
        signals: dict[str, Any] = {kind.name: Signal[Union[kind.classes]] for kind in kinds}  # type: ignore[name-defined]  # made here
        document, schemas = _with_schemas(self.app, {**signals, "InvalidRequest": Signal[ValidationFailed]})
        made = {
            f"Signal{kind.name}": _response(
                document, kind.status, schemas[kind.name], is_invalid[kind.name], name=kind.name
            )
            for kind in kinds
        }
        made["InvalidRequest"] = _response(document, refused, schemas["InvalidRequest"], True)
        made |= {f"RefusedBody{status}": _response(document, status, None, False) for status in (400, 413)}
        refusals = {f"{_REFUSALS[each][0]}{self.table.status_of(each)}": each for each in self.refusals}
        at = {name: self.table.status_of(each) for name, each in refusals.items()}
        made |= {name: _refusal(document, name, at[name], _REFUSALS[each][1]) for name, each in refusals.items()}
        document["components"].setdefault("responses", {}).update(made)
        for operation in _operations(document):
            responses = operation.setdefault("responses", {})
            added = [(kind.status, f"Signal{kind.name}") for kind in kinds]
            added += [(status, name) for name, status in at.items()]
            if _is_default(responses.get("422")):
                del responses["422"]
                added += [] if any(is_invalid.values()) else [(refused, "InvalidRequest")]
            if "requestBody" in operation:
                added += [(status, f"RefusedBody{status}") for status in (400, 413)]
            for status, name in sorted(added):
                _add(responses, str(status), name, made)
        _drop_unused(document)
        return document


class _Kind(NamedTuple):
    """States of one status and one root: the name of their components, the status, and their classes."""

    name: str
    status: int
    classes: tuple[Any, ...]


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


def _response(
    document: dict[str, Any], status: int, states: dict[str, Any] | None, is_refusal: bool, *, name: str | None = None
) -> dict[str, Any]:
    """Return a response, its body being a component of the document.

    Args:
        document: The document.
        status: The status.
        states: The schema of the states that have it; None: those of no state.
        is_refusal: Whether it is that of requests that are not valid, too.
        name: The name of the component behind its first word; by default the status.
    """
    described = {"description": title_of(status)}
    if status in WITHOUT_BODY:
        return described
    schema = None if states is None else {key: value for key, value in states.items() if key != "title"}
    if schema is not None and status < 400:
        return {**described, "content": {JSON: {"schema": _component(document, f"Signal{name or status}", schema)}}}
    members = {"errors": _ERRORS} if is_refusal else {}
    problem = _problem(status, members if schema is None else {**members, "state": schema})
    return {**described, "content": {PROBLEM: {"schema": _component(document, f"Problem{name or status}", problem)}}}


def _refusal(document: dict[str, Any], name: str, status: int, members: dict[str, Any]) -> dict[str, Any]:
    """Return the response to a change that is not made, its body being a component of the document by the same name."""
    schema = _component(document, name, _problem(status, members))
    return {"description": title_of(status), "content": {PROBLEM: {"schema": schema}}}


def _problem(status: int, members: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a problem with some members, of which that of faults may be missing."""
    common = {"type": _TEXT, "title": _TEXT, "status": {"const": status}, "detail": _TEXT}
    required = ["type", "title", "status", *(name for name in members if name != "errors")]
    return {"type": "object", "properties": {**common, **members}, "required": required}


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
