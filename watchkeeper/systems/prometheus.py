"""Prometheus, watched by its own metrics: names, kinds and labels are its own."""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.borrowed import Borrowed
from watchkeeper.declarations import NamedQuery, System
from watchkeeper.signals import Counter, Gauge, Histogram, Info, Polarity, Signal, Summary
from watchkeeper.units import BYTES, ONE, SECONDS, UNIX_TIME

__all__ = ["QUERIES", "SCRAPE_LIMITS", "SIGNALS", "STORAGE_FAILURES", "SYSTEM"]

_ORIGIN = "Prometheus"
_HIGH, _LOW, _NEUTRAL = Polarity.HIGH_IS_BAD, Polarity.LOW_IS_BAD, Polarity.NEUTRAL

_RULES = "rule files"
_REMOTE = "remote_write"
_ALERTMANAGER = "an Alertmanager in `alerting`"
_STORED = "a scrape: the server stores it for each target, and does not show it on its own /metrics"

_GROUP = ("rule_group",)
_QUEUE = ("remote_name", "url")
_JOB = ("scrape_job",)


_names = Borrowed("prometheus_", _ORIGIN)
_gauge, _counter = _names.gauge, _names.counter


PROMETHEUS_BUILD_INFO = Info(
    "prometheus_build_info",
    "Version of the server.",
    labels=("branch", "goarch", "goos", "goversion", "revision", "version"),
    origin=_ORIGIN,
)
PROMETHEUS_READY = _gauge("ready", "Whether it has read its log and answers.", ONE, _LOW)
PROMETHEUS_CONFIG_LAST_RELOAD_SUCCESSFUL = _gauge(
    "config_last_reload_successful", "Whether the configuration was read the last time.", ONE, _LOW
)
PROMETHEUS_CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP_SECONDS = _gauge(
    "config_last_reload_success_timestamp_seconds", "When the configuration was last read.", UNIX_TIME
)

# Storage
PROMETHEUS_TSDB_HEAD_SERIES = _gauge("tsdb_head_series", "Series in memory.", ONE, _HIGH)
PROMETHEUS_TSDB_HEAD_CHUNKS = _gauge("tsdb_head_chunks", "Chunks in memory.", ONE, _HIGH)
PROMETHEUS_TSDB_HEAD_SAMPLES_APPENDED_TOTAL = _counter(
    "tsdb_head_samples_appended_total", "Samples stored.", ONE, _NEUTRAL, ("type",)
)
PROMETHEUS_TSDB_HEAD_SERIES_CREATED_TOTAL = _counter("tsdb_head_series_created_total", "Series begun.", ONE, _HIGH)
PROMETHEUS_TSDB_HEAD_SERIES_REMOVED_TOTAL = _counter("tsdb_head_series_removed_total", "Series taken from memory.")
PROMETHEUS_TSDB_STORAGE_BLOCKS_BYTES = _gauge("tsdb_storage_blocks_bytes", "Size of the blocks on disk.", BYTES, _HIGH)
PROMETHEUS_TSDB_BLOCKS_LOADED = _gauge("tsdb_blocks_loaded", "Blocks on disk.")
PROMETHEUS_TSDB_RETENTION_LIMIT_BYTES = _gauge("tsdb_retention_limit_bytes", "Limit of that size, 0 for none.", BYTES)
PROMETHEUS_TSDB_LOWEST_TIMESTAMP_SECONDS = _gauge("tsdb_lowest_timestamp_seconds", "Oldest sample.", UNIX_TIME)
PROMETHEUS_TSDB_COMPACTIONS_TOTAL = _counter("tsdb_compactions_total", "Compactions of blocks.")
PROMETHEUS_TSDB_COMPACTIONS_FAILED_TOTAL = _counter(
    "tsdb_compactions_failed_total", "Compactions that failed.", ONE, _HIGH
)
PROMETHEUS_TSDB_RELOADS_FAILURES_TOTAL = _counter(
    "tsdb_reloads_failures_total", "Readings of the blocks that failed.", ONE, _HIGH
)
PROMETHEUS_TSDB_HEAD_TRUNCATIONS_FAILED_TOTAL = _counter(
    "tsdb_head_truncations_failed_total", "Truncations of memory that failed.", ONE, _HIGH
)
PROMETHEUS_TSDB_CHECKPOINT_CREATIONS_FAILED_TOTAL = _counter(
    "tsdb_checkpoint_creations_failed_total", "Checkpoints of the log that failed.", ONE, _HIGH
)
PROMETHEUS_TSDB_WAL_CORRUPTIONS_TOTAL = _counter("tsdb_wal_corruptions_total", "Damage found in the log.", ONE, _HIGH)
PROMETHEUS_TSDB_WAL_WRITES_FAILED_TOTAL = _counter(
    "tsdb_wal_writes_failed_total", "Writes to the log that failed.", ONE, _HIGH
)
PROMETHEUS_TSDB_WAL_FSYNC_DURATION_SECONDS = Summary(
    "prometheus_tsdb_wal_fsync_duration_seconds",
    "How long the log takes to be synchronised.",
    SECONDS,
    (),
    _HIGH,
    origin=_ORIGIN,
)

