"""Answers of PostgreSQL as they come over the wire, made by hand."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from collectors.postgresql_protocol import Answer

__all__ = ["answer", "data_row"]


def data_row(cells: Sequence[bytes | None]) -> bytes:
    """A DataRow message."""
    body = struct.pack("!H", len(cells))
    for cell in cells:
        body += struct.pack("!i", -1) if cell is None else struct.pack("!i", len(cell)) + cell
    return b"D" + struct.pack("!I", len(body) + 4) + body


def answer(columns: tuple[str, ...], *rows: Sequence[bytes | None]) -> Answer:
    """An answer of some rows."""
    return Answer(columns, b"".join([data_row(row) for row in rows]))
