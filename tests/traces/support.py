"""Spans for tests: made by hand, or by OpenTelemetry's SDK and its OTLP encoder."""

from __future__ import annotations

import itertools
from typing import Any

from watchkeeper.traces import Span, Trace

__all__ = ["AT", "TRACE", "number", "otlp", "request_message", "span", "trace"]

AT = 1_795_000_000.0
"""The time of the tests, seconds since the epoch."""
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"

_numbers = itertools.count(1)


def number(n: int) -> str:
    """The id of a trace, made of a number."""
    return f"{n:032x}"


def span(
    name: str = "work",
    start: float = 0.0,
    seconds: float = 1.0,
    *,
    id: int | None = None,
    parent: int = 0,
    trace_id: str = TRACE,
    service: str = "gateway",
    kind: str = "internal",
    error: str = "",
    **more: Any,
) -> Span:
    """A span that begins `start` seconds after `AT`; ids are numbers here."""
    begin = int((AT + start) * 1e9)
    return Span(
        trace_id=trace_id,
        span_id=f"{next(_numbers) if id is None else id:016x}",
        parent_id=f"{parent:016x}" if parent else "",
        service=service,
        name=name,
        kind=kind,
        start=begin,
        end=begin + round(seconds * 1e9),
        status="error" if error else "unset",
        message=error,
        **more,
    )


def trace(*spans: Span) -> Trace:
    """A trace of spans."""
    return Trace(spans[0].trace_id, spans)


def request_message(spans: int = 3, *, at: float = AT, service: str = "gateway") -> Any:
    """An ExportTraceServiceRequest as protobuf's own classes make it: a root, and children with one of everything."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
    from opentelemetry.proto.trace.v1.trace_pb2 import Span as Proto

    def pair(key: str, **value: Any) -> Any:
        return KeyValue(key=key, value=AnyValue(**value))

    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.extend([pair("service.name", string_value=service), pair("host.name", string_value="h1")])
    scope = group.scope_spans.add()
    scope.scope.name = "tests"
    start = int(at * 1e9)
    for number in range(1, spans + 1):
        found = scope.spans.add()
        found.trace_id = bytes.fromhex(TRACE)
        found.span_id = number.to_bytes(8, "big")
        found.parent_span_id = b"" if number == 1 else (1).to_bytes(8, "big")
        found.name = f"step {number}"
        found.kind = Proto.SPAN_KIND_SERVER if number == 1 else Proto.SPAN_KIND_CLIENT
        found.start_time_unix_nano = start + number
        found.end_time_unix_nano = start + 1_000_000_000 + number
        values = [AnyValue(string_value="a"), AnyValue(int_value=2)]
        found.attributes.extend(
            [
                pair("text", string_value="größer"),
                pair("whole", int_value=-5),
                pair("real", double_value=0.25),
                pair("truth", bool_value=True),
                pair("bytes", bytes_value=b"\x00\xff"),
                pair("list", array_value=ArrayValue(values=values)),
                pair("map", kvlist_value=KeyValueList(values=[pair("k", string_value="v")])),
            ]
        )
        if number == 2:
            found.status.code = 2
            found.status.message = "it broke"
            event = found.events.add(time_unix_nano=start + 500, name="exception")
            event.attributes.extend([pair("exception.type", string_value="ValueError")])
            found.links.add(trace_id=bytes.fromhex("ab" * 16), span_id=bytes.fromhex("cd" * 8))
            found.dropped_attributes_count = 4
    return request


def otlp(spans: int = 3, **more: Any) -> bytes:
    """The same as bytes on the wire."""
    body: bytes = request_message(spans, **more).SerializeToString()
    return body
