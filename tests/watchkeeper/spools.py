"""What is in a queue on disk, for its tests."""

from __future__ import annotations

import contextlib
from pathlib import Path

from watchkeeper.spool import Spool

__all__ = ["LIMIT", "drain", "segments", "waiting"]

LIMIT = 2**20


def drain(spool: Spool) -> list[bytes]:
    """All records, taken out three at a time."""
    found = []
    while entries := spool.peek(records=3):
        found += [entry.record for entry in entries]
        spool.ack(entries[-1].after)
    return found


def waiting(directory: Path, limit: int = LIMIT) -> list[bytes]:
    """All records, as one who opens the queue anew sees them; they stay."""
    with contextlib.closing(Spool(directory, limit)) as spool:
        return [entry.record for entry in spool.peek(records=10**6, room=10**9)]


def segments(directory: Path) -> list[Path]:
    """The files with records, the oldest first."""
    return sorted(directory.glob("*.spool"))
