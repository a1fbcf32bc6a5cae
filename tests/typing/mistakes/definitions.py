"""Mistakes in the definitions of states and signals."""

from typing import Any, Generic

from typing_extensions import TypeVar

from statesig import FAIL, SKIP, Failed, Finished, Paused, Retrying, Signal, Skipped, State, Success

R = TypeVar("R", covariant=True, default=Any)


class Lost(Failed[R]):
    where: str
    tries: int = "1"  # E: assignment


class LOST(Signal[Lost[R]], Generic[R]):
    def again(self) -> int:
        return self.state.where  # E: return-value

    def told(self) -> str:
        return self.state.whereabouts  # E: attr-defined, no-any-return


class Own(State[int]): ...  # P: statesig


class Done(Finished): ...  # P: statesig


class LOSE(Signal[Lost[Any]]): ...  # P: statesig


class SKIPPED(Signal[Skipped]): ...  # P: statesig


class END(Signal[Finished]): ...  # P: statesig


class Both(Success[int], Failed[int]): ...  # E: misc  # P: statesig


class Asked(Paused[Any], tag=3): ...  # E: statesig  # missed: mypy, pyright, pyrefly


class Empty(Paused[Any], tag=""): ...  # P: statesig


class Twice(Paused[Any], tag="Lost"): ...  # P: statesig


class Number(Signal[int]): ...  # E: type-var  # P: statesig


class Broken(Failed[Any]):
    retryable: str = "no"  # E: assignment
    message: int = 0  # E: assignment


class Late(Retrying[Any]):
    since: int
    run_count: int | None = None  # E: assignment

    @property
    def waited(self) -> int:
        return self.start_time  # E: return-value


class Frozen(Failed[Any]):
    def set(self) -> None:
        self.message = "other"  # E: misc
        self.retryable = False  # E: misc


Lost()  # E: call-arg
Lost(where=5)  # E: arg-type
Lost(where="a", when="now")  # E: call-arg
Lost("a", where="here")  # E: call-arg
Lost[int](where="a", result="b")  # E: arg-type
Late()  # E: call-arg
Late(since="monday")  # E: arg-type
LOST[int].of(Success())  # E: arg-type
kind: type[Lost[Any]] = Late  # E: assignment
lost: Lost[Any] = Failed()  # E: assignment
skip: type[SKIP] = FAIL  # E: assignment
