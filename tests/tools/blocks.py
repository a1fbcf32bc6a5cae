"""The code in a document, run as a reader would: block after block, in one folder, with what each prints.

A document is Markdown. Of its fenced blocks

- ``python`` runs as a program; the ``text`` block below it is what it prints;
- ``python title="etl.py"`` is a file, which blocks below it may use; so is one of any other language with a title;
- ``console`` is a session: after each line ``$ COMMAND`` stands what the command prints. The commands are ``statesig``,
  ``python FILE``, ``python -m``, ``pytest``, ``echo $?`` and ``export NAME=VALUE``; ``> FILE`` takes what one prints.

A comment in the line above a block says more. ``<!-- slow -->`` leaves it to the exhaustive tests. ``<!-- wrong -->``
says that mypy reports it, as the ``text`` block below it shows; it is not run. ``<!-- with celery 5 -->`` says that it
needs a package that statesig does not, in a release that begins so; a session with it shows standard output alone.

``python -m tests.tools.blocks FILE FOLDER [--all] [--others]`` prints the document with what its blocks print now: with
``--all`` the slow ones, too, and with ``--others`` those of other packages that are installed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import mmap
import os
import re
import runpy
import shlex
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["Block", "blocks", "completed", "masked"]

_FENCE = re.compile(
    r"(?ms)^(?:<!-- (?P<mark>slow|wrong|with [\w-]+ [\d.]+) -->\n)?"
    r'```(?P<language>\w+)(?: title="(?P<title>[^"\n]+)")?\n'
    r"(?P<body>.*?)^```\n(?P<output>\n```text\n.*?^```\n)?"
)
_FEW = """
from hypothesis import settings
settings.register_profile("few", settings.get_profile("ci"), max_examples=10)
settings.load_profile("few")
"""
"""What goes before a program of Hypothesis, which draws 100 states for each law."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a document.

    Args:
        language: ``python``, ``console``, ``text``, ...
        title: The name of the file that it is, if it is one.
        mark: ``slow``, ``wrong``, ``with PACKAGE RELEASE`` or nothing.
        body: Its lines.
        output: What stands in the ``text`` block below it; None without one.
        line: The line in the document where its first line stands, from 1.
        span: The places in the document of the body, and of the output where there is one.
    """

    language: str
    title: str
    mark: str
    body: str
    output: str | None
    line: int
    span: tuple[int, int] = field(repr=False)
    output_span: tuple[int, int] = field(repr=False)

    @property
    def package(self) -> str:
        """The other package that it needs, by the name of its distribution; empty if it needs none."""
        return self.mark.split()[1] if self.mark.startswith("with ") else ""

    @property
    def is_here(self) -> bool:
        """Whether all other packages that it imports are installed."""
        if self.package:
            try:
                return f"{version(self.package)}.".startswith(f"{self.mark.split()[2]}.")
            except PackageNotFoundError:
                return False
        names = re.findall(r"(?m)^(?:from|import) (\w+)", self.body)
        return all(importlib.util.find_spec(name) for name in names if name in _EXTRAS)


_EXTRAS = ("fastapi", "dask", "distributed")


def blocks(text: str) -> list[Block]:
    """Return the blocks of a document, in order; those that are the output of another belong to it."""
    return [_block(text, found) for found in _FENCE.finditer(text)]


def _block(text: str, found: re.Match[str]) -> Block:
    language, has_output = found["language"], found["output"] is not None
    start, end = found.span("output")
    if not has_output or language != "python":
        output_span = (found.end("body"), found.end("body"))
    else:
        output_span = (start + len("\n```text\n"), end - len("```\n"))
    return Block(
        language=language,
        title=found["title"] or "",
        mark=found["mark"] or "",
        body=found["body"],
        output=text[slice(*output_span)] if has_output and language == "python" else None,
        line=text.count("\n", 0, found.start("body")) + 1,
        span=found.span("body"),
        output_span=output_span,
    )


def masked(text: str) -> str:
    """Return a text with durations, times, processes, and the widths of columns that follow from them, alike."""
    text = re.sub(r"\b\d+\.\d{3}\b", "0.000", text)
    text = re.sub(r"\bin \d+\.\d\ds", "in 0.00s", text)
    text = re.sub(r"\d{4}-\d\d-\d\d([ T])\d\d:\d\d:\d\d(\.\d+)?", r"2026-11-22\g<1>12:00:00", text)
    text = re.sub(r"(?m)  [\w.-]+:\d+(?=  |$)", "  host:1", text)
    return re.sub(r"(?m)(?<=\S)  +", "  ", text).replace("  \n", "\n")


def completed(text: str, folder: Path, *, all: bool = False, others: bool = False) -> str:
    """Run the blocks of a document in a folder, and return the document with what they print.

    Args:
        text: The document.
        folder: Where its files are written and its commands run; the current folder of this process.
        all: Whether the slow blocks run, too.
        others: Whether those of other packages do, where these are installed.
    """
    edits: list[tuple[tuple[int, int], str]] = []
    session = _Session(folder)
    for block in blocks(text):
        left_out = {"wrong": True, "slow": not all}.get(block.mark, bool(block.package) and not others)
        if left_out or not block.is_here:
            continue
        if block.language == "console":
            edits.append((block.span, session.told(block.body, apart=bool(block.package))))
        elif block.title:
            path = folder / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.body)
        elif block.language == "python":
            few = _FEW if "import given" in block.body else ""
            (folder / "example.py").write_text(few + block.body)
            printed = session.printed("python example.py")
            if block.output is None and printed:
                printed = f"\n```text\n{printed}```\n"
            edits.append((block.output_span if block.output is not None else _below(block), printed))
    for (start, end), new in reversed(edits):
        text = text[:start] + new + text[end:]
    return text


def _below(block: Block) -> tuple[int, int]:
    place = block.span[1] + len("```\n")
    return place, place


class _Session:
    """A shell that knows a few commands; each runs in a fork of this process, which has statesig loaded already."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._code = 0
        self._commands: dict[str, Callable[[list[str]], int]] = {
            "statesig": _statesig,
            "python": _python,
            "pytest": _pytest,
        }

    def told(self, body: str, *, apart: bool = False) -> str:
        """Return a session with what its commands print now.

        Args:
            body: The session.
            apart: Whether the commands are of another package: each runs in a process, whose log on standard error is
                left out.
        """
        lines = [line for line in body.splitlines() if line.startswith("$ ")]
        return "".join(f"{line}\n{self.printed(line[2:], apart=apart)}" for line in lines)

    def printed(self, line: str, *, apart: bool = False) -> str:
        """Run a command and return what it prints on both streams, or on the first alone if it runs apart."""
        name, *arguments = shlex.split(line, comments=True)
        if name == "echo":
            return " ".join(arguments).replace("$?", str(self._code)) + "\n"
        if name == "export":
            for variable, _, value in (argument.partition("=") for argument in arguments):
                os.environ[variable] = value.replace("$PWD", str(self._folder))
            return ""
        target = None
        if ">" in arguments:
            at = arguments.index(">")
            arguments, target = arguments[:at], self._folder / arguments[at + 1]
        if apart:
            self._code, printed = _apart(name, arguments)
        else:
            self._code, printed = _forked(lambda: self._commands[name](arguments))
        if target is None:
            return printed.replace(f"{self._folder}/", "")
        target.write_text(printed)
        return ""


