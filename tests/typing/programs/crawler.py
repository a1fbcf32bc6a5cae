"""A crawler with async tasks: coroutines run concurrently, in a flow and outside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self, reveal_type

from typing_extensions import TypeVar

from statesig import (
    RETRY,
    SKIP,
    AnyFinished,
    AnyState,
    Event,
    Failed,
    Flow,
    Signal,
    Skipped,
    Success,
    acapture,
    all_finished,
    collect,
    current,
    is_failed,
    is_skipped,
    is_successful,
    states_of,
    task,
)

T = TypeVar("T")


@dataclass(frozen=True)
class Page:
    url: str
    body: str
    links: tuple[str, ...] = ()


class Moved(Skipped):
    """The page has another address by now."""

    to: str


class MOVED(Signal[Moved]): ...


WEB: dict[str, str] = {
    "/": "welcome /a /b /old",
    "/a": "first /",
    "/b": "second /c",
    "/c": "third",
    "/old": "-> /a",
}


@dataclass
class Client:
    """Something that fetches, as an HTTP client does."""

    base: str
    fetched: list[str] = field(default_factory=list[str])
    is_open: bool = False

    async def __aenter__(self) -> Self:
        self.is_open = True
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.is_open = False

    async def get(self, path: str) -> str:
        await asyncio.sleep(0)
        self.fetched.append(path)
        if path not in WEB:
            raise LookupError(path)
        return WEB[path]


@asynccontextmanager
async def opened(base: str) -> AsyncGenerator[Client]:
    async with Client(base) as client:
        yield client


async def page_of(client: Client, path: str) -> Page:
    body = await client.get(path)
    if body.startswith("-> "):
        raise MOVED(f"{path} has moved", to=body.removeprefix("-> "))
    words = body.split()
    return Page(client.base + path, words[0], tuple(word for word in words if word.startswith("/")))


@task(retries=2, timeout=5)
async def fetch(path: str) -> Page:
    if path == "/b" and current().number == 1:
        raise RETRY("busy")
    async with opened("https://example.org") as client:
        return await page_of(client, path)


@task
async def frontier(page: Page) -> list[str]:
    await asyncio.sleep(0)
    return sorted(page.links)


@task(trigger=all_finished)
async def summary(states: list[AnyState[Page]], *, limit: int = 10) -> dict[str, int]:
    found = {"pages": 0, "moved": 0, "failed": 0}
    for state in states[:limit]:
        match state:
            case Success() if is_skipped(state):
                found["moved"] += 1
            case Success():
                found["pages"] += 1
            case Failed():
                found["failed"] += 1
            case _:
                pass
    return found


@task
async def length(page: Page) -> int | Skipped[int]:
    if not page.body:
        return Skipped(message="nothing on it")
    return len(page.body)


@task
def longest(lengths: list[int]) -> int:
    return max(lengths)


with Flow("crawl") as flow:
    start = fetch(flow.parameter("start", str, default="/"))
    pages = flow.map(fetch, frontier(start))
    summed = summary(states_of(pages), limit=5)
    first = length(start)
    most = longest([first, length(fetch("/c"))])


async def both(one: Awaitable[T], other: Awaitable[T]) -> tuple[T, T]:
    return await one, await other


async def retried(fn: Callable[[str], Coroutine[Any, Any, T]], path: str, times: int) -> AnyState[T]:
    """Call a coroutine function until it succeeds."""
    state = await acapture(fn, path)
    for _ in range(times):
        if not is_failed(state):
            break
        state = await acapture(fn, path)
    return state


async def grouped(paths: list[str]) -> tuple[AnyState[object], ...]:
    """Fetch some pages at once and return what was raised."""

    async def one(path: str) -> None:
        if path in WEB:
            raise SKIP(path)
        raise MOVED(path, to="/")

    try:
        async with asyncio.TaskGroup() as group:
            for path in paths:
                group.create_task(one(path))
    except BaseExceptionGroup as raised:
        return collect(raised)
    return ()


def unfinished(states: list[AnyFinished[Page]]) -> list[str]:
    return [state.type for state in states if not is_successful(state)]


async def outside() -> None:
    page = await fetch.fn("/a")
    reveal_type(page)
    reveal_type(await frontier.fn(page))
    state = await acapture(fetch.fn, "/old")
    assert isinstance(state, Moved)
    reveal_type(state.to)
    missing = await acapture(fetch.fn, "/nowhere")
    assert is_failed(missing)
    reveal_type(missing)
    one, other = await both(fetch.fn("/a"), fetch.fn("/c"))
    reveal_type(one.links)
    assert (one.body, other.body) == ("first", "third")
    assert (await retried(fetch.fn, "/c", 2)).unwrap() == other
    raised = await grouped(["/a", "/gone"])
    assert [each.type for each in raised] == ["Skipped", "Moved"]


async def driven() -> None:
    events: list[str] = []

    def heard(event: Event) -> None:
        if event.task is not None and event.index is None:
            events.append(f"{event.task} {event.state.type}")

    run = await flow.arun(on_event=heard, start="/")
    assert unfinished(list(run.children(pages))) == []
    reveal_type(run[summed].unwrap())
    assert run[summed].unwrap() == {"pages": 2, "moved": 1, "failed": 0}
    reveal_type(run[most].unwrap())
    assert run[most].unwrap() == 7
    assert "summary Success" in events


def main() -> None:
    asyncio.run(outside())
    asyncio.run(driven())


if __name__ == "__main__":
    main()
