"""The metrics of operations lead to their traces."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from collectors.runtime import Sidecar
from collectors.server import serve
from tests.servers import wait_until
from tests.servers.prometheus import PrometheusServer
from watchkeeper.clock import now
from watchkeeper.instrumentation import (
    REGISTRY,
    agent_run,
    continue_trace,
    expose,
    http_client,
    http_server,
    llm_call,
    tool_call,
    workflow,
)
from watchkeeper.settings import Target
from watchkeeper.stores.prometheus import PrometheusStore


def exemplars(trace_id: str) -> set[str]:
    """The samples that name a trace."""
    text = generate_latest(REGISTRY).decode()  # type: ignore[no-untyped-call]
    return {
        sample.name
        for family in text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
        for sample in family.samples
        if sample.exemplar is not None and sample.exemplar.labels == {"trace_id": trace_id}
    }


def test_every_duration_has_its_trace(spans: InMemorySpanExporter) -> None:
    with http_server("POST", "/exemplary") as request, workflow("exemplary"), agent_run("exemplary"):
        with tool_call("exemplary"), http_client("POST", "exemplary") as sent:
            sent.status = 200
        with llm_call("claude-sonnet-4-5", provider="anthropic") as call:
            call.first_chunk()
            call.tokens(input=10, output=20, cache_read=5)
        request.status = 200
    context = spans.get_finished_spans()[0].context
    assert context is not None
    assert exemplars(f"{context.trace_id:032x}") == {
        "http_server_request_duration_seconds_bucket",
        "http_client_request_duration_seconds_bucket",
        "gen_ai_workflow_duration_seconds_bucket",
        "gen_ai_invoke_agent_duration_seconds_bucket",
        "gen_ai_execute_tool_duration_seconds_bucket",
        "gen_ai_client_operation_duration_seconds_bucket",
        "gen_ai_client_operation_time_to_first_chunk_seconds_bucket",
        "gen_ai_client_token_usage_bucket",
        "watchkeeper_gen_ai_cost_usd_total",
    }


def test_one_that_failed_has_its_trace(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="broken"), tool_call("exemplary-failure"):
        raise ValueError("broken")
    context = spans.get_finished_spans()[0].context
    assert context is not None
    assert exemplars(f"{context.trace_id:032x}") == {"gen_ai_execute_tool_duration_seconds_bucket"}


def test_a_trace_that_is_not_recorded_is_not_named(spans: InMemorySpanExporter) -> None:
    parent = "0af7651916cd43dd8448eb211c8031ee"
    # The caller has decided against it (the last flag): the SDK follows.
    with continue_trace({"traceparent": f"00-{parent}-b7ad6b7169203331-00"}), tool_call("unsampled"):
        assert not trace.get_current_span().is_recording()
    assert not spans.get_finished_spans()
    assert not exemplars(parent)


def test_without_an_sdk_there_is_none() -> None:
    # In a process of its own: a tracer provider cannot be unset.
    script = (
        "from prometheus_client.openmetrics.exposition import generate_latest\n"
        "from watchkeeper.instrumentation import REGISTRY, continue_trace, tool_call\n"
        "with continue_trace({'traceparent': '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'}):\n"
        "    with tool_call('plain'): pass\n"
        "text = generate_latest(REGISTRY).decode()\n"
        "print('plain' in text, ' # {' in text)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["True", "False"]


@pytest.mark.long
def test_a_prometheus_has_them_from_the_exposition_and_through_the_sidecar(
    spans: InMemorySpanExporter, prometheus_server: Callable[..., PrometheusServer]
) -> None:
    with tool_call("scraped"):
        pass
    context = spans.get_finished_spans()[0].context
    assert context is not None
    exposition = expose()
    sidecar = Sidecar([Target(name="app", system="exposition", url=exposition.url)])
    server = serve(sidecar, port=0)
    try:
        jobs = [
            f"{{job_name: {name}, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}"
            for name, port in (("direct", exposition.port), ("sidecar", server.port))
        ]
        prometheus = prometheus_server(
            f"global: {{scrape_interval: 1s}}\nscrape_configs: [{', '.join(jobs)}]\n",
            flags=("--enable-feature=exemplar-storage",),
        )
        store = PrometheusStore(prometheus.url)

        def found() -> set[tuple[str, str]]:
            metrics = ["gen_ai_execute_tool_duration_seconds_bucket"]
            kept = store.exemplars(metrics, {"gen_ai_tool_name": "scraped"}, now() - 600, now() + 60)
            return {(one.labels["job"], one.trace_id) for one in kept}

        trace_id = f"{context.trace_id:032x}"
        wait_until(lambda: found() == {("direct", trace_id), ("sidecar", trace_id)}, seconds=30)
    finally:
        server.shutdown()
        sidecar.close()
        exposition.close()
