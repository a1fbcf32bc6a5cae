"""What a schema says is what `decode` does: an independent validator of JSON Schema gives the same verdict on documents
that are drawn at random, as they are and with one place changed.
"""

import json
import os
import random
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, assume, given, seed, settings

from statesig import DecodeError, State, decode, encode, schema
from statesig.testing import states
from tests.harness.exhaustive import counts
from tests.harness.strategies import SAMPLES

SEED = int(os.environ.get("STATESIG_SEED", random.randrange(10**6)))
ATOMS: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 1.5, 2.0, 10**20, "", "a", "1", "Success", "Nothing", [], {}, ["a"]),
    *("2026-01-01T00:00:00Z", {"type": "Success"}, {"type": "Running"}, {"type": "Failed"}, {"message": "m"}),
)
TAGS = {state.type for state in SAMPLES.values()}
"""Those of statesig and of the users that all tests share; another test's states may have validators of their own."""
NAMES = ("type", "message", "result", "causes", "children", "state", "run_count", "start_time", "retryable", "more")

KNOWN = {
    "only the format of a time is wrong": ("valid datetime", "valid duration", "should have timezone"),
    "2.0 in place of 2": ("valid integer",),
}
"""What `decode` refuses and a schema admits, with a part of the reason: to JSON Schema no format is an assertion, and
2.0 is an integer.
"""

OLD = "as version 0.1.0 wrote it"
"""What `decode` takes and a schema refuses: a Mapped with a child that failed, which is read as the MapFailed it is."""


@pytest.mark.parametrize("number", counts(100, 1_000, 10_000))
def test_another_validator_gives_the_same_verdict(number: int) -> None:
    """`jsonschema_rs` takes exactly the documents that decode takes, but for the known kinds."""
    print(f"STATESIG_SEED={SEED}")
    chance = random.Random(SEED)
    validator = jsonschema_rs.Draft202012Validator(schema(State))
    found: dict[str, list[Any]] = {kind: [] for kind in ("both take", "both refuse", *KNOWN, OLD, "they disagree")}
    for drawn in documents(number // 2):
        for document in (drawn, changed(drawn, chance)):
            found[verdict(document, is_valid=validator.is_valid(document))].append(document)
    print({kind: len(of_kind) for kind, of_kind in found.items()})
    assert [] == [json.dumps(document) for document in found["they disagree"]]
    assert found["both refuse"]
    assert number // 2 <= len(found["both take"])


def documents(number: int) -> list[Any]:
    """Return documents of states that are drawn at random."""
    drawn: list[Any] = []

    @seed(SEED)
    @settings(max_examples=number, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(states())
    def draw(state: State[Any]) -> None:
        document = json.loads(encode(state))
        assume(tags_in(document) <= TAGS)
        drawn.append(document)

    draw()
    return drawn


def verdict(document: Any, *, is_valid: bool) -> str:
    """Return how both verdicts on a document compare: decode's and the other validator's."""
    reason = refusal(document)
    if is_valid != bool(reason):
        return "both take" if is_valid else "both refuse"
    if not is_valid and tags_in(json.loads(encode(decode(json.dumps(document), State)))) != tags_in(document):
        return OLD
    known = (kind for kind, texts in KNOWN.items() if is_valid and any(text in reason for text in texts))
    return next(known, "they disagree")


def tags_in(document: Any) -> set[str]:
    """Return the tags of a state and of those in it; results have no key of that name."""
    inner = [document.get("state"), *document.get("children", ())]
    return {document["type"]}.union(*(tags_in(one) for one in inner if one is not None))


def refusal(document: Any) -> str:
    """Return why decode refuses a document; empty if it takes it."""
    try:
        decode(json.dumps(document), State)
    except DecodeError as exc:
        return str(exc)
    return ""


def changed(document: Any, chance: random.Random) -> Any:
    """Return a document with one place changed: another value, one less, one more, or one in a list."""
    copied = json.loads(json.dumps(document))
    # A model of the user's within a state converts what it likes, as it says: true to 1, for example.
    *above, last = chance.choice([place for place in places(copied) if place and "owner" not in place[:-1]])
    container = copied
    for step in above:
        container = container[step]
    match chance.randrange(4):
        case 0:
            container[last] = chance.choice(ATOMS)
        case 1:
            del container[last]
        case 2 if isinstance(container, dict):
            container[chance.choice(NAMES)] = chance.choice(ATOMS)
        case _:
            container[last] = [container[last]]
    return copied


def places(document: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the way to each value in a document, from the whole on."""
    yield ()
    if isinstance(document, dict | list):
        for step, value in document.items() if isinstance(document, dict) else enumerate(document):
            yield from ((step, *rest) for rest in places(value))
