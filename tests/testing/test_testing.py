"""What statesig gives to the tests of programs: strategies, laws, a clock, captured runs, a watch, and the plugins."""

import contextlib
import json
import pickle
import sys
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from pydantic import AwareDatetime, BaseModel, Field
from typing_extensions import TypeVar

from statesig import (
    FAIL,
    PAUSE,
    QUEUE,
    RETRY,
    SKIP,
    AnyState,
    Cancelled,
    Failed,
    Finished,
    Flow,
    FlowError,
    MapCancelled,
    MapFailed,
    Mapped,
    MetaState,
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
    capture,
    check_history,
    decode,
    encode,
    signal_of,
    task,
)
from statesig.states import UtcDatetime
from statesig.states.families import descendants, origin_of
from statesig.testing import (
    Clock,
    LawBroken,
    Rehearsal,
    SwallowedSignal,
    Watch,
    check_laws,
    json_values,
    laws,
    moments,
    paths,
    states,
)
from tests.harness.exhaustive import exhaustive_but, one_in, thorough_but
from tests.harness.strategies import ABSTRACT, BUILT_IN, fingerprint, name_of, run_python
from tests.samples.kinds import SEAL, Partial, Quarantined, Sealed, Throttled

pytest_plugins = ["pytester"]

R = TypeVar("R", covariant=True, default=Any)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FAMILIES = (State, MetaState, Finished, Failed, Success, Scheduled)

simplest = settings(max_examples=2000, derandomize=True, database=None, phases=(Phase.generate, Phase.shrink))
any_one = settings(simplest, phases=(Phase.generate,))
many = settings(any_one, max_examples=10_000)


class Place(BaseModel):
    """A user's model, with what Hypothesis alone would not know: constraints, an aware time, itself."""

    port: int = Field(ge=1, le=70)
    since: AwareDatetime
    next: "Place | None" = None


class Rich(Failed):
    """A user's state with fields of many types."""

    reason: str = Field(pattern="^a+$")
    until: UtcDatetime
    rows: tuple[int, ...] = Field(default=(), min_length=1, max_length=2)
    pair: tuple[int, str] = (0, "")
    share: float = 0.0
    places: dict[str, Place] = {}
    inner: Skipped[int] | None = None
    over: Annotated[int, Field(gt=5)] = 6
    mode: Literal["a", "b"] = "a"
    named: Annotated[str, st.just("by hand")] = ""
    tags: frozenset[str] = frozenset()


def given_fields(state: State[Any]) -> set[str]:
    return state.model_fields_set - {"type"}


def drawn(strategy: st.SearchStrategy[Any], condition: Callable[[Any], bool] = lambda value: True) -> Any:
    """Return the simplest value of a strategy that meets a condition."""
    return find(strategy, condition, settings=simplest)


def exists(strategy: st.SearchStrategy[Any], condition: Callable[[Any], bool]) -> bool:
    """Tell whether a strategy has a value that meets a condition."""
    return condition(find(strategy, condition, settings=any_one))


def class_of(value: Any) -> Iterable[object]:
    return [type(value)]


def unseen(
    strategy: st.SearchStrategy[Any],
    wanted: Iterable[object],
    shown: Callable[[Any], Iterable[object]] = class_of,
) -> set[object]:
    """Return what is wanted of all that a strategy draws, and shown by none of it; it is drawn from until all is."""
    left = set(wanted)

    def is_last(value: object) -> bool:
        left.difference_update(shown(value))
        return not left

    with contextlib.suppress(NoSuchExample):
        find(strategy, is_last, settings=many)
    return left


# ---- strategies


@pytest.mark.parametrize("kind", one_in(6, [*BUILT_IN, Quarantined, Sealed, Throttled, Partial, Rich]), ids=name_of)
def test_every_concrete_state_has_a_strategy(kind: Any) -> None:
    """``st.from_type`` of a class gives states of that class, with each of its fields given and left out."""
    strategy, fields = st.from_type(kind), kind.model_fields
    ways = {(name, given) for name in fields for given in (True, False) if given or not fields[name].is_required()}

    assert kind is type(drawn(strategy))
    assert set() == unseen(strategy, ways, lambda state: {(name, name in given_fields(state)) for name in fields})


