"""Calls that begin at about the same time are stored together; nothing waits long for others that take their time."""

from statesig.engine.changes import Changes
from statesig.engine.dispatch import Dispatcher
from statesig.engine.options import Options
from statesig.engine.sending import Sender
from statesig.executors.threads import Threads


class Asked(Dispatcher):
    """A dispatcher with a call that is about to begin; it counts how often it is asked to wait for others.

    Args:
        others: How many more calls begin at each sending.
    """

    def __init__(self, others: int) -> None:
        super().__init__(
            None, coroutines=lambda: Threads(1), aside=lambda: Threads(1), is_stored=True, is_watched=lambda: True
        )
        self.others = self.left = others
        self.waits: int = 0

    @property
    def may_more_begin(self) -> bool:
        return self.left > 0 or self.others == 0

    def wait(self, seconds: float | None) -> bool:
        self.waits += 1
        self.left -= 1
        return self.others > 0

    def sent(self, changes: Changes, times: int) -> list[int]:
        """Send some times; return how often it waited each time."""
        sender = Sender(self, changes, collect=lambda: None, is_interrupted=lambda: False)
        waits = []
        for _ in range(times):
            self.begins, self.left, self.waits = True, self.others, 0
            sender.send()
            waits.append(self.waits)
        return waits


def stored() -> Changes:
    changes = Changes("run", Options(), None, {})
    changes.is_stored = True
    return changes


def test_others_that_begin_within_a_moment_are_awaited() -> None:
    """Each call that may soon begin is waited for, before one transaction stores all."""
    assert Asked(others=3).sent(stored(), 5) == [3] * 5


def test_waits_in_vain_are_given_up() -> None:
    """After three waits in vain it is tried three times in each thirty-two transactions."""
    assert Asked(others=0).sent(stored(), 70) == [1] * 3 + [0] * 29 + [1] * 3 + [0] * 29 + [1] * 3 + [0] * 3


def test_nothing_waits_where_nothing_is_stored() -> None:
    """Without a store there is nothing to store together."""
    assert Asked(others=3).sent(Changes("run", Options(), None, {}), 2) == [0, 0]
