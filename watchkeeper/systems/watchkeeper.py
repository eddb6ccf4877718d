"""Watchkeeper itself: what it says of its targets and of its own work."""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import NamedQuery, System
from watchkeeper.systems.process import PROCESS_RESIDENT_MEMORY_BYTES
from watchkeeper.systems.watchkeeper_signals import (
    SIGNALS,
    UP,
    WATCHKEEPER_CONFIG_LAST_RELOAD_SUCCESSFUL,
    WATCHKEEPER_DELIVERIES_TOTAL,
    WATCHKEEPER_INCIDENTS,
    WATCHKEEPER_LISTENER_SCRAPES_IN_FLIGHT,
    WATCHKEEPER_LISTENER_SCRAPES_REJECTED_TOTAL,
    WATCHKEEPER_PUSH_FAILURES_TOTAL,
    WATCHKEEPER_PUSH_ITEMS_REJECTED_TOTAL,
    WATCHKEEPER_PUSH_QUEUE_AGE_SECONDS,
    WATCHKEEPER_PUSH_QUEUE_BYTES,
    WATCHKEEPER_PUSH_QUEUE_LIMIT_BYTES,
    WATCHKEEPER_PUSH_RECORDS_DROPPED_TOTAL,
    WATCHKEEPER_PUSH_RECORDS_SENT_TOTAL,
    WATCHKEEPER_RULE_EVALUATION_FAILURES_TOTAL,
    WATCHKEEPER_RULE_EVALUATIONS_TOTAL,
    WATCHKEEPER_RULE_LAST_EVALUATION_TIMESTAMP_SECONDS,
    WATCHKEEPER_TARGET_DROPPED_SERIES_TOTAL,
    WATCHKEEPER_TARGET_FAILURES_TOTAL,
    WATCHKEEPER_TARGET_SCRAPE_DURATION_SECONDS,
    WATCHKEEPER_TARGET_SERIES,
    WATCHKEEPER_TARGET_UP,
)

__all__ = ["QUERIES", "SIGNALS", "SYSTEM"]

# A sidecar elsewhere may have targets of the same names: job and instance of its scrape tell them apart.
_EACH = ("target", "target_system", "job", "instance")
_PUSHED = ("destination", "job", "instance")

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
        key="watchkeeper.config_reload_successful",
        title="Whether a sidecar took its settings when it last read them",
        query=q.min_by(WATCHKEEPER_CONFIG_LAST_RELOAD_SUCCESSFUL, "job", "instance"),
    ),
    NamedQuery(
        key="watchkeeper.scrapes_rejected_rate",
        title="Scrapes that a sidecar refused, per second",
        query=q.sum_by(q.rate(WATCHKEEPER_LISTENER_SCRAPES_REJECTED_TOTAL), "job", "instance"),
    ),
    NamedQuery(
        key="watchkeeper.scrapes_in_flight",
        title="Scrapes that a sidecar is answering",
        query=q.max_by(WATCHKEEPER_LISTENER_SCRAPES_IN_FLIGHT, "job", "instance"),
    ),
    NamedQuery(
        key="watchkeeper.push_queue_ratio",
        title="How full the queue of a receiver is",
        query=q.ratio(
            q.max_by(WATCHKEEPER_PUSH_QUEUE_BYTES, *_PUSHED), q.max_by(WATCHKEEPER_PUSH_QUEUE_LIMIT_BYTES, *_PUSHED)
        ),
    ),
    NamedQuery(
        key="watchkeeper.push_queue_age",
        title="Age of the oldest record that waits to be sent",
        query=q.max_by(WATCHKEEPER_PUSH_QUEUE_AGE_SECONDS, *_PUSHED),
    ),
    NamedQuery(
        key="watchkeeper.push_sent_rate",
        title="Records taken by a receiver, per second",
        query=q.sum_by(q.rate(WATCHKEEPER_PUSH_RECORDS_SENT_TOTAL), *_PUSHED),
    ),
    NamedQuery(
        key="watchkeeper.push_failures_rate",
        title="Attempts to send that failed, per second",
        query=q.sum_by(q.rate(WATCHKEEPER_PUSH_FAILURES_TOTAL), *_PUSHED),
    ),
    NamedQuery(
        key="watchkeeper.push_dropped_rate",
        title="Records lost, per second, by reason",
        query=q.sum_by(q.rate(WATCHKEEPER_PUSH_RECORDS_DROPPED_TOTAL), *_PUSHED, "reason"),
    ),
    NamedQuery(
        key="watchkeeper.push_items_rejected_rate",
        title="Data points that a receiver did not take, per second",
        query=q.sum_by(q.rate(WATCHKEEPER_PUSH_ITEMS_REJECTED_TOTAL), *_PUSHED),
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