@given(st.from_type(SKIP), st.from_type(QUEUE), st.from_type(SEAL), st.from_type(Signal[Failed]), st.from_type(Signal))
def test_signals_have_strategies(skip: Any, queue: Any, seal: Any, fail: Any, signal: Any) -> None:
    """A signal is drawn with any state that it carries, ``Signal`` as any of them."""
    assert [SKIP, QUEUE, SEAL, FAIL] == [type(each) for each in (skip, queue, seal, fail)]
    assert signal.state == capture(raise_, signal)


def raise_(signal: Signal[Any]) -> None:
    raise signal


@pytest.mark.parametrize("kind", exhaustive_but({MetaState}, ABSTRACT, thorough={State}), ids=name_of)
def test_an_abstract_state_stands_for_all_below_it(kind: Any) -> None:
    """``st.from_type`` of an abstract class gives each kind below it, users' too."""
    assert set() == unseen(st.from_type(kind), (one for one in [*BUILT_IN, Partial, Sealed] if issubclass(one, kind)))


@pytest.mark.parametrize("kind", exhaustive_but({MetaState}, FAMILIES, thorough={State}), ids=name_of)
def test_a_family_can_be_asked_for(kind: Any) -> None:
    """``states(kind)`` gives the class itself and every descendant, and ``states()`` any state."""
    everything = states() if kind is State else states(kind)
    known = (*BUILT_IN, Quarantined, Sealed, Throttled, Partial)
    assert set() == unseen(everything, (below for below in descendants(kind) if below in known))


@given(st.data())
def test_what_is_drawn_is_of_the_family(data: st.DataObject) -> None:
    """Nothing else is drawn."""
    kind: Any = data.draw(st.sampled_from(FAMILIES))
    assert isinstance(data.draw(states(kind)), kind)


@given(st.sampled_from([kind for kind in BUILT_IN if kind is not Mapped]).flatmap(st.from_type))
def test_what_is_drawn_reads_back(state: State[Any]) -> None:
    """Results of no declared type are JSON values, so that the state can be written and read."""
    inner = state.state if isinstance(state, MetaState) else state
    if type(inner) in BUILT_IN:
        assert fingerprint(state) == fingerprint(decode(encode(state), type(state)))


@given(st.from_type(Success[int]))
def test_a_result_is_of_the_declared_type(state: Success[int]) -> None:
    """A parametrised state is drawn of that class, its result, if given, of the declared type."""
    assert (Success[int], int) == (type(state), type(state.result if state.has_result else 0))


@given(st.from_type(Finished[list[Place]]))
def test_the_results_of_a_family_are_of_the_declared_type(state: Finished[list[Place]]) -> None:
    """Each kind below a parametrised family is parametrised so."""
    assert {Place} >= {type(place) for place in state.result or ()}


class Linked(Success[R]):
    """A state with fields of its own type."""

    previous: "Linked[R] | None" = None
    others: "tuple[Linked[Any], ...]" = ()


@given(st.from_type(Linked[int]))
def test_a_parametrised_state_may_hold_others_of_its_class(state: Linked[int]) -> None:
    """Where a generic state has a field of its own type, what it holds is drawn too, and of its class."""
    assert {Linked} >= {origin_of(type(held)) for held in (state.previous, *state.others) if held is not None}


@given(st.from_type(AnyState[bool]), st.from_type(Partial[int]), st.from_type(Queued[int]))
def test_aliases_and_generic_states_of_users(any_state: Any, partial: Any, queued: Any) -> None:
    """The alias of all branches is a family; a user's generic state and a meta-state's inner one take the type."""
    results = [(any_state, bool), (partial, int), (queued, int), (queued.state, int)]
    assert [] == [state for state, expected in results if state.has_result and type(state.result) is not expected]


