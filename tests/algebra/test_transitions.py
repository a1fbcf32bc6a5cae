"""Transitions: the table of the contract, written out, against `advance`, `check_history` and `diagram`."""

import pickle
import re
from collections import deque
from datetime import UTC, datetime, timedelta
from inspect import signature
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statesig import (
    FAIL,
    RETRY,
    SKIP,
    START,
    SUCCESS,
    Cancelling,
    Failed,
    IllegalStep,
    IllegalTransition,
    Paused,
    Pending,
    Queued,
    Resume,
    Retrying,
    Running,
    Scheduled,
    Skipped,
    State,
    StatesigError,
    Success,
    advance,
    check_history,
    decode,
    diagram,
    is_allowed,
    observe,
    signal_of,
    successors,
)
from statesig.testing import paths
from tests.harness.cases import at_once
from tests.samples.samples import BUILT_IN, KINDS, OWN, bare, full

WAITING = "Running Paused Scheduled Queued Submitted Cached Mapped Skipped Failed Cancelled"

# Section 5 of the contract: each name on the right stands for its family.
TABLE = {
    "Pending": WAITING,
    "Queued": WAITING,
    "Submitted": WAITING,
    "Paused": "Resume Failed Cancelled",
    "Running": "Success Failed Scheduled Paused Cancelling Cancelled",
    "Cancelling": "Finished",
    "Success": "",
    "Failed": "",
    "Cancelled": "",
}

# Who is of whose branch, and what each name on the right of the table admits.
BRANCHES = {
    "Pending": "Pending Scheduled Resume Retrying Looped Throttled",
    "Queued": "Queued",
    "Submitted": "Submitted",
    "Paused": "Paused",
    "Running": "Running",
    "Cancelling": "Cancelling",
    "Success": "Success Cached Mapped Skipped Partial",
    "Failed": "Failed TimedOut TriggerFailed ValidationFailed Crashed Quarantined Sealed MapFailed",
    "Cancelled": "Cancelled MapCancelled",
}
FAMILIES = {
    "Running": "Running",
    "Paused": "Paused",
    "Scheduled": "Scheduled Resume Retrying Looped Throttled",
    "Resume": "Resume",
    "Queued": "Queued",
    "Submitted": "Submitted",
    "Cached": "Cached",
    "Mapped": "Mapped",
    "Skipped": "Skipped",
    "Success": BRANCHES["Success"],
    "Failed": BRANCHES["Failed"],
    "Cancelled": BRANCHES["Cancelled"],
    "Cancelling": "Cancelling",
    "Finished": f"{BRANCHES['Success']} {BRANCHES['Failed']} {BRANCHES['Cancelled']}",
}

ALLOWED = {
    source: {target for family in TABLE[branch].split() for target in FAMILIES[family].split()}
    for branch, members in BRANCHES.items()
    for source in members.split()
}

each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def name(kind: type[State[Any]]) -> str:
    return kind.__name__


# ---- the table and advance


def test_the_table_is_about_every_kind() -> None:
    """Each concrete kind, a user's own too, is on exactly one branch."""
    assert sorted(map(name, KINDS)) == sorted(" ".join(BRANCHES.values()).split())


@at_once
@each_kind
def test_advance_agrees_with_the_table(kind: type[State[Any]]) -> None:
    """For every signal: `advance` returns the signal's state where the table has the arrow, and raises elsewhere."""
    for target in KINDS:
        state, signal = bare(kind), signal_of(full(target))
        if target.__name__ in ALLOWED[kind.__name__]:
            assert signal.state is advance(state, signal)
        else:
            with pytest.raises(IllegalTransition):
                advance(state, signal)


@at_once
@each_kind
def test_advance_changes_nothing(kind: type[State[Any]]) -> None:
    """Legal or not: the state that is left and the signal's are afterwards what they were."""
    for target in KINDS:
        state, signal = full(kind), signal_of(full(target))
        try:
            advance(state, signal)
        except IllegalTransition:
            pass
        assert (full(kind), full(target)) == (state, signal.state)


