"""Prometheus remote write 1.0, for samples that a scrape or OpenMetrics text cannot express (stale markers).

The request is a snappy block of a protobuf `WriteRequest`, written here by hand, since its messages have few
fields: https://prometheus.io/docs/specs/prw/remote_write_spec/
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence

from tests.servers import http

__all__ = ["STALE", "remote_write"]

# The bits of the NaN that marks the end of a series (model/value/value.go of Prometheus).
STALE: float = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]


def remote_write(url: str, series: Iterable[tuple[Mapping[str, str], Sequence[tuple[float, float]]]]) -> None:
    """Send series to the server at base address `url`, which must have its remote-write receiver on.

    A series is its labels (`__name__` among them) and samples of (Unix seconds, value), oldest first; `STALE`
    marks its end. `OSError` with the server's text when it refuses, as for samples that are too old.
    """
    request = b"".join(_field(1, _time_series(labels, samples)) for labels, samples in series)
    headers = {
        "Content-Type": "application/x-protobuf",
        "Content-Encoding": "snappy",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
    }
    http.post(f"{url}/api/v1/write", _snappy(request), headers=headers)


def _time_series(labels: Mapping[str, str], samples: Sequence[tuple[float, float]]) -> bytes:
    parts = [_field(1, _field(1, k.encode()) + _field(2, v.encode())) for k, v in sorted(labels.items())]
    for seconds, value in samples:
        parts.append(_field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(round(seconds * 1000))))
    return b"".join(parts)


def _field(number: int, data: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    value &= 0xFFFFFFFFFFFFFFFF  # a negative int64 takes ten bytes
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _snappy(data: bytes) -> bytes:
    """The snappy block format with literals only: valid for every decoder, and as long as the data."""
    out = [_varint(len(data))]
    for start in range(0, len(data), 65_536):
        chunk = data[start : start + 65_536]
        out.append(bytes([61 << 2]) + struct.pack("<H", len(chunk) - 1) + chunk)
    return b"".join(out)
