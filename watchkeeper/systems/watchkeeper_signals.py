"""The signals of Watchkeeper itself. They stand apart from its queries, which a sidecar has no use for."""

from __future__ import annotations

from watchkeeper.signals import Counter, Gauge, Info, Polarity, Signal
from watchkeeper.units import BYTES, ONE, SECONDS, UNIX_TIME

__all__ = [
    "SIGNALS",
    "UP",
    "WATCHKEEPER_BUILD_INFO",
    "WATCHKEEPER_CONFIG_LAST_RELOAD_SUCCESSFUL",
    "WATCHKEEPER_CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP_SECONDS",
    "WATCHKEEPER_CONSOLE_REQUESTS_TOTAL",
    "WATCHKEEPER_DELIVERIES_OVERLOADED_TOTAL",
    "WATCHKEEPER_DELIVERIES_TOTAL",
    "WATCHKEEPER_INCIDENTS",
    "WATCHKEEPER_INCIDENT_EVENTS_TOTAL",
    "WATCHKEEPER_LISTENER_REQUESTS_TOTAL",
    "WATCHKEEPER_LISTENER_SCRAPES_IN_FLIGHT",
    "WATCHKEEPER_LISTENER_SCRAPES_REJECTED_TOTAL",
    "WATCHKEEPER_PUSH_FAILURES_TOTAL",
    "WATCHKEEPER_PUSH_ITEMS_REJECTED_TOTAL",
    "WATCHKEEPER_PUSH_LAST_SUCCESS_TIMESTAMP_SECONDS",
    "WATCHKEEPER_PUSH_QUEUE_AGE_SECONDS",
    "WATCHKEEPER_PUSH_QUEUE_BYTES",
    "WATCHKEEPER_PUSH_QUEUE_LIMIT_BYTES",
    "WATCHKEEPER_PUSH_RECORDS_ACCEPTED_TOTAL",
    "WATCHKEEPER_PUSH_RECORDS_DROPPED_TOTAL",
    "WATCHKEEPER_PUSH_RECORDS_SENT_TOTAL",
    "WATCHKEEPER_RULE_EVALUATIONS_TOTAL",
    "WATCHKEEPER_RULE_EVALUATION_DURATION_SECONDS",
    "WATCHKEEPER_RULE_EVALUATION_FAILURES_TOTAL",
    "WATCHKEEPER_RULE_LAST_EVALUATION_TIMESTAMP_SECONDS",
    "WATCHKEEPER_RUNS_UNFINISHED",
    "WATCHKEEPER_STEPS_WAITING",
    "WATCHKEEPER_TARGET_BREAKER_OPEN",
    "WATCHKEEPER_TARGET_DROPPED_SERIES_TOTAL",
    "WATCHKEEPER_TARGET_FAILURES_TOTAL",
    "WATCHKEEPER_TARGET_LAST_SUCCESS_TIMESTAMP_SECONDS",
    "WATCHKEEPER_TARGET_READS_TOTAL",
    "WATCHKEEPER_TARGET_SCRAPE_DURATION_SECONDS",
    "WATCHKEEPER_TARGET_SERIES",
    "WATCHKEEPER_TARGET_UP",
    "WATCHKEEPER_TRACES_DROPPED_TOTAL",
    "WATCHKEEPER_TRACE_SPANS_TOTAL",
    "WATCHKEEPER_TRACE_STORE_BYTES",
    "WATCHKEEPER_WEBHOOKS_TOTAL",
]

_HIGH, _LOW = Polarity.HIGH_IS_BAD, Polarity.LOW_IS_BAD
# Not `system`: that is the label by which an alert says whose it is, and it would overwrite this one.
_TARGET = ("target_system", "target")

# The one name here that is not ours: every scrape, by Prometheus or by the embedded loop, leaves it behind.
UP = Gauge("up", "Whether the last scrape of the target succeeded.", ONE, (), _LOW, origin="Prometheus")

