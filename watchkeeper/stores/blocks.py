"""Block files: the embedded store's samples, columnar, compressed and never changed.

    header   8 bytes   "WKBLK", 0, 0, format version
    chunks             zlib data, at most CHUNK_SAMPLES samples of one series each
    labels             zlib data of a JSON array: the labels of each series, `__name__` among them
    rows               one ROW a chunk: series (index into labels), count, offset, length, crc32, first and last time
    footer   36 bytes  offset and length of labels, offset and number of rows, crc32 of labels and rows, "WKBLKEND"

A chunk's content: the times (int64 milliseconds) as differences of differences, then the values' bits (float64) XORed
with the one before, both with their bytes transposed, so that the equal ones lie together. Bits survive: a stale marker
stays one. All numbers are little endian.
"""

from __future__ import annotations

import json
import mmap
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from watchkeeper.errors import StoreError

__all__ = ["CHUNK_SAMPLES", "Block", "decode", "encode", "write_block"]

CHUNK_SAMPLES = 4096
"""The most samples of a chunk: a range is decoded with at most so many beyond either of its ends."""

HEADER = b"WKBLK\x00\x00\x01"
TAIL = b"WKBLKEND"
FOOTER = struct.Struct("<QIQII8s")
ROW = np.dtype(
    [
        ("series", "<u4"),
        ("count", "<u4"),
        ("offset", "<u8"),
        ("length", "<u4"),
        ("crc", "<u4"),
        ("start", "<i8"),
        ("end", "<i8"),
    ]
)
Times = NDArray[np.int64]
Values = NDArray[np.float64]


def encode(times: Times, values: Values) -> bytes:
    """The content of a chunk."""
    ticks = np.diff(np.diff(times, prepend=np.int64(0)), prepend=np.int64(0)).astype("<i8")
    bits = np.ascontiguousarray(values, "<f8").view("<u8")
    mixed = bits.copy()
    mixed[1:] ^= bits[:-1]
    return zlib.compress(_transposed(ticks) + _transposed(mixed), 1)


def decode(data: bytes | memoryview, count: int) -> tuple[Times, Values]:
    """The times and values of a chunk's content. Raises zlib.error or ValueError when it is none."""
    plain = np.frombuffer(zlib.decompress(data), np.uint8)
    ticks, bits = (np.ascontiguousarray(part.reshape(8, count).T).view("<u8").ravel() for part in np.split(plain, 2))
    times = np.cumsum(np.cumsum(ticks.view("<i8")))
    return times, np.bitwise_xor.accumulate(bits).view("<f8")


def _transposed(column: NDArray[np.generic]) -> bytes:
    return np.ascontiguousarray(column.view(np.uint8).reshape(-1, 8).T).tobytes()


def write_block(out: IO[bytes], series: Iterable[tuple[Mapping[str, str], Iterable[tuple[Times, Values]]]]) -> None:
    """Write a block of series, each with its columns in the order of time."""
    out.write(HEADER)
    offset = len(HEADER)
    names: list[Mapping[str, str]] = []
    rows: list[tuple[int, int, int, int, int, int, int]] = []
    for labels, parts in series:
        for times, values in parts:
            for first in range(0, len(times), CHUNK_SAMPLES):
                t, v = times[first : first + CHUNK_SAMPLES], values[first : first + CHUNK_SAMPLES]
                data = encode(t, v)
                out.write(data)
                rows.append((len(names), len(t), offset, len(data), zlib.crc32(data), int(t[0]), int(t[-1])))
                offset += len(data)
        names.append(labels)
    text = zlib.compress(json.dumps([dict(labels) for labels in names], separators=(",", ":")).encode(), 1)
    table = np.array(rows, ROW).tobytes()
    out.write(text)
    out.write(table)
    crc = zlib.crc32(table, zlib.crc32(text))
    out.write(FOOTER.pack(offset, len(text), offset + len(text), len(rows), crc, TAIL))


class Block:
    """One block, open for reading; `series` is what a series is known by in this process, given by `known`."""

    def __init__(
        self, data: bytes | mmap.mmap, known: Callable[[Mapping[str, str]], int], name: str = "a block in memory"
    ) -> None:
        self.name = name
        self.path: Path | None = None
        self._data = memoryview(data)
        try:
            at, length, table, count, crc, tail = FOOTER.unpack(self._data[-FOOTER.size :])
            text, rows = self._data[at : at + length], self._data[table : table + count * ROW.itemsize]
            if self._data[: len(HEADER)] != HEADER or tail != TAIL:
                raise ValueError("it is no block of this format version")
            if zlib.crc32(rows, zlib.crc32(text)) != crc:
                raise ValueError("its index is damaged")
            labels = json.loads(zlib.decompress(text))
        except (ValueError, struct.error, zlib.error) as error:
            raise StoreError(f"{name}: {error}") from None
        index = np.frombuffer(rows, ROW)
        ids = np.array([known(each) for each in labels], np.int64)[index["series"]]
        order = np.lexsort((index["start"], ids))
        self.series: NDArray[np.int64] = ids[order]
        self._rows = index[order]
        self.samples = int(index["count"].sum())
        self.start = int(index["start"].min()) if count else 0
        self.end = int(index["end"].max()) if count else 0

    @classmethod
    def open(cls, path: Path, known: Callable[[Mapping[str, str]], int]) -> Block:
        """The block of a file. Raises StoreError when it is damaged."""
        try:
            with path.open("rb") as file:
                data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise StoreError(f"{path}: cannot be read: {error}") from None
        block = cls(data, known, str(path))
        block.path = path
        return block

    def ends(self) -> Iterator[tuple[int, int]]:
        """Each series and the time of its newest sample."""
        last = np.append(np.nonzero(self.series[1:] != self.series[:-1])[0], len(self.series) - 1)
        return zip(self.series[last].tolist(), self._rows["end"][last].tolist(), strict=True)

    def find(self, series: NDArray[np.int64], start: int, end: int) -> Iterator[tuple[int, int]]:
        """The (position in `series`, row) of the chunks that these series have in start..end, in the order of time."""
        first = np.searchsorted(self.series, series, "left")
        last = np.searchsorted(self.series, series, "right")
        for position in np.nonzero(last > first)[0].tolist():
            for row in range(int(first[position]), int(last[position])):
                if self._rows["start"][row] <= end and self._rows["end"][row] >= start:
                    yield position, row

    def read(self, row: int) -> tuple[Times, Values]:
        """The samples of a chunk. Raises StoreError when it is damaged."""
        entry = self._rows[row]
        offset = int(entry["offset"])
        data = self._data[offset : offset + int(entry["length"])]
        if zlib.crc32(data) != int(entry["crc"]):
            raise StoreError(f"{self.name}: the chunk at byte {offset} is damaged")
        return decode(data, int(entry["count"]))
