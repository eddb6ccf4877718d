"""The dashboard of PostgreSQL."""

from __future__ import annotations

from watchkeeper.declarations import Dashboard, Panel, Row

__all__ = ["DASHBOARD"]

_EACH = "{{instance}}"

DASHBOARD = Dashboard(
    key="postgresql",
    title="PostgreSQL",
    system="postgresql",
    description="Is it up, can one connect, does somebody block somebody, does it keep up.",
    links=("overview", "host"),
    rows=(
        Row(
            title="Now",
            panels=(
                Panel(
                    key="up",
                    title="Up",
                    queries=("postgresql.up",),
                    kind="stat",
                    description="Whether the server answers the collector.",
                    legend=_EACH,
                    width=6,
                    height=5,
                ),
                Panel(
                    key="connections-used-ratio",
                    title="Connections in use",
                    queries=("postgresql.connections_used_ratio",),
                    kind="gauge",
                    description="Of those that ordinary users may have. At 100% clients are refused.",
                    legend=_EACH,
                    threshold_of="PostgreSQLConnectionsHigh",
                    width=6,
                    height=5,
                ),
                Panel(
                    key="longest-transaction",
                    title="Oldest transaction",
                    queries=("postgresql.longest_transaction",),
                    kind="stat",
                    description="It holds its locks and keeps vacuum from cleaning up.",
                    legend=_EACH,
                    threshold_of="PostgreSQLLongTransaction",
                    width=6,
                    height=5,
                ),
                Panel(
                    key="replication-lag",
                    title="Replication lag",
                    queries=("postgresql.replication_lag",),
                    kind="stat",
                    description=(
                        "Age of the last replayed transaction; 0 on a primary, and where nothing is left to replay."
                    ),
                    legend=_EACH,
                    threshold_of="PostgreSQLReplicationLag",
                    width=6,
                    height=5,
                ),
            ),
        ),
        Row(
            title="Blocking",
            panels=(
                Panel(
                    key="connections",
                    title="Connections by state",
                    queries=("postgresql.connections",),
                    description="Many in 'idle in transaction' hold locks and do nothing.",
                    legend="{{instance}} {{state}}",
                    stacked=True,
                ),
                Panel(
                    key="locks",
                    title="Locks by mode",
                    queries=("postgresql.locks",),
                    description="Held or awaited. AccessExclusiveLock stops every reader of its table.",
                    legend="{{instance}} {{mode}}",
                ),
                Panel(
                    key="deadlock-rate",
                    title="Deadlocks",
                    queries=("postgresql.deadlock_rate",),
                    description="Transactions that were rolled back because they waited for each other.",
                    legend="{{instance}} {{datname}}",
                ),
            ),
        ),
        Row(
            title="Work",
            panels=(
                Panel(
                    key="commit-rate",
                    title="Transactions committed",
                    queries=("postgresql.commit_rate",),
                    description="What the server gets done.",
                    legend=_EACH,
                ),
                Panel(
                    key="rollback-ratio",
                    title="Transactions rolled back",
                    queries=("postgresql.rollback_ratio",),
                    description="Share of all; a jump is an error in somebody's release.",
                    legend=_EACH,
                ),
                Panel(
                    key="cache-hit-ratio",
                    title="Cache hit ratio",
                    queries=("postgresql.cache_hit_ratio",),
                    description=(
                        "Blocks found in the shared buffers. A fall means more reads from disk, or from the system's "
                        "cache."
                    ),
                    legend="{{instance}} {{datname}}",
                ),
                Panel(
                    key="rows-read-rate",
                    title="Rows read",
                    queries=("postgresql.rows_read_rate",),
                    description="A jump without more commits is a plan that has changed to scanning.",
                    legend="{{instance}} {{datname}}",
                ),
                Panel(
                    key="temp-bytes-rate",
                    title="Temporary files",
                    queries=("postgresql.temp_bytes_rate",),
                    description="Sorts and hashes that did not fit into work_mem.",
                    legend="{{instance}} {{datname}}",
                ),
                Panel(
                    key="database-size",
                    title="Size",
                    queries=("postgresql.database_size",),
                    description="Size on disk by database.",
                    legend="{{instance}} {{datname}}",
                ),
                Panel(
                    key="wraparound-age",
                    title="Transactions since the last freeze",
                    queries=("postgresql.wraparound_age",),
                    description="At 2 billion the server takes no more writes. Autovacuum keeps it near 200 million.",
                    legend="{{instance}} {{datname}}",
                    threshold_of="PostgreSQLWraparound",
                ),
            ),
        ),
        Row(
            title="WAL and replication",
            panels=(
                Panel(
                    key="wal-size",
                    title="WAL on disk",
                    queries=("postgresql.wal_size",),
                    description="Above max_wal_size something holds it back: a slot, or an archive that fails.",
                    legend=_EACH,
                ),
                Panel(
                    key="slot-retained",
                    title="WAL held back by slots",
                    queries=("postgresql.slot_retained_bytes",),
                    description="What a slot's reader has not confirmed. It cannot be removed.",
                    legend="{{instance}} {{slot_name}}",
                    threshold_of="PostgreSQLSlotRetainsWAL",
                ),
                Panel(
                    key="standby-behind",
                    title="WAL that standbys have yet to replay",
                    queries=("postgresql.standby_bytes_behind",),
                    description="Seen from the primary, by standby.",
                    legend="{{instance}} {{application_name}} {{client_addr}}",
                ),
                Panel(
                    key="archive-failures",
                    title="Failed attempts to archive",
                    queries=("postgresql.archive_failures",),
                    description="Within 15 minutes. A file that cannot be archived stays, and so do all after it.",
                    legend=_EACH,
                    threshold_of="PostgreSQLArchiverFailing",
                ),
                Panel(
                    key="checkpoints-requested",
                    title="Checkpoints that WAL asked for",
                    queries=("postgresql.checkpoints_requested_rate",),
                    description="More than a few an hour: max_wal_size is too small for what is written.",
                    legend=_EACH,
                ),
            ),
        ),
        Row(
            title="Tables and statements (options of the collector)",
            collapsed=True,
            panels=(
                Panel(
                    key="table-bloat",
                    title="Bloat of tables",
                    queries=("postgresql.table_bloat",),
                    description="Estimated from the planner's statistics: bytes beyond what the rows need.",
                    legend="{{datname}} {{schemaname}}.{{relname}}",
                    threshold_of="PostgreSQLTableBloat",
                ),
                Panel(
                    key="index-bloat",
                    title="Bloat of indexes",
                    queries=("postgresql.index_bloat",),
                    description="B-trees only. REINDEX CONCURRENTLY gives it back.",
                    legend="{{datname}} {{schemaname}}.{{indexrelname}}",
                ),
                Panel(
                    key="dead-rows",
                    title="Dead rows",
                    queries=("postgresql.dead_rows",),
                    description="A table where they only rise is one that vacuum cannot clean.",
                    legend="{{datname}} {{schemaname}}.{{relname}}",
                ),
                Panel(
                    key="statement-seconds",
                    title="Time by statement",
                    queries=("postgresql.statement_seconds",),
                    description="Of pg_stat_statements: the text of a queryid stands there.",
                    legend="{{datname}} {{user}} {{queryid}}",
                ),
            ),
        ),
    ),
)
