"""The response of each state: status, headers, body, and what does not leave."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel, Field

from statesig import (
    CANCEL,
    CRASH,
    FAIL,
    RETRY,
    SCHEDULE,
    SKIP,
    SUCCESS,
    Cancelled,
    Cancelling,
    Crashed,
    EncodeError,
    ErrorInfo,
    Failed,
    Looped,
    MapCancelled,
    MapFailed,
    Mapped,
    Paused,
    Pending,
    Queued,
    Resume,
    Retrying,
    Running,
    Scheduled,
    Signal,
    Skipped,
    State,
    Submitted,
    Success,
    TimedOut,
    TriggerFailed,
    ValidationFailed,
    decode,
    encode,
    signal_of,
    states,
)
from statesig.http import STATUSES, Boundary
from statesig.http.answers import MARK, Answer, title_of
from tests.harness.cases import at_once
from tests.samples.kinds import Partial, Quarantined, Sealed, Throttled
from tests.samples.samples import KINDS, NOON, bare, full

ALL = Boundary(expose=(State,))

EXPECTED: dict[type[State[Any]], int] = {
    Pending: 202, Scheduled: 202, Resume: 202, Looped: 202, Retrying: 503, Paused: 202, Queued: 202, Submitted: 202,
    Running: 202, Cancelling: 202, Success: 200, states.Cached: 200, Mapped: 200, Skipped: 200, Failed: 500,
    TimedOut: 504, TriggerFailed: 424, ValidationFailed: 422, Crashed: 500, Cancelled: 409, MapFailed: 500,
    MapCancelled: 409, Quarantined: 500, Sealed: 500, Throttled: 503, Partial: 200,
}  # fmt: skip


def headers_of(answer: Answer) -> dict[str, str]:
    return dict(answer.headers)


def answer_to(exc: BaseException, boundary: Boundary = Boundary()) -> Answer:
    answer = boundary.answer_to(exc, {})
    assert answer is not None
    return answer


# ---- statuses


def test_each_state_has_its_status() -> None:
    """The table holds for each family; a state of one's own has the status of its nearest ancestor."""
    assert EXPECTED == {kind: Boundary().answer(bare(kind), {}).status for kind in KINDS}


def test_a_state_defined_later_has_the_status_of_its_ancestor() -> None:
    """Nothing is registered: neither for the table as it is nor for one that was changed before."""
    changed = Boundary(statuses={TimedOut: 408})

    class Dawdled(TimedOut):
        """Slower than that."""

    assert (504, 408) == (Boundary().answer(Dawdled(), {}).status, changed.answer(Dawdled(), {}).status)


def test_a_status_is_changed_for_a_class_and_its_descendants() -> None:
    """What is not named keeps its status, and so does a descendant that has its own."""
    boundary = Boundary(statuses={Failed: 418, Skipped: 204})

    changed = {Failed: 418, Crashed: 418, MapFailed: 418, Quarantined: 418, Sealed: 418, Skipped: 204}
    assert EXPECTED | changed == {kind: boundary.answer(bare(kind), {}).status for kind in KINDS}


def test_the_table_itself_cannot_be_changed() -> None:
    """Two applications in one process do not disturb each other."""
    with pytest.raises(TypeError):
        STATUSES[Failed] = 400  # type: ignore[index]  # that is the mistake


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"statuses": {Failed: 99}}, ValueError, "the status of Failed is a whole number from 200 to 599, not 99"),
        ({"statuses": {Failed: True}}, ValueError, "not True"),
        ({"statuses": {FAIL: 400}}, TypeError, "statuses are those of classes of states, not of <class"),
        ({"expose": ("Failed",)}, TypeError, "expose names classes of states, not 'Failed'"),
        ({"expose": Failed}, TypeError, r"expose is a list of classes of states, such as expose=\[Failed\]"),
    ],
)
def test_a_wrong_boundary_is_refused(arguments: Any, error: type[Exception], text: str) -> None:
    """When it is made, not at the first request."""
    with pytest.raises(error, match=text):
        Boundary(**arguments)


# ---- bodies


@at_once
@pytest.mark.parametrize("kind", KINDS)
def test_a_state_below_400_is_the_body(kind: Any) -> None:
    """Its JSON, byte for byte as `encode` writes it; of any other status it is a member of a problem."""
    state = full(kind)
    answer = ALL.answer(state, {})

    headers = headers_of(answer)
    assert str(len(answer.body)) == headers["content-length"]
    assert state.type == headers[MARK]
    if EXPECTED[kind] < 400:
        assert ("application/json", encode(state)) == (headers["content-type"], answer.body)
    else:
        problem = json.loads(answer.body)
        assert "application/problem+json" == headers["content-type"]
        expected = {"type": "about:blank", "title": title_of(answer.status), "status": answer.status, "detail": "why"}
        assert expected == {name: value for name, value in problem.items() if name != "state"}
        assert state == decode(json.dumps(problem["state"]), kind)


