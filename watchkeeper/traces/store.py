"""The bounded trace store: one SQLite file, one thread that writes, any number that read.

`add` returns after the spans are committed and synced to disk: what is acknowledged survives a crash of the process and
of the machine. It stays until the rule of `watchkeeper.traces.keeping` says otherwise.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from watchkeeper.clock import Clock, monotonic, now
from watchkeeper.errors import StoreError
from watchkeeper.trace_ids import beginning_of, is_trace_id
from watchkeeper.traces import keeping, reading, schema
from watchkeeper.traces.errors import TraceNotFound, TracesOverloaded
from watchkeeper.traces.graph import Edge, edges
from watchkeeper.traces.model import Span, Trace, TraceSummary
from watchkeeper.traces.reading import Search
from watchkeeper.traces.writing import Written, write

__all__ = ["FILE", "Graph", "Search", "TraceStore"]

FILE = "traces.sqlite"
"""Its name in the data directory."""

T = TypeVar("T")

_log = logging.getLogger("watchkeeper.traces")

# About 20 MB of spans in memory; more wait at their senders.
_MAX_WAITING_SPANS = 20_000
_BATCH_SPANS = 5_000
_WRITE_SECONDS = 20.0
_UPKEEP_SECONDS = 5.0
# Between two writes, room is made for a second or so at most.
_ROOM_STEPS = 20
_VACUUM_PAGES = 500
_GRAPH_TRACES = 1000


class Graph:
    """Who calls whom, from the newest traces of a window; `of` is how many there were, `traces` how many were read."""

    __slots__ = ("edges", "of", "traces")

    def __init__(self, found: tuple[Edge, ...], traces: int, of: int) -> None:
        self.edges = found
        self.traces = traces
        self.of = of


class TraceStore:
    """Traces on disk; `start` begins to write, and a store that is only read needs no start.

    `retention` is in seconds, `limit_bytes` bounds the file (its write-ahead log takes up to 16 MiB more), `keep_ratio`
    is the share of ordinary traces that stay when they are ten minutes old. `heard` is given the spans of each request
    that were stored, once they are: neither those that were refused nor what was sent again.
    """

    def __init__(
        self,
        path: Path,
        *,
        retention: float = 2 * 86_400.0,
        limit_bytes: int = 512 * 1024 * 1024,
        keep_ratio: float = 1.0,
        clock: Clock = now,
        heard: Callable[[Sequence[Span]], None] = lambda _: None,
    ) -> None:
        self.path = path
        self.retention = retention
        self.limit_bytes = limit_bytes
        self.keep_ratio = keep_ratio
        self._clock = clock
        self._heard = heard
        self._waiting: queue.SimpleQueue[tuple[Sequence[Span], Future[Written]] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting_spans = 0
        self._counts = dict.fromkeys(("accepted", "refused", "dropped"), 0)
        self._connection: sqlite3.Connection | None = None
        self._thread: threading.Thread | None = None
        self._graph: tuple[float, tuple[float, float], Graph] | None = None
        self._problem: str | None = None
        # While room is made: what is held, and the bytes by which the file grew since the last step.
        self._held: keeping.Held | None = None
        self._grown = 0

    def start(self) -> None:
        """Open the file and write what is added. Raises StoreError."""
        self._connection = schema.connect(self.path)
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what was added, and close; may be called twice."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._waiting.put(None)
            thread.join()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def add(self, spans: Sequence[Span]) -> int:
        """Store spans; returns when they are synced to disk, with the number of those that were refused because their
        trace is too long. Any thread may. Raises TracesOverloaded when too many wait, StoreError when it fails.
        """
        if not spans:
            return 0
        if self._thread is None:
            raise StoreError("the trace store is not running")
        with self._lock:
            # One that is alone may be of any size that the decoder lets through.
            if self._waiting_spans and self._waiting_spans + len(spans) > _MAX_WAITING_SPANS:
                raise TracesOverloaded(f"{self._waiting_spans} spans wait to be written: send these again later")
            self._waiting_spans += len(spans)
        written: Future[Written] = Future()
        self._waiting.put((spans, written))
        try:
            found = written.result(_WRITE_SECONDS)
        except TimeoutError:
            # They may be written yet, and are known already when they are sent again: they are counted then.
            written.add_done_callback(self._written_late)
            raise TracesOverloaded(
                f"the disk took longer than {_WRITE_SECONDS:.0f} s: send these again later"
            ) from None
        self._written(found)
        return found.refused

    def _written(self, found: Written) -> None:
        with self._lock:
            self._counts["accepted"] += len(found.stored)
            self._counts["refused"] += found.refused
        if found.stored:
            self._heard(found.stored)

    def _written_late(self, written: Future[Written]) -> None:
        if written.exception() is None:
            self._written(written.result())

    def refuse(self, spans: int) -> None:
        """Count spans that were refused before they came here."""
        with self._lock:
            self._counts["refused"] += spans

    def trace(self, trace_id: str) -> Trace | None:
        """All spans of a trace, None where nothing of it is kept. Raises StoreError."""
        if not is_trace_id(trace_id):
            return None
        return self._read(lambda connection: reading.read_trace(connection, trace_id))

    def resolve(self, text: str) -> str:
        """The id of the trace that a text means: all of it, with or without dashes, or its beginning.

        Raises TraceNotFound where none or several begin so, StoreError.
        """
        prefix = beginning_of(text)
        found = self._read(lambda connection: reading.find(connection, prefix, 2)) if prefix else []
        if len(found) == 1:
            return found[0]
        if found:
            raise TraceNotFound(f"more than one trace begins with {prefix}: give more of the id")
        raise TraceNotFound(
            f"there is no trace {text[:40]} here: it is older than what is kept, was not drawn as a sample, or has not "
            "arrived"
        )

    def summaries(self, trace_ids: Sequence[str]) -> list[TraceSummary]:
        """Those of the traces (at most 500 ids) that are kept, in the order of the ids. Raises StoreError."""
        wanted = [one for one in dict.fromkeys(trace_ids) if is_trace_id(one)][:500]
        return self._read(lambda connection: reading.summaries(connection, wanted)) if wanted else []

    def search(self, asked: Search) -> list[TraceSummary]:
        """The traces that fit. Raises StoreError."""
        return self._read(lambda connection: reading.search(connection, asked))

    def services(self) -> list[str]:
        """The names of the services that have spans here, sorted. Raises StoreError."""
        return self._read(reading.services)

    def graph(self, start: float, end: float) -> Graph:
        """Who calls whom, from the newest 1000 traces that began between two times (seconds since the epoch).

        Remembered for a few seconds, since several pages ask for the same. Raises StoreError.
        """
        window, moment = (end - start, end), monotonic()
        kept = self._graph
        if kept is not None and moment < kept[0] and kept[1][0] == window[0] and abs(kept[1][1] - end) < 10:
            return kept[2]
        spans, traces, of = self._read(lambda connection: reading.spans_between(connection, start, end, _GRAPH_TRACES))
        found = Graph(edges(spans), traces, of)
        self._graph = (moment + 5.0, window, found)
        return found

    def edges(self, start: float, end: float) -> tuple[Edge, ...]:
        """The edges of `graph`. Raises StoreError."""
        return self.graph(start, end).edges

    def statistics(self) -> dict[str, float]:
        """Spans `accepted` and `refused`, traces `dropped` since the start, and `bytes` of the file in use."""
        with self._lock:
            found: dict[str, float] = dict(self._counts)
        with suppress(StoreError):
            found["bytes"] = self._read(keeping.used_bytes)
        return found

    def problem(self) -> str | None:
        """One line when spans cannot be written now, else None."""
        if self._thread is None or not self._thread.is_alive():
            return "its thread has ended: see the log, and restart"
        return self._problem

    def _read(self, question: Callable[[sqlite3.Connection], T]) -> T:
        try:
            with closing(schema.reader(self.path)) as connection:
                return question(connection)
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: the trace store cannot be read: {error}") from None

    def _run(self) -> None:
        due = monotonic() + _UPKEEP_SECONDS
        while True:
            # Room is made in steps: what came meanwhile is written between two of them.
            wait = max(0.0, due - monotonic()) if self._held is None else 0.0
            with suppress(queue.Empty):
                found = self._waiting.get(timeout=wait)
                if found is None or not self._write_batch(found):
                    return
            if monotonic() >= due:
                self._attempt(self._upkeep)
                due = monotonic() + _UPKEEP_SECONDS
            self._attempt(self._make_room)

    def _write_batch(self, first: tuple[Sequence[Span], Future[Written]]) -> bool:
        """Write what waits in one transaction: one sync for all of it. False when the end was among it."""
        batch, size, more = [first], len(first[0]), True
        while size < _BATCH_SPANS and more:
            try:
                found = self._waiting.get_nowait()
            except queue.Empty:
                break
            if found is None:
                more = False
            else:
                batch.append(found)
                size += len(found[0])
        try:
            with self._transaction() as connection:
                at = self._clock()
                before = keeping.used_bytes(connection)
                results = [write(connection, spans, at) for spans, _ in batch]
                self._grown += keeping.used_bytes(connection) - before
        except Exception as error:  # noqa: BLE001  whatever it is, the senders are told and keep their spans
            self._problem = " ".join(str(error).split())
            _log.error("spans cannot be written: %s", self._problem)
            for _, written in batch:
                written.set_exception(StoreError(f"the trace store cannot be written: {self._problem}"))
        else:
            self._problem = None
            for (_, written), result in zip(batch, results, strict=True):
                written.set_result(result)
        with self._lock:
            self._waiting_spans -= size
        return more

    def _attempt(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001  the next attempt may do better, and spans come in meanwhile
            _log.error("upkeep of the trace store: %s", " ".join(str(error).split()))

    def _upkeep(self) -> None:
        at = self._clock()
        with self._transaction() as connection:
            dropped = keeping.delete_expired(connection, at, self.retention)
            dropped += keeping.judge(connection, at, self.keep_ratio)
        self._dropped(dropped)
        if self._held is not None:
            # What was judged is of another kind now, and what came meanwhile was not counted.
            self._held = keeping.held(self._open())

    def _make_room(self) -> None:
        """Make some room where there is too little; `_held` is None again once there is enough."""
        connection = self._open()
        held, self._held = self._held, None  # a step that fails is the last one until the next write or upkeep
        grown, self._grown = self._grown, 0
        if held is None:
            within = keeping.file_bytes(connection) <= self.limit_bytes
            if within and keeping.used_bytes(connection) <= self.limit_bytes * 0.95:
                return
            held = keeping.held(connection)
        if not keeping.has_room(connection, self.limit_bytes):
            # More than was written meanwhile, or a busy store would grow without end.
            enough = keeping.used_bytes(connection) - 2 * grown
            for _ in range(_ROOM_STEPS):
                with self._transaction():
                    dropped = keeping.make_room(connection, held)
                self._dropped(dropped)
                if not dropped:
                    return
                if keeping.used_bytes(connection) <= enough or keeping.has_room(connection, self.limit_bytes):
                    break
            self._held = held
        elif (before := keeping.file_bytes(connection)) > self.limit_bytes:
            # Free pages are used again; the file only shrinks when it has been allowed to be larger.
            connection.execute(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})").fetchall()
            self._held = held if keeping.file_bytes(connection) < before else None

    def _dropped(self, number: int) -> None:
        if number:
            with self._lock:
                self._counts["dropped"] += number

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StoreError("the trace store is not running")
        return self._connection

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._open()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
