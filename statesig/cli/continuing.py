"""The command that continues a stored run, as a shell takes it. It never contains a password."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping

__all__ = ["continuing", "without_password"]


def continuing(run: str, options: argparse.Namespace, approve: Mapping[str, bool]) -> str:
    """Return the command that continues a run as the options of this command began it.

    A store that STATESIG_STORE names is left out, as the variable names it for the next command, too.

    Args:
        run: The run's identity.
        options: The options of `statesig run` and the like.
        approve: The names of the tasks to release, each with whether it waits for an answer, which the command leaves
            open: ``--answer JSON``.
    """
    words = ["statesig", "resume", options.target, run]
    for task, is_answered in approve.items():
        words += ["--approve", task, *(["--answer", "JSON"] if is_answered else [])]
    if options.store:
        words += ["--store", without_password(options.store)]
    if options.executor != "inline":
        words += ["--executor", options.executor]
    if options.workers is not None:
        words += ["--workers", f"{options.workers}"]
    if options.address is not None:
        words += ["--address", options.address]
    words += ["--traceback"] * options.traceback
    return shlex.join(words)


def without_password(target: str) -> str:
    """Return a path as it is, and a URL without its password, which a command takes from PGPASSWORD."""
    scheme, mark, rest = target.partition("://")
    place, question, query = rest.partition("?")
    authority, slash, path = place.partition("/")
    user, at, host = authority.rpartition("@")
    asked = "&".join(part for part in query.split("&") if "pass" not in part.partition("=")[0].lower())
    known = f"{user.partition(':')[0]}{at}{host}{slash}{path}{question if asked else ''}{asked}"
    return f"{scheme}{mark}{known}" if mark else target
