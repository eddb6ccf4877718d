"""Logs and traces of Elasticsearch as series for the detectors of `logs` and `traces`."""

from __future__ import annotations

import contextlib
import json
import os
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import detectors.logs
import detectors.traces
from collectors.logs_records import LEVEL_NAMES
from collectors.logs_templates import Templates
from detectors import elastic_series
from detectors.elastic_client import Searcher
from detectors.elastic_series import ElasticStore
from detectors.engine import DetectionEngine
from detectors.watch import Watch
from tests.detectors.elastic_cluster import Cluster, Document, cluster
from tests.detectors.engines import declare
from tests.detectors.series import Sink
from tests.servers.stub import Reply, stub
from watchkeeper.clock import now
from watchkeeper.errors import StoreError
from watchkeeper.queries import Query
from watchkeeper.systems import logs, traces

MINUTE = 60.0
HOUR = 3_600.0
NOW = 1_000 * 86_400.0 + 60 * MINUTE  # on the minute
QUERIES: dict[str, Query] = {named.key: named.query for named in (*logs.QUERIES, *traces.QUERIES)}


def record(at: float, text: str = "took 5 ms", *, service: str = "gateway", level: str = "INFO") -> Document:
    return {"@timestamp": at, "service.name": service, "log.level": level, "message": text}


def span(at: float, *, name: str = "GET /", failed: bool = False, service: str = "gateway") -> Document:
    outcome = "failure" if failed else "success"
    return {
        "@timestamp": at,
        "service.name": service,
        "transaction.name": name,
        "processor.event": "transaction",
        "event.outcome": outcome,
    }


class Time:
    """A clock that is set."""

    def __init__(self, at: float = NOW + MINUTE) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def elastic() -> Iterator[Cluster]:
    """Two hours of a record a second of info, six errors a minute of two kinds; spans, a tenth of which fails."""
    begin = NOW - 2 * HOUR
    records = [record(begin + s) for s in range(7_200)]
    records += [
        record(begin + s, f"cannot reach db-{s}" if s % 20 else f"timeout after {s} ms", level="error")
        for s in range(0, 7_200, 10)
    ]
    spans = [span(begin + s, failed=s % 10 == 0) for s in range(7_200)]
    with cluster(logs=records, traces=spans) as found:
        yield found


Stores = Callable[..., ElasticStore]


@pytest.fixture
def store() -> Iterator[Stores]:
    """Makes stores over a cluster, and closes them."""
    with contextlib.ExitStack() as stack:

        def make(elastic: Cluster, clock: Time, **changes: Any) -> ElasticStore:
            options: dict[str, Any] = {
                "logs": "logs",
                "traces": "traces",
                "templates": Templates,
                "levels": LEVEL_NAMES,
                "history": 2 * HOUR,
                **changes,
            }
            return stack.enter_context(contextlib.closing(ElasticStore(Searcher(elastic.url), clock=clock, **options)))

        yield make


def value(found: ElasticStore, key: str, at: float, **labels: str) -> float:
    answer = found.instant(QUERIES[key], at)
    (one,) = [
        value
        for series, value in zip(answer.series, answer.values, strict=True)
        if all(series.get(name) == text for name, text in labels.items())
    ]
    return one


def test_the_rates_are_those_of_the_documents(elastic: Cluster, store: Stores) -> None:
    found = store(elastic, Time())
    assert value(found, "logs.records_rate", NOW, service="gateway") == pytest.approx(1.1)
    assert value(found, "logs.errors_rate", NOW, service="gateway") == pytest.approx(0.1)
    assert value(found, "traces.errors_rate", NOW, span_name="GET /") == pytest.approx(0.1)
    assert value(found, "traces.calls_rate", NOW, span_name="GET /") == pytest.approx(1.0)


@pytest.mark.long
def test_each_document_is_counted_once_over_many_refreshes_and_pages(
    elastic: Cluster, store: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elastic_series, "_PAGE", 7)
    clock = Time(NOW - HOUR + MINUTE)
    found = store(elastic, clock, history=HOUR)
    for _ in range(3):
        found.refresh()
        clock.at += 20 * MINUTE
    found.refresh()
    assert found.range(QUERIES["logs.records_rate"], NOW - HOUR, NOW, HOUR).values[0, -1] == pytest.approx(1.1)
    totals = {key[2]: total for key, total in found._totals.items() if key[0] == "logs_records_total"}
    assert totals == {"info": 7_200.0, "error": 720.0}


