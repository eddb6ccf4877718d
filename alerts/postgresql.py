"""Alerts of PostgreSQL."""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import Alert
from watchkeeper.systems.postgresql import PG_STAT_DATABASE_DEADLOCKS

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
        runbook="postgresql/long-transaction",
        panel="postgresql/wraparound-age",
        source="PostgreSQL manual 25.1.5: forced vacuum at 200 million, failsafe at 1.6 billion, stop before 2^31",
    ),
)
