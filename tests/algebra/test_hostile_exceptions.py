"""An exception whose attributes raise, exit or lie is a Failed with what can be said, and takes no other task along."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import pytest

from statesig import FAIL, Failed, Flow, Success, capture, collect, decode, encode, is_failed, task
from tests.harness.cases import at_once


class Meta(type):
    def __getattribute__(cls, name: str) -> Any:
        if name in ("__qualname__", "__module__", "__name__"):
            raise RuntimeError(name)
        return super().__getattribute__(name)


class GetattrRaises(Exception):
    def __getattr__(self, name: str) -> Any:
        raise KeyError(name)


class NotesNone(Exception):
    __notes__ = None  # type: ignore[assignment]  # wrong on purpose


class NotesNumber(Exception):
    __notes__ = 5  # type: ignore[assignment]  # wrong on purpose


class NotesMixed(Exception):
    __notes__: ClassVar[list[Any]] = [5, "kept", None]


class NotesRaise(Exception):
    @property
    def __notes__(self) -> Any:
        sys.exit("notes")


class CauseRaises(Exception):
    @property
    def __cause__(self) -> Any:
        raise RuntimeError("cause")


class TracebackRaises(Exception):
    @property
    def __traceback__(self) -> Any:
        raise RuntimeError("traceback")


class ClassRaises(Exception):
    @property
    def __class__(self) -> Any:
        raise RuntimeError("class")


class StrExits(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)


class StrRaises(Exception):
    def __str__(self) -> str:
        raise FAIL("from within")


class StrNumber(Exception):
    def __str__(self) -> Any:
        return 5  # noqa: PLE0307  # wrong on purpose


class MetaRaises(Exception, metaclass=Meta):
    pass


class ExceptionsRaise(ExceptionGroup[Exception]):
    @property
    def exceptions(self) -> Any:
        raise RuntimeError("exceptions")


def _deep(depth: int) -> ExceptionGroup[Exception]:
    group = ExceptionGroup("g", [ValueError("deepest")])
    for _ in range(depth):
        group = ExceptionGroup("g", [group])
    return group


HOSTILE: dict[str, tuple[Callable[[], Exception], str]] = {
    "__getattr__ raises": (lambda: GetattrRaises("said"), "said"),
    "__notes__ is None": (lambda: NotesNone("said"), "said"),
    "__notes__ is a number": (lambda: NotesNumber("said"), "said"),
    "__notes__ holds anything": (lambda: NotesMixed("said"), "said"),
    "__notes__ exits": (lambda: NotesRaise("said"), "said"),
    "__cause__ raises": (lambda: CauseRaises("said"), "said"),
    "__traceback__ raises": (lambda: TracebackRaises("said"), "said"),
    "__class__ raises": (lambda: ClassRaises("said"), "said"),
    "str() exits": (lambda: StrExits("said"), "<str() of it raised SystemExit>"),
    "str() raises a signal": (lambda: StrRaises("said"), "<str() of it raised FAIL>"),
    "str() gives a number": (lambda: StrNumber("said"), "<str() of it raised TypeError>"),
    "its class has no name": (lambda: MetaRaises("said"), "said"),
    "a group whose exceptions raise": (lambda: ExceptionsRaise("g", [ValueError("said")]), "said"),
    "a group nested 5,000 deep": (lambda: _deep(5_000), "deepest"),
}

every_hostile = pytest.mark.parametrize(("make", "said"), HOSTILE.values(), ids=HOSTILE)


@at_once
@every_hostile
@pytest.mark.parametrize("traceback", [False, True, "last"], ids=["plain", "with tracebacks", "with the last frame"])
def test_an_exception_is_told_as_far_as_it_can_be(
    make: Callable[[], Exception], said: str, traceback: bool | Literal["last"]
) -> None:
    """Capture gives a Failed whose cause says what the exception said, and which can be written."""

    def fail() -> int:
        raise make()

    state = capture(fail, traceback=traceback)

    assert is_failed(state)
    assert [said] == [cause.message for cause in state.causes]
    assert state == decode(encode(state))


@at_once
@every_hostile
def test_an_exception_takes_no_other_task_along(make: Callable[[], Exception], said: str) -> None:
    """In line and in threads its task fails and the others succeed, raised as a cause too."""

    @task
    def fail(index: int) -> int:
        if index == 1:
            raise make()
        if index == 2:
            raise ValueError("outer") from make()
        return index

    with Flow("hostile") as flow:
        nodes = [fail(index) for index in range(4)]

    for executor in (None, "threads"):
        run = flow.run(executor=executor)  # type: ignore[arg-type]  # one of the two

        assert [Success, Failed, Failed, Success] == [type(run[node]) for node in nodes]
        assert said == run[nodes[1]].causes[-1].message


REDACT: dict[str, tuple[Callable[[str], Any], str]] = {
    "raises": (lambda text: {}[text], "<redact raised KeyError>"),
    "exits": (lambda text: sys.exit(text), "<redact raised SystemExit>"),
    "returns None": (lambda text: None, "<redact gave NoneType, not a text>"),
}


@pytest.mark.parametrize(("redact", "said"), REDACT.values(), ids=REDACT)
def test_a_redact_that_fails_keeps_no_text(redact: Callable[[str], Any], said: str) -> None:
    """Neither the message nor a note or a traceback gets past it, and other tasks go on."""

    @task
    def fail(index: int) -> int:
        if index:
            error = ValueError("secret")
            error.add_note("secret")
            raise error
        return index

    with Flow("redacting") as flow:
        nodes = [fail(0), fail(1)]

    for executor in (None, "threads"):
        run = flow.run(executor=executor, redact=redact, traceback=True)  # type: ignore[arg-type]  # one of the two
        (cause,) = run[nodes[1]].causes

        assert run[nodes[0]] == Success(result=0)
        assert (said, (said,), said) == (cause.message, cause.notes, cause.traceback)


def test_signals_are_collected_from_any_depth() -> None:
    """A group of signals nested 5,000 deep gives its states."""
    group: BaseExceptionGroup[BaseException] = BaseExceptionGroup("g", [FAIL("one"), FAIL("two")])
    for _ in range(5_000):
        group = BaseExceptionGroup("g", [group])

    assert (Failed(message="one"), Failed(message="two")) == collect(group)