def test_what_is_not_yet_searchable_is_not_taken_for_nothing(elastic: Cluster, store: Stores) -> None:
    clock = Time(NOW + 30.0)
    found = store(elastic, clock, lateness=90.0)
    assert found.complete_until(clock.at) == NOW - MINUTE


def test_history_that_is_half_read_is_not_judged(elastic: Cluster, store: Stores) -> None:
    found = store(elastic, Time(), most_seconds=0.0)
    watch = Watch(declare(query="logs.errors_rate"), QUERIES["logs.errors_rate"], found, pace=1.0)
    assert not watch.due(NOW + MINUTE)
    assert watch.due(NOW + MINUTE)
    assert found.complete_until(NOW + MINUTE) == NOW


def test_nothing_is_known_beyond_the_time_that_is_asked_for(elastic: Cluster, store: Stores) -> None:
    assert store(elastic, Time(), lateness=90.0).complete_until(NOW - HOUR) == NOW - HOUR - 2 * MINUTE


def test_who_asks_of_one_time_gets_one_answer_while_time_goes_on(elastic: Cluster, store: Stores) -> None:
    """What is learned together must end together."""
    clock = Time()
    found = store(elastic, clock)
    assert found.complete_until(NOW + MINUTE) == NOW
    clock.at += MINUTE
    assert found.complete_until(NOW + MINUTE) == NOW
    assert found.complete_until(clock.at) == NOW + MINUTE


def test_a_template_that_is_new_is_seen_once_and_the_known_ones_are_not_new(elastic: Cluster, store: Stores) -> None:
    clock = Time()
    found = store(elastic, clock)
    assert value(found, "logs.new_error_templates", NOW, service="gateway") == 0.0
    late = [record(NOW + s, f"disk sd{s} is full", level="ERROR") for s in range(60)]
    elastic.indices["logs"] += [*late, record(NOW + 30, "cannot reach db-9", level="error")]
    clock.at += MINUTE
    assert value(found, "logs.new_error_templates", NOW + MINUTE, service="gateway") == pytest.approx(1.0, abs=0.1)
    (novel,) = found.novelties(NOW)
    assert (novel.kind, novel.service, novel.text, novel.first_seen) == (
        "template",
        "gateway",
        "disk <*> is full",
        NOW + MINUTE,
    )


def test_a_span_that_never_failed_before_is_new(elastic: Cluster, store: Stores) -> None:
    clock = Time()
    found = store(elastic, clock, logs="")
    found.refresh()
    elastic.indices["traces"] += [span(NOW + 5, name="POST /pay", failed=True), span(NOW + 6, failed=True)]
    clock.at += MINUTE
    found.refresh()
    assert [(one.kind, one.text) for one in found.novelties(NOW)] == [("span", "POST /pay")]


@pytest.mark.parametrize("categories", [False, True])
def test_what_is_new_in_an_hour_that_is_read_at_once_is_dated_by_its_onset(
    elastic: Cluster, store: Stores, categories: bool
) -> None:
    """However many errors came after it."""
    late = [record(NOW - 30 * MINUTE + s, "disk is full", level="error") for s in range(1_800)]
    elastic.indices["logs"] += late
    found = store(elastic, Time(), traces="", learned=NOW - HOUR, categories=categories, most_messages=400)
    found.refresh()
    (novel,) = found.novelties(0.0)
    assert novel.text == "disk is full"
    assert 0 <= novel.first_seen - (NOW - 30 * MINUTE) <= 5 * MINUTE


def test_the_cluster_can_make_the_categories(elastic: Cluster, store: Stores) -> None:
    clock = Time()
    found = store(elastic, clock, categories=True, templates=None, traces="")
    found.refresh()
    elastic.indices["logs"].append(record(NOW + 5, "disk is full", level="error"))
    clock.at += MINUTE
    found.refresh()
    assert [one.text for one in found.novelties(NOW)] == ["disk is full"]


def test_a_cluster_that_is_away_is_an_error_and_nothing_is_lost(
    elastic: Cluster, store: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elastic_series, "_REST", 0.0)
    clock = Time(NOW - 10 * MINUTE)
    found = store(elastic, clock)
    found.refresh()
    clock.at, elastic.broken = NOW + MINUTE, True
    with pytest.raises(StoreError, match="no master"):
        found.range(QUERIES["logs.errors_rate"], NOW - HOUR, NOW, MINUTE)
    assert found.complete_until(clock.at) == clock.at
    elastic.broken = False
    assert value(found, "logs.errors_rate", NOW, service="gateway") == pytest.approx(0.1)


