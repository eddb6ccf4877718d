"""Metrics out of spans: rate, errors and duration with exemplars, and the calls of models of other instrumentations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer, set_span_in_context
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.instrumentation.conftest import Difference
from watchkeeper.instrumentation import REGISTRY
from watchkeeper.instrumentation.spans import OTHER, GenAiProcessor, RedProcessor

CALLS = "traces_span_metrics_calls_total"


@pytest.fixture
def provider() -> Iterator[TracerProvider]:
    found = TracerProvider(resource=Resource.create({"service.name": "shop"}))
    yield found
    found.shutdown()


def _red(provider: TracerProvider, limit: int = 500) -> Tracer:
    provider.add_span_processor(RedProcessor(limit))
    return provider.get_tracer("test")


def _labels(name: str, kind: str = "INTERNAL", status: str = "UNSET") -> dict[str, str]:
    return {
        "service_name": "shop",
        "span_name": name,
        "span_kind": f"SPAN_KIND_{kind}",
        "status_code": f"STATUS_CODE_{status}",
    }


def test_a_span_is_counted_by_service_name_kind_and_status(provider: TracerProvider, difference: Difference) -> None:
    tracer = _red(provider)
    with tracer.start_as_current_span("GET /cart", kind=SpanKind.SERVER):
        pass
    with tracer.start_as_current_span("GET /cart", kind=SpanKind.SERVER) as span:
        span.set_status(Status(StatusCode.ERROR))
    assert difference(CALLS, **_labels("GET /cart", "SERVER")) == 1
    assert difference(CALLS, **_labels("GET /cart", "SERVER", "ERROR")) == 1


def test_the_duration_is_the_spans_own(provider: TracerProvider, difference: Difference) -> None:
    span = _red(provider).start_span("pay", start_time=1_000_000_000)
    span.end(end_time=4_500_000_000)
    assert difference("traces_span_metrics_duration_seconds_sum", **_labels("pay")) == 3.5
    assert difference("traces_span_metrics_duration_seconds_bucket", **_labels("pay"), le="2.0") == 0
    assert difference("traces_span_metrics_duration_seconds_bucket", **_labels("pay"), le="5.0") == 1


def test_a_clock_that_was_set_back_counts_without_duration(provider: TracerProvider, difference: Difference) -> None:
    span = _red(provider).start_span("back", start_time=4_000_000_000)
    span.end(end_time=1_000_000_000)
    assert difference(CALLS, **_labels("back")) == 1
    assert difference("traces_span_metrics_duration_seconds_sum", **_labels("back")) == 0


def test_the_exposition_carries_the_trace_as_exemplar(provider: TracerProvider) -> None:
    with _red(provider).start_as_current_span("exemplary") as span:
        trace_id = f"{span.get_span_context().trace_id:032x}"
    text = generate_latest(REGISTRY).decode()  # type: ignore[no-untyped-call]
    exemplars = {
        sample.exemplar.labels["trace_id"]
        for family in text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
        for sample in family.samples
        if sample.labels.get("span_name") == "exemplary" and sample.exemplar is not None
    }
    assert exemplars == {trace_id}


def test_too_many_names_are_counted_together(provider: TracerProvider, difference: Difference) -> None:
    tracer = _red(provider, limit=3)
    for number in range(10):
        tracer.start_span(f"GET /orders/{number}").end()
    tracer.start_span("GET /orders/1").end()
    assert difference(CALLS, **_labels(OTHER)) == 7
    assert difference(CALLS, **_labels("GET /orders/1")) == 2


# --- Calls of models --------------------------------------------------------------------------------------------------


def _call(
    provider: TracerProvider, attributes: Mapping[str, str | int], *, scope: str = "other.instrumentation"
) -> None:
    provider.add_span_processor(GenAiProcessor())
    provider.get_tracer(scope).start_span("chat gpt-4.1", attributes=attributes).end()


MODEL = {
    "gen_ai_operation_name": "chat",
    "gen_ai_provider_name": "openai",
    "gen_ai_request_model": "gpt-4.1",
    "gen_ai_agent_name": "",
}
OF_CALL = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4.1"}
BY_OPENAI = {**OF_CALL, "gen_ai.provider.name": "openai"}


def test_tokens_and_cost_come_out_of_a_span_of_the_conventions(
    provider: TracerProvider, difference: Difference
) -> None:
    tokens = {"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 500}
    _call(provider, {**BY_OPENAI, **tokens})
    assert difference("gen_ai_client_token_usage_sum", **MODEL, gen_ai_token_type="input") == 1000
    assert difference("gen_ai_client_operation_duration_seconds_count", **MODEL, error_type="") == 1
    cost = difference(
        "watchkeeper_gen_ai_cost_usd_total",
        gen_ai_provider_name="openai",
        gen_ai_request_model="gpt-4.1",
        gen_ai_agent_name="",
    )
    assert cost == pytest.approx(1000 * 2e-6 + 500 * 8e-6)  # the list price: 2 and 8 USD a million


def test_the_older_names_are_understood(provider: TracerProvider, difference: Difference) -> None:
    tokens = {"gen_ai.usage.prompt_tokens": 10, "gen_ai.usage.completion_tokens": 5}
    _call(provider, {**OF_CALL, "gen_ai.system": "OpenAI", **tokens})
    assert difference("gen_ai_client_token_usage_sum", **MODEL, gen_ai_token_type="output") == 5


def test_a_call_without_tokens_is_unpriced_never_free(provider: TracerProvider, difference: Difference) -> None:
    _call(provider, BY_OPENAI)
    labels = {"gen_ai_provider_name": "openai", "gen_ai_request_model": "gpt-4.1"}
    assert difference("watchkeeper_gen_ai_unpriced_calls_total", **labels) == 1


def test_tokens_that_do_not_fit_are_unpriced(provider: TracerProvider, difference: Difference) -> None:
    tokens = {"gen_ai.usage.input_tokens": -1, "gen_ai.usage.output_tokens": 5}
    _call(provider, {**BY_OPENAI, **tokens})
    labels = {"gen_ai_provider_name": "openai", "gen_ai_request_model": "gpt-4.1"}
    assert difference("watchkeeper_gen_ai_unpriced_calls_total", **labels) == 1


def test_our_own_spans_are_not_counted_twice(provider: TracerProvider, difference: Difference) -> None:
    _call(provider, BY_OPENAI, scope="watchkeeper.instrumentation")
    assert difference("gen_ai_client_operation_duration_seconds_count", **MODEL, error_type="") == 0


def test_other_spans_are_no_calls_of_models(provider: TracerProvider, difference: Difference) -> None:
    _call(provider, {**BY_OPENAI, "gen_ai.operation.name": "execute_tool"})
    assert difference("gen_ai_client_operation_duration_seconds_count", **MODEL, error_type="") == 0


def test_a_call_within_a_call_is_paid_once(provider: TracerProvider, difference: Difference) -> None:
    """A framework makes a span of the call, and so does the client that it uses."""
    processor = GenAiProcessor()
    provider.add_span_processor(processor)
    tokens = {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5}
    framework, client = provider.get_tracer("framework"), provider.get_tracer("client")
    with framework.start_as_current_span("chat", attributes={**BY_OPENAI, **tokens}):
        client.start_span("chat", attributes={**BY_OPENAI, **tokens}).end()
    assert difference("gen_ai_client_token_usage_sum", **MODEL, gen_ai_token_type="input") == 10
    assert difference("gen_ai_client_operation_duration_seconds_count", **MODEL, error_type="") == 1
    for _ in range(10_100):
        client.start_span("never ends", set_span_in_context(framework.start_span("chat", attributes=BY_OPENAI)))
    assert len(processor._nested) <= 10_000


@pytest.mark.parametrize("hostile", [{"gen_ai.usage.input_tokens": "many"}, {"gen_ai.usage.reasoning_tokens": "x"}])
def test_what_others_write_into_a_span_fails_nobody(
    provider: TracerProvider, difference: Difference, hostile: Mapping[str, str]
) -> None:
    tokens: dict[str, str | int] = {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5}
    _call(provider, {**BY_OPENAI, **tokens, **hostile})
    labels = {"gen_ai_provider_name": "openai", "gen_ai_request_model": "gpt-4.1"}
    assert difference("watchkeeper_gen_ai_unpriced_calls_total", **labels) == 1


def test_a_failure_in_counting_does_not_reach_the_program(
    provider: TracerProvider, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("prices are gone")

    monkeypatch.setattr("watchkeeper.instrumentation.spans.price", broken)
    caplog.set_level("WARNING")
    _call(provider, {**BY_OPENAI, "gen_ai.usage.input_tokens": 1, "gen_ai.usage.output_tokens": 1})
    assert "cannot be counted: RuntimeError: prices are gone" in caplog.text
