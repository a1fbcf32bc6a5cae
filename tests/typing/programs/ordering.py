"""Uses a package through what it re-exports, imports for checkers alone, and imports within functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast, reveal_type

from programs import shop
from programs.shop import BACKORDER, Backordered, Order, check_order
from programs.shop.signals import RETURN as SENT_BACK

import statesig as st
from statesig import task

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from programs.shop import Line

    from statesig import AnyState, Run, Success


@task
def packed(order: Order) -> list[str]:
    def label(line: Line) -> str:
        return f"{line.amount} x {line.item}"

    return [label(line) for line in order.lines]


@task(trigger=st.all_finished)
def posted(labels: Sequence[AnyState[list[str]]], *, reason: str | None = None) -> int:
    if reason is not None:
        raise SENT_BACK(f"it was {reason}", reason=reason)
    return sum(len(state.unwrap()) for state in labels if shop.is_successful(state))


def flow_of(orders: Iterable[Order]) -> tuple[st.Flow, list[int], int]:
    with st.Flow("ordering") as flow:
        checked: list[int] = []
        labels: list[list[str]] = []
        for order in orders:
            node = check_order(order)
            label = packed(order)
            flow.after(label, node)
            checked.append(node)
            labels.append(label)
        posting = posted([st.state_of(label) for label in labels])
    return flow, checked, posting


def states_in(run: Run, nodes: Iterable[int]) -> list[AnyState[int]]:
    return [run[node] for node in nodes]


def waiting(states: Iterable[AnyState[int]]) -> dict[str, int]:
    """Return what is missing; nobody else needs the class."""
    from programs.shop.signals import Backordered as Waiting

    return {state.of: state.missing for state in states if isinstance(state, Waiting)}


def only(state: AnyState[int]) -> Success[int]:
    if not shop.is_successful(state):
        raise AssertionError(state)
    return state


def main() -> None:
    whole = shop.ORDERS[shop.OrderId("a")]
    reveal_type(whole)
    reveal_type(whole.lines[0].item)
    state = st.capture(shop.check_order, whole)
    reveal_type(only(state).unwrap())
    assert only(state).unwrap() == 4
    later = st.capture(check_order, shop.ORDERS[shop.OrderId("b")])
    assert isinstance(later, Backordered)
    reveal_type(later.missing)
    assert waiting([state, later]) == {"paper": 400}
    signal = BACKORDER(missing=3, of="pen")
    reveal_type(signal)
    reveal_type(signal.state.of)
    returned = st.capture(posted, list[st.AnyState[list[str]]]())
    assert only(returned).unwrap() == 0
    late = st.capture(lambda: posted([], reason="late"))
    assert late.type == "Returned"
    flow, checked, posting = flow_of([whole, Order(id=shop.OrderId("d"))])
    run = flow.run()
    assert [each.type for each in states_in(run, checked)] == ["Success", "Skipped"]
    reveal_type(cast("st.Success[int]", run[posting]).unwrap())
    assert only(run[posting]).unwrap() == 2


if __name__ == "__main__":
    main()
