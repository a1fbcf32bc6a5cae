"""Follow runs live, as server-sent events: one reader of the store for each run, whoever many listen.

The number of an event in the run's history is its identity, so a listener that comes back loses nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from itertools import islice
from typing import Final

from anyio import to_thread

from statesig.errors import NoRun, StoreError
from statesig.http.service.views import Views, is_over
from statesig.stores.store import StoredRun

__all__ = ["Feeds"]

_KEPT: Final = 1000
"""The number of events of a run in memory; a listener that is further behind reads the store itself."""

_SILENCE: Final = 15.0
"""Seconds after which a comment is sent, so that whoever is between does not take the connection for dead."""

_BEGINNING: Final = b"retry: 1000\n\n"
_NOTHING: Final = b":\n\n"


class Feeds:
    """The feeds of the runs that somebody follows. Used from one event loop, but for `wake`.

    Args:
        views: Reads the store.
        seconds: How often the store is asked whether a run has changed; one that this server drives tells, too.
    """

    def __init__(self, views: Views, seconds: float) -> None:
        self._views = views
        self._seconds = seconds
        self._feeds: dict[str, _Feed] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_over = False

    async def follow(self, run: StoredRun, after: int) -> AsyncIterator[bytes]:
        """Yield the events of a run after one, as they come, until the run is over.

        Args:
            run: The run.
            after: The number of the event after which to begin; 0: with the first.
        """
        self._loop = asyncio.get_running_loop()
        yield _BEGINNING
        feed = self._feeds.setdefault(run.id, _Feed(self._views, run, self._seconds))
        feed.enter()
        try:
            while not self._is_over:
                news, frames = feed.news, feed.after(after)
                if frames is None:
                    frames = await to_thread.run_sync(feed.read, after)
                if frames:
                    after += len(frames)
                    yield b"".join(frames)
                elif feed.is_over:
                    return
                elif not await _comes(news):
                    yield _NOTHING
        finally:
            if feed.leave():
                self._feeds.pop(run.id, None)

    def wake(self, run: str) -> None:
        """Let the listeners of a run know at once that it has changed; may be called from any thread."""
        if run in self._feeds and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake, run)

    def _wake(self, run: str) -> None:
        feed = self._feeds.get(run)
        if feed is not None:
            feed.changed.set()

    def stop(self) -> None:
        """End all streams, so that a server can end; may be called from any thread."""
        self._is_over = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._tell_all)

    def _tell_all(self) -> None:
        for feed in self._feeds.values():
            feed.tell()


async def _comes(news: asyncio.Event) -> bool:
    """Wait for news; return whether some came."""
    try:
        async with asyncio.timeout(_SILENCE):
            await news.wait()
    except TimeoutError:
        return False
    return True


class _Feed:
    """The events of one run, read once for all its listeners.

    Attributes:
        news: Set, and replaced by another, when there are new events.
        changed: Set when the run is known to have changed.
        is_over: Whether no further event comes.
    """

    def __init__(self, views: Views, run: StoredRun, seconds: float) -> None:
        self.news = asyncio.Event()
        self.changed = asyncio.Event()
        self.is_over: bool = is_over(run)
        self._views = views
        self._run = run
        self._seconds = seconds
        self._frames: deque[bytes] = deque(maxlen=_KEPT)
        self._last = run.length
        self._listeners = 0
        self._reading: asyncio.Task[None] | None = None

    def enter(self) -> None:
        """Take a listener."""
        self._listeners += 1
        if self._reading is None and not self.is_over:
            self._reading = asyncio.create_task(self._follow())

    def leave(self) -> bool:
        """Let a listener go; return whether it was the last."""
        self._listeners -= 1
        if not self._listeners and self._reading is not None:
            self._reading.cancel()
        return not self._listeners

    def tell(self) -> None:
        """Let all listeners look."""
        news, self.news = self.news, asyncio.Event()
        news.set()

    def after(self, number: int) -> list[bytes] | None:
        """Return the events after one; None if the store has to be read for them."""
        missed = self._last - number
        if missed <= 0:
            return []
        return None if missed > len(self._frames) else [*islice(self._frames, len(self._frames) - missed, None)]

    def read(self, after: int) -> list[bytes]:
        """Read events after one from the store; in a thread."""
        run, until = self._run, self._last
        return self._framed(run, after, min(_KEPT, until - after))

    async def _follow(self) -> None:
        """Read what comes until the run is over or nobody listens."""
        while not self.is_over:
            try:
                run, frames = await to_thread.run_sync(self._look)
            except NoRun:
                self.is_over = True  # it was removed
            except StoreError:
                pass  # it may come back; until then there is nothing to tell
            else:
                self._frames.extend(frames)
                self._run, self._last = run, self._last + len(frames)
                self.is_over = is_over(run) and self._last == run.length
                if frames or self.is_over:
                    self.tell()
                if frames:
                    continue
            await self._pause()
        self.tell()

    def _look(self) -> tuple[StoredRun, list[bytes]]:
        """Read what is new; in a thread."""
        self.changed.clear()
        run = self._views.store.look(self._run)
        return run, self._framed(run, self._last, _KEPT)

    def _framed(self, run: StoredRun, after: int, limit: int) -> list[bytes]:
        events = self._views.events(run, after, limit)
        return [b"id: %d\nevent: state\ndata: %b\n\n" % (one.number, one.model_dump_json().encode()) for one in events]

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await self.changed.wait()
        except TimeoutError:
            pass  # the run may be driven by another process, which tells nobody