def _apart(name: str, arguments: list[str]) -> tuple[int, str]:
    """Run a program, or a module as a command, in a process; return its exit code and its standard output."""
    command = [sys.executable, *([] if name == "python" else ["-m", name]), *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8", check=False)
    return done.returncode, done.stdout


def _forked(act: Callable[[], int]) -> tuple[int, str]:
    """Do something in a fork; return its exit code and what it and its processes print."""
    with tempfile.TemporaryFile() as kept:
        child = os.fork()
        if not child:
            code = 1
            try:
                os.dup2(kept.fileno(), 1)
                os.dup2(kept.fileno(), 2)
                try:
                    code = act()
                except SystemExit as left:  # argparse leaves by itself, and so may a program
                    code = int(left.code or 0)
                except BaseException:
                    traceback.print_exc()
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(code)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        kept.seek(0)
        return status, kept.read().decode()


def _statesig(arguments: list[str]) -> int:
    from statesig.cli import main

    return main(arguments)


def _python(arguments: list[str]) -> int:
    if arguments[0] == "-m":
        sys.argv[1:] = arguments[2:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv[1:] = arguments[1:]
        runpy.run_path(arguments[0], run_name="__main__")
    return 0


def _pytest(arguments: list[str]) -> int:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, env={**os.environ, "PYTHONPATH": ""}, check=False).returncode


def _prepare() -> None:
    """Give runs the same identities each time, and show no progress: a terminal takes that away in the end."""
    from statesig.cli import display
    from statesig.engine import reruns, runner, runs

    number = mmap.mmap(-1, 1)  # shared with all forks

    def identity() -> str:
        number[0] += 1
        return hashlib.sha256(str(number[0]).encode()).hexdigest()[:32]

    for module in (runs, runner, reruns):
        module.new_identity = identity
    display.Lines.for_stream = lambda flow, errors: display.Silent(errors)


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("error")
    given, where, options = Path(sys.argv[1]).read_text(), Path(sys.argv[2]).resolve(), sys.argv[3:]
    os.chdir(where)
    sys.path[0] = str(where)
    _prepare()
    print(completed(given, where, all="--all" in options, others="--others" in options), end="")
