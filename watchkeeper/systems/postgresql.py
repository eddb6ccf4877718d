"""PostgreSQL: its signals, named queries and what they mean together."""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import NamedQuery, System
from watchkeeper.signals import Signal, matches
from watchkeeper.systems import postgresql_server as server
from watchkeeper.systems import postgresql_tables as tables
from watchkeeper.systems import postgresql_wal as wal

__all__ = ["QUERIES", "SIGNALS", "SYSTEM"]

SIGNALS: tuple[Signal, ...] = (*server.SIGNALS, *wal.SIGNALS, *tables.SIGNALS)

SYSTEM = System(
    key="postgresql",
    title="PostgreSQL",
    summary="A relational database: the system of record of most services.",
    collected="ours",
    signals=SIGNALS,
    exporter="postgres_exporter",
    open_prefixes=("pg_settings_",),
    tested_against="PostgreSQL 15, postgres_exporter 0.11.1; what 17 has beside, against a view of its shape alone",
)

_TARGET = ("job", "instance")
_TABLE = ("datname", "schemaname", "relname")
_USED = q.sum_by(server.PG_STAT_ACTIVITY_COUNT, *_TARGET)
_USABLE = q.max_by(
    q.value(server.PG_SETTINGS_MAX_CONNECTIONS) - q.value(server.PG_SETTINGS_SUPERUSER_RESERVED_CONNECTIONS), *_TARGET
)
_COMMITS = q.sum_by(q.rate(server.PG_STAT_DATABASE_XACT_COMMIT), *_TARGET)
_ROLLBACKS = q.sum_by(q.rate(server.PG_STAT_DATABASE_XACT_ROLLBACK), *_TARGET)
_HIT = q.sum_by(q.rate(server.PG_STAT_DATABASE_BLKS_HIT), *_TARGET, "datname")
_READ = q.sum_by(q.rate(server.PG_STAT_DATABASE_BLKS_READ), *_TARGET, "datname")

