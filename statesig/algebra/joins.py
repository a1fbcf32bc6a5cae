"""Combine the states of several runs into one: kinds, their join, and the combination of states.

Severities are tables, and everything here follows from them. Nothing here may look at a clock or raise a signal.

The laws, for each order, and the tests that check them. Kinds are equal if they are the same class::

    join(a, b) == join(b, a)                            test_join_is_commutative
    join(a, join(b, c)) == join(join(a, b), c)          test_join_is_associative
    join(a, a) == a                                     test_join_is_idempotent
    join(EMPTY, a) == a                                 test_empty_is_the_identity
    join(a, b) is in the carrier again                  test_join_is_closed
    tally([*xs, *ys]) == tally(xs) + tally(ys)          test_tally_adds_up
    kind(combine(xs)) == constructible(join of kinds)   test_the_kind_of_a_combination,
                                                        test_the_kind_of_a_combination_of_any_payloads

A kind never lies, for Success, Failed and Cancelled::

    isinstance(s, branch) == issubclass(kind(s), branch)
                                                        test_a_kind_never_lies

Combinations are equal if they are equal states, with their causes compared as sets::

    combine(xs) == combine(ys)                          test_order_and_duplicates_do_not_matter,
        where set(xs) == set(ys)                        test_order_and_duplicates_of_any_payloads_do_not_matter
"""

from __future__ import annotations

import enum
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Literal, cast

from pydantic import ValidationError
from typing_extensions import TypeIs, override

from statesig.algebra.leaves import is_composite, leaves, walk
from statesig.states import (
    AnyState,
    Cached,
    Cancelled,
    Cancelling,
    Failed,
    Looped,
    Paused,
    Pending,
    Retrying,
    Running,
    Scheduled,
    Skipped,
    State,
    Success,
    TriggerFailed,
)
from statesig.states.families import origin_of
from statesig.states.generics import PerClass

__all__ = ["COMPLETION", "EMPTY", "FAIL_FAST", "Empty", "Kind", "Order", "combine", "join", "kind", "tally"]


class Empty(enum.Enum):
    """The kind of no state at all: the identity of `join`."""

    EMPTY = "EMPTY"


EMPTY: Final = Empty.EMPTY
"""The kind of no state at all, and the identity of `join`."""

Kind = type[State[Any]] | Literal[Empty.EMPTY]
"""An argument of `join`: a concrete class of states that is no meta-state and has no children, or EMPTY."""

_BRANCHES = (Pending, Paused, Running, Cancelling, Success, Failed, Cancelled)


class Order(Mapping[type[State[Any]], int]):
    """The severity of kinds: a mapping of some to their ranks, from 0. Any other has its nearest ancestor's rank.

    statesig has two, `COMPLETION` and `FAIL_FAST`; the laws of `join` hold in any.

    Args:
        name: Its name in its module.
        kinds: From the least severe to the most severe; `join` takes these and their descendants.

    Raises:
        ValueError: A branch of the states is missing; the text names it.
    """

    def __init__(self, name: str, kinds: Iterable[type[State[Any]]]) -> None:
        self._name = name
        self._ranks = {of: rank for rank, of in enumerate(kinds)}
        missing = [branch.__name__ for branch in _BRANCHES if branch not in self._ranks]
        if missing:
            raise ValueError(f"an order ranks every branch of the states; {name} leaves out {', '.join(missing)}")
        self._joins = _Joins(self._ranks)

    def rank(self, of: Kind) -> int:
        """Return how severe a kind is; -1 for EMPTY.

        Raises:
            TypeError: `join` does not take the kind.
        """
        return self._joins[of].rank

    def join(self, one: Kind, other: Kind) -> Kind:
        """Return ``join(one, other, order=self)``."""
        return self._joins[one][other]

    @override
    def __getitem__(self, of: type[State[Any]]) -> int:
        return self._ranks[of]

    @override
    def __iter__(self) -> Iterator[type[State[Any]]]:
        return iter(self._ranks)

    @override
    def __len__(self) -> int:
        return len(self._ranks)

    @override
    def __hash__(self) -> int:
        return hash(tuple(self._ranks))

    @override
    def __repr__(self) -> str:
        return self._name

    @override
    def __reduce__(self) -> str:
        return self._name


