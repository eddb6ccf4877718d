"""The dashboard of MongoDB."""

from __future__ import annotations

from watchkeeper.declarations import Dashboard, Panel, Row

__all__ = ["DASHBOARD"]

DASHBOARD = Dashboard(
    key="mongodb",
    title="MongoDB",
    system="mongodb",
    description="Is it up, does everybody reach it, does it keep up, does it replicate.",
    links=("overview", "host"),
    rows=(
        Row(
            title="Now",
            panels=(
                Panel(
                    key="up",
                    title="Up",
                    queries=("mongodb.up",),
                    kind="stat",
                    description="Whether the server answers the collector.",
                    legend="{{instance}}",
                    threshold_of="MongodbDown",
                    width=6,
                    height=5,
                ),
                Panel(
                    key="connections-used-ratio",
                    title="Connections",
                    queries=("mongodb.connections_used_ratio",),
                    kind="gauge",
                    description="At 100% new connections are refused.",
                    legend="{{instance}}",
                    threshold_of="MongodbConnectionsHigh",
                    width=6,
                    height=5,
                ),
                Panel(
                    key="member-health",
                    title="Members",
                    queries=("mongodb.member_health",),
                    kind="stat",
                    description="Whether the members of a set reach each other: the worst that any of them says.",
                    legend="{{job}} {{rs_nm}} {{member_idx}} {{cl_id}}",
                    threshold_of="MongodbMemberUnhealthy",
                    width=6,
                    height=5,
                ),
                Panel(
                    key="primary",
                    title="Primary",
                    queries=("mongodb.primaries",),
                    kind="stat",
                    description="0: no member knows of a primary, and nothing can be written.",
                    legend="{{job}} {{rs_nm}} {{cl_id}}",
                    threshold_of="MongodbNoPrimary",
                    width=6,
                    height=5,
                ),
            ),
        ),
        Row(
            title="Work",
            panels=(
                Panel(
                    key="operations-rate",
                    title="Operations",
                    queries=("mongodb.operations_rate",),
                    description="Operations per second, by kind.",
                    legend="{{instance}} {{legacy_op_type}}",
                ),
                Panel(
                    key="latency",
                    title="Duration of an operation",
                    queries=("mongodb.latency",),
                    description="Mean time in the server: reads, writes, commands, transactions.",
                    legend="{{instance}} {{op_type}}",
                ),
                Panel(
                    key="queue",
                    title="Operations that wait",
                    queries=("mongodb.queue",),
                    description="Readers and writers that wait for a lock or a ticket.",
                    legend="{{instance}} {{count_type}}",
                    threshold_of="MongodbQueueLong",
                ),
                Panel(
                    key="connections",
                    title="Open connections",
                    queries=("mongodb.connections",),
                    description="A steady rise is a leak in somebody's pool, a jump an application that got slow.",
                    legend="{{instance}}",
                ),
                Panel(
                    key="scanned-per-returned",
                    title="Documents read for one returned",
                    queries=("mongodb.scanned_per_returned",),
                    description="Near 1 with indexes that fit; hundreds say that queries read whole collections.",
                    legend="{{instance}}",
                ),
                Panel(
                    key="write-conflicts-rate",
                    title="Write conflicts",
                    queries=("mongodb.write_conflicts_rate",),
                    description="Writes to the same document at the same time: each is tried again.",
                    legend="{{instance}}",
                ),
                Panel(
                    key="asserts-rate",
                    title="Assertions",
                    queries=("mongodb.asserts_rate",),
                    description="`user` are errors of clients: wrong commands, duplicate keys.",
                    legend="{{instance}} {{assert_type}}",
                ),
            ),
        ),
        Row(
            title="Replication",
            panels=(
                Panel(
                    key="replication-lag",
                    title="Behind the primary",
                    queries=("mongodb.replication_lag",),
                    description="By the times of the last operations that the members applied.",
                    legend="{{job}} {{set}} {{name}} {{cl_id}}",
                    threshold_of="MongodbReplicationLag",
                ),
                Panel(
                    key="oplog-window",
                    title="Reach of the oplog",
                    queries=("mongodb.oplog_window",),
                    description="A member that is away for longer has to copy everything anew.",
                    legend="{{instance}}",
                    threshold_of="MongodbOplogWindowShort",
                ),
            ),
        ),
        Row(
            title="Storage",
            panels=(
                Panel(
                    key="cache-dirty-ratio",
                    title="Dirty share of the cache",
                    queries=("mongodb.cache_dirty_ratio",),
                    description="Above 20% clients have to evict pages themselves, and wait.",
                    legend="{{instance}}",
                    threshold_of="MongodbCacheDirty",
                ),
                Panel(
                    key="cache-used-ratio",
                    title="Cache in use",
                    queries=("mongodb.cache_used_ratio",),
                    description="The server keeps it below 80%; above 95% clients wait.",
                    legend="{{instance}}",
                ),
                Panel(
                    key="tickets-available",
                    title="Tickets left",
                    queries=("mongodb.tickets_available",),
                    description="Operations that are still admitted at once. Since 7.0 their number moves by itself.",
                    legend="{{instance}} {{txn_rw}}",
                ),
                Panel(
                    key="storage-bytes",
                    title="Size of databases",
                    queries=("mongodb.storage_bytes",),
                    description="Bytes on disk, without indexes.",
                    legend="{{instance}} {{database}}",
                ),
                Panel(
                    key="disk-used-ratio",
                    title="Disk in use",
                    queries=("mongodb.disk_used_ratio",),
                    description="Of the disk that holds the data.",
                    legend="{{instance}}",
                ),
                Panel(
                    key="command-success",
                    title="Parts of the scrape",
                    queries=("mongodb.command_success",),
                    description="0: the server refuses a command to the collector's user, and its signals are missing.",
                    legend="{{instance}} {{command}}",
                ),
            ),
            collapsed=True,
        ),
    ),
)
