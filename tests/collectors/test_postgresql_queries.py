"""Custom queries of a PostgreSQL target, as postgres_exporter's queries.yaml has them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from collectors.description import check_target
from collectors.families import Family
from collectors.postgresql import COLLECTOR
from collectors.postgresql_queries import custom_queries
from collectors.runtime import Sidecar
from examples.servers import postgresql
from examples.servers.postgresql import PostgreSQLServer
from tests.collectors.helpers import by_name, read_once, target
from tests.collectors.postgresql_answers import answer
from tests.servers import wait_until
from watchkeeper.clock import monotonic
from watchkeeper.errors import SettingsError

_ORDERS = {
    "query": "SELECT 'new' AS state, 3 AS count, true AS fresh, NULL::int AS unknown, 'x' AS note",
    "metrics": [
        {"state": {"usage": "LABEL", "description": "State"}},
        {"count": {"usage": "GAUGE", "description": "Orders"}},
        {"fresh": {"usage": "COUNTER", "description": "Whether it is fresh"}},
        {"unknown": {"usage": "GAUGE", "description": "Nobody knows"}},
        {"note": {"usage": "DISCARD"}},
    ],
}


def _query(sql: str, column: str = "n", **more: object) -> dict[str, object]:
    return {"query": sql, "metrics": [{column: {"usage": "GAUGE"}}], **more}


def _read(url: str, queries: object, **options: object) -> Sequence[Family]:
    return read_once(COLLECTOR, target("p", "postgresql", url, options={"queries": queries, **options}))


def _errors(families: Sequence[Family]) -> dict[str, float]:
    return {pairs[0][1]: value for _, pairs, value in by_name(families)["pg_query_errors_total"].points}


def test_a_query_gives_its_metrics(postgresql_server: PostgreSQLServer) -> None:
    families = by_name(_read(postgresql_server.create_monitor_role(), {"orders": _ORDERS}))
    labels = (("state", "new"), ("server", f"127.0.0.1:{postgresql_server.port}"))
    assert families["orders_count"] == Family("orders_count", "gauge", "Orders", [("orders_count", labels, 3.0)])
    assert families["orders_fresh"].kind == "counter" and families["orders_fresh"].points[0][2] == 1
    assert families["orders_unknown"].points == []
    assert "orders_note" not in families


def test_one_that_fails_costs_itself_alone(
    postgresql_server: PostgreSQLServer, caplog: pytest.LogCaptureFixture
) -> None:
    queries = {
        "broken": _query("SELECT nothing FROM nowhere"),
        "text": _query("SELECT 'abc' AS n"),
        "other": _query("SELECT 1 AS m"),
        "twice": _query("SELECT 1 AS n UNION ALL SELECT 2"),
        "good": _query("SELECT 7 AS n"),
    }
    session = COLLECTOR.open(target("p", "postgresql", postgresql_server.dsn, options={"queries": queries}))
    with caplog.at_level(logging.WARNING, "watchkeeper.collectors"):
        session.read(monotonic() + 5)
        families = session.read(monotonic() + 5)
    session.close()
    assert by_name(families)["good_n"].points[0][2] == 7
    assert by_name(families)["pg_up"].points[0][2] == 1
    assert _errors(families) == {"broken": 2, "text": 2, "other": 2, "twice": 2, "good": 0}
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 4  # once each, not at every read
    assert 'relation "nowhere" does not exist' in lines[0]
    assert "column n holds 'abc', which is no number" in lines[1]
    assert "it returns no column n: it has m" in lines[2]
    assert "two of its rows have the same labels" in lines[3]


def test_one_that_sleeps_is_cut_and_the_rest_is_read(postgresql_server: PostgreSQLServer) -> None:
    queries = {"sleeps": _query("SELECT 1 AS n FROM pg_sleep(30)"), "good": _query("SELECT 7 AS n")}
    begun = monotonic()
    families = _read(postgresql_server.dsn, queries, query_timeout="200ms")
    assert monotonic() - begun < 2
    assert _errors(families) == {"sleeps": 1, "good": 0}
    assert by_name(families)["good_n"].points[0][2] == 7
    active = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)%' AND pid <> pg_backend_pid()"
    wait_until(lambda: postgresql_server.execute(active) == "0")


def test_slow_queries_leave_the_read_within_its_deadline(postgresql_server: PostgreSQLServer) -> None:
    queries = {f"sleeps{n}": _query("SELECT 1 AS n FROM pg_sleep(30)") for n in range(4)}
    session = COLLECTOR.open(
        target("p", "postgresql", postgresql_server.dsn, options={"queries": queries, "query_timeout": "20s"})
    )
    session.read(monotonic() + 3)
    begun = monotonic()
    families = session.read(begun + 2)
    assert monotonic() - begun < 2
    session.close()
    assert set(_errors(families).values()) == {2}


def test_one_with_too_many_rows_costs_itself_alone(postgresql_server: PostgreSQLServer) -> None:
    queries = {"endless": _query("SELECT n FROM generate_series(1, 100000000) AS n"), "good": _query("SELECT 7 AS n")}
    one = target("p", "postgresql", postgresql_server.dsn, max_series=1000, options={"queries": queries})
    session = COLLECTOR.open(one)
    families = session.read(monotonic() + 5)
    session.close()
    assert _errors(families) == {"endless": 1, "good": 0}
    assert by_name(families)["good_n"].points[0][2] == 7


def test_a_query_cannot_write(postgresql_server: PostgreSQLServer) -> None:
    url = postgresql_server.create_database("written")
    postgresql_server.execute("CREATE TABLE t (n int)", database="written")
    queries = {
        "insert": _query("WITH new AS (INSERT INTO t VALUES (1) RETURNING n) SELECT n FROM new"),
        "loosen": _query("SELECT set_config('default_transaction_read_only', 'off', false) IS NULL AS n"),
        "again": _query("WITH new AS (INSERT INTO t VALUES (2) RETURNING n) SELECT n FROM new"),
    }
    assert _errors(_read(url, queries)) == {"insert": 1, "loosen": 0, "again": 1}
    assert postgresql_server.execute("SELECT count(*) FROM t", database="written") == "0"


def test_the_time_limit_of_a_query_is_its_own(postgresql_server: PostgreSQLServer) -> None:
    queries = {"limit": _query("SELECT setting::int AS n FROM pg_settings WHERE name = 'statement_timeout'")}
    session = COLLECTOR.open(
        target("p", "postgresql", postgresql_server.dsn, options={"queries": queries, "query_timeout": "300ms"})
    )
    assert by_name(session.read(monotonic() + 5))["limit_n"].points[0][2] == 300
    (after,) = session._connection.ask([_question("SHOW statement_timeout")], monotonic() + 5)  # type: ignore[attr-defined]
    assert after.rows() == [[b"5s"]]
    session.close()


def _question(sql: str) -> Any:
    from collectors.postgresql_protocol import Question

    return Question(sql)


def test_an_answer_is_kept_for_as_long_as_the_query_says(postgresql_server: PostgreSQLServer) -> None:
    queries = {
        "fresh": _query("SELECT extract(epoch FROM clock_timestamp()) AS n"),
        "kept": _query("SELECT extract(epoch FROM clock_timestamp()) AS n", cache_seconds=60),
    }
    session = COLLECTOR.open(target("p", "postgresql", postgresql_server.dsn, options={"queries": queries}))
    first, second = (by_name(session.read(monotonic() + 5)) for _ in range(2))
    session.close()
    assert first["kept_n"].points == second["kept_n"].points
    assert first["fresh_n"].points != second["fresh_n"].points


def test_one_for_the_primary_is_not_asked_of_a_standby(postgresql_factory: Callable[..., PostgreSQLServer]) -> None:
    server = postgresql_factory()
    queries = {"everywhere": _query("SELECT 1 AS n"), "primary": _query("SELECT 1 AS n", master=True)}
    with postgresql.run_standby(server) as standby:
        assert {"everywhere_n", "primary_n"} <= by_name(_read(server.dsn, queries)).keys()
        on_standby = by_name(_read(standby.dsn, queries))
    assert "everywhere_n" in on_standby and "primary_n" not in on_standby


def test_custom_series_stand_on_the_page(postgresql_server: PostgreSQLServer) -> None:
    one = target("p", "postgresql", postgresql_server.dsn, options={"queries": {"orders": _ORDERS}})
    sidecar = Sidecar([one])
    try:
        text = sidecar.scrape().decode()
    finally:
        sidecar.close()
    server = f"127.0.0.1:{postgresql_server.port}"
    assert (
        f'# HELP orders_count Orders\n# TYPE orders_count gauge\norders_count{{server="{server}",state="new"}} 3.0'
        in text
    )


@pytest.mark.parametrize(
    "queries, message",
    [
        (["x"], "queries is a mapping of names to queries"),
        ({"1x": _ORDERS}, "query 1x: its name begins the names of its metrics"),
        ({"x": "SELECT 1"}, "query x: expected a mapping with the keys query, metrics"),
        ({"x": {**_ORDERS, "runonserver": ">=10"}}, "unknown key runonserver: allowed are query, metrics"),
        ({"x": {"metrics": _ORDERS["metrics"]}}, "query is missing"),
        ({"x": {"query": "SELECT 1", "metrics": ["n"]}}, "metrics is a list of columns, for example"),
        ({"x": {"query": "SELECT 1", "metrics": []}}, "no column whose usage is GAUGE or COUNTER"),
        (
            {"x": {"query": "S", "metrics": [{"n": {"usage": "HISTOGRAM"}}]}},
            "column n: usage 'HISTOGRAM': allowed are LABEL",
        ),
        ({"x": {"query": "S", "metrics": [{"a-b": {"usage": "GAUGE"}}]}}, "column a-b cannot be a part"),
        ({"x": {"query": "S", "metrics": [{"server": {"usage": "LABEL"}}]}}, "column server cannot be a label"),
        ({"x": _query("S", cache_seconds="1m")}, "cache_seconds is a number of seconds, found '1m'"),
        ({"x": _query("S", master="false")}, "master is true or false, found 'false'"),
        ({"pg_database": _query("S", "size_bytes")}, "pg_database_size_bytes is read by the collector itself"),
        ({"a": _query("S", "b_c"), "a_b": _query("S", "c")}, "query a_b: a_b_c stands in two queries"),
    ],
)
def test_a_query_that_cannot_be_used_is_refused_with_the_settings(queries: object, message: str) -> None:
    one = target("p", "postgresql", "postgresql://h/d", options={"queries": queries})
    with pytest.raises(SettingsError, match="target p: ") as caught:
        check_target(COLLECTOR, one)
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"tables": "many"},
        {"bloat": -1},
        {"process_idle": "yes"},
        {"pooler": "false"},
        {"query_timeout": 3},
        {"query_timeout": "soon"},
    ],
)
def test_an_option_that_cannot_be_used_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match=f"target p: option {next(iter(options))} is .*: write "):
        check_target(COLLECTOR, target("p", "postgresql", "postgresql://h/d", options=options))


def test_columns_may_stand_in_one_mapping() -> None:
    body = {"query": "S", "metrics": {"kind": {"usage": "LABEL"}, "n": {"usage": "COUNTER"}}}
    (query,) = custom_queries(target("p", "postgresql", options={"queries": {"x": body}}))
    (one,) = query.families(answer(("kind", "n"), [b"a", b"1"], [None, b"2"]), "s")
    assert [(pairs, value) for _, pairs, value in one.points] == [
        ((("kind", "a"), ("server", "s")), 1.0),
        ((("kind", ""), ("server", "s")), 2.0),
    ]
