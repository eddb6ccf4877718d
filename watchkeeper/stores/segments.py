"""Segments: the write-ahead log of the embedded store.

    header   8 bytes   "WKWAL", 0, 0, format version
    record             length (u32), crc32 of the content (u32), content

The content of a record begins with a byte that says its kind: SERIES (a JSON array of [number, labels]), BATCH (a
count n, then the columns series u32[n], times i64[n], values f64[n]), COLUMN (a series number, a count n, times
i64[n], values f64[n]). Series are numbered for one segment, which begins with no series. All numbers are little
endian.

Each batch is handed to the operating system before `write` returns, so it survives the death of the process; it is
synced to the disk with the first batch that comes SYNC_SECONDS after the last sync, so a power failure can cost the
samples of that time. A record that is torn ends the log: it is cut off.
"""

from __future__ import annotations

import json
import logging
import os
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from watchkeeper.clock import Clock, monotonic
from watchkeeper.errors import StoreError

__all__ = ["SYNC_SECONDS", "Segment", "replay"]

log = logging.getLogger(__name__)

SYNC_SECONDS = 10.0
HEADER = b"WKWAL\x00\x00\x01"
SERIES, BATCH, COLUMN = b"S", b"B", b"C"
_FRAME = struct.Struct("<II")
_COUNT = struct.Struct("<I")
_COLUMN = struct.Struct("<II")

Columns = tuple[NDArray[np.uint32], NDArray[np.int64], NDArray[np.float64]]


class Segment:
    """A segment that is appended to."""

    def __init__(self, path: Path, clock: Clock = monotonic) -> None:
        self.path = path
        self._clock = clock
        self._defined: set[int] = set()
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            self._size = 0
            self._append(HEADER)
        except OSError as error:
            raise StoreError(f"{path}: cannot be written: {error.strerror}") from None
        self._synced = clock()

    def write(self, ids: Sequence[int], times: Sequence[int], values: Sequence[float], labels: Labels) -> None:
        """Append a batch; `labels` gives the labels of a series number. Raises StoreError when the disk refuses."""
        batch = b"".join(
            (
                BATCH,
                _COUNT.pack(len(ids)),
                np.array(ids, "<u4").tobytes(),
                np.array(times, "<i8").tobytes(),
                np.array(values, "<f8").tobytes(),
            )
        )
        self._write(self._definitions(ids, labels) + _framed(batch))

    def write_column(self, number: int, times: NDArray[np.int64], values: NDArray[np.float64], labels: Labels) -> None:
        """Append samples of one series. Raises StoreError when the disk refuses."""
        column = COLUMN + _COLUMN.pack(number, len(times)) + times.astype("<i8").tobytes()
        self._write(self._definitions((number,), labels) + _framed(column + values.astype("<f8", copy=False).tobytes()))

    def flush(self) -> None:
        """Make what was written survive a power failure. Raises StoreError."""
        try:
            self._sync()
        except OSError as error:
            raise StoreError(f"{self.path}: cannot be synced: {error.strerror}") from None

    def close(self) -> None:
        """Sync and close."""
        try:
            self._sync()
        except OSError as error:
            log.error("%s: cannot be synced: %s", self.path, error.strerror)
        os.close(self._file)

    def _sync(self) -> None:
        os.fsync(self._file)
        self._synced = self._clock()

    def _definitions(self, ids: Sequence[int], labels: Labels) -> bytes:
        new = set(ids) - self._defined
        if not new:
            return b""
        self._defined |= new
        text = json.dumps([[number, dict(labels[number])] for number in sorted(new)], separators=(",", ":"))
        return _framed(SERIES + text.encode())

    def _write(self, data: bytes) -> None:
        try:
            self._append(data)
            if self._clock() - self._synced >= SYNC_SECONDS:
                self._sync()
        except OSError as error:
            # A record torn here would hide those after it.
            os.ftruncate(self._file, self._size)
            os.lseek(self._file, self._size, os.SEEK_SET)
            self._defined.clear()
            raise StoreError(f"{self.path}: cannot be written: {error.strerror}") from None

    def _append(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._file, rest) :]
        self._size += len(data)


Labels = Mapping[int, Mapping[str, str]]


def replay(path: Path) -> Iterator[tuple[dict[int, dict[str, str]], Columns]]:
    """The batches of a segment, with the labels of the series that are new in each; a torn end is cut off and logged.

    Raises StoreError when the file cannot be read, or is of another version: it is not ours to throw away.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror}") from None
    if data[: len(HEADER)] != HEADER[: len(data)]:
        raise StoreError(f"{path}: no segment of this format version: open it with the version that wrote it")
    if len(data) < len(HEADER):
        return  # the process died when it made the file
    new: dict[int, dict[str, str]] = {}
    offset = len(HEADER)
    while offset < len(data):
        content = _content(data, offset)
        if content is None:
            log.warning("%s: torn at byte %d, the last %d bytes are cut off", path, offset, len(data) - offset)
            os.truncate(path, offset)
            return
        offset += _FRAME.size + len(content)
        kind, body = content[:1], content[1:]
        if kind == SERIES:
            new.update(dict(json.loads(body)))
            continue
        yield new, _columns(kind, body)
        new = {}


def _framed(content: bytes) -> bytes:
    return _FRAME.pack(len(content), zlib.crc32(content)) + content


def _content(data: bytes, offset: int) -> bytes | None:
    """The content of the record at an offset; None when it is torn."""
    if offset + _FRAME.size > len(data):
        return None
    length, crc = _FRAME.unpack_from(data, offset)
    content = data[offset + _FRAME.size : offset + _FRAME.size + length]
    whole = len(content) == length and length > 0 and zlib.crc32(content) == crc
    return content if whole else None


def _columns(kind: bytes, body: bytes) -> Columns:
    if kind == COLUMN:
        number, count = _COLUMN.unpack_from(body)
        start, ids = _COLUMN.size, np.full(count, number, np.uint32)
    else:
        (count,) = _COUNT.unpack_from(body)
        start = _COUNT.size + 4 * count
        ids = np.frombuffer(body, "<u4", count, _COUNT.size).astype(np.uint32)
    times = np.frombuffer(body, "<i8", count, start)
    return ids, times, np.frombuffer(body, "<f8", count, start + 8 * count)
