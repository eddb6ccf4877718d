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
                        "Age of the last replayed transaction; 0 on a primary. It rises on an idle standby as well."
                    ),
                    legend=_EACH,
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
                    legend="{{datname}}",
                ),
                Panel(
                    key="rows-read-rate",
                    title="Rows read",
                    queries=("postgresql.rows_read_rate",),
                    description="A jump without more commits is a plan that has changed to scanning.",
                    legend="{{datname}}",
                ),
                Panel(
                    key="temp-bytes-rate",
                    title="Temporary files",
                    queries=("postgresql.temp_bytes_rate",),
                    description="Sorts and hashes that did not fit into work_mem.",
                    legend="{{datname}}",
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
    ),
)