@given(st.from_type(Rich))
def test_the_fields_of_users_are_of_their_types(state: Rich) -> None:
    """Constraints, patterns, aware times, nested models and states of a user's fields are kept."""
    assert {"a"} == set(state.reason.rstrip("\n"))
    assert timedelta(0) == state.until.utcoffset()
    assert (True, True) == (state.named in ("", "by hand"), state.mode in ("a", "b"))


@pytest.mark.parametrize(
    "condition",
    one_in(
        3,
        [
            lambda state: "rows" in given_fields(state) and len(state.rows) == 2,
            lambda state: any(place.next is not None for place in state.places.values()),
            lambda state: state.inner is not None and state.inner.has_result,
            lambda state: state.over > 6 and state.share < 0,
            lambda state: len(state.tags) == 2,
            lambda state: state.named == "by hand" and state.mode == "b",
        ],
    ),
)
def test_the_fields_of_users_vary(condition: Any) -> None:
    """There is an example for each value of a field."""
    assert True is exists(st.from_type(Rich), condition)


@pytest.mark.exhaustive
def test_results_vary() -> None:
    """A result is given or not, None or not, nested or not."""
    success = st.from_type(Success)
    assert False is drawn(success, lambda state: not state.has_result).has_result
    assert Success(result=None) == drawn(success, lambda state: state.has_result)
    assert Success(result=[[]]) == drawn(success, lambda state: state.has_result and state.result == [[]])


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (State, Pending()),
        (Finished, Success()),
        (Queued, Queued(state=Pending())),
        (Failed[int], Failed()),
        (Quarantined, Quarantined(path="")),
    ],
    ids=name_of,
)
def test_they_shrink_to_the_plainest(kind: Any, expected: State[Any]) -> None:
    """The simplest example of a state is the first of its kinds, with nothing but what it must have."""
    assert expected == drawn(st.from_type(kind))


@pytest.mark.exhaustive
def test_they_shrink_to_what_matters() -> None:
    """All that a condition does not ask for is left out."""
    assert Mapped(children=(Success(), Success())) == drawn(states(Mapped), lambda state: len(state.children) == 2)
    assert MapFailed(children=(Failed(),)) == drawn(states(MapFailed))
    few = drawn(states(MapCancelled), lambda state: isinstance(state.children[0], Success))
    assert MapCancelled(children=(Success(), Cancelled())) == few


@pytest.mark.exhaustive
def test_a_users_own_strategy_goes_first() -> None:
    """What is registered for a state or a model is drawn, within a family and in a field too."""
    program = """
import json
from hypothesis import Phase, find, settings, strategies as st
from pydantic import BaseModel
from statesig import Failed, Skipped, State, Success
any_one = settings(phases=[Phase.generate], max_examples=5_000)
class Address(BaseModel):
    host: str
class Sent(Success):
    address: Address
st.register_type_strategy(Address, st.just(Address(host="registered")))
st.register_type_strategy(Skipped, st.just(Skipped(message="registered")))
kinds = (Skipped, State)
skipped = [find(st.from_type(kind), lambda state: isinstance(state, Skipped), settings=any_one) for kind in kinds]
sent = find(st.from_type(Sent), lambda state: True, settings=any_one)
print(json.dumps([skipped[0].message, skipped[1].message, sent.address.host]))
"""
    assert ["registered"] * 3 == run_python(program)


@pytest.mark.exhaustive
def test_a_state_that_is_defined_later_is_known() -> None:
    """Neither the state nor its family need be defined before Hypothesis is imported."""
    program = """
import hypothesis.strategies as st
from hypothesis import find
from statesig import Failed
family = st.from_type(Failed[int]) | st.from_type(__import__("statesig").Finished)
class Later(Failed):
    why: str
print('"%s"' % find(family, lambda state: isinstance(state, Later)).why)
"""
    assert "" == run_python(program)


