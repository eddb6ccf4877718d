"""`POST /v1/traces` over the wire, as OTLP/HTTP asks for it; with the exporter of OpenTelemetry's SDK as one sender."""

from __future__ import annotations

import gzip
import importlib
import json
from pathlib import Path

import pytest

from tests.runbooks.console.support import Answer, Running, running
from tests.traces.support import otlp, request_message
from watchkeeper.clock import now
from watchkeeper.errors import StoreError
from watchkeeper.traces import TracesOverloaded, TraceStore, decoding

PROTOBUF = "application/x-protobuf"
OLD = "the time that traces are kept for"


@pytest.fixture
def console(tracing: tuple[Running, TraceStore]) -> Running:
    return tracing[0]


def send(console: Running, body: bytes, kind: str = PROTOBUF, **headers: str) -> Answer:
    return console.client.ask("POST", "/v1/traces", body, content_type=kind, **headers)


def fresh(number: int, spans: int = 2) -> tuple[str, bytes]:
    """A trace of its own that began now."""
    message = request_message(spans, at=now())
    trace_id = f"{number:032x}"
    for one in message.resource_spans[0].scope_spans[0].spans:
        one.trace_id = bytes.fromhex(trace_id)
    return trace_id, message.SerializeToString()


def status(answer: Answer) -> tuple[int, str]:
    found = importlib.import_module("google.rpc.status_pb2").Status.FromString(answer.body)
    return found.code, found.message


def test_accepted_spans_are_stored_when_the_answer_comes(console: Running, store: TraceStore) -> None:
    trace_id, body = fresh(1)
    answer = send(console, body)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-type"] == PROTOBUF
    found = store.trace(trace_id)
    assert found is not None
    assert len(found.spans) == 2


def test_gzip_is_unpacked(console: Running, store: TraceStore) -> None:
    trace_id, body = fresh(2)
    assert send(console, gzip.compress(body), content_encoding="gzip").status == 200
    assert store.trace(trace_id) is not None


def test_json_is_answered_in_json(console: Running, store: TraceStore) -> None:
    span = {
        "traceId": f"{3:032X}",
        "spanId": "00000000000000aa",
        "name": "web",
        "kind": 2,
        "startTimeUnixNano": str(int(now() * 1e9)),
        "endTimeUnixNano": str(int(now() * 1e9) + 5),
    }
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span, {"name": "without ids"}]}]}]}).encode()
    answer = send(console, body, "application/json; charset=utf-8")
    assert answer.status == 200
    assert json.loads(answer.body) == {
        "partialSuccess": {"rejectedSpans": "1", "errorMessage": "1: trace_id is not 16 bytes, or all zero"}
    }
    found = store.trace(f"{3:032x}")
    assert found is not None
    assert found.spans[0].service == "unknown"


def test_what_is_refused_among_others_is_a_partial_success(console: Running) -> None:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    answer = send(console, otlp(3, at=now() - 30 * 86_400))
    assert answer.status == 200
    partial = ExportTraceServiceResponse.FromString(answer.body).partial_success
    assert partial.rejected_spans == 3
    assert OLD in partial.error_message


def test_garbage_is_400_with_one_line(console: Running) -> None:
    for kind in (PROTOBUF, "application/json"):
        answer = send(console, b"garbage", kind)
        assert answer.status == 400
        text = status(answer)[1] if kind == PROTOBUF else json.loads(answer.body)["message"]
        assert text.startswith("this is no OTLP request for traces: ")
        assert "\n" not in text


@pytest.mark.parametrize(
    "kind,headers,message",
    [
        ("text/plain", {}, "text/plain"),
        (PROTOBUF, {"content_encoding": "br"}, "send gzip, or none"),
    ],
)
def test_what_cannot_be_read_is_415(console: Running, kind: str, headers: dict[str, str], message: str) -> None:
    answer = send(console, otlp(1, at=now()), kind, **headers)
    assert answer.status == 415
    assert message in answer.body.decode(errors="replace")


def test_too_much_is_413(console: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "BODY_BYTES", 1000)
    monkeypatch.setattr(decoding, "UNPACKED_BYTES", 5000)
    assert send(console, bytes(1001)).status == 413
    answer = send(console, gzip.compress(bytes(6000)), content_encoding="gzip")
    assert answer.status == 413
    assert "when unpacked" in status(answer)[1]


@pytest.mark.parametrize("error", [TracesOverloaded("9 spans wait"), StoreError("No space left on device")])
def test_what_can_be_sent_again_is_503(
    console: Running, store: TraceStore, monkeypatch: pytest.MonkeyPatch, error: StoreError
) -> None:
    def fail(_: object) -> int:
        raise error

    monkeypatch.setattr(store, "add", fail)
    answer = send(console, fresh(4)[1])
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert status(answer) == (14, str(error))


def test_more_than_there_is_room_for_is_503_before_it_is_read(console: Running) -> None:
    intake = console.server.app.state.console.intake
    with intake.reserve(32 * 1024 * 1024 - 10):
        assert send(console, fresh(5)[1]).status == 503
    assert send(console, fresh(5)[1]).status == 200


def test_a_page_in_a_browser_cannot_send_spans(console: Running) -> None:
    assert send(console, fresh(6)[1], origin="http://evil.example").status == 403


def test_any_name_of_this_machine_will_do(console: Running) -> None:
    assert send(console, fresh(7)[1], host="watchkeeper.internal:8787").status == 200


def test_without_a_store_it_says_how_to_get_one(tmp_path: Path) -> None:
    with running(tmp_path) as console:
        answer = send(console, otlp(1))
        assert answer.status == 404
        assert "traces.enabled" in answer.body.decode()
        assert console.client.get("/traces").status == 404
        assert "Traces" not in console.client.get("/").text


def test_the_exporter_of_the_sdk_gets_its_spans_here(console: Running, store: TraceStore) -> None:
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    exporter = OTLPSpanExporter(endpoint=f"{console.server.url}/v1/traces", compression=Compression.Gzip)
    provider = TracerProvider(resource=Resource({"service.name": "sdk-service"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("tests").start_as_current_span("exported") as span:
        trace_id = f"{span.get_span_context().trace_id:032x}"
    provider.shutdown()
    found = store.trace(trace_id)
    assert found is not None
    assert [(one.service, one.name) for one in found.spans] == [("sdk-service", "exported")]


def test_the_answer_tells_of_a_trace_that_is_too_long(
    console: Running, store: TraceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "add", lambda spans: 1)
    body = b'{"resourceSpans": []}'
    answer = send(console, body, "application/json")
    assert "too many spans" in json.loads(answer.body)["partialSuccess"]["errorMessage"]
