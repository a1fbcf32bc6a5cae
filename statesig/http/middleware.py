"""ASGI middleware that answers a signal with a response; it needs no framework."""

from __future__ import annotations

from typing import NoReturn

from statesig.algebra.captures import Redact
from statesig.codec.limits import DEFAULT_LIMITS, Limits
from statesig.http.answers import Answer, Boundary, Expose, Location
from statesig.http.asgi import ASGIApp, Message, Receive, Scope, Send
from statesig.http.bodies import guarded
from statesig.http.statuses import Statuses

__all__ = ["SignalMiddleware", "answering", "hand_over"]


class SignalMiddleware:
    """Answers a signal that leaves an application with the response of its state.

    A group of signals is answered as `capture` combines it. Put it innermost: middleware that runs the application in a
    task group, such as Starlette's ``@app.middleware("http")``, hides a signal in a group with an error of its own.

    The start of a response is held back until its first byte, so that a stream which raises a signal before that is
    answered, too; an application that wants to send its headers earlier sends an empty part of the body. A signal that
    comes later, or from a task in the background, is raised again: the response is gone.

    Args:
        app: The application.
        statuses: See `Boundary`, as for all that follow.
        expose: The states whose messages and causes may leave.
        redact: Called with each text that leaves.
        location: Tells where a state can be followed.
        limits: Limits of request bodies. One with more bytes is refused before it is read whole; JSON that is too
            deep, has too many values or is not read alike by every reader is refused before the application runs.
        validation: Whether an error of a document that leaves the application is answered as ValidationFailed.

    Raises:
        TypeError: `statuses` or `expose` name something else than classes of states.
        ValueError: A status is not one from 200 to 599.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        statuses: Statuses | None = None,
        expose: Expose = (),
        redact: Redact | None = None,
        location: Location | None = None,
        limits: Limits = DEFAULT_LIMITS,
        validation: bool = True,
    ) -> None:
        self.app = app
        self.boundary: Boundary = Boundary(statuses, expose, redact, location, limits, validation)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application for one connection; only those of HTTP have responses."""
        if scope["type"] == "http":
            await answering(self.app, self.boundary, scope, receive, send)
        else:
            await self.app(scope, receive, send)


async def answering(app: ASGIApp, boundary: Boundary, scope: Scope, receive: Receive, send: Send) -> None:
    """Run an application for one request, and answer what it raises.

    Args:
        app: The application.
        boundary: How states leave.
        scope: The request, as are `receive` and `send`.
        receive: Its body.
        send: The response.

    Raises:
        BaseException: Something that the boundary does not answer, or that came after the first byte of the response.
    """
    response = _Held(send)
    answer: Answer | None = None
    try:
        await app(scope, await guarded(scope, receive, boundary.limits), response.send)
        await response.release()
    except BaseException as exc:
        answer = None if response.is_sent else boundary.answer_to(_error_in(exc), scope)
        if answer is None:
            raise
    if answer is not None:
        await answer(scope, receive, send)


def hand_over(request: object, exc: Exception) -> NoReturn:
    """Leave an error to the middleware: a handler of errors for a framework that answers all that it has none for.

    ``Litestar(exception_handlers={DecodeError: hand_over})`` answers a body that is no state with 422, not 500.

    Raises:
        BaseException: Always; `SignalMiddleware` answers it as the error.
    """
    raise _HandedOver(exc) from None


class _HandedOver(BaseException):
    """An error on its way past a framework's handlers."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


def _error_in(exc: BaseException) -> BaseException:
    return exc.error if isinstance(exc, _HandedOver) else exc


class _Held:
    """The start of a response, held back until its first byte is sent."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self.is_sent = False

    async def send(self, message: Message) -> None:
        """Send a message, or hold back the start."""
        if message["type"] == "http.response.start" and not self.is_sent:
            self._start = message
            return
        await self.release()
        await self._send(message)

    async def release(self) -> None:
        """Send the start that is held back, if any is."""
        if self._start is not None:
            start, self._start = self._start, None
            self.is_sent = True
            await self._send(start)
