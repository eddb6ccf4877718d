from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import psycopg
import pytest

from collectors.families import Family
from collectors.postgresql import COLLECTOR
from collectors.postgresql_statements import setting_value
from collectors.runtime import Sidecar
from examples.servers.postgresql import PostgreSQLServer
from tests.collectors.helpers import by_name, check_declared, compare, silent_port, target
from tests.servers import wait_until
from tests.servers.exporters import Exporter
from watchkeeper.clock import monotonic
from watchkeeper.errors import TargetError
from watchkeeper.settings import Seconds, Secret

# Names that postgres_exporter has since 0.13 and Debian's 0.11.1 does not, or only on request.
NEWER = frozenset(
    {
        "pg_database_wraparound_age_datfrozenxid_seconds",
        "pg_database_wraparound_age_datminmxid_seconds",
        "pg_long_running_transactions",
        "pg_long_running_transactions_oldest_timestamp_seconds",
        "pg_postmaster_start_time_seconds",
        "pg_replication_is_replica",
        "pg_replication_lag_seconds",
        "pg_stat_user_tables_idx_scan",
        "pg_stat_user_tables_last_autovacuum",
        "pg_stat_user_tables_n_dead_tup",
        "pg_stat_user_tables_n_live_tup",
        "pg_stat_user_tables_seq_scan",
    }
)


@pytest.fixture
def monitor(postgresql_server: PostgreSQLServer) -> str:
    """The address of a role that holds pg_monitor and nothing else."""
    return postgresql_server.create_monitor_role()


def _read(url: str, seconds: float = 5.0, **fields: object) -> Sequence[Family]:
    session = COLLECTOR.open(target("p", "postgresql", url, **fields))
    try:
        return session.read(monotonic() + seconds)
    finally:
        session.close()


def _value(families: Sequence[Family], name: str, **labels: str) -> float:
    return next(value for _, pairs, value in by_name(families)[name].points if labels.items() <= dict(pairs).items())


@pytest.fixture
def sidecars() -> Iterator[list[Sidecar]]:
    opened: list[Sidecar] = []
    yield opened
    for sidecar in opened:
        sidecar.close()


def test_everything_declared_is_emitted_and_nothing_else(monitor: str) -> None:
    check_declared(_read(monitor), COLLECTOR.signals)


def test_names_kinds_and_labels_are_those_of_postgres_exporter(monitor: str, postgres_exporter: Exporter) -> None:
    compare(_read(monitor), postgres_exporter.metrics(), newer=NEWER)


def test_settings_have_the_values_of_postgres_exporter(monitor: str, postgres_exporter: Exporter) -> None:
    theirs = dict(line.rsplit(" ", 1) for line in postgres_exporter.metrics().splitlines() if line.startswith("pg_set"))
    ours = {
        f'{family.name}{{server="{dict(pairs)["server"]}"}}': value
        for family in _read(monitor)
        if family.name.startswith("pg_settings_")
        for _, pairs, value in family.points
    }
    assert ours and ours == {name: float(theirs[name]) for name in ours}


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
        assert _value(families, "pg_stat_activity_count", datname="follows", state="idle in transaction") == 1
        assert _value(families, "pg_long_running_transactions") >= 1
        assert _value(families, "pg_locks_count", datname="follows", mode="accesssharelock") >= 1
    assert _value(families, "pg_up") == 1
    assert _value(families, "pg_settings_max_connections") == 100
    assert _value(families, "pg_database_size_bytes", datname="follows") > 1e6
    assert _value(families, "pg_replication_lag_seconds") == 0
    assert _value(families, "pg_stat_user_tables_n_live_tup", relname="things") >= 0


def test_the_connection_is_read_only_and_bounded(postgresql_server: PostgreSQLServer) -> None:
    session = COLLECTOR.open(target("p", "postgresql", postgresql_server.dsn, timeout=Seconds(2)))
    session.read(monotonic() + 5)
    connection = session._connection  # type: ignore[attr-defined]
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connection.execute("CREATE TABLE no (id int)")
    assert connection.execute("SHOW statement_timeout").fetchone()[0] == "2s"
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
            names = {family.name for family in session.read(monotonic() + 5) if family.points}
            assert "pg_stat_archiver_archived_count" not in names
            assert {"pg_up", "pg_stat_database_xact_commit", "pg_settings_max_connections"} <= names
        session.close()
    finally:
        postgresql_server.execute("GRANT SELECT ON pg_catalog.pg_stat_archiver TO PUBLIC")


def test_statements_are_read_when_asked(postgresql_factory: Callable[..., PostgreSQLServer]) -> None:
    server = postgresql_factory({"shared_preload_libraries": "pg_stat_statements"})
    server.execute("CREATE EXTENSION pg_stat_statements")
    server.execute("SELECT 1")
    families = _read(server.dsn, options={"statements": True})
    assert _value(families, "pg_stat_statements_calls_total", datname="postgres") >= 1
    check_declared(families, COLLECTOR.signals)


def test_a_replication_slot_and_an_archived_file_are_seen(postgresql_factory: Callable[..., PostgreSQLServer]) -> None:
    server = postgresql_factory({"archive_mode": "on", "archive_command": "true"})
    server.execute("SELECT pg_create_physical_replication_slot('standby', true)")
    server.execute("SELECT pg_switch_wal()")
    wait_until(lambda: server.execute("SELECT archived_count FROM pg_stat_archiver") != "0")
    families = _read(server.dsn)
    assert _value(families, "pg_replication_slot_slot_is_active", slot_name="standby") == 0
    assert _value(families, "pg_replication_slots_pg_wal_lsn_diff", slot_name="standby") >= 0
    assert _value(families, "pg_stat_archiver_last_archive_age") >= 0
    check_declared(families, COLLECTOR.signals)


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


@pytest.mark.parametrize(
    "setting, unit, kind, value",
    [
        ("on", None, "bool", 1.0),
        ("16", "8kB", "integer", 131072.0),
        ("-1", "kB", "integer", -1.0),
        ("x", None, "enum", None),
    ],
)
def test_settings_are_in_base_units(setting: str, unit: str | None, kind: str, value: float | None) -> None:
    assert setting_value(setting, unit, kind) == value
