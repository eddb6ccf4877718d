"""Every declared signal of PostgreSQL is emitted by a real server, and nothing that is not declared."""

from __future__ import annotations

import contextlib
import logging
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psycopg
import pytest

from collectors.families import Family
from collectors.postgresql import COLLECTOR
from collectors.postgresql_protocol import Connection
from examples.servers import postgresql
from examples.servers.postgresql import PostgreSQLServer
from examples.servers.process import find_program
from tests.collectors.helpers import by_name, check_declared, names_of, read_once, target, value_of
from tests.conftest import need
from tests.servers import wait_until
from watchkeeper.systems.postgresql import SYSTEM

_OPTIONS = {"tables": True, "bloat": True, "statements": True, "process_idle": True, "query_timeout": "3s"}
_SETTINGS = {
    "archive_mode": "on",
    "archive_command": "true",
    "wal_level": "logical",
    "max_slot_wal_keep_size": "1GB",
    "shared_preload_libraries": "pg_stat_statements",
}


def _read(url: str, **options: object) -> Sequence[Family]:
    return read_once(COLLECTOR, target("p", "postgresql", url, options=options), 10)


def _check(families: Sequence[Family]) -> None:
    check_declared(families, COLLECTOR.signals, SYSTEM.open_prefixes)


@pytest.fixture(scope="module")
def primary() -> Iterator[PostgreSQLServer]:
    """A server with everything that a signal requires, but a standby."""
    need(postgresql.available())
    with postgresql.run(_SETTINGS, checksums=True) as server:
        server.execute("CREATE EXTENSION pg_stat_statements")
        server.execute(
            "CREATE TABLE bloated (id int PRIMARY KEY, word text);"
            "INSERT INTO bloated SELECT n, repeat('x', 100) FROM generate_series(1, 20000) AS n;"
            "CREATE TABLE broken AS SELECT n FROM generate_series(1, 10) AS n"
        )
        server.execute("VACUUM ANALYZE bloated")
        server.execute("DELETE FROM bloated WHERE id % 4 <> 0")
        server.execute("VACUUM ANALYZE bloated")
        server.execute("SELECT pg_switch_wal()")
        _break_a_page(server)
        server.execute("SELECT pg_stat_reset_single_table_counters('bloated'::regclass)")
        server.execute("SELECT pg_create_logical_replication_slot('reader', 'pgoutput')")
        wait_until(lambda: server.execute("SELECT archived_count > 0 FROM pg_stat_archiver") == "t")
        yield server


def _break_a_page(server: PostgreSQLServer) -> None:
    """Change a byte of a table behind the server's back, and have it noticed."""
    directory = server.execute("SHOW data_directory")
    file = Path(directory) / server.execute("SELECT pg_relation_filepath('broken')")
    server.process.stop()
    content = bytearray(file.read_bytes())
    content[4096] ^= 0xFF
    file.write_bytes(content)
    server.process.start()
    with psycopg.connect(server.dsn, autocommit=True) as connection, contextlib.suppress(psycopg.Error):
        connection.execute("SELECT * FROM broken")
    wait_until(lambda: server.execute("SELECT sum(checksum_failures) FROM pg_stat_database") != "0")
    server.execute("DROP TABLE broken")


@pytest.fixture(scope="module")
def standby(primary: PostgreSQLServer) -> Iterator[PostgreSQLServer]:
    with postgresql.run_standby(primary, slot="standby", settings=_SETTINGS) as server:
        streaming = "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn = pg_current_wal_lsn()"
        wait_until(lambda: primary.execute(streaming) == "1", seconds=20)
        yield server


def _monitor(server: PostgreSQLServer) -> str:
    url = server.create_monitor_role("watcher")
    server.execute("GRANT SELECT ON bloated TO watcher")
    return url