@at_once
@each_kind
def test_an_illegal_transition_says_what_is_possible(kind: type[State[Any]]) -> None:
    """The text and the attributes name source and target, and list what may follow, in the table's order."""
    possible = next(TABLE[branch].split() for branch, members in BRANCHES.items() if kind.__name__ in members.split())
    for target in KINDS:
        if target.__name__ not in ALLOWED[kind.__name__]:
            with pytest.raises(IllegalTransition) as error:
                advance(bare(kind), signal_of(bare(target)))
            expected = (kind.__name__, target.__name__, tuple(possible))
            assert expected == (error.value.source, error.value.target, error.value.possible)
            ways = ", ".join(possible) or "nothing (final)"
            expected_text = f"{kind.__name__} -> {target.__name__} is not allowed; from {kind.__name__}: {ways}"
            assert expected_text == str(error.value)


def test_states_from_outside_are_judged_when_it_runs() -> None:
    """Of two decoded states the second follows the first where the table allows it, else nothing happens."""
    old, new = decode('{"type":"Running"}'), decode('{"type":"Success","result":5}')

    assert new is advance(old, signal_of(new))
    with pytest.raises(IllegalTransition, match="Success -> Running is not allowed"):
        advance(new, signal_of(old))
    assert (Running(), Success(result=5)) == (old, new)


def test_the_text_of_a_final_state() -> None:
    """Nothing follows a Success, and the text says so."""
    with pytest.raises(IllegalTransition) as error:
        advance(Success(), RETRY())  # type: ignore[call-overload]  # that is the mistake
    assert "Success -> Retrying is not allowed; from Success: nothing (final)" == str(error.value)


def test_arguments_of_a_class_do_not_count() -> None:
    """A parametrised state has the arrows of its class, and the text names the class."""
    result = SUCCESS.of(Success[int](result=1))
    assert result.state is advance(Running[int](), result)
    with pytest.raises(IllegalTransition) as error:
        advance(Success[int](result=1), SUCCESS.of(Success[int](result=2)))  # type: ignore[call-overload]  # as above
    assert "Success -> Success is not allowed; from Success: nothing (final)" == str(error.value)


@at_once
@pytest.mark.parametrize(
    ("state", "signal"),
    [
        ("Running", SKIP()),
        (None, SKIP()),
        (Running, SUCCESS()),
        (SKIP(), SKIP()),
        (Running(), "SUCCESS"),
        (Running(), None),
        (Running(), SUCCESS),
        (Running(), Success()),
        (Running(), ValueError("x")),
    ],
)
def test_advance_takes_a_state_and_a_signal(state: Any, signal: Any) -> None:
    """Anything else is a TypeError, a class in place of its instance too."""
    with pytest.raises(TypeError, match="a state and a signal"):
        advance(state, signal)


@pytest.mark.parametrize("kind", OWN, ids=name)
def test_a_subclass_has_its_parents_successors(kind: Any) -> None:
    """What a checker allows for the parent is true of the child, also of a user's own."""
    assert successors(kind.__base__) == successors(kind)


@at_once
@each_kind
def test_successors_are_the_tables(kind: type[State[Any]]) -> None:
    """`successors` gives the families of the kind's branch."""
    expected = next(TABLE[branch].split() for branch, members in BRANCHES.items() if kind.__name__ in members.split())
    assert expected == [family.__name__ for family in successors(kind)]


def test_a_kind_on_no_branch_has_no_successors_to_tell() -> None:
    """An abstract kind is asked for in vain, and the error lists the branches."""
    with pytest.raises(TypeError, match="Pending, Queued, Submitted, Paused, Running"):
        successors(State)


def test_is_allowed_from_the_beginning_is_where_a_history_begins() -> None:
    """``is_allowed(None, type(s))`` iff ``check_history([s])`` finds nothing, for every state."""
    begun = {kind.__name__ for kind in KINDS if check_history([bare(kind)]) is None}
    assert begun == {kind.__name__ for kind in KINDS if is_allowed(None, kind)}
    assert begun >= FIRST
    assert not is_allowed(None, State)


def test_is_allowed_agrees_with_the_table() -> None:
    """`is_allowed` of two classes is what `advance` does with their instances."""
    actual = {a.__name__: {b.__name__ for b in KINDS if is_allowed(a, b)} for a in KINDS}
    assert ALLOWED == actual


