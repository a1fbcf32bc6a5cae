"""The picture of a run on a terminal: ``python -m tests.tools.pictures`` runs the shipped example, and draws it anew.

The run is a real one, of some of the distributions installed here, of which one is damaged first. Its durations differ
each time, so that no test compares the picture with another.
"""

import io
import os
import re
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from importlib.metadata import distribution
from pathlib import Path

from rich.console import Console
from rich.text import Text

from statesig.cli import display, main
from tests.tools.documents import PAGES

PICTURE = PAGES / "images" / "run.svg"
SHOWN = ("annotated-types", "pydantic", "rich", "typing-extensions")
DAMAGED = Path("rich/emoji.py")
COMMAND = "statesig run statesig.examples.packages site=site"
WIDTH = 100


class Terminal(io.StringIO):
    """A terminal whose text is kept, with its colours."""

    def isatty(self) -> bool:
        return True


def copy(site: Path) -> None:
    """Copy distributions to a folder, and damage one of them."""
    for name in SHOWN:
        for file in distribution(name).files or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                target = site / file
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(Path(str(file.locate())).read_bytes())
    (site / DAMAGED).write_bytes((site / DAMAGED).read_bytes() + b"#")


def picture() -> str:
    """Run the example in a folder of its own, and return its terminal as SVG, which needs no font of another site."""
    display.Lines.for_stream = lambda flow, errors: display.Silent(errors)  # the live table is gone in the end
    os.environ |= {"COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    os.environ.pop("NO_COLOR", None)
    terminal = Terminal()
    with redirect_stdout(terminal), redirect_stderr(terminal):
        main(COMMAND.split()[1:])
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(Text(f"$ {COMMAND}", style="bold"))
    console.print(Text.from_ansi(terminal.getvalue().rstrip()))
    svg = console.export_svg(title="statesig", unique_id="run")
    return re.sub(r"(?s)\s*@font-face \{.*?\}\n", "\n", svg).replace("Fira Code", "ui-monospace")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        copy(Path("site"))
        drawn = picture()
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(drawn)
    sys.stdout.write(f"{PICTURE}\n")
