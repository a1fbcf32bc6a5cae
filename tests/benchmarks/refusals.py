"""How long `decode` takes to refuse what is harmful, and how long its error is.

There is no floor: the bound is 50 ms, or 5 ms for what is past the limit of bytes, and 500 characters.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from measuring import Plan

from statesig import DecodeError, State, decode

HARMFUL: dict[str, bytes] = {
    "5,000,000 nested arrays": b"[" * 5_000_000,
    "a body of 100 MB": b'{"type":"Success","message":"%b"}' % (b"x" * 100_000_000),
    "100,000 unknown keys": b'{"type":"Success",%b}' % b",".join(b'"k%d":1' % index for index in range(100_000)),
    "49,000 unknown keys, within the limits": b'{"type":"Success",%b}'
    % b",".join(b'"k%d":1' % index for index in range(49_000)),
    "a tag of 10 MB": b'{"type":"%b"}' % (b"x" * 10_000_000),
    "a tag of 10 MB, after another key": b'{"message":"m","type":"%b"}' % (b"x" * 10_000_000),
    "a lone surrogate": rb'{"type":"Success","result":"\ud800"}',
    "NaN": b'{"type":"Success","result":NaN}',
    "a naive datetime": b'{"type":"Scheduled","start_time":"2026-01-01T00:00:00"}',
    "a key twice, strict": b'{"type":"Success","type":"Failed"}',
    "an unknown tag": b'{"type": "os.system"}',
}


def refusing(plan: Plan) -> Iterator[str]:
    """Yield a line for each harmful document: the median time of its refusal, and the length of the error."""
    for name, document in HARMFUL.items():
        strict = name.endswith("strict")
        times: list[float] = []
        said = ""
        for _ in range(plan.rounds + 1):
            began = time.perf_counter()
            try:
                decode(document, State, strict=strict)
            except DecodeError as error:
                said = str(error)
            times.append(time.perf_counter() - began)
        bound = 5 if len(document) > 16 * 1024 * 1024 else 50
        median = statistics.median(times[1:]) * 1000
        within = "ok" if median < bound and 0 < len(said) < 500 else "over"
        yield f"refuse {name:42} {median:8.3f} ms (bound {bound} ms), {len(said)} characters: {within}"