def test_all_declared_signals_are_emitted(
    primary: PostgreSQLServer,
    standby: PostgreSQLServer,
    postgresql_factory: Callable[..., PostgreSQLServer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monitor = _monitor(primary)
    wait_until(lambda: "watcher" in standby.execute("SELECT rolname FROM pg_roles"))
    with psycopg.connect(primary.dsn, autocommit=True) as idle:
        idle.execute("SELECT 1")
        families = [_read(monitor, **_OPTIONS), _read(standby.dsn_for(user="watcher", password="monitor-only"))]
    newer = postgresql_factory({"allow_system_table_mods": "on"})
    newer.execute(_CHECKPOINTER)
    monkeypatch.setattr(Connection, "version", 17)
    families.append(_read(newer.create_monitor_role()))
    for one in families:
        _check(one)
    emitted = frozenset().union(*map(names_of, families))
    assert {signal.name for signal in COLLECTOR.signals} - emitted == set()


# As the manual of version 17 describes the view.
_CHECKPOINTER = """
CREATE VIEW pg_catalog.pg_stat_checkpointer AS
SELECT 1::bigint AS num_timed, 2::bigint AS num_requested, 3::bigint AS restartpoints_timed,
       4::bigint AS restartpoints_req, 5::bigint AS restartpoints_done, 6::float8 AS write_time, 7::float8 AS sync_time,
       8::bigint AS buffers_written, now() AS stats_reset;
GRANT SELECT ON pg_catalog.pg_stat_checkpointer TO PUBLIC
"""


def test_pg_monitor_alone_is_enough_for_all_but_the_widths_of_columns(
    primary: PostgreSQLServer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "watchkeeper.collectors"):
        families = _read(primary.create_monitor_role("bare"), **_OPTIONS)
    _check(families)
    assert all(value == 0 for _, _, value in by_name(families)["pg_query_errors_total"].points)
    assert not by_name(families)["pg_table_bloat_estimated_bytes"].points
    assert not caplog.records


def test_a_standby_is_seen_from_both_sides(primary: PostgreSQLServer, standby: PostgreSQLServer) -> None:
    families = _read(primary.dsn)
    labels = {"application_name": "walreceiver", "slot_name": "standby", "state": "streaming"}
    assert value_of(families, "pg_stat_replication_pg_wal_lsn_diff", **labels) >= 0
    assert value_of(families, "pg_stat_replication_pg_current_wal_lsn_bytes", **labels) > 0
    assert abs(value_of(families, "pg_stat_replication_reply_time", **labels) - time.time()) < 60
    assert value_of(families, "pg_replication_slots_active", slot_name="standby") == 1
    assert value_of(families, "pg_replication_slot_wal_status", slot_name="standby", wal_status="reserved") == 1
    assert value_of(families, "pg_replication_is_replica") == 0
    other = _read(standby.dsn)
    assert value_of(other, "pg_replication_is_replica") == 1
    assert value_of(other, "pg_replication_lag_seconds") >= 0
    assert value_of(other, "pg_replication_last_replay_seconds") >= 0
    assert not by_name(other)["pg_stat_replication_pg_wal_lsn_diff"].points


def test_two_readers_of_one_name_are_one_series(primary: PostgreSQLServer, tmp_path: Path) -> None:
    program = find_program("pg_receivewal")
    need(None if program else "pg_receivewal is not installed (Debian package postgresql-client)")
    with contextlib.ExitStack() as stack:
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            command = [str(program), "-d", primary.dsn, "-D", str(tmp_path / name), "--no-sync"]
            process = stack.enter_context(subprocess.Popen(command, stderr=subprocess.DEVNULL))
            stack.callback(process.terminate)
        streaming = "SELECT count(*) FROM pg_stat_replication WHERE application_name = 'pg_receivewal'"
        wait_until(lambda: primary.execute(f"{streaming} AND state = 'streaming'") == "2", seconds=20)
        points = by_name(_read(primary.dsn))["pg_stat_replication_pg_current_wal_lsn_bytes"].points
    mine = [pairs for _, pairs, _ in points if ("application_name", "pg_receivewal") in pairs]
    assert len(mine) == 1


def test_a_standby_that_does_not_replay_lags(primary: PostgreSQLServer, standby: PostgreSQLServer) -> None:
    standby.execute("SELECT pg_wal_replay_pause()")
    try:
        primary.execute("CREATE TABLE later AS SELECT 1")
        behind = "SELECT pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn()"
        wait_until(lambda: standby.execute(behind) == "t")
        assert value_of(_read(standby.dsn), "pg_replication_lag_seconds") > 0
        assert value_of(_read(primary.dsn), "pg_stat_replication_pg_wal_lsn_diff", slot_name="standby") > 0
    finally:
        standby.execute("SELECT pg_wal_replay_resume()")


def test_bloat_is_what_deleted_rows_left(primary: PostgreSQLServer) -> None:
    families = _read(_monitor(primary), bloat=True)
    # Three quarters of the rows were deleted, and their pages kept; the index keeps its pages as well.
    assert 0.6 < value_of(families, "pg_table_bloat_estimated_ratio", relname="bloated") < 0.8
    assert 0.5 < value_of(families, "pg_index_bloat_estimated_ratio", indexrelname="bloated_pkey") < 0.8
    size = float(primary.execute("SELECT pg_relation_size('bloated')"))
    assert 0.6 * size < value_of(families, "pg_table_bloat_estimated_bytes", relname="bloated") < 0.8 * size


def test_a_table_without_bloat_has_next_to_none(primary: PostgreSQLServer) -> None:
    primary.execute(
        "CREATE TABLE tight AS SELECT n AS id, md5(n::text) AS word, CASE WHEN n % 2 = 0 THEN n END AS some "
        "FROM generate_series(1, 20000) AS n; CREATE INDEX tight_word ON tight (word); ANALYZE tight;"
    )
    primary.create_monitor_role("watcher")
    primary.execute("GRANT SELECT ON tight TO watcher")
    families = _read(primary.dsn_for(user="watcher", password="monitor-only"), bloat=True)
    assert value_of(families, "pg_table_bloat_estimated_ratio", relname="tight") < 0.1
    assert value_of(families, "pg_index_bloat_estimated_ratio", indexrelname="tight_word") < 0.1


def test_tables_are_limited_to_the_largest(primary: PostgreSQLServer) -> None:
    families = _read(primary.dsn, tables=1)
    points = by_name(families)["pg_stat_user_tables_n_dead_tup"].points
    assert [dict(pairs)["relname"] for _, pairs, _ in points] == ["bloated"]
    assert "pg_stat_user_tables_n_dead_tup" not in by_name(_read(primary.dsn, tables=0))


def test_statements_are_read_when_asked(primary: PostgreSQLServer) -> None:
    primary.execute("SELECT 1")
    families = _read(primary.dsn, statements=5)
    assert value_of(families, "pg_stat_statements_calls_total", datname="postgres") >= 1
    assert len(by_name(families)["pg_stat_statements_calls_total"].points) == 5
    assert "pg_stat_statements_calls_total" not in by_name(_read(primary.dsn))


def test_idle_connections_are_a_histogram(primary: PostgreSQLServer) -> None:
    with psycopg.connect(primary.dsn, application_name="dreamer", autocommit=True) as connection:
        connection.execute("SELECT 1")
        points = by_name(_read(primary.dsn, process_idle=True))["pg_process_idle_seconds"].points
    mine = {
        (name, dict(pairs).get("le")): value
        for name, pairs, value in points
        if ("application_name", "dreamer") in pairs
    }
    assert mine["pg_process_idle_seconds_count", None] == 1
    assert mine["pg_process_idle_seconds_bucket", "300.0"] == 1
    assert mine["pg_process_idle_seconds_bucket", "+Inf"] == 1
