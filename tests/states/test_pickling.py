"""States and signals on their way to other processes: pickle, copy, a cold process, process pools, cloudpickle."""

import copy
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import cloudpickle
import pytest

from statesig import ErrorInfo, Failed, Mapped, Signal, Skipped, State, Success, capture, signal_of
from tests import ROOT
from tests.harness.exhaustive import thorough_but
from tests.samples import work
from tests.samples.kinds import Partial
from tests.samples.samples import KINDS, bare, full

WAYS = {
    **{
        f"pickle-{protocol}": lambda value, protocol=protocol: pickle.loads(pickle.dumps(value, protocol))
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "cloudpickle": lambda value: pickle.loads(cloudpickle.dumps(value)),
}

each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def samples() -> list[State[Any]]:
    """Return a bare and a full state of every kind, and states of parametrised classes."""
    parametrised = [
        Success[int](result=1),
        Success[list[str]](result=["x"]),
        Partial[int](result=1),
        Failed[dict[str, int]](result={"a": 1}),
        Mapped(children=(Success[int](result=1), Skipped())),
    ]
    return [*(bare(kind) for kind in KINDS), *(full(kind) for kind in KINDS), *parametrised]


# ---- in one process


@each_way
def test_a_state_keeps_value_and_class(way: Any) -> None:
    """Every state comes back equal, of its own class, with its result given or not."""
    for state in samples():
        back = way(state)
        assert (type(state), state, state.has_result) == (type(back), back, back.has_result)
        assert state.model_fields_set == back.model_fields_set


@each_way
def test_a_state_that_came_back_is_still_frozen(way: Any) -> None:
    """What came back is a state like any other: it cannot be changed."""
    for state in samples():
        back = way(state)
        with pytest.raises(ValueError, match="frozen"):
            back.message = "changed"
        assert state == back


@each_way
def test_a_class_that_is_parametrised_in_a_function(way: Any) -> None:
    """``Success[X]`` that no module has a name for comes back as that class."""
    state = Success[tuple[int, str, float, bytes]](result=(1, "a", 2.0, b"b"))
    back = way(state)
    assert (type(state), state) == (type(back), back)


@each_way
@pytest.mark.parametrize("make", [work.nested, work.nested_in_a_list], ids=lambda make: make.__name__)
def test_a_class_whose_argument_is_parametrised(make: Any, way: Any) -> None:
    """``Success[Success[int]]`` and ``Success[list[Success[int]]]`` come back as those classes."""
    state = make()
    back = way(state)
    assert (type(state), state, type(state.result)) == (type(back), back, type(back.result))


@each_way
def test_a_signal_keeps_class_state_and_notes(way: Any) -> None:
    """Every signal comes back of its class, with its state and its notes."""
    for state in [make(kind) for kind in KINDS for make in (bare, full)]:
        signal = signal_of(state)
        signal.add_note("one")
        signal.add_note("two")
        back = way(signal)
        assert (type(signal), state, ["one", "two"]) == (type(back), back.state, back.__notes__)
        assert (str(signal), repr(signal)) == (str(back), repr(back))


@each_way
def test_a_signal_without_notes_has_none(way: Any) -> None:
    """Nothing is added on the way."""
    assert not hasattr(way(signal_of(Skipped())), "__notes__")


@each_way
def test_the_cause_is_folded_into_causes(way: Any) -> None:
    """What a signal was raised from is text in its state's causes afterwards, after those that were there."""
    folded = (
        ErrorInfo(type="LookupError", message="outer", notes=("a note",)),
        ErrorInfo(type="KeyError", message="'inner'"),
    )
    for state in map(full, KINDS):
        signal = signal_of(state)
        outer = LookupError("outer")
        outer.add_note("a note")
        outer.__cause__ = KeyError("inner")
        signal.__cause__ = outer
        back = way(signal)

        assert (*state.causes, *folded) == back.state.causes
        assert back.state == state.model_copy(update={"causes": (*state.causes, *folded)})
        assert state == signal.state


@each_way
def test_the_cause_is_folded_once(way: Any) -> None:
    """A signal that is sent on and on keeps each cause once, and is captured as at first."""
    signal = signal_of(Failed(message="x"))
    signal.__cause__ = ValueError("y")
    expected = Failed(message="x", causes=(ErrorInfo(type="ValueError", message="y"),))
    assert expected == way(way(signal)).state
    assert expected == capture(_raise, way(way(signal)))


@pytest.mark.exhaustive
def test_the_cause_is_folded_once_where_dask_is_loaded() -> None:
    """Dask loads tblib, by which pickle brings a cause back, too; it is not told of twice."""
    code = """
from statesig import FAIL, capture
import distributed, pickle  # it teaches pickle the exceptions that there are by now
def raising(signal):
    raise signal
signal = FAIL("x")
signal.__cause__ = ValueError("y")
back = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(signal))))
print(len(back.state.causes), len(capture(raising, back).causes), type(back.__cause__).__name__)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "1 1 ValueError" == done.stdout.strip()


def _raise(exc: BaseException) -> None:
    raise exc


# ---- a cold process

_THAW = """
import pickle, sys
for value in pickle.load(sys.stdin.buffer):
    print(type(value).__module__, type(value).__qualname__, ascii(value))
"""


def _thawed(values: list[Any], dumps: Any = pickle.dumps) -> list[str]:
    """Return how values look in a process that has imported nothing but pickle."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", _THAW], input=dumps(values), cwd=ROOT, env=environment, capture_output=True, check=False
    )
    assert "" == done.stderr.decode()
    return done.stdout.decode().splitlines()


