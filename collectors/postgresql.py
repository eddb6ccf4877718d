"""PostgreSQL: the statistics views, over one persistent read-only connection.

A role that holds `pg_monitor` and nothing else is enough. A statement that the role may not run, or that the server's
version does not have, costs its own signals alone.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from collectors.description import Collector, redact
from collectors.families import Family, family, single
from collectors.postgresql_statements import SETTINGS, SETTINGS_STATEMENT, STATEMENTS, Statement, setting_value
from watchkeeper.clock import monotonic
from watchkeeper.errors import TargetError
from watchkeeper.systems import postgresql as s

if TYPE_CHECKING:
    from psycopg import Connection, Cursor

    from watchkeeper.settings import Target

__all__ = ["COLLECTOR"]

_log = logging.getLogger("watchkeeper.collectors")

Table = tuple[Sequence[str], Sequence[Sequence[Any]]]
"""The columns and rows of an answer."""


class PostgreSQLSession:
    """One connection: autocommit, read-only, with a statement and lock timeout, `application_name=watchkeeper`."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._connection: Connection[Any] | None = None
        self._server = ""
        self._version = 0
        self._refused: set[str] = set()

    def read(self, deadline: float) -> Sequence[Family]:
        connection = self._connection or self._connect()
        out = [single(s.PG_UP, 1.0)]
        for statement, (columns, rows) in self._answers(connection, deadline):
            if statement is SETTINGS_STATEMENT:
                out += self._settings(rows)
            else:
                out += [self._family(signal, columns, rows) for signal in statement.signals_of(columns)]
        return [*out, self._identity(connection)]

    def abort(self) -> None:
        connection = self._connection
        if connection is None or connection.closed:
            return
        try:
            # A duplicate of the descriptor: libpq keeps its own, and finds the connection at its end.
            with socket.socket(fileno=os.dup(connection.fileno())) as duplicate:
                duplicate.shutdown(socket.SHUT_RDWR)
        except Exception as error:  # noqa: BLE001  it may be closed at this moment
            _log.debug("abort of %s: %s", self._target.name, error)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _connect(self) -> Connection[Any]:
        try:
            import psycopg
        except ImportError:
            raise TargetError("the PostgreSQL driver is missing: pip install 'watchkeeper[postgresql]'") from None

        target = self._target
        parts = urlsplit(target.url or COLLECTOR.default_url)
        settings: dict[str, Any] = {
            "application_name": "watchkeeper",
            # The driver's own bound; the runtime answers at the target's deadline whatever the driver does.
            "connect_timeout": max(2, round(target.timeout)),
        }
        if target.user:
            settings["user"] = target.user
        if target.password is not None:
            settings["password"] = target.password.resolve()
        try:
            connection = psycopg.connect(target.url or COLLECTOR.default_url, autocommit=True, **settings)
        except psycopg.Error as error:
            where = f"{parts.hostname or '127.0.0.1'}:{parts.port or 5432}"
            raise TargetError(f"PostgreSQL at {where}: {_explained(str(error))}") from None
        self._connection = connection
        connection.prepare_threshold = 0
        milliseconds = str(max(1, round(target.timeout * 1000)))
        with connection.cursor() as cursor:
            # Settings of the session, not of the start-up packet, which poolers refuse.
            cursor.execute(
                "SELECT set_config('statement_timeout', %(ms)s, false), set_config('lock_timeout', %(ms)s, false), "
                "set_config('default_transaction_read_only', 'on', false)",
                {"ms": milliseconds},
            )
        self._server = f"{connection.info.host}:{connection.info.port}"
        self._version = connection.info.server_version // 10_000
        return connection

    def _answers(self, connection: Connection[Any], deadline: float) -> list[tuple[Statement, Table]]:
        """Every statement that is not refused, with its columns and rows."""
        import psycopg

        asked = [statement for statement in (*STATEMENTS, SETTINGS_STATEMENT) if self._asks(statement)]
        try:
            # One round trip for all.
            with connection.pipeline():
                cursors = [connection.execute(statement.sql) for statement in asked]
            return [(statement, _table(cursor)) for statement, cursor in zip(asked, cursors, strict=True)]
        except (psycopg.errors.ProgrammingError, psycopg.errors.PipelineAborted):
            # One that is refused takes those behind it along: find it, and leave it out from now on.
            pass
        answers = []
        for statement in asked:
            if monotonic() >= deadline:
                raise TargetError(f"PostgreSQL at {self._server}: it was too slow to answer all statements in time")
            try:
                answers.append((statement, _table(connection.execute(statement.sql))))
            except psycopg.errors.ProgrammingError as error:
                # It stays refused until the next connection: a server does not change its mind, an operator may.
                self._refused.add(statement.key)
                text = redact(str(error), self._target)
                _log.warning("target %s: %s is not read: %s", self._target.name, statement.key, text)
        return answers

    def _asks(self, statement: Statement) -> bool:
        wanted = not statement.option or bool(self._target.options.get(statement.option, False))
        return wanted and statement.minimum <= self._version < statement.below and statement.key not in self._refused

    def _family(self, signal: Any, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Family:
        value = columns.index(signal.name.removeprefix("pg_"))
        places = [None if label == "server" else columns.index(label) for label in signal.labels]
        samples = []
        for row in rows:
            if row[value] is None:
                continue  # unknown is not zero
            labels = tuple([self._server if place is None else _text(row[place]) for place in places])
            samples.append((labels, float(row[value])))
        return family(signal, samples)

    def _settings(self, rows: Sequence[Sequence[Any]]) -> list[Family]:
        values = [(SETTINGS[name], setting_value(setting, unit, kind)) for name, setting, unit, kind in rows]
        return [family(signal, [((self._server,), value)]) for signal, value in values if value is not None]

    def _identity(self, connection: Connection[Any]) -> Family:
        version = connection.info.parameter_status("server_version") or ""
        short = version.partition(" ")[0]
        return family(s.PG_STATIC, [((self._server, short, f"PostgreSQL {version}"), 1.0)])


def _table(cursor: Cursor[Any]) -> Table:
    return [column.name for column in cursor.description or ()], cursor.fetchall()


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _explained(text: str) -> str:
    """libpq's message without its address, with what to do where it says so."""
    line = " ".join(text.split())
    if "password authentication failed" in line:
        return "it refused the user or the password"
    if "no password supplied" in line:
        return "it wants a password: set password: {file: PATH} or {env: NAME} for the target"
    if "Connection refused" in line:
        return "connection refused"
    if "timeout expired" in line or "timed out" in line:
        return "no answer in time"
    if "too many connections" in line or "remaining connection slots" in line:
        return "it has no connection left for this role"
    return line.rpartition("FATAL:")[2].strip() or line


COLLECTOR = Collector(
    system="postgresql",
    open=PostgreSQLSession,
    signals=s.SIGNALS,
    up=s.PG_UP,
    schemes=("postgresql", "postgres"),
    default_url="postgresql://127.0.0.1:5432/postgres",
    options=(("statements", "true reads pg_stat_statements (the 100 that took most time)"),),
)
