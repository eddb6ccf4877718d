"""What stays, and for how long: the rule of the trace store.

Every span that arrives is stored. For ten minutes (the grace) all traces stay. Then each is judged once: it stays
when one of its spans failed, when it is slow, or when it is drawn as a sample. Slow is: among the slowest
`SLOW_SHARE` of the traces with the same entry (service and name of the root) that are being judged or are in their
grace, where there are at least `SLOW_FROM` of them. Drawn is: its id, read as a number, falls into `keep_ratio` of all
ids, so that several stores draw the same ones. After the retention all go. When the store is full, the oldest go:
sampled and young ones as long as they hold more than `SHARE_OF_ORDINARY` of the room, then the oldest of those with
errors or slow, so that neither crowds the other out.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "GRACE_SECONDS",
    "SHARE_OF_ORDINARY",
    "SLOW_FROM",
    "SLOW_SHARE",
    "Held",
    "delete_expired",
    "drawn",
    "file_bytes",
    "has_room",
    "held",
    "judge",
    "make_room",
    "used_bytes",
]

# An incident's first look comes within minutes of its beginning; alerts hold for about five.
GRACE_SECONDS = 600.0
SLOW_SHARE, SLOW_FROM = 0.05, 20
SHARE_OF_ORDINARY = 0.25
_BATCH = 500
_ROOM = 0.9
# What one step of making room deletes at most, in tens of milliseconds: spans that came meanwhile are written before
# the next.
_STEP_TRACES, _STEP_BYTES = 1000, 4 * 1024 * 1024

_ORDINARY = "('all', 'sample')"


def drawn(trace_id: bytes, ratio: float) -> bool:
    """Whether a trace is of the sample; the random part of an id are its last 7 bytes (W3C Trace Context, level 2)."""
    return int.from_bytes(trace_id[-7:], "big") < ratio * (1 << 56)


def judge(connection: sqlite3.Connection, now: float, keep_ratio: float) -> int:
    """Judge the traces whose grace is over, within a transaction; how many were dropped."""
    due = connection.execute(
        "SELECT id, trace, errors, service, name, last - first FROM traces WHERE kept = 'all' AND received < ?"
        " ORDER BY received LIMIT ?",
        (now - GRACE_SECONDS, 10 * _BATCH),
    ).fetchall()
    limits: dict[tuple[str, str], float] = {}
    dropped = []
    for row, trace, errors, service, name, seconds in due:
        entry = (service, name)
        if entry not in limits:
            limits[entry] = _slow_from(connection, entry)
        kept = (
            "error" if errors else "slow" if seconds > limits[entry] else "sample" if drawn(trace, keep_ratio) else ""
        )
        if kept:
            connection.execute("UPDATE traces SET kept = ? WHERE id = ?", (kept, row))
        else:
            dropped.append(row)
    _delete(connection, dropped)
    return len(dropped)


def _slow_from(connection: sqlite3.Connection, entry: tuple[str, str]) -> float:
    """The duration above which a trace of an entry is slow; infinite where there are too few to say."""
    where = "FROM traces WHERE kept = 'all' AND service = ? AND name = ?"
    (count,) = connection.execute(f"SELECT count(*) {where}", entry).fetchone()
    if count < SLOW_FROM:
        return float("inf")
    (limit,) = connection.execute(
        f"SELECT last - first AS seconds {where} ORDER BY seconds DESC LIMIT 1 OFFSET ?",
        (*entry, int(count * SLOW_SHARE)),
    ).fetchone()
    return float(limit)


def delete_expired(connection: sqlite3.Connection, now: float, retention: float) -> int:
    """Delete traces whose last span arrived before the retention, within a transaction; how many."""
    rows = connection.execute(
        "SELECT id FROM traces WHERE received < ? LIMIT ?", (now - retention, 10 * _BATCH)
    ).fetchall()
    _delete(connection, [row for (row,) in rows])
    return len(rows)


def file_bytes(connection: sqlite3.Connection) -> int:
    """The bytes of the file."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    return int(pages * size)


def used_bytes(connection: sqlite3.Connection) -> int:
    """The bytes of the file that hold something."""
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    return file_bytes(connection) - int(free * size)


def has_room(connection: sqlite3.Connection, limit: int) -> bool:
    """Whether no more than nine tenths of the limit are used."""
    return used_bytes(connection) <= limit * _ROOM


@dataclass(slots=True)
class Held:
    """The bytes of the spans that ordinary traces hold, and the others."""

    ordinary: float
    others: float


def held(connection: sqlite3.Connection) -> Held:
    """What is held now; this reads the lines of all traces."""
    ordinary, others = connection.execute(
        f"SELECT total(bytes) FILTER (WHERE kept IN {_ORDINARY}),"  # noqa: S608
        f" total(bytes) FILTER (WHERE kept NOT IN {_ORDINARY}) FROM traces"
    ).fetchone()
    return Held(ordinary, others)


def make_room(connection: sqlite3.Connection, now_held: Held) -> int:
    """Delete some of the oldest of the kind whose turn it is, within a transaction; how many, 0 where there are none.

    At most 1000, and no more once they held 4 MiB. What they held is taken off `now_held`, so that many steps need one
    sum.
    """
    ordinary = now_held.ordinary > SHARE_OF_ORDINARY * (now_held.ordinary + now_held.others)
    rows = connection.execute(
        f"SELECT id, bytes FROM traces WHERE kept {'' if ordinary else 'NOT '}IN {_ORDINARY}"  # noqa: S608
        " ORDER BY first LIMIT ?",
        (_STEP_TRACES,),
    ).fetchall()
    gone: list[int] = []
    size = 0
    for row, of in rows:
        if gone and size >= _STEP_BYTES:
            break
        gone.append(row)
        size += of
    _delete(connection, gone)
    if ordinary:
        now_held.ordinary -= size
    else:
        now_held.others -= size
    return len(gone)


def _delete(connection: sqlite3.Connection, rows: Sequence[int]) -> None:
    for table, key in (("chunks", "trace"), ("visits", "trace"), ("traces", "id")):
        connection.executemany(f"DELETE FROM {table} WHERE {key} = ?", ((row,) for row in rows))  # noqa: S608
