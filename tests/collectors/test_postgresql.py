from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psycopg
import pytest

from collectors.families import Family
from collectors.postgresql import COLLECTOR
from collectors.postgresql_families import settings_families
from collectors.runtime import Sidecar
from examples.servers.postgresql import PostgreSQLServer
from tests.collectors.helpers import by_name, names_of, read_once, silent_port, target, value_of
from tests.collectors.postgresql_answers import answer
from tests.servers import wait_until
from watchkeeper.clock import monotonic
from watchkeeper.errors import TargetError
from watchkeeper.settings import Seconds, Secret


@pytest.fixture
def monitor(postgresql_server: PostgreSQLServer) -> str:
    """The address of a role that holds pg_monitor and nothing else."""
    return postgresql_server.create_monitor_role()


def _read(url: str, seconds: float = 5.0, **fields: object) -> Sequence[Family]:
    return read_once(COLLECTOR, target("p", "postgresql", url, **fields), seconds)


@pytest.fixture
def sidecars() -> Iterator[list[Sidecar]]:
    opened: list[Sidecar] = []
    yield opened
    for sidecar in opened:
        sidecar.close()


def test_each_scrape_reads_the_server(
    monitor: str, postgresql_server: PostgreSQLServer, sidecars: list[Sidecar]
) -> None:
    sidecars.append(Sidecar([target("p", "postgresql", monitor)]))
    sidecars[0].scrape()
    seen = []
    for _ in range(3):
        sidecars[0].scrape()
        asked = "SELECT query_start FROM pg_stat_activity WHERE application_name = 'watchkeeper'"
        seen.append(postgresql_server.execute(asked))
    assert len(set(seen)) == 3 and all("\n" not in one for one in seen)


def test_values_follow_the_server(postgresql_server: PostgreSQLServer) -> None:
    url = postgresql_server.create_database("follows")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE things (id int)")
        connection.execute("INSERT INTO things SELECT generate_series(1, 10)")
        connection.commit()
        connection.execute("SELECT * FROM things")
        families = _read(url)
        assert value_of(families, "pg_stat_activity_count", datname="follows", state="idle in transaction") == 1
        assert value_of(families, "pg_long_running_transactions") >= 1
        assert value_of(families, "pg_locks_count", datname="follows", mode="accesssharelock") >= 1
    assert value_of(families, "pg_up") == 1
    assert value_of(families, "pg_settings_max_connections") == 100
    assert value_of(families, "pg_database_size_bytes", datname="follows") > 1e6
    assert value_of(families, "pg_replication_lag_seconds") == 0


def test_the_connection_is_read_only_and_bounded(postgresql_server: PostgreSQLServer) -> None:
    queries = {
        "session": {
            "query": "SELECT current_setting('statement_timeout') AS timeout, current_setting('jit') = 'on' AS jit, "
            "current_setting('default_transaction_read_only') = 'on' AS read_only",
            "metrics": [
                {"timeout": {"usage": "LABEL"}},
                {"jit": {"usage": "GAUGE"}},
                {"read_only": {"usage": "GAUGE"}},
            ],
        },
        "writes": {"query": "CREATE TABLE no AS SELECT 1", "metrics": [{"id": {"usage": "GAUGE"}}]},
    }
    families = _read(postgresql_server.dsn, timeout=Seconds(2), options={"queries": queries, "query_timeout": "700ms"})
    assert value_of(families, "session_read_only", timeout="700ms") == 1
    assert value_of(families, "session_jit") == 0
    assert value_of(families, "pg_query_errors_total", query="writes") == 1
    assert postgresql_server.execute("SELECT count(*) FROM pg_class WHERE relname = 'no'") == "0"


def test_settings_that_the_session_made_are_not_shown(monitor: str, postgresql_server: PostgreSQLServer) -> None:
    families = _read(monitor)
    assert value_of(families, "pg_settings_statement_timeout_seconds") == 0
    assert value_of(families, "pg_settings_lock_timeout_seconds") == 0
    assert value_of(families, "pg_settings_default_transaction_read_only") == 0
    assert value_of(families, "pg_settings_jit") == 1


def test_a_changed_setting_is_seen_at_the_next_read(postgresql_factory: Callable[..., PostgreSQLServer]) -> None:
    server = postgresql_factory()
    session = COLLECTOR.open(target("p", "postgresql", server.dsn))
    assert value_of(session.read(monotonic() + 5), "pg_settings_random_page_cost") == 4
    server.execute("ALTER SYSTEM SET random_page_cost = 1.1")
    server.execute("SELECT pg_reload_conf()")
    wait_until(lambda: value_of(session.read(monotonic() + 5), "pg_settings_random_page_cost") == 1.1)
    session.close()


def test_one_connection_is_enough(postgresql_server: PostgreSQLServer, sidecars: list[Sidecar]) -> None:
    url = postgresql_server.create_monitor_role("single", "pw")
    postgresql_server.execute("ALTER ROLE single CONNECTION LIMIT 1")
    sidecars.append(Sidecar([target("p", "postgresql", url)]))
    assert [sidecars[0].read("p").up for _ in range(3)] == [True, True, True]
    with pytest.raises(TargetError, match="no connection left"):
        _read(url)


