"""Spans through the OpenTelemetry API, when it is installed; nothing at all otherwise.

The API alone makes spans that go nowhere and still hands a received `traceparent` on; with an SDK they are recorded.
`configure_tracing` sets the SDK up to send to an OTLP/HTTP endpoint.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from watchkeeper.clock import monotonic
from watchkeeper.errors import WatchkeeperError
from watchkeeper.instrumentation.conventions import CONVENTIONS, ERROR_TYPE

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

    from watchkeeper.instrumentation.sampling import Sampling

__all__ = ["SCOPE", "SpanKind", "TracingError", "configure_tracing", "continue_trace", "inject"]

SpanKind = Literal["internal", "client", "server", "producer", "consumer"]

SCOPE = "watchkeeper.instrumentation"
_TO_DISK_MILLISECONDS = 500
_SAID_AGAIN_SECONDS = 60.0


class TracingError(WatchkeeperError):
    """Tracing cannot be set up."""


class _Api:
    """What we use of the API, looked up once."""

    def __init__(self) -> None:
        trace: Any = importlib.import_module("opentelemetry.trace")
        context: Any = importlib.import_module("opentelemetry.context")
        propagation: Any = importlib.import_module("opentelemetry.trace.propagation.tracecontext")
        # A proxy: spans of a provider that is set later are recorded from then on.
        self.tracer: Tracer = trace.get_tracer(SCOPE, CONVENTIONS)
        self.kinds = {name.lower(): kind for name, kind in trace.SpanKind.__members__.items()}
        self.status: Any = trace.Status
        self.error: Any = trace.StatusCode.ERROR
        self.set_span_in_context: Any = trace.set_span_in_context
        self.attach: Any = context.attach
        self.detach: Any = context.detach
        # W3C trace context alone, whatever the environment says: baggage would carry what nobody declared.
        self.propagator: Any = propagation.TraceContextTextMapPropagator()


@cache
def api() -> _Api | None:
    """The API, or None when OpenTelemetry is not installed."""
    try:
        return _Api()
    except ImportError:
        return None


class OpenSpan:
    """A span that is the current one until `close`."""

    __slots__ = ("_api", "_began", "_span", "_token")

    def __init__(self, found: _Api, name: str, kind: SpanKind, attributes: Mapping[str, str | int | float]) -> None:
        self._api = found
        self._began = time.time_ns()
        self._span: Span = found.tracer.start_span(
            name, kind=found.kinds[kind], attributes=attributes, start_time=self._began
        )
        # Without an SDK and without a received trace there is nothing to make current.
        valid = self._span.get_span_context().is_valid
        self._token = found.attach(found.set_span_in_context(self._span)) if valid else None

    def set(self, attribute: str, value: str | int | float) -> None:
        """Set an attribute."""
        self._span.set_attribute(attribute, value)

    def exemplar(self) -> dict[str, str] | None:
        """The labels of an exemplar that leads to its trace; None when that is not recorded."""
        context = self._span.get_span_context()
        if not (self._span.is_recording() and context.trace_flags.sampled):
            return None
        return {"trace_id": f"{context.trace_id:032x}"}

    def close(self, error_type: str, error: BaseException | None, seconds: float | None = None) -> None:
        """End it, with an error when there is a type of one: now, or `seconds` after it began."""
        if error_type:
            self._span.set_attribute(ERROR_TYPE, error_type)
            self._span.set_status(self._api.status(self._api.error, str(error) if error is not None else error_type))
            if error is not None:
                self._span.record_exception(error)
        self._span.end(None if seconds is None else self._began + round(seconds * 1e9))
        if self._token is not None:
            self._api.detach(self._token)


def open_span(name: str, kind: SpanKind, attributes: Mapping[str, str | int | float]) -> OpenSpan | None:
    """Start a span and make it the current one; None without OpenTelemetry."""
    found = api()
    return None if found is None else OpenSpan(found, name, kind, attributes)


def inject(carrier: MutableMapping[str, str]) -> MutableMapping[str, str]:
    """Add the `traceparent` of the current span to the headers of a request or message, and return them."""
    if (found := api()) is not None:
        found.propagator.inject(carrier)
    return carrier


@contextlib.contextmanager
def continue_trace(carrier: Mapping[str, str]) -> Iterator[None]:
    """Make the spans of this block children of the one whose `traceparent` the headers carry (names in lower case)."""
    found = api()
    if found is None or "traceparent" not in carrier:
        yield
        return
    token = found.attach(found.propagator.extract(dict(carrier)))
    try:
        yield
    finally:
        found.detach(token)


class _Brief(logging.Filter):
    """Makes one line a minute of what the exporter says of a receiver that is away, at each of its attempts."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address
        self._silent_until = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        if not str(record.msg).startswith(("Transient error", "Failed to export")):
            return True
        at = monotonic()
        if at < self._silent_until:
            return False
        self._silent_until = at + _SAID_AGAIN_SECONDS
        reason = record.getMessage()
        error = next((one for one in record.args or () if isinstance(one, BaseException)), None)
        while error is not None:
            # The innermost cause: those around it repeat addresses and objects.
            reason = getattr(error, "strerror", None) or type(error).__name__
            error = error.__cause__ or error.__context__
        record.msg, record.args = "spans cannot be sent to %s: %s", (self._address, reason)
        record.exc_info = None
        return True


