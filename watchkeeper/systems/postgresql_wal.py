"""PostgreSQL: signals of what writes (background writer, checkpoints, archiver), of the WAL, and of replication."""

from __future__ import annotations

from watchkeeper.signals import Gauge, Polarity, Signal
from watchkeeper.systems.postgresql_base import ORIGIN, counter, gauge
from watchkeeper.units import BYTES, MILLISECONDS, ONE, SECONDS, UNIX_TIME

__all__ = [
    "PG_REPLICATION_SLOTS_ACTIVE",
    "PG_REPLICATION_SLOTS_PG_WAL_LSN_DIFF",
    "PG_REPLICATION_SLOT_SAFE_WAL_SIZE_BYTES",
    "PG_REPLICATION_SLOT_SLOT_CONFIRMED_FLUSH_LSN",
    "PG_REPLICATION_SLOT_SLOT_CURRENT_WAL_LSN",
    "PG_REPLICATION_SLOT_SLOT_IS_ACTIVE",
    "PG_REPLICATION_SLOT_WAL_STATUS",
    "PG_STAT_ARCHIVER_ARCHIVED_COUNT",
    "PG_STAT_ARCHIVER_FAILED_COUNT",
    "PG_STAT_ARCHIVER_LAST_ARCHIVE_AGE",
    "PG_STAT_BGWRITER_BUFFERS_ALLOC_TOTAL",
    "PG_STAT_BGWRITER_BUFFERS_BACKEND_FSYNC_TOTAL",
    "PG_STAT_BGWRITER_BUFFERS_BACKEND_TOTAL",
    "PG_STAT_BGWRITER_BUFFERS_CHECKPOINT_TOTAL",
    "PG_STAT_BGWRITER_BUFFERS_CLEAN_TOTAL",
    "PG_STAT_BGWRITER_CHECKPOINTS_REQ_TOTAL",
    "PG_STAT_BGWRITER_CHECKPOINTS_TIMED_TOTAL",
    "PG_STAT_BGWRITER_CHECKPOINT_SYNC_TIME_TOTAL",
    "PG_STAT_BGWRITER_CHECKPOINT_WRITE_TIME_TOTAL",
    "PG_STAT_BGWRITER_MAXWRITTEN_CLEAN_TOTAL",
    "PG_STAT_BGWRITER_STATS_RESET_TOTAL",
    "PG_STAT_CHECKPOINTER_BUFFERS_WRITTEN_TOTAL",
    "PG_STAT_CHECKPOINTER_NUM_REQUESTED_TOTAL",
    "PG_STAT_CHECKPOINTER_NUM_TIMED_TOTAL",
    "PG_STAT_CHECKPOINTER_RESTARTPOINTS_DONE_TOTAL",
    "PG_STAT_CHECKPOINTER_RESTARTPOINTS_REQ_TOTAL",
    "PG_STAT_CHECKPOINTER_RESTARTPOINTS_TIMED_TOTAL",
    "PG_STAT_CHECKPOINTER_STATS_RESET_TOTAL",
    "PG_STAT_CHECKPOINTER_SYNC_TIME_TOTAL",
    "PG_STAT_CHECKPOINTER_WRITE_TIME_TOTAL",
    "PG_STAT_REPLICATION_PG_CURRENT_WAL_LSN_BYTES",
    "PG_STAT_REPLICATION_PG_WAL_LSN_DIFF",
    "PG_STAT_REPLICATION_REPLY_TIME",
    "PG_WAL_LSN_LOCATION_BYTES",
    "PG_WAL_SEGMENTS",
    "PG_WAL_SIZE_BYTES",
    "SIGNALS",
]

_HIGH, _LOW, _NEUTRAL = Polarity.HIGH_IS_BAD, Polarity.LOW_IS_BAD, Polarity.NEUTRAL

_SLOT = ("slot_name", "slot_type")
_SLOTS = ("database", "server", "slot_name")
_STANDBY = ("application_name", "client_addr", "server", "slot_name", "state")

_BEFORE_17 = "PostgreSQL 16 or older (17 moved it to pg_stat_checkpointer)"
_SINCE_17 = "PostgreSQL 17 or newer"
_ARCHIVED = "archive_mode, and one archived WAL file"
_HAS_STANDBY = "a standby that streams from this server"
_HAS_SLOT = "a replication slot"
_LOGICAL_SLOT = "a logical replication slot"
_LIMITED_SLOT = "a replication slot, and max_slot_wal_keep_size"

