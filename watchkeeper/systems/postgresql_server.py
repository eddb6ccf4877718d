"""PostgreSQL: signals of the server, its sessions, its databases and its settings.

The label `server` (host:port) stands where postgres_exporter 0.11 has it; newer releases drop it from some names, so
queries that must fit both aggregate it away.
"""

from __future__ import annotations

from watchkeeper.signals import Counter, Gauge, Histogram, Info, Polarity, Signal
from watchkeeper.systems.postgresql_base import DATABASE, ORIGIN, counter, gauge
from watchkeeper.units import BYTES, MILLISECONDS, ONE, SECONDS, UNIX_TIME, Unit

__all__ = [
    "PG_DATABASE_SIZE_BYTES",
    "PG_DATABASE_WRAPAROUND_AGE_DATFROZENXID_SECONDS",
    "PG_DATABASE_WRAPAROUND_AGE_DATMINMXID_SECONDS",
    "PG_LOCKS_COUNT",
    "PG_LONG_RUNNING_TRANSACTIONS",
    "PG_LONG_RUNNING_TRANSACTIONS_OLDEST_TIMESTAMP_SECONDS",
    "PG_POSTMASTER_START_TIME_SECONDS",
    "PG_PROCESS_IDLE_SECONDS",
    "PG_REPLICATION_IS_REPLICA",
    "PG_REPLICATION_LAG_SECONDS",
    "PG_REPLICATION_LAST_REPLAY_SECONDS",
    "PG_SETTINGS_AUTOVACUUM",
    "PG_SETTINGS_AUTOVACUUM_FREEZE_MAX_AGE",
    "PG_SETTINGS_AUTOVACUUM_MAX_WORKERS",
    "PG_SETTINGS_EFFECTIVE_CACHE_SIZE_BYTES",
    "PG_SETTINGS_FSYNC",
    "PG_SETTINGS_MAINTENANCE_WORK_MEM_BYTES",
    "PG_SETTINGS_MAX_CONNECTIONS",
    "PG_SETTINGS_MAX_REPLICATION_SLOTS",
    "PG_SETTINGS_MAX_WAL_SENDERS",
    "PG_SETTINGS_MAX_WAL_SIZE_BYTES",
    "PG_SETTINGS_SHARED_BUFFERS_BYTES",
    "PG_SETTINGS_SUPERUSER_RESERVED_CONNECTIONS",
    "PG_SETTINGS_TRACK_IO_TIMING",
    "PG_SETTINGS_WORK_MEM_BYTES",
    "PG_STATIC",
    "PG_STAT_ACTIVITY_COUNT",
    "PG_STAT_ACTIVITY_MAX_TX_DURATION",
    "PG_STAT_DATABASE_ACTIVE_TIME",
    "PG_STAT_DATABASE_BLKS_HIT",
    "PG_STAT_DATABASE_BLKS_READ",
    "PG_STAT_DATABASE_BLK_READ_TIME",
    "PG_STAT_DATABASE_BLK_WRITE_TIME",
    "PG_STAT_DATABASE_CHECKSUM_FAILURES",
    "PG_STAT_DATABASE_CHECKSUM_LAST_FAILURE",
    "PG_STAT_DATABASE_CONFLICTS",
    "PG_STAT_DATABASE_CONFLICTS_CONFL_BUFFERPIN",
    "PG_STAT_DATABASE_CONFLICTS_CONFL_DEADLOCK",
    "PG_STAT_DATABASE_CONFLICTS_CONFL_LOCK",
    "PG_STAT_DATABASE_CONFLICTS_CONFL_SNAPSHOT",
    "PG_STAT_DATABASE_CONFLICTS_CONFL_TABLESPACE",
    "PG_STAT_DATABASE_DEADLOCKS",
    "PG_STAT_DATABASE_IDLE_IN_TRANSACTION_TIME",
    "PG_STAT_DATABASE_NUMBACKENDS",
    "PG_STAT_DATABASE_SESSIONS",
    "PG_STAT_DATABASE_SESSIONS_ABANDONED",
    "PG_STAT_DATABASE_SESSIONS_FATAL",
    "PG_STAT_DATABASE_SESSIONS_KILLED",
    "PG_STAT_DATABASE_SESSION_TIME",
    "PG_STAT_DATABASE_STATS_RESET",
    "PG_STAT_DATABASE_TEMP_BYTES",
    "PG_STAT_DATABASE_TEMP_FILES",
    "PG_STAT_DATABASE_TUP_DELETED",
    "PG_STAT_DATABASE_TUP_FETCHED",
    "PG_STAT_DATABASE_TUP_INSERTED",
    "PG_STAT_DATABASE_TUP_RETURNED",
    "PG_STAT_DATABASE_TUP_UPDATED",
    "PG_STAT_DATABASE_XACT_COMMIT",
    "PG_STAT_DATABASE_XACT_ROLLBACK",
    "PG_UP",
    "SIGNALS",
]

