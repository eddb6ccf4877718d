"""The records of tasks: in PostgreSQL when there is one, in memory otherwise."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from typing import Any, Protocol

__all__ = ["Records", "RecordsError", "open_records"]

_log = logging.getLogger("platform")
_KEPT = 20_000
_TABLE = """
CREATE TABLE IF NOT EXISTS agent_platform_tasks (
    id text PRIMARY KEY,
    workflow text NOT NULL,
    state text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
)
"""


class RecordsError(Exception):
    """The database does not answer."""


class Records(Protocol):
    """What the gateway knows of tasks."""

    def add(self, task: str, workflow: str) -> None: ...
    def update(self, task: str, state: str) -> None: ...
    def get(self, task: str) -> str | None: ...


class _MemoryRecords:
    def __init__(self) -> None:
        self._states: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, task: str, workflow: str) -> None:
        with self._lock:
            self._states[task] = "queued"
            while len(self._states) > _KEPT:
                self._states.popitem(last=False)

    def update(self, task: str, state: str) -> None:
        with self._lock:
            if task in self._states:
                self._states[task] = state

    def get(self, task: str) -> str | None:
        return self._states.get(task)


class _PostgresRecords:
    """One connection behind a lock: enough for this load, and gentle to the database; opened again after an error."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._lock = threading.Lock()
        self._connection: Any = None
        self._added = 0

    def _execute(self, statement: str, *values: str) -> list[tuple[Any, ...]]:
        import psycopg

        with self._lock:
            try:
                if self._connection is None:
                    self._connection = psycopg.connect(
                        self._dsn, autocommit=True, connect_timeout=5, application_name="agent_platform"
                    )
                    self._connection.execute(_TABLE)
                cursor = self._connection.execute(statement, values)
                return cursor.fetchall() if cursor.description else []
            except psycopg.Error as error:
                if self._connection is not None:
                    self._connection.close()
                    self._connection = None
                _log.warning("PostgreSQL: %s", " ".join(str(error).split()))
                raise RecordsError(" ".join(str(error).split())) from None

    def add(self, task: str, workflow: str) -> None:
        self._execute(
            "INSERT INTO agent_platform_tasks (id, workflow, state) VALUES (%s, %s, 'queued')", task, workflow
        )
        self._added += 1
        if self._added % 1000 == 0:
            self._execute("DELETE FROM agent_platform_tasks WHERE created_at < now() - interval '1 hour'")

    def update(self, task: str, state: str) -> None:
        self._execute("UPDATE agent_platform_tasks SET state = %s, updated_at = now() WHERE id = %s", state, task)

    def get(self, task: str) -> str | None:
        rows = self._execute("SELECT state FROM agent_platform_tasks WHERE id = %s", task)
        return str(rows[0][0]) if rows else None


def open_records(dsn: str | None) -> Records:
    """Records in the database of this DSN, or in memory."""
    return _PostgresRecords(dsn) if dsn else _MemoryRecords()
