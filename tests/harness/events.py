"""What a run tells, as tests keep it."""

from collections.abc import Callable

from statesig import Event


def of_tasks(events: list[Event]) -> Callable[[Event], None]:
    """Return a function that keeps the events of tasks, and leaves out those of the run itself."""
    return lambda event: None if event.task is None else events.append(event)
