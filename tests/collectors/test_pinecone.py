"""Pinecone cannot run here, and no recording of it was found: the replies are written from its API reference."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from msgspec import structs

from collectors.description import check_target
from collectors.families import Family
from collectors.pinecone import COLLECTOR, Ledger, PineconeSession
from collectors.runtime import Sidecar
from tests.collectors.helpers import by_name, check_declared, names_of, silent_port, target, value_of
from tests.servers.stub import Reply, Stub, recorded, stub
from watchkeeper.clock import monotonic
from watchkeeper.errors import SettingsError, TargetError
from watchkeeper.settings import Secret

DAY = 86_400.0
DISCOVERY = "/prometheus/projects/p-1/metrics/discovery"


class Time:
    """A clock that a test moves."""

    def __init__(self, at: float = 20_000 * DAY) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


def _host(server: Stub) -> str:
    return server.url.removeprefix("http://")


def _indexes(*hosts: str) -> Reply:
    on_demand = {
        "name": "movies",
        "status": {"ready": True, "state": "Ready"},
        "host": hosts[0],
        "spec": {"serverless": {"region": "us-east-1", "cloud": "aws", "read_capacity": {"mode": "OnDemand"}}},
    }
    dedicated = {
        "name": "books",
        "status": {"ready": True, "state": "Ready"},
        "host": hosts[-1],
        "deployment": {"deployment_type": "managed", "cloud": "gcp", "region": "europe-west4"},
        "read_capacity": {"mode": "Dedicated"},
    }
    starting = {"name": "new", "status": {"ready": False, "state": "Initializing"}, "host": hosts[0], "spec": {}}
    return Reply.of({"indexes": [on_demand, dedicated, starting]})


@contextlib.contextmanager
def pinecone() -> Iterator[tuple[Stub, Stub, Stub]]:
    """The API, and the hosts of an index on demand and of one with dedicated read nodes."""
    with stub({}) as api, stub({}) as movies, stub({}) as books:
        api.replies["/indexes"] = _indexes(_host(movies), _host(books))
        api.replies[DISCOVERY] = Reply.of(
            [{"targets": [_host(api)], "labels": {"__metrics_path__": "/metrics/movies", "__scheme__": "http"}}]
        )
        api.replies["/metrics/movies"] = recorded("pinecone/documented-metrics.prom")
        movies.replies["/describe_index_stats"] = recorded("pinecone/documented-stats-on-demand.json")
        books.replies["/describe_index_stats"] = recorded("pinecone/documented-stats-dedicated.json")
        yield api, movies, books


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINECONE_API_KEY", "pcsk_hush")


def _session(url: str, ledger: Ledger | None = None, **options: Any) -> PineconeSession:
    password = Secret(env="PINECONE_API_KEY")
    return PineconeSession(
        target("p", "pinecone", url, password=password, options=options), ledger or Ledger(300.0, 1000)
    )


def _read(url: str, **options: Any) -> Sequence[Family]:
    return _session(url, **options).read(monotonic() + 5)


def test_everything_declared_is_emitted_and_nothing_else() -> None:
    with pinecone() as (api, _, _):
        plain = _read(api.url)
        full = _read(api.url, project_id="p-1", namespaces=10)
    for families in (plain, full):
        check_declared(families, COLLECTOR.signals)
    assert names_of(plain) | names_of(full) == {signal.name for signal in COLLECTOR.signals}


def test_calls_are_forecast_from_what_a_reading_took_and_their_price_is_unknown() -> None:
    with pinecone() as (api, _, _):
        one = target("forecast", "pinecone", api.url, password=Secret(env="PINECONE_API_KEY"))
        assert COLLECTOR.cost is not None
        assert COLLECTOR.cost(one, 15.0).calls_per_day == 3000  # before anything is known, the limit
        PineconeSession(one).read(monotonic() + 5)
        cost = COLLECTOR.cost(one, 15.0)
        assert cost.calls_per_day == 288 * 3  # the list and two indexes, every five minutes
        assert cost.usd_per_call is None and cost.usd_per_month is None and "2026" in cost.source
        assert COLLECTOR.cost(one, 600.0).calls_per_day == 144 * 3
        assert COLLECTOR.cost(structs.replace(one, options={"interval": "10s"}), 15.0).calls_per_day == 3000


def test_without_a_project_the_indexes_are_asked_themselves() -> None:
    with pinecone() as (api, movies, books):
        families = _read(api.url)
        assert movies.requests[0].method == "POST"
        assert (api.asked("*"), movies.asked("*"), books.asked("*")) == (1, 1, 1)
    assert value_of(families, "pinecone_db_record_total", index_name="movies", cloud="aws", region="us-east-1") == 10000
    assert value_of(families, "pinecone_db_record_total", index_name="books", region="europe-west4") == 705000
    assert value_of(families, "pinecone_index_ready", index_name="new") == 0
    assert "pinecone_db_op_query_count" not in names_of(families)


def test_an_index_on_demand_has_no_fullness() -> None:
    with pinecone() as (api, _, _):
        points = by_name(_read(api.url))["pinecone_db_index_fullness"].points
    assert [(dict(pairs)["index_name"], value) for _, pairs, value in points] == [("books", 0.01)]


def test_an_index_that_the_metrics_endpoint_has_is_not_asked_again() -> None:
    with pinecone() as (api, movies, books):
        families = _read(api.url, project_id="p-1")
        assert (movies.asked("*"), books.asked("*")) == (0, 1)
    assert value_of(families, "pinecone_db_op_query_count", index_name="movies", exported_instance="a") == 5400
    records = [dict(pairs)["index_name"] for _, pairs, _ in by_name(families)["pinecone_db_record_total"].points]
    assert sorted(records) == ["books", "movies"]


def test_the_key_is_sent_as_each_side_wants_it_and_read_again_when_it_is_rotated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pinecone() as (api, movies, _):
        _read(api.url, project_id="p-1", namespaces=1)
        asked = {request.path: request.headers for request in api.requests}
        monkeypatch.setenv("PINECONE_API_KEY", "pcsk_new")
        _read(api.url)
        assert api.requests[-1].headers["api-key"] == "pcsk_new"
        assert movies.requests[0].headers["api-key"] == "pcsk_hush"
    assert asked["/indexes"]["api-key"] == "pcsk_hush" and "authorization" not in asked["/indexes"]
    assert asked[DISCOVERY]["authorization"] == asked["/metrics/movies"]["authorization"] == "Bearer pcsk_hush"
    assert asked["/indexes"]["x-pinecone-api-version"]


def test_within_the_interval_nothing_is_asked_and_the_age_shows() -> None:
    clock, ticks = Time(), Time(50.0)
    ledger = Ledger(300.0, 1000, clock, ticks)
    with pinecone() as (api, _, _):
        families: Sequence[Family] = ()
        for _ in range(20):
            families = _session(api.url, ledger).read(monotonic() + 5)
            clock.at, ticks.at = clock.at + 15, ticks.at + 14.9
        assert api.asked("/indexes") == 1
        assert value_of(families, "pinecone_last_read_timestamp_seconds") == 20_000 * DAY
        ticks.at += 10
        families = _session(api.url, ledger).read(monotonic() + 5)
        assert api.asked("/indexes") == 2
    assert value_of(families, "pinecone_last_read_timestamp_seconds") == clock.at
    assert value_of(families, "pinecone_api_calls_total") == 6


def test_the_wall_clock_that_jumps_back_buys_no_question() -> None:
    clock, ticks = Time(), Time(50.0)
    ledger = Ledger(300.0, 1000, clock, ticks)
    with pinecone() as (api, _, _):
        _session(api.url, ledger).read(monotonic() + 5)
        clock.at -= 3600
        _session(api.url, ledger).read(monotonic() + 5)
        assert api.asked("/indexes") == 1


def test_at_the_limit_of_the_day_the_last_values_stay_and_grow_old() -> None:
    clock, ticks = Time(), Time(50.0)
    ledger = Ledger(300.0, 7, clock, ticks)  # three calls a reading
    with pinecone() as (api, movies, books):
        families: Sequence[Family] = ()
        for _ in range(5):
            families = _session(api.url, ledger).read(monotonic() + 5)
            clock.at, ticks.at = clock.at + 300, ticks.at + 300
        assert api.asked("*") + movies.asked("*") + books.asked("*") == 7
        assert value_of(families, "pinecone_last_read_timestamp_seconds") == 20_000 * DAY + 300
        assert value_of(families, "pinecone_api_calls_left") == 0 and value_of(families, "pinecone_up") == 1
        clock.at += DAY
        ticks.at += DAY
        families = _session(api.url, ledger).read(monotonic() + 5)
    assert value_of(families, "pinecone_last_read_timestamp_seconds") == clock.at
    assert value_of(families, "pinecone_api_calls_left") == 4


def test_a_limit_that_is_too_small_for_one_reading_says_so() -> None:
    with pinecone() as (api, _, _), pytest.raises(TargetError, match="limit of 2 calls a day"):
        _session(api.url, Ledger(300.0, 2)).read(monotonic() + 5)


def test_a_failure_is_repeated_without_another_question_until_the_interval_is_over() -> None:
    ticks = Time(50.0)
    ledger = Ledger(300.0, 1000, Time(), ticks)
    with pinecone() as (api, _, _):
        good, api.replies["/indexes"] = api.replies["/indexes"], Reply.of({"error": {"code": "UNAUTHENTICATED"}}, 401)
        with pytest.raises(TargetError, match="it answered 401"):
            _session(api.url, ledger).read(monotonic() + 5)
        ticks.at += 100
        with pytest.raises(TargetError, match=r"401.*asked again in 200 s"):
            _session(api.url, ledger).read(monotonic() + 5)
        assert api.asked("/indexes") == 1
        api.replies["/indexes"] = good
        ticks.at += 200
        assert value_of(_session(api.url, ledger).read(monotonic() + 5), "pinecone_up") == 1


def test_the_ledger_outlives_the_session_that_a_failure_drops() -> None:
    with pinecone() as (api, _, _):
        api.replies["/indexes"] = Reply.of({}, 500)
        fields: dict[str, Any] = {"password": Secret(env="PINECONE_API_KEY"), "options": {"interval": "1h"}}
        for _ in range(3):
            sidecar = Sidecar([target("kept", "pinecone", api.url, **fields)])
            assert not sidecar.read("kept").up
            sidecar.close()
        assert api.asked("/indexes") == 1


def test_an_index_that_fails_costs_itself_alone() -> None:
    with pinecone() as (api, movies, _):
        movies.replies["/describe_index_stats"] = Reply.of({"message": "internal"}, 500)
        families = _read(api.url)
    assert value_of(families, "pinecone_part_success", part="stats") == 0
    assert [dict(pairs)["index_name"] for _, pairs, _ in by_name(families)["pinecone_db_record_total"].points] == [
        "books"
    ]


def test_a_plan_without_the_metrics_endpoint_leaves_the_rest() -> None:
    with pinecone() as (api, _, _):
        api.replies[DISCOVERY] = Reply.of({"error": {"code": "FORBIDDEN"}}, 403)
        families = _read(api.url, project_id="p-1")
    assert value_of(families, "pinecone_part_success", part="metrics") == 0
    assert value_of(families, "pinecone_db_record_total", index_name="movies") == 10000


def test_the_key_is_not_sent_to_a_host_that_is_not_pinecones() -> None:
    with pinecone() as (api, movies, books):
        # The same machine under another name, which can be reached: only the name keeps the key from it.
        elsewhere = _host(books).replace("127.0.0.1", "localhost")
        api.replies["/indexes"] = _indexes(_host(movies), elsewhere)
        families = _read(api.url)
        assert (movies.asked("*"), books.asked("*")) == (1, 0)
        api.replies[DISCOVERY] = Reply.of([{"targets": [elsewhere], "labels": {"__scheme__": "http"}}])
        metrics = _read(api.url, project_id="p-1")
        assert books.asked("*") == 0
    assert value_of(families, "pinecone_part_success", part="stats") == 0
    assert value_of(metrics, "pinecone_part_success", part="metrics") == 0


@pytest.mark.parametrize("name", ["pinecone.io.example.org", "notpinecone.io", "api.pinecone.io@example.org"])
def test_a_name_that_only_looks_like_pinecones_is_not_asked(name: str) -> None:
    with pytest.raises(TargetError, match="the key stays here"):
        _session("https://api.pinecone.io")._check_host(f"https://{name}")


@pytest.mark.parametrize(
    "reply, said",
    [
        (Reply(b"<html>"), "its answer is no JSON"),
        (Reply.of(["movies"]), "does not answer like Pinecone"),
        (Reply.of({"indexes": [{"host": "a"}]}), "does not answer like Pinecone"),
        (Reply(b"x" * (11 * 2**20)), "larger than 10 MiB"),
    ],
    ids=["no JSON", "another form", "without names", "too large"],
)
def test_an_api_that_answers_wrongly_is_down_and_one_line_says_why(reply: Reply, said: str) -> None:
    with pinecone() as (api, _, _):
        api.replies["/indexes"] = reply
        with pytest.raises(TargetError, match=said) as caught:
            _read(api.url)
    assert "\n" not in str(caught.value) and "pcsk_hush" not in str(caught.value)


def test_an_api_that_hangs_is_down_at_its_deadline() -> None:
    with silent_port() as port:
        fields: dict[str, Any] = {"password": Secret(env="PINECONE_API_KEY"), "timeout": 0.3}
        sidecar = Sidecar([target("hanging", "pinecone", f"http://127.0.0.1:{port}", **fields)])
        reading = sidecar.read("hanging")
        sidecar.close()
    assert not reading.up and [one.name for one in reading.families] == ["pinecone_up"] and reading.seconds < 2


def test_an_api_that_refuses_the_connection_is_down() -> None:
    with pytest.raises(TargetError, match="connection refused"):
        _read("http://127.0.0.1:1")


@pytest.mark.parametrize(
    "options, said",
    [
        ({"interval": 300}, "write a text such as 5m"),
        ({"interval": "often"}, "write a duration"),
        ({"calls_per_day": 0}, "a whole number above 0"),
        ({"namespaces": -1}, "0 for none"),
        ({"project_id": 7}, "write a text"),
    ],
)
def test_a_wrong_option_is_refused_before_it_is_used(options: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        check_target(COLLECTOR, target("p", "pinecone", password=Secret(env="PINECONE_API_KEY"), options=options))


def test_without_a_key_it_says_what_to_write() -> None:
    with pytest.raises(SettingsError, match="wants an API key"):
        check_target(COLLECTOR, target("p", "pinecone"))
