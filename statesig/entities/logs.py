"""Check histories of a machine's states: those in a store, or in a log with a state on each line, for the command.

Nothing here may change a history, or hide one for the fault of another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TextIO

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model
from pydantic_core import from_json, to_json

from statesig.algebra.transitions import Entry, fault_of
from statesig.codec.histories import printable
from statesig.codec.limits import DEFAULT_LIMITS
from statesig.codec.states import decode, decode_model, encode
from statesig.entities.histories import Entities
from statesig.errors import DecodeError, StoreError
from statesig.states import UtcDatetime
from statesig.states.json_rules import iso_time
from statesig.states.machines import Machine

__all__ = ["tell_log", "tell_stored"]


@dataclass(slots=True)
class _History:
    """What is known of a history up to its last state.

    Args:
        key: The entity's key; None where a log holds the states of one entity alone.
        steps: The number of states.
        last: The last state, with its time if that is known.
        fault: Where and why the history is illegal first; None: it is legal.
    """

    key: str | None
    steps: int = 0
    last: Entry | None = None
    fault: tuple[int, str] | None = None

    def go_on(self, state: Machine, time: datetime | None = None, version: int | None = None) -> None:
        """Add a state."""
        self.steps += 1
        before, self.last = self.last, (state, None, time)
        if self.fault is None:
            reason = fault_of(self.last, before)
            if version not in (None, self.steps):
                reason = f"its line says version {version}"
            if reason is not None:
                self.fault = self.steps, reason

    def described(self) -> bytes:
        illegal = self.fault and {"version": self.fault[0], "reason": self.fault[1]}
        place = {"key": self.key, "ok": not illegal, "version": self.steps, "illegal": illegal}
        return to_json(place)[:-1] + b',"state":' + encode(self._state) + b"}"

    def sentence(self) -> str:
        place = "" if self.key is None else f"{printable(self.key)}: "
        if self.fault is None:
            return f"{place}ok: {self._state.type}, version {self.steps}"
        return f"{place}illegal at version {self.fault[0]}: {self.fault[1]}"

    @property
    def _state(self) -> Any:
        assert self.last is not None, "a history has a state"
        return self.last[0]


def tell_log(lines: Iterable[bytes], name: str, kind: type[Machine], *, as_json: bool, out: TextIO, err: TextIO) -> int:
    """Print whether each history in a log is legal, and return the exit code of the command.

    Args:
        lines: One change each, as JSON, decoded strictly, in the order of the changes: a state, if all are of one
            entity, or ``{"key": ..., "state": {...}}``, with its version and its time if they are known. Empty lines
            are skipped.
        name: The log's name in messages.
        kind: The machine's root, or a class of its states.
        as_json: Whether to write one JSON object for each history instead of text.
        out: Receives the histories.
        err: Receives a message for each line that is no such state, with its number from 1.

    Returns:
        0: all is well; 1: a step is illegal, or a line is not a state; 2: the log is empty.
    """
    model = _model_of(kind)
    histories: dict[str | None, _History] = {}
    bad = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            key, version, time, state = _read(line, kind, model)
        except DecodeError as exc:
            bad += 1
            err.write(f"{name}:{number}: {exc}\n")
            continue
        histories.setdefault(key, _History(key)).go_on(state, time, version)
    if not histories and not bad:
        err.write(f"statesig: {name} is empty; it should hold states of {kind.__name__}, one per line\n")
        return 2
    return max(_tell(histories.values(), as_json, out), int(bad > 0))


def tell_stored(entities: Entities[Machine], key: str | None, *, as_json: bool, out: TextIO, err: TextIO) -> int:
    """Print whether each history in a store is legal by the machine as it is now, and return the exit code.

    Args:
        entities: The histories.
        key: The key of the only one to read; None: all.
        as_json: Whether to write one JSON object for each history instead of text.
        out: Receives the histories.
        err: Receives a message for each that cannot be read.

    Returns:
        0: all is well; 1: a step is illegal, or a history cannot be read.

    Raises:
        NoEntity: There is no entity with this key.
        StoreError: It cannot be read.
    """
    if key is not None:
        return _tell([_followed(entities, key)], as_json, out)
    errors: list[StoreError] = []
    keys = [change.key for change in entities.all(damaged=errors.append)]
    code = _tell(_readable(entities, keys, errors), as_json, out)
    for error in errors:
        err.write(f"statesig: {error}\n")
    return max(code, int(bool(errors)))


def _readable(entities: Entities[Machine], keys: Iterable[str], errors: list[StoreError]) -> Iterator[_History]:
    for key in keys:
        try:
            yield _followed(entities, key)
        except StoreError as exc:
            errors.append(exc)


def _followed(entities: Entities[Machine], key: str) -> _History:
    history = _History(key)
    for change in entities.history(key):
        history.go_on(change.state)  # without its time: the clocks of two machines may differ
    return history


def _tell(histories: Iterable[_History], as_json: bool, out: TextIO) -> int:
    told = ill = 0
    for history in histories:
        told += 1
        ill += history.fault is not None
        out.write(f"{history.described().decode() if as_json else history.sentence()}\n")
    if not as_json:
        out.write(f"{told} {'history' if told == 1 else 'histories'}, {ill or 'none'} illegal\n")
    return int(ill > 0)


# ---- lines


class _Place(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    key: str = Field(strict=True)
    version: int | None = Field(default=None, strict=True, ge=1)
    time: Annotated[UtcDatetime, BeforeValidator(iso_time)] | None = None


def _model_of(kind: type[Machine]) -> type[BaseModel]:
    return create_model("change", __base__=_Place, state=(kind, ...))


def _read(
    line: bytes, kind: type[Machine], model: type[BaseModel]
) -> tuple[str | None, int | None, datetime | None, Machine]:
    if not _has_key(line):
        return None, None, None, decode(line, kind, strict=True)
    change: Any = decode_model(model, line, "change", limits=DEFAULT_LIMITS, strict=True)
    return change.key, change.version, change.time, change.state


def _has_key(line: bytes) -> bool:
    """Tell whether a line is a change with a key: a state alone has a type."""
    try:
        document = from_json(line) if len(line) <= DEFAULT_LIMITS.max_bytes else None
    except ValueError:
        return False
    return isinstance(document, dict) and "key" in document and "type" not in document
