"""An event of other packages of state machines beside `advance`, where they are installed; it says which are not.

``pip install python-statemachine transitions automat`` puts them into the environment of the benchmarks. Each machine
has two states and goes to and fro, so that the figures are those of one event.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from measuring import Plan, Row, compare_code

__all__ = ["peers"]


def peers(plan: Plan, names: Mapping[str, Any]) -> Iterator[Row]:
    """Measure an event of each package beside ``advance(placed, ship)``.

    Args:
        plan: How much is measured.
        names: What `advance`, `placed` and `ship` are.
    """
    for package, module, made in _PEERS:
        if find_spec(module) is None:
            print(f"{package}: not measured, it is not installed; pip install {package}", file=sys.stderr)
            continue
        given = {**names, "order": made(import_module(module))}
        event, step = "order.go(); order.back()", "advance(placed, ship); advance(placed, ship)"
        yield compare_code(plan, given, event, step, called=(f"an event of {package}", "advance(placed, ship)"), per=2)


def _of_statemachine(package: Any) -> Any:
    there, here = package.State(initial=True), package.State()
    body = {"there": there, "here": here, "go": there.to(here), "back": here.to(there)}
    return type(package.StateMachine)("Order", (package.StateMachine,), body)()


def _of_transitions(package: Any) -> Any:
    order: Any = type("Order", (), {})()
    machine = package.Machine(order, states=["there", "here"], initial="there", auto_transitions=False)
    machine.add_transition("go", "there", "here")
    machine.add_transition("back", "here", "there")
    return order


def _of_automat(package: Any) -> Any:
    from typing import Protocol

    class Order(Protocol):
        def go(self) -> None: ...
        def back(self) -> None: ...

    builder = package.TypeMachineBuilder(Order, object)
    there, here = builder.state("there"), builder.state("here")
    there.upon(Order.go).to(here).returns(None)
    here.upon(Order.back).to(there).returns(None)
    return builder.build()(object())


_PEERS: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    ("python-statemachine", "statemachine", _of_statemachine),
    ("transitions", "transitions", _of_transitions),
    ("automat", "automat", _of_automat),
)