def test_hypothesis_alone_loads_nothing() -> None:
    """To import Hypothesis where statesig is installed loads neither pydantic nor any state."""
    program = """
import hypothesis.strategies, sys
own = [name for name in sys.modules if name.startswith("statesig") or name == "pydantic"]
assert hypothesis.strategies.from_type(int).example
import json; print(json.dumps(sorted(own)))
"""
    assert ["statesig", "statesig.hypothesis_plugin"] == run_python(program)


@pytest.mark.exhaustive
def test_another_hypothesis_is_served_by_its_public_way() -> None:
    """Where Hypothesis has no table of other packages, the states that there are get registered."""
    program = """
import sys
import hypothesis
from hypothesis.strategies._internal import types
kept = types.__dict__.pop("_global_extra_lookup")
from statesig.hypothesis_plugin import register
register()
types._global_extra_lookup = {}
from hypothesis import Phase, find, settings, strategies as st
from statesig import Failed, State
any_one = settings(phases=[Phase.generate], max_examples=5_000)
kinds = (Failed, State)
found = [find(st.from_type(kind), lambda state: type(state) is Failed, settings=any_one) for kind in kinds]
print('["%s", "%s"]' % tuple(state.type for state in found))
"""
    assert ["Failed", "Failed"] == run_python(program)


@given(st.from_type(UtcDatetime), moments)
def test_times_are_aware(one: datetime, other: datetime) -> None:
    """The type of times that states hold is drawn aware."""
    assert True is (one.tzinfo is not None and other.tzinfo is not None)


@given(json_values)
def test_json_values_are_json(value: Any) -> None:
    """What a result is drawn from is what JSON gives back."""
    assert value == json.loads(json.dumps(value))


# ---- paths


@given(paths(max_steps=6))
def test_a_path_is_a_legal_history(path: list[State[Any]]) -> None:
    """Each path is what `check_history` finds no fault with, and as long as was asked."""
    assert (None, True) == (check_history(path), 1 <= len(path) <= 7)


@given(paths(max_steps=3, finished=True))
def test_a_finished_path_comes_to_its_end(path: list[State[Any]]) -> None:
    """A finished path is legal, ends in a Finished state, and takes no more steps for it."""
    assert (None, True, True) == (check_history(path), isinstance(path[-1], Finished), 2 <= len(path) <= 4)


@pytest.mark.thorough
def test_paths_lead_to_every_kind() -> None:
    """There is a path to each kind, and a finished path to each final one."""
    final = [kind for kind in BUILT_IN if issubclass(kind, Finished)]
    assert set() == unseen(paths().map(itemgetter(-1)), set(BUILT_IN).difference(final))
    assert set() == unseen(paths(max_steps=3, finished=True).map(itemgetter(-1)), final)
    assert True is exists(paths(), lambda path: isinstance(path[-1], Finished))


@pytest.mark.exhaustive
def test_paths_shrink() -> None:
    """The simplest path is one pending state, the simplest that comes to an end one step."""
    assert [Pending()] == drawn(paths())
    assert ([Pending()], 2) == ((path := drawn(paths(finished=True)))[:1], len(path))
    through = drawn(paths(), lambda path: any(isinstance(state, Running) for state in path[:-1]))
    assert ([Pending(), Running()], 3) == (through[:2], len(through))


@pytest.mark.parametrize("options", [{"max_steps": -1}, {"max_steps": 0, "finished": True}], ids=str)
def test_paths_of_too_few_steps(options: Any) -> None:
    """A path has no less than no steps, and takes one to its end."""
    with pytest.raises(ValueError, match="steps or more, and max_steps is"):
        paths(**options)
    assert [Pending()] == drawn(paths(max_steps=0))


# ---- laws


# In a process of their own: what is mapped may be of any kind, and other tests define some that keep no law.
LAWFUL = [*BUILT_IN, Quarantined, Sealed, Throttled, Partial, Partial[int], Rich]


