"""A small OTLP/HTTP receiver that decodes what it is sent, keeps it, and can be told to misbehave."""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from examples.servers.process import free_port

__all__ = ["OtlpReceiver", "Request", "attributes", "run"]

_MESSAGES: Mapping[str, tuple[Any, Any]] = {
    "/v1/metrics": (
        metrics_service_pb2.ExportMetricsServiceRequest,
        metrics_service_pb2.ExportMetricsServiceResponse,
    ),
    "/v1/traces": (trace_service_pb2.ExportTraceServiceRequest, trace_service_pb2.ExportTraceServiceResponse),
}


@dataclass(frozen=True)
class Request:
    """One request: its path, headers (names in lower case), decoded message, and the status that it was answered."""

    path: str
    headers: Mapping[str, str]
    message: Any
    status: int


@dataclass
class OtlpReceiver:
    """A receiver; `url` is its base address, `requests` all requests that arrived.

    `status` and `headers` are what it answers; `rejected` points or spans it says that it did not take; while `gate`
    is closed it takes requests and answers none; `stop` and `start` take it away and bring it back on the same port.
    """

    port: int = field(default_factory=free_port)
    requests: list[Request] = field(default_factory=list)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    rejected: int = 0
    gate: threading.Event = field(default_factory=threading.Event)
    connections: set[socket.socket] = field(default_factory=set)
    _server: ThreadingHTTPServer | None = None

    def __post_init__(self) -> None:
        self.gate.set()

    @property
    def url(self) -> str:
        """The base address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def taken(self) -> list[Any]:
        """The decoded messages of the requests that were answered with success."""
        return [request.message for request in list(self.requests) if request.status == 200]

    def start(self) -> None:
        """Listen."""
        self._server = _Server(("127.0.0.1", self.port), _handler(self))
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections, and break those that are open."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def spans(self) -> list[Any]:
        """The spans that were taken, in the order in which they came."""
        return [
            span
            for message in self.taken
            for resource in message.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def points(self, name: str) -> list[tuple[dict[str, str], Any]]:
        """The data points of a metric that were taken, each with its resource's and its own attributes."""
        found = []
        for message in self.taken:
            for resource in message.resource_metrics:
                for scope in resource.scope_metrics:
                    for metric in scope.metrics:
                        if metric.name == name:
                            data = getattr(metric, metric.WhichOneof("data"))
                            outer = attributes(resource.resource.attributes)
                            found += [(outer | attributes(point.attributes), point) for point in data.data_points]
        return found


def attributes(pairs: Any) -> dict[str, str]:
    """Attributes of text as a dictionary."""
    return {pair.key: pair.value.string_value for pair in pairs}


@contextlib.contextmanager
def run(**settings: Any) -> Iterator[OtlpReceiver]:
    """A receiver that listens."""
    receiver = OtlpReceiver(**settings)
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.gate.set()
        receiver.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error of the receiver."""


def _handler(receiver: OtlpReceiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            receiver.connections.add(self.connection)

        def finish(self) -> None:
            receiver.connections.discard(self.connection)
            super().finish()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            path = self.path.partition("?")[0]
            sent, answer = _MESSAGES[path]
            message = sent.FromString(body)
            receiver.gate.wait(60)
            status = receiver.status
            receiver.requests.append(
                Request(path, {name.lower(): value for name, value in self.headers.items()}, message, status)
            )
            response = answer()
            if receiver.rejected:
                field_name = "rejected_spans" if path.endswith("traces") else "rejected_data_points"
                setattr(response.partial_success, field_name, receiver.rejected)
                response.partial_success.error_message = "some are too old"
            text = response.SerializeToString() if status == 200 else b"not now"
            self.send_response(status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