def test_a_status_without_a_body_has_none() -> None:
    """204 is a response without content, and the header still tells the state."""
    answer = Boundary(statuses={Skipped: 204}).answer(Skipped(), {})

    assert (204, ((MARK, "Skipped"),), b"") == (answer.status, answer.headers, answer.body)


def test_titles_are_those_of_the_rfc() -> None:
    """Whatever Python calls them; a status that nobody named has a title, too."""
    assert ["Content Too Large", "Unprocessable Content", "Conflict", "Status 599"] == [
        title_of(status) for status in (413, 422, 409, 599)
    ]


def test_a_tag_is_a_header_whatever_it_holds() -> None:
    """A tag may be any text; in the header it is percent-encoded."""

    class Odd(Skipped, tag="späte Antwort\r\nx: y"):
        """A tag with everything in it."""

    assert "sp%C3%A4te%20Antwort%0D%0Ax%3A%20y" == headers_of(Boundary().answer(Odd(), {}))[MARK]


def test_a_result_without_json_is_the_servers_error() -> None:
    """The response is not cut short in silence: `EncodeError` leaves, without the texts of the signal."""
    with pytest.raises(EncodeError) as caught:
        Boundary().answer_to(SUCCESS("secret", result=object()), {})

    assert caught.value.__suppress_context__


# ---- headers


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (NOON, "Thu, 04 Apr 2019 12:00:00 GMT"),
        (NOON + timedelta(microseconds=1), "Thu, 04 Apr 2019 12:00:01 GMT"),
        (datetime.max.replace(tzinfo=UTC), "Fri, 31 Dec 9999 23:59:59 GMT"),
    ],
)
def test_a_known_start_is_retry_after(start: datetime, said: str) -> None:
    """Of a Retrying and of any other Scheduled, in whole seconds, never before it."""
    for state in (Retrying(start_time=start), Scheduled(start_time=start), Throttled(start_time=start)):
        assert said == headers_of(Boundary().answer(state, {}))["retry-after"]


def test_an_unknown_start_is_not_said() -> None:
    """A header is there where something is known."""
    answers = [answer_to(signal) for signal in (RETRY(), SCHEDULE(), SKIP())]

    assert [] == [answer for answer in answers if "retry-after" in headers_of(answer)]


def test_a_location_is_told_where_one_is_known() -> None:
    """By a function of the state and the request; a problem has none, and no text breaks out of the header."""
    boundary = Boundary(location=lambda state, scope: None if state.type == "Running" else f"/runs/{scope['run']}")
    scope = {"run": "ä\r\nx: y"}

    told = {kind: headers_of(boundary.answer(bare(kind), scope)).get("location") for kind in (Paused, Running, Failed)}
    assert {Paused: "/runs/%C3%A4%0D%0Ax:%20y", Running: None, Failed: None} == told


# ---- what leaves


CAUSE = ErrorInfo(type="ValueError", message="secret", notes=("secret",), traceback="secret")
SECRET = {"message": "secret", "causes": (CAUSE,)}


@at_once
@pytest.mark.parametrize("kind", KINDS)
def test_no_message_and_no_cause_leaves_by_itself(kind: Any) -> None:
    """Neither of the state nor of the states in it; its other fields do."""
    inner: dict[str, Any] = {}
    if kind in (MapFailed, MapCancelled, Mapped):
        child = {MapFailed: Failed, MapCancelled: Cancelled, Mapped: Skipped}[kind]
        inner = {"children": (child(**SECRET), Success(**SECRET))}
    if kind in (Queued, Submitted):
        inner = {"state": Scheduled(**SECRET)}
    answer = Boundary().answer(bare(kind, **SECRET, **inner, result=[1]), {})

    assert b"secret" not in answer.body
    assert b'"result":[1]' in answer.body


class Holding(BaseModel):
    """What holds a state."""

    state: State[Any]


class Nested(Failed[list[Failed]]):
    """A failure with states in its fields."""

    inner: Failed
    others: tuple[State[Any], ...] = ()
    by_name: dict[str, list[State[Any]]] = {}
    holding: Holding | None = None


def test_no_message_leaves_of_a_state_within() -> None:
    """Wherever it stands: in a field, in the result, and in what these hold."""
    failed = Failed(message="secret", causes=(ErrorInfo(type="OSError", message="secret", traceback="secret"),))
    nested = Nested(
        result=[failed],
        inner=failed,
        others=(failed, Skipped(result=7)),
        by_name={"a": [failed]},
        holding=Holding(state=failed),
    )

    bare_ones = Nested(
        result=[Failed()],
        inner=Failed(),
        others=(Failed(), Skipped(result=7)),
        by_name={"a": [Failed()]},
        holding=Holding(state=Failed()),
    )
    assert bare_ones == Boundary().exposed(nested)
    assert b"secret" not in Boundary().answer(nested, {}).body
    assert b"secret" not in Boundary().answer(Success[dict[str, Failed]](result={"last": failed}), {}).body


