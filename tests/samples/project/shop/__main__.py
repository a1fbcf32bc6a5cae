"""Run the flow of a day, step more orders through by hand, and say what became of them: ``python -m shop``."""

from __future__ import annotations

from statesig import RESUME, Pending, State, advance, check_history, is_successful

from . import boundary
from .orders import BOOK, Payment
from .pipeline import LIMIT, earned, flow, notice, packed
from .reports import Entry, amount, marked, note, progress, refusal, written


def main() -> None:
    """Print what became of the flow, and of the orders at the desk."""
    run = flow.run()
    print(f"{run.state.type}: {run[packed].type}")
    print(run[notice].unwrap())
    total = run[earned]
    if is_successful(total):
        print(amount(total))

    first = BOOK[0]
    pending = Pending()
    queued = boundary.queue(pending)
    begun = boundary.admit(queued)
    held = boundary.hold(begun, "ada")
    freed = advance(held, RESUME("looked at"))
    again = boundary.admit(freed)
    done = boundary.finish(again, Payment(order=first, cents=first.total))
    history: list[State] = [pending, queued, begun, held, freed, again, done]
    print(" -> ".join(state.type for state in history), check_history(history))

    waiting = boundary.wait_for(begun, "ink", 4)
    assert boundary.finish_at_once(pending, done.unwrap()) == done
    disputed = boundary.take_back(boundary.stop(begun), "too blue")
    aside = marked(boundary.set_aside(begun, first), "bob")
    print(progress(waiting), boundary.wake(waiting).message, boundary.release(held).type)
    print(disputed.reason, aside.message, note(aside))

    refused = boundary.refuse(boundary.Refusal, first)
    documents = written([refused, waiting])
    print(refusal(documents[0]) == refused, Entry(order=1, outcome=refused).model_dump_json())
    print(boundary.risk(BOOK[2], LIMIT), boundary.risks(BOOK, LIMIT), boundary.failure(BOOK[4], LIMIT))
    print(boundary.verdict(BOOK[2], LIMIT), boundary.explained(BOOK[1], LIMIT), sep="; ")


if __name__ == "__main__":
    main()
