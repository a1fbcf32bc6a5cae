"""The `statesig` command, run as people run it: in a process, with pipes, files, signals and exit codes."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from statesig.cli import main
from tests import ROOT
from tests.harness.forks import run_module

_UNWANTED = ("NO_COLOR", "STATESIG_STORE")
ENVIRONMENT = {**{key: value for key, value in os.environ.items() if key not in _UNWANTED}, "PYTHONPATH": str(ROOT)}
COMMAND = [sys.executable, "-m", "statesig"]

Done = subprocess.CompletedProcess[str]


def statesig(*arguments: str | Path, text: str | bytes = "", cwd: Path = ROOT, **environment: str) -> Done:
    """Run the command to its end, in a fork, and return what it said; whatever happens, it never shows a traceback."""
    given = text.encode() if isinstance(text, str) else text
    told = [str(argument) for argument in arguments]
    return _said(run_module("statesig", *told, given=given, cwd=cwd, environment={**ENVIRONMENT, **environment}))


def in_a_process(*arguments: str | Path, text: str = "", cwd: Path = ROOT) -> Done:
    """Do the same as people do, in a process that begins with nothing loaded."""
    command = [*COMMAND, *arguments]
    return _said(
        subprocess.run(command, input=text.encode(), cwd=cwd, env=ENVIRONMENT, capture_output=True, timeout=60)
    )


def _said(done: subprocess.CompletedProcess[bytes]) -> Done:
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return Done(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def in_this_process(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Do the same without a process of its own, where there are many to do: return code, output and errors."""
    try:
        code: Any = main(arguments)
    except SystemExit as left:  # argparse leaves by itself
        code = left.code
    return (code, *capfd.readouterr())


@contextmanager
def started(*arguments: str | Path, cwd: Path = ROOT) -> Iterator[subprocess.Popen[str]]:
    """Begin to run the command, in a process group of its own as a shell does.

    Nothing of it is left when the block ends, nor after so long that it surely hangs.
    """
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=cwd,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = threading.Timer(_PATIENCE, _kill, [process])
    deadline.start()
    with process:
        try:
            yield process
        finally:
            deadline.cancel()
            deadline.join()
            _kill(process)


_PATIENCE = 240.0


def _kill(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def send(number: signal.Signals, process: subprocess.Popen[str]) -> None:
    """Send a signal as people do: Ctrl-C reaches all processes of a group, SIGTERM the one that is named."""
    if number == signal.SIGINT:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)


def read_up_to(text: str, process: subprocess.Popen[str], *, errors: bool = False) -> str:
    """Read what a process prints up to a line with a text in it, and return that line."""
    stream = process.stderr if errors else process.stdout
    assert stream is not None
    for line in stream:
        if text in line:
            return line
    raise AssertionError(f"the process ended without {text}")


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for the end of a process; return its exit code, and what it printed that was not read yet."""
    streams = (process.stdout, process.stderr)
    output, errors = (stream.read() if stream is not None and not stream.closed else "" for stream in streams)
    return process.wait(20), output, errors
