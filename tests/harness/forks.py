"""A Python that has statesig loaded, and is forked for each module that a test runs as a program.

A fork is a process like any other, with streams, a folder, an environment and an exit code of its own, and with no
module of a test's or a user's in it; but it need not start Python and load Pydantic first. So it says nothing about
what is loaded when: tests of that, and of whole processes, start one with `subprocess`.

``python -m tests.harness.forks NUMBER`` serves the socket of that number until it is closed.
"""

import atexit
import functools
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from tests import ROOT

LOADED = (
    "asyncio",
    "pydantic",
    "rich.console",
    "rich.live",
    "statesig",
    "statesig.checking.stubs",
    "statesig.cli.documents",
    "statesig.cli.parser",
    "statesig.cli.running",
    "statesig.cli.stored_runs",
    "statesig.stores.sqlite",
)
_PATIENCE = 240.0


def run_module(
    module: str, *arguments: str, given: bytes, cwd: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[bytes]:
    """Do as ``python -m MODULE ARGUMENTS`` does, with these bytes for standard input, and return what it printed."""
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        stdin.write(given)
        stdin.seek(0)
        request = {"module": module, "arguments": arguments, "cwd": str(cwd), "environment": dict(environment)}
        code = _server().ask(request, (stdin, stdout, stderr))
        stdout.seek(0)
        stderr.seek(0)
        return subprocess.CompletedProcess([module, *arguments], code, stdout.read(), stderr.read())


class _Server:
    """The process that is forked, as those see it who ask it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "tests.harness.forks", str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        self._socket = ours
        self._socket.settimeout(_PATIENCE)
        self._one_at_a_time = threading.Lock()
        atexit.register(self.close)

    def ask(self, request: Mapping[str, Any], streams: Sequence[IO[bytes]]) -> int:
        """Have a module run, and return its exit code; it is killed if it takes too long."""
        with self._one_at_a_time:
            socket.send_fds(self._socket, [json.dumps(request).encode()], [stream.fileno() for stream in streams])
            child = int(self._socket.recv(64))
            try:
                return int(self._socket.recv(64))
            except TimeoutError:
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
                self._socket.recv(64)
                raise

    def close(self) -> None:
        self._socket.close()
        self._process.wait()


@functools.cache
def _server() -> _Server:
    return _Server()


# ---- the process that is forked


def _serve(number: int) -> dict[str, Any] | None:
    """Fork for each request until the socket is closed; return the request in the fork, and None in the end."""
    with socket.socket(fileno=number) as asked:
        while True:
            data, streams, _, _ = socket.recv_fds(asked, 1 << 20, 3)
            if not data:
                return None
            child = os.fork()
            if not child:
                for place, stream in enumerate(streams):
                    os.dup2(stream, place)
                    os.close(stream)
                request: dict[str, Any] = json.loads(data)
                return request
            for stream in streams:
                os.close(stream)
            asked.send(str(child).encode())
            asked.send(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())


def _become(request: Mapping[str, Any]) -> None:
    """Be the process that was asked for."""
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.path[0] = request["cwd"]
    sys.argv[1:] = request["arguments"]
    runpy.run_module(request["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    for loaded in LOADED:
        with suppress(ModuleNotFoundError):  # not all are needed where few are installed
            importlib.import_module(loaded)
    gc.freeze()  # a fork ends sooner that need not look at all this again
    if (asked := _serve(int(sys.argv[1]))) is not None:
        _become(asked)
