"""What ``import statesig`` adds, in a fresh interpreter, and what it must not drag in.

The floor imports Pydantic and the two classes that any program with states needs; they are loaded lazily by Pydantic
itself, so naming them is part of it. Both are timed inside the interpreter: its own start, the same for each, would
only bring the ratio nearer to one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from measuring import Plan, Row, compare

_ROOT = Path(__file__).resolve().parents[2]
_PYDANTIC = "import pydantic; pydantic.BaseModel; pydantic.TypeAdapter"
_UNWANTED = ("asyncio", "multiprocessing", "rich", "fastapi", "dask", "mypy")
_SUBJECTS: tuple[tuple[str, float | None], ...] = (
    ("import statesig", 1.2),
    ("from statesig import Success, SKIP", None),
    ("from statesig import Success; Success()", None),
)


def importing(plan: Plan) -> Iterator[Row | str]:
    """Measure imports and list the unwanted modules that they brought."""
    floor = partial(_seconds, _PYDANTIC)
    floor()
    for code, bound in _SUBJECTS:
        subject = partial(_seconds, f"{_PYDANTIC}; {code}")
        subject()  # writes the byte code
        yield compare(plan, (code, subject), ("import pydantic, BaseModel, TypeAdapter", floor), bound, slices=2)
    yield f"modules looked for: {', '.join(_UNWANTED)}"
    for code, _ in _SUBJECTS[:2]:
        yield f"found after {code!r}: {_loaded(code) or 'none'}"


def _seconds(code: str) -> float:
    return float(_output(f"import time; began = time.perf_counter(); {code}; print(time.perf_counter() - began)"))


def _loaded(code: str) -> str:
    return _output(f"import sys; {code}; print(*[name for name in {_UNWANTED!r} if name in sys.modules])")


def _output(code: str) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT), *_paths()])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _paths() -> list[str]:
    return [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
