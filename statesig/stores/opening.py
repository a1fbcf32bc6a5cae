"""Open the store that a path or a URL names.

A driver must not be imported before its backend is named.
"""

from __future__ import annotations

import os

from statesig.errors import StoreError
from statesig.stores.store import Store

__all__ = ["open_store"]


def open_store(target: str | os.PathLike[str] | Store) -> Store:
    """Return the store that a path or a URL names: an SQLite file, created if missing, or PostgreSQL.

    Args:
        target: A path; ``sqlite:///path``, a path from here, or ``sqlite:////path`` from the root;
            ``postgresql://user@host/database``; or a store, which is returned.

    Raises:
        StoreError: It cannot be opened, or it is on PostgreSQL and the extra ``statesig[postgres]`` is not installed.
    """
    if isinstance(target, Store):
        return target
    place = os.fspath(target)
    scheme, mark, rest = place.partition("://")
    if mark and scheme in ("postgresql", "postgres"):
        from statesig.stores.postgres import PostgresStore

        return PostgresStore(place)
    if mark and not (scheme == "sqlite" and rest.startswith("/")):
        # The rest of a URL may contain a password, so it is not repeated.
        raise StoreError(
            f"{scheme}://...", "it is not a store; give a path, sqlite:///path or postgresql://user@host/name"
        )
    from statesig.stores.sqlite import SQLiteStore

    return SQLiteStore(rest[1:] if mark else place)
