"""VictoriaMetrics (single node), watched by its own metrics.

Names and labels are its own. Its exposition has no TYPE lines unless it is started with `-metrics.exposeMetadata`: all
are untyped on the wire.
"""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.borrowed import Borrowed
from watchkeeper.declarations import NamedQuery, System
from watchkeeper.signals import Info, Polarity, Signal
from watchkeeper.units import BYTES, ONE, SECONDS, UNIX_TIME

__all__ = ["QUERIES", "SIGNALS", "SYSTEM"]

_ORIGIN = "VictoriaMetrics"
_HIGH, _LOW, _NEUTRAL = Polarity.HIGH_IS_BAD, Polarity.LOW_IS_BAD, Polarity.NEUTRAL
_TYPE = ("type",)
_PATH = ("path",)
_SCRAPING = "scraping of its own (-promscrape.config)"


_names = Borrowed("vm_", _ORIGIN, exposed_as="untyped")
_gauge, _counter = _names.gauge, _names.counter


VM_APP_VERSION = Info(
    "vm_app_version",
    "Version of the server.",
    labels=("version", "short_version"),
    origin=_ORIGIN,
    exposed_as="untyped",
)
VM_APP_UPTIME_SECONDS = _gauge("app_uptime_seconds", "Time since it started.", SECONDS, _LOW)
VM_APP_START_TIMESTAMP = _gauge("app_start_timestamp", "When it started.", UNIX_TIME)
VM_AVAILABLE_MEMORY_BYTES = _gauge("available_memory_bytes", "Memory of the machine or the container.", BYTES)
VM_ALLOWED_MEMORY_BYTES = _gauge("allowed_memory_bytes", "Memory that its caches may take.", BYTES)
VM_LOG_MESSAGES_TOTAL = _counter(
    "log_messages_total", "Messages in its log.", ONE, _HIGH, ("app_version", "level", "location")
)

# Disk
VM_FREE_DISK_SPACE_BYTES = _gauge("free_disk_space_bytes", "Free disk space.", BYTES, _LOW, _PATH)
VM_FREE_DISK_SPACE_LIMIT_BYTES = _gauge(
    "free_disk_space_limit_bytes", "Free disk space at which it takes no more data.", BYTES, _NEUTRAL, _PATH
)
VM_STORAGE_IS_READ_ONLY = _gauge("storage_is_read_only", "Whether it takes no data any more.", ONE, _HIGH, _PATH)
VM_DATA_SIZE_BYTES = _gauge("data_size_bytes", "Size of the data on disk.", BYTES, _HIGH, _TYPE)
VM_NEXT_RETENTION_SECONDS = _gauge("next_retention_seconds", "Time until old data is deleted.", SECONDS)

# What comes in
VM_ROWS_INSERTED_TOTAL = _counter("rows_inserted_total", "Samples received, by protocol.", ONE, _NEUTRAL, _TYPE)
VM_ROWS_ADDED_TO_STORAGE_TOTAL = _counter("rows_added_to_storage_total", "Samples stored.")
VM_ROWS_IGNORED_TOTAL = _counter("rows_ignored_total", "Samples that were left out.", ONE, _HIGH, ("reason",))
VM_ROWS_INVALID_TOTAL = _counter("rows_invalid_total", "Lines that could not be read.", ONE, _HIGH, _TYPE)
VM_SLOW_ROW_INSERTS_TOTAL = _counter("slow_row_inserts_total", "Samples whose series had to be looked up.", ONE, _HIGH)
VM_NEW_TIMESERIES_CREATED_TOTAL = _counter("new_timeseries_created_total", "Series begun.", ONE, _HIGH)
VM_SLOW_PER_DAY_INDEX_INSERTS_TOTAL = _counter(
    "slow_per_day_index_inserts_total", "Series seen for the first time on a day.", ONE, _HIGH
)
VM_CONCURRENT_INSERT_CAPACITY = _gauge("concurrent_insert_capacity", "Inserts that may run at once.")
VM_CONCURRENT_INSERT_CURRENT = _gauge("concurrent_insert_current", "Inserts that run.", ONE, _HIGH)
VM_CONCURRENT_INSERT_LIMIT_REACHED_TOTAL = _counter(
    "concurrent_insert_limit_reached_total", "Inserts that had to wait.", ONE, _HIGH
)
VM_CONCURRENT_INSERT_LIMIT_TIMEOUT_TOTAL = _counter(
    "concurrent_insert_limit_timeout_total", "Inserts that waited in vain.", ONE, _HIGH
)
VM_METRICS_WITH_DROPPED_LABELS_TOTAL = _counter(
    "metrics_with_dropped_labels_total", "Series that lost labels because they had too many.", ONE, _HIGH
)
VM_HOURLY_SERIES_LIMIT_ROWS_DROPPED_TOTAL = _counter(
    "hourly_series_limit_rows_dropped_total", "Samples dropped by -storage.maxHourlySeries.", ONE, _HIGH
)
VM_DAILY_SERIES_LIMIT_ROWS_DROPPED_TOTAL = _counter(
    "daily_series_limit_rows_dropped_total", "Samples dropped by -storage.maxDailySeries.", ONE, _HIGH
)

