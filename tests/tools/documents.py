"""The generated parts of the README and of docs: ``python -m tests.tools.documents`` writes them, a test holds them."""

import argparse
import ast
import functools
import importlib
import inspect
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

from statesig import State, diagram
from statesig.algebra import joins, merges, results
from statesig.cli.parser import parser_of_all
from statesig.signals import signal_type_of
from statesig.states.families import descendants
from tests import ROOT
from tests.harness.checkers import tallies
from tests.samples.project.mistakes import MISSED, MISTAKES
from tests.tools import flow_signals, outcomes, trigger_tables, wrong_inputs

README = ROOT / "README.md"
PAGES = ROOT / "docs" / "pages"


def table() -> str:
    """Return the states and their signals as a table: a row for each built-in concrete state."""
    rows = ["| state | is a | signal | fields of its own |", "|---|---|---|---|"]
    for kind in descendants(State):
        if kind.__module__ != "statesig.states":
            continue
        parent: Any = next(base for base in kind.__mro__[1:] if "[" not in base.__name__)
        known = State.model_fields if parent.__abstract__ else parent.model_fields
        own = [name for name in kind.model_fields if name not in known]
        changed = [
            f"{name}={field.default!r}"
            for name, field in kind.model_fields.items()
            if name in parent.model_fields and field.default != parent.model_fields[name].default
        ]
        fields = ", ".join(f"`{name}`" for name in (*own, *changed))
        rows.append(f"| `{kind.__name__}` | `{parent.__name__}` | `{signal_type_of(kind).__name__}` | {fields} |")
    return "\n".join(rows)


def checkers() -> str:
    """Return what each type checker sees, as the tests hold it, as a table."""
    rows = [
        "| type checker | wrong lines seen | right lines reported | planted mistakes seen | not seen |",
        "|---|---|---|---|---|",
    ]
    for tally in tallies():
        missed = [mistake.name for mistake in MISTAKES if mistake.name in MISSED[tally.checker]]
        caught = f"{len(MISTAKES) - len(missed)} of {len(MISTAKES)}"
        seen = f"{tally.caught} of {tally.marked}"
        rows.append(f"| {tally.checker} | {seen} | {tally.false} | {caught} | {', '.join(missed) or 'none'} |")
    return "\n".join(rows)


def laws() -> str:
    """Return the laws of the algebra as its modules state them, each with the name of its test."""
    parts: list[str] = []
    for module in (joins, results, merges):
        text = str(module.__doc__)
        for part in re.split(r"(?m)((?:^    .*\n(?:\n(?=    ))?)+)", text[text.index("The laws") :]):
            if part.startswith("    "):
                parts.append(f"```text\n{dedent(part)}```")
            elif part.strip():
                parts.append(part.strip().replace("::", ":").replace("``", "`"))
    return "\n\n".join(parts)


def transitions() -> str:
    """Return the table of transitions: a row for each family, with those that may follow."""
    following: dict[str, list[str]] = {}
    for source, target in re.findall(r"(\S+) --> (\S+)", diagram()):
        following.setdefault("(begins as)" if source == "[*]" else f"`{source}`", []).append(target)
    rows = ["| from | to |", "|---|---|"]
    for source, targets in following.items():
        shown = ("nothing: it is final" if target == "[*]" else f"`{target}`" for target in targets)
        rows.append(f"| {source} | {', '.join(shown)} |")
    return "\n".join(rows)


def pages() -> list[Path]:
    """Return the pages of docs, in order."""
    return sorted(PAGES.rglob("*.md"))


def described() -> dict[str, str]:
    """Return the page of each name that a page of the reference describes, by its whole name."""
    found: dict[str, str] = {}
    for page in sorted((PAGES / "reference").glob("*.md")):
        for name in re.findall(r"(?m)^::: (\S+)$", page.read_text()):
            found[name] = page.name
    return found


def names() -> str:
    """Return every public name as a table, with the first sentence of what is said of it."""
    rows = ["| name | what it is |", "|---|---|"]
    for name in sorted(described(), key=lambda name: (name.rpartition(".")[2].casefold(), name)):
        rows.append(f"| [`{name.removeprefix('statesig.')}`][{name}] | {_opening(name)} |")
    return "\n".join(rows)


