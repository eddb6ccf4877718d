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

__all__ = [
    "GRACE_SECONDS",
    "SHARE_OF_ORDINARY",
    "SLOW_FROM",
    "SLOW_SHARE",
    "delete_expired",
    "drawn",
    "judge",
    "make_room",
]

# An incident's first look comes within minutes of its beginning; alerts hold for about five.
GRACE_SECONDS = 600.0
SLOW_SHARE, SLOW_FROM = 0.05, 20
SHARE_OF_ORDINARY = 0.25
_BATCH = 500
_ROOM = 0.9

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


def used_bytes(connection: sqlite3.Connection) -> int:
    """The bytes of the file that hold something."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    return int((pages - free) * size)


def make_room(connection: sqlite3.Connection, limit: int) -> int:
    """Delete the oldest until nine tenths of the limit are used; each batch is a transaction of its own. How many."""
    deleted = 0
    while used_bytes(connection) > limit * _ROOM:
        ordinary, others = connection.execute(
            f"SELECT total(bytes) FILTER (WHERE kept IN {_ORDINARY}),"  # noqa: S608
            f" total(bytes) FILTER (WHERE kept NOT IN {_ORDINARY}) FROM traces"
        ).fetchone()
        which = "IN" if ordinary > SHARE_OF_ORDINARY * (ordinary + others) else "NOT IN"
        rows = connection.execute(
            f"SELECT id FROM traces WHERE kept {which} {_ORDINARY} ORDER BY first LIMIT ?",  # noqa: S608
            (_BATCH // 10,),
        ).fetchall()
        if not rows:
            break
        connection.execute("BEGIN IMMEDIATE")
        _delete(connection, [row for (row,) in rows])
        connection.execute("COMMIT")
        deleted += len(rows)
    return deleted


def _delete(connection: sqlite3.Connection, rows: Sequence[int]) -> None:
    for table, key in (("chunks", "trace"), ("visits", "trace"), ("traces", "id")):
        connection.executemany(f"DELETE FROM {table} WHERE {key} = ?", ((row,) for row in rows))  # noqa: S608