def test_a_state_within_leaves_as_its_own_class_is_exposed() -> None:
    """A traceback never does."""
    cause = ErrorInfo(type="OSError", message="full", traceback="secret")
    nested = Nested(message="no", inner=TimedOut(message="late", causes=(cause,)), result=[Failed()])
    shown = Boundary(expose=[TimedOut]).exposed(nested)

    assert (
        Nested(inner=TimedOut(message="late", causes=(ErrorInfo(type="OSError", message="full"),)), result=[Failed()])
        == shown
    )


def test_a_parametrised_class_exposes_its_family() -> None:
    """``Failed[int]`` and ``Failed`` name one class here, as in the table of statuses."""
    boundary = Boundary(expose=[Failed[int]])
    assert ["no", "no"] == [
        boundary.exposed(state).message for state in (Failed(message="no"), Crashed[int](message="no"))
    ]


def test_a_class_that_needs_its_message_is_answered_without_its_state() -> None:
    """The status is the state's; what may not leave does not."""

    class Explained(TimedOut):
        """A message of some length is required."""

        message: str = Field(min_length=3)

    answer = Boundary().answer(Explained(message="secret"), {})

    assert (504, {"type": "about:blank", "title": "Gateway Timeout", "status": 504}) == (
        answer.status,
        json.loads(answer.body),
    )


def test_messages_and_causes_leave_where_they_are_exposed() -> None:
    """Of the named classes and their descendants, without tracebacks."""
    boundary = Boundary(expose=(Failed,))
    failed, skipped = Crashed(**SECRET), Skipped(**SECRET)

    problem = json.loads(boundary.answer(failed, {}).body)
    cause = {"type": "ValueError", "message": "secret", "notes": ["secret"]}
    assert ("secret", {"type": "Crashed", "message": "secret", "causes": [cause]}) == (
        problem["detail"],
        problem["state"],
    )
    assert b'{"type":"Skipped"}' == boundary.answer(skipped, {}).body


def test_what_leaves_is_redacted() -> None:
    """Each text of messages and causes; those that the signal was raised from, too."""
    boundary = Boundary(expose=(State,), redact=lambda text: text.replace("secret", "..."))
    try:
        try:
            raise ValueError("my secret")
        except ValueError as exc:
            exc.add_note("a secret note")
            raise FAIL("a secret message") from exc
    except FAIL as signal:
        answer = answer_to(signal, boundary)

    assert b"secret" not in answer.body
    assert ["my ...", "a ... note", "a ... message"] == [
        text for text in ("my ...", "a ... note", "a ... message") if text.encode() in answer.body
    ]


def test_a_message_that_a_class_requires_is_empty() -> None:
    """A class of one's own that cannot be without a message has no text where it is not exposed."""

    class Spoken(Skipped):
        """It says why."""

        message: str

    assert b'{"type":"Spoken","message":""}' == Boundary().answer(Spoken(message="secret"), {}).body


# ---- signals and groups


def test_a_signal_is_answered_as_its_state() -> None:
    """With the causes it was raised from, where these are exposed."""
    cancel = CANCEL("stopped")
    cancel.__cause__ = OSError("gone")

    assert ALL.answer(Cancelled(message="stopped", causes=(ErrorInfo(type="OSError", message="gone"),)), {}) == (
        answer_to(cancel, ALL)
    )


def test_a_group_of_signals_is_answered_as_capture_combines_it() -> None:
    """The most severe decides; exceptions beside signals count as failures; nested groups are flat."""
    skip, crash = SKIP("a"), CRASH("b")
    nested = BaseExceptionGroup("g", [skip, BaseExceptionGroup("h", [CANCEL("c")])])

    assert [200, 500, 409, 500] == [
        answer_to(exc).status
        for exc in (
            BaseExceptionGroup("g", [skip]),
            BaseExceptionGroup("g", [skip, crash]),
            nested,
            BaseExceptionGroup("g", [skip, OSError()]),
        )
    ]


def test_what_is_no_signal_is_not_answered() -> None:
    """Errors are the framework's, alone or in a group; an interrupt is nobody's to answer."""
    others = [
        OSError(),
        ExceptionGroup("g", [OSError()]),
        KeyboardInterrupt(),
        BaseExceptionGroup("g", [SKIP(), KeyboardInterrupt()]),
    ]

    assert [None] * 4 == [Boundary().answer_to(exc, {}) for exc in others]


def test_every_signal_is_answered() -> None:
    """There is no signal without a response."""
    signals: list[Signal[Any]] = [signal_of(bare(kind)) for kind in KINDS]

    assert list(EXPECTED.values()) == [answer_to(signal_of(bare(kind))).status for kind in EXPECTED]
    assert len(KINDS) == len([answer_to(signal) for signal in signals])
