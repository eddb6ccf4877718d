"""PostgreSQL: names, kinds and labels as postgres_exporter has them.

The label `server` (host:port) stands where postgres_exporter 0.11 has it; newer releases drop it from some names, so
queries that must fit both aggregate it away.
"""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import NamedQuery, System
from watchkeeper.signals import Counter, Gauge, Info, Polarity, Signal
from watchkeeper.units import BYTES, MILLISECONDS, ONE, SECONDS, UNIX_TIME, Unit

__all__ = ["QUERIES", "SIGNALS", "SYSTEM"]

_ORIGIN = "postgres_exporter"
_HIGH, _LOW, _NEUTRAL = Polarity.HIGH_IS_BAD, Polarity.LOW_IS_BAD, Polarity.NEUTRAL

_SERVER = ("server",)
_DATABASE = ("datid", "datname", "server")
_SLOT = ("slot_name", "slot_type")
_STATEMENT = ("user", "datname", "queryid")
_TABLE = ("datname", "schemaname", "relname")
_STANDBY = ("application_name", "client_addr", "server", "slot_name", "state")

_BEFORE_17 = "PostgreSQL 16 or older (17 moved it to pg_stat_checkpointer)"
_CHECKSUMS = "data checksums (initdb --data-checksums)"
_ARCHIVED = "archive_mode, and one archived WAL file"
_HAS_STANDBY = "a standby that streams from this server"
_HAS_SLOT = "a replication slot"
_STATEMENTS = "the extension pg_stat_statements, and the option statements: true"
_TABLES = "a table in the database that the target's url names"


def _gauge(
    name: str,
    help: str,
    unit: Unit = ONE,
    polarity: Polarity = _NEUTRAL,
    labels: tuple[str, ...] = _SERVER,
    requires: str | None = None,
) -> Gauge:
    return Gauge(f"pg_{name}", help, unit, labels, polarity, requires, _ORIGIN)


def _counter(
    name: str,
    help: str,
    unit: Unit = ONE,
    polarity: Polarity = _NEUTRAL,
    labels: tuple[str, ...] = _SERVER,
    requires: str | None = None,
) -> Counter:
    return Counter(f"pg_{name}", help, unit, labels, polarity, requires, _ORIGIN)


# Server
PG_UP = _gauge("up", "Whether the server answered the last scrape.", ONE, _LOW, ())
PG_STATIC = Info("pg_static", "Version of the server.", labels=("server", "short_version", "version"), origin=_ORIGIN)
PG_POSTMASTER_START_TIME_SECONDS = _gauge(
    "postmaster_start_time_seconds", "When the server started.", UNIX_TIME, _NEUTRAL, ("process_name",)
)
PG_REPLICATION_IS_REPLICA = _gauge("replication_is_replica", "Whether the server is a standby.", ONE, _NEUTRAL, ())
PG_REPLICATION_LAG_SECONDS = _gauge(
    "replication_lag_seconds", "Age of the last replayed transaction, 0 on a primary.", SECONDS, _HIGH, ()
)

# Activity
PG_STAT_ACTIVITY_COUNT = _gauge(
    "stat_activity_count", "Connections by database and state.", ONE, _HIGH, ("datname", "server", "state")
)
PG_STAT_ACTIVITY_MAX_TX_DURATION = _gauge(
    "stat_activity_max_tx_duration",
    "Age of the oldest transaction.",
    SECONDS,
    _HIGH,
    ("datname", "server", "state"),
)
PG_LONG_RUNNING_TRANSACTIONS = _gauge(
    "long_running_transactions", "Open transactions, without autovacuum's.", ONE, _HIGH, ()
)
PG_LONG_RUNNING_TRANSACTIONS_OLDEST_TIMESTAMP_SECONDS = _gauge(
    "long_running_transactions_oldest_timestamp_seconds",
    "Age of the oldest open transaction (an age, whatever the name says), 0 for none.",
    SECONDS,
    _HIGH,
    (),
)
PG_LOCKS_COUNT = _gauge(
    "locks_count", "Locks held or awaited, by database and mode.", ONE, _HIGH, ("datname", "mode", "server")
)

