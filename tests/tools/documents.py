"""The generated parts of the README: ``python -m tests.tools.documents`` writes them, a test holds them."""

import re
from textwrap import dedent
from typing import Any

from statesig import State, diagram
from statesig.algebra import joins, merges, results
from statesig.signals import signal_type_of
from statesig.states.families import descendants
from tests import ROOT
from tests.harness.checkers import tallies
from tests.samples.project.mistakes import MISSED, MISTAKES
from tests.tools import flow_signals, outcomes, trigger_tables, wrong_inputs

README = ROOT / "README.md"


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


def generated() -> dict[str, str]:
    """Return the generated parts by name."""
    return {
        "table": table(),
        "diagram": f"```mermaid\n{diagram()}```",
        "checkers": checkers(),
        "laws": laws(),
        **outcomes.generated(),
        **flow_signals.generated(),
        **trigger_tables.generated(),
        **wrong_inputs.generated(),
    }


def current(text: str) -> str:
    """Return the README's text with the generated parts made anew."""
    for name, part in generated().items():
        pattern = rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)"
        text = re.sub(pattern, lambda found, part=part: f"{found[1]}{part}\n{found[2]}", text, count=1, flags=re.DOTALL)
    return text


def examples(text: str) -> list[tuple[str, str]]:
    """Return each Python example of a document with the output that stands below it."""
    return re.findall(r"```python\n((?:(?!```).)*)```\n\n```text\n(.*?)```", text, flags=re.DOTALL)


if __name__ == "__main__":
    README.write_text(current(README.read_text()))