def told_of(kinds: Iterable[Any], examples: int) -> dict[str, list[str]]:
    """Return for each state the lines in which `check_laws` says after so many examples what is broken."""
    told: dict[str, list[str]] = {}
    for kind in kinds:
        try:
            check_laws(kind, examples=examples)
        except AssertionError as error:
            told[kind.__name__] = str(error).splitlines()
        else:
            told[kind.__name__] = []
    return told


@pytest.fixture(scope="module", params=thorough_but([2], [2, 25]), ids=str)
def told(request: pytest.FixtureRequest) -> dict[str, list[str]]:
    """What `check_laws` says of each lawful state, after so many examples, and of each that breaks a law."""
    program = f"""
import json
from tests.testing.test_testing import LAWFUL, told_of
told = told_of(LAWFUL, {request.param})
from tests.samples import unlawful  # only now, as what is mapped may be of any kind
print(json.dumps(told | told_of([*unlawful.KINDS, unlawful.local()], 50)))
"""
    found: dict[str, list[str]] = run_python(program)
    return found


@pytest.mark.parametrize("kind", LAWFUL, ids=name_of)
def test_the_laws_hold(told: dict[str, list[str]], kind: Any) -> None:
    """The built-in states keep every law, and users' with fields, required ones, parameters or no signal."""
    assert [] == told[kind.__name__]


def test_an_abstract_kind_stands_for_all_below_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """``check_laws(MetaState)`` asks each kind below it; of several kinds each is asked."""
    asked: list[Any] = []
    monkeypatch.setattr(laws, "_check_states", lambda own, examples: asked.append(own))
    check_laws(MetaState, Scheduled)
    assert [Queued, Submitted, Scheduled] == [kind for kind in asked if kind in BUILT_IN]


UNLAWFUL = {
    "Lonely": "decode(encode(s), type(s)) == s, and of the same class",
    "Loud": "s.model_copy() == s, and has the same hash",
    "Changing": "s does not change",
    "Unwritten": "some state of each kind can be encoded",
    "Unpacked": "pickle.loads(pickle.dumps(s)) == s, and of the same class",
    "Local": "pickle.loads(pickle.dumps(s)) == s, and of the same class",
}


@pytest.mark.parametrize(("name", "law"), UNLAWFUL.items())
def test_a_broken_law_is_named(told: dict[str, list[str]], name: str, law: str) -> None:
    """An AssertionError names the law, the states as small as they come, and the two sides."""
    lines = told[name]
    assert (law, "  does not hold for") == (lines[0], lines[1])
    assert (["  left:", "  right:"], True) == ([line[:8].rstrip() for line in lines[-2:]], name in lines[2])


def test_a_broken_law_keeps_its_data() -> None:
    """Law, subjects and sides are attributes, and survive a pickle."""
    error = LawBroken("a == b", {"a": Success(), "b": Failed}, 1, "x")
    back = pickle.loads(pickle.dumps(error))

    assert ("a == b", {"a": Success(), "b": Failed}, 1, "x") == (back.law, back.subjects, back.left, back.right)
    said = "a == b\n  does not hold for\n    a = Success()\n    b = Failed\n  left:  1\n  right: 'x'"
    assert (said, said, True) == (str(error), str(back), isinstance(back, AssertionError))


@pytest.mark.parametrize("other", [int, Success(), "Success", SKIP])
def test_laws_are_asked_of_states(other: Any) -> None:
    """What is no class of states is a TypeError."""
    with pytest.raises(TypeError, match="laws are checked for classes of states, not for"):
        check_laws(other)


# ---- the clock and captured runs


@task(retries=2, retry_delay=60)
def unsteady(times: int) -> int:
    raise RETRY(f"{times} times")


@task
def twice(value: int) -> int:
    return 2 * value


@task
def asks(value: int) -> int:
    raise PAUSE("may I?")