WATCHKEEPER_BUILD_INFO = Info("watchkeeper_build_info", "Version of Watchkeeper.", labels=("version",))
WATCHKEEPER_TARGET_UP = Gauge(
    "watchkeeper_target_up",
    "Whether the target was read in time; 0 also while its breaker is open.",
    ONE,
    _TARGET,
    _LOW,
)
WATCHKEEPER_TARGET_SCRAPE_DURATION_SECONDS = Gauge(
    "watchkeeper_target_scrape_duration_seconds",
    "How long the last read of the target took.",
    SECONDS,
    _TARGET,
    _HIGH,
)
WATCHKEEPER_TARGET_SERIES = Gauge(
    "watchkeeper_target_series", "Series that the last read of the target gave.", ONE, _TARGET, _HIGH
)
WATCHKEEPER_TARGET_DROPPED_SERIES_TOTAL = Counter(
    "watchkeeper_target_dropped_series_total",
    "Series left out because the target gave more than max_series.",
    ONE,
    _TARGET,
    _HIGH,
)
WATCHKEEPER_TARGET_READS_TOTAL = Counter(
    "watchkeeper_target_reads_total", "Reads of the target that were begun.", ONE, _TARGET
)
WATCHKEEPER_TARGET_FAILURES_TOTAL = Counter(
    "watchkeeper_target_failures_total", "Reads of the target that failed or were late.", ONE, _TARGET, _HIGH
)
WATCHKEEPER_TARGET_BREAKER_OPEN = Gauge(
    "watchkeeper_target_breaker_open",
    "Whether the target is left alone for a while after repeated failures.",
    ONE,
    _TARGET,
    _HIGH,
)

WATCHKEEPER_TARGET_LAST_SUCCESS_TIMESTAMP_SECONDS = Gauge(
    "watchkeeper_target_last_success_timestamp_seconds",
    "When the target last answered; absent until it has.",
    UNIX_TIME,
    _TARGET,
    _LOW,
)

# The sidecar's listener and its settings
_SIDECAR = "the listener of a sidecar (`watchkeeper collect`)"
WATCHKEEPER_LISTENER_REQUESTS_TOTAL = Counter(
    "watchkeeper_listener_requests_total", "Answers of the listener.", ONE, ("code",), requires=_SIDECAR
)
WATCHKEEPER_LISTENER_SCRAPES_IN_FLIGHT = Gauge(
    "watchkeeper_listener_scrapes_in_flight", "Scrapes that are being answered.", ONE, (), _HIGH, requires=_SIDECAR
)
WATCHKEEPER_LISTENER_SCRAPES_REJECTED_TOTAL = Counter(
    "watchkeeper_listener_scrapes_rejected_total",
    "Scrapes refused because too many were under way.",
    ONE,
    (),
    _HIGH,
    requires=_SIDECAR,
)
WATCHKEEPER_CONFIG_LAST_RELOAD_SUCCESSFUL = Gauge(
    "watchkeeper_config_last_reload_successful",
    "Whether the settings were taken when they were last read; 0 while older ones are in force.",
    ONE,
    (),
    _LOW,
    requires=_SIDECAR,
)
WATCHKEEPER_CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP_SECONDS = Gauge(
    "watchkeeper_config_last_reload_success_timestamp_seconds",
    "When the settings in force were read.",
    UNIX_TIME,
    (),
    requires=_SIDECAR,
)

# What the sidecar sends (collectors.push); `destination` is otlp, remote_write or textfile,
# and the documents of deviations (watchkeeper.app.elastic_documents): elasticsearch
_PUSH = "`push` in the settings of the sidecar, or `elasticsearch.deviations`"
_DESTINATION = ("destination",)
WATCHKEEPER_PUSH_RECORDS_ACCEPTED_TOTAL = Counter(
    "watchkeeper_push_records_accepted_total",
    "Records (one reading of all targets each) that were synced to the queue on disk.",
    ONE,
    _DESTINATION,
    requires=_PUSH,
)
WATCHKEEPER_PUSH_RECORDS_SENT_TOTAL = Counter(
    "watchkeeper_push_records_sent_total", "Records that the receiver has taken.", ONE, _DESTINATION, requires=_PUSH
)
WATCHKEEPER_PUSH_RECORDS_DROPPED_TOTAL = Counter(
    "watchkeeper_push_records_dropped_total",
    "Records that are lost: the queue was full, the disk refused them, or the receiver did for good.",
    ONE,
    (*_DESTINATION, "reason"),
    _HIGH,
    requires=_PUSH,
)
WATCHKEEPER_PUSH_ITEMS_REJECTED_TOTAL = Counter(
    "watchkeeper_push_items_rejected_total",
    "Data points that the receiver did not take of records that it took (partial success).",
    ONE,
    _DESTINATION,
    _HIGH,
    requires=_PUSH,
)
WATCHKEEPER_PUSH_FAILURES_TOTAL = Counter(
    "watchkeeper_push_failures_total",
    "Attempts to send that failed; what they held is sent again.",
    ONE,
    _DESTINATION,
    _HIGH,
    requires=_PUSH,
)
WATCHKEEPER_PUSH_QUEUE_BYTES = Gauge(
    "watchkeeper_push_queue_bytes", "Bytes that wait on disk.", BYTES, _DESTINATION, _HIGH, requires=_PUSH
)
WATCHKEEPER_PUSH_QUEUE_LIMIT_BYTES = Gauge(
    "watchkeeper_push_queue_limit_bytes", "Bytes that may wait on disk.", BYTES, _DESTINATION, requires=_PUSH
)
WATCHKEEPER_PUSH_QUEUE_AGE_SECONDS = Gauge(
    "watchkeeper_push_queue_age_seconds",
    "Age of the oldest record that waits; 0 when none does.",
    SECONDS,
    _DESTINATION,
    _HIGH,
    requires=_PUSH,
)
WATCHKEEPER_PUSH_LAST_SUCCESS_TIMESTAMP_SECONDS = Gauge(
    "watchkeeper_push_last_success_timestamp_seconds",
    "When the receiver last took a record; absent until it has.",
    UNIX_TIME,
    _DESTINATION,
    _LOW,
    requires=_PUSH,
)

