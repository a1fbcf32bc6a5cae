"""Tasks that say in which span a library records where they run."""

from opentelemetry import baggage
from opentelemetry.sdk.trace import TracerProvider

from statesig import task

LIBRARY = TracerProvider(shutdown_on_exit=False).get_tracer("library")
"""The tracer of an instrumented library."""


def around() -> tuple[int, bool, str]:
    """Begin a span; return its parent's identity, whether that is another process's, and who is said to ask."""
    with LIBRARY.start_as_current_span("query") as span:
        parent = getattr(span, "parent", None)
    return getattr(parent, "span_id", 0), getattr(parent, "is_remote", False), str(baggage.get_baggage("asked by"))


@task
def inside(number: int) -> tuple[int, bool, str]:
    return around()


@task
async def inside_later(number: int) -> tuple[int, bool, str]:
    return around()


@task(timeout=60)
def inside_aside(number: int) -> tuple[int, bool, str]:
    return around()
