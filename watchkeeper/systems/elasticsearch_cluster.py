"""Elasticsearch: signals of the cluster, its snapshots and its life-cycle management."""

from __future__ import annotations

from watchkeeper.signals import Info, Signal
from watchkeeper.systems.elasticsearch_names import HIGH, LOW, NEUTRAL, counter, gauge
from watchkeeper.units import BYTES, MILLISECONDS, ONE, SECONDS, UNIX_TIME

__all__ = [
    "CLUSTER",
    "CLUSTER_SIGNALS",
    "DATA_STREAM",
    "ELASTICSEARCH_CLUSTER_HEALTH_ACTIVE_SHARDS",
    "ELASTICSEARCH_CLUSTER_HEALTH_NUMBER_OF_NODES",
    "ELASTICSEARCH_CLUSTER_HEALTH_NUMBER_OF_PENDING_TASKS",
    "ELASTICSEARCH_CLUSTER_HEALTH_STATUS",
    "ELASTICSEARCH_CLUSTER_HEALTH_UNASSIGNED_SHARDS",
    "ELASTICSEARCH_CLUSTER_HEALTH_UP",
    "ELASTICSEARCH_EXPORTER_COLLECTOR_SUCCESS",
    "ELASTICSEARCH_HEALTH_REPORT_STATUS",
    "ELASTICSEARCH_ILM_INDEX_STATUS",
    "ELASTICSEARCH_ILM_STATUS",
    "ELASTICSEARCH_NODE_SHARDS_TOTAL",
    "ELASTICSEARCH_SLM_STATS_OPERATION_MODE",
    "ELASTICSEARCH_SLM_STATS_SNAPSHOTS_FAILED_TOTAL",
    "ELASTICSEARCH_SNAPSHOT_STATS_LATEST_SNAPSHOT_TIMESTAMP_SECONDS",
    "ELASTICSEARCH_SNAPSHOT_STATS_NUMBER_OF_SNAPSHOTS",
    "ELASTICSEARCH_SNAPSHOT_STATS_OLDEST_SNAPSHOT_TIMESTAMP",
    "ELASTICSEARCH_SNAPSHOT_STATS_SNAPSHOT_FAILED_SHARDS",
    "ELASTICSEARCH_VERSION",
    "INDICATORS",
    "REPORT",
    "SLM",
    "SLM_POLICY",
    "SNAPSHOT",
]

_CLUSTER = ("cluster",)
_COLORED = ("cluster", "color")


def _option(name: str) -> str:
    return f"the option collect with {name}"


# Cluster health
ELASTICSEARCH_CLUSTER_HEALTH_UP = gauge(
    "cluster_health_up", "Whether the cluster answered the last scrape.", ONE, LOW, labels=()
)
ELASTICSEARCH_CLUSTER_HEALTH_STATUS = gauge(
    "cluster_health_status", "Whether the cluster's health has a color.", labels=_COLORED
)
ELASTICSEARCH_CLUSTER_HEALTH_ACTIVE_SHARDS = gauge(
    "cluster_health_active_shards", "Shards that are active, replicas included.", ONE, LOW, labels=_CLUSTER
)
ELASTICSEARCH_CLUSTER_HEALTH_NUMBER_OF_NODES = gauge(
    "cluster_health_number_of_nodes", "Nodes in the cluster.", ONE, LOW, labels=_CLUSTER
)
ELASTICSEARCH_CLUSTER_HEALTH_NUMBER_OF_PENDING_TASKS = gauge(
    "cluster_health_number_of_pending_tasks",
    "Changes of the cluster that wait for the master.",
    ONE,
    HIGH,
    labels=_CLUSTER,
)
ELASTICSEARCH_CLUSTER_HEALTH_UNASSIGNED_SHARDS = gauge(
    "cluster_health_unassigned_shards", "Shards without a node.", ONE, HIGH, labels=_CLUSTER
)
CLUSTER: tuple[tuple[str, Signal], ...] = (
    ("active_shards", ELASTICSEARCH_CLUSTER_HEALTH_ACTIVE_SHARDS),
    (
        "active_primary_shards",
        gauge("cluster_health_active_primary_shards", "Primary shards that are active.", ONE, LOW, labels=_CLUSTER),
    ),
    (
        "delayed_unassigned_shards",
        gauge(
            "cluster_health_delayed_unassigned_shards", "Shards whose node may come back.", ONE, HIGH, labels=_CLUSTER
        ),
    ),
    (
        "initializing_shards",
        gauge("cluster_health_initializing_shards", "Shards that are being made.", ONE, HIGH, labels=_CLUSTER),
    ),
    ("number_of_nodes", ELASTICSEARCH_CLUSTER_HEALTH_NUMBER_OF_NODES),
    (
        "number_of_data_nodes",
        gauge("cluster_health_number_of_data_nodes", "Nodes that hold data.", ONE, LOW, labels=_CLUSTER),
    ),
    (
        "number_of_in_flight_fetch",
        gauge("cluster_health_number_of_in_flight_fetch", "Questions for shards under way.", labels=_CLUSTER),
    ),
    ("number_of_pending_tasks", ELASTICSEARCH_CLUSTER_HEALTH_NUMBER_OF_PENDING_TASKS),
    (
        "relocating_shards",
        gauge("cluster_health_relocating_shards", "Shards that move between nodes.", labels=_CLUSTER),
    ),
    (
        "task_max_waiting_in_queue_millis",
        gauge(
            "cluster_health_task_max_waiting_in_queue_millis",
            "How long the oldest change has waited for the master.",
            MILLISECONDS,
            HIGH,
            labels=_CLUSTER,
        ),
    ),
    ("unassigned_shards", ELASTICSEARCH_CLUSTER_HEALTH_UNASSIGNED_SHARDS),
)
ELASTICSEARCH_VERSION = Info(
    "elasticsearch_version",
    "Version and build of the node that answers.",
    labels=("build_date", "build_hash", "cluster", "cluster_uuid", "lucene_version", "version"),
    origin="elasticsearch_exporter",
)
ELASTICSEARCH_EXPORTER_COLLECTOR_SUCCESS = gauge(
    "exporter_collector_success",
    "Whether a part of the scrape was answered; what was not is left out.",
    ONE,
    LOW,
    labels=("collector",),
)

