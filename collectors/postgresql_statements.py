"""The statements that PostgreSQL is asked, as data: each column is a label or a signal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from watchkeeper.signals import Signal
from watchkeeper.systems import postgresql as s

__all__ = ["SETTINGS", "SETTINGS_STATEMENT", "STATEMENTS", "Statement", "setting_value"]

_BY_COLUMN = {signal.name.removeprefix("pg_"): signal for signal in s.SIGNALS}


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. A column named like a signal without `pg_` is that signal; the others are labels.

    `minimum` and `below` bound the major version; `option` names the option of the target that switches it on.
    """

    key: str
    sql: str
    minimum: int = 0
    below: int = 1_000
    option: str = ""

    def signals_of(self, columns: Sequence[str]) -> list[Signal]:
        """The signals among its columns."""
        return [_BY_COLUMN[column] for column in columns if column in _BY_COLUMN]


def _stat(view: str, labels: str, columns: str, where: str = "") -> str:
    """`SELECT labels, column AS view_column … FROM pg_view`."""
    named = ", ".join(f"{column} AS {view}_{column}" for column in columns.split())
    return f"SELECT {labels + ', ' if labels else ''}{named} FROM pg_catalog.pg_{view} {where}"  # noqa: S608


# Databases that exist, crossed with all states and modes, so that a count of zero is there to be seen.
_ACTIVITY = """
WITH states(state) AS (VALUES ('active'), ('idle'), ('idle in transaction'), ('idle in transaction (aborted)'),
                              ('fastpath function call'), ('disabled')),
sessions AS (
  SELECT datname, state, count(*) AS n, max(extract(epoch FROM clock_timestamp() - xact_start)) AS age
  FROM pg_catalog.pg_stat_activity GROUP BY datname, state)
SELECT database.datname, states.state, coalesce(n, 0) AS stat_activity_count,
       coalesce(age, 0) AS stat_activity_max_tx_duration
FROM pg_catalog.pg_database AS database CROSS JOIN states LEFT JOIN sessions USING (datname, state)
"""

_LOCKS = """
WITH modes(mode) AS (VALUES ('accesssharelock'), ('rowsharelock'), ('rowexclusivelock'), ('shareupdateexclusivelock'),
                            ('sharelock'), ('sharerowexclusivelock'), ('exclusivelock'), ('accessexclusivelock'),
                            ('sireadlock')),
held AS (SELECT database, lower(mode) AS mode, count(*) AS n FROM pg_catalog.pg_locks
         WHERE database IS NOT NULL GROUP BY database, lower(mode))
SELECT datname, modes.mode, coalesce(n, 0) AS locks_count
FROM pg_catalog.pg_database CROSS JOIN modes
LEFT JOIN held ON held.database = pg_database.oid AND held.mode = modes.mode
"""

_DATABASES = """
SELECT datname,
       CASE WHEN pg_catalog.has_database_privilege(oid, 'CONNECT')
              OR pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE')
            THEN pg_catalog.pg_database_size(oid) END AS database_size_bytes,
       CASE WHEN datallowconn THEN age(datfrozenxid) END AS database_wraparound_age_datfrozenxid_seconds,
       CASE WHEN datallowconn THEN mxid_age(datminmxid) END AS database_wraparound_age_datminmxid_seconds
FROM pg_catalog.pg_database
"""

_TRANSACTIONS = """
SELECT count(*) AS long_running_transactions,
       coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)
         AS long_running_transactions_oldest_timestamp_seconds
FROM pg_catalog.pg_stat_activity
WHERE state IS DISTINCT FROM 'idle' AND query NOT LIKE 'autovacuum:%' AND xact_start IS NOT NULL
  AND pid <> pg_catalog.pg_backend_pid()
"""

_SERVER = """
SELECT 'postmaster' AS process_name, extract(epoch FROM pg_catalog.pg_postmaster_start_time())
         AS postmaster_start_time_seconds,
       pg_catalog.pg_is_in_recovery()::int AS replication_is_replica,
       CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN 0
            ELSE greatest(0, extract(epoch FROM now() - pg_catalog.pg_last_xact_replay_timestamp())) END
         AS replication_lag_seconds
"""

# Before version 10 these functions had other names; 10 is the oldest version that is read.
_STANDBYS = """
SELECT application_name, client_addr::text, state, slot_name,
       pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), replay_lsn) AS stat_replication_pg_wal_lsn_diff
FROM pg_catalog.pg_stat_replication AS standby
LEFT JOIN (SELECT slot_name, active_pid FROM pg_catalog.pg_replication_slots) AS slot ON slot.active_pid = standby.pid
WHERE NOT pg_catalog.pg_is_in_recovery()
"""

_SLOTS = """
SELECT slot_name, slot_type, active::int AS replication_slot_slot_is_active,
       pg_catalog.pg_wal_lsn_diff(pos, '0/0') AS replication_slot_slot_current_wal_lsn,
       pg_catalog.pg_wal_lsn_diff(pos, restart_lsn) AS replication_slots_pg_wal_lsn_diff
FROM pg_catalog.pg_replication_slots,
     (SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_receive_lsn()
                  ELSE pg_catalog.pg_current_wal_lsn() END AS pos) AS here
"""