def test_a_role_without_pg_monitor_costs_some_signals_alone(postgresql_server: PostgreSQLServer) -> None:
    postgresql_server.execute("CREATE ROLE nobody_special LOGIN PASSWORD 'pw'")
    postgresql_server.execute("REVOKE SELECT ON pg_catalog.pg_stat_archiver FROM PUBLIC")
    try:
        url = postgresql_server.dsn_for(user="nobody_special", password="pw")
        session = COLLECTOR.open(target("p", "postgresql", url))
        for _ in range(2):
            names = names_of(session.read(monotonic() + 5))
            assert "pg_stat_archiver_archived_count" not in names
            assert {"pg_up", "pg_stat_database_xact_commit", "pg_settings_max_connections"} <= names
        session.close()
    finally:
        postgresql_server.execute("GRANT SELECT ON pg_catalog.pg_stat_archiver TO PUBLIC")


def test_a_wrong_password_is_refused_and_not_shown(
    postgresql_server: PostgreSQLServer, monkeypatch: pytest.MonkeyPatch, sidecars: list[Sidecar]
) -> None:
    monkeypatch.setenv("PG_PASSWORD", "wrong-secret")
    url = f"postgresql://{postgresql_server.user}@127.0.0.1:{postgresql_server.port}/postgres"
    sidecars.append(Sidecar([target("p", "postgresql", url, password=Secret(env="PG_PASSWORD"))]))
    reading = sidecars[0].read("p")
    assert reading.error is not None and "refused the user or the password" in reading.error
    assert "wrong-secret" not in reading.error and "\n" not in reading.error
    assert [(family.name, family.points[0][2]) for family in reading.families] == [("pg_up", 0.0)]


