"""The dashboard of Prometheus."""

from __future__ import annotations

from watchkeeper.declarations import Dashboard, Panel, Row

__all__ = ["DASHBOARD"]

_EACH = "{{instance}}"
_GROUP = "{{instance}} {{rule_group}}"
_RECEIVER = "{{instance}} {{url}}"

DASHBOARD = Dashboard(
    key="prometheus",
    title="Prometheus",
    system="prometheus",
    description="Does it scrape, does it evaluate, do its alerts arrive, does its storage hold.",
    links=("overview", "host"),
    rows=(
        Row(
            title="Now",
            panels=(
                Panel(
                    key="config-good",
                    title="Configuration read",
                    queries=("prometheus.config_good",),
                    kind="stat",
                    description="0: the last one was refused, and the old one is in force.",
                    legend=_EACH,
                    width=6,
                    height=5,
                ),
                Panel(
                    key="notifications-dropped",
                    title="Alerts lost",
                    queries=("prometheus.notifications_dropped_rate",),
                    kind="stat",
                    description="No Alertmanager took them.",
                    legend=_EACH,
                    width=6,
                    height=5,
                ),
                Panel(
                    key="notifications-queue-ratio",
                    title="Queue of alerts",
                    queries=("prometheus.notifications_queue_ratio",),
                    kind="gauge",
                    description="At 100% alerts are lost.",
                    legend=_EACH,
                    width=6,
                    height=5,
                ),
                Panel(
                    key="queries-used-ratio",
                    title="Queries of those allowed at once",
                    queries=("prometheus.queries_used_ratio",),
                    kind="gauge",
                    description="At 100% queries wait.",
                    legend=_EACH,
                    width=6,
                    height=5,
                ),
            ),
        ),
        Row(
            title="Rules and alerts",
            panels=(
                Panel(
                    key="rule-failures",
                    title="Rules that fail",
                    queries=("prometheus.rule_failures_rate",),
                    description="An alert that fails does not fire.",
                    legend=_GROUP,
                ),
                Panel(
                    key="rule-duration-ratio",
                    title="Duration of a round over its interval",
                    queries=("prometheus.rule_duration_ratio",),
                    description="At 1 rounds are left out, and alerts are late.",
                    legend=_GROUP,
                ),
                Panel(
                    key="notification-errors",
                    title="Alerts that could not be sent",
                    queries=("prometheus.notification_errors_rate",),
                    description="By Alertmanager. As long as another one takes them, nothing is lost.",
                    legend="{{instance}} {{alertmanager}}",
                ),
            ),
        ),
        Row(
            title="Scrapes",
            panels=(
                Panel(
                    key="samples-rate",
                    title="Samples stored",
                    queries=("prometheus.samples_rate",),
                    description="At a fixed pace of scrapes it is steady; less means that targets are missing.",
                    legend=_EACH,
                ),
                Panel(
                    key="targets",
                    title="Targets",
                    queries=("prometheus.targets",),
                    description="By job, as discovery found them.",
                    legend="{{scrape_job}}",
                ),
                Panel(
                    key="limits-exceeded",
                    title="Scrapes over a limit",
                    queries=("prometheus.limits_exceeded",),
                    description="Thrown away whole, within ten minutes.",
                    legend=_EACH,
                ),
                Panel(
                    key="largest-targets",
                    title="Largest targets",
                    queries=("prometheus.largest_targets",),
                    kind="table",
                    description="Those that give most samples.",
                    legend="{{job}} {{instance}}",
                    width=24,
                ),
            ),
        ),
        Row(
            title="Storage",
            panels=(
                Panel(
                    key="head-series",
                    title="Series in memory",
                    queries=("prometheus.head_series",),
                    description="Memory follows them.",
                    legend=_EACH,
                ),
                Panel(
                    key="series-created-rate",
                    title="Series begun",
                    queries=("prometheus.series_created_rate",),
                    description="Much of it all the time: a label whose values never come back.",
                    legend=_EACH,
                ),
                Panel(
                    key="blocks-bytes",
                    title="Blocks on disk",
                    queries=("prometheus.blocks_bytes",),
                    description="Without the log, which is some two hours of samples more.",
                    legend=_EACH,
                ),
                Panel(
                    key="storage-failures",
                    title="Failures of the storage",
                    queries=("prometheus.storage_failures",),
                    description="Log, checkpoints, blocks: within half an hour.",
                    legend=_EACH,
                ),
                Panel(
                    key="compactions-failed",
                    title="Compactions that failed",
                    queries=("prometheus.compactions_failed",),
                    description="Within half an hour.",
                    legend=_EACH,
                    threshold_of="PrometheusCompactionsFailing",
                ),
                Panel(
                    key="fsync-duration",
                    title="Synchronisation of the log",
                    queries=("prometheus.fsync_duration",),
                    description="Slow ones are a slow disk.",
                    legend=_EACH,
                ),
            ),
        ),
        Row(
            title="Remote write",
            panels=(
                Panel(
                    key="remote-lag",
                    title="Behind",
                    queries=("prometheus.remote_lag",),
                    description="How much newer the newest sample is than the newest one sent.",
                    legend=_RECEIVER,
                    threshold_of="PrometheusRemoteWriteBehind",
                ),
                Panel(
                    key="remote-pending",
                    title="Samples that wait",
                    queries=("prometheus.remote_pending",),
                    description="In the queue of a receiver.",
                    legend=_RECEIVER,
                ),
                Panel(
                    key="remote-failed",
                    title="Samples refused",
                    queries=("prometheus.remote_failed_rate",),
                    description="Lost for the receiver: too old, too many, or wrong.",
                    legend=_RECEIVER,
                ),
            ),
            collapsed=True,
        ),
    ),
)