def test_a_clock_stands_still() -> None:
    """A clock shows what it was set to, until it is advanced or slept by."""
    clock = Clock(NOON)
    assert (NOON, NOON) == (clock(), clock())
    clock.advance(1.5)
    clock.advance(timedelta(minutes=1))
    clock.sleep(3)
    assert (NOON + timedelta(seconds=64.5), [3]) == (clock(), clock.slept)
    clock.set(NOON)
    assert NOON == clock()


def test_a_clock_passes_hours_not_readings() -> None:
    """Time passes in UTC, whatever the zone does: this night has 23 hours, so 12 of them end at 13."""
    berlin = ZoneInfo("Europe/Berlin")
    clock = Clock(datetime(2026, 3, 29, 0, tzinfo=berlin))
    clock.advance(timedelta(hours=12))
    assert (datetime(2026, 3, 29, 13, tzinfo=berlin), berlin) == (clock(), clock().tzinfo)


def test_a_clock_is_set_to_an_aware_time() -> None:
    """A naive time is refused, and the clock shows what it did."""
    clock = Clock(NOON)
    with pytest.raises(ValueError, match="has no offset from UTC"):
        clock.set(datetime(2026, 3, 1))
    assert NOON == clock()


def test_a_rehearsal_does_not_wait() -> None:
    """A flow that retries is run by the clock: what it would have waited for is slept by it, at once."""
    with Flow("f") as flow:
        node = unsteady(flow.parameter("times", int))
    rehearsal = Rehearsal(Clock(NOON))

    captured = rehearsal(flow, times=3)

    later = [NOON + timedelta(minutes=each) for each in (1, 2)]
    assert [
        Pending(),
        Running(),
        Retrying(message="3 times", run_count=1, start_time=later[0]),
        Running(),
        Retrying(message="3 times", run_count=2, start_time=later[1]),
        Running(),
        Failed(message="3 times"),
    ] == captured.history(node)
    assert ([60, 60], later[1]) == (rehearsal.clock.slept, rehearsal.clock())
    assert ([True] * 2, [captured]) == ([history.is_ok for history in captured.histories()], rehearsal.runs)


def test_a_captured_run_goes_on() -> None:
    """Children have histories of their own, and a run that is resumed tells its events in the same place."""
    with Flow("f") as flow:
        doubled = flow.map(twice, [1, 2])
        node = asks(1)
    captured = Rehearsal()(flow)

    assert [Pending(), Running(), Success(result=4)] == captured.history(doubled, 1)
    assert [Pending(), Running(), Paused(message="may I?")] == captured.history(node)
    captured.run.resume()
    assert [Pending, Running, Paused, Resume, Running, Paused] == [type(state) for state in captured.history(node)]
    assert [True] * 5 == [history.is_ok for history in captured.histories()]


def test_a_captured_run_knows_its_own_nodes() -> None:
    """A node of another flow has no history here, and parameters are checked as in any run."""
    with Flow("f") as flow:
        twice(flow.parameter("value", int))
    with Flow("g"):
        other = twice(1)
    with pytest.raises(FlowError):
        Rehearsal()(flow, value=2).history(other)
    with pytest.raises(FlowError):
        Rehearsal()(flow)


# ---- swallowed signals


def raising() -> None:
    raise SKIP("no new rows")


def bare() -> None:
    try:
        raising()
    except:  # noqa: E722  # that is the mistake
        pass


def for_everything() -> None:
    try:
        raising()
    except (ValueError, BaseException) as exc:
        str(exc)


def after_another() -> None:
    try:
        try:
            raising()
        except Exception:
            pass
    except BaseException:
        pass


def of_a_state() -> None:
    try:
        raise signal_of(Skipped())
    except BaseException:
        pass


def in_a_thread() -> None:
    thread = threading.Thread(target=for_everything)
    thread.start()
    thread.join()


def in_a_scope_of_its_own() -> None:
    try:

        def inner() -> None:
            for_everything()

        inner()
    except SKIP:
        pass


