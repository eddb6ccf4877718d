"""The metric families of the instrumentation, built from the signals that the catalogue declares, and their exposition.

They live in a registry of their own (`REGISTRY`), with the numbers of the process. `expose()` serves it on /metrics;
a program that has an exposition already adds them to its own registry with `register()`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import prometheus_client
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from watchkeeper import signals
from watchkeeper.errors import ListenError
from watchkeeper.systems import agent_platform as declared
from watchkeeper.systems import resilience, traces
from watchkeeper.systems import web_vitals as web

__all__ = [
    "REGISTRY",
    "Exposition",
    "Family",
    "QueueState",
    "WatchedQueue",
    "expose",
    "register",
    "watch_queue",
]

Child = TypeVar("Child", prometheus_client.Counter, prometheus_client.Gauge, prometheus_client.Histogram)


class _Registry(CollectorRegistry):
    """A registry without prometheus_client's `_created` series, which nobody declares and Prometheus does not need."""

    def collect(self) -> Iterable[Metric]:
        for family in super().collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family


REGISTRY: CollectorRegistry = _Registry()
prometheus_client.ProcessCollector(registry=REGISTRY)

_log = logging.getLogger(__name__)
_collectors: list[Collector] = []


class Family(Generic[Child]):
    """One declared metric family; `child` gives the series of some label values, resolved once and then remembered."""

    __slots__ = ("_children", "_metric", "signal")

    def __init__(self, signal: signals.Signal, metric: Child) -> None:
        self.signal = signal
        self._metric: Child = metric
        # prometheus_client takes a lock and makes strings at every labels(): three times the cost of an update.
        self._children: dict[tuple[str, ...], Child] = {}

    def child(self, *values: str) -> Child:
        """The series with these label values, in the order of the signal's labels; created at zero when new."""
        found = self._children.get(values)
        if found is None:
            found = self._children[values] = self._metric.labels(*values)
        return found


def _counter(signal: signals.Counter) -> Family[prometheus_client.Counter]:
    metric = prometheus_client.Counter(signal.name, signal.help, signal.labels, registry=REGISTRY)
    _collectors.append(metric)
    return Family(signal, metric)


def _gauge(signal: signals.Gauge) -> Family[prometheus_client.Gauge]:
    metric = prometheus_client.Gauge(signal.name, signal.help, signal.labels, registry=REGISTRY)
    _collectors.append(metric)
    return Family(signal, metric)


def _histogram(signal: signals.Histogram) -> Family[prometheus_client.Histogram]:
    metric = prometheus_client.Histogram(
        signal.name, signal.help, signal.labels, buckets=signal.buckets, registry=REGISTRY
    )
    _collectors.append(metric)
    return Family(signal, metric)


TOKEN_USAGE = _histogram(declared.GEN_AI_CLIENT_TOKEN_USAGE)
OPERATION_DURATION = _histogram(declared.GEN_AI_CLIENT_OPERATION_DURATION_SECONDS)
TIME_TO_FIRST_CHUNK = _histogram(declared.GEN_AI_CLIENT_OPERATION_TIME_TO_FIRST_CHUNK_SECONDS)
AGENT_DURATION = _histogram(declared.GEN_AI_INVOKE_AGENT_DURATION_SECONDS)
TOOL_DURATION = _histogram(declared.GEN_AI_EXECUTE_TOOL_DURATION_SECONDS)
WORKFLOW_DURATION = _histogram(declared.GEN_AI_WORKFLOW_DURATION_SECONDS)
COST_USD = _counter(declared.WATCHKEEPER_GEN_AI_COST_USD_TOTAL)
UNPRICED_CALLS = _counter(declared.WATCHKEEPER_GEN_AI_UNPRICED_CALLS_TOTAL)
REWORK_LOOPS = _counter(declared.WATCHKEEPER_GEN_AI_REWORK_LOOPS_TOTAL)
ENQUEUED = _counter(declared.WATCHKEEPER_QUEUE_ENQUEUED_TOTAL)
PROCESSED = _counter(declared.WATCHKEEPER_QUEUE_PROCESSED_TOTAL)
HTTP_SERVER_DURATION = _histogram(declared.HTTP_SERVER_REQUEST_DURATION_SECONDS)
HTTP_CLIENT_DURATION = _histogram(declared.HTTP_CLIENT_REQUEST_DURATION_SECONDS)
SPAN_CALLS = _counter(traces.TRACES_SPAN_METRICS_CALLS_TOTAL)
SPAN_DURATION = _histogram(traces.TRACES_SPAN_METRICS_DURATION_SECONDS)
RETRIES = _counter(resilience.RESILIENCE_RETRIES_TOTAL)
RETRIES_EXHAUSTED = _counter(resilience.RESILIENCE_RETRIES_EXHAUSTED_TOTAL)
RETRY_WAIT = _counter(resilience.RESILIENCE_RETRY_WAIT_SECONDS_TOTAL)
BREAKER_STATE = _gauge(resilience.RESILIENCE_BREAKER_STATE)
BREAKER_TRIPS = _counter(resilience.RESILIENCE_BREAKER_TRIPS_TOTAL)
BREAKER_REJECTED = _counter(resilience.RESILIENCE_BREAKER_REJECTED_CALLS_TOTAL)
BULKHEAD_RUNNING = _gauge(resilience.RESILIENCE_BULKHEAD_RUNNING)
BULKHEAD_WAITING = _gauge(resilience.RESILIENCE_BULKHEAD_WAITING)
BULKHEAD_LIMIT = _gauge(resilience.RESILIENCE_BULKHEAD_LIMIT)
BULKHEAD_REJECTED = _counter(resilience.RESILIENCE_BULKHEAD_REJECTED_CALLS_TOTAL)
TIMEOUTS = _counter(resilience.RESILIENCE_TIMEOUTS_TOTAL)
FALLBACKS = _counter(resilience.RESILIENCE_FALLBACKS_TOTAL)
LCP = _histogram(web.WEB_VITALS_LARGEST_CONTENTFUL_PAINT_SECONDS)
INP = _histogram(web.WEB_VITALS_INTERACTION_TO_NEXT_PAINT_SECONDS)
CLS = _histogram(web.WEB_VITALS_CUMULATIVE_LAYOUT_SHIFT)
TTFB = _histogram(web.WEB_VITALS_TIME_TO_FIRST_BYTE_SECONDS)
VITALS_REFUSED = _counter(web.WEB_VITALS_REFUSED_TOTAL)
TRACE_DECISIONS = _counter(traces.WATCHKEEPER_TRACE_DECISIONS_TOTAL)


