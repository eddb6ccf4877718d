"""From the body of a request to spans: unpacked, decoded, checked and cut to size."""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import dataclass

from watchkeeper.clock import now
from watchkeeper.traces import otlp_json, protobuf
from watchkeeper.traces.errors import NotOtlp, TooLarge
from watchkeeper.traces.limits import bounded, bounded_resource
from watchkeeper.traces.model import Span
from watchkeeper.traces.raw import RawSpan

__all__ = ["BODY_BYTES", "JSON", "MAX_SPANS", "PROTOBUF", "UNPACKED_BYTES", "Decoded", "decode", "unpacked"]

PROTOBUF, JSON = "application/x-protobuf", "application/json"
BODY_BYTES = 8 * 1024 * 1024
UNPACKED_BYTES = 16 * 1024 * 1024
MAX_SPANS = 20_000
"""Spans of one request; the SDKs send 512 at a time, a collector 8,192."""

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Decoded:
    """The spans that can be kept, and how many were refused, with the reasons in one line."""

    spans: tuple[Span, ...]
    refused: int = 0
    reasons: str = ""


def unpacked(body: bytes, encoding: str) -> bytes:
    """The body without its content-encoding (`gzip`, `identity` or none).

    Raises TooLarge before more than `UNPACKED_BYTES` are made, NotOtlp when it cannot be unpacked.
    """
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise NotOtlp(f"content-encoding {encoding[:40]!r} is not known: send gzip or none")
    found = bytearray()
    rest = body
    try:
        while rest:  # a gzip file may have several members
            unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
            found += unpacker.decompress(rest, UNPACKED_BYTES + 1 - len(found))
            if len(found) > UNPACKED_BYTES or unpacker.unconsumed_tail:
                raise TooLarge(f"the body is larger than {UNPACKED_BYTES >> 20} MiB when unpacked")
            if not unpacker.eof:
                raise NotOtlp("the body ends in the middle of its gzip stream")
            rest = unpacker.unused_data
    except zlib.error:
        raise NotOtlp("the body is not gzip, which content-encoding says it is") from None
    return bytes(found)


def decode(
    body: bytes, content_type: str = PROTOBUF, *, at: float | None = None, retention: float = 7 * _DAY
) -> Decoded:
    """The spans of an OTLP request, in protobuf or JSON.

    `at` is the time of arrival in seconds since the epoch. A span without valid ids or times, or from before the
    `retention` (seconds), or from more than a day ahead, is refused and the others stay. Raises NotOtlp for a body
    that is no request at all.
    """
    arrived = now() if at is None else at
    # All that a clock that is wrong could say; the dates of a trace decide how long it stays.
    earliest, latest = int((arrived - retention) * 1e9), int((arrived + _DAY) * 1e9)
    groups = (otlp_json if content_type == JSON else protobuf).read(body)
    spans: list[Span] = []
    refused: Counter[str] = Counter()
    for resource, scope, raw in groups:
        service = str(resource.get("service.name", ""))
        kept = bounded_resource(resource)
        for one in raw:
            reason = _refusal(one, earliest, latest)
            if not reason and len(spans) == MAX_SPANS:
                reason = f"more than {MAX_SPANS} spans in one request"
            if reason:
                refused[reason] += 1
                continue
            spans.append(bounded(one, service, kept, scope))
    return Decoded(tuple(spans), refused.total(), "; ".join(f"{n}: {reason}" for reason, n in refused.most_common()))


def _refusal(span: RawSpan, earliest: int, latest: int) -> str:
    if len(span.trace_id) != 16 or not any(span.trace_id):
        return "trace_id is not 16 bytes, or all zero"
    if len(span.span_id) != 8 or not any(span.span_id):
        return "span_id is not 8 bytes, or all zero"
    if len(span.parent_id) not in (0, 8):
        return "parent_span_id is not 8 bytes"
    if not span.start:
        return "there is no start time"
    if span.start < earliest:
        return "it began before the time that traces are kept for"
    if max(span.start, span.end) > latest:
        return "its times are more than a day ahead"
    return ""
