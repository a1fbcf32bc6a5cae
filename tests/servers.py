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


@contextmanager
def postgres() -> Iterator[Server]:
    """Run a new server as long as the block does."""
    folder = Path(tempfile.mkdtemp(prefix="statesig-postgres-"))
    try:
        if os.geteuid() == 0:
            os.chown(folder, *owner())
        run("initdb", "-D", str(folder / "data"), "-A", "trust", "-U", user(), "-E", "UTF8", "--no-sync", "-k")
        server = Server(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")
    finally:
        shutil.rmtree(folder)


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


def run(program: str, *arguments: str) -> None:
    """Run a program of PostgreSQL to its end."""
    folder = programs()
    assert folder is not None, MISSING
    uid, gid = owner()
    as_user = {"user": uid, "group": gid, "extra_groups": []} if os.geteuid() == 0 else {}
    done = subprocess.run(
        [str(folder / program), *arguments],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # not a pipe: the server would inherit it, and hold it open
        stderr=subprocess.STDOUT,
        **as_user,
    )
    assert done.returncode == 0, f"{program} {arguments[0]} ended with {done.returncode}"


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server for the tests of a file, which import this."""
    if programs() is None:
        pytest.skip(MISSING)
    with postgres() as started:
        yield started
