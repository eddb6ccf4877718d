"""Resilience: what retries, breakers, bulkheads, timeouts and fallbacks do inside an application."""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import NamedQuery, System
from watchkeeper.signals import Counter, Gauge, Polarity, Signal
from watchkeeper.units import ONE, SECONDS

__all__ = ["BREAKER_STATES", "QUERIES", "SIGNALS", "SYSTEM"]

BREAKER_STATES = ("closed", "half_open", "open")

RESILIENCE_RETRIES_TOTAL = Counter(
    "resilience_retries_total",
    "Attempts that were made again after a failure.",
    ONE,
    ("operation", "error_type"),
    Polarity.HIGH_IS_BAD,
)
RESILIENCE_RETRIES_EXHAUSTED_TOTAL = Counter(
    "resilience_retries_exhausted_total",
    "Operations that failed although they were tried again as often as allowed.",
    ONE,
    ("operation", "error_type"),
    Polarity.HIGH_IS_BAD,
)
RESILIENCE_RETRY_WAIT_SECONDS_TOTAL = Counter(
    "resilience_retry_wait_seconds_total",
    "Time spent waiting between attempts.",
    SECONDS,
    ("operation",),
    Polarity.HIGH_IS_BAD,
)
RESILIENCE_BREAKER_STATE = Gauge(
    "resilience_breaker_state", "1 for the state that a circuit breaker is in.", labels=("breaker", "state")
)
RESILIENCE_BREAKER_TRIPS_TOTAL = Counter(
    "resilience_breaker_trips_total", "Times a circuit breaker opened.", ONE, ("breaker",), Polarity.HIGH_IS_BAD
)
RESILIENCE_BREAKER_REJECTED_CALLS_TOTAL = Counter(
    "resilience_breaker_rejected_calls_total",
    "Calls that an open circuit breaker did not let through.",
    ONE,
    ("breaker",),
    Polarity.HIGH_IS_BAD,
)
RESILIENCE_BULKHEAD_RUNNING = Gauge(
    "resilience_bulkhead_running", "Calls inside a bulkhead.", ONE, ("bulkhead",), Polarity.HIGH_IS_BAD
)
RESILIENCE_BULKHEAD_WAITING = Gauge(
    "resilience_bulkhead_waiting",
    "Calls that wait for a place in a bulkhead.",
    ONE,
    ("bulkhead",),
    Polarity.HIGH_IS_BAD,
)
RESILIENCE_BULKHEAD_LIMIT = Gauge("resilience_bulkhead_limit", "Places of a bulkhead.", labels=("bulkhead",))
RESILIENCE_BULKHEAD_REJECTED_CALLS_TOTAL = Counter(
    "resilience_bulkhead_rejected_calls_total",
    "Calls that found no place in a bulkhead.",
    ONE,
    ("bulkhead",),
    Polarity.HIGH_IS_BAD,
)
RESILIENCE_TIMEOUTS_TOTAL = Counter(
    "resilience_timeouts_total", "Operations that were given up for time.", ONE, ("operation",), Polarity.HIGH_IS_BAD
)
RESILIENCE_FALLBACKS_TOTAL = Counter(
    "resilience_fallbacks_total",
    "Operations that answered with a fallback after a failure.",
    ONE,
    ("operation", "error_type"),
    Polarity.HIGH_IS_BAD,
)

SIGNALS: tuple[Signal, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Signal))

SYSTEM = System(
    key="resilience",
    title="Resilience patterns",
    summary="Retries, circuit breakers, bulkheads, timeouts and fallbacks of an application.",
    collected="application",
    signals=SIGNALS,
    tested_against="tenacity 9, stamina 26, pybreaker 1.4, in process",
)

_EACH = ("job", "instance")

QUERIES: tuple[NamedQuery, ...] = (
    NamedQuery(
        key="resilience.retries_rate",
        title="Retries per second",
        query=q.sum_by(q.rate(RESILIENCE_RETRIES_TOTAL), *_EACH, "operation"),
    ),
    NamedQuery(
        key="resilience.exhausted_rate",
        title="Operations per second that ran out of retries",
        query=q.sum_by(q.rate(RESILIENCE_RETRIES_EXHAUSTED_TOTAL), *_EACH, "operation"),
    ),
    NamedQuery(
        key="resilience.retry_waiting",
        title="Operations that wait between attempts, on average",
        query=q.sum_by(q.rate(RESILIENCE_RETRY_WAIT_SECONDS_TOTAL), *_EACH, "operation"),
    ),
    NamedQuery(
        key="resilience.breaker_open",
        title="Open circuit breakers",
        query=q.max_by(RESILIENCE_BREAKER_STATE.where(state="open"), *_EACH, "breaker"),
    ),
    NamedQuery(
        key="resilience.breaker_rejected_rate",
        title="Calls per second that a breaker rejects",
        query=q.sum_by(q.rate(RESILIENCE_BREAKER_REJECTED_CALLS_TOTAL), *_EACH, "breaker"),
    ),
    NamedQuery(
        key="resilience.breaker_trips",
        title="Trips of breakers within 30 minutes",
        query=q.sum_by(q.increase(RESILIENCE_BREAKER_TRIPS_TOTAL, "30m"), *_EACH, "breaker"),
    ),
    NamedQuery(
        key="resilience.bulkhead_used_ratio",
        title="Places of bulkheads in use",
        query=q.max_by(q.ratio(RESILIENCE_BULKHEAD_RUNNING, RESILIENCE_BULKHEAD_LIMIT), *_EACH, "bulkhead"),
    ),
    NamedQuery(
        key="resilience.bulkhead_rejected_rate",
        title="Calls per second that a bulkhead rejects",
        query=q.sum_by(q.rate(RESILIENCE_BULKHEAD_REJECTED_CALLS_TOTAL), *_EACH, "bulkhead"),
    ),
    NamedQuery(
        key="resilience.timeouts_rate",
        title="Timeouts per second",
        query=q.sum_by(q.rate(RESILIENCE_TIMEOUTS_TOTAL), *_EACH, "operation"),
    ),
    NamedQuery(
        key="resilience.fallbacks_rate",
        title="Fallbacks per second",
        query=q.sum_by(q.rate(RESILIENCE_FALLBACKS_TOTAL), *_EACH, "operation"),
    ),
)