# Scrapes
PROMETHEUS_TARGET_SCRAPE_POOL_TARGETS = _gauge(
    "target_scrape_pool_targets", "Targets of a job.", ONE, _NEUTRAL, _JOB, "a scrape configuration"
)
PROMETHEUS_TARGET_SCRAPE_POOLS_FAILED_TOTAL = _counter(
    "target_scrape_pools_failed_total", "Jobs that could not be set up.", ONE, _HIGH
)
PROMETHEUS_TARGET_SCRAPE_POOL_EXCEEDED_TARGET_LIMIT_TOTAL = _counter(
    "target_scrape_pool_exceeded_target_limit_total", "Jobs with more targets than target_limit.", ONE, _HIGH
)
PROMETHEUS_TARGET_SCRAPE_POOL_EXCEEDED_LABEL_LIMITS_TOTAL = _counter(
    "target_scrape_pool_exceeded_label_limits_total", "Scrapes with more labels than allowed.", ONE, _HIGH
)
PROMETHEUS_TARGET_SCRAPES_EXCEEDED_SAMPLE_LIMIT_TOTAL = _counter(
    "target_scrapes_exceeded_sample_limit_total", "Scrapes with more samples than sample_limit.", ONE, _HIGH
)
PROMETHEUS_TARGET_SCRAPES_EXCEEDED_BODY_SIZE_LIMIT_TOTAL = _counter(
    "target_scrapes_exceeded_body_size_limit_total", "Scrapes that were too large.", ONE, _HIGH
)
PROMETHEUS_TARGET_SCRAPES_SAMPLE_DUPLICATE_TIMESTAMP_TOTAL = _counter(
    "target_scrapes_sample_duplicate_timestamp_total", "Samples that came twice with another value.", ONE, _HIGH
)
PROMETHEUS_TARGET_SCRAPES_SAMPLE_OUT_OF_ORDER_TOTAL = _counter(
    "target_scrapes_sample_out_of_order_total", "Samples that are older than what is stored.", ONE, _HIGH
)
PROMETHEUS_TARGET_SYNC_FAILED_TOTAL = _counter(
    "target_sync_failed_total", "Targets that could not be made.", ONE, _HIGH, _JOB, "a scrape configuration"
)
PROMETHEUS_TARGET_INTERVAL_LENGTH_SECONDS = Summary(
    "prometheus_target_interval_length_seconds",
    "Time between two scrapes.",
    SECONDS,
    ("interval",),
    _HIGH,
    "a scrape configuration",
    _ORIGIN,
)
SCRAPE_DURATION_SECONDS = Gauge(
    "scrape_duration_seconds", "How long a scrape took.", SECONDS, (), _HIGH, _STORED, _ORIGIN
)
SCRAPE_SAMPLES_SCRAPED = Gauge(
    "scrape_samples_scraped", "Samples that a target gave.", ONE, (), _HIGH, _STORED, _ORIGIN
)
SCRAPE_SAMPLES_POST_METRIC_RELABELING = Gauge(
    "scrape_samples_post_metric_relabeling", "Those that were kept.", ONE, (), _HIGH, _STORED, _ORIGIN
)
SCRAPE_SERIES_ADDED = Gauge(
    "scrape_series_added", "Series that a scrape began, about.", ONE, (), _HIGH, _STORED, _ORIGIN
)

