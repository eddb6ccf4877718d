"""OTLP in protobuf and JSON: what comes in as it was sent, and what strangers send."""

from __future__ import annotations

import contextlib
import gzip
import importlib
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.traces.support import AT, TRACE, otlp, request_message
from watchkeeper.traces import NotOtlp, TooLarge, decode, decoding
from watchkeeper.traces.decoding import JSON, PROTOBUF, UNPACKED_BYTES, unpacked
from watchkeeper.traces.limits import ATTRIBUTES, VALUE_LENGTH

MARK = "cut]"


def as_json(message: Any) -> bytes:
    """OTLP's JSON of a message: protobuf's, with ids in hex."""
    import base64

    json_format: Any = importlib.import_module("google.protobuf.json_format")
    found = json_format.MessageToDict(message)

    def hexed(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: base64.b64decode(inner).hex() if key in ("traceId", "spanId", "parentSpanId") else hexed(inner)
                for key, inner in value.items()
            }
        return [hexed(item) for item in value] if isinstance(value, list) else value

    return json.dumps(hexed(found)).encode()


@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
def test_a_span_arrives_as_it_was_sent(kind: str) -> None:
    message = request_message(2)
    body = as_json(message) if kind == JSON else message.SerializeToString()
    root, child = decode(body, kind, at=AT).spans
    assert (root.trace_id, root.span_id, root.parent_id) == (TRACE, "0000000000000001", "")
    assert (root.service, root.name, root.kind, root.scope) == ("gateway", "step 1", "server", "tests")
    assert (root.start, root.end) == (int(AT * 1e9) + 1, int(AT * 1e9) + 1_000_000_001)
    assert root.resource == {"host.name": "h1"}
    assert root.attributes == {
        "text": "größer",
        "whole": -5,
        "real": 0.25,
        "truth": True,
        "bytes": "AP8=",
        "list": '["a", 2]',
        "map": '{"k": "v"}',
    }
    assert (child.parent_id, child.kind, child.status, child.message) == (root.span_id, "client", "error", "it broke")
    assert [(event.name, event.attributes) for event in child.events] == [
        ("exception", {"exception.type": "ValueError"})
    ]
    assert [(link.trace_id, link.span_id) for link in child.links] == [("ab" * 16, "cd" * 8)]
    assert child.cut == 4


def test_what_the_sdk_exports_is_understood() -> None:
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "planner"}))
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("tests")
    with tracer.start_as_current_span("plan"), pytest.raises(ValueError), tracer.start_as_current_span("think"):
        raise ValueError("no idea")
    child, root = decode(encode_spans(memory.get_finished_spans()).SerializeToString()).spans
    assert (root.name, root.service, child.parent_id) == ("plan", "planner", root.span_id)
    assert child.failed
    assert child.events[0].attributes["exception.message"] == "no idea"


@pytest.mark.parametrize(
    "change,reason",
    [
        ({"trace_id": b"short"}, "trace_id is not 16 bytes"),
        ({"trace_id": bytes(16)}, "trace_id is not 16 bytes, or all zero"),
        ({"span_id": bytes(8)}, "span_id is not 8 bytes, or all zero"),
        ({"parent_span_id": b"123"}, "parent_span_id is not 8 bytes"),
        ({"start_time_unix_nano": 0}, "there is no start time"),
        ({"start_time_unix_nano": 1}, "it began before the time that traces are kept for"),
        ({"end_time_unix_nano": 2**63}, "its times are more than a day ahead"),
    ],
)
def test_a_span_that_cannot_be_kept_is_refused_and_the_others_stay(change: dict[str, Any], reason: str) -> None:
    message = request_message(3)
    for name, value in change.items():
        setattr(message.resource_spans[0].scope_spans[0].spans[1], name, value)
    found = decode(message.SerializeToString(), at=AT)
    assert [span.name for span in found.spans] == ["step 1", "step 3"]
    assert found.refused == 1
    assert reason in found.reasons


