"""Measure statesig beside its floors and print one table: ``python tests/benchmarks/run.py``.

Each subject is what the package does, each floor the least that any program would pay for the same; the modules beside
this one say what each floor is and why it is fair. A ratio over its bound is printed as "over" and fails nothing: a
clock is no test. Times are medians of all rounds, ratios medians of neighbouring pairs.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # this checkout, not one that is installed

import checking
import clusters
import entities
import executing
import flows
import following
import imports
import machines
import others
import pydantic
import refusals
import serving
import shapes
import triggers
import values
import wire
from measuring import Plan, Row, heading, line

BENCHMARKS: dict[str, Callable[[Plan], Iterator[Row | str]]] = {
    "construct": values.construct,
    "signals": values.signals,
    "advance": values.transitions,
    "machines": machines.machines,
    "encode": wire.encoding,
    "decode": wire.decoding,
    "refuse": refusals.refusing,
    "shapes": shapes.shapes,
    "pickle": values.pickles,
    "memory": values.memory,
    "import": imports.importing,
    "flow": flows.flows,
    "raising": flows.raising,
    "building": flows.building,
    "tasks memory": flows.memory,
    "threads": executing.threads,
    "stored": executing.stored,
    "entities": entities.appended,
    "clusters": clusters.clusters,
    "peers": executing.peers,
    "others": others.others,
    "triggers": triggers.triggers,
    "requests": serving.requests,
    "following": following.following,
    "mypy": checking.checking,
}


def main() -> None:
    options = _parser().parse_args()
    plan = Plan(5, 5, 0.001) if options.quick else Plan(9, 15, 0.002)
    plan = replace(plan, rounds=options.repeats or plan.rounds, sizes=tuple(sorted(options.sizes or plan.sizes)))
    python = f"{platform.python_implementation()} {platform.python_version()}"
    print(
        f"{python}, pydantic {pydantic.VERSION}, {platform.machine()}; {plan.rounds} rounds, floor and subject in turns"
    )
    print(heading())
    for name in options.only or BENCHMARKS:
        for found in BENCHMARKS[name](plan):
            print(found if isinstance(found, str) else line(found), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure statesig beside its floors and print one table.")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds (5 instead of 9)")
    parser.add_argument("--only", action="append", choices=BENCHMARKS, help="measure this alone; may be repeated")
    parser.add_argument("--repeats", type=_rounds, metavar="N", help="rounds for each subject, at least 5")
    parser.add_argument("--sizes", type=_size, nargs="+", metavar="N", help="tasks of the flows (1000 10000 100000)")
    return parser


def _size(text: str) -> int:
    number = int(text)
    if number < 100:
        raise argparse.ArgumentTypeError("at least 100 tasks, or what a run costs by itself hides what a task costs")
    return number


def _rounds(text: str) -> int:
    number = int(text)
    if number < 5:
        raise argparse.ArgumentTypeError("at least 5 rounds, or the median says little")
    return number


if __name__ == "__main__":
    main()
