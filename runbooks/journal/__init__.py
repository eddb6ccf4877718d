"""The run journal: what happened, on disk before anybody is told.

SQLite in WAL mode with `synchronous=FULL` by default, so that a commit is synced when it returns; the same SQL
runs on PostgreSQL.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from runbooks.journal import schema
from runbooks.journal.reads import Reads
from runbooks.journal.writes import Writes
from runbooks.records import AlertRecord, ApprovalRecord, DeliveryRecord, Event, Incident, Run, StepRecord
from watchkeeper.clock import Clock, now
from watchkeeper.disk import locked, write_all
from watchkeeper.errors import JournalError

__all__ = ["Journal", "Reads", "Writes"]


class Journal:
    """The journal of one installation.

    `where` is the path of a SQLite file or an SQLAlchemy URL. Any thread may read; writes are serialised.
    Raises JournalError when it cannot be opened, read or written.
    """

    def __init__(self, where: str | Path, *, clock: Clock = now) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._listeners: list[Callable[[Event], None]] = []
        self._owner: int | None = None
        text = str(where)
        self._path = None if "://" in text else Path(text)
        try:
            self._engine = self._open(text)
            with contextlib.ExitStack() as failed:
                failed.callback(self._engine.dispose)
                schema.metadata.create_all(self._engine)
                self._check_version()
                failed.pop_all()
        except (SQLAlchemyError, OSError) as error:
            raise JournalError(f"journal {self._name}: cannot be opened: {_reason(error)}") from None

    @property
    def _name(self) -> str:
        return str(self._path) if self._path else "in the database"

    def _open(self, text: str) -> sa.Engine:
        if self._path is None:
            return sa.create_engine(text, pool_pre_ping=True)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(f"sqlite:///{self._path}", connect_args={"timeout": 10.0})

        @sa.event.listens_for(engine, "connect")
        def _connected(connection: object, record: object) -> None:
            connection.isolation_level = None  # type: ignore[attr-defined]  # we say BEGIN ourselves
            try:
                for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
                    connection.execute(f"PRAGMA {pragma}")  # type: ignore[attr-defined]
            except BaseException:
                connection.close()  # type: ignore[attr-defined]  # the pool does not know it yet
                raise

        @sa.event.listens_for(engine, "begin")
        def _begun(connection: sa.Connection) -> None:
            writes = connection.get_execution_options().get("writes", False)
            # A write takes its lock at the start: a read that turns into a write may fail half-way.
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

        return engine

    def _check_version(self) -> None:
        with self._engine.begin() as connection:
            found = connection.execute(sa.select(schema.meta.c.value).where(schema.meta.c.name == "version")).scalar()
            if found is None:
                connection.execute(sa.insert(schema.meta).values(name="version", value=schema.VERSION))
            elif found != schema.VERSION:
                raise JournalError(
                    f"journal {self._name}: has version {found}, this Watchkeeper writes {schema.VERSION}"
                )

    def own(self) -> None:
        """Become the one writer of runs in this file. Raises JournalError when another process is."""
        if self._path is None or self._owner is not None:
            return
        path = self._path.with_name(self._path.name + ".lock")
        try:
            self._owner = locked(path)
        except BlockingIOError:
            other = path.read_text(encoding="utf-8").strip() or "unknown"
            raise JournalError(
                f"journal {self._path}: process {other} works with it: stop that one, or name another journal"
            ) from None
        except OSError as error:
            raise JournalError(f"journal {self._path}: {path.name} cannot be locked: {error.strerror}") from None
        os.ftruncate(self._owner, 0)
        write_all(self._owner, f"{os.getpid()}\n".encode())

    def disown(self) -> None:
        """Let another process work with the journal."""
        if self._owner is not None:
            os.close(self._owner)
            self._owner = None

    def close(self) -> None:
        """Release the file."""
        self.disown()
        self._engine.dispose()

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call a function with every event, after it was committed; it must not block and must not write."""
        self._listeners.append(listener)

    @contextlib.contextmanager
    def writing(self) -> Iterator[Writes]:
        """One transaction: committed and synced when the block ends, undone when it raises."""
        try:
            with self._lock:
                with self._engine.connect().execution_options(writes=True) as connection, connection.begin():
                    writes = Writes(connection, self._clock())
                    yield writes
                for event in writes.events_written:
                    for listener in self._listeners:
                        listener(event)
        except SQLAlchemyError as error:
            raise JournalError(f"journal {self._name}: cannot be written: {_reason(error)}") from None

    @contextlib.contextmanager
    def reading(self) -> Iterator[Reads]:
        """A consistent view."""
        try:
            with self._engine.connect() as connection, connection.begin():
                yield Reads(connection)
        except SQLAlchemyError as error:
            raise JournalError(f"journal {self._name}: cannot be read: {_reason(error)}") from None

    def incidents(
        self, *, status: Sequence[str] | None = None, limit: int = 100, before: str | None = None
    ) -> list[Incident]:
        """Incidents, newest first; `before` is the id of the last one of the previous page."""
        with self.reading() as view:
            return view.incidents(status=status, limit=limit, before=before)

    def incident(self, incident_id: str) -> Incident:
        """One incident. Raises Unknown."""
        with self.reading() as view:
            return view.incident(incident_id)

    def alerts(self, incident_id: str) -> list[AlertRecord]:
        """The alerts and deviations of an incident, oldest first."""
        with self.reading() as view:
            return view.alerts(incident_id)

    def timeline(self, incident_id: str) -> list[Event]:
        """The events of an incident, oldest first."""
        with self.reading() as view:
            return view.timeline(incident_id)

    def events(self, after: int = 0, limit: int = 500) -> list[Event]:
        """The events of all incidents after an event's id, oldest first."""
        with self.reading() as view:
            return view.events(after, limit)

    def last_event(self) -> int:
        """The id of the newest event, 0 when there is none."""
        with self.reading() as view:
            return view.last_event()

    def runs(self, incident_id: str) -> list[Run]:
        """The runs of an incident, newest first."""
        with self.reading() as view:
            return view.runs(incident_id)

    def run(self, run_id: str) -> Run:
        """One run. Raises Unknown."""
        with self.reading() as view:
            return view.run(run_id)

    def steps(self, run_id: str) -> list[StepRecord]:
        """The steps of a run, in document order."""
        with self.reading() as view:
            return view.steps(run_id)

    def step(self, run_id: str, step_id: str) -> StepRecord:
        """One step of a run. Raises Unknown."""
        with self.reading() as view:
            return view.step(run_id, step_id)

    def approvals(self, run_id: str, step_id: str) -> list[ApprovalRecord]:
        """What people said about a step, oldest first."""
        with self.reading() as view:
            return view.approvals(run_id, step_id)

    def deliveries(self, incident_id: str | None = None, limit: int = 100) -> list[DeliveryRecord]:
        """The newest deliveries, newest first."""
        with self.reading() as view:
            return view.deliveries(incident_id, limit)


def _reason(error: Exception) -> str:
    return " ".join(str(getattr(error, "orig", None) or error).split())
