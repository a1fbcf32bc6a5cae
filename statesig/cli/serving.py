"""The verb of the command that serves a store over HTTP, on this machine alone, to whoever has the token it prints."""

from __future__ import annotations

import argparse
import getpass
import socket
from datetime import UTC, datetime
from typing import TextIO

from statesig.cli.continuing import without_password
from statesig.cli.exits import Exit, UsageError
from statesig.cli.loading import load_flows
from statesig.cli.options import chosen_age, chosen_executor, chosen_store

__all__ = ["serve"]

_HOST = "127.0.0.1"


def serve(options: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    """Serve the runs of a store until Ctrl-C or SIGTERM; what runs may end, a second one stops it."""
    try:
        from statesig.http import EVERY_FLOW, Grant, Policy, Tokens, create_app
        from statesig.http.service.access import VERBS
        from statesig.http.service.serving import Server
    except ModuleNotFoundError as exc:
        raise UsageError(f"serve needs {exc.name}, which is not installed; pip install 'statesig[http]'") from exc
    lifetime = chosen_age(options.lifetime)
    flows = [flow for target in options.targets for flow in load_flows(target)]
    executor = chosen_executor(options)
    store = chosen_store(options)
    if store is None:
        raise UsageError("no store is given; give --store PATH|URL, or set STATESIG_STORE")
    with store, _bound(options.port) as bound:
        tokens, principal = Tokens(), _user()
        try:
            token = tokens.issue(principal, lifetime=lifetime)
        except (ValueError, OverflowError):
            raise UsageError(f"the lifetime of a token is some time, not {options.lifetime!r}") from None
        policy = Policy(Grant(principal, VERBS, flows=[EVERY_FLOW]))
        try:
            app = create_app(
                store, authenticate=tokens, authorize=policy, flows=flows, executor=executor, workers=options.runs
            )
        except ValueError as exc:
            raise UsageError(str(exc)) from None
        until = datetime.now(UTC) + lifetime
        print(f"serving {without_password(store.name)} at http://{_HOST}:{bound.getsockname()[1]}", file=out)
        print(f"token {token}", file=out)
        print(f"for {principal}, until {until:%Y-%m-%dT%H:%M:%SZ}; end with Ctrl-C", file=out, flush=True)
        server = Server(app)
        try:
            server.run(sockets=[bound])
        except SystemExit:  # uvicorn's own, with a code that means something else here
            return Exit.FAILURE
    return Exit.OK if server.started else Exit.FAILURE


def _user() -> str:
    """Return who started the command: signals are stored with that name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may have a user without a name
        return "operator"


def _bound(port: int) -> socket.socket:
    """Return a socket on this machine alone.

    Raises:
        UsageError: The port is taken.
    """
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((_HOST, port))
    except (OSError, OverflowError) as exc:
        bound.close()
        raise UsageError(f"port {port} cannot be used: {exc}; --port 0 takes a free one") from exc
    return bound