def test_more_spans_than_a_request_may_have_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MAX_SPANS", 5)
    found = decode(otlp(7), at=AT)
    assert (len(found.spans), found.refused) == (5, 2)


def test_a_span_that_ends_before_it_begins_takes_no_time() -> None:
    message = request_message(1)
    message.resource_spans[0].scope_spans[0].spans[0].end_time_unix_nano = int((AT - 5) * 1e9)
    assert decode(message.SerializeToString(), at=AT).spans[0].seconds == 0


def test_long_values_and_many_attributes_are_cut_with_a_mark() -> None:
    message = request_message(1)
    found = message.resource_spans[0].scope_spans[0].spans[0]
    for number in range(ATTRIBUTES + 10):
        found.attributes.add(key=f"key {number}").value.string_value = "x" * (VALUE_LENGTH + 7)
    (span,) = decode(message.SerializeToString(), at=AT).spans
    assert len(span.attributes) == ATTRIBUTES
    assert str(span.attributes["key 0"]).endswith("… [7 characters cut]")
    assert span.cut > 10


def test_the_end_of_a_stack_trace_stays() -> None:
    message = request_message(1)
    event = message.resource_spans[0].scope_spans[0].spans[0].events.add(name="exception", time_unix_nano=1)
    event.attributes.add(key="exception.stacktrace").value.string_value = "x" * VALUE_LENGTH * 2 + "ValueError: here"
    (span,) = decode(message.SerializeToString(), at=AT).spans
    text = str(span.events[0].attributes["exception.stacktrace"])
    assert text.endswith("ValueError: here")
    assert MARK in text


def test_a_value_nested_without_end_ends() -> None:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue

    value = AnyValue(string_value="deep")
    for _ in range(30):
        value = AnyValue(array_value=ArrayValue(values=[value]))
    message = request_message(1)
    message.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="nested").value.CopyFrom(value)
    (span,) = decode(message.SerializeToString(), at=AT).spans
    assert str(span.attributes["nested"]).count("[") < 10


@pytest.mark.parametrize(
    "body",
    [b"garbage", b"\x00\x00\x00", b"\x0a\xff", otlp(2)[:-3], b"\x0b", b"\xff" * 20, b"\x08\x01\x0a\x02\x08"],
)
def test_garbage_is_no_otlp(body: bytes) -> None:
    with pytest.raises(NotOtlp):
        decode(body, at=AT)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"resourceSpans": 3}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": ["x"]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": "soon"}]}]}]}',
        b'{"a": ' + b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_json_that_is_no_request_is_no_otlp(body: bytes) -> None:
    with pytest.raises(NotOtlp):
        decode(body, JSON, at=AT)


@given(st.binary(max_size=200))
def test_any_bytes_are_spans_or_no_otlp(body: bytes) -> None:
    for kind in (PROTOBUF, JSON):
        with contextlib.suppress(NotOtlp):
            assert decode(body, kind, at=AT).spans == ()


@given(st.data())
def test_a_request_with_one_byte_changed_does_no_harm(data: st.DataObject) -> None:
    body = bytearray(otlp(2))
    body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(NotOtlp):
        assert len(decode(bytes(body), at=AT).spans) <= 2


def test_gzip_is_unpacked_member_by_member() -> None:
    assert unpacked(gzip.compress(b"one ") + gzip.compress(b"two"), "gzip") == b"one two"


@pytest.mark.parametrize("body", [b"not gzip", gzip.compress(otlp(2))[:-12]])
def test_a_broken_gzip_stream_is_told(body: bytes) -> None:
    with pytest.raises(NotOtlp, match="gzip"):
        unpacked(body, "gzip")


def test_a_bomb_is_not_unpacked() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range((UNPACKED_BYTES >> 20) + 4)) + packer.flush()
    assert len(bomb) < 100_000
    with pytest.raises(TooLarge, match="16 MiB"):
        unpacked(bomb, "gzip")
