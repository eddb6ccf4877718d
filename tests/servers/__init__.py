"""Real servers for the tests, on free loopback ports with data directories of their own.

One module for each server. `available()` says why it cannot be started here, or None; `run(...)` is a context
manager that starts it, waits until it answers, and stops it. None outlives the interpreter that started it. Redis and
PostgreSQL are those of the demo (`examples.servers`).
"""

from __future__ import annotations

from examples.servers import postgresql, redis
from examples.servers.process import ServerError, ServerProcess, free_port, wait_until

__all__ = ["ServerError", "ServerProcess", "free_port", "postgresql", "redis", "wait_until"]
