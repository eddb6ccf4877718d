"""The dashboard of VictoriaMetrics."""

from __future__ import annotations

from watchkeeper.declarations import Dashboard, Panel, Row

__all__ = ["DASHBOARD"]

_EACH = "{{instance}}"

DASHBOARD = Dashboard(
    key="victoriametrics",
    title="VictoriaMetrics",
    system="victoriametrics",
    description="Does it take what is sent, does it answer, is there room.",
    links=("overview", "host"),
    rows=(
        Row(
            title="Now",
            panels=(
                Panel(
                    key="read-only",
                    title="Read-only",
                    queries=("victoriametrics.read_only",),
                    kind="stat",
                    description="1: the disk is full, and it takes no data.",
                    legend=_EACH,
                    threshold_of="VictoriaMetricsReadOnly",
                    width=6,
                    height=5,
                ),
                Panel(
                    key="free-disk-ratio",
                    title="Free disk space over data",
                    queries=("victoriametrics.free_disk_ratio",),
                    kind="stat",
                    description="Merges need about a quarter of it.",
                    legend=_EACH,
                    threshold_of="VictoriaMetricsDiskLow",
                    width=6,
                    height=5,
                ),
                Panel(
                    key="slow-insert-ratio",
                    title="Slow inserts",
                    queries=("victoriametrics.slow_insert_ratio",),
                    kind="gauge",
                    description="Samples whose series was not in the cache.",
                    legend=_EACH,
                    threshold_of="VictoriaMetricsSlowInserts",
                    width=6,
                    height=5,
                ),
                Panel(
                    key="uptime",
                    title="Up since",
                    queries=("victoriametrics.uptime",),
                    kind="stat",
                    description="Time since it started. After a start, caches are cold and inserts slow.",
                    legend=_EACH,
                    width=6,
                    height=5,
                ),
            ),
        ),
        Row(
            title="What comes in",
            panels=(
                Panel(
                    key="inserted-rate",
                    title="Samples received",
                    queries=("victoriametrics.inserted_rate",),
                    description="Of all protocols.",
                    legend=_EACH,
                ),
                Panel(
                    key="series-created-rate",
                    title="Series begun",
                    queries=("victoriametrics.series_created_rate",),
                    description="Much of it all the time: a label whose values never come back.",
                    legend=_EACH,
                ),
                Panel(
                    key="rows-ignored",
                    title="Samples left out",
                    queries=("victoriametrics.rows_ignored_rate",),
                    description="Too old, or from the future.",
                    legend="{{instance}} {{reason}}",
                ),
            ),
        ),
        Row(
            title="Queries and errors",
            panels=(
                Panel(
                    key="requests-rate",
                    title="Requests",
                    queries=("victoriametrics.requests_rate",),
                    description="All requests.",
                    legend=_EACH,
                ),
                Panel(
                    key="slow-queries-rate",
                    title="Slow queries",
                    queries=("victoriametrics.slow_queries_rate",),
                    description="Those above -search.logSlowQueryDuration (5 s).",
                    legend=_EACH,
                ),
                Panel(
                    key="request-errors",
                    title="Requests that failed",
                    queries=("victoriametrics.request_errors_rate",),
                    description="By path.",
                    legend="{{instance}} {{path}}",
                ),
                Panel(
                    key="rejected",
                    title="Refused for want of a turn",
                    queries=("victoriametrics.rejected_rate",),
                    description="Inserts and queries that waited in vain.",
                    legend=_EACH,
                ),
                Panel(
                    key="error-log",
                    title="Errors in its log",
                    queries=("victoriametrics.error_log_rate",),
                    description="What it complains about.",
                    legend=_EACH,
                ),
            ),
        ),
        Row(
            title="Storage",
            panels=(
                Panel(
                    key="free-disk",
                    title="Free disk space",
                    queries=("victoriametrics.free_disk_bytes",),
                    description="Of the file system that holds its data.",
                    legend=_EACH,
                ),
                Panel(
                    key="data-bytes",
                    title="Data on disk",
                    queries=("victoriametrics.data_bytes",),
                    description="Samples and index.",
                    legend=_EACH,
                ),
                Panel(
                    key="pending-rows",
                    title="Samples not visible yet",
                    queries=("victoriametrics.pending_rows",),
                    description="Usual for a second or two. A rise is a slow disk.",
                    legend=_EACH,
                ),
                Panel(
                    key="cache-miss-ratio",
                    title="Cache misses",
                    queries=("victoriametrics.cache_miss_ratio",),
                    description="By cache. storage/tsid above a few per cent means slow inserts.",
                    legend="{{instance}} {{type}}",
                ),
            ),
            collapsed=True,
        ),
    ),
)