# Snapshot life-cycle management
ELASTICSEARCH_SLM_STATS_OPERATION_MODE = gauge(
    "slm_stats_operation_mode",
    "Whether snapshot life-cycle management is in a mode.",
    labels=("operation_mode",),
    requires=_option("slm"),
)
_SLM_REQUIRES = _option("slm")
SLM: tuple[tuple[str, Signal], ...] = (
    (
        "retention_runs",
        counter("slm_stats_retention_runs_total", "Retention runs.", labels=(), requires=_SLM_REQUIRES),
    ),
    (
        "retention_failed",
        counter(
            "slm_stats_retention_failed_total",
            "Retention runs that failed.",
            ONE,
            HIGH,
            labels=(),
            requires=_SLM_REQUIRES,
        ),
    ),
    (
        "retention_timed_out",
        counter(
            "slm_stats_retention_timed_out_total",
            "Retention runs that took too long.",
            ONE,
            HIGH,
            labels=(),
            requires=_SLM_REQUIRES,
        ),
    ),
    (
        "retention_deletion_time_millis",
        gauge(
            "slm_stats_retention_deletion_time_seconds",
            "Time that retention spent deleting.",
            SECONDS,
            labels=(),
            requires=_SLM_REQUIRES,
        ),
    ),
    (
        "total_snapshots_taken",
        counter("slm_stats_total_snapshots_taken_total", "Snapshots taken.", labels=(), requires=_SLM_REQUIRES),
    ),
    (
        "total_snapshots_failed",
        counter(
            "slm_stats_total_snapshots_failed_total",
            "Snapshots that failed.",
            ONE,
            HIGH,
            labels=(),
            requires=_SLM_REQUIRES,
        ),
    ),
    (
        "total_snapshots_deleted",
        counter("slm_stats_total_snapshots_deleted_total", "Snapshots deleted.", labels=(), requires=_SLM_REQUIRES),
    ),
    (
        "total_snapshot_deletion_failures",
        counter(
            "slm_stats_total_snapshot_deletion_failures_total",
            "Snapshots that could not be deleted.",
            ONE,
            HIGH,
            labels=(),
            requires=_SLM_REQUIRES,
        ),
    ),
)
_POLICY = ("policy",)
ELASTICSEARCH_SLM_STATS_SNAPSHOTS_FAILED_TOTAL = counter(
    "slm_stats_snapshots_failed_total",
    "Snapshots of a policy that failed.",
    ONE,
    HIGH,
    labels=_POLICY,
    requires=_SLM_REQUIRES,
)
SLM_POLICY: tuple[tuple[str, Signal], ...] = (
    (
        "snapshots_taken",
        counter("slm_stats_snapshots_taken_total", "Snapshots of a policy.", labels=_POLICY, requires=_SLM_REQUIRES),
    ),
    ("snapshots_failed", ELASTICSEARCH_SLM_STATS_SNAPSHOTS_FAILED_TOTAL),
    (
        "snapshots_deleted",
        counter(
            "slm_stats_snapshots_deleted_total",
            "Snapshots of a policy deleted.",
            labels=_POLICY,
            requires=_SLM_REQUIRES,
        ),
    ),
    (
        "snapshot_deletion_failures",
        counter(
            "slm_stats_snapshot_deletion_failures_total",
            "Snapshots of a policy that could not be deleted.",
            ONE,
            HIGH,
            labels=_POLICY,
            requires=_SLM_REQUIRES,
        ),
    ),
)