# Queries
VM_HTTP_REQUESTS_TOTAL = _counter("http_requests_total", "Requests.", ONE, _NEUTRAL, ("path", "protocol"))
VM_HTTP_REQUEST_ERRORS_TOTAL = _counter(
    "http_request_errors_total", "Requests that failed.", ONE, _HIGH, ("path", "protocol", "reason")
)
VM_SLOW_QUERIES_TOTAL = _counter("slow_queries_total", "Queries above -search.logSlowQueryDuration.", ONE, _HIGH)
VM_CONCURRENT_SELECT_CAPACITY = _gauge("concurrent_select_capacity", "Queries that may run at once.")
VM_CONCURRENT_SELECT_CURRENT = _gauge("concurrent_select_current", "Queries that run.", ONE, _HIGH)
VM_CONCURRENT_SELECT_LIMIT_REACHED_TOTAL = _counter(
    "concurrent_select_limit_reached_total", "Queries that had to wait.", ONE, _HIGH
)
VM_CONCURRENT_SELECT_LIMIT_TIMEOUT_TOTAL = _counter(
    "concurrent_select_limit_timeout_total", "Queries that waited in vain.", ONE, _HIGH
)

# Storage
VM_ROWS = _gauge("rows", "Samples, or entries of the index.", ONE, _HIGH, _TYPE)
VM_PARTS = _gauge("parts", "Files that hold them.", ONE, _HIGH, _TYPE)
VM_PENDING_ROWS = _gauge("pending_rows", "Samples that queries do not see yet.", ONE, _HIGH, _TYPE)
VM_ACTIVE_MERGES = _gauge("active_merges", "Merges that run.", ONE, _HIGH, _TYPE)
VM_ASSISTED_MERGES_TOTAL = _counter("assisted_merges_total", "Merges that inserts had to help.", ONE, _HIGH, _TYPE)
VM_MERGE_NEED_FREE_DISK_SPACE = _gauge(
    "merge_need_free_disk_space", "Merges that want more disk space.", ONE, _HIGH, _TYPE
)
VM_CACHE_ENTRIES = _gauge("cache_entries", "Entries of a cache.", ONE, _NEUTRAL, _TYPE)
VM_CACHE_SIZE_BYTES = _gauge("cache_size_bytes", "Size of a cache.", BYTES, _NEUTRAL, _TYPE)
VM_CACHE_SIZE_MAX_BYTES = _gauge("cache_size_max_bytes", "Limit of that size.", BYTES, _NEUTRAL, _TYPE)
VM_CACHE_REQUESTS_TOTAL = _counter("cache_requests_total", "Look-ups in a cache.", ONE, _NEUTRAL, _TYPE)
VM_CACHE_MISSES_TOTAL = _counter("cache_misses_total", "Look-ups in vain.", ONE, _HIGH, _TYPE)

# Scraping
VM_PROMSCRAPE_SCRAPES_TOTAL = _counter(
    "promscrape_scrapes_total", "Scrapes, by answer.", ONE, _NEUTRAL, ("status_code",), _SCRAPING
)
VM_PROMSCRAPE_SCRAPES_FAILED_TOTAL = _counter("promscrape_scrapes_failed_total", "Scrapes that failed.", ONE, _HIGH)

SIGNALS: tuple[Signal, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Signal))

SYSTEM = System(
    key="victoriametrics",
    title="VictoriaMetrics",
    summary="A time-series database that takes remote write and answers PromQL.",
    collected="theirs",
    signals=SIGNALS,
    exporter="VictoriaMetrics itself",
    tested_against="VictoriaMetrics 1.79.5, single node",
)

