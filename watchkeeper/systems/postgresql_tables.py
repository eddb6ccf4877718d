"""PostgreSQL: signals that an option switches on: tables, bloat estimates, statements."""

from __future__ import annotations

from watchkeeper.signals import Counter, Gauge, Polarity, Signal
from watchkeeper.systems.postgresql_base import TABLE, counter, gauge
from watchkeeper.units import BYTES, ONE, RATIO, SECONDS, UNIX_TIME, Unit

__all__ = [
    "PG_INDEX_BLOAT_ESTIMATED_BYTES",
    "PG_INDEX_BLOAT_ESTIMATED_RATIO",
    "PG_QUERY_ERRORS_TOTAL",
    "PG_STAT_STATEMENTS_BLOCK_READ_SECONDS_TOTAL",
    "PG_STAT_STATEMENTS_BLOCK_WRITE_SECONDS_TOTAL",
    "PG_STAT_STATEMENTS_CALLS_TOTAL",
    "PG_STAT_STATEMENTS_ROWS_TOTAL",
    "PG_STAT_STATEMENTS_SECONDS_TOTAL",
    "PG_STAT_USER_TABLES_ANALYZE_COUNT",
    "PG_STAT_USER_TABLES_AUTOANALYZE_COUNT",
    "PG_STAT_USER_TABLES_AUTOVACUUM_COUNT",
    "PG_STAT_USER_TABLES_IDX_SCAN",
    "PG_STAT_USER_TABLES_IDX_TUP_FETCH",
    "PG_STAT_USER_TABLES_INDEX_SIZE_BYTES",
    "PG_STAT_USER_TABLES_LAST_ANALYZE",
    "PG_STAT_USER_TABLES_LAST_AUTOANALYZE",
    "PG_STAT_USER_TABLES_LAST_AUTOVACUUM",
    "PG_STAT_USER_TABLES_LAST_VACUUM",
    "PG_STAT_USER_TABLES_N_DEAD_TUP",
    "PG_STAT_USER_TABLES_N_LIVE_TUP",
    "PG_STAT_USER_TABLES_N_MOD_SINCE_ANALYZE",
    "PG_STAT_USER_TABLES_N_TUP_DEL",
    "PG_STAT_USER_TABLES_N_TUP_HOT_UPD",
    "PG_STAT_USER_TABLES_N_TUP_INS",
    "PG_STAT_USER_TABLES_N_TUP_UPD",
    "PG_STAT_USER_TABLES_SEQ_SCAN",
    "PG_STAT_USER_TABLES_SEQ_TUP_READ",
    "PG_STAT_USER_TABLES_TABLE_SIZE_BYTES",
    "PG_STAT_USER_TABLES_VACUUM_COUNT",
    "PG_TABLE_BLOAT_ESTIMATED_BYTES",
    "PG_TABLE_BLOAT_ESTIMATED_RATIO",
    "SIGNALS",
]

_HIGH = Polarity.HIGH_IS_BAD
_STATEMENT = ("user", "datname", "queryid")

_STATEMENTS = "the extension pg_stat_statements, and the option statements"
_TABLES = "the option tables, and a table in the database that the target's url names"
_BLOAT = "the option bloat, and tables whose statistics the role may see (SELECT on them)"


def _table(name: str, help: str, unit: Unit = ONE, polarity: Polarity = Polarity.NEUTRAL) -> Gauge:
    return gauge(f"stat_user_tables_{name}", help, unit, polarity, TABLE, _TABLES)


def _events(name: str, help: str) -> Counter:
    return counter(f"stat_user_tables_{name}", help, labels=TABLE, requires=_TABLES)


def _statement(name: str, help: str, unit: Unit = ONE, polarity: Polarity = Polarity.NEUTRAL) -> Counter:
    return counter(f"stat_statements_{name}", help, unit, polarity, _STATEMENT, _STATEMENTS)


