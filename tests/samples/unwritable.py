"""A flow whose results JSON cannot give back, and one whose results are too many for one document."""

from statesig import Flow, task


@task
def handle():  # type: ignore[no-untyped-def]  # an annotation would say what to do with the result
    return object()


@task
def rows(number: int) -> list[int]:
    return list(range(300))


@task
def row() -> list[int]:
    return list(range(60_000))


with Flow("unwritable") as unwritable:
    handle()

with Flow("large") as large:
    large.map(rows, range(200))

with Flow("huge") as huge:
    row()
