"""map, bind, recover, fold and zip: their laws over all kinds, two of a user's own one below the other among them."""

from collections.abc import Callable
from itertools import product
from typing import Any, Generic, NoReturn, Self

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import field_validator, model_validator
from typing_extensions import TypeVar

from statesig import (
    SKIP,
    Cached,
    Cancelled,
    Cancelling,
    Crashed,
    ErrorInfo,
    Failed,
    Finished,
    Looped,
    MapCancelled,
    MapFailed,
    Mapped,
    MetaState,
    Paused,
    Pending,
    Queued,
    Retrying,
    Running,
    Scheduled,
    Skipped,
    State,
    Submitted,
    Success,
    TimedOut,
    bind,
    capture,
    combine,
    fold,
    kind,
    map,
    recover,
    signal_of,
    zip,
)
from tests.harness.cases import at_once
from tests.harness.exhaustive import one_in
from tests.harness.strategies import BUILT_IN, CONCRETE, json_values, name_of, payloads
from tests.samples.kinds import Partial, Quarantined, Sealed
from tests.samples.samples import CAUSE, KINDS, NOON, bare, full

R = TypeVar("R")
IntT = TypeVar("IntT", bound=int)

NESTED = [
    Queued(state=Retrying(result=1, run_count=2), result=2),
    Submitted(state=Looped(result={"rows": 3})),
    Success(),
    Success(result=None),
    Success(message="m", result=1),
    Success(result=1, causes=(CAUSE,)),
    Failed(result=[1], causes=(CAUSE,)),
]
STATES: list[State[Any]] = [*(make(one) for one in KINDS for make in (bare, full)), *NESTED]
FULL: list[State[Any]] = [full(one, message=one.__name__) for one in KINDS]

each_state = pytest.mark.parametrize("s", STATES, ids=lambda s: f"{s.type}{'*' * s.has_result}")
some_states = pytest.mark.parametrize(
    "s", one_in(10, STATES, others=pytest.mark.thorough), ids=lambda s: f"{s.type}{'*' * s.has_result}"
)
samples = st.sampled_from(CONCRETE).flatmap(payloads)


def unit(result: Any) -> Any:
    return Success(result=result)


def f(result: Any) -> Any:
    return ["f", result]


def g(result: Any) -> Any:
    return {"g": result}


def parts(state: State[Any]) -> tuple[type, dict[str, Any], bool]:
    """Return a state as class and fields, its causes as a set."""
    fields = {name: set(value) if name == "causes" else value for name, value in state}
    return kind(state), fields, state.has_result


# ---- map


@at_once
@each_state
def test_map_of_the_identity(s: State[Any]) -> None:
    """``map(identity, s) == s``."""
    assert s == map(lambda r: r, s)


@given(samples)
def test_map_of_the_identity_over_payloads(s: State[Any]) -> None:
    """``map(identity, s) == s``, whatever the state holds."""
    assert s == map(lambda r: r, s)


@at_once
@each_state
def test_map_of_a_composition(s: State[Any]) -> None:
    """``map(f, map(g, s)) == map(f after g, s)``."""
    assert map(lambda r: f(g(r)), s) == map(f, map(g, s))


@given(samples)
def test_map_of_a_composition_over_payloads(s: State[Any]) -> None:
    """``map(f, map(g, s)) == map(f after g, s)``, whatever the state holds."""
    assert map(lambda r: f(g(r)), s) == map(f, map(g, s))


@at_once
@pytest.mark.parametrize("one", KINDS, ids=name_of)
def test_map_replaces_the_result(one: Any) -> None:
    """A state of any kind is of that kind, with all its fields, and with the function's result."""
    s = full(one, result=2)
    assert full(one, result=["f", 2]) == map(f, s)
    assert full(one, result=2) == s


@at_once
@pytest.mark.parametrize("one", KINDS, ids=name_of)
def test_map_without_a_result(one: Any) -> None:
    """A state without a result is returned as it is; the function is not asked."""
    s = bare(one)
    assert s is map(refuse, s)


def refuse(result: Any) -> NoReturn:
    raise AssertionError("this is not to be called")


def test_map_of_none() -> None:
    """A result that is None is a result."""
    assert Success(result=["f", None]) == map(f, Success(result=None))