def _look(values: list[Any]) -> list[str]:
    return [f"{type(value).__module__} {type(value).__qualname__} {value!a}" for value in values]


def test_a_cold_process() -> None:
    """A process that only unpickles has every state and signal as it was."""
    values = [*samples(), *map(signal_of, samples())]
    assert _look(values) == _thawed(values)


@pytest.mark.parametrize(
    "dumps", thorough_but([pickle.dumps], [pickle.dumps, cloudpickle.dumps]), ids=["pickle", "cloudpickle"]
)
def test_a_cold_process_and_a_class_whose_argument_is_parametrised(dumps: Any) -> None:
    """``Success[Success[int]]`` is made there as it was here."""
    assert _look([work.nested(), work.nested_in_a_list()]) == _thawed([work.nested(), work.nested_in_a_list()], dumps)


def test_a_cold_process_and_cloudpickle() -> None:
    """Dask's pickle does as well."""
    values = [*samples(), *map(signal_of, samples())]
    assert _look(values) == _thawed(values, cloudpickle.dumps)


_SCRIPT = """
import sys
import cloudpickle
from statesig import Failed, Signal, signal_of

class Spilled(Failed):
    litres: int

class SPILL(Signal[Spilled]): ...

sys.stdout.buffer.write(cloudpickle.dumps([Spilled(message="x", litres=3), SPILL("y", litres=4)]))
"""


def test_states_of_a_script_go_by_cloudpickle() -> None:
    """A state and a signal that a script or notebook defines, which no module holds, arrive in a cold process.

    The classes are pickled whole; there they are registered as if they had been defined there.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    made = subprocess.run(
        [sys.executable, "-c", _SCRIPT], cwd=ROOT, env=environment, capture_output=True, check=True
    ).stdout
    done = subprocess.run(
        [sys.executable, "-c", _THAW], input=made, cwd=ROOT, env=environment, capture_output=True, check=False
    )
    expected = ["__main__ Spilled Spilled(message='x', litres=3)", "__main__ SPILL SPILL(message='y', litres=4)"]
    assert ("", expected) == (done.stderr.decode()[-600:], done.stdout.decode().splitlines())


_MACHINE_SCRIPT = """
import sys
import cloudpickle
from statesig import Machine, Transition

class Gate(Machine): ...

class Moving(Gate, abstract=True): ...

class Opening(Moving): ...

class Shut(Gate):
    def ajar(self) -> "Ajar":
        return Ajar()

class Ajar(Shut): ...

class SHUT(Transition[None, Shut]): ...

class OPEN(Transition[Shut, Opening]): ...

def opened(gate):
    return OPEN.after(gate).state

