"""Durable export of spans: accepted means synced to a queue on disk, from which a thread sends them over OTLP/HTTP.

A receiver that is away, and a process that is killed, cost no span that `export` has accepted; after a crash one may
arrive twice, with the same span id.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from watchkeeper.otlp import otlp_sender, signal_url
from watchkeeper.outbox import Outbox, pack
from watchkeeper.posting import Poster

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExportResult

__all__ = ["QUEUE_BYTES", "SpooledSpanExporter"]

# Compressed, a span of an LLM call takes some 300 bytes: an hour away at 100 spans a second.
QUEUE_BYTES = 128 * 2**20


class SpooledSpanExporter:
    """An OpenTelemetry span exporter in front of a queue of the directory `queue`, of at most `limit` bytes.

    Give each process a directory of its own. `headers` is called for each request. Raises SpoolError when the
    directory cannot be used, ImportError without OpenTelemetry's OTLP exporter.
    """

    def __init__(
        self,
        endpoint: str,
        queue: str | Path,
        *,
        limit: int = QUEUE_BYTES,
        headers: Callable[[], Mapping[str, str]] = dict,
        ca_file: str = "",
        timeout: float = 10.0,
    ) -> None:
        encoder: Any = importlib.import_module("opentelemetry.exporter.otlp.proto.common.trace_encoder")
        service: Any = importlib.import_module("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
        results: Any = importlib.import_module("opentelemetry.sdk.trace.export").SpanExportResult
        self._encode: Any = encoder.encode_spans
        self._results = results
        poster = Poster(signal_url(endpoint, "traces"), headers=headers, ca_file=ca_file, timeout=timeout)
        send = otlp_sender(poster, service.ExportTraceServiceResponse, "rejected_spans")
        self.outbox = Outbox("spans", queue, limit, send, poster=poster)
        self.outbox.start()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Accept spans: on SUCCESS they are synced to the disk; FAILURE when the queue is full or the disk refuses."""
        accepted = self.outbox.put(pack(self._encode(spans).SerializeToString()))
        return self._results.SUCCESS if accepted else self._results.FAILURE  # type: ignore[no-any-return]

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait until the receiver has taken everything; False when it has not by then."""
        return self.outbox.flush(timeout_millis / 1000)

    def shutdown(self) -> None:
        """Send what waits if the receiver answers, for some seconds; the rest stays on disk for the next start."""
        self.outbox.stop()