def configure_tracing(
    service_name: str,
    otlp_endpoint: str,
    *,
    instance: str = "",
    queue: str | Path | None = None,
    sampling: Sampling | None = None,
) -> Callable[[], None]:
    """Record spans and send them to an OTLP/HTTP endpoint, such as `http://127.0.0.1:4318`.

    Every span is counted in `traces_span_metrics_*`, and the calls of models that other instrumentations make spans of
    are counted with their tokens and cost. With `sampling`, whole traces are dropped before they are sent, never those
    with an error and slow ones.

    With `queue`, a directory for this process alone, spans are synced to it within half a second and sent from there:
    a receiver that is away, or a crash, costs none of those. Gives the function that sends what is left and ends it.
    Raises TracingError when the `otel` extra is not installed, SpoolError when the queue cannot be used.
    """
    try:
        sdk: Any = importlib.import_module("opentelemetry.sdk.trace")
        export: Any = importlib.import_module("opentelemetry.sdk.trace.export")
        resources: Any = importlib.import_module("opentelemetry.sdk.resources")
        otlp: Any = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        trace: Any = importlib.import_module("opentelemetry.trace")
    except ImportError as error:
        raise TracingError(
            f"traces need the otel extra ({error.name} is missing): pip install 'watchkeeper[otel]'"
        ) from None
    from watchkeeper.instrumentation import sampling as samplings
    from watchkeeper.instrumentation import spans
    from watchkeeper.instrumentation.export import SpooledSpanExporter

    attributes = {"service.name": service_name} | ({"service.instance.id": instance} if instance else {})
    provider = sdk.TracerProvider(resource=resources.Resource.create(attributes))
    endpoint = otlp_endpoint.rstrip("/")
    if not endpoint.endswith("/v1/traces"):
        endpoint += "/v1/traces"
    if queue is None:
        # Without a user and a password, where the address has them.
        logging.getLogger(otlp.__name__).addFilter(_Brief(endpoint.rpartition("@")[2]))
        processor = export.BatchSpanProcessor(otlp.OTLPSpanExporter(endpoint=endpoint))
    else:
        # What a crash may cost is what the batch holds: it is short here, since a disk answers at once.
        durable = SpooledSpanExporter(endpoint, queue)
        processor = export.BatchSpanProcessor(durable, schedule_delay_millis=_TO_DISK_MILLISECONDS)
    provider.add_span_processor(spans.RedProcessor())
    provider.add_span_processor(spans.GenAiProcessor())
    provider.add_span_processor(processor if sampling is None else samplings.SamplingProcessor(processor, sampling))
    trace.set_tracer_provider(provider)

    def close() -> None:
        provider.shutdown()

    return close
