"""Deviations as documents in Elasticsearch: each once, whatever the cluster or the process does meanwhile."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.detectors.elastic_cluster import Cluster, cluster
from tests.servers import free_port, wait_until
from tests.servers.stub import Reply, stub
from watchkeeper.app.elastic_documents import Documented, DocumentSink
from watchkeeper.app.elastic_ecs import document, document_id, template
from watchkeeper.deliveries import Delivery, Nobody
from watchkeeper.errors import StoreError
from watchkeeper.settings import DeviationIndex, ElasticsearchSettings, Secret

INDEX = "watchkeeper-deviations"
FIRING = Delivery(
    source="detectors",
    kind="deviation",
    status="firing",
    labels={"alertname": "redis.memory", "system": "redis", "severity": "warning", "job": "cache", "a.b": "c"},
    annotations={
        "summary": "cache uses 2 GB",
        "description": "Memory used by Redis of cache is 2 GB; expected 1 GB.",
        "runbook": "redis/memory-high",
        "runbook_url": "https://watch/library/redis/memory-high",
        "value": "2e9",
        "expected_low": "9e8",
        "score": "nan",
        "contributors": '[{"label": "db", "value": "db0", "share": NaN}]',
    },
    starts_at=1_795_000_000.5,
    fingerprint="0123456789abcdef",
)
RESOLVED = replace(FIRING, status="resolved", ends_at=1_795_000_060.5)
ID = "0123456789abcdef-1795000000500"


@pytest.fixture
def elastic() -> Iterator[Cluster]:
    with cluster() as found:
        yield found


Sinks = Callable[..., DocumentSink]


@pytest.fixture
def sink(tmp_path: Path, elastic: Cluster) -> Iterator[Sinks]:
    """Makes sinks over the cluster that have not begun to send, and stops them."""
    with contextlib.ExitStack() as stack:

        def make(url: str = "", queue_bytes: int = 2**20, settings: Any = None, **options: Any) -> DocumentSink:
            found = DocumentSink(
                ElasticsearchSettings(url=url or elastic.url, **(settings or {})),
                DeviationIndex(queue_bytes=queue_bytes),
                tmp_path,
                **options,
            )
            stack.callback(found.stop, 0)
            return found

        yield make


class Called:
    """A sink that keeps what it was given."""

    def __init__(self) -> None:
        self.got: list[Delivery] = []

    def deliver(self, deliveries: Any) -> None:
        self.got.extend(deliveries)


def test_it_has_the_names_of_the_common_schema() -> None:
    found = document(RESOLVED, {"dashboard_url": "https://grafana/d/redis"}, 1_795_000_061.0)
    assert found["@timestamp"] == "2026-11-18T11:06:40.500Z"
    assert found["event"] == {
        "kind": "alert",
        "action": "deviation",
        "provider": "watchkeeper",
        "dataset": "watchkeeper.deviations",
        "id": ID,
        "start": "2026-11-18T11:06:40.500Z",
        "end": "2026-11-18T11:07:40.500Z",
        "duration": 60_000_000_000,
        "severity": 2,
        "reason": "cache uses 2 GB",
        "reference": "https://watch/library/redis/memory-high",
    }
    assert found["message"] == "Memory used by Redis of cache is 2 GB; expected 1 GB."
    assert found["service"] == {"name": "cache"}
    assert found["labels"]["a_b"] == "c"
    assert found["rule"]["name"] == "redis.memory"
    assert found["watchkeeper"]["deviation"] == {
        "status": "resolved",
        "updated": "2026-11-18T11:07:41.000Z",
        "value": 2e9,
        "expected_low": 9e8,
        "runbook": "redis/memory-high",
        "dashboard_url": "https://grafana/d/redis",
        "contributors": [{"label": "db", "value": "db0", "share": None}],
    }


def test_each_field_of_it_has_a_type_in_the_template() -> None:
    """What is not declared is not searched: only lists are left out on purpose."""

    def paths(value: Any, *at: str) -> Iterator[tuple[str, ...]]:
        for name, one in value.items():
            if isinstance(one, dict):
                yield from paths(one, *at, name)
            else:
                yield (*at, name)

    properties = template(INDEX)["template"]["mappings"]["properties"]
    missing = []
    for path in paths(document(RESOLVED, {}, 0.0)):
        found: Any = {"properties": properties}
        for name in path:
            found = found.get("properties", {}).get(name, {})
        if not found and path[0] != "labels":
            missing.append(path[-1])
    assert missing == ["contributors"]


def test_updates_and_the_end_overwrite_the_same_document(sink: Sinks, elastic: Cluster) -> None:
    found = sink()
    found.start()
    found.deliver([FIRING])
    wait_until(lambda: elastic.written, seconds=10)
    assert elastic.written[INDEX][ID]["watchkeeper"]["deviation"]["status"] == "firing"
    found.deliver([FIRING, RESOLVED])
    wait_until(lambda: found.outbox.flush(1), seconds=10)
    assert list(elastic.written[INDEX]) == [ID]
    assert elastic.written[INDEX][ID]["watchkeeper"]["deviation"]["status"] == "resolved"


def test_who_deviates_anew_has_a_document_of_its_own() -> None:
    assert document_id(replace(FIRING, starts_at=FIRING.starts_at + 60)) != ID
    assert document_id(RESOLVED) == document_id(FIRING) == ID
    assert document_id(replace(FIRING, fingerprint="")).partition("-")[0] != ""


def test_what_is_no_deviation_is_passed_over(sink: Sinks) -> None:
    found = sink()
    found.deliver([replace(FIRING, kind="alert")])
    assert len(found.outbox.spool) == 0


def test_the_template_is_made_once_and_that_of_others_is_left_alone(sink: Sinks, elastic: Cluster) -> None:
    found = sink()
    found.deliver([FIRING])
    found.outbox.step()
    assert elastic.templates == {INDEX: template(INDEX)}
    elastic.templates[INDEX] = {"mine": True}
    found.stop(0)
    again = sink()
    again.deliver([RESOLVED])
    again.outbox.step()
    assert elastic.templates == {INDEX: {"mine": True}}
    assert elastic.written[INDEX][ID]["watchkeeper"]["deviation"]["status"] == "resolved"


def test_who_may_not_make_a_template_is_told_once_and_may_write(
    sink: Sinks, elastic: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    elastic.no_templates = True
    found = sink()
    for _ in range(2):
        found.deliver([FIRING])
        found.outbox.step()
    assert caplog.text.count("no index template watchkeeper-deviations") == 1
    assert list(elastic.written[INDEX]) == [ID]


def test_a_cluster_that_is_away_loses_nothing(sink: Sinks, elastic: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    elastic.broken = True
    found = sink()
    found.deliver([FIRING])
    found.outbox.step()
    assert (found.outbox.failures, len(found.outbox.spool)) == (1, 1)
    assert "HTTP 503: unavailable: no master; records wait on disk" in caplog.text
    elastic.broken = False
    found.outbox.step()
    assert list(elastic.written[INDEX]) == [ID]


def test_what_waits_when_the_process_ends_is_sent_by_the_next_once(sink: Sinks, elastic: Cluster) -> None:
    first = sink(url=f"http://127.0.0.1:{free_port()}")
    first.deliver([FIRING])
    first.deliver([replace(FIRING, fingerprint="other")])
    first.outbox.step()
    first.stop(0)
    second = sink()
    second.start()
    wait_until(lambda: second.outbox.flush(1), seconds=10)
    assert sorted(elastic.written[INDEX]) == [ID, "other-1795000000500"]
    assert len(elastic.bulks) == 1


def test_a_document_that_is_refused_for_good_keeps_no_other(
    sink: Sinks, elastic: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    elastic.refuses = lambda name: (400, "document_parsing_exception") if name == ID else None
    found = sink()
    found.deliver([FIRING, replace(FIRING, fingerprint="other")])
    found.outbox.step()
    assert list(elastic.written[INDEX]) == ["other-1795000000500"]
    assert (found.outbox.sent, found.outbox.rejected_items, len(found.outbox.spool)) == (1, 1, 0)
    assert "1 items were not taken: document_parsing_exception: because" in caplog.text


@pytest.mark.parametrize("status", [403, 404, 429, 503])
def test_a_document_that_is_refused_for_now_is_sent_again(sink: Sinks, elastic: Cluster, status: int) -> None:
    elastic.refuses = lambda name: (status, "not_now") if name == ID else None
    found = sink()
    found.deliver([FIRING, replace(FIRING, fingerprint="other")])
    found.outbox.step()
    assert (found.outbox.failures, len(found.outbox.spool)) == (1, 1)
    elastic.refuses = lambda name: None
    found.outbox.step()
    assert sorted(elastic.written[INDEX]) == [ID, "other-1795000000500"]


def test_a_cluster_that_is_away_for_long_bounds_the_queue_and_keeps_nobody(
    sink: Sinks, caplog: pytest.LogCaptureFixture
) -> None:
    called = Called()
    found = sink(url=f"http://127.0.0.1:{free_port()}", queue_bytes=2**16)
    both = Documented(called, found)
    many = [replace(FIRING, annotations={"description": os.urandom(8_000).hex()}) for _ in range(20)]
    for one in many:
        both.deliver([one])
    assert len(called.got) == 20
    assert 0 < len(found.outbox.spool) < 20
    assert found.outbox.spool.size <= 2**16
    assert caplog.text.count("further ones are counted") == 1
    dropped = {one.labels["reason"]: one.value for one in found.samples(0.0) if "dropped" in one.name}
    assert dropped["full"] == 20 - len(found.outbox.spool)


def test_what_cannot_be_a_document_is_logged_and_told_all_the_same(
    sink: Sinks, caplog: pytest.LogCaptureFixture
) -> None:
    called = Called()
    caplog.set_level(logging.ERROR)
    Documented(called, sink()).deliver([replace(FIRING, starts_at=1e300)])
    assert len(called.got) == 1
    assert "deviations have no document" in caplog.text


def test_a_sink_that_raises_is_heard_and_the_document_is_there(sink: Sinks) -> None:
    class Away:
        def deliver(self, deliveries: Any) -> None:
            raise StoreError("away")

    found = sink()
    with pytest.raises(StoreError, match="away"):
        Documented(Away(), found).deliver([FIRING])
    assert len(found.outbox.spool) == 1


def test_no_secret_is_written(sink: Sinks, elastic: Cluster) -> None:
    found = sink(secrets=lambda: ["hunter22"])
    text = "cannot log in with hunter22 at postgresql://me:pw12345@db/orders"
    found.deliver([replace(FIRING, labels={**FIRING.labels, "dsn": text}, annotations={"description": text})])
    found.outbox.step()
    assert b"hunter22" not in elastic.bulks[0] and b"pw12345" not in elastic.bulks[0]
    assert b"cannot log in with" in elastic.bulks[0]


def test_it_is_shown_who_writes(sink: Sinks, elastic: Cluster, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("a2V5\n")
    found = sink(settings={"api_key": Secret(file=str(tmp_path / "key"))})
    found.deliver([FIRING])
    found.outbox.step()
    assert {one["authorization"] for one in elastic.headers} == {"ApiKey a2V5"}


def test_a_secret_that_is_missing_is_said_and_nothing_is_lost(sink: Sinks, caplog: pytest.LogCaptureFixture) -> None:
    found = sink(settings={"api_key": Secret(env="WATCHKEEPER_TEST_NO_SUCH_KEY")})
    found.deliver([FIRING])
    found.outbox.step()
    assert "WATCHKEEPER_TEST_NO_SUCH_KEY is not set" in caplog.text
    assert len(found.outbox.spool) == 1


@pytest.mark.parametrize("reply", [Reply(b"<html>"), Reply.of([1]), Reply.of({"hello": 1}), Reply.of({"items": [1]})])
def test_what_does_not_answer_like_elasticsearch_is_asked_again(
    sink: Sinks, reply: Reply, caplog: pytest.LogCaptureFixture
) -> None:
    with stub({"/*": reply}) as server:
        found = sink(url=server.url)
        found.deliver([FIRING])
        found.outbox.step()
    assert (found.outbox.failures, len(found.outbox.spool)) == (1, 1)
    assert "Traceback" not in caplog.text


def test_a_cluster_that_hangs_does_not_keep_the_process_from_ending(tmp_path: Path) -> None:
    with stub({"/*": Reply(hang=True)}) as server:
        found = DocumentSink(ElasticsearchSettings(url=server.url), DeviationIndex(), tmp_path)
        found.start()
        found.deliver([FIRING])
        wait_until(lambda: server.requests, seconds=10)
        begun = time.monotonic()
        found.stop(0.1)
        assert time.monotonic() - begun < 5
        assert not found.outbox._thread.is_alive()


def test_its_numbers_have_the_names_of_what_is_pushed(sink: Sinks) -> None:
    found = sink()
    found.deliver([FIRING])
    found.outbox.step()
    values = {one.name.removeprefix("watchkeeper_push_"): one.value for one in found.samples(time.time())}
    assert values["records_sent_total"] == 1.0
    assert values["queue_bytes"] == values["queue_age_seconds"] == 0.0
    assert {one.labels["destination"] for one in found.samples(0.0)} == {"elasticsearch"}


@pytest.mark.server
def test_a_live_cluster_where_one_is_named(tmp_path: Path) -> None:
    url = os.environ.get("ELASTICSEARCH_URL")
    if not url:
        pytest.skip("ELASTICSEARCH_URL names no cluster")
    index = f"watchkeeper-test-{uuid.uuid4().hex[:8]}"
    found = DocumentSink(ElasticsearchSettings(url=url), DeviationIndex(index=index), tmp_path)
    try:
        Documented(Nobody(), found).deliver([FIRING])
        Documented(Nobody(), found).deliver([RESOLVED])
        found.outbox.step()
        assert len(found.outbox.spool) == 0, found.outbox.error
        _asked("POST", f"{url}/{index}/_refresh")
        (hit,) = _asked("GET", f"{url}/{index}/_search?q=service.name:cache%20AND%20event.severity:2")["hits"]["hits"]
        assert hit["_id"] == ID
        assert hit["_source"]["watchkeeper"]["deviation"]["status"] == "resolved"
        fields = _asked("GET", f"{url}/{index}/_mapping")[index]["mappings"]["properties"]
        assert fields["@timestamp"]["type"] == "date"
        assert fields["labels"]["properties"]["job"]["type"] == "keyword"
    finally:
        found.stop(0)
        for path in (index, f"_index_template/{index}"):
            _asked("DELETE", f"{url}/{path}")


def _asked(method: str, url: str) -> Any:
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=30) as reply:
        return json.loads(reply.read())
