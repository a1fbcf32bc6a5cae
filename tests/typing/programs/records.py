"""Records as TypedDicts with NewTypes for their keys: plain dicts go through tasks, and come back as typed ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NewType, NotRequired, TypeGuard, reveal_type

from typing_extensions import TypedDict  # that of typing is not enough for Pydantic before Python 3.12

from statesig import (
    SKIP,
    AnyFinished,
    AnyState,
    Failed,
    Flow,
    Signal,
    Success,
    all_finished,
    capture,
    decode,
    encode,
    is_successful,
    map,
    state_of,
    states_of,
    tally,
    task,
)

UserId = NewType("UserId", int)
Email = NewType("Email", str)
Plan = Literal["free", "paid"]


class Raw(TypedDict):
    """A row as it is read."""

    id: str
    email: str
    plan: NotRequired[str]


class Profile(TypedDict):
    name: str
    plan: Plan


class User(TypedDict):
    """A row that was understood."""

    id: UserId
    email: Email
    profile: Profile


class Summary(TypedDict):
    users: int
    paid: list[UserId]
    domains: dict[str, int]


class Rejected(Failed[Any]):
    """A row is not understood."""

    field: str
    row: dict[str, str] = {}


class REJECT(Signal[Rejected]): ...


def is_plan(text: str) -> TypeGuard[Plan]:
    return text in ("free", "paid")


def domain_of(email: Email) -> str:
    return email.partition("@")[2]


def address(text: str) -> Email:
    if text.count("@") != 1:
        raise REJECT("no address", field="email")
    return Email(text)


@task
def parsed(raw: Raw) -> User:
    if not raw["id"].isdigit():
        raise REJECT(f"{raw['id']!r} is no number", field="id", row={"id": raw["id"]})
    plan = raw.get("plan", "free")
    if not is_plan(plan):
        raise REJECT(f"no plan {plan!r}", field="plan")
    email = address(raw["email"])
    if domain_of(email) == "example.org":
        raise SKIP("only an example")
    return {"id": UserId(int(raw["id"])), "email": email, "profile": {"name": email.partition("@")[0], "plan": plan}}


@task
def renamed(user: User, *, name: str) -> User:
    return {**user, "profile": {**user["profile"], "name": name}}


@task(trigger=all_finished)
def summed(states: list[AnyState[User]]) -> Summary:
    found: Summary = {"users": 0, "paid": [], "domains": {}}
    for user in users_of(states):
        found["users"] += 1
        domain = domain_of(user["email"])
        found["domains"][domain] = found["domains"].get(domain, 0) + 1
        if user["profile"]["plan"] == "paid":
            found["paid"].append(user["id"])
    return found


@task(trigger=all_finished)
def problem(state: AnyState[User]) -> str | None:
    return state.field if isinstance(state, Rejected) else None


@task
def owner(users: Mapping[str, UserId], name: str) -> UserId:
    return users[name]


def users_of(states: Iterable[AnyState[User]]) -> list[User]:
    return [state.unwrap() for state in states if is_successful(state) and state.has_result]


def by_name(states: Iterable[AnyFinished[User]]) -> dict[str, UserId]:
    return {user["profile"]["name"]: user["id"] for user in users_of(states)}


def mail(user: User) -> Email:
    return user["email"]


ROWS: list[Raw] = [
    {"id": "1", "email": "ann@a.example"},
    {"id": "2", "email": "bob@b.example", "plan": "paid"},
    {"id": "3", "email": "eve@example.org"},
    {"id": "x", "email": "joe@a.example"},
    {"id": "5", "email": "sue@a.example", "plan": "gold"},
]

with Flow("users") as flow:
    rows = flow.parameter("rows", list[Raw], default=ROWS)
    boss = flow.parameter("boss", UserId, default=UserId(1))
    users = flow.map(parsed, rows)
    summary = summed(states_of(users))
    one = parsed({"id": "7", "email": "mia@b.example"})
    other = renamed(one, name="Mia")
    off = problem(state_of(parsed({"id": "y", "email": ""})))
    chief = owner({"boss": boss}, "boss")


def main() -> None:
    run = flow.run()
    found = run[summary].unwrap()
    reveal_type(found["users"])
    reveal_type(found["domains"])
    assert found == {"users": 2, "paid": [2], "domains": {"a.example": 1, "b.example": 1}}
    states = run.children(users)
    assert by_name(states) == {"ann": 1, "bob": 2}
    assert {kind.__name__: count for kind, count in tally(states).items()} == {
        "Success": 2,
        "Skipped": 1,
        "Rejected": 2,
    }
    rejected = states[3]
    assert isinstance(rejected, Rejected)
    reveal_type(rejected.field)
    assert (rejected.field, rejected.row) == ("id", {"id": "x"})
    renamed_user = run[other].unwrap()
    reveal_type(renamed_user["profile"]["name"])
    assert renamed_user["profile"] == {"name": "Mia", "plan": "free"}
    assert run[off].unwrap() == "id"
    assert run[chief].unwrap() == 1
    state = capture(parsed, ROWS[0])
    assert is_successful(state)
    mailed = map(mail, state)
    reveal_type(mailed)
    typed: Success[User] = Success[User](result=state.unwrap())
    back = decode(encode(typed), Success[User])
    reveal_type(back.unwrap()["email"].upper())
    assert back == typed
    assert mailed.unwrap() == "ann@a.example"


if __name__ == "__main__":
    main()
