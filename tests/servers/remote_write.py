"""Prometheus remote write, for samples that a scrape or OpenMetrics text cannot express (stale markers)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence

from collectors.remote_write import HEADERS, snappy, time_series
from tests.servers import http

__all__ = ["STALE", "decoded", "remote_write"]

# The bits of the NaN that marks the end of a series (model/value/value.go of Prometheus).
STALE: float = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]


def remote_write(url: str, series: Iterable[tuple[Mapping[str, str], Sequence[tuple[float, float]]]]) -> None:
    """Send series to the server at base address `url`, which must have its remote-write receiver on.

    A series is its labels (`__name__` among them) and samples of (Unix seconds, value), oldest first; `STALE`
    marks its end. `OSError` with the server's text when it refuses, as for samples that are too old.
    """
    request = b"".join(time_series(labels, samples) for labels, samples in series)
    http.post(f"{url}/api/v1/write", snappy(request), headers=HEADERS)


def decoded(request: bytes) -> list[tuple[dict[str, str], list[tuple[int, float]]]]:
    """The series of a `WriteRequest`: labels, and samples of (milliseconds, value)."""
    found = []
    for _, series in _fields(request):
        labels, samples = {}, []
        for number, content in _fields(series):
            inner = dict(_fields(content))
            if number == 1:
                labels[inner[1].decode()] = inner[2].decode()
            else:
                (value,) = struct.unpack("<d", inner[1])
                samples.append((int.from_bytes(inner[2], "big", signed=True), value))
        found.append((labels, samples))
    return found


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and content of the fields of a message; a varint as eight bytes, big endian."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        if tag & 7 == 0:
            value, at = _varint(data, at)
            yield tag >> 3, value.to_bytes(8, "big")
            continue
        size, at = (8, at) if tag & 7 == 1 else _varint(data, at)
        yield tag >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
