"""Programs that print programs: every pair of a state and a signal, marked where a checker must flag it."""

MACHINE_PAIRS = """
from itertools import combinations
import machines, statesig
from machines import Document, Job, Link, Order, Payment
from statesig import FAIL, START, Running, Success, is_allowed
from statesig.signals import signal_type_of
from statesig.states.families import descendants

ROOTS = [Order, Payment, Link, Job, Document]
kinds = {root: descendants(root) for root in ROOTS}
signals = {root: [signal_type_of(kind) for kind in kinds[root] if kind.__name__ != "Gift"] for root in ROOTS}
every_kind = [kind for root in ROOTS for kind in kinds[root]]
every_signal = [signal for root in ROOTS for signal in signals[root]]

def lines(sources, signal):
    left = " | ".join("None" if source is None else source.__name__ for source in sources)
    mark = "" if all(is_allowed(source, signal.__state_type__) for source in sources) else "  # E: any"
    name = f"{signal.__name__}_{'_'.join('None' if source is None else source.__name__ for source in sources)}"
    print(f"def {name}(source: {left}, signal: {signal.__name__}, new: dict[str, Any]) -> None:")
    print(f"    advance(source, signal){mark}")
    if issubclass(signal, statesig.Transition):
        print(f"    {signal.__name__}.after(source, **new){mark}")

print("from typing import Any")
print("from statesig import FAIL, START, Running, Success, advance")
print(f"from machines import {', '.join(each.__name__ for each in [*every_kind, *every_signal])}")
for signal in every_signal:
    for source in [None, *every_kind, Running, Success]:
        lines([source], signal)
for root in ROOTS:
    for pair in combinations([None, *kinds[root]], 2):
        for signal in signals[root]:
            lines(pair, signal)
for kind in every_kind:
    lines([kind], FAIL)
    lines([kind], START)
"""
"""All pairs of a state of five machines (two of a run among them) and one of their signals, with `advance` and with
`after`; all of a union of two states of one machine and a signal of it; each state with two signals of a run."""
