"""A real PostgreSQL server for the tests: started where its programs are installed, removed with all that it made."""

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_numbers = itertools.count(1)

MISSING = "PostgreSQL's server programs are not installed: apt-get install postgresql"


def programs() -> Path | None:
    """Return the folder of initdb and pg_ctl, of the newest release that is there; None where there is none."""
    found = shutil.which("initdb")
    if found is not None and (Path(found).parent / "postgres").exists():
        return Path(found).parent
    folders = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(folders, key=lambda path: float(path.parts[-3]), default=None)
    return None if newest is None else newest.parent


@dataclass(frozen=True)
class Server:
    """A server that listens on a socket in its own folder alone."""

    folder: Path

    @property
    def url(self) -> str:
        return self.url_of("postgres")

    def new_place(self) -> str:
        """Return the URL of a store that is empty: of a schema of its own."""
        import psycopg

        name = f"place_{next(_numbers)}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}".encode())
        return f"{self.url}&options=-csearch_path%3D{name}"

    def url_of(self, database: str) -> str:
        return f"postgresql://{user()}@/{database}?host={self.folder}"

    def start(self) -> None:
        # Everything is flushed to disk, as in earnest; the socket alone, so that no port is taken from anybody.
        options = f"-c listen_addresses='' -c unix_socket_directories='{self.folder}' -c max_connections=60"
        self._control("start", "-o", options, "-l", str(self.folder / "log"))

    def stop(self, mode: str = "fast") -> None:
        self._control("stop", "-m", mode)

    def _control(self, verb: str, *options: str) -> None:
        run("pg_ctl", verb, "-w", "-t", "60", "-D", str(self.folder / "data"), *options)


_CLEANING = """cat > /dev/null; "$1" stop -s -m immediate -w -D "$2/data"; rm -rf "$2" """
"""Waits for the end of its input, which comes when this process closes it, and when this process is killed too."""


@contextmanager
def postgres() -> Iterator[Server]:
    """Run a new server as long as the block does, and no longer than this process."""
    folder = Path(tempfile.mkdtemp(prefix="statesig-postgres-"))
    if os.geteuid() == 0:
        os.chown(folder, *owner())
    command = ["sh", "-c", _CLEANING, "sh", program_of("pg_ctl"), str(folder)]
    # In a session of its own, which a Ctrl-C in the terminal does not end.
    with subprocess.Popen(command, stdin=subprocess.PIPE, cwd="/", start_new_session=True, **as_owner()):
        run("initdb", "-D", str(folder / "data"), "-A", "trust", "-U", user(), "-E", "UTF8", "--no-sync", "-k")
        server = Server(folder)
        server.start()
        yield server
    assert not folder.exists()


def user() -> str:
    """Return who owns the server: it refuses to be root's."""
    return pwd.getpwuid(owner()[0]).pw_name


def owner() -> tuple[int, int]:
    """Return the numbers of a user and a group that a server may have."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    found = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = found.get("postgres", found["nobody"])
    return entry.pw_uid, entry.pw_gid


def as_owner() -> dict[str, Any]:
    """Return how a process of the server's owner is started."""
    uid, gid = owner()
    return {"user": uid, "group": gid, "extra_groups": []} if os.geteuid() == 0 else {}


def program_of(name: str) -> str:
    """Return where a program of PostgreSQL is."""
    folder = programs()
    assert folder is not None, MISSING
    return str(folder / name)


def run(program: str, *arguments: str) -> None:
    """Run a program of PostgreSQL to its end."""
    done = subprocess.run(
        [program_of(program), *arguments],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # not a pipe: the server would inherit it, and hold it open
        stderr=subprocess.STDOUT,
        **as_owner(),
    )
    assert done.returncode == 0, f"{program} {arguments[0]} ended with {done.returncode}"


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server for the tests of a file, which import this."""
    if programs() is None:
        pytest.skip(MISSING)
    with postgres() as started:
        yield started