# Databases
PG_DATABASE_SIZE_BYTES = _gauge(
    "database_size_bytes", "Size of a database on disk.", BYTES, _HIGH, ("datname", "server")
)
PG_DATABASE_WRAPAROUND_AGE_DATFROZENXID_SECONDS = _gauge(
    "database_wraparound_age_datfrozenxid_seconds",
    "Transactions since the oldest unfrozen one (a count, whatever the name says).",
    ONE,
    _HIGH,
    ("datname",),
)
PG_DATABASE_WRAPAROUND_AGE_DATMINMXID_SECONDS = _gauge(
    "database_wraparound_age_datminmxid_seconds",
    "Multixacts since the oldest one in use (a count, whatever the name says).",
    ONE,
    _HIGH,
    ("datname",),
)
PG_STAT_DATABASE_NUMBACKENDS = _gauge("stat_database_numbackends", "Connected backends.", ONE, _HIGH, _DATABASE)
PG_STAT_DATABASE_XACT_COMMIT = _counter(
    "stat_database_xact_commit", "Transactions committed.", ONE, _NEUTRAL, _DATABASE
)
PG_STAT_DATABASE_XACT_ROLLBACK = _counter(
    "stat_database_xact_rollback", "Transactions rolled back.", ONE, _HIGH, _DATABASE
)
PG_STAT_DATABASE_DEADLOCKS = _counter("stat_database_deadlocks", "Deadlocks detected.", ONE, _HIGH, _DATABASE)
PG_STAT_DATABASE_CONFLICTS = _counter(
    "stat_database_conflicts", "Queries cancelled by recovery on a standby.", ONE, _HIGH, _DATABASE
)
PG_STAT_DATABASE_BLKS_HIT = _counter(
    "stat_database_blks_hit", "Blocks found in the shared buffers.", ONE, _NEUTRAL, _DATABASE
)
PG_STAT_DATABASE_BLKS_READ = _counter(
    "stat_database_blks_read", "Blocks that were not found in the shared buffers.", ONE, _HIGH, _DATABASE
)
PG_STAT_DATABASE_BLK_READ_TIME = _counter(
    "stat_database_blk_read_time",
    "Time reading blocks, with track_io_timing.",
    MILLISECONDS,
    _HIGH,
    _DATABASE,
)
PG_STAT_DATABASE_BLK_WRITE_TIME = _counter(
    "stat_database_blk_write_time",
    "Time writing blocks, with track_io_timing.",
    MILLISECONDS,
    _HIGH,
    _DATABASE,
)
PG_STAT_DATABASE_TEMP_BYTES = _counter(
    "stat_database_temp_bytes", "Bytes written to temporary files.", BYTES, _HIGH, _DATABASE
)
PG_STAT_DATABASE_TEMP_FILES = _counter(
    "stat_database_temp_files", "Temporary files that queries wrote.", ONE, _HIGH, _DATABASE
)
PG_STAT_DATABASE_TUP_RETURNED = _counter("stat_database_tup_returned", "Rows read by scans.", ONE, _NEUTRAL, _DATABASE)
PG_STAT_DATABASE_TUP_FETCHED = _counter(
    "stat_database_tup_fetched", "Rows fetched by index scans.", ONE, _NEUTRAL, _DATABASE
)
PG_STAT_DATABASE_TUP_INSERTED = _counter("stat_database_tup_inserted", "Rows inserted.", ONE, _NEUTRAL, _DATABASE)
PG_STAT_DATABASE_TUP_UPDATED = _counter("stat_database_tup_updated", "Rows updated.", ONE, _NEUTRAL, _DATABASE)
PG_STAT_DATABASE_TUP_DELETED = _counter("stat_database_tup_deleted", "Rows deleted.", ONE, _NEUTRAL, _DATABASE)
PG_STAT_DATABASE_CHECKSUM_FAILURES = _counter(
    "stat_database_checksum_failures", "Pages whose checksum was wrong.", ONE, _HIGH, _DATABASE, _CHECKSUMS
)
PG_STAT_DATABASE_SESSIONS = _counter("stat_database_sessions", "Sessions opened.", ONE, _NEUTRAL, _DATABASE)
PG_STAT_DATABASE_SESSIONS_ABANDONED = _counter(
    "stat_database_sessions_abandoned", "Sessions ended by a lost client.", ONE, _HIGH, _DATABASE
)
PG_STAT_DATABASE_SESSIONS_FATAL = _counter(
    "stat_database_sessions_fatal", "Sessions ended by a fatal error.", ONE, _HIGH, _DATABASE
)
PG_STAT_DATABASE_SESSIONS_KILLED = _counter(
    "stat_database_sessions_killed", "Sessions ended by an operator.", ONE, _HIGH, _DATABASE
)