def test_map_within_a_meta_state() -> None:
    """The result of what a meta-state wraps is replaced, too."""
    assert Queued(state=Retrying(result=["f", 1], run_count=2), result=["f", 2]) == map(f, NESTED[0])


def test_map_drops_parameters() -> None:
    """A parametrised state may hold another type of result then."""
    assert Success(result="5") == map(str, Success[int](result=5))


@pytest.mark.parametrize("raised", [ValueError("x"), SKIP("x")], ids=repr)
def test_what_the_function_raises_passes(raised: BaseException) -> None:
    """`map` and `bind` catch nothing, and the state is what it was."""
    s = Success(result=1)

    def fails(result: object) -> Any:
        raise raised

    for act in (lambda: map(fails, s), lambda: bind(fails, s)):
        with pytest.raises(type(raised)) as caught:
            act()
        assert raised is caught.value
    assert Success(result=1) == s


class Metres(Success[int]):
    """A success whose result is an int and nothing else."""

    unit: str = "m"


class Page(Success[R], Generic[R]):
    """A success that says more of what its result is made of."""

    rows: tuple[R, ...] = ()


class Chained(Success[R], Generic[R]):
    """A success that holds the one before it."""

    before: Success[R]


class Bounded(Success[IntT], Generic[IntT]):
    """A success whose result is some int."""


class Small(Success):
    """A success that looks at its result."""

    @field_validator("result")
    @classmethod
    def _is_small(cls, value: Any) -> Any:
        if not isinstance(value, int) or value > 9:
            raise ValueError("too large")
        return value


