"""Strategies, laws and fixture types for tests of programs that define states; needs the extra ``testing``.

``st.from_type(MyState)`` and the pytest fixtures need no import; import their types from here for annotations.
"""

from statesig.testing.fixtures import CapturedRun, Clock, Rehearsal, Swallowed, SwallowedSignal, Watch
from statesig.testing.laws import LawBroken, check_laws
from statesig.testing.machines import problems, shortest_paths
from statesig.testing.strategies import json_values, moments, states
from statesig.testing.systems import PairBroken, System, check_pairs, machine_test
from statesig.testing.walks import paths

__all__ = [
    "CapturedRun",
    "Clock",
    "LawBroken",
    "PairBroken",
    "Rehearsal",
    "Swallowed",
    "SwallowedSignal",
    "System",
    "Watch",
    "check_laws",
    "check_pairs",
    "json_values",
    "machine_test",
    "moments",
    "paths",
    "problems",
    "shortest_paths",
    "states",
]