@dataclass(frozen=True, slots=True)
class QueueState:
    """How many messages wait, and how long the oldest has waited in seconds (0 when none waits)."""

    depth: int
    oldest_age: float


class _QueueCollector(Collector):
    """Reads the watched queues at each scrape; a queue that cannot be read is left out, never repeated or zero."""

    def __init__(self) -> None:
        self.readers: dict[str, Callable[[], QueueState]] = {}

    def describe(self) -> Iterator[Metric]:
        yield from self._families()

    def collect(self) -> Iterator[Metric]:
        depth, age = self._families()
        for name, read in list(self.readers.items()):
            try:
                state = read()
            except Exception as error:  # noqa: BLE001 - the application's reader must not end the scrape
                _log.warning("queue %s cannot be read: %s", name, error)
                continue
            depth.add_metric([name], state.depth)
            age.add_metric([name], state.oldest_age)
        yield depth
        yield age

    def _families(self) -> tuple[GaugeMetricFamily, GaugeMetricFamily]:
        first, second = declared.WATCHKEEPER_QUEUE_DEPTH, declared.WATCHKEEPER_QUEUE_OLDEST_MESSAGE_AGE_SECONDS
        return (
            GaugeMetricFamily(first.name, first.help, labels=first.labels),
            GaugeMetricFamily(second.name, second.help, labels=second.labels),
        )


_queues = _QueueCollector()
REGISTRY.register(_queues)
_collectors.append(_queues)


class WatchedQueue:
    """The counters of one queue; see `watch_queue`."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def enqueued(self, messages: int = 1) -> None:
        """Count messages that this process has put into the queue."""
        ENQUEUED.child(self._name).inc(messages)

    def processed(self, error_type: str = "") -> None:
        """Count one message whose handling has ended, with the class of its error, empty for success."""
        PROCESSED.child(self._name, error_type).inc()


def watch_queue(name: str, read: Callable[[], QueueState] | None = None) -> WatchedQueue:
    """Count the messages of a queue and, when `read` is given, expose its depth and oldest age, read at each scrape.

    One process should give `read`, usually the consumer: the depth of a shared queue is not a number of each process.
    """
    if read is not None:
        _queues.readers[name] = read
    return WatchedQueue(name)


def register(registry: CollectorRegistry) -> None:
    """Add our families to a registry that the program exposes already, without the numbers of the process.

    Raises ValueError, as prometheus_client does, when it holds them already.
    """
    for collector in _collectors:
        registry.register(collector)


class Exposition:
    """A running /metrics server."""

    __slots__ = ("_server", "_thread", "host", "port")

    def __init__(self, server: Any, thread: threading.Thread, host: str) -> None:
        self._server = server
        self._thread = thread
        self.host = host
        self.port: int = server.server_port

    @property
    def url(self) -> str:
        """The address of the metrics."""
        return f"http://{self.host}:{self.port}/metrics"

    def close(self) -> None:
        """Stop answering and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def expose(port: int = 0, host: str = "127.0.0.1", registry: CollectorRegistry = REGISTRY) -> Exposition:
    """Serve the metrics at /metrics from a thread of their own; port 0 takes a free one.

    Raises ListenError when the address cannot be listened on.
    """
    try:
        server, thread = prometheus_client.start_http_server(port, host, registry)
    except OSError as error:
        raise ListenError(
            f"metrics: cannot listen on {host}:{port}: {error.strerror or error}; choose another port"
        ) from None
    return Exposition(server, thread, host)