class _Joins(dict[Kind, "_Row"]):
    """The row of joins of each kind; filled on demand, also for kinds defined later."""

    def __init__(self, ranks: Mapping[type[State[Any]], int]) -> None:
        super().__init__()
        self.ranks = ranks

    def __missing__(self, of: Kind) -> _Row:
        origin: Kind = origin_of(of)
        if of is not origin:
            return self[origin]  # not kept: classes are parametrised without end
        self[of] = row = _Row(self, of)
        return row


class _Row(dict[Kind, Kind]):
    """The rank of one kind, and its join with each other kind."""

    def __init__(self, joins: _Joins, of: Kind) -> None:
        super().__init__()
        self.joins = joins
        self.of: Kind = EMPTY
        self.rank = -1
        if of is not EMPTY:
            self.of = origin = _carried(of)
            self.rank = next(joins.ranks[cls] for cls in origin.__mro__ if cls in joins.ranks)

    def __missing__(self, other: Kind) -> Kind:
        origin: Kind = origin_of(other)
        if other is not origin:
            return self[origin]
        row = self.joins[other]
        if self.of is EMPTY or row.of is EMPTY or self.rank != row.rank:
            joined = self.of if self.rank > row.rank else row.of
        else:
            joined = next(cls for cls in self.of.__mro__ if issubclass(row.of, cls))
        self[other] = joined
        return joined


def _is_concrete(cls: Any) -> TypeIs[type[State[Any]]]:
    return isinstance(cls, type) and issubclass(cls, State) and not cls.__abstract__


def _carried(of: Any) -> type[State[Any]]:
    """Return a kind without its parameters; refuse any object that `join` does not take."""
    origin: Any = origin_of(of)
    if _is_concrete(origin) and not is_composite(origin):
        return origin
    raise TypeError(
        f"{getattr(of, '__name__', type(of).__name__)} cannot be joined; join takes EMPTY and what kind(state) "
        "returns: every concrete class of states but meta-states and those with children"
    )


COMPLETION: Final = Order(
    "COMPLETION",
    (Skipped, Cached, Success, Cancelled, TriggerFailed, Failed, Pending, Scheduled, Paused, Cancelling, Running),
)
"""Unfinished outweighs failed, and failed outweighs successful: all parts must be done before the whole is."""

FAIL_FAST: Final = Order(
    "FAIL_FAST",
    (Skipped, Cached, Success, Pending, Scheduled, Paused, Cancelling, Running, Cancelled, TriggerFailed, Failed),
)
"""Failed outweighs unfinished, and unfinished outweighs successful: one failure decides."""


def kind(state: State[Any], *, order: Order = COMPLETION) -> type[State[Any]]:
    """Return the kind of a state: its class without parameters.

    A meta-state has the kind of the state it wraps, ``kind(Queued(state=s)) == kind(s)``; one with children (Mapped,
    MapFailed, MapCancelled) has the join of their kinds, Success if there are none. Equal kinds are the same class.

    A kind never lies: ``issubclass(kind(s), branch) == isinstance(s, branch)`` for Success, Failed and Cancelled.

    Args:
        state: Any state.
        order: Joins the kinds of the children.
    """
    own = _own_kind[type(state)]
    if own is not None:
        return own
    return _joined(leaves([state]), order)


def join(one: Kind, other: Kind, *, order: Order = COMPLETION) -> Kind:
    """Return the more severe of two kinds; on equal severity their nearest common ancestor.

    ``join(a, b) == join(b, a)``, ``join(a, join(b, c)) == join(join(a, b), c)``, ``join(a, a) == a`` and
    ``join(EMPTY, a) == a`` in each order, and a join is in the carrier again. Equal kinds are the same class. A user's
    kind has the severity of its nearest ancestor and stays itself: ``join(Quarantined, Quarantined)`` is Quarantined.

    Args:
        one: A kind that `kind` returns, or EMPTY.
        other: The same.
        order: `COMPLETION` or `FAIL_FAST`.

    Raises:
        TypeError: One of them cannot be joined: it is abstract, a meta-state or one with children.
    """
    return order.join(one, other)


def tally(states: Iterable[State[Any]]) -> Counter[type[State[Any]]]:
    """Return how many states are of each kind: ``tally(xs) == Counter(map(kind, xs))``, by equality of counters.

    So ``tally([*xs, *ys]) == tally(xs) + tally(ys)``, in any order. A state with children counts once, as its kind.
    """
    return Counter(kind(state) for state in states)


