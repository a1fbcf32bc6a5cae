"""An approval service: clerks start payments, managers decide on the large ones, on a page in the browser.

    python -m statesig.examples.approval_service approvals.db --port 8000

It prints the address of the page and a token for each of the two. A first run waits for the manager already. It needs
the extra ``http``.
"""

from __future__ import annotations

import argparse
import socket
import sys
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from fastapi import FastAPI

from statesig import Paused, open_store
from statesig.examples.approval import flow
from statesig.http import Authenticate, Grant, Policy, Tokens, create_app, serve

__all__ = ["POLICY", "main", "service"]

POLICY = Policy(
    Grant("clerk", ["read", "start"], flows=[flow.name]),
    Grant("manager", ["read", "resume", "fail", "cancel"], flows=[flow.name]),
)
"""Who starts a payment does not approve it."""


def service(store: str, authenticate: Authenticate) -> FastAPI:
    """Return the application that serves the payments of a store, with the page at its root.

    Args:
        store: An SQLite file, or a URL of PostgreSQL.
        authenticate: Tells whose a token is; `POLICY` knows the names ``clerk`` and ``manager``.
    """
    return create_app(store, authenticate=authenticate, authorize=POLICY, flows=[flow], expose=[Paused])


def main(argv: Sequence[str] | None = None) -> None:
    """Serve the payments of a store on this machine until Ctrl-C or SIGTERM; what waits then waits in the store.

    Args:
        argv: The arguments of the command, without its name; by default those of the process.
    """
    parser = argparse.ArgumentParser(
        prog="python -m statesig.examples.approval_service", description="Pay and approve."
    )
    parser.add_argument("store", nargs="?", default="approvals.db", help="an SQLite file, or a URL of PostgreSQL")
    parser.add_argument("--port", type=int, default=8000, help="the port, 8000 by default; 0: a free one")
    options = parser.parse_args(argv)
    with socket.create_server(("127.0.0.1", options.port)) as bound:
        with open_store(options.store) as store:
            if not any(run.flow == flow.name for run in store.runs()):
                flow.run(amounts=[Decimal(50), Decimal(900)], store=store)  # it waits for a person
        tokens = Tokens()
        for principal in ("clerk", "manager"):
            sys.stdout.write(f"token of the {principal}: {tokens.issue(principal, lifetime=timedelta(hours=8))}\n")
        sys.stdout.write(f"the page is at http://127.0.0.1:{bound.getsockname()[1]}/; end with Ctrl-C\n")
        sys.stdout.flush()
        serve(service(options.store, tokens), bound)


if __name__ == "__main__":
    main()
