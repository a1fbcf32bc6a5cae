"""Draw the examples of laws and pairs: new ones each time, whatever a profile says of deadlines."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, settings

__all__ = ["drawn_anew"]


def drawn_anew(examples: int | None = None) -> settings:
    """Return settings for a function that serves many kinds or pairs.

    Args:
        examples: The number of examples; by default that of Hypothesis's current profile.
    """
    return settings(
        max_examples=examples or settings().max_examples,
        database=None,  # Hypothesis stores examples by test, and one function is many tests here
        phases=(Phase.generate, Phase.shrink),
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=_HEALTH_CHECKS,
    )


_each: Any = HealthCheck
_HEALTH_CHECKS: list[HealthCheck] = list(_each)  # its metaclass makes it iterable, but is not annotated so