_HIGH, _LOW, _NEUTRAL = Polarity.HIGH_IS_BAD, Polarity.LOW_IS_BAD, Polarity.NEUTRAL

_CHECKSUMS = "data checksums (initdb --data-checksums)"
_WRONG_PAGE = "data checksums, and a page whose checksum was wrong"
_RESET = "a reset of the database's statistics"
_IDLE = "the option process_idle: true"


def _unnamed(
    name: str,
    help: str,
    unit: Unit = ONE,
    polarity: Polarity = _NEUTRAL,
    requires: str | None = None,
) -> Counter:
    """A counter of a database that the exporter does not know, and so exposes without a type."""
    return Counter(f"pg_stat_database_{name}", help, unit, DATABASE, polarity, requires, ORIGIN, "untyped")


# Server
PG_UP = gauge("up", "Whether the server answered the last scrape.", ONE, _LOW, ())
PG_STATIC = Info(
    "pg_static",
    "Version of the server.",
    labels=("server", "short_version", "version"),
    origin=ORIGIN,
    exposed_as="untyped",
)
PG_POSTMASTER_START_TIME_SECONDS = gauge(
    "postmaster_start_time_seconds", "When the server started.", UNIX_TIME, _NEUTRAL, ("process_name",)
)
PG_REPLICATION_IS_REPLICA = gauge("replication_is_replica", "Whether the server is a standby.", ONE, _NEUTRAL, ())
PG_REPLICATION_LAG_SECONDS = gauge(
    "replication_lag_seconds",
    "Age of the last replayed transaction; 0 on a primary, and on a standby that has replayed all it received.",
    SECONDS,
    _HIGH,
    (),
)
PG_REPLICATION_LAST_REPLAY_SECONDS = gauge(
    "replication_last_replay_seconds",
    "Age of the last replayed transaction; it rises when nothing is written, or nothing arrives.",
    SECONDS,
    _HIGH,
    (),
    "a standby",
)

# Activity
PG_STAT_ACTIVITY_COUNT = gauge(
    "stat_activity_count", "Connections by database and state.", ONE, _HIGH, ("datname", "server", "state")
)
PG_STAT_ACTIVITY_MAX_TX_DURATION = gauge(
    "stat_activity_max_tx_duration",
    "Age of the oldest transaction.",
    SECONDS,
    _HIGH,
    ("datname", "server", "state"),
)
PG_LONG_RUNNING_TRANSACTIONS = gauge(
    "long_running_transactions", "Open transactions, without autovacuum's.", ONE, _HIGH, ()
)
PG_LONG_RUNNING_TRANSACTIONS_OLDEST_TIMESTAMP_SECONDS = gauge(
    "long_running_transactions_oldest_timestamp_seconds",
    "Age of the oldest open transaction (an age, whatever the name says), 0 for none.",
    SECONDS,
    _HIGH,
    (),
)
PG_PROCESS_IDLE_SECONDS = Histogram(
    "pg_process_idle_seconds",
    "How long idle connections have been idle.",
    SECONDS,
    ("application_name",),
    requires=_IDLE,
    origin=ORIGIN,
    buckets=(1, 2, 5, 15, 30, 60, 90, 120, 300),
)
PG_LOCKS_COUNT = gauge(
    "locks_count", "Locks held or awaited, by database and mode.", ONE, _HIGH, ("datname", "mode", "server")
)

