"""Writing spans into the tables of the trace store."""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from watchkeeper.traces.model import Span

__all__ = ["MAX_TRACE_SPANS", "Written", "pack", "unpack", "write"]

MAX_TRACE_SPANS = 10_000
"""Spans of one trace; more are refused: a loop that never ends is one trace, and would take all the room."""
_OPERATIONS = 100

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Span])


def pack(spans: Sequence[Span]) -> bytes:
    """Spans as they stand in the file."""
    return zlib.compress(_encoder.encode(spans), 1)


def unpack(data: bytes) -> list[Span]:
    """The spans of a chunk."""
    return _decoder.decode(zlib.decompress(data))


class Written(NamedTuple):
    """The spans of a request that were stored, and how many were refused; what was there already is neither."""

    stored: Sequence[Span]
    refused: int


def write(connection: sqlite3.Connection, spans: Iterable[Span], at: float) -> Written:
    """Write the spans of one request within a transaction of the caller's."""
    traces: dict[str, list[Span]] = {}
    for span in spans:
        traces.setdefault(span.trace_id, []).append(span)
    stored: list[Span] = []
    refused = 0
    for trace_id, found in traces.items():
        written = _write_trace(connection, bytes.fromhex(trace_id), found, at)
        stored += written.stored
        refused += written.refused
    return Written(stored, refused)


def _write_trace(connection: sqlite3.Connection, trace_id: bytes, spans: list[Span], at: float) -> Written:
    known = connection.execute("SELECT id, spans FROM traces WHERE trace = ?", (trace_id,)).fetchone()
    digest = hashlib.blake2b("".join(sorted(f"{s.span_id}{s.kind}" for s in spans)).encode(), digest_size=8).digest()
    if known is not None:
        there = connection.execute("SELECT 1 FROM chunks WHERE trace = ? AND digest = ?", (known[0], digest))
        if there.fetchone() is not None:
            return Written((), 0)  # the answer to the first attempt was lost on the way
    room = MAX_TRACE_SPANS - (0 if known is None else known[1])
    refused = max(0, len(spans) - room)
    if refused:
        spans = spans[: len(spans) - refused]
        if not spans:
            return Written((), refused)
    data = pack(spans)
    row = _upsert_trace(connection, trace_id, spans, len(data), at)
    connection.execute("INSERT INTO chunks (trace, digest, data) VALUES (?, ?, ?)", (row, digest, data))
    services: dict[str, list[Span]] = {}
    for span in spans:
        services.setdefault(span.service, []).append(span)
    for service, found in services.items():
        _upsert_visit(connection, row, service, found)
    return Written(spans, refused)


def _upsert_trace(connection: sqlite3.Connection, trace_id: bytes, spans: list[Span], size: int, at: float) -> int:
    root = next((span for span in spans if not span.parent_id), None)
    entry = min(spans, key=lambda span: span.start) if root is None else root
    values: Mapping[str, object] = {
        "trace": trace_id,
        "first": min(span.start for span in spans) / 1e9,
        "last": max(span.end for span in spans) / 1e9,
        "received": at,
        "spans": len(spans),
        "errors": sum(span.failed for span in spans),
        "bytes": size,
        "service": entry.service,
        "name": entry.name,
        "rooted": int(root is not None),
    }
    # A root names the trace; until it comes, the first span does. Late spans of a trace that was kept as a sample may
    # bring an error: then it is judged again.
    row: int = connection.execute(
        """
        INSERT INTO traces (trace, first, last, received, spans, errors, bytes, service, name, rooted)
        VALUES (:trace, :first, :last, :received, :spans, :errors, :bytes, :service, :name, :rooted)
        ON CONFLICT (trace) DO UPDATE SET
            service = iif(rooted < excluded.rooted OR (rooted = excluded.rooted AND excluded.first < first),
                          excluded.service, service),
            name = iif(rooted < excluded.rooted OR (rooted = excluded.rooted AND excluded.first < first),
                       excluded.name, name),
            rooted = max(rooted, excluded.rooted),
            first = min(first, excluded.first), last = max(last, excluded.last), received = excluded.received,
            spans = spans + excluded.spans, errors = errors + excluded.errors, bytes = bytes + excluded.bytes,
            kept = 'all'
        RETURNING id
        """,
        values,
    ).fetchone()[0]
    return row


def _upsert_visit(connection: sqlite3.Connection, row: int, service: str, spans: list[Span]) -> None:
    known = connection.execute(
        "SELECT operations FROM visits WHERE trace = ? AND service = ?", (row, service)
    ).fetchone()
    names = dict.fromkeys([] if known is None else known[0].strip("\n").split("\n"))
    for span in spans:
        if len(names) < _OPERATIONS:
            names[" ".join(span.name.split())] = None
    connection.execute(
        """
        INSERT INTO visits (trace, service, first, seconds, errors, operations) VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (trace, service) DO UPDATE SET
            first = min(first, excluded.first), seconds = max(seconds, excluded.seconds),
            errors = errors + excluded.errors, operations = excluded.operations
        """,
        (
            row,
            service,
            min(span.start for span in spans) / 1e9,
            max(span.end - span.start for span in spans) / 1e9,
            sum(span.failed for span in spans),
            "\n" + "\n".join(names) + "\n",
        ),
    )
