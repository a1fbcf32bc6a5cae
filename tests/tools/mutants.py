"""Mutate modules of statesig and list the mutants that their tests let live.

``python tests/tools/mutants.py algebra/joins`` does so for one module.

The mutants are those of cosmic-ray 8.7, which is installed for this alone. Not counted are mutants that do not compile
and those of what only a type checker reads: annotations, overloads, ``@override``. A mutant is killed if a test of its
module fails or takes three minutes; the tests run in a copy of the tree, never in this one.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

from tests import ROOT

# For each module its tests, those first that are quick to fail.
TESTS = {
    "algebra/joins": ["test_algebra"],
    "algebra/results": ["test_results"],
    "algebra/merges": ["test_observations"],
    "algebra/triggers": ["test_trigger_rules", "test_expressions", "test_triggers"],
    "algebra/predicates": ["test_trigger_rules", "test_triggers"],
    "algebra/counts": ["test_counts", "test_triggers"],
    "algebra/equivalence": ["test_truths"],
    "codec/triggers": ["test_expressions"],
    "algebra/transitions": ["test_transitions"],
}
TIMEOUT = 180
MEMORY = 4 * 2**30


class _Run(ast.NodeTransformer):
    """What is left of a module is what runs."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST | None:
        if isinstance(node.body[-1], ast.Expr) and getattr(node.body[-1].value, "value", None) is ...:
            return None
        node.returns = None
        node.decorator_list = [one for one in node.decorator_list if getattr(one, "id", "") != "override"]
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)


def what_runs(code: str) -> str:
    return ast.dump(_Run().visit(ast.parse(code)))


def mutants(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and the code of each mutant of a module that is counted."""
    code = path.read_text()
    runs, nodes = what_runs(code), list(ast_nodes(get_ast(code)))
    for name in sorted(operator_names()):
        if get_operator(name).arguments():
            continue
        operator = get_operator(name)()
        for occurrence in range(sum(len(list(operator.mutation_positions(node))) for node in nodes)):
            mutated = mutate_code(code, operator, occurrence)
            try:
                if mutated is not None and what_runs(mutated) != runs:
                    yield f"{name.removeprefix('core/')} {occurrence}", mutated
            except SyntaxError:
                continue


def outcome(tree: Path, module: str, code: str) -> str:
    """Run the tests of a module with other code in its place."""
    path = tree / "statesig" / f"{module}.py"
    path.write_text(code)
    for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):
        compiled.unlink()  # it is told from its source by the size and the second of that
    tests = [f"tests/{name}.py" for name in TESTS[module]]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=0", *tests],
            check=False,
            cwd=tree,
            env={
                **os.environ,
                "PYTHONPATH": str(tree),
                "STATESIG_EXAMPLES": os.environ.get("STATESIG_EXAMPLES", "5"),
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
        )
    except subprocess.TimeoutExpired:
        return "timed out"
    finally:
        shutil.rmtree(tree / ".hypothesis", ignore_errors=True)  # an example that killed one is not given to the next
    return "killed" if done.returncode else "survived"


def measure(module: str, sample: int | None, jobs: int) -> None:
    path = ROOT / "statesig" / f"{module}.py"
    original = path.read_text()
    every = list(mutants(path))
    chosen = every if sample is None else random.Random(0).sample(every, min(sample, len(every)))
    with tempfile.TemporaryDirectory() as folder:
        trees: SimpleQueue[Path] = SimpleQueue()
        for number in range(jobs):
            tree = Path(folder, str(number))
            shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".*", "__pycache__"))
            trees.put(tree)

        def run(code: str) -> str:
            tree = trees.get()
            try:
                return outcome(tree, module, code)
            finally:
                trees.put(tree)

        if (unchanged := run(original)) != "survived":
            raise SystemExit(f"without a mutation the tests of {module} are {unchanged}")
        outcomes: list[str] = []
        with ThreadPoolExecutor(jobs) as pool:
            for (name, code), ended in zip(chosen, pool.map(run, [code for _, code in chosen]), strict=True):
                outcomes.append(ended)
                print(f"\r{module}: {len(outcomes)} of {len(chosen)}", end="", file=sys.stderr, flush=True)
                if ended != "killed":
                    lines = difflib.unified_diff(original.splitlines(), code.splitlines(), lineterm="", n=0)
                    print(f"{module} {ended}: {name}", *list(lines)[2:], sep="\n", flush=True)
    print(file=sys.stderr)
    counted = {ended: outcomes.count(ended) for ended in ("killed", "timed out", "survived")}
    dead = 100 * (len(chosen) - counted["survived"]) / len(chosen)
    print(f"{module}: {len(chosen)} of {len(every)} mutants, {counted}, {dead:.1f} in 100 killed", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", choices=[[], *TESTS], help="by default all that have tests here")
    parser.add_argument("--sample", type=int, help="how many mutants of each; all by default")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    for one in given.modules or TESTS:
        measure(one, given.sample, given.jobs)
