# mypy: disallow-subclassing-any=False
"""A state with something above it that no checker knows: the plugin says no more than the others."""

from typing import Any

from statesig import Failed, Signal


def unknown() -> Any:
    """Return a class, as a library without types does."""
    return Failed


Unknown: Any = unknown()


class Grown(Unknown):
    size: int


class GROW(Signal[Grown]): ...


GROW(size=5)
GROW("grown", size=5)
GROW(message=5, size=5)  # E: arg-type
GROW("grown", 5)  # E: call-arg