def test_a_cluster_that_did_not_answer_is_left_alone_for_a_while(elastic: Cluster, store: Stores) -> None:
    elastic.broken = True
    found = store(elastic, Time())
    for _ in range(5):
        with pytest.raises(StoreError):
            found.refresh()
    assert len(elastic.headers) == 1


def test_half_an_answer_is_none(elastic: Cluster, store: Stores) -> None:
    elastic.partial = True
    with pytest.raises(StoreError, match="in part only"):
        store(elastic, Time()).refresh()


def test_a_window_of_which_one_search_failed_is_counted_anew_as_a_whole(
    elastic: Cluster, store: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elastic_series, "_REST", 0.0)
    clock = Time()
    found = store(elastic, clock)
    found.refresh()
    elastic.indices["logs"] += [record(NOW + 5, "disk is full", level="error")]
    clock.at += MINUTE
    search = elastic.search

    def without_traces(index: str, body: dict[str, Any]) -> dict[str, Any]:
        if index == "traces":
            raise ValueError("all shards failed")
        return search(index, body)

    monkeypatch.setattr(elastic, "search", without_traces)
    with pytest.raises(StoreError, match="all shards failed"):
        found.refresh()
    monkeypatch.setattr(elastic, "search", search)
    found.refresh()
    assert len(found.novelties(NOW)) == 1
    assert found._totals["logs_records_total", "gateway", "error"] == 721.0


def test_an_index_that_does_not_exist_yet_is_quiet(elastic: Cluster, store: Stores) -> None:
    found = store(elastic, Time(), logs="other", traces="")
    assert found.instant(QUERIES["logs.errors_rate"], NOW).series == ()


def test_series_are_bounded(elastic: Cluster, store: Stores, caplog: pytest.LogCaptureFixture) -> None:
    elastic.indices["logs"] = [record(NOW - 5, service=f"pod-{i}") for i in range(100)]
    found = store(elastic, Time(), traces="", most_series=10)
    found.refresh()
    assert len(found._totals) == 10 and caplog.text.count("more than 10 series") == 1


def test_who_asks_is_shown_and_no_secret_is_in_an_error(elastic: Cluster) -> None:
    searcher = Searcher(elastic.url, headers=lambda: {"Authorization": "ApiKey c2VjcmV0"})
    elastic.broken = True
    with contextlib.closing(searcher), pytest.raises(StoreError) as caught:
        searcher.search("logs", query={"bool": {"filter": []}})
    assert elastic.headers[0]["authorization"] == "ApiKey c2VjcmV0"
    assert elastic.headers[0]["accept"] == "application/json"
    assert "c2VjcmV0" not in str(caught.value)


def test_the_clusters_own_deadline_is_shorter_than_ours(elastic: Cluster) -> None:
    with contextlib.closing(Searcher(elastic.url, timeout=2.0)) as searcher:
        searcher.search("logs", query={"bool": {"filter": []}})
    assert elastic.asked[0][1]["timeout"] == "1800ms"


@pytest.mark.parametrize(
    "reply,message",
    [
        (Reply(b"<html>", headers={"Content-Type": "text/html"}), "no JSON"),
        (Reply.of({"hello": 1}), "does not answer like Elasticsearch"),
        (Reply.of([1]), "does not answer like Elasticsearch"),
        (Reply(hang=True), "no answer within 0.3 s"),
        (
            Reply.of({"error": {"type": "security_exception", "reason": "missing credentials"}}, 401),
            "security_exception",
        ),
    ],
)
def test_what_is_no_answer_of_elasticsearch_is_one_line(reply: Reply, message: str) -> None:
    with stub({"/*": reply}) as server:
        searcher = Searcher(server.url, timeout=0.3)
        with contextlib.closing(searcher), pytest.raises(StoreError, match=message) as caught:
            searcher.search("logs", query={"bool": {"filter": []}})
        assert "\n" not in str(caught.value)