# Tables
PG_STAT_USER_TABLES_N_LIVE_TUP = _table("n_live_tup", "Estimated live rows of a table.")
PG_STAT_USER_TABLES_N_DEAD_TUP = _table("n_dead_tup", "Estimated dead rows of a table.", polarity=_HIGH)
PG_STAT_USER_TABLES_N_MOD_SINCE_ANALYZE = _table(
    "n_mod_since_analyze", "Estimated rows changed since a table was analyzed.", polarity=_HIGH
)
PG_STAT_USER_TABLES_LAST_VACUUM = _table(
    "last_vacuum", "When a table was last vacuumed by hand, 0 for never.", UNIX_TIME
)
PG_STAT_USER_TABLES_LAST_AUTOVACUUM = _table(
    "last_autovacuum", "When autovacuum last cleaned a table, 0 for never.", UNIX_TIME
)
PG_STAT_USER_TABLES_LAST_ANALYZE = _table(
    "last_analyze", "When a table was last analyzed by hand, 0 for never.", UNIX_TIME
)
PG_STAT_USER_TABLES_LAST_AUTOANALYZE = _table(
    "last_autoanalyze", "When autovacuum last analyzed a table, 0 for never.", UNIX_TIME
)
PG_STAT_USER_TABLES_INDEX_SIZE_BYTES = _table("index_size_bytes", "Size of a table's indexes.", BYTES)
PG_STAT_USER_TABLES_TABLE_SIZE_BYTES = _table("table_size_bytes", "Size of a table without its indexes.", BYTES)
PG_STAT_USER_TABLES_SEQ_SCAN = _events("seq_scan", "Sequential scans of a table.")
PG_STAT_USER_TABLES_SEQ_TUP_READ = _events("seq_tup_read", "Rows that sequential scans of a table read.")
PG_STAT_USER_TABLES_IDX_SCAN = _events("idx_scan", "Index scans of a table.")
PG_STAT_USER_TABLES_IDX_TUP_FETCH = _events("idx_tup_fetch", "Rows of a table that index scans fetched.")
PG_STAT_USER_TABLES_N_TUP_INS = _events("n_tup_ins", "Rows inserted into a table.")
PG_STAT_USER_TABLES_N_TUP_UPD = _events("n_tup_upd", "Rows of a table updated.")
PG_STAT_USER_TABLES_N_TUP_DEL = _events("n_tup_del", "Rows deleted from a table.")
PG_STAT_USER_TABLES_N_TUP_HOT_UPD = _events("n_tup_hot_upd", "Rows of a table updated without touching an index.")
PG_STAT_USER_TABLES_VACUUM_COUNT = _events("vacuum_count", "Times that a table was vacuumed by hand.")
PG_STAT_USER_TABLES_AUTOVACUUM_COUNT = _events("autovacuum_count", "Times that autovacuum cleaned a table.")
PG_STAT_USER_TABLES_ANALYZE_COUNT = _events("analyze_count", "Times that a table was analyzed by hand.")
PG_STAT_USER_TABLES_AUTOANALYZE_COUNT = _events("autoanalyze_count", "Times that autovacuum analyzed a table.")

# Bloat: estimates, under names of our own because postgres_exporter has none
PG_TABLE_BLOAT_ESTIMATED_BYTES = Gauge(
    "pg_table_bloat_estimated_bytes",
    "Estimated bytes of a table beyond what its rows need: dead rows and free space.",
    BYTES,
    TABLE,
    _HIGH,
    _BLOAT,
)
PG_TABLE_BLOAT_ESTIMATED_RATIO = Gauge(
    "pg_table_bloat_estimated_ratio", "Estimated share of a table that is bloat.", RATIO, TABLE, _HIGH, _BLOAT
)
PG_INDEX_BLOAT_ESTIMATED_BYTES = Gauge(
    "pg_index_bloat_estimated_bytes",
    "Estimated bytes of a B-tree index beyond what its entries need.",
    BYTES,
    (*TABLE, "indexrelname"),
    _HIGH,
    _BLOAT,
)
PG_INDEX_BLOAT_ESTIMATED_RATIO = Gauge(
    "pg_index_bloat_estimated_ratio",
    "Estimated share of a B-tree index that is bloat.",
    RATIO,
    (*TABLE, "indexrelname"),
    _HIGH,
    _BLOAT,
)

# Statements
PG_STAT_STATEMENTS_CALLS_TOTAL = _statement("calls_total", "Executions of a statement.")
PG_STAT_STATEMENTS_SECONDS_TOTAL = _statement("seconds_total", "Time spent in a statement.", SECONDS, _HIGH)
PG_STAT_STATEMENTS_ROWS_TOTAL = _statement("rows_total", "Rows that a statement returned or changed.")
PG_STAT_STATEMENTS_BLOCK_READ_SECONDS_TOTAL = _statement(
    "block_read_seconds_total", "Time that a statement spent reading blocks, with track_io_timing.", SECONDS, _HIGH
)
PG_STAT_STATEMENTS_BLOCK_WRITE_SECONDS_TOTAL = _statement(
    "block_write_seconds_total", "Time that a statement spent writing blocks, with track_io_timing.", SECONDS, _HIGH
)

# Watching the watcher
PG_QUERY_ERRORS_TOTAL = Counter(
    "pg_query_errors_total",
    "Failures of a statement that the collector asks: an optional one, one of the settings, or one that is refused.",
    ONE,
    ("query",),
    _HIGH,
    "an option that adds statements, or a statement that the server refuses",
)

SIGNALS: tuple[Signal, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Signal))
