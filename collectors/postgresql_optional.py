"""The statements that an option of the target switches on: tables, bloat estimates, statements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collectors import options
from collectors.postgresql_statements import IDLE_STATEMENT, Statement

if TYPE_CHECKING:
    from watchkeeper.settings import Target

__all__ = ["OPTIONAL", "row_limits"]

# Rows at most, when the option is `true`.
_LIMIT = 100


def row_limits(target: Target) -> dict[str, int]:
    """How many rows each option asks for: a number, `true` for 100, and 0 when it is off. Raises SettingsError."""
    found = {"process_idle": _LIMIT * options.flag(target, "process_idle")}
    for name in ("tables", "bloat", "statements"):
        value = target.options.get(name, False)
        if not isinstance(value, int) or value < 0:
            raise options.wrong(target, name, "write true, false or a number of rows")
        found[name] = _LIMIT if value is True else int(value)
    return found


# The largest tables, by the size that the planner knows: asking for the real one costs a look at every file.
_TABLES = """
SELECT current_database() AS datname, stat.schemaname, stat.relname,
       stat.seq_scan AS stat_user_tables_seq_scan, seq_tup_read AS stat_user_tables_seq_tup_read,
       idx_scan AS stat_user_tables_idx_scan, idx_tup_fetch AS stat_user_tables_idx_tup_fetch,
       n_tup_ins AS stat_user_tables_n_tup_ins, n_tup_upd AS stat_user_tables_n_tup_upd,
       n_tup_del AS stat_user_tables_n_tup_del, n_tup_hot_upd AS stat_user_tables_n_tup_hot_upd,
       n_live_tup AS stat_user_tables_n_live_tup, n_dead_tup AS stat_user_tables_n_dead_tup,
       n_mod_since_analyze AS stat_user_tables_n_mod_since_analyze,
       coalesce(extract(epoch FROM last_vacuum), 0) AS stat_user_tables_last_vacuum,
       coalesce(extract(epoch FROM last_autovacuum), 0) AS stat_user_tables_last_autovacuum,
       coalesce(extract(epoch FROM last_analyze), 0) AS stat_user_tables_last_analyze,
       coalesce(extract(epoch FROM last_autoanalyze), 0) AS stat_user_tables_last_autoanalyze,
       vacuum_count AS stat_user_tables_vacuum_count, autovacuum_count AS stat_user_tables_autovacuum_count,
       analyze_count AS stat_user_tables_analyze_count, autoanalyze_count AS stat_user_tables_autoanalyze_count,
       pg_catalog.pg_indexes_size(stat.relid) AS stat_user_tables_index_size_bytes,
       pg_catalog.pg_table_size(stat.relid) AS stat_user_tables_table_size_bytes
FROM pg_catalog.pg_class AS class JOIN pg_catalog.pg_stat_user_tables AS stat ON stat.relid = class.oid
ORDER BY class.relpages DESC, class.oid LIMIT {limit}
"""

# What a table needs: a 24-byte page header, a 4-byte line pointer and a 24-byte header a row (PostgreSQL manual,
# Database Page Layout), a bit a column where there are NULLs, and the average width of its columns from the planner's
# statistics. What is more is bloat. Widths are visible for tables that the role may read; the others are left out.
_TABLE_BLOAT = """
WITH pages AS (SELECT current_setting('block_size')::numeric AS block),
widths AS (
  SELECT class.oid, stats.schemaname, stats.tablename, class.reltuples, class.relpages,
         coalesce(substring(array_to_string(class.reloptions, ' ') FROM 'fillfactor=([0-9]+)')::numeric, 100) AS fill,
         sum((1 - stats.null_frac) * stats.avg_width) AS width,
         24 + CASE WHEN max(stats.null_frac) > 0 THEN 8 * ceil(count(*) / 64.0) ELSE 0 END AS header,
         count(*) = (SELECT count(*) FROM pg_catalog.pg_attribute
                     WHERE attrelid = class.oid AND attnum > 0 AND NOT attisdropped) AS complete
  FROM pg_catalog.pg_class AS class
  JOIN pg_catalog.pg_namespace AS space ON space.oid = class.relnamespace
  JOIN pg_catalog.pg_stats AS stats
    ON stats.schemaname = space.nspname AND stats.tablename = class.relname AND NOT stats.inherited
  WHERE class.relkind IN ('r', 'm') AND class.relpages > 0 AND class.reltuples > 0
    AND space.nspname NOT IN ('pg_catalog', 'information_schema')
  GROUP BY class.oid, stats.schemaname, stats.tablename, class.reltuples, class.relpages, class.reloptions),
sizes AS (
  SELECT *, relpages * block AS size,
         ceil(reltuples::numeric * (4 + header + 8 * ceil(width::numeric / 8)) / ((block - 24) * fill / 100)) * block
           AS needed
  FROM widths, pages WHERE complete)
