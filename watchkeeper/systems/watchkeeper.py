"""Watchkeeper itself: what it says of its targets and of its own work."""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import NamedQuery, System
from watchkeeper.signals import Counter, Gauge, Info, Polarity, Signal
from watchkeeper.systems.agent_platform import PROCESS_RESIDENT_MEMORY_BYTES
from watchkeeper.units import ONE, SECONDS, UNIX_TIME

__all__ = ["QUERIES", "SIGNALS", "SYSTEM"]

_HIGH, _LOW = Polarity.HIGH_IS_BAD, Polarity.LOW_IS_BAD
# Not `system`: that is the label by which an alert says whose it is, and it would overwrite this one.
_TARGET = ("target_system", "target")
# A sidecar elsewhere may have targets of the same names: job and instance of its scrape tell them apart.
_EACH = ("target", "target_system", "job", "instance")

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

SIGNALS: tuple[Signal, ...] = tuple(
    value
    for value in list(globals().values())
    if isinstance(value, Signal) and value is not PROCESS_RESIDENT_MEMORY_BYTES
)

SYSTEM = System(
    key="watchkeeper",
    title="Watchkeeper",
    summary="The watcher watched: collectors and their targets.",
    collected="ours",
    signals=SIGNALS,
    tested_against="itself",
)

QUERIES: tuple[NamedQuery, ...] = (
    NamedQuery(key="watchkeeper.up", title="Whether a target's last scrape succeeded", query=q.value(UP)),
    NamedQuery(
        key="watchkeeper.target_up",
        title="Whether a target was read in time",
        query=q.min_by(WATCHKEEPER_TARGET_UP, *_EACH),
    ),
    NamedQuery(
        key="watchkeeper.target_scrape_duration",
        title="How long the read of a target took",
        query=q.max_by(WATCHKEEPER_TARGET_SCRAPE_DURATION_SECONDS, *_EACH),
    ),
    NamedQuery(
        key="watchkeeper.target_series",
        title="Series that a target gave",
        query=q.max_by(WATCHKEEPER_TARGET_SERIES, *_EACH),
    ),
    NamedQuery(
        key="watchkeeper.target_failures_rate",
        title="Reads of a target that failed, per second",
        query=q.sum_by(q.rate(WATCHKEEPER_TARGET_FAILURES_TOTAL), *_EACH),
    ),
    NamedQuery(
        key="watchkeeper.dropped_series_rate",
        title="Series left out for their number, per second",
        query=q.sum_by(q.rate(WATCHKEEPER_TARGET_DROPPED_SERIES_TOTAL), *_EACH),
    ),
    NamedQuery(
        key="watchkeeper.rule_evaluations_rate",
        title="Rules evaluated per second",
        query=q.sum_by(q.rate(WATCHKEEPER_RULE_EVALUATIONS_TOTAL)),
    ),
    NamedQuery(
        key="watchkeeper.rule_failures_rate",
        title="Evaluations that gave no answer, per second, by rule",
        query=q.sum_by(q.rate(WATCHKEEPER_RULE_EVALUATION_FAILURES_TOTAL), "rule"),
    ),
    NamedQuery(
        key="watchkeeper.rule_age",
        title="Time since all rules were last evaluated",
        query=q.age(q.max_by(WATCHKEEPER_RULE_LAST_EVALUATION_TIMESTAMP_SECONDS)),
    ),
    NamedQuery(
        key="watchkeeper.deliveries_rate",
        title="Deliveries stored per second",
        query=q.sum_by(q.rate(WATCHKEEPER_DELIVERIES_TOTAL)),
    ),
    NamedQuery(
        key="watchkeeper.incidents_open",
        title="Incidents that are not resolved, by status",
        query=q.max_by(WATCHKEEPER_INCIDENTS, "status"),
    ),
    NamedQuery(
        key="watchkeeper.memory",
        title="Resident memory of Watchkeeper's processes",
        query=q.max_by(PROCESS_RESIDENT_MEMORY_BYTES.where(job="watchkeeper"), "job", "instance"),
    ),
)
