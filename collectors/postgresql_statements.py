"""The statements that PostgreSQL is asked at each read, as data: each column is a label or a signal.

All of them together are one round trip. Every name is qualified, so that nobody's search path comes between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from watchkeeper.signals import Signal
from watchkeeper.systems import postgresql as s

__all__ = ["IDLE_STATEMENT", "SERVER_STATEMENT", "SETTINGS_STATEMENT", "STATEMENTS", "Statement"]

_BY_COLUMN = {signal.name.removeprefix("pg_"): signal for signal in s.SIGNALS}


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. A column named like a signal without `pg_` is that signal; the others are labels.

    `minimum` and `below` bound the major version; `option` names the option of the target that switches it on, whose
    number takes the place of `{limit}`.
    """

    key: str
    sql: str
    minimum: int = 0
    below: int = 1_000
    option: str = ""

    def signals_of(self, columns: Sequence[str]) -> list[Signal]:
        """The signals among its columns."""
        return [_BY_COLUMN[column] for column in columns if column in _BY_COLUMN]


def _columns(view: str, columns: str) -> str:
    """`column AS view_column, …`."""
    return ", ".join([f"{column} AS {view}_{column}" for column in columns.split()])


# What a read asks of the server itself. The last column is no signal: it changes when settings may have changed.
_SERVER = """
SELECT 'postmaster' AS process_name,
       extract(epoch FROM pg_catalog.pg_postmaster_start_time()) AS postmaster_start_time_seconds,
       recovers::int AS replication_is_replica,
       CASE WHEN NOT recovers THEN 0
            -- A standby that has replayed all that it received is not behind, however old the last transaction is.
            WHEN pg_catalog.pg_last_wal_receive_lsn() = pg_catalog.pg_last_wal_replay_lsn() THEN 0
            ELSE greatest(0, extract(epoch FROM now() - pg_catalog.pg_last_xact_replay_timestamp())) END
         AS replication_lag_seconds,
       CASE WHEN recovers THEN greatest(0, extract(epoch FROM now() - pg_catalog.pg_last_xact_replay_timestamp())) END
         AS replication_last_replay_seconds,
       pg_catalog.concat(pg_catalog.pg_conf_load_time(), recovers) AS loaded
FROM (SELECT pg_catalog.pg_is_in_recovery() AS recovers) AS here
"""

# Databases that exist, crossed with all states and modes, so that a count of zero is there to be seen.
_ACTIVITY = """
WITH states(state) AS (VALUES ('active'), ('idle'), ('idle in transaction'), ('idle in transaction (aborted)'),
                              ('fastpath function call'), ('disabled')),
sessions AS (
  SELECT datname, state, count(*) AS n, max(extract(epoch FROM now() - xact_start)) AS age
  FROM pg_catalog.pg_stat_activity GROUP BY datname, state)
SELECT database.datname, states.state, coalesce(n, 0) AS stat_activity_count,
       greatest(0, age) AS stat_activity_max_tx_duration
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

_AGES = """
SELECT datname, age(datfrozenxid) AS database_wraparound_age_datfrozenxid_seconds,
       mxid_age(datminmxid) AS database_wraparound_age_datminmxid_seconds
FROM pg_catalog.pg_database WHERE datallowconn
"""

_SIZES = """
SELECT datname, pg_catalog.pg_database_size(oid) AS database_size_bytes
FROM pg_catalog.pg_database
WHERE pg_catalog.has_database_privilege(oid, 'CONNECT') OR pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE')
"""

_TRANSACTIONS = """
SELECT count(*) AS long_running_transactions,
       greatest(0, max(extract(epoch FROM clock_timestamp() - xact_start)))
         AS long_running_transactions_oldest_timestamp_seconds
FROM pg_catalog.pg_stat_activity
WHERE state IS DISTINCT FROM 'idle' AND query NOT LIKE 'autovacuum:%' AND xact_start IS NOT NULL
  AND pid <> pg_catalog.pg_backend_pid()