QUERIES: tuple[NamedQuery, ...] = (
    NamedQuery(key="postgresql.up", title="Whether the server answers", query=q.min_by(server.PG_UP, *_TARGET)),
    NamedQuery(
        key="postgresql.connections_used_ratio",
        title="Connections in use over those that ordinary users may have",
        query=q.ratio(_USED, _USABLE),
    ),
    NamedQuery(
        key="postgresql.connections",
        title="Connections, by state",
        query=q.sum_by(server.PG_STAT_ACTIVITY_COUNT, *_TARGET, "state"),
    ),
    NamedQuery(
        key="postgresql.deadlock_rate",
        title="Deadlocks per second, by database",
        query=q.sum_by(q.rate(server.PG_STAT_DATABASE_DEADLOCKS), *_TARGET, "datname"),
    ),
    NamedQuery(
        key="postgresql.longest_transaction",
        title="Age of the oldest open transaction",
        query=q.max_by(server.PG_LONG_RUNNING_TRANSACTIONS_OLDEST_TIMESTAMP_SECONDS, *_TARGET),
    ),
    NamedQuery(key="postgresql.commit_rate", title="Transactions committed per second", query=_COMMITS),
    NamedQuery(
        key="postgresql.rollback_ratio",
        title="Share of transactions rolled back",
        query=q.ratio(_ROLLBACKS, _COMMITS + _ROLLBACKS),
    ),
    NamedQuery(
        key="postgresql.cache_hit_ratio",
        title="Share of blocks found in the shared buffers, by database",
        query=q.ratio(_HIT, _HIT + _READ),
    ),
    NamedQuery(
        key="postgresql.database_size",
        title="Size on disk, by database",
        query=q.max_by(server.PG_DATABASE_SIZE_BYTES, *_TARGET, "datname"),
    ),
    NamedQuery(
        key="postgresql.locks",
        title="Locks held or awaited, by mode",
        query=q.sum_by(server.PG_LOCKS_COUNT, *_TARGET, "mode"),
    ),
    NamedQuery(
        key="postgresql.replication_lag",
        title="Age of the last replayed transaction (0 on a primary, and where nothing is left to replay)",
        query=q.max_by(server.PG_REPLICATION_LAG_SECONDS, *_TARGET),
    ),
    NamedQuery(
        key="postgresql.temp_bytes_rate",
        title="Bytes written to temporary files per second, by database",
        query=q.sum_by(q.rate(server.PG_STAT_DATABASE_TEMP_BYTES), *_TARGET, "datname"),
    ),
    NamedQuery(
        key="postgresql.wraparound_age",
        title="Transactions since the oldest unfrozen one, by database",
        query=q.max_by(server.PG_DATABASE_WRAPAROUND_AGE_DATFROZENXID_SECONDS, *_TARGET, "datname"),
    ),
    NamedQuery(
        key="postgresql.rows_read_rate",
        title="Rows read per second, by database",
        query=q.sum_by(q.rate(server.PG_STAT_DATABASE_TUP_RETURNED), *_TARGET, "datname"),
    ),
    NamedQuery(
        key="postgresql.idle_in_transaction",
        title="Connections that hold a transaction open and do nothing",
        query=q.sum_by(server.PG_STAT_ACTIVITY_COUNT.where(state=matches("idle in transaction.*")), *_TARGET),
    ),
    NamedQuery(
        key="postgresql.standby_bytes_behind",
        title="WAL that a standby has yet to replay",
        query=q.max_by(wal.PG_STAT_REPLICATION_PG_WAL_LSN_DIFF, *_TARGET, "application_name", "client_addr"),
    ),
    NamedQuery(
        key="postgresql.slot_retained_bytes",
        title="WAL that a replication slot holds back",
        query=q.max_by(wal.PG_REPLICATION_SLOTS_PG_WAL_LSN_DIFF, *_TARGET, "slot_name"),
    ),
    NamedQuery(
        key="postgresql.slot_active",
        title="Whether a replication slot is in use",
        query=q.min_by(wal.PG_REPLICATION_SLOTS_ACTIVE, *_TARGET, "slot_name"),
    ),
    NamedQuery(
        key="postgresql.wal_size",
        title="Size of the WAL on disk",
        query=q.max_by(wal.PG_WAL_SIZE_BYTES, *_TARGET),
    ),
    NamedQuery(
        key="postgresql.archive_failures",
        title="Failed attempts to archive a WAL file within 15 minutes",
        query=q.sum_by(q.increase(wal.PG_STAT_ARCHIVER_FAILED_COUNT, "15m"), *_TARGET),
    ),
    NamedQuery(
        key="postgresql.last_archive_age",
        title="Time since the last archived WAL file",
        query=q.max_by(wal.PG_STAT_ARCHIVER_LAST_ARCHIVE_AGE, *_TARGET),
    ),
    NamedQuery(
        key="postgresql.checkpoints_requested_rate",
        title="Checkpoints per second that the growth of WAL asked for",
        # PostgreSQL 17 moved them to a view of their own.
        query=q.or_(
            q.sum_by(q.rate(wal.PG_STAT_BGWRITER_CHECKPOINTS_REQ_TOTAL), *_TARGET),
            q.sum_by(q.rate(wal.PG_STAT_CHECKPOINTER_NUM_REQUESTED_TOTAL), *_TARGET),
        ),
    ),
    NamedQuery(
        key="postgresql.table_bloat",
        title="Estimated bloat of a table",
        query=q.max_by(tables.PG_TABLE_BLOAT_ESTIMATED_BYTES, *_TARGET, *_TABLE),
    ),
    NamedQuery(
        key="postgresql.index_bloat",
        title="Estimated bloat of an index",
        query=q.max_by(tables.PG_INDEX_BLOAT_ESTIMATED_BYTES, *_TARGET, *_TABLE, "indexrelname"),
    ),
    NamedQuery(
        key="postgresql.dead_rows",
        title="Dead rows of a table",
        query=q.max_by(tables.PG_STAT_USER_TABLES_N_DEAD_TUP, *_TARGET, *_TABLE),
    ),
    NamedQuery(
        key="postgresql.statement_seconds",
        title="Seconds per second that a statement takes",
        query=q.sum_by(q.rate(tables.PG_STAT_STATEMENTS_SECONDS_TOTAL), *_TARGET, "datname", "user", "queryid"),
    ),
    NamedQuery(
        key="postgresql.query_errors",
        title="Failures per second of a statement that the collector asks",
        query=q.sum_by(q.rate(tables.PG_QUERY_ERRORS_TOTAL), *_TARGET, "query"),
    ),
)
