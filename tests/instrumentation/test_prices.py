"""Costs: known ones with their source, unknown ones as unknown."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.instrumentation.conftest import Difference
from watchkeeper.errors import DefinitionError
from watchkeeper.instrumentation import Tokens, llm_call, operations, price

DAY = datetime(2026, 1, 15, tzinfo=UTC)


def test_a_known_model_costs_its_list_price() -> None:
    # USD 3 a million tokens of input, 0.30 read from the cache, 15 of output.
    cost = price("claude-sonnet-4-5", Tokens(1_000, 100, cache_read=200), "anthropic", DAY)
    assert cost is not None
    assert cost.amount == Decimal("0.00396")
    assert (cost.currency, cost.date) == ("USD", date(2026, 1, 15))
    assert cost.source.startswith("genai-prices ")


@pytest.mark.parametrize(
    "model, provider", [("house-model-1", "anthropic"), ("claude-sonnet-4-5", "our-gateway"), ("", "")]
)
def test_an_unknown_model_or_provider_has_no_cost(model: str, provider: str) -> None:
    assert price(model, Tokens(1_000, 100), provider) is None


@pytest.mark.parametrize("provider", ["aws.bedrock", "gcp.vertex_ai", "azure.ai.openai", "mistral_ai", "x_ai"])
def test_the_providers_of_the_conventions_are_known_to_the_price_list(provider: str) -> None:
    from genai_prices import data

    from watchkeeper.instrumentation.conventions import PRICE_PROVIDERS

    assert PRICE_PROVIDERS[provider] in {found.id for found in data.providers}


def test_the_cost_of_a_call_is_counted_and_on_its_span(difference: Difference, spans: InMemorySpanExporter) -> None:
    with llm_call("claude-sonnet-4-5", provider="anthropic", agent="analyst") as call:
        cost = call.tokens(input=1_000, output=100)
    assert cost is not None
    labels = {
        "gen_ai_provider_name": "anthropic",
        "gen_ai_request_model": "claude-sonnet-4-5",
        "gen_ai_agent_name": "analyst",
    }
    assert difference("watchkeeper_gen_ai_cost_usd_total", **labels) == pytest.approx(float(cost.amount))
    (span,) = spans.get_finished_spans()
    assert span.attributes is not None
    assert span.attributes["watchkeeper.gen_ai.cost.amount"] == str(cost.amount)
    assert span.attributes["watchkeeper.gen_ai.cost.price_source"] == cost.source


def test_an_unpriced_call_is_counted_as_such_and_not_as_zero(difference: Difference) -> None:
    with llm_call("house-model-1", provider="our-gateway") as call:
        assert call.tokens(input=1_000, output=100) is None
    labels = {"gen_ai_provider_name": "our-gateway", "gen_ai_request_model": "house-model-1"}
    assert difference("watchkeeper_gen_ai_unpriced_calls_total", **labels) == 1
    from watchkeeper.instrumentation import REGISTRY

    cost = {**labels, "gen_ai_agent_name": ""}
    assert REGISTRY.get_sample_value("watchkeeper_gen_ai_cost_usd_total", cost) is None


def test_a_good_call_without_token_counts_is_unpriced(difference: Difference) -> None:
    with llm_call("claude-sonnet-4-5", provider="anthropic"):
        pass
    labels = {"gen_ai_provider_name": "anthropic", "gen_ai_request_model": "claude-sonnet-4-5"}
    assert difference("watchkeeper_gen_ai_unpriced_calls_total", **labels) == 1


def test_a_failed_call_without_token_counts_is_not_unpriced(difference: Difference) -> None:
    with pytest.raises(ValueError), llm_call("claude-sonnet-4-5", provider="anthropic"):
        raise ValueError
    labels = {"gen_ai_provider_name": "anthropic", "gen_ai_request_model": "claude-sonnet-4-5"}
    assert difference("watchkeeper_gen_ai_unpriced_calls_total", **labels) == 0


@pytest.mark.parametrize("parts", [{"cache_read": 11}, {"reasoning": 6}, {"cache_write": -1}])
def test_parts_that_exceed_their_total_are_refused(parts: dict[str, int]) -> None:
    with pytest.raises(DefinitionError, match="tokens: "):
        Tokens(10, 5, **parts)


def test_the_time_that_a_price_takes_is_not_the_models(
    difference: Difference, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]

    def slow(model: str, tokens: Tokens, provider: str) -> None:
        clock[0] += 5.0

    monkeypatch.setattr(operations, "monotonic", lambda: clock[0])
    monkeypatch.setattr(operations, "price", slow)
    with llm_call("house-model-2", provider="our-gateway") as call:
        clock[0] += 0.25
        call.tokens(input=1, output=1)
    labels = {
        "gen_ai_operation_name": "chat",
        "gen_ai_provider_name": "our-gateway",
        "gen_ai_request_model": "house-model-2",
        "gen_ai_agent_name": "",
        "error_type": "",
    }
    assert difference("gen_ai_client_operation_duration_seconds_sum", **labels) == pytest.approx(0.25)
    (span,) = spans.get_finished_spans()
    assert span.start_time is not None and span.end_time is not None
    assert (span.end_time - span.start_time) / 1e9 == pytest.approx(0.25)
