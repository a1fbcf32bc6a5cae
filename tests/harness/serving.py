"""Applications on a real socket, from a thread of this process."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn


@contextmanager
def serving(app: Any, *, level: str = "trace") -> Iterator[str]:
    """Serve an application from a thread, and give its URL."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, log_level=level, timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
