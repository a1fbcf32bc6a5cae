"""What tests of programs with states of their own need: strategies, laws, and what the fixtures give. See the extra.

``st.from_type(MyState)`` and the fixtures of pytest need no import; this is where the names to annotate with are.
"""

from statesig.testing.fixtures import CapturedRun, Clock, Rehearsal, Swallowed, SwallowedSignal, Watch
from statesig.testing.laws import LawBroken, check_laws
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
    "states",
]