def _opening(name: str) -> str:
    """Return the first sentence of a name's docstring."""
    module, _, short = name.rpartition(".")
    value: Any = getattr(importlib.import_module(module), short)
    is_code = inspect.isroutine(value) or isinstance(value, type)
    text = (inspect.getdoc(value) if is_code else _below_assignment(module, short)) or ""
    sentence = re.split(r"(?<=\.)\s|\n\n", text.replace("``", "`"), maxsplit=1)[0]
    return " ".join(sentence.split()).replace("|", "\\|")


def _below_assignment(module: str, name: str) -> str:
    """Return the string below the assignment of a constant, or of an alias of a type."""
    tree = ast.parse(inspect.getsource(importlib.import_module(_home(module, name))))
    for body in (getattr(node, "body", None) for node in ast.walk(tree)):
        for assigned, below in itertools.pairwise(body if isinstance(body, list) else []):
            targets = assigned.targets if isinstance(assigned, ast.Assign) else [getattr(assigned, "target", None)]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                    return inspect.cleandoc(str(below.value.value))
    return ""


def _home(module: str, name: str) -> str:
    """Return the module from which a package imports a name."""
    imports = ast.walk(ast.parse(inspect.getsource(importlib.import_module(module))))
    for node in imports:
        if isinstance(node, ast.ImportFrom) and node.module and any(name == alias.name for alias in node.names):
            return node.module
    raise LookupError(f"{module} imports no {name}")


def command() -> str:
    """Return every verb of the command with its arguments and options, as `--help` tells them."""
    return "\n\n".join("\n".join(_verb(name, parser)) for name, parser in verbs().items())


def verbs() -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each verb."""
    parser = parser_of_all()
    chosen = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return dict(chosen.choices)


def _verb(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    taken = [action for action in parser._actions if action.dest != "help"]
    yield f"### statesig {name}"
    yield ""
    yield f"```text\nstatesig {' '.join([name, *(_usage(action) for action in taken)])}\n```"
    yield ""
    yield parser.description or ""
    yield ""
    yield "| argument | what it does |"
    yield "|---|---|"
    for action in taken:
        yield f"| {_argument(action)} | {(action.help or '').replace('|', chr(92) + '|')} |"
    if parser.epilog:
        yield ""
        yield parser.epilog


def _usage(action: argparse.Action) -> str:
    value = _value(action)
    if not action.option_strings:
        return {"?": f"[{value}]", "*": f"[{value} ...]"}.get(str(action.nargs), value)
    said = f"{action.option_strings[-1]} {value}".rstrip()
    return said if action.required else f"[{said}]"


def _argument(action: argparse.Action) -> str:
    said = f"{', '.join(action.option_strings)} {_value(action)}".strip()
    # In code in a table GitHub takes the backslash of \| away, and the site shows it. A line may end at <wbr>.
    return f"<code>{said.replace(' ', ' <wbr>').replace('|', '&#124;<wbr>')}</code>" if "|" in said else f"`{said}`"


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    return str(action.metavar or "|".join(map(str, action.choices or [action.dest.upper()])))


@functools.cache
def generated() -> dict[str, str]:
    """Return the generated parts by name."""
    return {
        "table": table(),
        "transitions": transitions(),
        "names": names(),
        "command": command(),
        "checkers": checkers(),
        "laws": laws(),
        **outcomes.generated(),
        **flow_signals.generated(),
        **trigger_tables.generated(),
        **wrong_inputs.generated(),
    }


def current(text: str, parts: dict[str, str]) -> str:
    """Return a document with its generated parts made anew."""
    for name, part in parts.items():
        pattern = rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)"
        text = re.sub(pattern, lambda found, part=part: f"{found[1]}{part}\n{found[2]}", text, count=1, flags=re.DOTALL)
    return text


if __name__ == "__main__":
    made = generated()
    for document in (README, *pages()):
        document.write_text(current(document.read_text(), made))
