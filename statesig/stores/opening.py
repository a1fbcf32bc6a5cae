"""Open the store that a path or a URL names.

A driver must not be imported before its backend is named.
"""

from __future__ import annotations

import os
import re

from statesig.errors import StoreError
from statesig.stores.database import Use
from statesig.stores.store import Store

__all__ = ["file_of", "open_store"]


def open_store(target: str | os.PathLike[str] | Store, *, use: Use = "create") -> Store:
    """Return the store that a path or a URL names: an SQLite file, created if missing, or PostgreSQL.

    Args:
        target: A path; ``sqlite:///path``, a path from here, or ``sqlite:////path`` from the root;
            ``postgresql://user@host/database``; or a store, which is returned.
        use: What it is opened for. A store that is opened to be changed or read has to exist; one that is read may be
            on read-only media.

    Raises:
        StoreError: It cannot be opened, or it is on PostgreSQL and the extra ``statesig[postgres]`` is not installed.
    """
    if isinstance(target, Store):
        return target
    place = os.fspath(target)
    path = file_of(place)
    if path is None:
        from statesig.stores.postgres import PostgresStore

        return PostgresStore(f"postgresql://{place.partition('://')[2]}", use=use)
    from statesig.stores.sqlite import SQLiteStore

    return SQLiteStore(path, use=use)


def file_of(place: str) -> str | None:
    """Return the path of the SQLite file that a path or a URL names; None for a database of PostgreSQL.

    Raises:
        StoreError: It is a URL of something else, or misspelt. The text does not repeat it: it may contain a password.
    """
    scheme, mark, rest = place.partition("://")
    if mark and scheme.lower() in ("postgresql", "postgres"):
        return None
    if mark and scheme.lower() == "sqlite" and rest.startswith("/"):
        return rest[1:]
    if mark or _MISSPELT.match(place):
        known = f"{scheme}://..." if mark else f"{place.partition(':')[0]}:..."
        raise StoreError(known, "it is not a store; give a path, sqlite:///path or postgresql://user@host/name")
    return place


_MISSPELT = re.compile(r"(?i)(postgres(?:ql)?|sqlite3?|mysql|mariadb|file)(?:\+\w+)?:|[a-z][\w+.-]+:.*@")
"""The beginning of what is meant as a URL: a known scheme, or any with a user. One letter is a drive of Windows."""