# Rules
PROMETHEUS_RULE_EVALUATIONS_TOTAL = _counter(
    "rule_evaluations_total", "Evaluations of rules.", ONE, _NEUTRAL, _GROUP, _RULES
)
PROMETHEUS_RULE_EVALUATION_FAILURES_TOTAL = _counter(
    "rule_evaluation_failures_total", "Evaluations that failed.", ONE, _HIGH, _GROUP, _RULES
)
PROMETHEUS_RULE_GROUP_ITERATIONS_TOTAL = _counter(
    "rule_group_iterations_total", "Rounds of a group of rules.", ONE, _NEUTRAL, _GROUP, _RULES
)
PROMETHEUS_RULE_GROUP_ITERATIONS_MISSED_TOTAL = _counter(
    "rule_group_iterations_missed_total", "Rounds left out because the one before was slow.", ONE, _HIGH, _GROUP, _RULES
)
PROMETHEUS_RULE_GROUP_LAST_DURATION_SECONDS = _gauge(
    "rule_group_last_duration_seconds", "How long the last round took.", SECONDS, _HIGH, _GROUP, _RULES
)
PROMETHEUS_RULE_GROUP_INTERVAL_SECONDS = _gauge(
    "rule_group_interval_seconds", "Time from round to round.", SECONDS, _NEUTRAL, _GROUP, _RULES
)
PROMETHEUS_RULE_GROUP_LAST_EVALUATION_TIMESTAMP_SECONDS = _gauge(
    "rule_group_last_evaluation_timestamp_seconds", "When the last round was.", UNIX_TIME, _LOW, _GROUP, _RULES
)

# Alerts on their way
PROMETHEUS_NOTIFICATIONS_ALERTMANAGERS_DISCOVERED = _gauge(
    "notifications_alertmanagers_discovered", "Alertmanagers that are known.", ONE, _LOW
)
PROMETHEUS_NOTIFICATIONS_QUEUE_LENGTH = _gauge("notifications_queue_length", "Alerts that wait.", ONE, _HIGH)
PROMETHEUS_NOTIFICATIONS_QUEUE_CAPACITY = _gauge("notifications_queue_capacity", "Most alerts that may wait.")
PROMETHEUS_NOTIFICATIONS_DROPPED_TOTAL = _counter("notifications_dropped_total", "Alerts lost.", ONE, _HIGH)
PROMETHEUS_NOTIFICATIONS_SENT_TOTAL = _counter(
    "notifications_sent_total", "Alerts sent.", ONE, _NEUTRAL, ("alertmanager",), _ALERTMANAGER
)
PROMETHEUS_NOTIFICATIONS_ERRORS_TOTAL = _counter(
    "notifications_errors_total", "Alerts that could not be sent.", ONE, _HIGH, ("alertmanager",), _ALERTMANAGER
)

# Remote write
PROMETHEUS_REMOTE_STORAGE_HIGHEST_TIMESTAMP_IN_SECONDS = _gauge(
    "remote_storage_highest_timestamp_in_seconds", "Newest sample that is to be sent.", UNIX_TIME
)
PROMETHEUS_REMOTE_STORAGE_QUEUE_HIGHEST_SENT_TIMESTAMP_SECONDS = _gauge(
    "remote_storage_queue_highest_sent_timestamp_seconds",
    "Newest sample that was sent.",
    UNIX_TIME,
    _LOW,
    _QUEUE,
    "remote_write, and a receiver that took something",
)
PROMETHEUS_REMOTE_STORAGE_SAMPLES_PENDING = _gauge(
    "remote_storage_samples_pending", "Samples that wait.", ONE, _HIGH, _QUEUE, _REMOTE
)
PROMETHEUS_REMOTE_STORAGE_SAMPLES_TOTAL = _counter(
    "remote_storage_samples_total", "Samples sent, or tried.", ONE, _NEUTRAL, _QUEUE, _REMOTE
)
PROMETHEUS_REMOTE_STORAGE_SAMPLES_FAILED_TOTAL = _counter(
    "remote_storage_samples_failed_total", "Samples that were refused, lost.", ONE, _HIGH, _QUEUE, _REMOTE
)
PROMETHEUS_REMOTE_STORAGE_SAMPLES_RETRIED_TOTAL = _counter(
    "remote_storage_samples_retried_total", "Samples sent once more.", ONE, _HIGH, _QUEUE, _REMOTE
)
PROMETHEUS_REMOTE_STORAGE_SAMPLES_DROPPED_TOTAL = _counter(
    "remote_storage_samples_dropped_total", "Samples that relabelling left out.", ONE, _NEUTRAL, _QUEUE, _REMOTE
)
PROMETHEUS_REMOTE_STORAGE_SHARDS = _gauge("remote_storage_shards", "Senders.", ONE, _HIGH, _QUEUE, _REMOTE)
PROMETHEUS_REMOTE_STORAGE_SHARDS_DESIRED = _gauge(
    "remote_storage_shards_desired", "Senders that it would need.", ONE, _HIGH, _QUEUE, _REMOTE
)
PROMETHEUS_REMOTE_STORAGE_SHARDS_MAX = _gauge(
    "remote_storage_shards_max", "Most senders.", ONE, _NEUTRAL, _QUEUE, _REMOTE
)