# Background writer, checkpoints, archiver
PG_STAT_BGWRITER_BUFFERS_ALLOC_TOTAL = _counter("stat_bgwriter_buffers_alloc_total", "Buffers allocated.")
PG_STAT_BGWRITER_BUFFERS_CLEAN_TOTAL = _counter(
    "stat_bgwriter_buffers_clean_total", "Buffers written by the background writer."
)
PG_STAT_BGWRITER_MAXWRITTEN_CLEAN_TOTAL = _counter(
    "stat_bgwriter_maxwritten_clean_total", "Cleaning scans stopped for too many buffers.", ONE, _HIGH
)
PG_STAT_BGWRITER_BUFFERS_BACKEND_TOTAL = _counter(
    "stat_bgwriter_buffers_backend_total", "Buffers written by backends.", ONE, _HIGH, requires=_BEFORE_17
)
PG_STAT_BGWRITER_BUFFERS_BACKEND_FSYNC_TOTAL = _counter(
    "stat_bgwriter_buffers_backend_fsync_total", "Syncs that backends made.", ONE, _HIGH, requires=_BEFORE_17
)
PG_STAT_BGWRITER_BUFFERS_CHECKPOINT_TOTAL = _counter(
    "stat_bgwriter_buffers_checkpoint_total", "Buffers written by checkpoints.", requires=_BEFORE_17
)
PG_STAT_BGWRITER_CHECKPOINTS_TIMED_TOTAL = _counter(
    "stat_bgwriter_checkpoints_timed_total", "Checkpoints that were due.", requires=_BEFORE_17
)
PG_STAT_BGWRITER_CHECKPOINTS_REQ_TOTAL = _counter(
    "stat_bgwriter_checkpoints_req_total",
    "Checkpoints that were requested, often because WAL grew.",
    ONE,
    _HIGH,
    requires=_BEFORE_17,
)
PG_STAT_BGWRITER_CHECKPOINT_WRITE_TIME_TOTAL = _counter(
    "stat_bgwriter_checkpoint_write_time_total",
    "Time that checkpoints spent writing files.",
    MILLISECONDS,
    _HIGH,
    requires=_BEFORE_17,
)
PG_STAT_BGWRITER_CHECKPOINT_SYNC_TIME_TOTAL = _counter(
    "stat_bgwriter_checkpoint_sync_time_total",
    "Time that checkpoints spent syncing files.",
    MILLISECONDS,
    _HIGH,
    requires=_BEFORE_17,
)
PG_STAT_ARCHIVER_ARCHIVED_COUNT = _counter("stat_archiver_archived_count", "WAL files archived.")
PG_STAT_ARCHIVER_FAILED_COUNT = _counter("stat_archiver_failed_count", "Failed attempts to archive.", ONE, _HIGH)
PG_STAT_ARCHIVER_LAST_ARCHIVE_AGE = _gauge(
    "stat_archiver_last_archive_age",
    "Time since the last archived WAL file.",
    SECONDS,
    _HIGH,
    requires=_ARCHIVED,
)