SWALLOWING = {
    bare: "SKIP",
    for_everything: "SKIP",
    after_another: "SKIP",
    of_a_state: "SKIP",
    in_a_thread: "SKIP",
    in_a_scope_of_its_own: "SKIP",
}


def raised_again() -> None:
    try:
        raising()
    except BaseException:
        raise


def raised_as_another() -> None:
    try:
        raising()
    except BaseException as exc:
        raise FAIL("no") from exc


def named() -> None:
    try:
        raising()
    except (SKIP, ValueError):
        pass


def named_before() -> None:
    try:
        raising()
    except Signal:
        pass
    except BaseException:
        pass


def only_made() -> None:
    try:
        SKIP("kept")
    except BaseException:
        pass


def expected() -> None:
    with pytest.raises(SKIP):
        raising()


def asked_for() -> None:
    capture(raising)


def suppressed() -> None:
    with contextlib.suppress(BaseException):
        raising()


def without_source() -> None:
    exec("try:\n    raising()\nexcept BaseException:\n    pass", {"raising": raising})


@pytest.mark.parametrize(("act", "signal"), SWALLOWING.items(), ids=lambda part: getattr(part, "__name__", part))
def test_a_swallowed_signal_is_found(act: Callable[[], None], signal: str) -> None:
    """A handler for everything that lets a signal go no further is found, with the line of its ``except``."""
    with Watch() as watch:
        act()
    (found,) = watch.swallowed()

    line = Path(found.filename).read_text().splitlines()[found.line - 1].strip()
    assert (__file__, True) == (found.filename, line.startswith("except"))
    assert True is (line.partition("#")[0].strip() == "except:" or "BaseException" in line)
    assert signal == type(found.signal).__name__


@pytest.mark.parametrize(
    "act",
    [raised_again, raised_as_another, named, named_before, only_made, expected, asked_for, suppressed, without_source],
    ids=name_of,
)
def test_other_signals_are_not_found(act: Callable[[], None]) -> None:
    """What is raised again, named, expected or captured is meant; suppression and code without source are not seen."""
    with Watch() as watch:
        with contextlib.suppress(Signal):
            act()
    assert [] == watch.swallowed()


def test_a_task_that_swallows_is_found() -> None:
    """Within a run the handler in the task is found, though the task goes on as a success."""

    @task
    def swallows() -> int:
        bare()
        return 1

    with Flow("f") as flow:
        node = swallows()
    with Watch() as watch:
        captured = Rehearsal()(flow)

    assert (Success(result=1), 1) == (captured.run[node], len(watch.swallowed()))


def test_a_watch_warns_at_the_handler() -> None:
    """The warning names the signal and says what to do, at the line of the handler."""
    with Watch() as watch:
        bare()
    with pytest.warns(SwallowedSignal, match="SKIP was raised and swallowed here, by a catch-all handler") as told:
        watch.warn()
    assert [(__file__, watch.swallowed()[0].line)] == [(each.filename, each.lineno) for each in told]


def test_a_watch_leaves_no_trace() -> None:
    """Afterwards signals are made as before, watches may be within each other, and errors pass."""
    before = Signal.__dict__["__init__"], Signal.__dict__["of"]
    with contextlib.suppress(KeyError), Watch() as outer, Watch() as inner:
        bare()
        raise KeyError
    bare()
    assert (1, 1) == (len(outer.signals), len(inner.signals))
    assert before == (Signal.__dict__["__init__"], Signal.__dict__["of"])


# ---- the plugin of pytest


