"""Traces: rate, errors and duration of every kind of span, counted in the process that makes them, and of the calls
between services, counted where the spans of all of them arrive.

Names and label values are those of the OpenTelemetry Collector's span metrics connector and of Tempo's service graphs,
so that dashboards made for them work.
"""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import NamedQuery, System
from watchkeeper.signals import Counter, Histogram, Polarity, Signal, matches
from watchkeeper.units import ONE, SECONDS

__all__ = ["QUERIES", "SERVICE_GRAPH", "SIGNALS", "SYSTEM"]

_LABELS = ("service_name", "span_name", "span_kind", "status_code")
_ORIGIN = "OTel span metrics connector"
# The connector's default bounds, in seconds, without the finest, which no network call reaches.
_BUCKETS = (0.002, 0.004, 0.006, 0.008, 0.01, 0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.4, 2.0, 5.0, 10.0, 15.0)

TRACES_SPAN_METRICS_CALLS_TOTAL = Counter(
    "traces_span_metrics_calls_total", "Spans that have ended.", ONE, _LABELS, origin=_ORIGIN
)
TRACES_SPAN_METRICS_DURATION_SECONDS = Histogram(
    "traces_span_metrics_duration_seconds",
    "Duration of spans, with the trace of one of them as exemplar.",
    SECONDS,
    _LABELS,
    Polarity.HIGH_IS_BAD,
    origin=_ORIGIN,
    buckets=_BUCKETS,
)
WATCHKEEPER_TRACE_DECISIONS_TOTAL = Counter(
    "watchkeeper_trace_decisions_total",
    "Traces that were kept (error, slow, ratio) or dropped (ratio, overflow) by the sampling of the process.",
    labels=("decision", "reason"),
    requires="configure_tracing with sampling",
)

_EDGE = ("client", "server")
_TEMPO = "Tempo service graphs"
_STORE = "the trace store of `watchkeeper up` or `serve` (`traces.enabled`)"
TRACES_SERVICE_GRAPH_REQUEST_TOTAL = Counter(
    "traces_service_graph_request_total",
    "Calls of one service by another, from the spans that were sent here.",
    ONE,
    _EDGE,
    origin=_TEMPO,
    requires=_STORE,
)
TRACES_SERVICE_GRAPH_REQUEST_FAILED_TOTAL = Counter(
    "traces_service_graph_request_failed_total",
    "Calls of one service by another that failed.",
    ONE,
    _EDGE,
    Polarity.HIGH_IS_BAD,
    origin=_TEMPO,
    requires=_STORE,
)
TRACES_SERVICE_GRAPH_REQUEST_SERVER_SECONDS = Histogram(
    "traces_service_graph_request_server_seconds",
    "Duration of calls of one service by another, as the called side saw it, or the caller's where it sends no spans.",
    SECONDS,
    _EDGE,
    Polarity.HIGH_IS_BAD,
    origin=_TEMPO,
    requires=_STORE,
    buckets=(0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8),
)

SERVICE_GRAPH: tuple[Signal, ...] = (
    TRACES_SERVICE_GRAPH_REQUEST_TOTAL,
    TRACES_SERVICE_GRAPH_REQUEST_FAILED_TOTAL,
    TRACES_SERVICE_GRAPH_REQUEST_SERVER_SECONDS,
)
"""What is counted where the spans of all services arrive, and not in the process that makes them."""

SIGNALS: tuple[Signal, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Signal))

SYSTEM = System(
    key="traces",
    title="Traces",
    summary="Operations of services: rate, errors, duration, from the spans that they make.",
    collected="application",
    signals=SIGNALS,
    exporter="OTel span metrics connector",
    tested_against="opentelemetry-sdk 1.45, in process; scraped by Prometheus 2.42 with exemplars",
)

_EACH = ("service_name", "span_name")
# Entry points of a service: what others ask of it.
_ENTRIES = matches("SPAN_KIND_SERVER|SPAN_KIND_CONSUMER")
_CALLS = TRACES_SPAN_METRICS_CALLS_TOTAL.where(span_kind=_ENTRIES)
# Where calls are known and none failed, that is zero and not unknown.
_ERRORS = q.or_(
    q.sum_by(q.rate(_CALLS.where(status_code="STATUS_CODE_ERROR")), *_EACH), 0 * q.sum_by(q.rate(_CALLS), *_EACH)
)

QUERIES: tuple[NamedQuery, ...] = (
    NamedQuery(key="traces.calls_rate", title="Calls per second", query=q.sum_by(q.rate(_CALLS), *_EACH)),
    NamedQuery(key="traces.errors_rate", title="Failed calls per second", query=_ERRORS),
    NamedQuery(
        key="traces.error_ratio",
        title="Share of calls that fail",
        query=q.ratio(_ERRORS, q.sum_by(q.rate(_CALLS), *_EACH) > 0),
    ),
    NamedQuery(
        key="traces.duration_p95",
        title="Duration of calls, 95th percentile",
        query=q.quantile(0.95, TRACES_SPAN_METRICS_DURATION_SECONDS.where(span_kind=_ENTRIES), by=_EACH),
    ),
    NamedQuery(
        key="traces.client_duration_p95",
        title="Duration of calls to others, 95th percentile",
        query=q.quantile(0.95, TRACES_SPAN_METRICS_DURATION_SECONDS.where(span_kind="SPAN_KIND_CLIENT"), by=_EACH),
    ),
    NamedQuery(
        key="traces.busy",
        title="Calls in progress on average, by service",
        query=q.sum_by(q.rate(TRACES_SPAN_METRICS_DURATION_SECONDS.sum.where(span_kind=_ENTRIES)), "service_name"),
    ),
    NamedQuery(
        key="traces.graph_calls_rate",
        title="Calls per second, by caller and called",
        query=q.sum_by(q.rate(TRACES_SERVICE_GRAPH_REQUEST_TOTAL), *_EDGE),
    ),
    NamedQuery(
        key="traces.graph_error_ratio",
        title="Share of calls that fail, by caller and called",
        query=q.ratio(
            q.sum_by(q.rate(TRACES_SERVICE_GRAPH_REQUEST_FAILED_TOTAL), *_EDGE),
            q.sum_by(q.rate(TRACES_SERVICE_GRAPH_REQUEST_TOTAL), *_EDGE) > 0,
        ),
    ),
    NamedQuery(
        key="traces.graph_duration_p95",
        title="Duration of calls by caller and called, 95th percentile",
        query=q.quantile(0.95, TRACES_SERVICE_GRAPH_REQUEST_SERVER_SECONDS, by=_EDGE),
    ),
    NamedQuery(
        key="traces.decisions_rate",
        title="Traces kept and dropped per second",
        query=q.sum_by(q.rate(WATCHKEEPER_TRACE_DECISIONS_TOTAL), "decision", "reason"),
    ),
)