class Whole(Success):
    """A success that looks at all of itself."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.result == "nothing":
            raise ValueError("not whole")
        return self


class Settled(Failed[int]):
    """A failure that must have a result."""

    result: int = 0  # type: ignore[assignment]  # narrower than the parent's on purpose
    reason: str


FIXED: list[Any] = [
    Metres(result=1, unit="s"),
    Page[int](result=1, rows=(1, 2)),
    Chained[int](result=1, before=Success(result=2)),
    Bounded(result=1),
    Small(result=1),
    Settled(result=1, reason="x"),
]


@pytest.mark.parametrize("s", FIXED, ids=repr)
def test_map_of_a_class_that_fixes_its_result(s: Any) -> None:
    """It gives the nearest ancestor whose result may be anything, also to the identity; compositions are the same."""
    open_kind = Failed if isinstance(s, Failed) else Success
    assert open_kind(result=["f", 1]) == map(f, s)
    assert open_kind(result=1) == map(lambda r: r, s)
    assert map(lambda r: f(g(r)), s) == map(f, map(g, s))


def test_map_to_what_a_class_refuses() -> None:
    """Of a class that refuses a result by a validator of the whole, it is the nearest ancestor that takes it."""
    assert Whole(result="all", message="m") == map(lambda r: "all", Whole(result="some", message="m"))
    assert Success(result="nothing", message="m") == map(lambda r: "nothing", Whole(result="some", message="m"))


def test_a_class_that_fixes_its_result_and_was_given_none() -> None:
    """Without a result it stays what it is, through `map` and `bind`."""
    assert (Metres(unit="s"), Metres(unit="s")) == (map(f, Metres(unit="s")), bind(unit, Metres(unit="s")))
    assert Settled(reason="x") == bind(unit, Settled(result=5, reason="x"))


# ---- bind


def outcome_of(one: State[Any], name: str) -> Callable[[Any], Any]:
    """Return a function whose outcome is a state, with a result made of what it is called with if it has one."""
    return lambda r: map(lambda _: [name, r], one)


def test_bind_left_identity() -> None:
    """``bind(f, unit(r)) == f(r)``, for functions with outcomes of every kind."""
    for one in STATES:
        step = outcome_of(one, "f")
        assert step(5) == bind(step, unit(5))


@at_once
@each_state
def test_bind_right_identity(s: State[Any]) -> None:
    """``bind(unit, s) == s`` for a plain Success and every state without a result; else up to what is no unit's.

    Another success with a result becomes Success by it, a state that is no success loses its result.
    """
    outcome = bind(unit, s)
    if type(s) is Success or not (s.has_result or isinstance(s, MetaState)):
        assert s == outcome
    elif isinstance(s, Success):
        assert Success(message=s.message, result=s.result, causes=s.causes) == outcome
    else:
        assert without_results(s) == outcome


def without_results(s: State[Any]) -> State[Any]:
    given = {name: getattr(s, name) for name in type(s).model_fields if name != "result"}
    if isinstance(s, MetaState):
        given["state"] = without_results(s.state)
    return type(s)(**given)


@given(payloads(Success))
def test_bind_right_identity_over_payloads(s: State[Any]) -> None:
    """``bind(unit, s) == s`` for a plain Success, whatever it holds."""
    assert s == bind(unit, s)


@at_once
@some_states
def test_bind_is_associative(s: State[Any]) -> None:
    """``bind(g, bind(f, s)) == bind(f then g, s)``, for functions with outcomes of every kind."""
    for one, other in product(STATES, repeat=2):
        first, then = outcome_of(one, "f"), outcome_of(other, "g")
        assert bind(then, bind(first, s)) == bind(lambda r: bind(then, first(r)), s), (one, other)


@given(samples, samples, samples)
def test_bind_is_associative_over_payloads(s: State[Any], one: State[Any], other: State[Any]) -> None:
    """``bind(g, bind(f, s)) == bind(f then g, s)``, whatever the states hold."""
    first, then = outcome_of(one, "f"), outcome_of(other, "g")
    assert bind(then, bind(first, s)) == bind(lambda r: bind(then, first(r)), s)


@given(payloads(Success))
def test_bind_with_a_unit_is_map(s: Success[Any]) -> None:
    """``bind(unit after f, s) == map(f, s)`` for a plain Success."""
    assert map(f, s) == bind(lambda r: unit(f(r)), s)


@at_once
@pytest.mark.parametrize("one", [one for one in KINDS if not issubclass(one, Success)], ids=name_of)
def test_bind_passes_on_what_is_no_success(one: Any) -> None:
    """The function is not asked, and the result that the state had is none for who waits for the next one."""
    assert without_results(bare(one)) == bind(refuse, bare(one))
    assert without_results(full(one)) == bind(refuse, full(one))


@pytest.mark.parametrize("one", [Success, Cached, Mapped, Skipped, Partial], ids=name_of)
def test_bind_calls_with_the_result_of_any_success(one: Any) -> None:
    """A skipped, cached or mapped success with a result is as good as another."""
    assert Success(message="why", result=["f", 2], causes=(CAUSE,)) == bind(lambda r: unit(f(r)), full(one, result=2))
    assert bare(one) == bind(refuse, bare(one))


def test_bind_keeps_what_the_outcome_leaves_unsaid() -> None:
    """A success that says nothing keeps message and causes; what says something, or is no success, is as it is."""
    s = Success(message="said", result=1, causes=(CAUSE,))
    other = ErrorInfo(type="OSError", message="disk")
    assert Skipped(message="said", causes=(CAUSE,)) == bind(lambda _: Skipped(), s)
    assert Success(message="", causes=(other,)) == bind(lambda _: Success(message="", causes=(other,)), s)
    assert Failed() == bind(lambda _: Failed(), s)


class Terse(Success):
    """A success that has nothing to say."""

    message: None = None


def test_bind_to_a_class_that_refuses_what_was_said() -> None:
    """An outcome whose class admits no message is as it is."""
    assert Terse(result=1) == bind(lambda r: Terse(result=r), Success(message="said", result=1))


# ---- recover


@at_once
@each_state
def test_recover_right_identity(s: State[Any]) -> None:
    """``recover(identity, s) == s``."""
    assert s is recover(lambda failed: failed, s)


@at_once
@each_state
def test_recover_is_for_failures(s: State[Any]) -> None:
    """``recover(f, s) == f(s)`` if the state failed, and the state as it is if not, cancelled or not finished."""
    seen: list[State[Any]] = []

    def step(failed: Failed[Any]) -> Success[Any]:
        seen.append(failed)
        return Success(message=failed.type)

    outcome = recover(step, s)
    if isinstance(s, Failed):
        assert ([s], Success(message=s.type)) == (seen, outcome)
    else:
        assert ([], True) == (seen, s is outcome)


@at_once
@some_states
def test_recover_is_associative(s: State[Any]) -> None:
    """``recover(g, recover(f, s)) == recover(f then g, s)``, for functions with outcomes of every kind."""
    for one, other in product(STATES, repeat=2):
        first, then = always(one), always(other)
        assert recover(then, recover(first, s)) == recover(lambda x: recover(then, first(x)), s), (one, other)


def always(outcome: State[Any]) -> Callable[[Failed[Any]], State[Any]]:
    return lambda failed: outcome


# ---- fold


@at_once
@each_state
def test_fold_is_total(s: State[Any]) -> None:
    """``fold(s, success=f, failed=f, cancelled=f, unfinished=f) == f(s)``, of the very state."""
    assert s is fold(s, success=same, failed=same, cancelled=same, unfinished=same)


def same(s: State[Any]) -> State[Any]:
    return s


@at_once
@pytest.mark.parametrize(
    ("s", "expected"),
    [(bare(one), "success") for one in (Success, Cached, Mapped, Skipped, Partial)]
    + [(bare(one), "failed") for one in (Failed, TimedOut, Crashed, MapFailed, Quarantined, Sealed)]
    + [(bare(one), "cancelled") for one in (Cancelled, MapCancelled)]
    + [(bare(one), "unfinished") for one in (Pending, Scheduled, Paused, Queued, Submitted, Running, Cancelling)],
    ids=lambda one: getattr(one, "type", one),
)
def test_fold_calls_the_one_that_is_named(s: State[Any], expected: str) -> None:
    """Each state is in exactly one of the four."""
    called = fold(
        s,
        success=lambda _: "success",
        failed=lambda _: "failed",
        cancelled=lambda _: "cancelled",
        unfinished=lambda _: "unfinished",
    )
    assert expected == called


def test_fold_of_a_finished_state_needs_three() -> None:
    """What is finished needs no function for what is not; what is not finished is refused without one."""
    assert 5 == fold(Success(result=5), success=lambda s: s.unwrap(), failed=same, cancelled=same)
    running: Any = Running(result="secret")
    with pytest.raises(TypeError, match=r"^fold of a Running, which is not finished, needs unfinished=\.\.\.$"):
        fold(running, success=same, failed=same, cancelled=same)
    assert Running(result="secret") == running


def test_fold_is_keyword_only() -> None:
    """What is done with which state is said by name."""
    with pytest.raises(TypeError):
        fold(Success(), same, same, same, same)  # type: ignore[call-overload]  # that is the mistake


# ---- zip


@at_once
@pytest.mark.parametrize("a", STATES, ids=lambda s: f"{s.type}{'*' * s.has_result}")
def test_zip_is_combine_with_the_results(a: State[Any]) -> None:
    """``zip(a, b)`` is ``combine([a, b])``, with the tuple of the results if and only if both have one."""
    for b in STATES:
        expected = combine([a, b])
        if a.has_result and b.has_result:
            expected = expected.model_copy(update={"result": (a.result, b.result)})
        assert expected == zip(a, b), b


@at_once
@pytest.mark.parametrize(
    "a", one_in(3, STATES, others=pytest.mark.thorough), ids=lambda s: f"{s.type}{'*' * s.has_result}"
)
def test_zip_is_natural(a: State[Any]) -> None:
    """``zip(map(f, a), map(g, b)) == map(f by g, zip(a, b))``."""
    for b in STATES:
        assert zip(map(f, a), map(g, b)) == map(lambda both: (f(both[0]), g(both[1])), zip(a, b)), b


@at_once
@pytest.mark.parametrize("a", STATES, ids=lambda s: f"{s.type}{'*' * s.has_result}")
def test_zip_is_symmetric(a: State[Any]) -> None:
    """``zip(b, a) == map(swapped, zip(a, b))``, up to the order of causes."""
    for b in STATES:
        assert parts(zip(b, a)) == parts(map(lambda both: both[::-1], zip(a, b))), b


def reassociated(s: State[Any]) -> Any:
    """Return what of a state three are zipped to whichever two first: all but the message, the result flattened."""
    flat = map(lambda r: (*r[0], r[1]) if isinstance(r[0], tuple) else (r[0], *r[1]), s)
    return parts(flat.model_copy(update={"message": None}))


@at_once
@pytest.mark.parametrize("a", one_in(10, FULL, others=pytest.mark.thorough), ids=lambda s: s.type)
def test_zip_is_associative(a: State[Any]) -> None:
    """``zip(zip(a, b), c) == zip(a, zip(b, c))``, tuples flattened, messages and the order of causes aside."""
    for b, c in product(FULL, repeat=2):
        assert reassociated(zip(zip(a, b), c)) == reassociated(zip(a, zip(b, c))), (b, c)
    for b, c in product(STATES[::2], repeat=2):
        assert reassociated(zip(zip(a, b), c)) == reassociated(zip(a, zip(b, c))), (b, c)


@given(samples, samples, samples)
def test_zip_over_payloads(a: State[Any], b: State[Any], c: State[Any]) -> None:
    """The laws of `zip`, whatever the states hold."""
    assert parts(zip(map(f, a), map(g, b))) == parts(map(lambda both: (f(both[0]), g(both[1])), zip(a, b)))
    assert parts(zip(b, a)) == parts(map(lambda both: both[::-1], zip(a, b)))
    assert reassociated(zip(zip(a, b), c)) == reassociated(zip(a, zip(b, c)))


def test_zip_keeps_all_failures() -> None:
    """The causes of every failure are kept, once each, in the order of the states."""
    causes = [ErrorInfo(type="OSError", message=str(number)) for number in range(3)]
    states = [Failed(causes=(causes[0],)), Success(result=1), TimedOut(causes=(causes[1], causes[0], causes[2]))]
    assert Failed(causes=tuple(causes)) == zip(*states)


@at_once
@pytest.mark.parametrize("count", range(8))
def test_zip_of_any_number(count: int) -> None:
    """Several successes are one, its result the tuple of theirs; of none the empty tuple."""
    assert Success(result=tuple(range(count))) == zip(*[Success(result=number) for number in range(count)])


def test_zip_of_results_that_were_not_given() -> None:
    """Where one has no result, there is no tuple; a result that is None is one."""
    assert (Success(), False) == (zip(Success(result=1), Success()), zip(Success(result=1), Skipped()).has_result)
    assert Success(result=(1, None)) == zip(Success(result=1), Success(result=None))


def test_zip_keeps_a_kind_that_all_have() -> None:
    """What is cached throughout is cached, until the first expires; of a class that fixes its result, its parent."""
    assert Cached(result=(1, 2), expires=NOON) == zip(Cached(result=1), Cached(result=2, expires=NOON))
    assert Success(result=(1, 2)) == zip(Metres(result=1), Metres(result=2))


# ---- together with capture


@given(st.sampled_from(CONCRETE).flatmap(lambda one: payloads(one, results=json_values)))
def test_capture_of_a_result(s: State[Any]) -> None:
    """``capture(s.unwrap) == unit(r)`` for a state with a result, whatever it holds."""
    assume(s.has_result)
    assert unit(s.result) == capture(s.unwrap)


@given(st.sampled_from(BUILT_IN).flatmap(payloads))
def test_capture_of_a_signal(s: State[Any]) -> None:
    """``capture(raise_, signal_of(s)) == s``, whatever the state holds."""

    def raising() -> NoReturn:
        raise signal_of(s)

    assert s == capture(raising)


@at_once
@pytest.mark.parametrize("one", KINDS, ids=name_of)
def test_a_step_that_captures(one: Any) -> None:
    """What a step raises is passed on to the end of a chain of `bind`, as a step that returned it would."""

    def raising(result: Any) -> NoReturn:
        raise signal_of(full(one))

    def chained(step: Callable[[Any], State[Any]]) -> State[Any]:
        return bind(lambda r: unit(f(r)), bind(step, unit(1)))

    assert chained(lambda r: full(one)) == chained(lambda r: capture(raising, r))


def test_it_is_finished_that_stays_finished() -> None:
    """No operation makes an unfinished state of finished ones."""
    ended = [s for s in STATES if isinstance(s, Finished) and issubclass(kind(s), Finished)]
    for a, b in product(ended, repeat=2):
        outcomes = (map(f, a), bind(lambda r: b, a), recover(lambda x: b, a), zip(a, b))
        assert [] == [one for one in outcomes if not isinstance(one, Finished)]