# Databases
PG_DATABASE_SIZE_BYTES = gauge(
    "database_size_bytes", "Size of a database on disk.", BYTES, _HIGH, ("datname", "server")
)
PG_DATABASE_WRAPAROUND_AGE_DATFROZENXID_SECONDS = gauge(
    "database_wraparound_age_datfrozenxid_seconds",
    "Transactions since the oldest unfrozen one (a count, whatever the name says).",
    ONE,
    _HIGH,
    ("datname",),
)
PG_DATABASE_WRAPAROUND_AGE_DATMINMXID_SECONDS = gauge(
    "database_wraparound_age_datminmxid_seconds",
    "Multixacts since the oldest one in use (a count, whatever the name says).",
    ONE,
    _HIGH,
    ("datname",),
)
PG_STAT_DATABASE_NUMBACKENDS = gauge("stat_database_numbackends", "Connected backends.", ONE, _HIGH, DATABASE)
PG_STAT_DATABASE_XACT_COMMIT = counter("stat_database_xact_commit", "Transactions committed.", ONE, _NEUTRAL, DATABASE)
PG_STAT_DATABASE_XACT_ROLLBACK = counter(
    "stat_database_xact_rollback", "Transactions rolled back.", ONE, _HIGH, DATABASE
)
PG_STAT_DATABASE_DEADLOCKS = counter("stat_database_deadlocks", "Deadlocks detected.", ONE, _HIGH, DATABASE)
PG_STAT_DATABASE_CONFLICTS = counter(
    "stat_database_conflicts", "Queries cancelled by recovery on a standby.", ONE, _HIGH, DATABASE
)
PG_STAT_DATABASE_BLKS_HIT = counter(
    "stat_database_blks_hit", "Blocks found in the shared buffers.", ONE, _NEUTRAL, DATABASE
)
PG_STAT_DATABASE_BLKS_READ = counter(
    "stat_database_blks_read", "Blocks that were not found in the shared buffers.", ONE, _HIGH, DATABASE
)
PG_STAT_DATABASE_BLK_READ_TIME = counter(
    "stat_database_blk_read_time",
    "Time reading blocks, with track_io_timing.",
    MILLISECONDS,
    _HIGH,
    DATABASE,
)
PG_STAT_DATABASE_BLK_WRITE_TIME = counter(
    "stat_database_blk_write_time",
    "Time writing blocks, with track_io_timing.",
    MILLISECONDS,
    _HIGH,
    DATABASE,
)
PG_STAT_DATABASE_TEMP_BYTES = counter(
    "stat_database_temp_bytes", "Bytes written to temporary files.", BYTES, _HIGH, DATABASE
)
PG_STAT_DATABASE_TEMP_FILES = counter(
    "stat_database_temp_files", "Temporary files that queries wrote.", ONE, _HIGH, DATABASE
)
PG_STAT_DATABASE_TUP_RETURNED = counter("stat_database_tup_returned", "Rows read by scans.", ONE, _NEUTRAL, DATABASE)
PG_STAT_DATABASE_TUP_FETCHED = counter(
    "stat_database_tup_fetched", "Rows fetched by index scans.", ONE, _NEUTRAL, DATABASE
)
PG_STAT_DATABASE_TUP_INSERTED = counter("stat_database_tup_inserted", "Rows inserted.", ONE, _NEUTRAL, DATABASE)
PG_STAT_DATABASE_TUP_UPDATED = counter("stat_database_tup_updated", "Rows updated.", ONE, _NEUTRAL, DATABASE)
PG_STAT_DATABASE_TUP_DELETED = counter("stat_database_tup_deleted", "Rows deleted.", ONE, _NEUTRAL, DATABASE)
PG_STAT_DATABASE_CHECKSUM_FAILURES = _unnamed(
    "checksum_failures", "Pages whose checksum was wrong.", ONE, _HIGH, _CHECKSUMS
)
PG_STAT_DATABASE_CHECKSUM_LAST_FAILURE = Gauge(
    "pg_stat_database_checksum_last_failure",
    "When a checksum was last wrong.",
    UNIX_TIME,
    DATABASE,
    requires=_WRONG_PAGE,
    origin=ORIGIN,
    exposed_as="untyped",
)
PG_STAT_DATABASE_SESSIONS = _unnamed("sessions", "Sessions opened.")
PG_STAT_DATABASE_SESSIONS_ABANDONED = _unnamed("sessions_abandoned", "Sessions ended by a lost client.", ONE, _HIGH)
PG_STAT_DATABASE_SESSIONS_FATAL = _unnamed("sessions_fatal", "Sessions ended by a fatal error.", ONE, _HIGH)
PG_STAT_DATABASE_SESSIONS_KILLED = _unnamed("sessions_killed", "Sessions ended by an operator.", ONE, _HIGH)
PG_STAT_DATABASE_SESSION_TIME = _unnamed("session_time", "Time that sessions were open.", MILLISECONDS)
PG_STAT_DATABASE_ACTIVE_TIME = _unnamed("active_time", "Time that sessions spent executing.", MILLISECONDS)
PG_STAT_DATABASE_IDLE_IN_TRANSACTION_TIME = _unnamed(
    "idle_in_transaction_time", "Time that sessions were idle in a transaction.", MILLISECONDS, _HIGH
)
PG_STAT_DATABASE_STATS_RESET = counter(
    "stat_database_stats_reset",
    "When the statistics of a database were last reset (a time, whatever the type says).",
    UNIX_TIME,
    _NEUTRAL,
    DATABASE,
    _RESET,
)
PG_STAT_DATABASE_CONFLICTS_CONFL_TABLESPACE = counter(
    "stat_database_conflicts_confl_tablespace",
    "Queries that a standby cancelled for a dropped tablespace.",
    ONE,
    _HIGH,
    DATABASE,
)
PG_STAT_DATABASE_CONFLICTS_CONFL_LOCK = counter(
    "stat_database_conflicts_confl_lock", "Queries that a standby cancelled for a lock.", ONE, _HIGH, DATABASE
)
PG_STAT_DATABASE_CONFLICTS_CONFL_SNAPSHOT = counter(
    "stat_database_conflicts_confl_snapshot",
    "Queries that a standby cancelled for rows that the primary cleaned up.",
    ONE,
    _HIGH,
    DATABASE,
)
PG_STAT_DATABASE_CONFLICTS_CONFL_BUFFERPIN = counter(
    "stat_database_conflicts_confl_bufferpin",
    "Queries that a standby cancelled for a pinned buffer.",
    ONE,
    _HIGH,
    DATABASE,
)
PG_STAT_DATABASE_CONFLICTS_CONFL_DEADLOCK = counter(
    "stat_database_conflicts_confl_deadlock", "Queries that a standby cancelled for a deadlock.", ONE, _HIGH, DATABASE
)

