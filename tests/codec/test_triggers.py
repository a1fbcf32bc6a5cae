"""Triggers as JSON: names and arguments, written in one way and read back as they were, or refused."""

import json
from typing import Any

import pytest

from statesig import (
    PAUSE,
    SKIP,
    DecodeError,
    EncodeError,
    Failed,
    Finished,
    Limits,
    Skipped,
    State,
    Success,
    Trigger,
    all_failed,
    all_finished,
    all_skipped,
    all_successful,
    always,
    always_run,
    any_failed,
    any_successful,
    between,
    decode_trigger,
    encode_trigger,
    equivalent,
    every,
    finished,
    manual_only,
    none,
    none_skipped,
    not_all_skipped,
    share,
    some,
    some_failed,
    some_successful,
)
from tests.harness.cases import at_once
from tests.samples.kinds import Quarantined
from tests.samples.samples import KINDS

WRITTEN: list[tuple[Trigger, str]] = [
    (every(Success), '{"when":{"type":"every","kind":"Success"}}'),
    (all_successful, '{"name":"all_successful","when":{"type":"every","kind":"Success"}}'),
    (~some(Quarantined), '{"when":{"type":"not","of":{"type":"some","kind":"Quarantined"}}}'),
    (none(State).otherwise(SKIP), '{"when":{"type":"none","kind":"State","otherwise":"SKIP"}}'),
    (between(Failed, 1, 3), '{"when":{"type":"between","kind":"Failed","lo":1,"hi":3}}'),
    (between(Failed, 1), '{"when":{"type":"between","kind":"Failed","lo":1}}'),
    (share(Failed, "0.3"), '{"when":{"type":"share","kind":"Failed","lo":"3/10"}}'),
    (share(Finished, 0, "1/3"), '{"when":{"type":"share","kind":"Finished","lo":"0","hi":"1/3"}}'),
    (finished(), '{"when":{"type":"finished"}}'),
    (always().otherwise(PAUSE), '{"when":{"type":"always","otherwise":"PAUSE"}}'),
    (manual_only, '{"when":{"type":"manual_only"}}'),
    (manual_only.otherwise(SKIP), '{"when":{"type":"manual_only","otherwise":"SKIP"}}'),
    (
        some(Failed) & (finished() | always()),
        '{"when":{"type":"all","of":[{"type":"some","kind":"Failed"},'
        '{"type":"any","of":[{"type":"finished"},{"type":"always"}]}]}}',
    ),
]
NAMED = [
    all_successful,
    all_failed,
    any_successful,
    any_failed,
    some_successful(1, 2),
    some_failed(1),
    none_skipped,
    all_skipped,
    not_all_skipped,
    all_finished,
    always_run,
    manual_only,
]


@at_once
@pytest.mark.parametrize(("trigger", "document"), WRITTEN, ids=lambda one: getattr(one, "name", ""))
def test_a_trigger_is_written_in_one_way(trigger: Trigger, document: str) -> None:
    """What is usual is left out, kinds are written by their tags, parts as fractions."""
    assert document == encode_trigger(trigger).decode()


@at_once
@pytest.mark.parametrize("trigger", [*NAMED, *[one for one, _ in WRITTEN]], ids=lambda one: one.name)
def test_a_trigger_reads_back(trigger: Trigger) -> None:
    """``decode_trigger(encode_trigger(t)) == t``, and is equivalent to it, also negated and composed."""
    for one in (trigger, ~trigger, trigger & any_failed, (trigger | ~none_skipped).otherwise(SKIP).called("x")):
        back = decode_trigger(encode_trigger(one), strict=True)
        assert (one, repr(one), True) == (back, repr(back), equivalent(one, back))


@at_once
@pytest.mark.parametrize("kind", [State, Finished, *KINDS], ids=lambda kind: kind.__name__)
def test_every_kind_reads_back(kind: Any) -> None:
    """Of every kind, abstract ones and a user's too."""
    for make in (every, some, none):
        assert make(kind) == decode_trigger(encode_trigger(make(kind)))


def test_text_and_bytes_are_read_alike() -> None:
    """A document is text or its UTF-8; a list of one part is that part."""
    document = '{"when": {"of": [{"kind": "Failed", "type": "some"}], "type": "all"}, "name": "née"}'
    expected = some(Failed).called("née")
    assert [expected] * 3 == [
        decode_trigger(data) for data in (document, document.encode(), bytearray(document.encode()))
    ]


def test_what_was_nested_needlessly_is_equivalent() -> None:
    """Negations of compositions are read, and stand for what De Morgan's laws make of them."""
    inner = {"type": "all", "of": [{"type": "every", "kind": "Success"}, {"type": "not", "of": {"type": "finished"}}]}
    trigger = decode_trigger(json.dumps({"when": {"type": "not", "of": inner}}))
    assert ~(every(Success) & ~finished()) == trigger


