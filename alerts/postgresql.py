"""Alerts of PostgreSQL."""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import Alert
from watchkeeper.systems.postgresql_server import PG_STAT_DATABASE_DEADLOCKS

__all__ = ["ALERTS"]

ALERTS: tuple[Alert, ...] = (
    Alert(
        name="PostgreSQLDown",
        system="postgresql",
        query="postgresql.up",
        op="==",
        threshold=0,
        hold="1m",
        severity="critical",
        summary="{{ $labels.instance }} does not answer",
        description="The collector cannot connect or its queries fail: the server is down, full, or refuses the login.",
        runbook="postgresql/down",
        panel="postgresql/up",
        source="pg_up is 0 when a scrape cannot connect; one minute spans a restart",
    ),
    Alert(
        name="PostgreSQLConnectionsHigh",
        system="postgresql",
        query="postgresql.connections_used_ratio",
        threshold=0.8,
        hold="5m",
        severity="warning",
        summary="{{ $labels.instance }}: {{ $value }} of the connections are in use",
        description="At max_connections new clients are refused: 'sorry, too many clients already'.",
        runbook="postgresql/connections-high",
        panel="postgresql/connections-used-ratio",
        source=(
            "awesome-prometheus-alerts PostgreSQL too many connections: 80 % of max_connections; superuser's reserve "
            "taken off"
        ),
    ),
    Alert(
        name="PostgreSQLDeadlocks",
        system="postgresql",
        query=q.sum_by(q.increase(PG_STAT_DATABASE_DEADLOCKS, "10m"), "job", "instance", "datname"),
        # increase() extrapolates: three deadlocks read as a little more than three.
        threshold=3.5,
        hold="0s",
        severity="warning",
        summary="{{ $labels.instance }}: about {{ $value }} deadlocks in {{ $labels.datname }} within ten minutes",
        description=(
            "Each one is a transaction that was rolled back. One now and then is usual where rows are locked in "
            "different orders."
        ),
        runbook="postgresql/deadlocks",
        panel="postgresql/deadlock-rate",
        source=(
            "awesome-prometheus-alerts has more than 5 in a minute; a slow rate over ten minutes is a fault as well: "
            "four or more (3.5, because increase() extrapolates)"
        ),
    ),
    Alert(
        name="PostgreSQLLongTransaction",
        system="postgresql",
        query="postgresql.longest_transaction",
        threshold=1800,
        hold="1m",
        severity="warning",
        summary="{{ $labels.instance }}: a transaction is open for {{ $value }}",
        description="It holds its locks, and no row that died since can be vacuumed.",
        runbook="postgresql/long-transaction",
        panel="postgresql/longest-transaction",
        source="Half an hour is longer than any interactive work; batch jobs should be known by name",
    ),
    Alert(
        name="PostgreSQLWraparound",
        system="postgresql",
        query="postgresql.wraparound_age",
        threshold=1_000_000_000,
        hold="10m",
        severity="critical",
        summary="{{ $labels.instance }}: {{ $labels.datname }} is {{ $value }} transactions from its last freeze",
        description=(
            "Autovacuum cannot keep up, often because of an old transaction or slot. At 2 billion the server takes no"
            " writes."
        ),
        runbook="postgresql/wraparound",
        panel="postgresql/wraparound-age",
        source="PostgreSQL manual 25.1.5: forced vacuum at 200 million, failsafe at 1.6 billion, stop before 2^31",
    ),
    Alert(
        name="PostgreSQLReplicationLag",
        system="postgresql",
        query="postgresql.replication_lag",
        threshold=300,
        hold="5m",
        severity="warning",
        summary="{{ $labels.instance }} is {{ $value }} behind its primary",
        description=(
            "The standby has received what it has not replayed. Reads from it are old, and a failover has to wait, or "
            "loses that much."
        ),
        runbook="postgresql/replication-lag",
        panel="postgresql/replication-lag",
        source=(
            "Ten times max_standby_streaming_delay (30 s by default), which a query on a standby may delay replay "
            "without anything being wrong"
        ),
    ),
    Alert(
        name="PostgreSQLSlotRetainsWAL",
        system="postgresql",
        query="postgresql.slot_retained_bytes",
        threshold=10 * 1024**3,
        hold="10m",
        severity="warning",
        summary="{{ $labels.instance }}: the slot {{ $labels.slot_name }} holds back {{ $value }} of WAL",
        description=(
            "Its reader is away or slow, and without max_slot_wal_keep_size the WAL grows until the disk is full and "
            "the server stops."
        ),
        runbook="postgresql/slot-retains-wal",
        panel="postgresql/slot-retained",
        source=(
            "Ten times the default of max_wal_size (1 GB), which is what checkpoints keep; a reader that keeps up "
            "holds back less than one checkpoint's worth"
        ),
    ),
    Alert(
        name="PostgreSQLArchiverFailing",
        system="postgresql",
        query="postgresql.archive_failures",
        # increase() extrapolates: three failures read as a little more than three.
        threshold=3.5,
        hold="5m",
        severity="critical",
        summary="{{ $labels.instance }}: about {{ $value }} attempts to archive WAL failed within 15 minutes",
        description=(
            "There is no point-in-time recovery from here on, and the files that cannot be archived are kept until "
            "the disk is full."
        ),
        runbook="postgresql/archiver-failing",
        panel="postgresql/archive-failures",
        source=(
            "The archiver tries a file three times and comes back after a minute (pgarch.c, NUM_ARCHIVE_RETRIES): more "
            "than one such round is no hiccup"
        ),
    ),
    Alert(
        name="PostgreSQLTableBloat",
        system="postgresql",
        query="postgresql.table_bloat",
        threshold=10 * 1024**3,
        hold="1h",
        severity="info",
        summary="{{ $labels.instance }}: {{ $labels.schemaname }}.{{ $labels.relname }} is bloated by {{ $value }}",
        description=(
            "An estimate from the planner's statistics. Scans read the empty pages, and backups carry them. Needs the "
            "collector's option bloat."
        ),
        runbook="postgresql/bloat",
        panel="postgresql/table-bloat",
        source="Our choice: below some gigabytes, giving the space back is not worth the lock or the work",
    ),
)
