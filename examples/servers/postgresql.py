"""A PostgreSQL server of the machine's newest version, with password authentication."""

from __future__ import annotations

import contextlib
import pwd
import re
import secrets
import shutil
import signal
import socket
import struct
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from examples.servers.process import (
    ServerError,
    ServerProcess,
    find_program,
    free_port,
    unprivileged_user,
    workdir,
)

__all__ = ["PACKAGE", "PostgreSQLServer", "available", "run", "run_standby"]

PACKAGE = "postgresql"
_SUPERUSER = "admin"


@dataclass(frozen=True)
class PostgreSQLServer:
    """A running server. `dsn` is the superuser's; it holds the password, as `dsn_for` does."""

    host: str
    port: int
    user: str
    password: str
    process: ServerProcess

    @property
    def dsn(self) -> str:
        """Connection URI of the superuser to the database `postgres`."""
        return self.dsn_for()

    def dsn_for(self, *, user: str | None = None, password: str | None = None, database: str = "postgres") -> str:
        """A connection URI; the superuser's name and password unless told otherwise."""
        name = quote(user or self.user, safe="")
        secret = quote(self.password if password is None else password, safe="")
        return f"postgresql://{name}:{secret}@{self.host}:{self.port}/{quote(database, safe='')}"

    def execute(self, statement: str, *, database: str = "postgres") -> str:
        """Run SQL as the superuser through psql and return the unaligned rows, one a line."""
        command = [str(_program("psql")), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement]
        done = subprocess.run(
            [*command, self.dsn_for(database=database)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode != 0:
            raise ServerError(f"psql: {done.stderr.strip()}")
        return done.stdout.rstrip("\n")

    def create_database(self, name: str) -> str:
        """Create an empty database and return the superuser's connection URI to it."""
        self.execute(f"CREATE DATABASE {_identifier(name)}")
        return self.dsn_for(database=name)

    def create_monitor_role(self, name: str = "watchkeeper", password: str = "monitor-only") -> str:
        """A login role with `pg_monitor` and nothing else, made when missing; returns its connection URI."""
        role = _identifier(name)
        known = self.execute(f"SELECT 1 FROM pg_roles WHERE rolname = {_literal(name)}")
        verb = "ALTER" if known else "CREATE"
        self.execute(f"{verb} ROLE {role} LOGIN PASSWORD {_literal(password)}; GRANT pg_monitor TO {role}")
        return self.dsn_for(user=name, password=password)


def available() -> str | None:
    """Why PostgreSQL cannot be started here, or None."""
    if _find("initdb") is None or _find("postgres") is None:
        return f"PostgreSQL is not installed (Debian package {PACKAGE})"
    return None


@contextlib.contextmanager
def run(settings: Mapping[str, str] | None = None, *, checksums: bool = False) -> Iterator[PostgreSQLServer]:
    """Start a new, empty server; `settings` are added to its configuration (`{"track_io_timing": "on"}`)."""
    user = unprivileged_user()
    password = secrets.token_hex(8)
    with workdir("postgresql", owner=user) as directory:
        data = directory / "data"
        _initdb(data, password, user, checksums)
        with _served(data, password, user, settings or {}) as server:
            yield server


@contextlib.contextmanager
def run_standby(
    primary: PostgreSQLServer, *, slot: str = "standby", settings: Mapping[str, str] | None = None
) -> Iterator[PostgreSQLServer]:
    """Copy a running server and start the copy as its physical standby, which streams through a slot of that name."""
    user = unprivileged_user()
    with workdir("postgresql-standby", owner=user) as directory:
        data = directory / "data"
        command: list[str | Path] = [
            _program("pg_basebackup"),
            "-D",
            data,
            "-d",
            primary.dsn,
            "-R",
            "-C",
            "-S",
            slot,
            "-X",
            "stream",
        ]
        _as_user([*command, "--checkpoint=fast", "--no-sync"], user, directory)
        with _served(data, primary.password, user, settings or {}) as server:
            yield server


@contextlib.contextmanager
def _served(data: Path, password: str, user: str | None, settings: Mapping[str, str]) -> Iterator[PostgreSQLServer]:
    port = free_port()
    configuration = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "shared_buffers": "16MB",
        "autovacuum_naptime": "1min",
        **settings,
    }
    arguments = [f"--{name}={value}" for name, value in configuration.items()]
    process = ServerProcess(
        "PostgreSQL",
        [_program("postgres"), "-D", data, *arguments],
        log=data.parent / "postgresql.log",
        ready=lambda: _accepts(port),
        user=user,
        stop_signal=signal.SIGINT,  # fast shutdown: do not wait for clients
    )
    process.start()
    try:
        yield PostgreSQLServer("127.0.0.1", port, _SUPERUSER, password, process)
    finally:
        process.stop()


def _initdb(data: Path, password: str, user: str | None, checksums: bool) -> None:
    secret = data.parent / "password"
    secret.write_text(password + "\n")
    secret.chmod(0o600)
    if user is not None:
        shutil.chown(secret, user)
    command: list[str | Path] = [
        _program("initdb"),
        "-D",
        data,
        "-U",
        _SUPERUSER,
        "--pwfile",
        secret,
        "-A",
        "scram-sha-256",
    ]
    if checksums:
        command.append("--data-checksums")
    try:
        _as_user([*command, "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"], user, data.parent)
    finally:
        secret.unlink()


def _as_user(command: Sequence[str | Path], user: str | None, directory: Path) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        user=user,
        group=pwd.getpwnam(user).pw_gid if user else None,
        extra_groups=[] if user else None,
        cwd=directory,
        timeout=120,
        check=False,
    )
    if done.returncode != 0:
        raise ServerError(f"{Path(command[0]).name} ended with {done.returncode}: {done.stderr.strip()}")


def _accepts(port: int) -> bool:
    """Whether the server answers a start-up message (protocol 3.0) by asking for the password."""
    parameters = b"user\0" + _SUPERUSER.encode() + b"\0\0"
    with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        connection.sendall(struct.pack("!II", len(parameters) + 8, 196_608) + parameters)
        return connection.recv(1) == b"R"


def _find(name: str) -> Path | None:
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    in_version = next((path / name for path in versions if (path / name).exists()), None)
    return in_version or find_program(name)


def _program(name: str) -> Path:
    found = _find(name)
    if found is None:
        raise ServerError(f"{name} is not installed (Debian package {PACKAGE})")
    return found


def _identifier(name: str) -> str:
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", name):
        raise ValueError(f"{name!r} is not a plain SQL identifier")
    return f'"{name}"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
