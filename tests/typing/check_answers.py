"""A person's answer is typed: as the task declares it, in the body of the task."""

from datetime import UTC, datetime, timedelta
from typing import Any, assert_type

from pydantic import BaseModel

from statesig import PAUSE, RESUME, Flow, Resume, current, resumed, task


class Approval(BaseModel, frozen=True):
    by: str
    granted: bool = True


@task(answer=Approval)
def pay(amount: int) -> int:
    answered = resumed(Approval)
    assert_type(answered, Resume[Approval] | None)
    if answered is None:
        raise PAUSE("over the limit", until=datetime.now(UTC) + timedelta(days=1))
    assert_type(answered.unwrap(), Approval)
    answered.unwrap().granter  # E: attr-defined
    answered.unwrap().granted.upper()  # E: attr-defined
    assert_type(current().resumed, Resume[Any] | None)
    return amount


@task(answer=int)
def ask() -> int:
    answered = resumed(int)
    answered.unwrap()  # E: union-attr
    return answered.unwrap() if answered else 0


assert_type(pay(5), int)
pay("5")  # E: arg-type
task(answers=int)  # E: call-overload
resumed()  # E: call-arg
resumed(5)  # E: arg-type

with Flow("pay") as flow:
    number = ask()
    payments = flow.map(pay, [1, 2])

run = flow.run()
run.resume({number: RESUME("fine", result=5), payments[1]: RESUME(result=Approval(by="Ada"))})
run.resume(number, {"pay[1]": Resume(result=Approval(by="Ada"))})
flow.resume("f00", {payments[1]: RESUME(result=Approval(by="Ada"))}, store="runs.db")
