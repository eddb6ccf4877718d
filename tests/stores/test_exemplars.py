"""Exemplars: what is kept in memory, and what a Prometheus keeps."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram

from tests.servers import wait_until
from tests.servers.prometheus import PrometheusServer
from tests.servers.stub import Reply, stub
from watchkeeper.clock import now
from watchkeeper.errors import StoreError
from watchkeeper.instrumentation.metrics import expose
from watchkeeper.stores.exemplars import Exemplar, ExemplarStore, agree, trace_of
from watchkeeper.stores.prometheus import PrometheusStore

AT = 1_795_000_000.0


def exemplar(number: int, at: float = AT, name: str = "a_bucket", **labels: str) -> Exemplar:
    return Exemplar(name, labels, f"{number + 1:032x}", float(number), at)


def numbers(found: object) -> list[int]:
    return [int(one.value) for one in found]  # type: ignore[attr-defined]


def test_those_of_the_metric_the_labels_and_the_time_are_found() -> None:
    store = ExemplarStore(clock=lambda: AT)
    store.write(
        [
            exemplar(1, AT - 10, tool="search", job="x"),
            exemplar(2, AT - 20, tool="search"),
            exemplar(3, AT - 10, tool="sql"),
            exemplar(4, AT - 10, "b_bucket", tool="search"),
            exemplar(5, AT - 500, tool="search"),
            exemplar(6, AT - 5),
        ]
    )
    found = store.exemplars(["a_bucket"], {"tool": "search", "severity": "critical"}, AT - 100, AT)
    assert numbers(found) == [2, 1, 6]


def test_a_series_keeps_the_newest_and_some_of_the_older_ones() -> None:
    clock = [AT]
    store = ExemplarStore(clock=lambda: clock[0])
    for number in range(1000):
        clock[0] = AT + number
        store.write([exemplar(number, clock[0])])
    found = numbers(store.exemplars(["a_bucket"], {}, AT, clock[0]))
    assert len(found) == 16
    assert found[-3:] == [997, 998, 999]
    assert found[0] == 0
    assert any(200 < number < 800 for number in found)
    assert sum(number > 900 for number in found) > 5


def test_what_a_scrape_tells_again_is_kept_once() -> None:
    store = ExemplarStore(clock=lambda: AT)
    for second in range(5):
        store.write([exemplar(1, AT - second)])
    assert len(store) == 1


def test_none_is_older_than_the_traces() -> None:
    clock = [AT]
    store = ExemplarStore(retention=100, clock=lambda: clock[0])
    store.write([exemplar(1, AT), exemplar(2, AT - 101)])
    assert len(store) == 1
    clock[0] = AT + 101
    assert not store.exemplars(["a_bucket"], {}, 0, AT + 1000)
    store.write([exemplar(3, clock[0])])
    assert len(store) == 1


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 40)), max_size=200))
def test_there_are_never_more_than_allowed(given_: list[tuple[int, int]]) -> None:
    store = ExemplarStore(per_series=4, total=20, clock=lambda: AT)
    for series, number in given_:
        store.write([exemplar(number, AT - number, series=str(series))])
        kept = store.exemplars(["a_bucket"], {}, 0, AT)
        assert len(kept) == len(store) <= 20
        assert sum(one.labels["series"] == str(series) for one in kept) <= 4
        assert any(one.labels["series"] == str(series) and one.value == number for one in kept)


def test_series_that_had_none_for_long_go_first() -> None:
    store = ExemplarStore(total=3, clock=lambda: AT)
    store.write([exemplar(number, series=str(number)) for number in range(3)])
    store.write([exemplar(9, series="0")])
    assert {one.labels["series"] for one in store.exemplars(["a_bucket"], {}, 0, AT)} == {"0", "2"}


def test_threads_may_write_and_ask() -> None:
    store = ExemplarStore(total=100, clock=lambda: AT)

    def work(thread: int) -> None:
        for number in range(300):
            store.write([exemplar(number, AT - number, series=f"{thread}-{number % 40}")])
            store.exemplars(["a_bucket"], {}, 0, AT)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store) == len(store.exemplars(["a_bucket"], {}, 0, AT)) <= 100


@pytest.mark.parametrize(
    "labels,expected",
    [
        ({"trace_id": "A" * 32}, "a" * 32),
        ({"traceID": "b" * 32}, "b" * 32),
        ({"traceId": "c" * 16}, "0" * 16 + "c" * 16),
        ({"trace_id": "0" * 32}, ""),
        ({"trace_id": "../../etc"}, ""),
        ({"order": "a" * 32}, ""),
    ],
)
def test_a_trace_is_known_by_its_names(labels: dict[str, str], expected: str) -> None:
    assert trace_of(labels.items()) == expected


def test_labels_that_a_series_has_not_say_nothing_of_it() -> None:
    assert agree({"a": "1"}, {"a": "1", "b": "2"})
    assert not agree({"a": "1"}, {"a": "2"})


# --- Prometheus -------------------------------------------------------------------------------------------------------

HOSTILE = 'a"b\\c|d.*\n{e}'


@pytest.mark.parametrize("flags", [("--enable-feature=exemplar-storage",), ()])
@pytest.mark.long
def test_a_prometheus_is_asked(prometheus_server: Callable[..., PrometheusServer], flags: tuple[str, ...]) -> None:
    registry = CollectorRegistry()
    took = Histogram("took_seconds", "Took.", ["tool"], registry=registry)
    for number, tool in enumerate((HOSTILE, "search")):
        took.labels(tool).observe(0.3, {"trace_id": f"{number + 1:032x}"})
    exposition = expose(registry=registry)
    try:
        job = f"{{job_name: app, static_configs: [{{targets: ['127.0.0.1:{exposition.port}']}}]}}"
        server = prometheus_server(f"global: {{scrape_interval: 1s}}\nscrape_configs: [{job}]\n", flags=flags)
        server.wait_for('took_seconds_bucket{tool="search"}')
        store = PrometheusStore(server.url)

        def ask(**labels: str) -> list[tuple[str, str, float]]:
            found = store.exemplars(["took_seconds_bucket"], labels, now() - 600, now() + 60)
            return [(one.name, one.trace_id, one.value) for one in found]

        if flags:
            wait_until(lambda: len(ask()) == 2, seconds=20)
            assert ask(tool="search", absent="x") == [("took_seconds_bucket", f"{2:032x}", 0.3)]
            assert ask(tool=HOSTILE) == [("took_seconds_bucket", f"{1:032x}", 0.3)]
            assert not ask(tool="other")
            (one,) = store.exemplars(["took_seconds_bucket"], {"tool": "search"}, now() - 600, now() + 60)
            assert one.labels["job"] == "app"
            assert "__name__" not in one.labels
            assert one.time == pytest.approx(now(), abs=120)
        else:
            assert ask() == []
        store.close()
    finally:
        exposition.close()


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_server_that_knows_no_exemplars_has_none(status: int) -> None:
    with stub({"/api/v1/query_exemplars": Reply(b"404 page not found", status)}) as server:
        assert PrometheusStore(server.url).exemplars(["a_bucket"], {}, 0, AT) == []


def test_a_server_that_fails_is_said() -> None:
    reply = Reply.of({"status": "error", "errorType": "execution", "error": "the disk is gone"}, 422)
    with stub({"/api/v1/query_exemplars": reply}) as server, pytest.raises(StoreError, match="the disk is gone"):
        PrometheusStore(server.url).exemplars(["a_bucket"], {}, 0, AT)
