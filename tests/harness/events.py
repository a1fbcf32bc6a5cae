"""What a run tells, as tests keep it."""

from collections.abc import Callable, Iterable

from statesig import Event


def of_tasks(events: list[Event]) -> Callable[[Event], None]:
    """Return a function that keeps the events of tasks, and leaves out those of the run itself."""
    return lambda event: None if event.task is None else events.append(event)


def elsewhere(tags: Iterable[str]) -> list[str]:
    """Return the states of a task that an executor runs, given those of one that runs in line: it is handed over."""
    return [one for tag in tags for one in (("Submitted", tag) if tag == "Running" else (tag,))]