# Snapshots
_REPOSITORY, _SNAPSHOT = ("repository",), ("repository", "state", "version")
_SNAPSHOTS = _option("snapshots")
ELASTICSEARCH_SNAPSHOT_STATS_NUMBER_OF_SNAPSHOTS = gauge(
    "snapshot_stats_number_of_snapshots", "Snapshots in a repository.", labels=_REPOSITORY, requires=_SNAPSHOTS
)
ELASTICSEARCH_SNAPSHOT_STATS_OLDEST_SNAPSHOT_TIMESTAMP = gauge(
    "snapshot_stats_oldest_snapshot_timestamp",
    "When the oldest snapshot of a repository began.",
    UNIX_TIME,
    labels=_REPOSITORY,
    requires=_SNAPSHOTS,
)
ELASTICSEARCH_SNAPSHOT_STATS_LATEST_SNAPSHOT_TIMESTAMP_SECONDS = gauge(
    "snapshot_stats_latest_snapshot_timestamp_seconds",
    "When the newest snapshot that can be restored, whole or in part, began.",
    UNIX_TIME,
    LOW,
    labels=_REPOSITORY,
    requires=_SNAPSHOTS,
)
ELASTICSEARCH_SNAPSHOT_STATS_SNAPSHOT_FAILED_SHARDS = gauge(
    "snapshot_stats_snapshot_failed_shards",
    "Shards that the last snapshot of a repository misses.",
    ONE,
    HIGH,
    labels=_SNAPSHOT,
    requires=_SNAPSHOTS,
)
SNAPSHOT: tuple[tuple[str, Signal], ...] = (
    (
        "start_time_in_millis",
        gauge(
            "snapshot_stats_snapshot_start_time_timestamp",
            "When the last snapshot began.",
            UNIX_TIME,
            labels=_SNAPSHOT,
            requires=_SNAPSHOTS,
        ),
    ),
    (
        "end_time_in_millis",
        gauge(
            "snapshot_stats_snapshot_end_time_timestamp",
            "When the last snapshot ended.",
            UNIX_TIME,
            labels=_SNAPSHOT,
            requires=_SNAPSHOTS,
        ),
    ),
    ("shards.failed", ELASTICSEARCH_SNAPSHOT_STATS_SNAPSHOT_FAILED_SHARDS),
    (
        "shards.successful",
        gauge(
            "snapshot_stats_snapshot_successful_shards",
            "Shards that the last snapshot has.",
            labels=_SNAPSHOT,
            requires=_SNAPSHOTS,
        ),
    ),
    (
        "shards.total",
        gauge(
            "snapshot_stats_snapshot_total_shards",
            "Shards that the last snapshot was to have.",
            labels=_SNAPSHOT,
            requires=_SNAPSHOTS,
        ),
    ),
    (
        "failures",
        gauge(
            "snapshot_stats_snapshot_number_of_failures",
            "Failures of the last snapshot.",
            ONE,
            HIGH,
            labels=_SNAPSHOT,
            requires=_SNAPSHOTS,
        ),
    ),
    (
        "indices",
        gauge(
            "snapshot_stats_snapshot_number_of_indices",
            "Indices of the last snapshot.",
            labels=_SNAPSHOT,
            requires=_SNAPSHOTS,
        ),
    ),
)

# Index life-cycle management, data streams, shards
ELASTICSEARCH_ILM_STATUS = gauge(
    "ilm_status",
    "Whether index life-cycle management is in a mode.",
    labels=("operation_mode",),
    requires=_option("ilm"),
)
ELASTICSEARCH_ILM_INDEX_STATUS = gauge(
    "ilm_index_status",
    "Whether an index is managed, and where in its policy it is.",
    labels=("action", "index", "phase", "step"),
    requires=_option("ilm"),
)
_STREAM = ("data_stream",)
DATA_STREAM: tuple[tuple[str, Signal], ...] = (
    (
        "backing_indices",
        counter(
            "data_stream_backing_indices_total",
            "Indices behind a data stream.",
            labels=_STREAM,
            requires=_option("data_streams"),
        ),
    ),
    (
        "store_size_bytes",
        counter(
            "data_stream_store_size_bytes",
            "Size of a data stream.",
            BYTES,
            labels=_STREAM,
            requires=_option("data_streams"),
        ),
    ),
)
ELASTICSEARCH_NODE_SHARDS_TOTAL = gauge(
    "node_shards_total", "Shards on a node.", labels=("cluster", "node"), requires=_option("shards")
)

