"""Who may do what: tokens end, and a policy allows what it names alone."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from statesig.http import EVERY_FLOW, Asked, Grant, Policy, Tokens, create_app
from statesig.http.service.access import VERBS

NOW = datetime(2026, 3, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_token_is_its_principals_until_it_ends() -> None:
    """No other text is anybody's, and none is after its lifetime."""
    now = NOW
    tokens = Tokens(clock=lambda: now)
    ana, bob = tokens.issue("ana", lifetime=HOUR), tokens.issue("bob", lifetime=2 * HOUR)
    assert ["ana", "bob"] == [tokens(ana), tokens(bob)]
    assert [None] * 4 == [tokens(text) for text in ("", ana[:-1], f"{ana} ", "\ud800")]
    now += HOUR
    assert [None, "bob"] == [tokens(ana), tokens(bob)]
    tokens.revoke("bob")
    assert None is tokens(bob)


def test_a_token_is_nowhere_to_be_read() -> None:
    """Neither in a representation nor among what is kept."""
    tokens = Tokens()
    token = tokens.issue("ana", lifetime=HOUR)
    assert "<tokens of ana>" == repr(tokens)
    assert token not in repr(vars(tokens))


@pytest.mark.parametrize(
    ("token", "principal", "until", "said"),
    [
        ("short", "ana", NOW + HOUR, "at least 32 characters"),
        ("x" * 32, "", NOW + HOUR, "no name"),
        ("x" * 32, "ana", NOW, "to come"),
        ("x" * 32, "ana", datetime(2027, 1, 1), "aware"),
    ],
)
def test_what_is_no_token_is_refused(token: str, principal: str, until: datetime, said: str) -> None:
    """A short one, one of nobody, and one without an end to come; none is admitted."""
    tokens = Tokens(clock=lambda: NOW)
    with pytest.raises(ValueError, match=said) as raised:
        tokens.admit(token, principal, until=until)
    assert token not in f"{raised.value}"
    assert None is tokens(token)


def test_a_policy_allows_what_it_names_alone() -> None:
    """Over all principals, verbs, flows and runs: exactly what one grant names together."""
    everything = Grant("eve", VERBS, flows=[EVERY_FLOW])
    policy = Policy(Grant("ana", {"read", "resume"}, flows=["etl"]), Grant("bob", ["cancel"], runs=["r1"]), everything)
    allowed = {("ana", "read", "etl"), ("ana", "resume", "etl"), *product(["eve"], VERBS, ["etl", "x"])}
    principals = ("ana", "bob", "eve", "", "zoe")
    for principal, verb, flow, run in product(principals, VERBS, ("etl", "x"), ("r1", "r2", None)):
        expected = (principal, verb, flow) in allowed or (principal, verb, run) == ("bob", "cancel", "r1")
        assert expected == policy(principal, verb, Asked(flow, run)), (principal, verb, flow, run)
    assert not Policy()("ana", "read", Asked("etl"))


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"verbs": "read", "flows": ["etl"]}, TypeError, "verbs is a list"),
        ({"verbs": ["read"], "flows": "etl"}, TypeError, "flows is a list"),
        ({"verbs": ["write"], "flows": ["etl"]}, ValueError, "not 'write'"),
        ({"verbs": [], "flows": ["etl"]}, ValueError, "verbs are some of"),
        ({"verbs": ["read"]}, ValueError, "names the flows or the runs"),
    ],
)
def test_a_grant_says_what_it_grants(arguments: Any, error: type[Exception], said: str) -> None:
    """One text in place of a list would be a list of letters; nothing named is not everything."""
    with pytest.raises(error, match=said):
        Grant("ana", **arguments)


@pytest.mark.parametrize("missing", ["authenticate", "authorize"])
def test_nobody_is_let_in_by_default(missing: str, tmp_path: Any) -> None:
    """A server without one of the two cannot be made, nor one with something that cannot be asked."""
    arguments: dict[str, Any] = {"authenticate": Tokens(), "authorize": Policy()}
    with pytest.raises(TypeError, match=missing):
        create_app(tmp_path / "runs.db", **{name: value for name, value in arguments.items() if name != missing})
    with pytest.raises(TypeError, match=missing):
        create_app(tmp_path / "runs.db", **{**arguments, missing: None})
    assert not (tmp_path / "runs.db").exists()
