"""Make the server's application: its routes, and what they have in common. What they do is in the modules beside."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from anyio import to_thread
from fastapi import FastAPI

from statesig.algebra.captures import Redact
from statesig.codec.limits import DEFAULT_LIMITS, Limits
from statesig.engine.observers import after
from statesig.engine.options import LEASE, OnEvent, Options, StoreTarget
from statesig.errors import StoreError
from statesig.executors.executor import Executor
from statesig.executors.named import ExecutorName
from statesig.flow import Flow
from statesig.http.answers import Boundary, Expose
from statesig.http.applications import install
from statesig.http.service.access import Authenticate, Authorize
from statesig.http.service.changing import Changing
from statesig.http.service.driving import Driver
from statesig.http.service.entrance import Entrance
from statesig.http.service.following import Feeds
from statesig.http.service.gate import Gate
from statesig.http.service.pages.routes import Pages
from statesig.http.service.reading import Reading
from statesig.http.service.responses import answer_to_error
from statesig.http.service.signalling import Signalling
from statesig.http.service.starting import Starting
from statesig.http.service.views import Views
from statesig.stores.opening import open_store
from statesig.stores.store import Store

__all__ = ["Service", "create_app"]


def create_app(
    store: StoreTarget,
    *,
    authenticate: Authenticate,
    authorize: Authorize,
    flows: Iterable[Flow] = (),
    executor: Executor | ExecutorName | None = None,
    workers: int = 4,
    expose: Expose = (),
    on_event: OnEvent | None = None,
    redact: Redact | None = None,
    limits: Limits = DEFAULT_LIMITS,
    lease: float = LEASE,
    poll: float = 0.5,
) -> FastAPI:
    """Make an application that shows the runs of a store, starts runs, and takes signals to them.

    It drives the runs of the flows that it is given, in threads, and when it is started again goes on with those that
    it drove. A signal to any other run is stored, and acts when somebody resumes that run.

    Args:
        store: The store of the runs: a path or a URL, which the application closes when it ends, or a `Store`, which
            stays open for whoever opened it.
        authenticate: Returns the principal of a bearer token; None for one that is not valid: `Tokens`, or a function.
        authorize: Tells whether a principal may do something with a run: a `Policy`, or a function. It has no default.
        flows: The flows whose runs it starts and drives, each with a name of its own.
        executor: Where tasks run; see `Flow.run`.
        workers: The number of runs that are driven at once, at most; from 1.
        expose: The states whose messages and causes may leave; their descendants' may, too.
        on_event: Called with each `Event` of the runs that it drives, each in its thread, once it is stored; may be a
            `statesig.tracing.Tracing`.
        redact: Called with each text of an exception before a state keeps it, and with each text that leaves.
        limits: Limits of request bodies.
        lease: Seconds that a lease on a run lasts.
        poll: Seconds between two looks at a run that somebody follows; what this server drives is seen at once.

    Raises:
        TypeError: `authenticate` or `authorize` cannot be called, `expose` names something else than classes of
            states, or something else than a flow was given.
        ValueError: Two flows have one name, or `workers` or `poll` is too small.
        FlowError: Another option is not what it has to be.
        StoreError: The store cannot be opened.
    """
    _check(authenticate, authorize, workers, poll)
    named = _by_name(flows)
    boundary = Boundary(expose=expose, redact=redact, limits=limits)
    options = Options(executor=executor, store=open_store(store), on_event=on_event, redact=redact, lease=lease)
    options.check("the server")
    service = Service(options, named, boundary, workers, poll, closes=not isinstance(store, Store))
    gate = Gate(service.views, authorize)
    app = FastAPI(
        title="statesig",
        description="Runs of flows: list, show and follow them, start them, and send signals to them.",
        version=_VERSION,
        docs_url=None,
        redoc_url=None,
        lifespan=service.lifespan,
    )
    install(app, expose=expose, redact=redact, limits=limits, raises=())
    reading = Reading(service.views, service.feeds, gate)
    reading.add_to(app)
    signalling = Signalling(service.views, service.driver, service.options)
    starting = Starting(service.views, service.driver, service.options)
    changing = Changing(service.views, gate, signalling, starting, boundary)
    changing.add_to(app)
    Pages(reading, changing, gate, authenticate).add_to(app)
    for error in (StoreError, Exception):
        app.add_exception_handler(error, answer_to_error)
    app.add_middleware(Entrance, authenticate=authenticate)
    app.state.service = service
    return app


_VERSION: Final = "1"
"""The version of the server's routes and documents."""


def _check(authenticate: Authenticate, authorize: Authorize, workers: int, poll: float) -> None:
    """Check the arguments that nothing else checks.

    Raises:
        TypeError: One cannot be called.
        ValueError: A number is too small.
    """
    for name, given in (("authenticate", authenticate), ("authorize", authorize)):
        if not callable(given):
            raise TypeError(f"{name} is called with what somebody asks; {given!r} cannot be called")
    if workers < 1 or poll <= 0:
        raise ValueError(f"workers is 1 or more, not {workers}, and poll more than 0 seconds, not {poll}")


def _by_name(flows: Iterable[Flow]) -> dict[str, Flow]:
    named: dict[str, Flow] = {}
    for flow in flows:
        if not isinstance(flow, Flow):  # pyright: ignore[reportUnnecessaryIsInstance]  # not every caller is checked
            raise TypeError(f"flows are flows, not {flow!r}")
        if named.setdefault(flow.name, flow) is not flow:
            raise ValueError(f"two flows are named {flow.name!r}; a server knows a flow by its name")
    return named


class Service:
    """What the routes of a server share, from its start to its end.

    Args:
        options: The options of the runs.
        flows: The flows that it drives, by name.
        boundary: What states may show.
        workers: The number of runs that are driven at once, at most.
        poll: Seconds between two looks at a run.
        closes: Whether the store is closed at the end.

    Attributes:
        views: Reads the store.
        feeds: Follows runs.
        driver: Drives runs.
        options: The options of the runs.
    """

    def __init__(
        self,
        options: Options,
        flows: Mapping[str, Flow],
        boundary: Boundary,
        workers: int,
        poll: float,
        *,
        closes: bool,
    ) -> None:
        self._closes = closes
        store = options.store
        assert isinstance(store, Store), "create_app has opened it"
        self.views: Views = Views(store, flows, boundary, options.now, options.lease)
        self.feeds: Feeds = Feeds(self.views, poll)
        self.options: Options = _telling(options, self.feeds.wake)
        self.driver: Driver = Driver(store, flows, self.options, workers)

    @asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncGenerator[None]:
        """Go on with the runs that were driven before, and leave all to be resumed at the end."""
        await to_thread.run_sync(self.driver.take_up)
        try:
            yield
        finally:
            self.stop()
            await to_thread.run_sync(self.driver.wait, abandon_on_cancel=True)
            if self._closes:
                self.views.store.close()

    def stop(self, *, now: bool = False) -> None:
        """Begin nothing further and end all streams; may be called from any thread and from a signal handler.

        Args:
            now: Whether to stop running tasks, too, as far as possible.
        """
        self.feeds.stop()
        self.driver.stop(now=now)


def _telling(options: Options, wake: Callable[[str], object]) -> Options:
    """Return the options with which each event of a run wakes those that follow it, before `on_event` is called."""
    return replace(options, on_event=after(lambda event: wake(event.run), options.on_event))
