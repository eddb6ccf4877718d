"""Reading traces: one by its id, a list by what is asked for."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from watchkeeper.traces.model import Span, Trace, TraceSummary
from watchkeeper.traces.writing import unpack

__all__ = ["Order", "Search", "find", "read_trace", "search", "services", "spans_between", "summaries"]

Order = Literal["newest", "slowest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What traces are asked for; everything that is given must hold.

    `service` takes part in it, `operation` is part of a span's name (of that service, when both are given), `seconds`
    is the least duration; it began from `start` to `end` (seconds since the epoch). `errors` asks for those with an
    error.
    """

    service: str = ""
    operation: str = ""
    seconds: float = 0.0
    errors: bool = False
    start: float | None = None
    end: float | None = None
    order: Order = "newest"
    limit: int = 50


_COLUMNS = "t.id, t.trace, t.service, t.name, t.first, t.last, t.spans, t.errors, t.rooted, t.kept"


def search(connection: sqlite3.Connection, asked: Search) -> list[TraceSummary]:
    """The traces that fit, newest or slowest first."""
    source, newest = "traces t", "t.first"
    conditions: list[str] = []
    values: list[Any] = []
    if asked.service:
        # Through the index of services, which has their starts in order.
        source, newest = "visits v JOIN traces t ON t.id = v.trace", "v.first"
        conditions.append("v.service = ?")
        values.append(asked.service)
    if asked.operation:
        holds = "instr(lower(v.operations), lower(?)) > 0"
        elsewhere = f"EXISTS (SELECT 1 FROM visits v WHERE v.trace = t.id AND {holds})"  # noqa: S608
        conditions.append(holds if asked.service else elsewhere)
        values.append(asked.operation)
    for condition, value in (
        ("t.last - t.first >= ?", asked.seconds or None),
        (f"{newest} >= ?", asked.start),
        (f"{newest} <= ?", asked.end),
    ):
        if value is not None:
            conditions.append(condition)
            values.append(value)
    if asked.errors:
        conditions.append("t.errors > 0")
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    order = "t.last - t.first" if asked.order == "slowest" else newest
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM {source} {where} ORDER BY {order} DESC LIMIT ?",  # noqa: S608  values go through `?`
        (*values, max(0, asked.limit)),
    ).fetchall()
    return [_summary(connection, row) for row in rows]


def summaries(connection: sqlite3.Connection, trace_ids: Sequence[str]) -> list[TraceSummary]:
    """The traces of these ids that there are, in the order of the ids."""
    marks = ",".join("?" * len(trace_ids))
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM traces t WHERE t.trace IN ({marks})",  # noqa: S608  values go through `?`
        [bytes.fromhex(one) for one in trace_ids],
    ).fetchall()
    found = {one.trace_id: one for one in (_summary(connection, row) for row in rows)}
    return [found[one] for one in trace_ids if one in found]


def _summary(connection: sqlite3.Connection, row: Any) -> TraceSummary:
    key, trace, service, name, first, last, spans, errors, rooted, kept = row
    found = connection.execute("SELECT service FROM visits WHERE trace = ? ORDER BY service", (key,)).fetchall()
    return TraceSummary(
        trace_id=trace.hex(),
        service=service,
        name=name,
        start=first,
        seconds=last - first,
        spans=spans,
        errors=errors,
        services=tuple(one for (one,) in found),
        rooted=bool(rooted),
        kept=kept,
    )


def find(connection: sqlite3.Connection, prefix: str, limit: int = 10) -> list[str]:
    """Ids that begin with a text of hex digits."""
    low, high = bytes.fromhex(prefix.ljust(32, "0")), bytes.fromhex(prefix.ljust(32, "f"))
    rows = connection.execute(
        "SELECT trace FROM traces WHERE trace BETWEEN ? AND ? ORDER BY trace LIMIT ?", (low, high, limit)
    )
    return [trace.hex() for (trace,) in rows.fetchall()]


def read_trace(connection: sqlite3.Connection, trace_id: str) -> Trace | None:
    """All spans of a trace, or None where there is none of the id."""
    rows = connection.execute(
        "SELECT c.data FROM chunks c JOIN traces t ON t.id = c.trace WHERE t.trace = ? ORDER BY c.rowid",
        (bytes.fromhex(trace_id),),
    ).fetchall()
    if not rows:
        return None
    spans = _once(span for (data,) in rows for span in unpack(data))
    return Trace(trace_id, tuple(sorted(spans, key=lambda span: (span.start, -span.end, span.span_id))))


def _once(spans: Iterable[Span]) -> list[Span]:
    """Each span once, the one that came first: senders repeat themselves when an answer is lost."""
    found: dict[str, Span] = {}
    for span in spans:
        found.setdefault(span.span_id, span)
    return list(found.values())


def services(connection: sqlite3.Connection) -> list[str]:
    """The names of at most 1000 services, sorted; found by stepping through the index, not by reading it."""
    found: list[str] = []
    row = connection.execute("SELECT min(service) FROM visits").fetchone()
    while row[0] is not None and len(found) < 1000:
        found.append(row[0])
        row = connection.execute("SELECT min(service) FROM visits WHERE service > ?", (row[0],)).fetchone()
    return found


def spans_between(connection: sqlite3.Connection, start: float, end: float, limit: int) -> tuple[list[Span], int, int]:
    """The spans of the newest `limit` traces that began between two times; how many these are, and of how many."""
    (of,) = connection.execute("SELECT count(*) FROM traces WHERE first BETWEEN ? AND ?", (start, end)).fetchone()
    keys = connection.execute(
        "SELECT id FROM traces WHERE first BETWEEN ? AND ? ORDER BY first DESC LIMIT ?", (start, end, limit)
    ).fetchall()
    spans: list[Span] = []
    for (key,) in keys:
        rows = connection.execute("SELECT data FROM chunks WHERE trace = ?", (key,)).fetchall()
        spans += _once(span for (data,) in rows for span in unpack(data))
    return spans, len(keys), of