"""

_WAL = """
SELECT count(*) AS wal_segments, sum(size) AS wal_size_bytes,
       pg_catalog.pg_wal_lsn_diff(
         CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
              ELSE pg_catalog.pg_current_wal_lsn() END, '0/0') AS wal_lsn_location_bytes
FROM pg_catalog.pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'
"""

# Before version 10 these functions had other names; 10 is the oldest version that is read. Standbys of one name on one
# machine are one series, that of the one furthest behind.
_STANDBYS = """
SELECT application_name, client_addr::text, state, slot_name,
       max(pg_catalog.pg_wal_lsn_diff(here, replay_lsn)) AS stat_replication_pg_wal_lsn_diff,
       max(pg_catalog.pg_wal_lsn_diff(here, '0/0')) AS stat_replication_pg_current_wal_lsn_bytes,
       min({reply_time}) AS stat_replication_reply_time
FROM pg_catalog.pg_stat_replication AS standby
CROSS JOIN (SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_receive_lsn()
                        ELSE pg_catalog.pg_current_wal_lsn() END AS here) AS position
LEFT JOIN (SELECT slot_name, active_pid FROM pg_catalog.pg_replication_slots) AS slot ON slot.active_pid = standby.pid
GROUP BY application_name, client_addr, state, slot_name
"""

_SLOTS = """
SELECT slot_name, slot_type, active::int AS replication_slot_slot_is_active,
       pg_catalog.pg_wal_lsn_diff(here, '0/0') AS replication_slot_slot_current_wal_lsn,
       pg_catalog.pg_wal_lsn_diff(confirmed_flush_lsn, '0/0') AS replication_slot_slot_confirmed_flush_lsn,
       database, active::int AS replication_slots_active,
       pg_catalog.pg_wal_lsn_diff(here, restart_lsn) AS replication_slots_pg_wal_lsn_diff
FROM pg_catalog.pg_replication_slots,
     (SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_receive_lsn()
                  ELSE pg_catalog.pg_current_wal_lsn() END AS here) AS position
"""

_SLOT_STATES = """
SELECT slot_name, slot_type, wal_status, safe_wal_size AS replication_slot_safe_wal_size_bytes,
       CASE WHEN wal_status IS NOT NULL THEN 1 END AS replication_slot_wal_status
FROM pg_catalog.pg_replication_slots
"""

_DATABASE_COLUMNS = (
    "numbackends xact_commit xact_rollback deadlocks conflicts blks_hit blks_read blk_read_time blk_write_time "
    "temp_bytes temp_files tup_returned tup_fetched tup_inserted tup_updated tup_deleted"
)
_SESSION_COLUMNS = (
    " checksum_failures sessions sessions_abandoned sessions_fatal sessions_killed session_time active_time "
    "idle_in_transaction_time"
)


def _databases(columns: str, more: str = "") -> str:
    return (
        f"SELECT datid, datname, {_columns('stat_database', columns)}, "  # noqa: S608  the names are ours
        f"floor(extract(epoch FROM stats_reset)) AS stat_database_stats_reset {more} FROM pg_catalog.pg_stat_database"
    )


_CONFLICTS = (
    "SELECT datid, datname, "  # noqa: S608  the names are ours
    + _columns("stat_database_conflicts", "confl_tablespace confl_lock confl_snapshot confl_bufferpin confl_deadlock")
    + " FROM pg_catalog.pg_stat_database_conflicts"
)

_WRITER = """
SELECT buffers_alloc AS stat_bgwriter_buffers_alloc_total, buffers_clean AS stat_bgwriter_buffers_clean_total,
       maxwritten_clean AS stat_bgwriter_maxwritten_clean_total,
       floor(extract(epoch FROM stats_reset)) AS stat_bgwriter_stats_reset_total
