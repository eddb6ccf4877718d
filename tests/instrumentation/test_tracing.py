"""The trace goes on across HTTP and queues."""

from __future__ import annotations

import subprocess
import sys

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from watchkeeper.instrumentation import agent_run, continue_trace, http_client, http_server, inject, workflow

REMOTE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_message_carries_the_trace_to_its_consumer(spans: InMemorySpanExporter) -> None:
    with workflow("review"):
        message = dict(inject({}))
    with continue_trace(message), agent_run("analyst"):
        pass
    first, second = spans.get_finished_spans()
    assert first.context is not None
    assert second.context is not None
    assert first.context.trace_id == second.context.trace_id
    assert second.parent is not None
    assert second.parent.span_id == first.context.span_id


def test_a_request_carries_the_trace_to_its_server(spans: InMemorySpanExporter) -> None:
    headers: dict[str, str] = {}
    with http_client("POST", "tools", headers) as sent:
        sent.status = 200
    with http_server("POST", "/tools", headers) as served:
        served.status = 200
    client, server = spans.get_finished_spans()
    assert client.context is not None
    assert server.parent is not None
    assert server.parent.span_id == client.context.span_id


@pytest.mark.parametrize("carrier", [{}, {"traceparent": "nonsense"}])
def test_a_missing_or_broken_trace_begins_a_new_one(spans: InMemorySpanExporter, carrier: dict[str, str]) -> None:
    with continue_trace(carrier), agent_run("analyst"):
        pass
    (span,) = spans.get_finished_spans()
    assert span.parent is None


def test_without_an_sdk_a_received_trace_is_handed_on() -> None:
    # In a process of its own: a tracer provider cannot be unset.
    script = (
        "from watchkeeper.instrumentation import http_client, http_server\n"
        "headers = {}\n"
        f"with http_server('POST', '/x', {{'traceparent': {REMOTE!r}}}), http_client('POST', 'y', headers):\n"
        "    print(headers['traceparent'].split('-')[1])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == REMOTE.split("-")[1]


@pytest.mark.long
def test_a_receiver_that_is_away_is_one_short_line() -> None:
    script = (
        "import logging, socket, sys\n"
        "logging.basicConfig(format='%(message)s')\n"
        "from watchkeeper.instrumentation import agent_run, configure_tracing\n"
        "with socket.socket() as taken:\n"  # bound, not listening: it refuses, and nobody else takes the port
        "    taken.bind(('127.0.0.1', 0))\n"
        "    port = taken.getsockname()[1]\n"
        "    close = configure_tracing('planner', f'http://me:secret@127.0.0.1:{port}')\n"
        "    with agent_run('analyst'):\n"
        "        pass\n"
        "    close()\n"
        "    print(port)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    said = [line for line in done.stderr.splitlines() if "127.0.0.1" in line]
    assert said == [f"spans cannot be sent to 127.0.0.1:{done.stdout.strip()}/v1/traces: Connection refused"]
    assert "HTTPConnectionPool" not in done.stderr