def run_pytest(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run pytest within this process, without this run's filters of warnings."""
    return pytester.runpytest_inprocess("-W", "default", *arguments)


def test_the_fixtures_are_told(pytester: pytest.Pytester) -> None:
    """`pytest --fixtures` lists them, each with what it is for."""
    lines = run_pytest(pytester, "--fixtures").stdout.str().splitlines()
    told = {line.split(" -- ")[0]: lines[at + 1].strip() for at, line in enumerate(lines) if " -- " in line}
    assert {
        "statesig_clock": "Return a clock that stands still, for flow.run(clock=statesig_clock, "
        "sleep=statesig_clock.sleep).",
        "statesig_run": "Return a runner of flows that uses statesig_clock, never waits, and keeps the events.",
        "statesig_swallowed": "Warn of each signal that a bare except, or except BaseException, swallows during the "
        "test.",
    } == {name: text for name, text in told.items() if name.startswith("statesig")}


def test_the_plugin_costs_nothing_when_unused(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of tests that use none of it loads nothing of statesig but the plugin itself."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # other packages' plugins load what they like
    pytester.makepyfile(
        """
        import sys
        def test_loaded():
            own = {name for name in sys.modules if name.startswith(("statesig", "pydantic", "hypothesis."))}
            assert own == {"statesig", "statesig.pytest_plugin"}
        """
    )
    pytester.runpytest_subprocess("--assert=plain", "-p", "statesig").assert_outcomes(passed=1)


def test_the_plugin_may_come_after_statesig(pytester: pytest.Pytester) -> None:
    """A script that has imported statesig runs pytest without a warning of what cannot be rewritten any more."""
    pytester.makepyfile(test_one="def test_one(): pass")
    program = "import statesig, pytest, sys; sys.exit(pytest.main(['-W', 'error', '-p', 'no:hypothesispytest']))"
    assert 0 == pytester.run(sys.executable, "-c", program).ret


SUITE = """
    import pytest
    from statesig import FAIL, RETRY, SKIP, Failed, Flow, task

    @task
    def swallows(day):
        try:
            raise SKIP("no new rows")
        except BaseException:
            return day

    @task(retries=1, retry_delay=3600)
    def again():
        raise FAIL("no")

    with Flow("f") as flow:
        node = swallows(flow.parameter("day", int))
        other = again()
"""


def test_the_fixtures_work_together(pytester: pytest.Pytester) -> None:
    """A run is captured by the clock of the test, and what was swallowed in it is a warning of that test."""
    pytester.makepyfile(
        SUITE
        + """
    def test_run(statesig_clock, statesig_run, statesig_swallowed):
        began = statesig_clock()
        captured = statesig_run(flow, day=3)
        assert captured.run[node].unwrap() == 3
        assert captured.history(other)[-1] == Failed(message="no")
        assert (statesig_clock() - began).total_seconds() == 3600
        assert len(statesig_swallowed.swallowed()) == 1

    def test_again(statesig_clock):
        assert statesig_clock.slept == []
    """
    )
    result = run_pytest(pytester)
    result.assert_outcomes(passed=2, warnings=1)
    result.stdout.fnmatch_lines(
        ["*test_the_fixtures_work_together.py:8: SwallowedSignal: SKIP was raised and swallowed*"]
    )


def test_every_test_can_be_watched(pytester: pytest.Pytester) -> None:
    """With the option each test is watched, also one that fails; without it and the fixture none is."""
    pytester.makepyfile(
        SUITE
        + """
    def test_passes():
        swallows(1)

    def test_fails():
        swallows(1)
        assert False
    """
    )
    run_pytest(pytester).assert_outcomes(passed=1, failed=1)
    watched = run_pytest(pytester, "-o", "statesig_swallowed=true")
    watched.assert_outcomes(passed=1, failed=1, warnings=2)
    strict = run_pytest(pytester, "-o", "statesig_swallowed=true", "-W", "error", "-k", "passes")
    strict.assert_outcomes(failed=1)


def test_strategies_are_found_within_pytest(pytester: pytest.Pytester) -> None:
    """A test that is given states by their types imports nothing for it."""
    pytester.makepyfile(
        """
        from hypothesis import given, settings
        from statesig import Skipped, State
        @settings(max_examples=20)
        @given(...)
        def test_given(state: State, skipped: Skipped[int]):
            assert isinstance(state, State) and type(skipped) is Skipped[int]
        """
    )
    run_pytest(pytester, "-W", "error").assert_outcomes(passed=1)