SELECT current_database() AS datname, schemaname, tablename AS relname,
       greatest(0, size - needed) AS table_bloat_estimated_bytes,
       greatest(0, size - needed) / size AS table_bloat_estimated_ratio
FROM sizes ORDER BY size DESC, oid LIMIT {limit}
"""

# What a B-tree leaf needs: a page header of 24 bytes and 16 at its end, a 4-byte line pointer and an 8-byte header an
# entry, the widths of its columns; fillfactor 90 by default (PostgreSQL manual, B-Tree Indexes). Expressions have
# statistics under the index's own name. Deduplicated entries need less, so that bloat is then underestimated.
_INDEX_BLOAT = """
WITH pages AS (SELECT current_setting('block_size')::numeric AS block),
entries AS (
  SELECT index.indexrelid, index.indrelid, class.relname, class.relpages, class.reltuples, class.reloptions,
         index.indnatts, attribute.attname, coalesce(original.relname, class.relname) AS described,
         coalesce(source.attname, attribute.attname) AS source, space.nspname
  FROM pg_catalog.pg_index AS index
  JOIN pg_catalog.pg_class AS class ON class.oid = index.indexrelid
  JOIN pg_catalog.pg_am AS method ON method.oid = class.relam AND method.amname = 'btree'
  JOIN pg_catalog.pg_namespace AS space ON space.oid = class.relnamespace
  JOIN pg_catalog.pg_attribute AS attribute ON attribute.attrelid = index.indexrelid
  LEFT JOIN pg_catalog.pg_attribute AS source
    ON source.attrelid = index.indrelid AND source.attnum = index.indkey[attribute.attnum - 1] AND source.attnum > 0
  LEFT JOIN pg_catalog.pg_class AS original ON original.oid = source.attrelid
  WHERE class.relpages > 1 AND class.reltuples > 0 AND index.indisvalid
    AND space.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')),
widths AS (
  SELECT indexrelid, indrelid, entries.nspname, relname, relpages, reltuples,
         coalesce(substring(array_to_string(reloptions, ' ') FROM 'fillfactor=([0-9]+)')::numeric, 90) AS fill,
         sum((1 - stats.null_frac) * stats.avg_width) AS width,
         CASE WHEN max(stats.null_frac) > 0 THEN 16 ELSE 8 END AS header, count(*) = indnatts AS complete
  FROM entries JOIN pg_catalog.pg_stats AS stats
    ON stats.schemaname = entries.nspname AND stats.tablename = described AND stats.attname = source
       AND NOT stats.inherited
  GROUP BY indexrelid, indrelid, entries.nspname, relname, relpages, reltuples, reloptions, indnatts),
sizes AS (
  SELECT *, relpages * block AS size,
         (1 + ceil(reltuples::numeric * (4 + header + 8 * ceil(width::numeric / 8)) / ((block - 40) * fill / 100)))
           * block AS needed
  FROM widths, pages WHERE complete)
SELECT current_database() AS datname, nspname AS schemaname, class.relname, sizes.relname AS indexrelname,
       greatest(0, size - needed) AS index_bloat_estimated_bytes,
       greatest(0, size - needed) / size AS index_bloat_estimated_ratio
FROM sizes JOIN pg_catalog.pg_class AS class ON class.oid = indrelid ORDER BY size DESC, indexrelid LIMIT {limit}
"""

# One row a user, database and query: nested and top-level executions are added up. The extension may be in any schema.
_STATEMENTS = """
SELECT pg_catalog.pg_get_userbyid(userid) AS "user", datname, queryid, sum(calls) AS stat_statements_calls_total,
       sum(total_exec_time) / 1000 AS stat_statements_seconds_total, sum(rows) AS stat_statements_rows_total,
       sum({read}) / 1000 AS stat_statements_block_read_seconds_total,
       sum({write}) / 1000 AS stat_statements_block_write_seconds_total
FROM pg_stat_statements JOIN pg_catalog.pg_database ON pg_database.oid = dbid
GROUP BY userid, datname, queryid ORDER BY sum(total_exec_time) DESC LIMIT {{limit}}
"""

OPTIONAL = (
    IDLE_STATEMENT,
    Statement("stat_user_tables", _TABLES, option="tables"),
    Statement("table_bloat", _TABLE_BLOAT, option="bloat"),
    Statement("index_bloat", _INDEX_BLOAT, option="bloat"),
    Statement(
        "stat_statements",
        _STATEMENTS.format(read="blk_read_time", write="blk_write_time"),
        minimum=13,
        below=17,
        option="statements",
    ),
    Statement(
        "stat_statements",
        _STATEMENTS.format(read="shared_blk_read_time", write="shared_blk_write_time"),
        minimum=17,
        option="statements",
    ),
)