_TABLES = """
SELECT current_database() AS datname, schemaname, relname, n_live_tup AS stat_user_tables_n_live_tup,
       n_dead_tup AS stat_user_tables_n_dead_tup,
       coalesce(extract(epoch FROM last_autovacuum), 0) AS stat_user_tables_last_autovacuum,
       seq_scan AS stat_user_tables_seq_scan, idx_scan AS stat_user_tables_idx_scan
FROM pg_catalog.pg_stat_user_tables
"""

_STATEMENTS = """
SELECT pg_catalog.pg_get_userbyid(userid) AS "user", datname, queryid, sum(calls) AS stat_statements_calls_total,
       sum(total_exec_time) / 1000 AS stat_statements_seconds_total, sum(rows) AS stat_statements_rows_total
FROM pg_stat_statements JOIN pg_catalog.pg_database ON pg_database.oid = dbid
GROUP BY userid, datname, queryid ORDER BY sum(total_exec_time) DESC LIMIT 100
"""

_DATABASE_COLUMNS = (
    "numbackends xact_commit xact_rollback deadlocks conflicts blks_hit blks_read blk_read_time blk_write_time "
    "temp_bytes temp_files tup_returned tup_fetched tup_inserted tup_updated tup_deleted"
)
_SESSION_COLUMNS = "checksum_failures sessions sessions_abandoned sessions_fatal sessions_killed"

_WRITER = """
SELECT buffers_alloc AS stat_bgwriter_buffers_alloc_total, buffers_clean AS stat_bgwriter_buffers_clean_total,
       maxwritten_clean AS stat_bgwriter_maxwritten_clean_total
FROM pg_catalog.pg_stat_bgwriter
"""

_CHECKPOINTS = """
SELECT buffers_backend AS stat_bgwriter_buffers_backend_total,
       buffers_backend_fsync AS stat_bgwriter_buffers_backend_fsync_total,
       buffers_checkpoint AS stat_bgwriter_buffers_checkpoint_total,
       checkpoints_timed AS stat_bgwriter_checkpoints_timed_total,
       checkpoints_req AS stat_bgwriter_checkpoints_req_total,
       checkpoint_write_time AS stat_bgwriter_checkpoint_write_time_total,
       checkpoint_sync_time AS stat_bgwriter_checkpoint_sync_time_total
FROM pg_catalog.pg_stat_bgwriter
"""

_ARCHIVER = """
SELECT archived_count AS stat_archiver_archived_count, failed_count AS stat_archiver_failed_count,
       extract(epoch FROM now() - last_archived_time) AS stat_archiver_last_archive_age
FROM pg_catalog.pg_stat_archiver
"""

_OF_DATABASE = "datid, coalesce(datname, '') AS datname"

STATEMENTS = (
    Statement("server", _SERVER),
    Statement("activity", _ACTIVITY),
    Statement("transactions", _TRANSACTIONS),
    Statement("locks", _LOCKS),
    Statement("databases", _DATABASES),
    Statement("stat_database", _stat("stat_database", _OF_DATABASE, _DATABASE_COLUMNS)),
    Statement("stat_database sessions", _stat("stat_database", _OF_DATABASE, _SESSION_COLUMNS), minimum=14),
    Statement("stat_bgwriter", _WRITER),
    Statement("checkpoints", _CHECKPOINTS, below=17),
    Statement("stat_archiver", _ARCHIVER),
    Statement("stat_replication", _STANDBYS),
    Statement("replication_slots", _SLOTS),
    Statement("stat_user_tables", _TABLES),
    Statement("stat_statements", _STATEMENTS, minimum=13, option="statements"),
)


def _setting_name(signal: Signal) -> str:
    return signal.name.removeprefix("pg_settings_").removesuffix("_bytes").removesuffix("_seconds")


SETTINGS: dict[str, Signal] = {
    _setting_name(signal): signal for signal in s.SIGNALS if signal.name.startswith("pg_settings_")
}

SETTINGS_STATEMENT = Statement(
    "settings",
    "SELECT name, setting, unit, vartype FROM pg_catalog.pg_settings "  # noqa: S608  the names are ours
    f"WHERE name IN ({', '.join(repr(name) for name in SETTINGS)})",
)

_UNITS = {
    "B": 1.0,
    "kB": 1024.0,
    "8kB": 8192.0,
    "16MB": 16.0 * 1024**2,
    "MB": 1024.0**2,
    "GB": 1024.0**3,
    "ms": 1e-3,
    "s": 1.0,
    "min": 60.0,
}


def setting_value(setting: str, unit: str | None, kind: str) -> float | None:
    """A row of pg_settings in base units; None when it is no number. A negative number means "off" and has no unit."""
    if kind == "bool":
        return float(setting == "on")
    try:
        value = float(setting)
    except ValueError:
        return None
    return value if unit is None or value < 0 else value * _UNITS.get(unit, 1.0)