# Rules evaluated in process (alerts.evaluation)
WATCHKEEPER_RULE_EVALUATIONS_TOTAL = Counter(
    "watchkeeper_rule_evaluations_total",
    "Evaluations of a rule.",
    ONE,
    ("rule",),
    requires="rules that are evaluated in process (`watchkeeper up`)",
)
WATCHKEEPER_RULE_EVALUATION_FAILURES_TOTAL = Counter(
    "watchkeeper_rule_evaluation_failures_total",
    "Evaluations of a rule that gave no answer: what it watches is unknown.",
    ONE,
    ("rule",),
    _HIGH,
    requires="rules that are evaluated in process (`watchkeeper up`)",
)
WATCHKEEPER_RULE_LAST_EVALUATION_TIMESTAMP_SECONDS = Gauge(
    "watchkeeper_rule_last_evaluation_timestamp_seconds",
    "When all rules were last evaluated.",
    UNIX_TIME,
    (),
    _LOW,
    requires="rules that are evaluated in process (`watchkeeper up`)",
)
WATCHKEEPER_RULE_EVALUATION_DURATION_SECONDS = Gauge(
    "watchkeeper_rule_evaluation_duration_seconds",
    "How long the last evaluation of all rules took.",
    SECONDS,
    (),
    _HIGH,
    requires="rules that are evaluated in process (`watchkeeper up`)",
)

# The run engine
_ENGINE = "the run engine (`watchkeeper up` or `serve`)"
WATCHKEEPER_DELIVERIES_TOTAL = Counter("watchkeeper_deliveries_total", "Deliveries that were stored.", requires=_ENGINE)
WATCHKEEPER_INCIDENTS = Gauge(
    "watchkeeper_incidents", "Incidents that are not resolved.", ONE, ("status",), _HIGH, requires=_ENGINE
)
WATCHKEEPER_DELIVERIES_OVERLOADED_TOTAL = Counter(
    "watchkeeper_deliveries_overloaded_total",
    "Requests refused because too many waited to be stored; the sender sends them again.",
    ONE,
    (),
    _HIGH,
    requires=_ENGINE,
)
WATCHKEEPER_INCIDENT_EVENTS_TOTAL = Counter(
    "watchkeeper_incident_events_total", "Entries of timelines.", ONE, ("kind",), requires=_ENGINE
)
WATCHKEEPER_RUNS_UNFINISHED = Gauge(
    "watchkeeper_runs_unfinished", "Runs that are under way.", ONE, (), _HIGH, requires=_ENGINE
)
WATCHKEEPER_STEPS_WAITING = Gauge(
    "watchkeeper_steps_waiting", "Steps that wait for a person.", ONE, (), _HIGH, requires=_ENGINE
)
WATCHKEEPER_WEBHOOKS_TOTAL = Counter(
    "watchkeeper_webhooks_total", "Webhook requests by what became of them.", ONE, ("outcome",), requires=_ENGINE
)
WATCHKEEPER_CONSOLE_REQUESTS_TOTAL = Counter(
    "watchkeeper_console_requests_total", "Answers of the console.", ONE, ("code", "method"), requires=_ENGINE
)

# The trace store behind /v1/traces
_TRACES = "the trace store (`watchkeeper up` or `serve`, `traces.enabled`)"
WATCHKEEPER_TRACE_SPANS_TOTAL = Counter(
    "watchkeeper_trace_spans_total",
    "Spans that were sent here, by what became of them: accepted or refused.",
    ONE,
    ("outcome",),
    requires=_TRACES,
)
WATCHKEEPER_TRACES_DROPPED_TOTAL = Counter(
    "watchkeeper_traces_dropped_total",
    "Traces that were kept and had to go: too old, not drawn as a sample, or for want of room.",
    requires=_TRACES,
)
WATCHKEEPER_TRACE_STORE_BYTES = Gauge(
    "watchkeeper_trace_store_bytes", "Size of the traces that are kept.", BYTES, (), _HIGH, requires=_TRACES
)

SIGNALS: tuple[Signal, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Signal))