# Replication, seen from the primary
PG_STAT_REPLICATION_PG_WAL_LSN_DIFF = _gauge(
    "stat_replication_pg_wal_lsn_diff",
    "WAL that a standby has yet to replay.",
    BYTES,
    _HIGH,
    _STANDBY,
    _HAS_STANDBY,
)
PG_REPLICATION_SLOT_SLOT_CURRENT_WAL_LSN = _gauge(
    "replication_slot_slot_current_wal_lsn",
    "Current WAL position, in bytes, for each slot.",
    BYTES,
    _NEUTRAL,
    _SLOT,
    _HAS_SLOT,
)
PG_REPLICATION_SLOT_SLOT_IS_ACTIVE = _gauge(
    "replication_slot_slot_is_active", "Whether a replication slot is in use.", ONE, _LOW, _SLOT, _HAS_SLOT
)
PG_REPLICATION_SLOTS_PG_WAL_LSN_DIFF = _gauge(
    "replication_slots_pg_wal_lsn_diff",
    "WAL that a replication slot holds back.",
    BYTES,
    _HIGH,
    ("slot_name", "server"),
    _HAS_SLOT,
)

# Settings
PG_SETTINGS_MAX_CONNECTIONS = _gauge("settings_max_connections", "Largest number of connections.")
PG_SETTINGS_SUPERUSER_RESERVED_CONNECTIONS = _gauge(
    "settings_superuser_reserved_connections", "Connections kept for superusers."
)
PG_SETTINGS_SHARED_BUFFERS_BYTES = _gauge("settings_shared_buffers_bytes", "Size of the shared buffers.", BYTES)
PG_SETTINGS_EFFECTIVE_CACHE_SIZE_BYTES = _gauge(
    "settings_effective_cache_size_bytes", "Size of the caches that the planner assumes.", BYTES
)
PG_SETTINGS_WORK_MEM_BYTES = _gauge("settings_work_mem_bytes", "Memory that a sort or hash may use.", BYTES)
PG_SETTINGS_MAINTENANCE_WORK_MEM_BYTES = _gauge(
    "settings_maintenance_work_mem_bytes", "Memory that a maintenance command may use.", BYTES
)
PG_SETTINGS_MAX_WAL_SIZE_BYTES = _gauge(
    "settings_max_wal_size_bytes", "WAL that may accumulate between checkpoints.", BYTES
)
PG_SETTINGS_AUTOVACUUM = _gauge("settings_autovacuum", "Whether autovacuum is on.", ONE, _LOW)
PG_SETTINGS_AUTOVACUUM_FREEZE_MAX_AGE = _gauge(
    "settings_autovacuum_freeze_max_age", "Age of a table, in transactions, that forces a vacuum."
)
PG_SETTINGS_AUTOVACUUM_MAX_WORKERS = _gauge("settings_autovacuum_max_workers", "Autovacuum workers at once.")
PG_SETTINGS_MAX_WAL_SENDERS = _gauge("settings_max_wal_senders", "WAL senders at once.")
PG_SETTINGS_MAX_REPLICATION_SLOTS = _gauge("settings_max_replication_slots", "Replication slots at most.")
PG_SETTINGS_FSYNC = _gauge("settings_fsync", "Whether writes are synced to disk.", ONE, _LOW)
PG_SETTINGS_TRACK_IO_TIMING = _gauge("settings_track_io_timing", "Whether reads and writes are timed.")

# Tables of the connected database
PG_STAT_USER_TABLES_N_LIVE_TUP = _gauge(
    "stat_user_tables_n_live_tup", "Estimated live rows of a table.", ONE, _NEUTRAL, _TABLE, _TABLES
)
PG_STAT_USER_TABLES_N_DEAD_TUP = _gauge(
    "stat_user_tables_n_dead_tup", "Estimated dead rows of a table.", ONE, _HIGH, _TABLE, _TABLES
)
PG_STAT_USER_TABLES_LAST_AUTOVACUUM = _gauge(
    "stat_user_tables_last_autovacuum",
    "When autovacuum last cleaned a table, 0 for never.",
    UNIX_TIME,
    _NEUTRAL,
    _TABLE,
    _TABLES,
)
PG_STAT_USER_TABLES_SEQ_SCAN = _counter(
    "stat_user_tables_seq_scan", "Sequential scans of a table.", ONE, _NEUTRAL, _TABLE, _TABLES
)
PG_STAT_USER_TABLES_IDX_SCAN = _counter(
    "stat_user_tables_idx_scan", "Index scans of a table.", ONE, _NEUTRAL, _TABLE, _TABLES
)

