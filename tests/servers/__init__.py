"""Real servers for the tests, on free loopback ports with data directories of their own.

One module for each server. `available()` says why it cannot be started here, or None; `run(...)` is a context
manager that starts it, waits until it answers, and stops it. None outlives the interpreter that started it.
"""

from __future__ import annotations

from tests.servers.process import ServerError, ServerProcess, free_port, wait_until

__all__ = ["ServerError", "ServerProcess", "free_port", "wait_until"]