def test_nothing_leads_back_to_pending() -> None:
    """A rerun is a new history: no state has plain Pending among its successors."""
    assert [] == [source for source, targets in ALLOWED.items() if "Pending" in targets]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_illegal_transition_pickles(protocol: int) -> None:
    """Class, text and attributes survive a pickle."""
    with pytest.raises(IllegalTransition) as error:
        advance(Success(), START())  # type: ignore[call-overload]  # that is the mistake
    back = pickle.loads(pickle.dumps(error.value, protocol))
    assert (IllegalTransition, str(error.value)) == (type(back), str(back))
    assert vars(error.value) == vars(back)


def test_an_illegal_transition_is_a_value_error() -> None:
    """It is an Exception of statesig's own, so that user code can catch it by either name."""
    assert issubclass(IllegalTransition, ValueError)
    assert issubclass(IllegalTransition, StatesigError)


# ---- histories


def _shortest_histories() -> dict[str, list[str]]:
    """Return for each kind a legal history that ends with it, found by breadth in the table written out above."""
    found = {first: [first] for branch in ("Pending", "Queued", "Submitted") for first in BRANCHES[branch].split()}
    todo = deque(found)
    while todo:
        source = todo.popleft()
        for target in sorted(ALLOWED[source] - found.keys()):
            found[target] = [*found[source], target]
            todo.append(target)
    return found


HISTORIES = _shortest_histories()
BY_NAME = {kind.__name__: kind for kind in KINDS}


def test_every_kind_can_be_reached() -> None:
    """There is a legal history to each kind."""
    assert sorted(BY_NAME) == sorted(HISTORIES)


@at_once
@each_kind
def test_a_history_is_legal_as_far_as_its_steps_are(kind: type[State[Any]]) -> None:
    """After a legal history to each kind, a further step is legal where the table has it, and named where not."""
    history = [bare(BY_NAME[step]) for step in HISTORIES[kind.__name__]]
    assert None is check_history(history)
    for target in KINDS:
        found = check_history([*history, full(target)])
        if target.__name__ in ALLOWED[kind.__name__]:
            assert None is found
        else:
            error = IllegalTransition(kind.__name__, target.__name__, [one.__name__ for one in successors(kind)])
            assert IllegalStep(len(history), kind.__name__, target.__name__, str(error)) == found


@at_once
@each_kind
def test_a_history_begins_before_anything_ran(kind: type[State[Any]]) -> None:
    """A history begins Pending, Queued or Submitted, or one of their kinds."""
    if kind.__name__ in f"{BRANCHES['Pending']} Queued Submitted".split():
        assert None is check_history([bare(kind)])
    else:
        reason = f"a history begins Pending, Queued or Submitted, not {kind.__name__}"
        assert IllegalStep(0, None, kind.__name__, reason) == check_history([bare(kind)])


@at_once
@each_kind
def test_an_equal_state_again_is_no_step(kind: type[State[Any]]) -> None:
    """The same report delivered twice is legal wherever it was legal once."""
    history = [bare(BY_NAME[step]) for step in HISTORIES[kind.__name__]]
    assert None is check_history([*history, bare(kind), bare(kind)])


def test_no_history_is_a_legal_one() -> None:
    """Nothing reported is nothing illegal."""
    assert None is check_history([])


def test_the_first_illegal_step_is_told() -> None:
    """Of several illegal steps the first is returned, with its place from 0."""
    found = check_history(iter([Pending(), Success(), Running(), Pending()]))
    assert found is not None
    assert (1, "Pending", "Success") == (found.index, found.source, found.target)


def test_a_long_history() -> None:
    """A run that was tried again, queued and skipped is legal."""
    states = [Pending(), Running(), Retrying(), Queued(state=Retrying()), Running(), Scheduled(), Skipped()]
    assert None is check_history(states)


def test_a_history_is_read_once_and_not_changed() -> None:
    """A history is checked from any iterable; the list stays what it was."""
    states: list[State[Any]] = [Pending(), Success()]
    check_history(states)
    assert [Pending(), Success()] == states


def test_a_tag_names_the_states_of_a_step() -> None:
    """A step is told by tags, as in the JSON of the history."""
    found = check_history([Pending(), FAIL("x").state, Failed(message="y")])
    assert found is not None
    assert ("Failed", "Failed") == (found.source, found.target)


# ---- histories with attempts and times

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATE = datetime(9999, 6, 1, tzinfo=UTC)