sys.stdout.buffer.write(cloudpickle.dumps((opened, Shut())))
"""

_OPENED = """
import pickle, sys
opened, gate = pickle.load(sys.stdin.buffer)
from statesig import decode, encode, successors
from statesig.states.families import descendants
root = type(gate).__top__
print(opened(gate), decode(encode(opened(gate)), root), decode(encode(gate.ajar()), root))
print(*sorted(kind.__name__ for kind in descendants(root)), *(kind.__name__ for kind in successors(type(gate))))
"""


def test_a_machine_of_a_script_goes_by_cloudpickle() -> None:
    """Its root and its groups are abstract there, too, whichever class arrives first."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    made = subprocess.run(
        [sys.executable, "-c", _MACHINE_SCRIPT], cwd=ROOT, env=environment, capture_output=True, check=True
    ).stdout
    done = subprocess.run(
        [sys.executable, "-c", _OPENED], input=made, cwd=ROOT, env=environment, capture_output=True, check=False
    )
    expected = ["Opening() Opening() Ajar()", "Ajar Opening Shut Opening"]
    assert ("", expected) == (done.stderr.decode()[-600:], done.stdout.decode().splitlines())


# ---- process pools

# From 3.12 on CPython warns when a process with several threads forks. These tests fork on purpose, and pytest or an
# earlier test may have left a thread; the children only compute and answer.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")


@pytest.fixture(scope="module", params=thorough_but(["forkserver"], ["fork", "spawn", "forkserver"]))
def pool(request: pytest.FixtureRequest) -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(1, mp_context=get_context(request.param)) as executor:
        yield executor


def test_a_pool_returns_states(pool: ProcessPoolExecutor) -> None:
    """Every state goes to a worker and comes back as it was."""
    for state, back in zip(samples(), pool.map(work.give_back, samples()), strict=True):
        assert (type(state), state) == (type(back), back)


def test_a_pool_returns_what_a_worker_parametrised(pool: ProcessPoolExecutor) -> None:
    """A class that was first parametrised in the worker arrives as the same class here."""
    back = pool.submit(work.parametrised, 1.5).result()
    assert (Success[float], Success(result=1.5)) == (type(back), back)


def test_signals_raised_in_a_worker(pool: ProcessPoolExecutor) -> None:
    """Every signal arrives with its state and notes, its cause in the causes and the pool's traceback apart."""
    own = ErrorInfo(type="ValueError", message="the worker's own")
    futures = [pool.submit(work.raise_signal, state) for state in samples()]
    for state, future in zip(samples(), futures, strict=True):
        with pytest.raises(type(signal_of(state))) as caught:
            future.result()
        signal = caught.value
        expected = state.model_copy(update={"causes": (*state.causes, own)})
        assert (type(state), expected) == (type(signal.state), signal.state)
        assert ["raised in a worker"] == signal.__notes__
        assert "work.py" in str(signal.__cause__)
        assert expected == capture(future.result)


def test_a_signal_without_a_cause_gets_none_from_the_pool(pool: ProcessPoolExecutor) -> None:
    """The remote traceback that the pool puts where the cause was is no cause of the state's."""
    for state in samples():
        assert state == capture(pool.submit(work.raise_plainly, state).result)


def test_a_signal_is_sent_on(pool: ProcessPoolExecutor) -> None:
    """A signal that came out of one worker goes into another, without the first one's traceback among its causes."""
    future = pool.submit(work.raise_signal, Failed(message="x"))
    signal = future.exception()
    assert isinstance(signal, Signal)
    again = pool.submit(work.raise_plainly, signal.state)
    back = pickle.loads(pickle.dumps(signal))
    assert (signal.state, signal.state) == (back.state, capture(again.result))


def test_the_pool_is_alive_afterwards(pool: ProcessPoolExecutor) -> None:
    """No signal broke the pool: the one worker that raised them all is still the one that answers."""
    before = pool.submit(work.pid).result()
    for state in samples():
        assert isinstance(pool.submit(work.raise_plainly, state).exception(), Signal)
    assert before == pool.submit(work.pid).result()
    assert before != os.getpid()
