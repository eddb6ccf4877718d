"""One task is one trace over all processes, when there is somewhere to send it."""

from __future__ import annotations

import gzip
import threading
from collections import defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from examples.agent_platform import launch
from tests.servers import wait_until

Spans = dict[bytes, set[tuple[str, str]]]


@pytest.fixture
def collector() -> Iterator[tuple[str, Spans]]:
    """An OTLP/HTTP endpoint, and the (service, span name) of each trace that it was sent."""
    traces: Spans = defaultdict(set)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                data = gzip.decompress(data)
            for resource in ExportTraceServiceRequest.FromString(data).resource_spans:
                service = {a.key: a.value.string_value for a in resource.resource.attributes}["service.name"]
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        traces[span.trace_id].add((service, span.name))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", traces
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.long
def test_a_task_is_one_trace_over_all_processes(collector: tuple[str, Spans], tmp_path: Path) -> None:
    endpoint, traces = collector
    with launch(tmp_path, pace=20, seed=1, otlp_endpoint=endpoint):

        def complete() -> set[tuple[str, str]] | None:
            whole = {"gateway", "orchestrator", "worker", "tools", "llm"}
            return next((spans for spans in list(traces.values()) if whole <= {s for s, _ in list(spans)}), None)

        spans = wait_until(complete, seconds=40, what="a trace over all processes")
    names = {name.split()[0] for _, name in spans}
    assert names >= {"POST", "invoke_workflow", "invoke_agent", "execute_tool", "chat"}
