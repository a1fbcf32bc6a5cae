"""Search the shapes of documents for one that costs more to refuse than its size is worth.

Each shape fills a document of a size with one kind of fault, under some levels of nesting, and goes through each
entrance. Its time is compared with the parse of a valid document of the size by plain pydantic (bound: 20 times), the
peak of the process's memory with the size (bound: 20 times and 5 MB), and the answer is measured (bound: 2 kB).

One shape stays above the bound of memory: a list of 32,000 wrong items in a model of the user takes 8 to 13 MB.
Pydantic makes an error for each item of such a list, and statesig enters no model of a user to stop it at the first.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from measuring import Plan
from pydantic import BaseModel, TypeAdapter, ValidationError

from statesig import DecodeError, State, Success, decode, decode_event, decode_trigger

SIZES, DEPTHS = (16_000, 64_000, 256_000), (0, 1, 48, 96)
BUDGET = 49_000
"""The values that the default limits let through."""


class Order(BaseModel):
    id: int
    tags: list[str] = []


class Plain(BaseModel):
    type: str
    result: list[dict[str, int]] = []


def _many(item: str, size: int) -> str:
    return ",".join([item] * max(1, min(size // (len(item) + 1), BUDGET // (1 + item.count(",") + item.count("{")))))


def _keys(size: int, value: str = "1") -> str:
    count = min(size // (7 + len(value)), BUDGET)
    return ",".join(f'"{index:x}":{value}' for index in range(count))


SHAPES: dict[str, Callable[[int], str]] = {
    "empty causes": lambda size: f'{{"type":"Failed","causes":[{_many("{}", size)}]}}',
    "causes of the wrong kind": lambda size: f'{{"type":"Failed","causes":[{_many("1", size)}]}}',
    "a cause of many keys": lambda size: f'{{"type":"Failed","causes":[{{{_keys(size)}}}]}}',
    "children without a tag": lambda size: f'{{"type":"Mapped","children":[{_many("{}", size)}]}}',
    "children of an unknown tag": lambda size: f'{{"type":"Mapped","children":[{_many(_tagged("N" * 40), size)}]}}',
    "good children, then a bad one": lambda size: (
        f'{{"type":"Mapped","children":[{_many(_tagged("Success"), size)},{_tagged("N")}]}}'
    ),
    "unknown keys": lambda size: f'{{"type":"Success",{_keys(size)}}}',
    "unknown keys that hold objects": lambda size: f'{{"type":"Success",{_keys(size, "{}")}}}',
    "one unknown key, again and again": lambda size: (
        f'{{"type":"Success",{_many(chr(34) + "a" + chr(34) + ":1", size)}}}'
    ),
    "a long unknown key": lambda size: f'{{"type":"Success","{"k" * size}":1}}',
    "a long tag": lambda size: f'{{"message":null,"type":"{"t" * size}"}}',
    "a long text for a number": lambda size: f'{{"type":"Retrying","run_count":"{"9" * size}"}}',
    "escapes": lambda size: f'{{"type":"Success","mesage":"{chr(92) + "u0041" * 1 * (size // 6)}"}}',
    "escapes in a tag": lambda size: f'{{"message":null,"type":"{(chr(92) + "n") * (size // 2)}"}}',
    "brackets in a text": lambda size: f'{{"type":"Success","mesage":"{"[{" * (size // 2)}"}}',
    "a list for a message": lambda size: f'{{"type":"Success","message":[{_many("1", size)}]}}',
    "a result and no end": lambda size: f'{{"type":"Success","result":[{_many("1", size)}',
    "nested lists and no end": lambda size: f'{{"type":"Success","result":{"[" * min(size, 99)}',
    "meta-states": lambda size: _wrapped(size),
    "orders of the wrong kind": lambda size: f'{{"type":"Success","result":[{_many("{}", size)}]}}',
    "an order of the wrong tags": lambda size: (
        f'{{"type":"Success","result":[{{"id":1,"tags":[{_many("1", size)}]}}]}}'
    ),
}


def _tagged(tag: str) -> str:
    return f'{{"type":"{tag}"}}'


def _wrapped(size: int) -> str:
    levels = min(90, size // 30)
    return '{"type":"Queued","state":' * levels + '{"type":"Success"}' + "}" * levels


def _nested(document: str, depth: int) -> str:
    return '{"type":"Mapped","children":[' * depth + document + "]}" * depth


Event = '{"run":"r","task":"t","index":null,"attempt":1,"time":"2026-01-01T00:00:00Z","state":%s}'

_adapter: TypeAdapter[Any] = TypeAdapter(State)
_orders: TypeAdapter[Any] = TypeAdapter(Success[list[Order]])

ENTRANCES: dict[str, Callable[[str], object]] = {
    "decode": decode,
    "decode, strictly": lambda text: decode(text.encode(), strict=True),
    "decode orders": lambda text: decode(text, Success[list[Order]]),
    "event": lambda text: decode_event(Event % text),
    "TypeAdapter": _adapter.validate_json,
    "TypeAdapter of orders": _orders.validate_json,
    "trigger": lambda text: decode_trigger(text.replace('"Mapped","children"', '"all","of"').join(('{"when":', "}"))),
}


def shapes(plan: Plan) -> Iterator[str]:
    """Yield a line for each case over a bound, and for each entrance the worst of its cases."""
    valid = {size: _seconds(Plain.model_validate_json, _valid(size), plan.rounds)[0] for size in SIZES}
    total = over = 0
    for entrance, read in ENTRANCES.items():
        worst = (0.0, "")
        for name, shape in SHAPES.items():
            for size in SIZES:
                for depth in DEPTHS:
                    text = _nested(shape(size), depth)
                    peak, answer = _peak(read, text)
                    seconds, _ = _seconds(read, text, 2)
                    ratio, bound = seconds / valid[size], 20 * len(text) + 5_000_000
                    case = f"{entrance}: {name}, {len(text):,} bytes, {depth} deep"
                    total += 1
                    worst = max(worst, (ratio, case))
                    if ratio > 20 or peak > bound or answer > 2048:
                        over += 1
                        yield f"over   {case}: {ratio:.1f}x, {peak / 1e6:.1f} MB, {answer} bytes"
        yield f"shapes {worst[1]}: the slowest, {worst[0]:.1f}x (bound 20x)"
    yield f"shapes {over} of {total} cases over a bound"


def _valid(size: int) -> str:
    return f'{{"type":"Success","result":[{_many(chr(123) + chr(34) + "a" + chr(34) + ":1}", size)}]}}'


def _seconds(read: Callable[[str], object], text: str, rounds: int) -> tuple[float, int]:
    """Return the processor time of the fastest of some reads, and the length of the answer of a refusal."""
    times: list[float] = []
    answer = 0
    for _ in range(rounds):
        began = time.process_time()
        answer = _answer(read, text)
        times.append(time.process_time() - began)
    return min(times), answer


def _answer(read: Callable[[str], object], text: str) -> int:
    try:
        read(text)
    except DecodeError as error:
        return len(str(error))
    except ValidationError as error:
        # What an HTTP framework answers; errors of the parser, which repeat the whole text, are not statesig's.
        errors = [line for line in error.errors(include_url=False) if line["type"] != "json_invalid"]
        return len(json.dumps(errors, default=str))
    return 0


def _peak(read: Callable[[str], object], text: str) -> tuple[int, int]:
    """Return by how many bytes a read raises the peak of this process's memory, and the length of its answer."""
    Path("/proc/self/clear_refs").write_text("5")
    before = _high_water()
    answer = _answer(read, text)
    return _high_water() - before, answer


def _high_water() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024