def at(*seconds: float) -> list[datetime]:
    return [NOON + timedelta(seconds=each) for each in seconds]


@given(paths())
def test_attempts_as_they_are_observed_are_legal(path: list[State[Any]]) -> None:
    """A legal history is legal with the attempts that `observe` counts, and at one and the same time."""
    attempts = [observation.attempt for observation in observe(path)]
    assert None is check_history(path, attempts=attempts, times=[LATE] * len(path))


@given(paths(), st.data())
def test_another_attempt_is_illegal_where_it_is_told(path: list[State[Any]], data: st.DataObject) -> None:
    """Each attempt is the one that is due, no other."""
    attempts = [observation.attempt for observation in observe(path)]
    index = data.draw(st.integers(0, len(path) - 1))
    attempts[index] += data.draw(st.sampled_from([-1, 1, 5]))

    found = check_history(path, attempts=attempts)
    assert found is not None
    assert (index, path[index].type) == (found.index, found.target)


TRIED_TWICE = [Pending(), Running(), Retrying(), Running()]


def test_attempts_go_up_by_one() -> None:
    """What comes after the second attempt is of the third, and so on."""
    states = [*TRIED_TWICE, Retrying(), Running(), Paused()]
    assert None is check_history(states, attempts=[1, 1, 2, 2, 3, 3, 4])