def test_the_secrets_password_is_used(postgresql_server: PostgreSQLServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PG_PASSWORD", postgresql_server.password)
    url = f"postgresql://127.0.0.1:{postgresql_server.port}/postgres"
    assert _read(url, user=postgresql_server.user, password=Secret(env="PG_PASSWORD"))


def test_a_server_that_comes_back_is_read_again(
    postgresql_factory: Callable[..., PostgreSQLServer], sidecars: list[Sidecar]
) -> None:
    server = postgresql_factory()
    sidecars.append(Sidecar([target("p", "postgresql", server.dsn)]))
    assert sidecars[0].read("p").up
    server.process.stop()
    assert not sidecars[0].read("p").up
    server.process.start()
    wait_until(lambda: sidecars[0].read("p").up, seconds=10)


def test_a_connection_that_the_server_ended_is_opened_anew(
    postgresql_server: PostgreSQLServer, sidecars: list[Sidecar]
) -> None:
    queries = {"broken": {"query": "SELECT nothing FROM nowhere", "metrics": [{"n": {"usage": "GAUGE"}}]}}
    sidecars.append(Sidecar([target("p", "postgresql", postgresql_server.dsn, options={"queries": queries})]))
    mine = "FROM pg_stat_activity WHERE application_name = 'watchkeeper'"
    for count in (1, 2, 3):
        reading = sidecars[0].read("p")  # the first in a thread of its own, the others in this one
        assert reading.up
        assert value_of(reading.families, "pg_query_errors_total", query="broken") == count
        postgresql_server.execute(f"SELECT pg_terminate_backend(pid, 5000) {mine}")
    assert sidecars[0].lane("p").failures == 0


def test_a_restart_between_two_reads_is_no_failure(
    postgresql_factory: Callable[..., PostgreSQLServer], sidecars: list[Sidecar]
) -> None:
    server = postgresql_factory()
    sidecars.append(Sidecar([target("p", "postgresql", server.dsn)]))
    assert sidecars[0].read("p").up
    server.process.stop()
    server.process.start()
    reading = sidecars[0].read("p")
    assert reading.up, reading.error


def test_a_server_that_never_answers_is_down_in_time(sidecars: list[Sidecar]) -> None:
    with silent_port() as port:
        sick = target("p", "postgresql", f"postgresql://me@127.0.0.1:{port}/x", timeout=Seconds(0.3))
        sidecars.append(Sidecar([sick]))
        begun = monotonic()
        reading = sidecars[0].read("p")
        assert not reading.up and monotonic() - begun < 1.5


def test_a_statement_that_hangs_is_broken_off(postgresql_server: PostgreSQLServer, sidecars: list[Sidecar]) -> None:
    url = postgresql_server.create_database("hangs")
    with psycopg.connect(url) as connection:
        connection.execute("LOCK TABLE pg_catalog.pg_database IN ACCESS EXCLUSIVE MODE")
        # A connection of its own could not even be made now.
        sidecars.append(Sidecar([target("p", "postgresql", url, timeout=Seconds(0.4))]))
        assert not sidecars[0].read("p").up
    wait_until(lambda: sidecars[0].read("p").up, seconds=15)


def test_a_rotated_password_is_picked_up(
    postgresql_server: PostgreSQLServer, sidecars: list[Sidecar], tmp_path: Path
) -> None:
    secret = tmp_path / "password"
    secret.write_text("first\n")
    url = f"postgresql://rotated@127.0.0.1:{postgresql_server.port}/postgres"
    postgresql_server.create_monitor_role("rotated", "first")
    sidecars.append(Sidecar([target("p", "postgresql", url, password=Secret(file=str(secret)))]))
    assert sidecars[0].read("p").up
    postgresql_server.execute("ALTER ROLE rotated PASSWORD 'second'")
    secret.write_text("second\n")
    assert sidecars[0].read("p").up  # the open connection is as good as before
    postgresql_server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rotated'")
    assert sidecars[0].read("p").up  # with the new one
    rotated = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'rotated'"
    wait_until(lambda: postgresql_server.execute(rotated) == "1", seconds=10)


def test_no_connection_is_left_behind(postgresql_server: PostgreSQLServer, sidecars: list[Sidecar]) -> None:
    url = postgresql_server.create_monitor_role("leaves")
    sidecars.append(Sidecar([target("p", "postgresql", url)]))
    assert sidecars[0].read("p").up
    sidecars[0].close()
    asked = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'leaves'"
    wait_until(lambda: postgresql_server.execute(asked) == "0")


def test_behind_a_pooler_the_session_stays_as_it_was(monitor: str) -> None:
    left = {
        "left": {
            "query": "SELECT (SELECT count(*) FROM pg_prepared_statements) AS prepared, count(*) AS settings "
            "FROM pg_settings WHERE source = 'session' AND name NOT IN ('statement_timeout', 'transaction_read_only')",
            "metrics": [{"prepared": {"usage": "GAUGE"}}, {"settings": {"usage": "GAUGE"}}],
        }
    }
    plain = names_of(_read(monitor))
    session = COLLECTOR.open(target("p", "postgresql", monitor, options={"pooler": True, "queries": left}))
    for _ in range(2):
        families = session.read(monotonic() + 5)
        assert value_of(families, "left_prepared") == 0
        assert value_of(families, "left_settings") == 0
        assert plain <= names_of(families)
    session.close()


def test_without_a_pooler_statements_are_prepared_once(monitor: str) -> None:
    query = {
        "query": "SELECT count(*) AS prepared, count(DISTINCT prepare_time) AS times FROM pg_prepared_statements",
        "metrics": [{"prepared": {"usage": "GAUGE"}}],
    }
    session = COLLECTOR.open(target("p", "postgresql", monitor, options={"queries": {"kept": query}}))
    seen = [value_of(session.read(monotonic() + 5), "kept_prepared") for _ in range(3)]
    session.close()
    assert seen[0] == seen[2] > 10


@pytest.mark.parametrize(
    "row, name, value",
    [
        ([b"fsync", b"on", None, b"bool", b""], "pg_settings_fsync", 1.0),
        ([b"shared_buffers", b"16", b"8kB", b"integer", b""], "pg_settings_shared_buffers_bytes", 131072.0),
        ([b"temp_file_limit", b"-1", b"kB", b"integer", b""], "pg_settings_temp_file_limit_bytes", -1.0),
        ([b"wal_writer_delay", b"200", b"ms", b"integer", b""], "pg_settings_wal_writer_delay_seconds", 0.2),
        ([b"pg_stat_statements.max", b"5000", None, b"integer", b""], "pg_settings_pg_stat_statements_max", 5000.0),
    ],
)
def test_settings_are_in_base_units(row: list[bytes | None], name: str, value: float) -> None:
    (one,) = settings_families(answer(("name", "setting", "unit", "vartype", "short_desc"), row), "here:5432")
    assert (one.name, one.points[0][2]) == (name, value)


def test_a_setting_without_a_number_or_of_an_unknown_unit_is_left_out() -> None:
    rows: list[list[bytes | None]] = [[b"a", b"x", None, b"real", b""], [b"b", b"1", b"parsec", b"real", b""]]
    assert settings_families(answer(("name", "setting", "unit", "vartype", "short_desc"), *rows), "here:5432") == []


def test_the_rights_of_the_documentation_are_enough(postgresql_factory: Callable[..., PostgreSQLServer]) -> None:
    text = (Path(__file__).parents[2] / "docs" / "systems" / "postgresql.md").read_text()
    blocks = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 3
    server = postgresql_factory({"shared_preload_libraries": "pg_stat_statements"})
    server.execute("CREATE TABLE things AS SELECT generate_series(1, 1000) AS id; ANALYZE things")
    for block in blocks:
        server.execute(block)
    options = {"tables": True, "bloat": True, "statements": True, "process_idle": True}
    families = _read(server.dsn_for(user="watchkeeper", password="SECRET"), options=options)
    assert all(value == 0 for _, _, value in by_name(families)["pg_query_errors_total"].points)
    assert value_of(families, "pg_table_bloat_estimated_bytes", relname="things") >= 0
