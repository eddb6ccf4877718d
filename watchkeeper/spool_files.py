"""The files of a spool: how a record and a position stand on disk.

    header   8 bytes   "WKSPL", 0, 0, format version
    record             length (u32), crc32 of the rest (u32), time of acceptance in ms (u64), content

All numbers are little endian. The file `position` holds segment (u64), offset (u64) and their crc32 (u32).
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import BinaryIO, NamedTuple

from watchkeeper.disk import replacing
from watchkeeper.errors import WatchkeeperError

__all__ = [
    "HEADER",
    "OVERHEAD",
    "Entry",
    "Position",
    "SpoolError",
    "framed",
    "next_entry",
    "read_position",
    "write_position",
]

HEADER = b"WKSPL\x00\x00\x01"
_FRAME = struct.Struct("<II")
_TIME = struct.Struct("<Q")
OVERHEAD = _FRAME.size + _TIME.size
_POSITION = struct.Struct("<QQ")


class SpoolError(WatchkeeperError):
    """The queue on disk cannot be used, or did not accept a record."""

    exit_code = 3


class Position(NamedTuple):
    """A place between two records: the number of a segment, and the byte in it."""

    segment: int
    offset: int


class Entry(NamedTuple):
    """A record that waits: `after` is what to acknowledge, `accepted` in Unix seconds."""

    after: Position
    accepted: float
    record: bytes


def framed(record: bytes, accepted: float) -> bytes:
    """A record as it stands in a segment; `accepted` in Unix seconds."""
    body = _TIME.pack(max(0, int(accepted * 1000))) + record
    return _FRAME.pack(len(body), zlib.crc32(body)) + body


def read_position(path: Path) -> Position | None:
    """The position in a file, the beginning when there is none; None when it is unreadable. Raises OSError."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Position(0, 0)
    body = data[: _POSITION.size]
    if data[_POSITION.size :] != zlib.crc32(body).to_bytes(4, "little"):
        return None
    return Position(*_POSITION.unpack(body))


def write_position(path: Path, position: Position) -> None:
    """Replace the position in a file as a whole. Raises OSError."""
    body = _POSITION.pack(*position)
    with replacing(path, mode=0o600) as file:
        file.write(body + zlib.crc32(body).to_bytes(4, "little"))


def next_entry(file: BinaryIO, at: Position, end: int) -> Entry | None:
    """The record at a position, where the file stands; None at the end, and where it is torn."""
    room = end - at.offset - _FRAME.size
    frame = file.read(_FRAME.size) if room >= _TIME.size else b""
    if len(frame) < _FRAME.size:
        return None
    length, crc = _FRAME.unpack(frame)
    if not _TIME.size <= length <= room:
        return None
    body = file.read(length)
    if len(body) < length or zlib.crc32(body) != crc:
        return None
    (milliseconds,) = _TIME.unpack_from(body)
    after = Position(at.segment, at.offset + _FRAME.size + length)
    return Entry(after, milliseconds / 1000, body[_TIME.size :])
