"""A success that a task raises has a result that the task may have; what any other signal carries is its own."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from kinds import QUARANTINE

from statesig import CACHE, FAIL, LOOP, PAUSE, SKIP, SUCCESS, Cached, Failed, Signal, State, Success, task
from statesig import task as job

R = TypeVar("R", covariant=True)
T = TypeVar("T")
P = TypeVar("P", bound=Callable[..., Any])


class Partly(Success[R], Generic[R]):
    """Done with a part."""

    share: float


class PARTLY(Signal[Partly[R]], Generic[R]): ...


class Weighed(Success[int]):
    """Done; the result is always a number."""


class WEIGHED(Signal[Weighed]): ...


retried = task(retries=3)


def kept(fn: P) -> P:
    return fn


# ---- right: the value, or none


@task
def count(rows: list[str]) -> int:
    if not rows:
        raise SKIP("no rows")
    if rows == ["cached"]:
        raise CACHE(result=5)
    if len(rows) > 10:
        raise PARTLY("ten of them", share=10 / len(rows), result=10)
    if len(rows) > 5:
        raise WEIGHED(result=len(rows))
    raise SUCCESS(result=len(rows))


@task(retries=2)
async def fetch(name: str) -> list[str] | State[list[str]]:
    if name:
        raise SUCCESS("nothing to fetch", result=[])
    return [name]


@task
def maybe(found: bool) -> Success[int] | None:
    if found:
        raise SUCCESS(result=None)
    raise SUCCESS(result=1)


@task
def anything() -> Any:
    raise SUCCESS(result="text")


@task
def failing() -> Failed:
    raise SUCCESS(result="text")


# ---- right: what does not become the value


@task
def asking(total: int) -> int:
    if total < 0:
        raise FAIL("negative", result="text")
    if total == 0:
        raise PAUSE(result="a question")
    if total == 1:
        raise LOOP(result="the next round's")
    kept_for_later = SUCCESS(result="text")
    print(kept_for_later)

    def helper() -> None:
        raise SUCCESS(result="text")

    helper()
    return total


def no_task() -> int:
    raise SUCCESS(result="text")


@task
@kept
def wrapped() -> int:
    raise SUCCESS(result="text")


# ---- wrong


@task
def plain() -> int:
    raise SUCCESS("done", result="text")  # P: arg-type


@task
def none_given() -> int:
    raise SUCCESS(result=None)  # P: arg-type


@task
def skipped() -> int:
    raise SKIP(result="text") from None  # P: arg-type


@task(retries=2)
async def asynchronous() -> list[str] | State[list[str]]:
    raise SUCCESS(result=[5])  # P: list-item


@job
def renamed() -> Cached[int]:
    raise CACHE(result="text")  # P: arg-type


@retried
def from_a_variable(number: int) -> int | None:
    with open("log") as log:
        for line in log:
            try:
                print(line)
            except OSError:
                while number:
                    raise SUCCESS(result="text")  # P: arg-type
            else:
                match number:
                    case 1:
                        raise SUCCESS(result=None)
                    case _:
                        raise SUCCESS(result=b"text")  # P: arg-type
    return None


class Stages:
    @task
    def method(self) -> int:
        raise SUCCESS(result="text")  # P: arg-type

    @staticmethod
    @task
    def static() -> int:
        raise SUCCESS(result="text")  # P: arg-type


def made_here() -> None:
    if __name__ == "__main__":

        @task
        def inner() -> int:
            raise SUCCESS(result="text")  # P: arg-type

        print(inner)


@task
def own() -> int:
    raise QUARANTINE(reason="checksum", result="text")  # P: arg-type


@task
def generic() -> int:
    raise PARTLY(share=0.5, result="text")  # P: arg-type


@task
def fixed() -> str:
    raise WEIGHED(result=5)  # P: statesig


@task
def items_of(items: list[T]) -> list[T]:
    if items:
        raise SUCCESS(result=items[:1])
    raise SUCCESS(result=items[0])  # P: arg-type