def test_a_history_of_many_attempts() -> None:
    """Three hundred attempts, each reported twice while it ran, are a legal history."""
    states = [Pending(), *[Running(), Running(), Retrying()] * 300]
    assert None is check_history(states, attempts=[1 + index // 3 for index in range(901)], times=[NOON] * 901)


@at_once
@pytest.mark.parametrize(
    ("states", "attempts", "expected"),
    [
        ([Pending()], [2], "a history begins with attempt 1, not 2"),
        ([Pending(), Running()], [1, 2], "Running after Pending is of attempt 1, not 2"),
        ([Pending(), Running(), Success()], [1, 1, 2], "Success after Running is of attempt 1, not 2"),
        ([Pending(), Running(), Cancelling()], [1, 1, 2], "Cancelling after Running is of attempt 1, not 2"),
        ([Pending(), Running(), Retrying()], [1, 1, 1], "Retrying after Running is of attempt 2, not 1"),
        ([Pending(), Running(), Paused(), Resume()], [1, 1, 2, 1], "Resume after Paused is of attempt 2, not 1"),
        ([*TRIED_TWICE, Retrying()], [1, 1, 2, 2, 2], "Retrying after Running is of attempt 3, not 2"),
    ],
)
def test_an_attempt_that_is_not_due(states: list[State[Any]], attempts: list[int], expected: str) -> None:
    """An attempt is told with the one that would have been right."""
    found = check_history(states, attempts=attempts)
    assert found is not None
    assert (len(states) - 1, expected) == (found.index, found.reason)


def test_an_equal_state_of_another_attempt_is_a_step() -> None:
    """Running again is the same report in the same attempt, and an illegal step in the next."""
    states = [Pending(), Running(), Running()]
    assert None is check_history(states, attempts=[1, 1, 1])
    found = check_history(states, attempts=[1, 1, 2])
    assert (None, 2) == (check_history(states), found and found.index)


def test_times_do_not_go_back() -> None:
    """A state is not entered before the one before it; at the same time it may be."""
    states = [Pending(), Running(), Success()]
    assert None is check_history(states, times=at(0, 0, 1))
    reason = "Success at 2026-03-01T12:00:00+00:00 is before Running at 2026-03-01T12:00:05+00:00"
    assert IllegalStep(2, "Running", "Success", reason) == check_history(states, times=at(0, 5, 0))


@pytest.mark.parametrize(
    "waiting",
    [Scheduled(start_time=at(60)[0]), Queued(state=Retrying(start_time=at(60)[0]))],
    ids=["scheduled", "queued"],
)
def test_running_waits_for_the_start_time(waiting: State[Any]) -> None:
    """A scheduled task begins at its time or later, in somebody's hands too; it may fail or be paused before."""
    assert None is check_history([waiting, Running()], times=at(0, 60))
    assert None is check_history([waiting, Running()], times=at(0, 61))
    assert None is check_history([waiting, Failed()], times=at(0, 1))
    reason = "Running at 2026-03-01T12:00:59+00:00 is before the start_time 2026-03-01T12:01:00+00:00 of "
    found = check_history([waiting, Running()], times=at(0, 59))
    assert IllegalStep(1, waiting.type, "Running", reason + waiting.type) == found


@pytest.mark.parametrize(
    "known",
    [
        {"attempts": [1]},
        {"attempts": [1, 1, 1]},
        {"times": at(0)},
        {"times": at(0, 0, 0)},
        {"attempts": [1], "times": at(0)},
        {"attempts": [1, 1, 1], "times": at(0, 0, 0)},
    ],
    ids=lambda known: ", ".join(f"{len(each)} {name}" for name, each in known.items()),
)
def test_each_state_has_its_attempt_and_its_time(known: Any) -> None:
    """As many attempts and times are asked for as there are states."""
    with pytest.raises(ValueError, match="2 states need as many attempts and times, not"):
        check_history([Pending(), Running()], **known)


def test_attempts_and_times_are_given_by_name() -> None:
    """What is known beside the states is given by name alone."""
    taken = signature(check_history).parameters.values()
    assert ["attempts", "times"] == [parameter.name for parameter in taken if parameter.kind is parameter.KEYWORD_ONLY]


def test_an_illegal_step_is_a_value() -> None:
    """Steps that say the same are equal and of one hash; they cannot be changed, and hold nothing else."""
    step = IllegalStep(0, None, "Success", "why")
    assert {step} == {IllegalStep(0, None, "Success", "why")}
    with pytest.raises(AttributeError):
        step.index = 1  # type: ignore[misc]  # that is the mistake
    assert not hasattr(step, "__dict__")


# ---- diagrams

ARROWS = {(source, target) for source, targets in TABLE.items() for target in targets.split()}
FIRST = {"Pending", "Queued", "Submitted"}
FINAL = {"Success", "Failed", "Cancelled"}


def test_mermaid_lists_exactly_the_table() -> None:
    """The Mermaid diagram has the table's arrows, one from the start to each first and one from each final state."""
    lines = diagram("mermaid").splitlines()
    assert "stateDiagram-v2" == lines[0]
    arrows = [tuple(line.strip().split(" --> ")) for line in lines[1:]]
    expected = ARROWS | {("[*]", first) for first in FIRST} | {(final, "[*]") for final in FINAL}
    assert (expected, len(expected)) == (set(arrows), len(arrows))


def test_dot_lists_exactly_the_table() -> None:
    """The DOT diagram has the table's arrows, a point where a history begins, and a double outline of final states."""
    text = diagram("dot")
    assert ['    "[*]" [shape=point];'] == [line for line in text.splitlines() if "point" in line]
    assert FIRST == set(re.findall(r'"\[\*\]" -> (\w+);', text))
    arrows = re.findall(r"^ +(\w+) -> (\w+);$", text, re.MULTILINE)
    assert (ARROWS, len(ARROWS)) == (set(arrows), len(arrows))
    assert FINAL == set(re.findall(r"(\w+) \[peripheries=2\]", text))
    assert (True, True) == (text.startswith("digraph "), text.endswith("}\n"))


def test_mermaid_is_the_default() -> None:
    """Without a format the diagram is Mermaid's."""
    assert diagram("mermaid") == diagram()


@pytest.mark.parametrize("format", ["png", "bmp", "", "Dot"])
def test_another_format_is_refused(format: Any) -> None:
    """An unknown format is a ValueError that names those that there are."""
    with pytest.raises(ValueError, match=rf"diagram\(\) has no format {format!r}; take 'mermaid' or 'dot'"):
        diagram(format)


def test_every_built_in_kind_is_below_a_name_of_the_diagram() -> None:
    """Each built-in kind is one of the diagram's names or below one."""
    names = {each for arrow in ARROWS for each in arrow}
    assert [] == [kind for kind in BUILT_IN if not names & {parent.__name__ for parent in kind.__mro__}]


@pytest.mark.parametrize("given", [Pending, "Pending"])
def test_a_history_is_of_states(given: Any) -> None:
    """A class of states, or a name, in a history is refused as what it is, not as a first step that is illegal."""
    with pytest.raises(TypeError, match=r"check_history takes states, not (the class Pending|a value of class str)"):
        check_history([given])