def combine(
    states: Iterable[State[Any]], *, empty: State[Any] | None = None, order: Order = COMPLETION
) -> AnyState[object]:
    """Combine several states into one: of the joined kind, or of its nearest ancestor without required fields.

    ``kind(combine(xs)) == constructible(k)`` where ``k`` is the join of the kinds of ``xs``, equal kinds being the same
    class. The order of ``xs`` and duplicates among them do not matter: the combinations are equal states, with their
    causes compared as sets. If a user's class refuses the combined fields, such as a failure that is always retryable,
    its nearest ancestor that takes them is used.

    The combination keeps each cause once, those of children and in a meta-state too, the earliest start time, expiry
    and deadline, and the largest counts. It is retryable only if all failures are. It keeps a message if all messages
    of the most severe states agree. It drops results; `zip` keeps them.

    Args:
        states: Any states, in any order.
        empty: The state to return if there are no states; ``Success()`` by default.
        order: Joins their kinds.
    """
    opened = list(walk(states))
    inner = [state for state, is_leaf in opened if is_leaf]
    if not inner:
        return Success() if empty is None else cast("AnyState[Any]", empty)  # every state is of a branch
    joined = _joined(inner, order)
    severity = order.rank(joined)
    fields: dict[str, Any] = {"causes": tuple(dict.fromkeys(cause for state, _ in opened for cause in state.causes))}
    values: defaultdict[str, list[Any]] = defaultdict(list)
    messages: set[str] = set()
    for leaf in inner:
        given = leaf.__dict__
        for name in _combined_fields[type(leaf)]:
            if given[name] is not None:
                values[name].append(given[name])
        if given["message"] is not None and order.rank(type(leaf)) == severity:
            messages.add(given["message"])
    if len(messages) == 1:
        fields["message"] = messages.pop()
    fields.update((name, _COMBINED[name][1](found)) for name, found in values.items())
    return cast("AnyState[Any]", _constructed(joined, fields))


_COMBINED: Mapping[str, tuple[type[State[Any]], Callable[[list[Any]], Any]]] = {
    "start_time": (Scheduled, min),
    "expires": (Cached, min),
    "until": (Paused, min),
    "run_count": (Retrying, max),
    "loop_count": (Looped, max),
    "retryable": (Failed, all),
}
"""The fields that are combined: the class that declares each, and the function that combines its values."""


def _joined(states: Iterable[State[Any]], order: Order) -> type[State[Any]]:
    joined: Kind = EMPTY
    for of in set(map(type, states)):
        joined = order.join(joined, of)
    return cast("type[State[Any]]", joined)  # there is at least one leaf, and its kind is not EMPTY


def _find_own_kind(cls: type[State[Any]]) -> type[State[Any]] | None:
    """Return the kind of all states of a class; None if it depends on the states inside."""
    return None if is_composite(cls) else _carried(cls)


def _find_combined(cls: type[State[Any]]) -> tuple[str, ...]:
    """Return the fields of a class that are combined: the package's fields, not a user's of the same name."""
    return tuple(name for name, (owner, _) in _COMBINED.items() if issubclass(cls, owner))


def _find_constructible(of: type[State[Any]]) -> tuple[type[State[Any]], ...]:
    """Return a kind and its ancestors, nearest first, that are concrete and require no field."""
    ancestors: tuple[Any, ...] = of.__mro__
    return tuple(
        cls
        for cls in ancestors
        if _is_concrete(cls) and origin_of(cls) is cls
        if not any(field.is_required() for field in cls.model_fields.values())
    )


_own_kind = PerClass(_find_own_kind)
_combined_fields = PerClass(_find_combined)
_constructible = PerClass(_find_constructible)


def _constructed(of: Any, fields: Mapping[str, Any]) -> State[Any]:
    """Construct the nearest of a kind and its ancestors that requires no field and takes these."""
    *nearest, last = _constructible[of]
    for cls in nearest:
        try:
            return _filled(cls, fields)
        except ValidationError:
            continue
    return _filled(last, fields)


def _filled(cls: Any, fields: Mapping[str, Any]) -> State[Any]:
    own = {"message", "causes", *_combined_fields[cls]}
    state: State[Any] = cls(**{name: value for name, value in fields.items() if name in own})
    return state
