"""A Redis server that keeps nothing on disk."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from examples.servers.process import ServerError, ServerProcess, find_program, free_port, workdir

__all__ = ["PACKAGE", "RedisServer", "available", "run", "run_sentinel"]

PACKAGE = "redis-server"


@dataclass(frozen=True)
class RedisServer:
    """A running server; `password` is None when it wants none."""

    host: str
    port: int
    password: str | None
    process: ServerProcess

    @property
    def url(self) -> str:
        """`redis://` URL of database 0, with the password when there is one."""
        secret = f":{quote(self.password, safe='')}@" if self.password else ""
        return f"redis://{secret}{self.host}:{self.port}/0"

    def command(self, *words: str) -> str:
        """Send one command and return the raw reply (RESP2), for tests that need no client library."""
        with socket.create_connection((self.host, self.port), timeout=5) as connection:
            if self.password:
                reply = _exchange(connection, "AUTH", self.password)
                if not reply.startswith("+OK"):
                    raise ServerError(f"AUTH: {reply.strip()}")
            return _exchange(connection, *words)


def available() -> str | None:
    """Why Redis cannot be started here, or None."""
    return None if find_program("redis-server") else f"Redis is not installed (Debian package {PACKAGE})"


@contextlib.contextmanager
def run(
    *,
    password: str | None = None,
    settings: Mapping[str, str] | None = None,
    replica_of: RedisServer | None = None,
    program: Path | None = None,
) -> Iterator[RedisServer]:
    """Start an empty server; `settings` are directives of redis.conf (`{"maxmemory": "10mb"}`), `program` is another
    redis-server than the machine's.
    """
    program = program or find_program("redis-server")
    if program is None:
        raise ServerError(available())
    port = free_port()
    with workdir("redis") as directory:
        directives = {"bind": "127.0.0.1", "port": str(port), "dir": str(directory), "daemonize": "no"}
        # Quoted, since an empty value must stay a word of its own.
        directives |= {
            "save": '""',
            "appendonly": "no",
            "protected-mode": "no",
            "repl-diskless-sync-delay": "0",
        }
        if password is not None:
            directives["requirepass"] = password
        if replica_of is not None:
            directives["replicaof"] = f"{replica_of.host} {replica_of.port}"
            if replica_of.password:
                directives["masterauth"] = replica_of.password
        configuration = directory / "redis.conf"
        configuration.write_text("".join(f"{k} {v}\n" for k, v in (directives | dict(settings or {})).items()))
        process = ServerProcess(
            "Redis", [program, configuration], log=directory / "redis.log", ready=lambda: _pings(port)
        )
        process.start()
        try:
            yield RedisServer("127.0.0.1", port, password, process)
        finally:
            process.stop()


@contextlib.contextmanager
def run_sentinel(master: RedisServer, *, quorum: int = 1) -> Iterator[RedisServer]:
    """Start a Sentinel that watches a server under the name `main`."""
    program = find_program("redis-server")
    if program is None:
        raise ServerError(available())
    port = free_port()
    with workdir("redis-sentinel") as directory:
        lines = [f"port {port}", "bind 127.0.0.1", f"dir {directory}", "protected-mode no"]
        lines += [f"sentinel monitor main {master.host} {master.port} {quorum}"]
        lines += ["sentinel down-after-milliseconds main 1000"]
        if master.password is not None:
            lines += [f"sentinel auth-pass main {master.password}"]
        configuration = directory / "sentinel.conf"
        configuration.write_text("\n".join(lines) + "\n")
        process = ServerProcess(
            "Redis Sentinel",
            [program, configuration, "--sentinel"],
            log=directory / "sentinel.log",
            ready=lambda: _pings(port),
        )
        process.start()
        try:
            yield RedisServer("127.0.0.1", port, None, process)
        finally:
            process.stop()


def _pings(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        return _exchange(connection, "PING").startswith(("+PONG", "-NOAUTH"))


def _exchange(connection: socket.socket, *words: str) -> str:
    """One command and its reply, as the server wrote it."""
    parts = [f"*{len(words)}\r\n".encode()]
    for word in words:
        data = word.encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
    connection.sendall(b"".join(parts))
    with connection.makefile("rb") as stream:
        return _reply(stream.readline, stream.read).decode(errors="replace")


def _reply(readline: Callable[[], bytes], read: Callable[[int], bytes]) -> bytes:
    line = readline()
    kind, rest = line[:1], line[1:].strip()
    if kind == b"$" and int(rest) >= 0:
        return line + read(int(rest) + 2)
    if kind == b"*":
        return line + b"".join(_reply(readline, read) for _ in range(int(rest)))
    return line