# Background writer, checkpoints, archiver
PG_STAT_BGWRITER_BUFFERS_ALLOC_TOTAL = counter("stat_bgwriter_buffers_alloc_total", "Buffers allocated.")
PG_STAT_BGWRITER_BUFFERS_CLEAN_TOTAL = counter(
    "stat_bgwriter_buffers_clean_total", "Buffers written by the background writer."
)
PG_STAT_BGWRITER_MAXWRITTEN_CLEAN_TOTAL = counter(
    "stat_bgwriter_maxwritten_clean_total", "Cleaning scans stopped for too many buffers.", ONE, _HIGH
)
PG_STAT_BGWRITER_BUFFERS_BACKEND_TOTAL = counter(
    "stat_bgwriter_buffers_backend_total", "Buffers written by backends.", ONE, _HIGH, requires=_BEFORE_17
)
PG_STAT_BGWRITER_BUFFERS_BACKEND_FSYNC_TOTAL = counter(
    "stat_bgwriter_buffers_backend_fsync_total", "Syncs that backends made.", ONE, _HIGH, requires=_BEFORE_17
)
PG_STAT_BGWRITER_BUFFERS_CHECKPOINT_TOTAL = counter(
    "stat_bgwriter_buffers_checkpoint_total", "Buffers written by checkpoints.", requires=_BEFORE_17
)
PG_STAT_BGWRITER_CHECKPOINTS_TIMED_TOTAL = counter(
    "stat_bgwriter_checkpoints_timed_total", "Checkpoints that were due.", requires=_BEFORE_17
)
PG_STAT_BGWRITER_CHECKPOINTS_REQ_TOTAL = counter(
    "stat_bgwriter_checkpoints_req_total",
    "Checkpoints that were requested, often because WAL grew.",
    ONE,
    _HIGH,
    requires=_BEFORE_17,
)
PG_STAT_BGWRITER_CHECKPOINT_WRITE_TIME_TOTAL = counter(
    "stat_bgwriter_checkpoint_write_time_total",
    "Time that checkpoints spent writing files.",
    MILLISECONDS,
    _HIGH,
    requires=_BEFORE_17,
)
PG_STAT_BGWRITER_CHECKPOINT_SYNC_TIME_TOTAL = counter(
    "stat_bgwriter_checkpoint_sync_time_total",
    "Time that checkpoints spent syncing files.",
    MILLISECONDS,
    _HIGH,
    requires=_BEFORE_17,
)
PG_STAT_BGWRITER_STATS_RESET_TOTAL = counter(
    "stat_bgwriter_stats_reset_total", "When these statistics were last reset (a time, whatever the name says)."
)
PG_STAT_CHECKPOINTER_NUM_TIMED_TOTAL = counter(
    "stat_checkpointer_num_timed_total", "Checkpoints that were due.", labels=(), requires=_SINCE_17
)
PG_STAT_CHECKPOINTER_NUM_REQUESTED_TOTAL = counter(
    "stat_checkpointer_num_requested_total",
    "Checkpoints that were requested, often because WAL grew.",
    ONE,
    _HIGH,
    (),
    _SINCE_17,
)
PG_STAT_CHECKPOINTER_RESTARTPOINTS_TIMED_TOTAL = counter(
    "stat_checkpointer_restartpoints_timed_total", "Restartpoints that were due.", labels=(), requires=_SINCE_17
)
PG_STAT_CHECKPOINTER_RESTARTPOINTS_REQ_TOTAL = counter(
    "stat_checkpointer_restartpoints_req_total", "Restartpoints that were requested.", ONE, _HIGH, (), _SINCE_17
)
PG_STAT_CHECKPOINTER_RESTARTPOINTS_DONE_TOTAL = counter(
    "stat_checkpointer_restartpoints_done_total", "Restartpoints that were made.", labels=(), requires=_SINCE_17
)
PG_STAT_CHECKPOINTER_WRITE_TIME_TOTAL = counter(
    "stat_checkpointer_write_time_total",
    "Time that checkpoints spent writing files.",
    MILLISECONDS,
    _HIGH,
    (),
    _SINCE_17,
)
PG_STAT_CHECKPOINTER_SYNC_TIME_TOTAL = counter(
    "stat_checkpointer_sync_time_total",
    "Time that checkpoints spent syncing files.",
    MILLISECONDS,
    _HIGH,
    (),
    _SINCE_17,
)
PG_STAT_CHECKPOINTER_BUFFERS_WRITTEN_TOTAL = counter(
    "stat_checkpointer_buffers_written_total", "Buffers written by checkpoints.", labels=(), requires=_SINCE_17
)
PG_STAT_CHECKPOINTER_STATS_RESET_TOTAL = counter(
    "stat_checkpointer_stats_reset_total",
    "When these statistics were last reset (a time, whatever the name says).",
    UNIX_TIME,
    _NEUTRAL,
    (),
    _SINCE_17,
)
PG_STAT_ARCHIVER_ARCHIVED_COUNT = counter("stat_archiver_archived_count", "WAL files archived.")
PG_STAT_ARCHIVER_FAILED_COUNT = counter("stat_archiver_failed_count", "Failed attempts to archive.", ONE, _HIGH)
PG_STAT_ARCHIVER_LAST_ARCHIVE_AGE = gauge(
    "stat_archiver_last_archive_age",
    "Time since the last archived WAL file.",
    SECONDS,
    _HIGH,
    requires=_ARCHIVED,
)

