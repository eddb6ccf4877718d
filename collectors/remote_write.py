"""Prometheus's remote-write protocol, version 1.0: samples as the protobuf that receivers take.

Written by hand, since its messages have few fields: https://prometheus.io/docs/specs/prw/remote_write_spec/
The snappy block that the protocol asks for holds literals alone, which every decoder reads: it costs bytes on the wire
and spares the sidecar a library. What waits on disk is compressed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from watchkeeper.outbox import Outcome, Send
from watchkeeper.posting import Poster

if TYPE_CHECKING:
    from watchkeeper.settings import RemoteWrite
    from watchkeeper.stores import Sample

__all__ = ["HEADERS", "poster", "sender", "snappy", "time_series", "write_request"]

HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}
_DOUBLE = struct.Struct("<d")
_LITERAL = 65_536


def write_request(samples: Iterable[Sample]) -> bytes:
    """A `WriteRequest`; two of them joined are one with the samples of both."""
    series = []
    for sample in samples:
        labels = {"__name__": sample.name, **sample.labels}
        series.append(time_series(labels, [(sample.time, sample.value)]))
    return b"".join(series)


def time_series(labels: Mapping[str, str], samples: Sequence[tuple[float, float]]) -> bytes:
    """One series of a `WriteRequest`: its labels (`__name__` among them), and samples of (Unix seconds, value)."""
    parts = [_label(*pair) for pair in sorted(labels.items())]
    for seconds, value in samples:
        parts.append(_field(2, b"\x09" + _DOUBLE.pack(value) + b"\x10" + _varint(round(seconds * 1000))))
    return _field(1, b"".join(parts))


def snappy(data: bytes) -> bytes:
    """The snappy block format with literals only: valid for every decoder, and as long as the data."""
    out = [_varint(len(data))]
    for start in range(0, len(data), _LITERAL):
        chunk = data[start : start + _LITERAL]
        out.append(bytes([61 << 2]) + struct.pack("<H", len(chunk) - 1) + chunk)
    return b"".join(out)


# Most labels of a target stand on many of its series.
@lru_cache(maxsize=4096)
def _label(name: str, value: str) -> bytes:
    return _field(1, _field(1, name.encode()) + _field(2, value.encode()))


def _field(number: int, data: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    if 0 <= value < 0x80:
        return bytes([value])
    value &= 0xFFFFFFFFFFFFFFFF  # a negative int64 takes ten bytes
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def poster(settings: RemoteWrite) -> Poster:
    """What posts to the receiver of the settings; its secrets are read for each request."""
    return Poster(settings.url, headers=settings.credentials, ca_file=settings.ca_file, timeout=settings.timeout)


def sender(to: Poster) -> Send:
    """Sends the bodies that `write_request` makes."""

    def send(body: bytes) -> Outcome:
        return Outcome(to.post(snappy(body), HEADERS))

    return send