# Statements
PG_STAT_STATEMENTS_CALLS_TOTAL = _counter(
    "stat_statements_calls_total", "Executions of a statement.", ONE, _NEUTRAL, _STATEMENT, _STATEMENTS
)
PG_STAT_STATEMENTS_SECONDS_TOTAL = _counter(
    "stat_statements_seconds_total", "Time spent in a statement.", SECONDS, _HIGH, _STATEMENT, _STATEMENTS
)
PG_STAT_STATEMENTS_ROWS_TOTAL = _counter(
    "stat_statements_rows_total",
    "Rows that a statement returned or changed.",
    ONE,
    _NEUTRAL,
    _STATEMENT,
    _STATEMENTS,
)

SIGNALS: tuple[Signal, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Signal))

SYSTEM = System(
    key="postgresql",
    title="PostgreSQL",
    summary="A relational database: the system of record of most services.",
    collected="ours",
    signals=SIGNALS,
    exporter="postgres_exporter",
    tested_against="PostgreSQL 15, postgres_exporter 0.11.1",
)

_TARGET = ("job", "instance")
_USED = q.sum_by(PG_STAT_ACTIVITY_COUNT, *_TARGET)
_USABLE = q.max_by(q.value(PG_SETTINGS_MAX_CONNECTIONS) - q.value(PG_SETTINGS_SUPERUSER_RESERVED_CONNECTIONS), *_TARGET)
_COMMITS = q.sum_by(q.rate(PG_STAT_DATABASE_XACT_COMMIT), *_TARGET)
_ROLLBACKS = q.sum_by(q.rate(PG_STAT_DATABASE_XACT_ROLLBACK), *_TARGET)
_HIT = q.sum_by(q.rate(PG_STAT_DATABASE_BLKS_HIT), "datname")
_READ = q.sum_by(q.rate(PG_STAT_DATABASE_BLKS_READ), "datname")

QUERIES: tuple[NamedQuery, ...] = (
    NamedQuery(key="postgresql.up", title="Whether the server answers", query=q.min_by(PG_UP, *_TARGET)),
    NamedQuery(
        key="postgresql.connections_used_ratio",
        title="Connections in use over those that ordinary users may have",
        query=q.ratio(_USED, _USABLE),
    ),
    NamedQuery(
        key="postgresql.connections",
        title="Connections, by state",
        query=q.sum_by(PG_STAT_ACTIVITY_COUNT, *_TARGET, "state"),
    ),
    NamedQuery(
        key="postgresql.deadlock_rate",
        title="Deadlocks per second, by database",
        query=q.sum_by(q.rate(PG_STAT_DATABASE_DEADLOCKS), *_TARGET, "datname"),
    ),
    NamedQuery(
        key="postgresql.longest_transaction",
        title="Age of the oldest open transaction",
        query=q.max_by(PG_LONG_RUNNING_TRANSACTIONS_OLDEST_TIMESTAMP_SECONDS, *_TARGET),
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
        query=q.max_by(PG_DATABASE_SIZE_BYTES, *_TARGET, "datname"),
    ),
    NamedQuery(
        key="postgresql.locks",
        title="Locks held or awaited, by mode",
        query=q.sum_by(PG_LOCKS_COUNT, *_TARGET, "mode"),
    ),
    NamedQuery(
        key="postgresql.replication_lag",
        title="Age of the last replayed transaction (0 on a primary)",
        query=q.max_by(PG_REPLICATION_LAG_SECONDS, *_TARGET),
    ),
    NamedQuery(
        key="postgresql.temp_bytes_rate",
        title="Bytes written to temporary files per second, by database",
        query=q.sum_by(q.rate(PG_STAT_DATABASE_TEMP_BYTES), "datname"),
    ),
    NamedQuery(
        key="postgresql.wraparound_age",
        title="Transactions since the oldest unfrozen one, by database",
        query=q.max_by(PG_DATABASE_WRAPAROUND_AGE_DATFROZENXID_SECONDS, *_TARGET, "datname"),
    ),
    NamedQuery(
        key="postgresql.rows_read_rate",
        title="Rows read per second, by database",
        query=q.sum_by(q.rate(PG_STAT_DATABASE_TUP_RETURNED), "datname"),
    ),
)