_EACH = ("job", "instance")
_INSERTED = q.sum_by(q.rate(VM_ROWS_INSERTED_TOTAL), *_EACH)
_FREE = q.min_by(VM_FREE_DISK_SPACE_BYTES, *_EACH)
_DATA = q.sum_by(VM_DATA_SIZE_BYTES, *_EACH)

QUERIES: tuple[NamedQuery, ...] = (
    NamedQuery(key="victoriametrics.free_disk_bytes", title="Free disk space", query=_FREE),
    NamedQuery(key="victoriametrics.data_bytes", title="Size of the data on disk", query=_DATA),
    # Merges need room beside the data, whatever else the disk holds.
    NamedQuery(
        key="victoriametrics.free_disk_ratio",
        title="Free disk space over the size of the data",
        query=q.ratio(_FREE, _DATA > 0),
    ),
    NamedQuery(
        key="victoriametrics.read_only",
        title="Whether it takes no data any more",
        query=q.max_by(VM_STORAGE_IS_READ_ONLY, *_EACH),
    ),
    NamedQuery(key="victoriametrics.inserted_rate", title="Samples received per second", query=_INSERTED),
    NamedQuery(
        key="victoriametrics.slow_insert_ratio",
        title="Share of samples whose series had to be looked up",
        query=q.ratio(q.sum_by(q.rate(VM_SLOW_ROW_INSERTS_TOTAL), *_EACH), _INSERTED > 0),
    ),
    NamedQuery(
        key="victoriametrics.churn_ratio",
        title="Series begun over samples received",
        query=q.ratio(q.sum_by(q.rate(VM_NEW_TIMESERIES_CREATED_TOTAL), *_EACH), _INSERTED > 0),
    ),
    NamedQuery(
        key="victoriametrics.series_created_rate",
        title="Series begun per second",
        query=q.sum_by(q.rate(VM_NEW_TIMESERIES_CREATED_TOTAL), *_EACH),
    ),
    NamedQuery(
        key="victoriametrics.rows_ignored_rate",
        title="Samples left out per second, by reason",
        query=q.sum_by(q.rate(VM_ROWS_IGNORED_TOTAL), *_EACH, "reason"),
    ),
    NamedQuery(
        key="victoriametrics.request_errors_rate",
        title="Requests that failed per second, by path",
        query=q.sum_by(q.rate(VM_HTTP_REQUEST_ERRORS_TOTAL), *_EACH, "path"),
    ),
    NamedQuery(
        key="victoriametrics.requests_rate",
        title="Requests per second",
        query=q.sum_by(q.rate(VM_HTTP_REQUESTS_TOTAL), *_EACH),
    ),
    NamedQuery(
        key="victoriametrics.slow_queries_rate",
        title="Slow queries per second",
        query=q.sum_by(q.rate(VM_SLOW_QUERIES_TOTAL), *_EACH),
    ),
    NamedQuery(
        key="victoriametrics.rejected_rate",
        title="Inserts and queries that waited in vain, per second",
        query=q.sum_by(q.rate(VM_CONCURRENT_INSERT_LIMIT_TIMEOUT_TOTAL), *_EACH)
        + q.sum_by(q.rate(VM_CONCURRENT_SELECT_LIMIT_TIMEOUT_TOTAL), *_EACH),
    ),
    NamedQuery(
        key="victoriametrics.error_log_rate",
        title="Errors in its log per second",
        query=q.sum_by(q.rate(VM_LOG_MESSAGES_TOTAL.where(level="error")), *_EACH),
    ),
    NamedQuery(
        key="victoriametrics.pending_rows",
        title="Samples that queries do not see yet",
        query=q.sum_by(VM_PENDING_ROWS, *_EACH),
    ),
    NamedQuery(
        key="victoriametrics.cache_miss_ratio",
        title="Share of look-ups that miss, by cache",
        query=q.ratio(
            q.sum_by(q.rate(VM_CACHE_MISSES_TOTAL), *_EACH, "type"),
            q.sum_by(q.rate(VM_CACHE_REQUESTS_TOTAL), *_EACH, "type") > 0,
        ),
    ),
    NamedQuery(
        key="victoriametrics.uptime",
        title="Time since it started",
        query=q.min_by(VM_APP_UPTIME_SECONDS, *_EACH),
    ),
)