# Queries
PROMETHEUS_ENGINE_QUERIES = _gauge("engine_queries", "Queries that run or wait.", ONE, _HIGH)
PROMETHEUS_ENGINE_QUERIES_CONCURRENT_MAX = _gauge("engine_queries_concurrent_max", "Most that run at once.")
PROMETHEUS_ENGINE_QUERY_DURATION_SECONDS = Summary(
    "prometheus_engine_query_duration_seconds",
    "How long the parts of a query took.",
    SECONDS,
    ("slice",),
    _HIGH,
    origin=_ORIGIN,
)
PROMETHEUS_HTTP_REQUESTS_TOTAL = _counter(
    "http_requests_total", "Requests.", ONE, _NEUTRAL, ("code", "handler"), "a request"
)
PROMETHEUS_HTTP_REQUEST_DURATION_SECONDS = Histogram(
    "prometheus_http_request_duration_seconds",
    "How long requests took.",
    SECONDS,
    ("handler",),
    _HIGH,
    "a request",
    _ORIGIN,
)
PROMETHEUS_SD_DISCOVERED_TARGETS = _gauge(
    "sd_discovered_targets", "Targets that discovery found.", ONE, _LOW, ("config", "name"), "a scrape configuration"
)

SIGNALS: tuple[Signal, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Signal))

SYSTEM = System(
    key="prometheus",
    title="Prometheus",
    summary="A time-series database that scrapes, evaluates rules and sends alerts.",
    collected="theirs",
    signals=SIGNALS,
    exporter="Prometheus itself",
    tested_against="Prometheus 2.42.0",
)

_EACH = ("job", "instance")
STORAGE_FAILURES = (
    PROMETHEUS_TSDB_RELOADS_FAILURES_TOTAL,
    PROMETHEUS_TSDB_HEAD_TRUNCATIONS_FAILED_TOTAL,
    PROMETHEUS_TSDB_CHECKPOINT_CREATIONS_FAILED_TOTAL,
    PROMETHEUS_TSDB_WAL_CORRUPTIONS_TOTAL,
    PROMETHEUS_TSDB_WAL_WRITES_FAILED_TOTAL,
)
SCRAPE_LIMITS = (
    PROMETHEUS_TARGET_SCRAPE_POOL_EXCEEDED_TARGET_LIMIT_TOTAL,
    PROMETHEUS_TARGET_SCRAPE_POOL_EXCEEDED_LABEL_LIMITS_TOTAL,
    PROMETHEUS_TARGET_SCRAPES_EXCEEDED_SAMPLE_LIMIT_TOTAL,
    PROMETHEUS_TARGET_SCRAPES_EXCEEDED_BODY_SIZE_LIMIT_TOTAL,
)


def _increase(counters: tuple[Counter, ...], over: str) -> q.Query:
    """How often any of them rose within a time, by server."""
    first, *rest = [q.sum_by(q.increase(counter, over), *_EACH) for counter in counters]
    for other in rest:
        first = first + other
    return first


