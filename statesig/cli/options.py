"""The store, the executor and the age that the command's options choose."""

from __future__ import annotations

import argparse
import os
import re
from datetime import timedelta
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from statesig.cli.exits import UsageError
from statesig.errors import StoreError
from statesig.executors.executor import Executor
from statesig.executors.named import executor_named
from statesig.stores.opening import file_of, open_store
from statesig.stores.store import Store

__all__ = ["chosen_age", "chosen_executor", "chosen_store", "stored_before"]


def chosen_store(options: argparse.Namespace) -> Store | None:
    """Return the store of ``--store`` or STATESIG_STORE, created if missing; None if neither is given.

    Raises:
        UsageError: It cannot be opened.
    """
    target = _target(options)
    try:
        return None if target is None else open_store(target)
    except StoreError as exc:
        raise UsageError(f"{exc}") from exc


def stored_before(options: argparse.Namespace, use: Literal["change", "read"] = "change") -> Store:
    """Return the existing store of ``--store`` or STATESIG_STORE.

    Args:
        options: The options of the command.
        use: What it is opened for; to be read, it may be on read-only media.

    Raises:
        UsageError: No store is given, or it does not exist or cannot be opened.
    """
    target = _target(options)
    if target is None:
        raise UsageError("no store is given; give --store PATH|URL, or set STATESIG_STORE")
    try:
        path = file_of(target)
        if path is not None and not os.path.exists(path):
            raise UsageError(f"there is no store {path}")
        return open_store(target, use=use)
    except StoreError as exc:
        raise UsageError(f"{exc}") from exc


def _target(options: argparse.Namespace) -> str | None:
    return options.store or os.environ.get("STATESIG_STORE") or None


def chosen_executor(options: argparse.Namespace) -> Executor | None:
    """Return the executor of ``--executor``, with its ``--workers`` or its ``--address``; None: in line.

    Raises:
        UsageError: The options do not fit each other.
    """
    name, workers, address = options.executor, options.workers, options.address
    if workers is not None and name not in ("threads", "processes"):
        raise UsageError("--workers goes with --executor threads or processes")
    if address is not None and name != "dask":
        raise UsageError("--address is for a Dask scheduler, and goes with --executor dask")
    return executor_named(name, workers=workers, address=address)


_AGE = re.compile(r"(?=\d)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


def chosen_age(text: str) -> timedelta:
    """Return the age in a text such as ``30d``, ``12h``, ``1h30m`` or ISO 8601's ``P30D``.

    Raises:
        UsageError: The text is not an age, or it is too long for a `timedelta`.
    """
    found = _AGE.fullmatch(text)
    try:
        if found is not None:
            days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
            return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        if text.startswith("P"):
            return TypeAdapter(timedelta).validate_strings(text)
    except (OverflowError, ValidationError):
        pass  # reported below, as any other text that is not an age
    raise UsageError(f"an age is written as 30d, 12h, 90m or 10s, or as ISO 8601's P30D, not {text!r}")