"""

_CHECKPOINTS = """,
       buffers_backend AS stat_bgwriter_buffers_backend_total,
       buffers_backend_fsync AS stat_bgwriter_buffers_backend_fsync_total,
       buffers_checkpoint AS stat_bgwriter_buffers_checkpoint_total,
       checkpoints_timed AS stat_bgwriter_checkpoints_timed_total,
       checkpoints_req AS stat_bgwriter_checkpoints_req_total,
       checkpoint_write_time AS stat_bgwriter_checkpoint_write_time_total,
       checkpoint_sync_time AS stat_bgwriter_checkpoint_sync_time_total
"""

_CHECKPOINTER = """
SELECT num_timed AS stat_checkpointer_num_timed_total, num_requested AS stat_checkpointer_num_requested_total,
       restartpoints_timed AS stat_checkpointer_restartpoints_timed_total,
       restartpoints_req AS stat_checkpointer_restartpoints_req_total,
       restartpoints_done AS stat_checkpointer_restartpoints_done_total,
       write_time AS stat_checkpointer_write_time_total, sync_time AS stat_checkpointer_sync_time_total,
       buffers_written AS stat_checkpointer_buffers_written_total,
       floor(extract(epoch FROM stats_reset)) AS stat_checkpointer_stats_reset_total
FROM pg_catalog.pg_stat_checkpointer
"""

_ARCHIVER = """
SELECT archived_count AS stat_archiver_archived_count, failed_count AS stat_archiver_failed_count,
       extract(epoch FROM now() - last_archived_time) AS stat_archiver_last_archive_age
FROM pg_catalog.pg_stat_archiver
"""

_FROM_WRITER = "FROM pg_catalog.pg_stat_bgwriter"

SERVER_STATEMENT = Statement("server", _SERVER)

# pg_database_size looks at every file, which is most of a read's time: it comes last, so that the other answers are
# understood while the server is at it.
STATEMENTS = (
    SERVER_STATEMENT,
    Statement("activity", _ACTIVITY),
    Statement("transactions", _TRANSACTIONS),
    Statement("locks", _LOCKS),
    Statement("ages", _AGES),
    Statement("stat_database", _databases(_DATABASE_COLUMNS), below=14),
    Statement(
        "stat_database",
        _databases(
            _DATABASE_COLUMNS + _SESSION_COLUMNS,
            ", floor(extract(epoch FROM checksum_last_failure)) AS stat_database_checksum_last_failure",
        ),
        minimum=14,
    ),
    Statement("stat_database_conflicts", _CONFLICTS),
    Statement("stat_bgwriter", _WRITER + _CHECKPOINTS + _FROM_WRITER, below=17),
    Statement("stat_bgwriter", _WRITER + _FROM_WRITER, minimum=17),
    Statement("stat_checkpointer", _CHECKPOINTER, minimum=17),
    Statement("stat_archiver", _ARCHIVER),
    Statement("stat_replication", _STANDBYS.format(reply_time="NULL::float8"), below=12),
    Statement("stat_replication", _STANDBYS.format(reply_time="floor(extract(epoch FROM reply_time))"), minimum=12),
    Statement("replication_slots", _SLOTS),
    Statement("replication_slot_states", _SLOT_STATES, minimum=13),
    Statement("wal", _WAL),
    Statement("sizes", _SIZES),
)

# What this session has set itself is shown as it is for everybody else; transaction_read_only is a property of the
# transaction that asks, which is read-only.
SETTINGS_STATEMENT = Statement(
    "settings",
    "SELECT name, CASE WHEN source = 'session' THEN reset_val ELSE setting END, unit, vartype, short_desc "
    "FROM pg_catalog.pg_settings WHERE vartype IN ('bool', 'integer', 'real') "
    "AND name <> 'transaction_read_only' ORDER BY name",
)

IDLE_STATEMENT = Statement(
    "process_idle",
    """
SELECT application_name, greatest(0, extract(epoch FROM now() - state_change))
FROM pg_catalog.pg_stat_activity WHERE state = 'idle' AND state_change IS NOT NULL
""",
    option="process_idle",
)
