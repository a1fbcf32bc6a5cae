"""Make a span the current one where the function of an attempt runs, in this process or another.

Nothing here may know a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context, attach
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

__all__ = ["Entered"]

# Not the configured propagator: a worker may be configured in another way, and both ends are this module.
_PROPAGATOR: Final = CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])


class Entered:
    """Call it in a fresh context to make a span the current one; pickled, it carries the span's context as headers."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def __call__(self) -> None:
        """Enter the context. It is not left: what runs in the fresh context ends with it."""
        attach(self._context)

    def __reduce__(self) -> tuple[object, ...]:
        headers: dict[str, str] = {}
        _PROPAGATOR.inject(headers, self._context)
        return _entered, (headers,)


def _entered(headers: Mapping[str, str]) -> Entered:
    return Entered(_PROPAGATOR.extract(headers, Context()))