@at_once
@pytest.mark.parametrize(
    ("when", "told"),
    [
        ({"type": "os.system"}, "when: unknown tag os.system; possible: every"),
        ({"kind": "Failed"}, "when: .*type"),
        ({"type": "every"}, "when.every.kind: field required"),
        ({"type": "every", "kind": "os.system"}, "when.every.kind: unknown tag os.system .*possible: State"),
        ({"type": "every", "kind": "Failed", "lo": 1}, "when.every.lo: no such field"),
        ({"type": "every", "kind": ["Failed"]}, "when.every.kind: Input should be a valid string"),
        ({"type": "between", "kind": "Failed", "lo": -1}, "when.between.lo: .*greater than or equal to 0"),
        ({"type": "between", "kind": "Failed", "lo": True}, "when.between.lo: .*integer"),
        ({"type": "between", "kind": "Failed", "lo": "1"}, "when.between.lo: .*integer"),
        ({"type": "between", "kind": "Failed", "lo": 3, "hi": 2}, "when.between: refused: nothing_between"),
        ({"type": "share", "kind": "Failed", "lo": 0.3}, "when.share.lo: .*string"),
        ({"type": "share", "kind": "Failed", "lo": "1.1"}, "when.share.lo: refused: no_part_of_all"),
        ({"type": "share", "kind": "Failed", "lo": "1e999999999"}, "when.share.lo: refused: no_part_of_all"),
        ({"type": "share", "kind": "Failed", "lo": "1/2", "hi": "1/3"}, "when.share: refused: nothing_between"),
        ({"type": "finished", "otherwise": "RETRY"}, "when.finished.otherwise: .*'FAIL', 'SKIP' or 'PAUSE'"),
        ({"type": "all", "of": []}, "when.all.of: .*at least 1 item"),
        ({"type": "any", "of": {"type": "finished"}}, "when.any.of: .*valid array"),
        ({"type": "not"}, "when.not.of: field required"),
    ],
)
def test_what_is_no_trigger_is_refused(when: Any, told: str) -> None:
    """A document that is no trigger is a DecodeError that says where, in words of ours."""
    with pytest.raises(DecodeError, match=f"not a trigger: {told}"):
        decode_trigger(json.dumps({"when": when}))


@at_once
@pytest.mark.parametrize(
    "document",
    ["", "[]", "null", '{"name": "x"}', '{"when": null}', '{"name": "", "when": {"type": "finished"}}', "{", '"every"'],
)
def test_a_document_that_is_no_trigger_at_all(document: str) -> None:
    """Anything else is a DecodeError, too."""
    with pytest.raises(DecodeError, match="not a trigger"):
        decode_trigger(document)


def test_the_text_of_an_error_repeats_nothing() -> None:
    """What the document holds is not repeated, however long."""
    secret = "secret" * 1000
    for when in (
        {"type": secret},
        {"type": "every", "kind": secret},
        {"type": "share", "kind": "Failed", "lo": secret},
    ):
        with pytest.raises(DecodeError) as error:
            decode_trigger(json.dumps({"when": when}))
        assert (False, True) == ("secret" in str(error.value), len(str(error.value)) < 300)


def test_a_document_is_measured_first() -> None:
    """One over the limits is refused before it is read; strict refuses a key that is there twice."""
    with pytest.raises(DecodeError, match="more than 10 bytes"):
        decode_trigger(encode_trigger(all_successful), limits=Limits(max_bytes=10))
    twice = '{"when": {"type": "finished", "type": "always"}}'
    with pytest.raises(DecodeError, match="is there twice"):
        decode_trigger(twice, strict=True)
    assert always() == decode_trigger(twice)


def test_parts_that_alternate_too_deep_are_refused() -> None:
    """What could not be composed is not read either."""
    when: Any = {"type": "finished"}
    for level in range(45):
        when = {"type": "any" if level % 2 else "all", "of": [when, {"type": "between", "kind": "Failed", "lo": level}]}
    with pytest.raises(DecodeError, match="alternate too deep"):
        decode_trigger(json.dumps({"when": when}))


def test_the_deepest_composition_reads_back() -> None:
    """What can be composed is within the limits of what is read, and a thousand parts are."""
    deep, wide = every(Success), every(Success)
    for level in range(40):
        other = ~between(Failed, 0, level)
        deep = deep & other if level % 2 else deep | other
    for number in range(1000):
        wide &= between(Failed, 0, number)
    assert [deep, wide] == [decode_trigger(encode_trigger(one)) for one in (deep, wide)]


def test_a_kind_that_was_replaced_is_not_written() -> None:
    """A class whose tag another has taken, as in a notebook, would be read as that one: an EncodeError says so."""

    def define() -> Any:
        class Renewed(Skipped[Any], tag="RenewedForExpressions"):
            pass

        return Renewed

    before, now = define(), define()
    with pytest.raises(EncodeError, match="another class has the tag of "):
        encode_trigger(every(before))
    assert every(now) == decode_trigger(encode_trigger(every(now)))


def test_a_name_that_is_no_text_is_not_written() -> None:
    """A lone surrogate is no Unicode and is refused."""
    with pytest.raises(EncodeError, match="not valid Unicode"):
        encode_trigger(all_failed.called("\ud800"))
