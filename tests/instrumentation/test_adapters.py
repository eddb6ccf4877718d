"""The ecosystem's instrumentations with the real libraries: their spans become our metrics."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.instrumentation.conftest import Difference
from watchkeeper.instrumentation.adapters import (
    instrument_anthropic,
    instrument_asgi,
    instrument_celery,
    instrument_fastapi,
    instrument_openai,
)
from watchkeeper.instrumentation.spans import GenAiProcessor, RedProcessor
from watchkeeper.instrumentation.tracing import TracingError

PROMPT = "the secret plan"
OPENAI_ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4.1-2025-04-14",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "fine"}}],
    "usage": {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500},
}
ANTHROPIC_ANSWER = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5-20250929",
    "content": [{"type": "text", "text": "fine"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1000, "output_tokens": 500},
}


class Traced:
    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(resource=Resource.create({"service.name": "adapted"}))
        for processor in (RedProcessor(), GenAiProcessor(), SimpleSpanProcessor(self.exporter)):
            self.provider.add_span_processor(processor)

    def text(self) -> str:
        return "".join(span.to_json() for span in self.exporter.get_finished_spans())


@pytest.fixture
def traced() -> Iterator[Traced]:
    found = Traced()
    yield found
    found.provider.shutdown()


@contextmanager
def _api(answer: dict[str, Any]) -> Iterator[str]:
    """An API that always answers the same."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def _model(provider: str, model: str) -> dict[str, str]:
    return {
        "gen_ai_operation_name": "chat",
        "gen_ai_provider_name": provider,
        "gen_ai_request_model": model,
        "gen_ai_agent_name": "",
    }


def test_calls_of_openais_client_have_tokens_and_cost(traced: Traced, difference: Difference) -> None:
    openai = pytest.importorskip("openai")
    instrumentation = pytest.importorskip("opentelemetry.instrumentation.genai.openai")
    instrument_openai(tracer_provider=traced.provider)
    instrument_openai(tracer_provider=traced.provider)  # the second time changes nothing
    try:
        with _api(OPENAI_ANSWER) as url, openai.OpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0) as client:
            client.chat.completions.create(model="gpt-4.1", messages=[{"role": "user", "content": PROMPT}])
    finally:
        instrumentation.OpenAIInstrumentor().uninstrument()
    labels = _model("openai", "gpt-4.1")
    assert difference("gen_ai_client_token_usage_sum", **labels, gen_ai_token_type="input") == 1000
    assert difference("gen_ai_client_token_usage_sum", **labels, gen_ai_token_type="output") == 500
    labels.pop("gen_ai_operation_name")
    assert difference("watchkeeper_gen_ai_cost_usd_total", **labels) == pytest.approx(0.006)
    assert PROMPT not in traced.text()


@pytest.mark.filterwarnings("ignore:The model:DeprecationWarning")
def test_calls_of_anthropics_client_have_tokens_and_cost(traced: Traced, difference: Difference) -> None:
    anthropic = pytest.importorskip("anthropic")
    instrumentation = pytest.importorskip("opentelemetry.instrumentation.genai.anthropic")
    instrument_anthropic(tracer_provider=traced.provider)
    try:
        with _api(ANTHROPIC_ANSWER) as url, anthropic.Anthropic(base_url=url, api_key="x", max_retries=0) as client:
            message = [{"role": "user", "content": PROMPT}]
            client.messages.create(model="claude-sonnet-4-5", max_tokens=10, messages=message)
    finally:
        instrumentation.AnthropicInstrumentor().uninstrument()
    labels = _model("anthropic", "claude-sonnet-4-5")
    assert difference("gen_ai_client_token_usage_sum", **labels, gen_ai_token_type="input") == 1000
    labels.pop("gen_ai_operation_name")
    assert difference("watchkeeper_gen_ai_cost_usd_total", **labels) == pytest.approx(0.0105)  # 3 and 15 USD a million
    assert PROMPT not in traced.text()


def _calls(difference: Difference, name: str, kind: str, status: str = "UNSET") -> float:
    return difference(
        "traces_span_metrics_calls_total",
        service_name="adapted",
        span_name=name,
        span_kind=f"SPAN_KIND_{kind}",
        status_code=f"STATUS_CODE_{status}",
    )


def test_requests_of_fastapi_are_counted_by_route(traced: Traced, difference: Difference) -> None:
    fastapi = pytest.importorskip("fastapi")
    pytest.importorskip("opentelemetry.instrumentation.fastapi")
    client = pytest.importorskip("starlette.testclient")
    app = fastapi.FastAPI()

    @app.get("/orders/{number}")
    def order(number: int) -> dict[str, int]:
        return {"number": number}

    instrument_fastapi(app, tracer_provider=traced.provider)
    instrument_fastapi(app, tracer_provider=traced.provider)  # the second time changes nothing
    with client.TestClient(app) as asking:
        parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        assert asking.get("/orders/7", headers={"traceparent": parent}).status_code == 200
    assert _calls(difference, "GET /orders/{number}", "SERVER") == 1
    (span,) = traced.exporter.get_finished_spans()
    assert span.context is not None
    assert f"{span.context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"


def test_requests_of_any_asgi_application_are_counted(traced: Traced, difference: Difference) -> None:
    pytest.importorskip("opentelemetry.instrumentation.asgi")
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route
    from starlette.testclient import TestClient

    app = Starlette(routes=[Route("/", lambda request: PlainTextResponse("no", 500))])
    traced_app = instrument_asgi(app, tracer_provider=traced.provider)
    assert instrument_asgi(traced_app, tracer_provider=traced.provider) is traced_app
    with TestClient(traced_app) as asking:
        assert asking.get("/").status_code == 500
    assert [span.status.status_code.name for span in traced.exporter.get_finished_spans()] == ["ERROR"]
    assert _calls(difference, "GET /", "SERVER", "ERROR") + _calls(difference, "GET", "SERVER", "ERROR") == 1


def _no_logging(**_: object) -> None:
    pass


@pytest.mark.long
def test_tasks_of_celery_are_one_trace_across_the_broker(traced: Traced, difference: Difference) -> None:
    celery = pytest.importorskip("celery")
    testing = pytest.importorskip("celery.contrib.testing.worker")
    instrumentation = pytest.importorskip("opentelemetry.instrumentation.celery")
    app = celery.Celery("adapted", broker="memory://", backend="cache+memory://")
    celery.signals.setup_logging.connect(_no_logging)  # Celery would set the level of the process's root logger
    level = logging.root.level

    @app.task(name="adapted.double")
    def double(number: int) -> int:
        return 2 * number

    instrument_celery(tracer_provider=traced.provider)
    try:
        instrument_celery(tracer_provider=traced.provider)  # the second time changes nothing
        with testing.start_worker(app, perform_ping_check=False, loglevel="ERROR"):
            assert double.delay(21).get(timeout=20) == 42
    finally:
        instrumentation.CeleryInstrumentor().uninstrument()
        logging.root.setLevel(level)  # the worker has set it for the whole process
    assert _calls(difference, "apply_async/adapted.double", "PRODUCER") == 1
    assert _calls(difference, "run/adapted.double", "CONSUMER") == 1
    traces = {span.context.trace_id for span in traced.exporter.get_finished_spans() if span.context is not None}
    assert len(traces) == 1


def test_what_is_missing_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.instrumentation.celery", None)
    with pytest.raises(TracingError, match=r"pip install 'watchkeeper\[celery\]'"):
        instrument_celery()