# Settings: those that queries use. Every other of type bool, integer or real is emitted as pg_settings_NAME as well.
PG_SETTINGS_MAX_CONNECTIONS = gauge("settings_max_connections", "Largest number of connections.")
PG_SETTINGS_SUPERUSER_RESERVED_CONNECTIONS = gauge(
    "settings_superuser_reserved_connections", "Connections kept for superusers."
)
PG_SETTINGS_SHARED_BUFFERS_BYTES = gauge("settings_shared_buffers_bytes", "Size of the shared buffers.", BYTES)
PG_SETTINGS_EFFECTIVE_CACHE_SIZE_BYTES = gauge(
    "settings_effective_cache_size_bytes", "Size of the caches that the planner assumes.", BYTES
)
PG_SETTINGS_WORK_MEM_BYTES = gauge("settings_work_mem_bytes", "Memory that a sort or hash may use.", BYTES)
PG_SETTINGS_MAINTENANCE_WORK_MEM_BYTES = gauge(
    "settings_maintenance_work_mem_bytes", "Memory that a maintenance command may use.", BYTES
)
PG_SETTINGS_MAX_WAL_SIZE_BYTES = gauge(
    "settings_max_wal_size_bytes", "WAL that may accumulate between checkpoints.", BYTES
)
PG_SETTINGS_AUTOVACUUM = gauge("settings_autovacuum", "Whether autovacuum is on.", ONE, _LOW)
PG_SETTINGS_AUTOVACUUM_FREEZE_MAX_AGE = gauge(
    "settings_autovacuum_freeze_max_age", "Age of a table, in transactions, that forces a vacuum."
)
PG_SETTINGS_AUTOVACUUM_MAX_WORKERS = gauge("settings_autovacuum_max_workers", "Autovacuum workers at once.")
PG_SETTINGS_MAX_WAL_SENDERS = gauge("settings_max_wal_senders", "WAL senders at once.")
PG_SETTINGS_MAX_REPLICATION_SLOTS = gauge("settings_max_replication_slots", "Replication slots at most.")
PG_SETTINGS_FSYNC = gauge("settings_fsync", "Whether writes are synced to disk.", ONE, _LOW)
PG_SETTINGS_TRACK_IO_TIMING = gauge("settings_track_io_timing", "Whether reads and writes are timed.")

SIGNALS: tuple[Signal, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Signal))