# Health report
_REPORTED = _option("health_report") + ", and Elasticsearch 8.7 or later"
ELASTICSEARCH_HEALTH_REPORT_STATUS = gauge(
    "health_report_status", "Whether the health report has a color.", labels=_COLORED, requires=_REPORTED
)
INDICATORS: tuple[tuple[str, Signal], ...] = tuple(
    (
        key,
        gauge(f"health_report_{name}_status", f"Whether {what} has a color.", labels=_COLORED, requires=_REPORTED),
    )
    for key, name, what in (
        ("master_is_stable", "master_is_stable", "the stability of the master"),
        ("repository_integrity", "repository_integrity", "the integrity of the snapshot repositories"),
        ("disk", "disk", "the room on the disks"),
        ("shards_capacity", "shards_capacity", "the room for further shards"),
        # The exporter's name has the letter missing.
        ("shards_availability", "shards_availabilty", "the availability of the shards"),
        ("data_stream_lifecycle", "data_stream_lifecycle", "the life cycle of data streams"),
        ("slm", "slm", "snapshot life-cycle management"),
        ("ilm", "ilm", "index life-cycle management"),
    )
)
REPORT: tuple[tuple[str, Signal], ...] = tuple(
    (path, gauge(f"health_report_{name}", help, ONE, polarity, labels=_CLUSTER, requires=_REPORTED))
    for path, name, polarity, help in (
        ("repository_integrity.details.total_repositories", "total_repositories", NEUTRAL, "Snapshot repositories."),
        (
            "shards_capacity.details.data.max_shards_in_cluster",
            "max_shards_in_cluster_data",
            NEUTRAL,
            "Most shards that data nodes may hold.",
        ),
        (
            "shards_capacity.details.frozen.max_shards_in_cluster",
            "max_shards_in_cluster_frozen",
            NEUTRAL,
            "Most shards that frozen nodes may hold.",
        ),
        *(
            (f"shards_availability.details.{state}_{role}", f"{state}_{role}", polarity, f"{title} {role}.")
            for role in ("primaries", "replicas")
            for state, polarity, title in (
                ("creating", NEUTRAL, "New"),
                ("initializing", NEUTRAL, "Initializing"),
                ("restarting", HIGH, "Restarting"),
                ("started", LOW, "Started"),
                ("unassigned", HIGH, "Unassigned"),
            )
        ),
        ("slm.details.policies", "slm_policies", NEUTRAL, "Policies of snapshot life-cycle management."),
        ("ilm.details.policies", "ilm_policies", NEUTRAL, "Policies of index life-cycle management."),
        ("ilm.details.stagnating_indices", "ilm_stagnating_indices", HIGH, "Indices that do not get on."),
    )
)

CLUSTER_SIGNALS: tuple[Signal, ...] = (
    ELASTICSEARCH_CLUSTER_HEALTH_UP,
    ELASTICSEARCH_CLUSTER_HEALTH_STATUS,
    ELASTICSEARCH_VERSION,
    ELASTICSEARCH_EXPORTER_COLLECTOR_SUCCESS,
    ELASTICSEARCH_SLM_STATS_OPERATION_MODE,
    ELASTICSEARCH_SNAPSHOT_STATS_NUMBER_OF_SNAPSHOTS,
    ELASTICSEARCH_SNAPSHOT_STATS_OLDEST_SNAPSHOT_TIMESTAMP,
    ELASTICSEARCH_SNAPSHOT_STATS_LATEST_SNAPSHOT_TIMESTAMP_SECONDS,
    ELASTICSEARCH_ILM_STATUS,
    ELASTICSEARCH_ILM_INDEX_STATUS,
    ELASTICSEARCH_NODE_SHARDS_TOTAL,
    ELASTICSEARCH_HEALTH_REPORT_STATUS,
    *(signal for table in (CLUSTER, SLM, SLM_POLICY, SNAPSHOT, DATA_STREAM, INDICATORS, REPORT) for _, signal in table),
)