QUERIES: tuple[NamedQuery, ...] = (
    NamedQuery(
        key="prometheus.config_good",
        title="Whether the configuration was read the last time",
        query=q.min_by(PROMETHEUS_CONFIG_LAST_RELOAD_SUCCESSFUL, *_EACH),
    ),
    NamedQuery(
        key="prometheus.config_age",
        title="Time since the configuration was read",
        query=q.age(q.max_by(PROMETHEUS_CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP_SECONDS, *_EACH)),
    ),
    NamedQuery(
        key="prometheus.head_series",
        title="Series in memory",
        query=q.max_by(PROMETHEUS_TSDB_HEAD_SERIES, *_EACH),
    ),
    NamedQuery(
        key="prometheus.samples_rate",
        title="Samples stored per second",
        query=q.sum_by(q.rate(PROMETHEUS_TSDB_HEAD_SAMPLES_APPENDED_TOTAL), *_EACH),
    ),
    NamedQuery(
        key="prometheus.series_created_rate",
        title="Series begun per second",
        query=q.sum_by(q.rate(PROMETHEUS_TSDB_HEAD_SERIES_CREATED_TOTAL), *_EACH),
    ),
    NamedQuery(
        key="prometheus.blocks_bytes",
        title="Size of the blocks on disk",
        query=q.max_by(PROMETHEUS_TSDB_STORAGE_BLOCKS_BYTES, *_EACH),
    ),
    NamedQuery(
        key="prometheus.compactions_failed",
        title="Compactions that failed within half an hour",
        query=_increase((PROMETHEUS_TSDB_COMPACTIONS_FAILED_TOTAL,), "30m"),
    ),
    NamedQuery(
        key="prometheus.storage_failures",
        title="Failures of the storage within half an hour",
        query=_increase(STORAGE_FAILURES, "30m"),
    ),
    NamedQuery(
        key="prometheus.fsync_duration",
        title="Mean time that the log takes to be synchronised",
        query=q.mean(PROMETHEUS_TSDB_WAL_FSYNC_DURATION_SECONDS, by=_EACH),
    ),
    NamedQuery(
        key="prometheus.limits_exceeded",
        title="Scrapes and jobs over a limit, within ten minutes",
        query=_increase(SCRAPE_LIMITS, "10m"),
    ),
    NamedQuery(
        key="prometheus.targets",
        title="Targets, by job",
        query=q.max_by(PROMETHEUS_TARGET_SCRAPE_POOL_TARGETS, *_EACH, "scrape_job"),
    ),
    NamedQuery(
        key="prometheus.largest_targets",
        title="Targets that give most samples",
        query=q.topk(10, q.max_by(SCRAPE_SAMPLES_SCRAPED, *_EACH)),
    ),
    NamedQuery(
        key="prometheus.rule_failures_rate",
        title="Evaluations of rules that failed, per second, by group",
        query=q.sum_by(q.rate(PROMETHEUS_RULE_EVALUATION_FAILURES_TOTAL), *_EACH, "rule_group"),
    ),
    NamedQuery(
        key="prometheus.rule_iterations_missed",
        title="Rounds of rules left out within ten minutes, by group",
        query=q.sum_by(q.increase(PROMETHEUS_RULE_GROUP_ITERATIONS_MISSED_TOTAL, "10m"), *_EACH, "rule_group"),
    ),
    NamedQuery(
        key="prometheus.rule_duration_ratio",
        title="Duration of a group's round over its interval",
        query=q.max_by(
            q.ratio(PROMETHEUS_RULE_GROUP_LAST_DURATION_SECONDS, PROMETHEUS_RULE_GROUP_INTERVAL_SECONDS),
            *_EACH,
            "rule_group",
        ),
    ),
    NamedQuery(
        key="prometheus.notifications_dropped_rate",
        title="Alerts lost per second",
        query=q.sum_by(q.rate(PROMETHEUS_NOTIFICATIONS_DROPPED_TOTAL), *_EACH),
    ),
    NamedQuery(
        key="prometheus.notification_errors_rate",
        title="Alerts that could not be sent, per second, by Alertmanager",
        query=q.sum_by(q.rate(PROMETHEUS_NOTIFICATIONS_ERRORS_TOTAL), *_EACH, "alertmanager"),
    ),
    NamedQuery(
        key="prometheus.notifications_queue_ratio",
        title="Alerts that wait, over the room for them",
        query=q.max_by(q.ratio(PROMETHEUS_NOTIFICATIONS_QUEUE_LENGTH, PROMETHEUS_NOTIFICATIONS_QUEUE_CAPACITY), *_EACH),
    ),
    NamedQuery(
        key="prometheus.remote_lag",
        title="How far remote write is behind, by receiver",
        query=q.join(
            "-",
            q.max_by(PROMETHEUS_REMOTE_STORAGE_HIGHEST_TIMESTAMP_IN_SECONDS, *_EACH),
            q.max_by(PROMETHEUS_REMOTE_STORAGE_QUEUE_HIGHEST_SENT_TIMESTAMP_SECONDS, *_EACH, *_QUEUE),
            on=_EACH,
            group="right",
        ),
    ),
    NamedQuery(
        key="prometheus.remote_pending",
        title="Samples that wait to be sent, by receiver",
        query=q.max_by(PROMETHEUS_REMOTE_STORAGE_SAMPLES_PENDING, *_EACH, *_QUEUE),
    ),
    NamedQuery(
        key="prometheus.remote_failed_rate",
        title="Samples that the receiver refused, per second",
        query=q.sum_by(q.rate(PROMETHEUS_REMOTE_STORAGE_SAMPLES_FAILED_TOTAL), *_EACH, *_QUEUE),
    ),
    NamedQuery(
        key="prometheus.queries_used_ratio",
        title="Queries that run or wait, over those that may run at once",
        query=q.max_by(q.ratio(PROMETHEUS_ENGINE_QUERIES, PROMETHEUS_ENGINE_QUERIES_CONCURRENT_MAX), *_EACH),
    ),
)
