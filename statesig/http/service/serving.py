"""Serve an application of `create_app` with uvicorn, so that it ends as soon as it is asked to. Nothing here logs."""

from __future__ import annotations

from contextlib import suppress
from socket import socket
from types import FrameType

import uvicorn
from fastapi import FastAPI
from typing_extensions import override

from statesig.http.service.application import Service

__all__ = ["Server", "serve"]


def serve(app: FastAPI, bound: socket) -> None:
    """Serve an application of `create_app` until Ctrl-C or SIGTERM; returns after Ctrl-C.

    At the first of them the streams of those who follow a run end at once, running tasks may finish, and the runs stay
    as they are, for the next server. A second one stops running tasks, too. It writes no log of requests.

    Args:
        app: The application.
        bound: A socket that is bound, such as ``socket.create_server(("127.0.0.1", 8000))``. It is closed at the end.

    Raises:
        TypeError: The application is not one of `create_app`.
        RuntimeError: The application could not start; uvicorn's log says why.
    """
    server = Server(app)
    with suppress(KeyboardInterrupt, SystemExit):  # uvicorn raises one after Ctrl-C, the other if it cannot start
        server.run(sockets=[bound])
    if not server.started:
        raise RuntimeError("the application could not start; the log of uvicorn says why")


class Server(uvicorn.Server):
    """A server that leaves the runs, and ends the streams of those who follow, as soon as it is to end.

    Args:
        app: An application of `create_app`.

    Raises:
        TypeError: It is another one.
    """

    def __init__(self, app: FastAPI) -> None:
        service: object = getattr(app.state, "service", None)
        if not isinstance(service, Service):
            raise TypeError(f"an application of create_app is served, not {app!r}")
        # No log of its own: that is the business of who starts the application themselves.
        super().__init__(uvicorn.Config(app, log_config=None, log_level="warning", access_log=False))
        self._service = service

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._service.stop(now=self.should_exit)
        super().handle_exit(sig, frame)
