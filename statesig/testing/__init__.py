"""Strategies, laws and fixture types for tests of programs that define states; needs the extra ``testing``.

``st.from_type(MyState)`` and the pytest fixtures need no import; import their types from here for annotations.
"""

from statesig.testing.fixtures import CapturedRun, Clock, Rehearsal, Swallowed, SwallowedSignal, Watch
from statesig.testing.laws import LawBroken, check_laws
from statesig.testing.machines import problems
from statesig.testing.strategies import json_values, moments, paths, states

__all__ = [
    "CapturedRun",
    "Clock",
    "LawBroken",
    "Rehearsal",
    "Swallowed",
    "SwallowedSignal",
    "Watch",
    "check_laws",
    "json_values",
    "moments",
    "paths",
    "problems",
    "states",
]
