"""Runs as traces of OpenTelemetry, an extra: ``pip install 'statesig[otel]'``.

    flow.run(on_event=Tracing())

A run is a span, each task in it a span of the run's, each attempt at the task a span of the task's; a child of a mapped
task is a task whose span is the mapped task's. Nothing else of statesig imports this package.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from statesig.tracing.observing import Tracing

__all__ = ["Tracing"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    try:
        value: object = getattr(import_module(f"{__name__}.observing"), name)
    except ModuleNotFoundError as exc:
        if exc.name is None or exc.name.partition(".")[0] == "statesig":
            raise
        raise ModuleNotFoundError(
            f"statesig.tracing needs {exc.name}, which is not installed; pip install 'statesig[otel]'", name=exc.name
        ) from exc
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
