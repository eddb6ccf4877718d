"""Logs: how many lines and errors each service writes, and which lines have never been seen before."""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import NamedQuery, System
from watchkeeper.signals import Counter, Gauge, Polarity, Signal, matches
from watchkeeper.units import BYTES, ONE, UNIX_TIME

__all__ = ["ERROR_LEVELS", "LEVELS", "QUERIES", "SIGNALS", "SYSTEM"]

LEVELS = ("debug", "info", "warning", "error", "critical", "unknown")
ERROR_LEVELS = "error|critical"

LOGS_RECORDS_TOTAL = Counter(
    "logs_records_total",
    "Records read, by level; a stack trace and the line before it are one record, a level that cannot be told is "
    "'unknown'.",
    labels=("service", "level"),
)
LOGS_READ_BYTES_TOTAL = Counter("logs_read_bytes_total", "Bytes of log read.", BYTES, ("service",))
LOGS_NEW_TEMPLATES_TOTAL = Counter(
    "logs_new_templates_total",
    "Templates of records that had never been seen before, once the learning time was over.",
    ONE,
    ("service", "level"),
    Polarity.HIGH_IS_BAD,
)
LOGS_TEMPLATES = Gauge("logs_templates", "Templates known.", ONE, ("service",))
LOGS_TEMPLATE_FIRST_SEEN_TIMESTAMP_SECONDS = Gauge(
    "logs_template_first_seen_timestamp_seconds",
    "When a new template was first seen; the newest ones, with the words that vary as <*>.",
    UNIX_TIME,
    ("service", "level", "template"),
    requires="a template that was new within the last hour",
)
LOGS_DROPPED_RECORDS_TOTAL = Counter(
    "logs_dropped_records_total",
    "Records that were not looked at, by reason: too long, not text.",
    ONE,
    ("service", "reason"),
    Polarity.HIGH_IS_BAD,
    requires="a record that was dropped",
)
LOGS_LOST_BYTES_TOTAL = Counter(
    "logs_lost_bytes_total",
    "Bytes that were written and gone before they were read: a file that was truncated, or deleted for a minute.",
    BYTES,
    ("service",),
    Polarity.HIGH_IS_BAD,
)
LOGS_UNREAD_BYTES = Gauge(
    "logs_unread_bytes", "Bytes written and not yet read.", BYTES, ("service",), Polarity.HIGH_IS_BAD
)
LOGS_LAST_RECORD_TIMESTAMP_SECONDS = Gauge(
    "logs_last_record_timestamp_seconds", "When the last record was read.", UNIX_TIME, ("service",)
)
LOGS_SOURCES = Gauge("logs_sources", "Files or journals that are followed.", labels=("service",))
LOGS_UNREADABLE_SOURCES = Gauge(
    "logs_unreadable_sources",
    "Files that match and cannot be read.",
    labels=("service",),
    polarity=Polarity.HIGH_IS_BAD,
    requires="a file that may not be read",
)

SIGNALS: tuple[Signal, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Signal))

SYSTEM = System(
    key="logs",
    title="Logs",
    summary="Log files, container logs and the journal: rates and new templates, not the texts themselves.",
    collected="ours",
    signals=SIGNALS,
    tested_against="files of plain text, JSON, CRI and Docker's json-file; journalctl 252",
)

_EACH = ("job", "instance", "service")
_ERRORS = LOGS_RECORDS_TOTAL.where(level=matches(ERROR_LEVELS))

QUERIES: tuple[NamedQuery, ...] = (
    NamedQuery(
        key="logs.records_rate",
        title="Records per second by service",
        query=q.sum_by(q.rate(LOGS_RECORDS_TOTAL), *_EACH),
    ),
    NamedQuery(
        key="logs.errors_rate",
        title="Errors per second by service",
        query=q.sum_by(q.rate(_ERRORS), *_EACH),
    ),
    NamedQuery(
        key="logs.error_ratio",
        title="Share of records that are errors",
        query=q.ratio(q.sum_by(q.rate(_ERRORS), *_EACH), q.sum_by(q.rate(LOGS_RECORDS_TOTAL), *_EACH) > 0),
    ),
    NamedQuery(
        key="logs.new_templates",
        title="New templates within 15 minutes",
        query=q.sum_by(q.increase(LOGS_NEW_TEMPLATES_TOTAL, "15m"), *_EACH),
    ),
    NamedQuery(
        key="logs.new_error_templates",
        title="New templates of errors within 15 minutes",
        query=q.sum_by(q.increase(LOGS_NEW_TEMPLATES_TOTAL.where(level=matches(ERROR_LEVELS)), "15m"), *_EACH),
    ),
    NamedQuery(
        key="logs.newest_templates",
        title="Age of the newest templates",
        query=q.min_by(q.age(LOGS_TEMPLATE_FIRST_SEEN_TIMESTAMP_SECONDS), *_EACH, "level", "template"),
    ),
    NamedQuery(
        key="logs.dropped_rate",
        title="Records dropped per second",
        query=q.sum_by(q.rate(LOGS_DROPPED_RECORDS_TOTAL), *_EACH, "reason"),
    ),
    NamedQuery(
        key="logs.lost_rate",
        title="Bytes lost before they were read, per second",
        query=q.sum_by(q.rate(LOGS_LOST_BYTES_TOTAL), *_EACH),
    ),
    NamedQuery(key="logs.unread_bytes", title="Bytes not yet read", query=q.max_by(LOGS_UNREAD_BYTES, *_EACH)),
    NamedQuery(
        key="logs.silence",
        title="Time since the last record",
        query=q.min_by(q.age(LOGS_LAST_RECORD_TIMESTAMP_SECONDS), *_EACH),
    ),
    NamedQuery(
        key="logs.unreadable_sources",
        title="Files that cannot be read",
        query=q.max_by(LOGS_UNREADABLE_SOURCES, *_EACH),
    ),
)