# WAL and replication, seen from the server that is read
PG_WAL_SEGMENTS = gauge("wal_segments", "WAL files.", labels=())
PG_WAL_SIZE_BYTES = gauge("wal_size_bytes", "Size of the WAL files.", BYTES, _HIGH, ())
PG_WAL_LSN_LOCATION_BYTES = gauge(
    "wal_lsn_location_bytes", "Position in the WAL: written on a primary, replayed on a standby.", BYTES, labels=()
)
PG_STAT_REPLICATION_PG_WAL_LSN_DIFF = gauge(
    "stat_replication_pg_wal_lsn_diff",
    "WAL that a standby has yet to replay.",
    BYTES,
    _HIGH,
    _STANDBY,
    _HAS_STANDBY,
)
PG_STAT_REPLICATION_PG_CURRENT_WAL_LSN_BYTES = gauge(
    "stat_replication_pg_current_wal_lsn_bytes",
    "Current WAL position, for each standby.",
    BYTES,
    _NEUTRAL,
    _STANDBY,
    _HAS_STANDBY,
)
PG_STAT_REPLICATION_REPLY_TIME = Gauge(
    "pg_stat_replication_reply_time",
    "When a standby sent its last reply.",
    UNIX_TIME,
    _STANDBY,
    requires=_HAS_STANDBY,
    origin=ORIGIN,
    exposed_as="untyped",
)
PG_REPLICATION_SLOT_SLOT_CURRENT_WAL_LSN = gauge(
    "replication_slot_slot_current_wal_lsn",
    "Current WAL position, in bytes, for each slot.",
    BYTES,
    _NEUTRAL,
    _SLOT,
    _HAS_SLOT,
)
PG_REPLICATION_SLOT_SLOT_CONFIRMED_FLUSH_LSN = gauge(
    "replication_slot_slot_confirmed_flush_lsn",
    "WAL position, in bytes, up to which the reader of a logical slot has confirmed.",
    BYTES,
    _NEUTRAL,
    _SLOT,
    _LOGICAL_SLOT,
)
PG_REPLICATION_SLOT_SLOT_IS_ACTIVE = gauge(
    "replication_slot_slot_is_active", "Whether a replication slot is in use.", ONE, _LOW, _SLOT, _HAS_SLOT
)
PG_REPLICATION_SLOT_SAFE_WAL_SIZE_BYTES = gauge(
    "replication_slot_safe_wal_size_bytes",
    "WAL that may be written until a slot is in danger of being lost.",
    BYTES,
    _LOW,
    _SLOT,
    _LIMITED_SLOT,
)
PG_REPLICATION_SLOT_WAL_STATUS = gauge(
    "replication_slot_wal_status",
    "1 with what has become of the WAL that a slot claims (reserved, extended, unreserved, lost).",
    ONE,
    _NEUTRAL,
    (*_SLOT, "wal_status"),
    _HAS_SLOT,
)
PG_REPLICATION_SLOTS_ACTIVE = gauge(
    "replication_slots_active", "Whether a replication slot is in use.", ONE, _LOW, _SLOTS, _HAS_SLOT
)
PG_REPLICATION_SLOTS_PG_WAL_LSN_DIFF = gauge(
    "replication_slots_pg_wal_lsn_diff",
    "WAL that a replication slot holds back.",
    BYTES,
    _HIGH,
    _SLOTS,
    _HAS_SLOT,
)

SIGNALS: tuple[Signal, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Signal))
