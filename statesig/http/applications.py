"""FastAPI: the middleware in its right place, validation errors without payload, routes, and the OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from functools import cached_property
from typing import Any, ClassVar, Final, cast

from fastapi import FastAPI, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError, ValidationException, WebSocketRequestValidationError
from fastapi.routing import APIRoute
from starlette.middleware import Middleware
from starlette.status import WS_1008_POLICY_VIOLATION
from starlette.websockets import WebSocket
from typing_extensions import override

from statesig.algebra.captures import Redact
from statesig.codec.limits import DEFAULT_LIMITS, Limits
from statesig.http.answers import Answered, Boundary, Expose, Location
from statesig.http.asgi import Receive, Scope, Send
from statesig.http.middleware import SignalMiddleware, answering
from statesig.http.openapi import Document
from statesig.http.problems import Fault, faults_in
from statesig.http.statuses import REFUSALS, Raises, Statuses
from statesig.http.words import Words, words_of
from statesig.signals import is_class_of_signals
from statesig.states import State

__all__ = ["SignalRoute", "install"]


def install(
    app: FastAPI,
    *,
    statuses: Statuses | None = None,
    expose: Expose = (),
    redact: Redact | None = None,
    location: Location | None = None,
    limits: Limits = DEFAULT_LIMITS,
    validation: bool = True,
    raises: Raises = (State, *REFUSALS),
) -> None:
    """Make an application answer signals, its validation errors name no payload, and its OpenAPI document say so.

    The middleware is innermost, whatever is added later. Install it in each mounted application, too, that has
    middleware or validates parameters of its own.

    Args:
        app: The application, before its first request.
        statuses: See `Boundary`, as for the next five.
        expose: The states whose messages and causes may leave.
        redact: Called with each text that leaves.
        location: Tells where a state can be followed.
        limits: Limits of request bodies.
        validation: Whether an error of a document that leaves an endpoint is answered as ValidationFailed.
        raises: What endpoints raise, as the OpenAPI document says of each: the families of states whose signals they
            raise, those of machines too, `IllegalTransition`, `EntityChanged` and `NoEntity`.

    Raises:
        RuntimeError: The application has begun, or has it already.
        TypeError: A handler of signals is, or is later, added to the application, which Starlette cannot call.
        ValueError: A status is not one from 200 to 599.
    """
    if app.middleware_stack is not None:
        raise RuntimeError("install(app) comes before the first request; the application has begun")
    if isinstance(app.exception_handlers, _Handlers):
        raise RuntimeError("install(app) was called for this application")
    boundary = Boundary(statuses, expose, redact, location, limits, validation)
    app.exception_handlers = _Handlers(app.exception_handlers)
    refusing = _Refusing(boundary)
    app.add_exception_handler(RequestValidationError, refusing)
    app.add_exception_handler(WebSocketRequestValidationError, refusing.close)
    app.user_middleware.append(Middleware(_Installed, boundary=boundary))
    app.openapi = Document(app, boundary.table, raises)  # type: ignore[method-assign]  # as FastAPI's manual has it


class _Installed(SignalMiddleware):
    """The middleware with a boundary that is made already."""

    def __init__(self, app: Any, *, boundary: Boundary) -> None:
        super().__init__(app)
        self.boundary = boundary


class _Handlers(dict[Any, Any]):
    """The handlers of an application, without any of signals: Starlette would refuse each request with a bare error."""

    def __init__(self, handlers: dict[Any, Any]) -> None:
        super().__init__()
        for key, handler in handlers.items():
            self[key] = handler

    @override
    def __setitem__(self, key: Any, handler: Any) -> None:
        if is_class_of_signals(key):
            raise TypeError(
                f"Starlette calls handlers of Exceptions alone, not of {key.__name__}; "
                "install(app, statuses=..., expose=...) says how signals are answered"
            )
        super().__setitem__(key, handler)


class SignalRoute(APIRoute):
    """A route that answers signals itself: ``APIRouter(route_class=SignalRoute)``.

    For routers in an application of others, under whatever middleware it has. Set ``boundary`` in a subclass to say how
    states leave.
    """

    boundary: ClassVar[Boundary] = Boundary()

    @cached_property
    def _words(self) -> Words:
        return words_of_route(self)

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler of requests, whose validation errors pass the application's own handlers by."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as exc:
                faults = faults_in(exc.errors(), self._words)
                raise Answered(self.boundary.refusal(faults, request.scope)) from None

        return handled

    @override
    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, and what the endpoint raises once its dependencies have seen it."""
        await answering(super().handle, self.boundary, scope, receive, send)


class _Refusing:
    """Handles FastAPI's validation errors: paths and what is expected, nothing of what was sent."""

    def __init__(self, boundary: Boundary) -> None:
        self.boundary = boundary
        self.words: dict[int, tuple[object, Words]] = {}

    async def __call__(self, request: Request, exc: Exception) -> Response:
        answer = self.boundary.refusal(self._faults(request.scope, exc), request.scope)
        return Response(answer.body, answer.status, dict(answer.headers))

    async def close(self, websocket: WebSocket, exc: Exception) -> None:
        """Close a connection whose parameters are not valid; the reason is as short as the protocol wants it."""
        fault = self._faults(websocket.scope, exc)[0]
        reason = f"{fault.path}: {fault.reason}".encode()[:_LONGEST_REASON].decode(errors="ignore")
        await websocket.close(WS_1008_POLICY_VIOLATION, reason)

    def _faults(self, scope: Scope, exc: Exception) -> tuple[Fault, ...]:
        errors = cast("ValidationException", exc).errors()
        route = scope.get("route")
        if id(route) not in self.words:
            self.words[id(route)] = route, words_of_route(route)
        return faults_in(errors, self.words[id(route)][1])


_LONGEST_REASON: Final = 123
_PLACES: Final = ("body", "cookie", "header", "path", "query")


def words_of_route(route: object) -> Words:
    """Return the names of a route's parameters, and of the fields of their types."""
    dependant = getattr(route, "dependant", None)
    fields = [] if dependant is None else list(_fields_of(dependant))
    names = {name for field in fields for name in (field.name, field.alias)}
    return words_of((field.field_info.annotation for field in fields), {*_PLACES, *names})


def _fields_of(dependant: Dependant) -> Iterator[Any]:
    for group in ("path_params", "query_params", "header_params", "cookie_params", "body_params"):
        yield from getattr(dependant, group)
    for inner in dependant.dependencies:
        yield from _fields_of(inner)
