"""Constraints: what Pydantic holds a value to, a checker sees as the plain type."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, Self, TypeAlias, reveal_type

from annotated_types import Ge, Gt, Le, Len, MinLen
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from statesig import (
    FAIL,
    SKIP,
    AnyState,
    Failed,
    Flow,
    FlowError,
    Paused,
    Signal,
    Success,
    ValidationFailed,
    all_finished,
    capture,
    decode,
    encode,
    is_failed,
    is_successful,
    schema,
    states_of,
    task,
)

Positive: TypeAlias = Annotated[int, Gt(0)]
Share: TypeAlias = Annotated[float, Ge(0), Le(1)]
Code: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}-\d+$")]
Names: TypeAlias = Annotated[list[str], MinLen(1)]
Mode: TypeAlias = Literal["fast", "safe"]
LARGEST: Final = 1_000


def even(value: int) -> int:
    if value % 2:
        raise ValueError("it is odd")
    return value


Even: TypeAlias = Annotated[int, AfterValidator(even)]


class Order(BaseModel):
    """What somebody has ordered."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: Code
    amount: Annotated[int, Field(gt=0, le=LARGEST)] = 1
    price: Annotated[Decimal, Field(ge=0, decimal_places=2)] = Decimal(0)
    tags: frozenset[str] = frozenset()

    @field_validator("tags")
    @classmethod
    def _are_lower(cls, tags: frozenset[str]) -> frozenset[str]:
        return frozenset(tag.lower() for tag in tags)

    @property
    def total(self) -> Decimal:
        return self.price * self.amount


class Period(BaseModel):
    """Some days; the last is not before the first."""

    first: date
    last: date

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        if self.last < self.first:
            raise ValueError("the last day is before the first")
        return self

    def days(self) -> list[date]:
        return [self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1)]


class TooLarge(Failed):
    """An order needs the approval of somebody who may give it."""

    limit: Annotated[int, Field(ge=1)] = LARGEST
    share: Share = 0.0


class Approval(Paused):
    """Waits for a person."""

    asked: Annotated[tuple[str, ...], Len(1, 3)]
    mode: Mode = "safe"


class TOO_LARGE(Signal[TooLarge]): ...


class APPROVE(Signal[Approval]): ...


@task
def accepted(order: Order, *, most: Positive = 100) -> Order:
    if order.amount > LARGEST // 2:
        raise APPROVE("who may?", asked=("ann", "bob"))
    if order.amount > most:
        raise TOO_LARGE(f"{order.code} is too large", limit=most, share=most / order.amount, retryable=False)
    return order


@task
def halves(amount: Even) -> list[Positive]:
    return [amount // 2] * 2


@task
def orders(names: Names, amounts: Sequence[int], mode: Mode) -> list[Order]:
    if mode == "fast":
        raise SKIP("nobody looks", result=list[Order]())
    return [
        Order(code=f"{name[:3].upper()}-{at}", amount=amount) for at, (name, amount) in enumerate(zip(names, amounts))
    ]


@task(trigger=all_finished)
def shares(states: list[AnyState[Order]]) -> dict[str, Share]:
    good = [state.unwrap() for state in states if is_successful(state)]
    whole = sum(order.amount for order in good)
    return {order.code: order.amount / whole for order in good}


@task
def odd(amount: int) -> Even:
    return amount


@task
def spread(period: Period, share: Share) -> dict[date, float]:
    days = period.days()
    return {day: share / len(days) for day in days}


with Flow("orders") as flow:
    names = flow.parameter("names", Annotated[list[str], MinLen(1)])
    mode = flow.parameter("mode", Literal["fast", "safe"], default="safe")
    limit = flow.parameter("limit", Annotated[int, Gt(0)], default=100)
    share = flow.parameter("share", Annotated[float, Ge(0), Le(1)], default=0.5)
    note = flow.parameter("note", str | None, default=None)
    listed = orders(names, [10, 200, 30], mode)  # false: pyrefly
    taken = flow.map(accepted, listed)
    parts = shares(states_of(taken))
    plan = spread(Period(first=date(2026, 1, 1), last=date(2026, 1, 2)), share)
    wrong = odd(limit)


def main() -> None:
    run = flow.run(names=["alpha", "beta", "gamma"], limit=3)
    kinds = [state.type for state in run.children(taken)]
    assert kinds == ["Success", "TooLarge", "Success"]
    reveal_type(run[parts].unwrap())
    assert run[parts].unwrap() == {"ALP-0": 0.25, "GAM-2": 0.75}
    assert isinstance(run[wrong], ValidationFailed)
    reveal_type(run[plan].unwrap())
    assert sum(run[plan].unwrap().values()) == 0.5
    large = run.children(taken)[1]
    assert isinstance(large, TooLarge)
    reveal_type(large.share)
    reveal_type(large.limit)
    assert (large.limit, large.share) == (100, 0.5)
    for wrong_names in (list[str](), ["a"] * 0):
        try:
            flow.run(names=wrong_names)
        except FlowError as error:
            reveal_type(error)
        else:
            raise AssertionError("at least one name is needed")
    asked = capture(accepted, Order(code="ABC-1", amount=900))
    assert isinstance(asked, Approval)
    reveal_type(asked.asked)
    assert asked.mode == "safe"
    back = decode(encode(asked), Approval)
    assert back == asked
    described: dict[str, Any] = schema(TooLarge)
    assert "share" in str(described)
    order = Success(result=Order(code="ABC-1", price=Decimal("1.50"), amount=2))
    reveal_type(order.unwrap().total)
    assert halves(4) == [2, 2]
    assert is_failed(capture(refused, Order(code="ABC-2")))


def refused(order: Order) -> Order:
    raise FAIL(f"{order.code} is refused", retryable=False)


if __name__ == "__main__":
    main()
