"""Operations: spans and metrics by the conventions, as context managers and decorators."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from tests.instrumentation.conftest import Difference
from watchkeeper.errors import DefinitionError
from watchkeeper.instrumentation import (
    agent_run,
    current_agent,
    current_llm_call,
    llm_call,
    tool_call,
    workflow,
)

MODEL = {
    "gen_ai_operation_name": "chat",
    "gen_ai_provider_name": "anthropic",
    "gen_ai_request_model": "claude-sonnet-4-5",
    "gen_ai_agent_name": "analyst",
}


def test_spans_have_the_names_and_kinds_of_the_conventions(spans: InMemorySpanExporter) -> None:
    with workflow("review"), agent_run("analyst"):
        with tool_call("search"):
            pass
        with llm_call("claude-sonnet-4-5", provider="anthropic"):
            pass
    found = {span.name: span.kind for span in spans.get_finished_spans()}
    assert found == {
        "execute_tool search": SpanKind.INTERNAL,
        "chat claude-sonnet-4-5": SpanKind.CLIENT,
        "invoke_agent analyst": SpanKind.INTERNAL,
        "invoke_workflow review": SpanKind.INTERNAL,
    }


def test_spans_are_nested(spans: InMemorySpanExporter) -> None:
    with agent_run("analyst"), tool_call("search"):
        pass
    inner, outer = spans.get_finished_spans()
    assert inner.parent is not None
    assert outer.context is not None
    assert inner.parent.span_id == outer.context.span_id


def test_a_tool_is_counted_for_the_agent_that_uses_it(difference: Difference) -> None:
    with agent_run("analyst"), tool_call("search"):
        pass
    labels = {"gen_ai_tool_name": "search", "gen_ai_agent_name": "analyst", "error_type": ""}
    assert difference("gen_ai_execute_tool_duration_seconds_count", **labels) == 1


def test_the_agent_ends_with_its_block() -> None:
    with agent_run("analyst"):
        assert current_agent() == "analyst"
    assert current_agent() == ""


def test_an_exception_is_an_error_of_its_class(difference: Difference, spans: InMemorySpanExporter) -> None:
    with pytest.raises(TimeoutError), agent_run("analyst"):
        raise TimeoutError("no answer")
    labels = {"gen_ai_agent_name": "analyst", "error_type": "TimeoutError"}
    assert difference("gen_ai_invoke_agent_duration_seconds_count", **labels) == 1
    (span,) = spans.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes is not None
    assert span.attributes["error.type"] == "TimeoutError"


def test_an_exception_may_name_its_own_error_type(difference: Difference) -> None:
    class OverloadedError(Exception):
        error_type = "529"

    with pytest.raises(OverloadedError), tool_call("search", agent="analyst"):
        raise OverloadedError
    labels = {"gen_ai_tool_name": "search", "gen_ai_agent_name": "analyst", "error_type": "529"}
    assert difference("gen_ai_execute_tool_duration_seconds_count", **labels) == 1


def test_an_operation_can_fail_without_an_exception(difference: Difference) -> None:
    with workflow("review") as instance:
        instance.fail("rejected")
    labels = {"gen_ai_workflow_name": "review", "error_type": "rejected"}
    assert difference("gen_ai_workflow_duration_seconds_count", **labels) == 1


def test_rework_is_counted_and_starts_at_zero(difference: Difference) -> None:
    with workflow("audit") as instance:
        assert difference("watchkeeper_gen_ai_rework_loops_total", gen_ai_workflow_name="audit") == 0
        instance.rework()
    assert difference("watchkeeper_gen_ai_rework_loops_total", gen_ai_workflow_name="audit") == 1


def test_decorating_a_function_keeps_its_result_and_name(difference: Difference) -> None:
    @tool_call("add", agent="analyst")
    def add(left: int, right: int = 1) -> int:
        """Add."""
        return left + right

    assert (add(1, right=2), add(2), add.__name__, add.__doc__) == (3, 3, "add", "Add.")
    labels = {"gen_ai_tool_name": "add", "gen_ai_agent_name": "analyst", "error_type": ""}
    assert difference("gen_ai_execute_tool_duration_seconds_count", **labels) == 2


def test_decorating_a_coroutine_function_times_the_awaiting(difference: Difference) -> None:
    @tool_call("wait", agent="analyst")
    async def wait() -> str:
        await asyncio.sleep(0.03)
        return "done"

    assert asyncio.run(wait()) == "done"
    labels = {"gen_ai_tool_name": "wait", "gen_ai_agent_name": "analyst", "error_type": ""}
    assert difference("gen_ai_execute_tool_duration_seconds_sum", **labels) >= 0.03


def test_concurrent_agents_do_not_mix() -> None:
    async def run(name: str) -> str:
        with agent_run(name):
            await asyncio.sleep(0.001)
            return current_agent()

    async def both() -> list[str]:
        return list(await asyncio.gather(run("first"), run("second")))

    assert asyncio.run(both()) == ["first", "second"]


def test_decorating_a_generator_is_refused() -> None:
    def stream() -> Iterator[int]:
        yield 1

    with pytest.raises(DefinitionError, match="stream is a generator: write `with`"):
        agent_run("analyst")(stream)


def test_tokens_are_counted_by_kind(difference: Difference) -> None:
    with agent_run("analyst"), llm_call("claude-sonnet-4-5", provider="anthropic") as call:
        call.tokens(input=1000, output=200, cache_read=300, cache_write=100, reasoning=50)
    sums = {
        kind: difference("gen_ai_client_token_usage_sum", **MODEL, gen_ai_token_type=kind)
        for kind in ("input", "output", "cache_read", "cache_write", "reasoning")
    }
    assert sums == {"input": 1000, "output": 200, "cache_read": 300, "cache_write": 100, "reasoning": 50}


def test_a_decorated_call_finds_its_handle(difference: Difference) -> None:
    @llm_call("claude-sonnet-4-5", provider="anthropic", agent="analyst")
    def ask() -> None:
        call = current_llm_call()
        assert call is not None
        call.first_chunk()
        call.tokens(input=10, output=5)

    ask()
    assert current_llm_call() is None
    name = "gen_ai_client_operation_time_to_first_chunk_seconds_count"
    assert difference(name, **MODEL) == 1
    assert difference("gen_ai_client_token_usage_sum", **MODEL, gen_ai_token_type="input") == 10


def test_usage_that_does_not_fit_is_logged_and_unknown(
    difference: Difference, caplog: pytest.LogCaptureFixture
) -> None:
    with llm_call("claude-sonnet-4-5", provider="anthropic") as call:
        assert call.tokens(input=10, output=5, cache_read=50) is None
    assert "input is the total" in caplog.text
    labels = {"gen_ai_provider_name": "anthropic", "gen_ai_request_model": "claude-sonnet-4-5"}
    assert difference("watchkeeper_gen_ai_unpriced_calls_total", **labels) == 1