def test_a_detector_of_logs_watches_it_as_it_stands(elastic: Cluster, store: Stores) -> None:
    """Until when everything is counted is until when the engine judges."""
    clock = Time()
    declared = declare(query="logs.errors_rate", step="1m", hold="5m", window="5m")
    watch = Watch(declared, QUERIES["logs.errors_rate"], store(elastic, clock), pace=1.0)
    judged = watch.advance(clock.at, most_ticks=100)
    assert judged[-1].tick.at == NOW
    assert judged[-1].observed[0] == pytest.approx(0.1)
    assert not watch.due(clock.at + 30)


@pytest.mark.long
def test_the_engine_runs_the_shipped_detectors_over_it(elastic: Cluster, store: Stores, sink: Sink) -> None:
    """A burst of errors in the documents is a deviation of the detector of the errors in logs, and of no other."""
    clock = Time()
    shipped = [one for one in (*detectors.logs.DETECTORS, *detectors.traces.DETECTORS) if one.reads == "logs"]
    made = store(elastic, clock)
    engine = DetectionEngine(shipped, QUERIES.__getitem__, {"logs": made}, sink, clock=clock, history_ticks=120)
    engine.warm_up(clock.at)
    elastic.indices["logs"] += [record(NOW + s, f"cannot reach db-{s}", level="error") for s in range(20 * 60)]
    elastic.indices["logs"] += [record(NOW + s) for s in range(20 * 60)]
    elastic.indices["traces"] += [span(NOW + s, failed=s % 10 == 0) for s in range(20 * 60)]
    for _ in range(20):
        clock.at += MINUTE
        engine.tick(clock.at)
    assert {one.labels["detector"] for one in sink.got} == {"logs.errors_in_elasticsearch"}
    assert {one.labels["service"] for one in sink.got} == {"gateway"}


@pytest.mark.long
def test_a_new_kind_of_error_is_told_once_and_ends(elastic: Cluster, store: Stores, sink: Sink) -> None:
    clock = Time()
    (novelty,) = [one for one in detectors.logs.DETECTORS if one.key == "logs.new_errors_in_elasticsearch"]
    engine = DetectionEngine(
        [novelty], QUERIES.__getitem__, {"logs": store(elastic, clock)}, sink, clock=clock, history_ticks=120
    )
    engine.warm_up(clock.at)
    for minute in range(40):
        texts = ["disk sda is full"] * (5 <= minute < 8) + ["cannot reach db-7"]
        elastic.indices["logs"] += [record(NOW + 60 * minute + s, text, level="error") for s, text in enumerate(texts)]
        clock.at += MINUTE
        engine.tick(clock.at)
    assert {one.labels["service"] for one in sink.got} == {"gateway"}
    assert len({one.starts_at for one in sink.got}) == 1
    assert sink.got[-1].status == "resolved"


@pytest.mark.server
def test_a_live_cluster_where_one_is_named() -> None:
    url = os.environ.get("ELASTICSEARCH_URL")
    if not url:
        pytest.skip("ELASTICSEARCH_URL names no cluster")
    index = f"watchkeeper-test-{uuid.uuid4().hex[:8]}"
    fields = {"@timestamp": {"type": "date"}, "message": {"type": "text"}}
    fields |= {name: {"type": "keyword"} for name in ("service.name", "log.level")}
    _request("PUT", f"{url}/{index}", {"mappings": {"properties": fields}})
    try:
        begin = now() // 60 * 60 - 30 * MINUTE
        lines = []
        for second in range(0, 1_500, 5):
            one = record(begin + second, level="error" if second % 50 == 0 else "info")
            lines += ['{"index":{}}', json.dumps({**one, "@timestamp": round(1_000 * (begin + second))})]
        _request("POST", f"{url}/{index}/_bulk?refresh=true", "\n".join([*lines, ""]))
        made = ElasticStore(Searcher(url), logs=index, templates=Templates, levels=LEVEL_NAMES, history=HOUR)
        with contextlib.closing(made) as found:
            at = begin + 20 * MINUTE
            assert value(found, "logs.records_rate", at, service="gateway") == pytest.approx(0.2, rel=0.05)
            assert value(found, "logs.errors_rate", at, service="gateway") == pytest.approx(0.02, rel=0.05)
    finally:
        _request("DELETE", f"{url}/{index}", None)


def _request(method: str, url: str, body: Any) -> None:
    data = body.encode() if isinstance(body, str) else None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=30) as reply:
        assert reply.status in (200, 201)
