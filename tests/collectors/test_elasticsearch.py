from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from collectors import elasticsearch_replies as replies
from collectors.description import check_target
from collectors.elasticsearch import COLLECTOR
from collectors.families import Family
from collectors.runtime import Sidecar
from tests.collectors.helpers import by_name, check_declared, parsed, read_once, silent_port, target, value_of
from tests.servers.stub import RECORDED, Reply, Stub, recorded, stub
from watchkeeper.clock import monotonic
from watchkeeper.errors import SettingsError, TargetError
from watchkeeper.settings import Secret

Series = dict[tuple[str, tuple[tuple[str, str], ...]], tuple[str, float]]

EVERYTHING = ["indices", "slm", "ilm", "data_streams", "shards", "snapshots", "health_report"]

# The exporter writes a zero for a field that the reply does not have, and counts its own failures to parse.
ZEROS_OF_THEIRS = {
    "nodes-stats-7.13.1": {
        "elasticsearch_indices_filter_cache_evictions",
        "elasticsearch_indices_filter_cache_memory_size_bytes",
        "elasticsearch_indices_store_throttle_time_seconds_total",
        "elasticsearch_os_mem_actual_free_bytes",
        "elasticsearch_os_mem_actual_used_bytes",
        "elasticsearch_process_mem_resident_size_bytes",
        "elasticsearch_process_mem_share_size_bytes",
    },
    "health-report-8.7.0-green": {"elasticsearch_health_report_ilm_stagnating_indices"},
    "cat-shards-7.15.0-unassigned-replicas": {"elasticsearch_node_shards_json_parse_failures"},
}


def _reply(name: str) -> Any:
    return json.loads((RECORDED / "elasticsearch" / f"{name}.json").read_text())


# `_alias` was not recorded: the names are those of the exporter's output, the form that of the API reference.
ALIASES = {
    "foo_1": {"aliases": {}},
    "foo_2": {"aliases": {"foo_alias_2_1": {}}},
    "foo_3": {"aliases": {"foo_alias_3_1": {}, "foo_alias_3_2": {}}},
}


def cluster(**changes: Reply) -> dict[str, Reply]:
    """The recorded replies by path, as if they were of one cluster."""
    return {
        "/": recorded("elasticsearch/root-7.13.1.json"),
        "/_cluster/health": recorded("elasticsearch/cluster-health-7.13.1-yellow.json"),
        "/_nodes/_local/stats": recorded("elasticsearch/nodes-stats-7.13.1.json"),
        "/_nodes/stats": recorded("elasticsearch/nodes-stats-8.x.json"),
        "/_all/_stats": recorded("elasticsearch/indices-stats-7.17.3.json"),
        "/_all/_alias": Reply.of(ALIASES),
        "/_slm/stats": recorded("elasticsearch/slm-stats-7.15.0-failures.json"),
        "/_slm/status": recorded("elasticsearch/slm-status-7.15.0-empty.json"),
        "/_all/_ilm/explain": recorded("elasticsearch/ilm-explain-6.6.0.json"),
        "/_ilm/status": recorded("elasticsearch/ilm-status-6.6.0.json"),
        "/_data_stream/[*]/_stats": recorded("elasticsearch/data-stream-stats-7.15.0.json"),
        "/_cat/shards": recorded("elasticsearch/cat-shards-7.15.0-unassigned-replicas.json"),
        "/_snapshot": Reply.of({"test1": {"type": "fs", "settings": {}}}),
        "/_snapshot/test1/_all": recorded("elasticsearch/snapshots-5.4.2.json"),
        "/_health_report": recorded("elasticsearch/health-report-8.7.0-green.json"),
        **changes,
    }


def _read(server: Stub | str, seconds: float = 5.0, **fields: object) -> Sequence[Family]:
    url = server if isinstance(server, str) else server.url
    return read_once(COLLECTOR, target("e", "elasticsearch", url, **fields), seconds)


def _series(families: Sequence[Family] | Mapping[str, Family]) -> Series:
    """Every series with its kind and value; an empty label is none."""
    found = families.values() if isinstance(families, Mapping) else families
    return {
        (name, tuple(sorted(pair for pair in pairs if pair[1]))): (one.kind, value)
        for one in found
        for name, pairs, value in one.points
    }


@pytest.mark.parametrize(
    "name, families",
    [
        ("cluster-health-7.13.1-yellow", lambda reply: replies.cluster_health(reply)),
        ("root-7.13.1", lambda reply: replies.cluster_info(reply)),
        ("nodes-stats-7.13.1", lambda reply: replies.nodes(reply)),
        (
            "indices-stats-7.17.3",
            lambda reply: [
                *replies.indices(reply, "unknown_cluster", 100),
                *replies.aliases(ALIASES, "unknown_cluster", reply["indices"]),
            ],
        ),
        ("slm-stats-7.15.0-failures", lambda reply: replies.slm(reply, _reply("slm-status-7.15.0-empty"))),
        ("ilm-explain-6.6.0", lambda reply: replies.ilm(reply, _reply("ilm-status-6.6.0"), 100)),
        ("data-stream-stats-7.15.0", lambda reply: replies.data_streams(reply, 100)),
        ("cat-shards-7.15.0-unassigned-replicas", lambda reply: replies.shards(reply, "unknown_cluster")),
        ("snapshots-5.4.2", lambda reply: replies.snapshots({"test1": reply})),
        ("snapshots-5.4.2-one-failed-shard", lambda reply: replies.snapshots({"test1": reply})),
        ("health-report-8.7.0-green", lambda reply: replies.health_report(reply)),
    ],
)
def test_a_reply_gives_what_the_exporter_makes_of_it(name: str, families: Any) -> None:
    theirs = _series(parsed((RECORDED / "elasticsearch/exporter-output" / f"{name}.prom").read_text()))
    ours = _series(families(_reply(name)))
    assert not ours.keys() - theirs.keys()
    assert {key[0] for key in theirs.keys() - ours.keys()} == ZEROS_OF_THEIRS.get(name, set())
    assert {key: value for key, value in theirs.items() if key in ours} == ours
    missing = {value for key, (_, value) in theirs.items() if key not in ours}
    assert missing <= {0.0}, "a zero for what is not known; anything else would be a signal that we lost"
    if name != "cat-shards-7.15.0-unassigned-replicas":  # two series, one of them about the exporter itself
        assert len(ours) >= 0.95 * len(theirs)


def test_everything_declared_is_emitted_and_nothing_else() -> None:
    found: dict[str, Family] = {}
    report = _reply("health-report-8.7.0-green")
    report["indicators"]["ilm"]["details"]["stagnating_indices"] = 2  # newer servers say so
    with stub(cluster(**{"/_health_report": Reply.of(report)})) as server:
        for nodes in ("local", "all"):  # the reply of 8.x has devices, that of 7.13 indices and thread pools in use
            families = _read(server, options={"collect": EVERYTHING, "nodes": nodes})
            check_declared(families, COLLECTOR.signals)
            found |= {name: one for name, one in by_name(families).items() if one.points}
    assert found.keys() == {signal.name for signal in COLLECTOR.signals}


def test_without_options_only_health_version_and_nodes_are_asked_for() -> None:
    with stub(cluster()) as server:
        families = _read(server)
        assert sorted(request.path for request in server.requests) == ["/", "/_cluster/health", "/_nodes/_local/stats"]
    check_declared(families, COLLECTOR.signals)
    assert value_of(families, "elasticsearch_cluster_health_up") == 1
    assert value_of(families, "elasticsearch_exporter_collector_success", collector="nodes") == 1


def test_the_list_of_http_clients_is_not_asked_for() -> None:
    with stub(cluster()) as server:
        _read(server)
        query = next(request.query for request in server.requests if request.path == "/_nodes/_local/stats")
    assert "http.current_open" in query and "clients" not in query


def test_each_scrape_reads_the_cluster_over_one_connection() -> None:
    with stub(cluster()) as server:
        session = COLLECTOR.open(target("e", "elasticsearch", server.url))
        session.read(monotonic() + 5)
        changed = {**_reply("cluster-health-7.13.1-yellow"), "unassigned_shards": 7}
        server.replies["/_cluster/health"] = Reply.of(changed)
        assert value_of(session.read(monotonic() + 5), "elasticsearch_cluster_health_unassigned_shards") == 7
        session.close()
        assert server.asked("/_cluster/health") == 2


def test_only_the_largest_indices_are_kept() -> None:
    with stub(cluster()) as server:
        families = _read(server, options={"collect": ["indices"], "limit": 1})
    points = by_name(families)["elasticsearch_indices_docs_primary"].points
    assert [dict(pairs)["index"] for _, pairs, _ in points] == [".geoip_databases"]


def test_an_absent_field_is_left_out_and_not_zero() -> None:
    reply = _reply("nodes-stats-7.13.1")
    node = next(iter(reply["nodes"].values()))
    del node["indices"]["search"]["query_total"], node["breakers"]
    names = {name for name, one in by_name(replies.nodes(reply)).items() if one.points}
    assert "elasticsearch_indices_search_query_time_seconds" in names
    assert not names & {"elasticsearch_indices_search_query_total", "elasticsearch_breakers_tripped"}


def test_a_node_of_6_8_is_read() -> None:
    families = replies.nodes(_reply("nodes-stats-6.8.8"))
    assert value_of(families, "elasticsearch_jvm_memory_max_bytes", area="heap") > 0
    assert not by_name(families)["elasticsearch_indexing_pressure_limit_in_bytes"].points


def test_a_partial_snapshot_counts_as_the_newest_and_a_failed_one_does_not() -> None:
    good = _reply("snapshots-5.4.2")["snapshots"][0]
    later = {**good, "state": "FAILED", "start_time_in_millis": good["start_time_in_millis"] + 60_000}
    families = replies.snapshots({"r": {"snapshots": [later, good]}, "empty": {"snapshots": []}})
    newest = "elasticsearch_snapshot_stats_latest_snapshot_timestamp_seconds"
    assert value_of(families, newest, repository="r") == 1536053353
    assert value_of(families, "elasticsearch_snapshot_stats_number_of_snapshots", repository="empty") == 0
    assert len(by_name(families)[newest].points) == 1
    assert value_of(families, "elasticsearch_snapshot_stats_snapshot_failed_shards", state="FAILED") == 0


def test_a_part_that_is_refused_costs_its_own_signals_alone() -> None:
    refused = Reply.of({"error": {"type": "security_exception"}, "status": 403}, 403)
    with stub(cluster(**{"/_slm/stats": refused})) as server:
        families = _read(server, options={"collect": ["slm", "ilm"]})
    assert value_of(families, "elasticsearch_exporter_collector_success", collector="slm") == 0
    assert value_of(families, "elasticsearch_exporter_collector_success", collector="ilm") == 1
    assert "elasticsearch_slm_stats_retention_runs_total" not in by_name(families)


def test_a_repository_that_cannot_be_reached_costs_itself_alone(caplog: pytest.LogCaptureFixture) -> None:
    named = {name: {"type": "fs", "settings": {}} for name in ("away", "test1", "zone")}
    unreachable = Reply.of({"error": {"type": "repository_exception"}, "status": 500}, 500)
    replied = {"/_snapshot": Reply.of(named), "/_snapshot/away/_all": unreachable}
    replied["/_snapshot/zone/_all"] = recorded("elasticsearch/snapshots-5.4.2.json")
    with stub(cluster(**replied)) as server:
        families = _read(server, options={"collect": ["snapshots", "ilm"]})
    points = by_name(families)["elasticsearch_snapshot_stats_number_of_snapshots"].points
    assert [dict(pairs)["repository"] for _, pairs, _ in points] == ["test1", "zone"]
    assert value_of(families, "elasticsearch_exporter_collector_success", collector="snapshots") == 0
    assert value_of(families, "elasticsearch_exporter_collector_success", collector="ilm") == 1
    (line,) = [one.getMessage() for one in caplog.records if one.name == "watchkeeper.collectors"]
    assert "the snapshot repository away is left out: " in line


def test_a_repository_that_hangs_costs_itself_and_those_after_it() -> None:
    named = {name: {"type": "fs", "settings": {}} for name in ("test1", "zone")}
    replied = {"/_snapshot": Reply.of(named), "/_snapshot/zone/_all": Reply(hang=True)}
    with stub(cluster(**replied)) as server:
        families = _read(server, 0.8, options={"collect": ["snapshots"]})
    assert value_of(families, "elasticsearch_snapshot_stats_number_of_snapshots", repository="test1") > 0
    assert value_of(families, "elasticsearch_exporter_collector_success", collector="snapshots") == 0


def test_a_part_that_hangs_costs_its_own_signals_and_not_the_scrape() -> None:
    with stub(cluster(**{"/_all/_stats": Reply(hang=True)})) as server:
        sidecar = Sidecar([target("e", "elasticsearch", server.url, timeout=1.0, options={"collect": ["indices"]})])
        reading = sidecar.read("e")
        sidecar.close()
    assert reading.up and reading.seconds < 1
    assert value_of(reading.families, "elasticsearch_exporter_collector_success", collector="indices") == 0
    assert value_of(reading.families, "elasticsearch_cluster_health_number_of_nodes") == 1


def test_a_part_that_is_not_what_it_should_be_is_left_out() -> None:
    for body in (Reply(b"<html>"), Reply.of([]), Reply.of({"nodes": []}), Reply(b'{"nodes": {"a": 1', cut=9)):
        with stub(cluster(**{"/_nodes/_local/stats": body})) as server:
            families = _read(server)
        assert value_of(families, "elasticsearch_exporter_collector_success", collector="nodes") == 0


@pytest.mark.parametrize(
    "reply, said",
    [
        (Reply.of({}, 401), "it answered 401"),
        (Reply(b"<html>a proxy</html>"), "its answer is no JSON"),
        (Reply.of(["no", "cluster"]), "does not answer like Elasticsearch"),
        (Reply(b"x" * (11 * 2**20)), "larger than 10 MiB"),
        (Reply(b'{"cluster_name": "c"', cut=5), ""),
    ],
    ids=["unauthorized", "no JSON", "another form", "too large", "cut off"],
)
def test_a_cluster_that_answers_wrongly_is_down_and_one_line_says_why(reply: Reply, said: str) -> None:
    with stub(cluster(**{"/_cluster/health": reply})) as server:
        sidecar = Sidecar([target("e", "elasticsearch", server.url)])
        reading = sidecar.read("e")
        sidecar.close()
    assert not reading.up and [one.name for one in reading.families] == ["elasticsearch_cluster_health_up"]
    assert said in (reading.error or "") and "\n" not in (reading.error or "") and "127.0.0.1" in (reading.error or "")


def test_a_cluster_that_hangs_is_down_at_its_deadline() -> None:
    with silent_port() as port:
        sidecar = Sidecar([target("e", "elasticsearch", f"http://127.0.0.1:{port}", timeout=0.3)])
        reading = sidecar.read("e")
        sidecar.close()
    assert not reading.up and reading.seconds < 2


def test_a_cluster_that_refuses_the_connection_is_down() -> None:
    with pytest.raises(TargetError, match="connection refused"):
        _read("http://127.0.0.1:1")


def test_user_and_password_are_sent_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ES_PASSWORD", "hush-hush")
    with stub(cluster(**{"/_cluster/health": Reply.of({}, 401)})) as server:
        sidecar = Sidecar(
            [target("e", "elasticsearch", server.url, user="monitor", password=Secret(env="ES_PASSWORD"))]
        )
        error = sidecar.read("e").error or ""
        sidecar.close()
        assert server.requests[0].headers["authorization"] == "Basic bW9uaXRvcjpodXNoLWh1c2g="
    assert "hush-hush" not in error and "401" in error


def test_an_api_key_is_sent_and_read_again_when_it_is_rotated(monkeypatch: pytest.MonkeyPatch) -> None:
    with stub(cluster()) as server:
        fields = {"password": Secret(env="ES_KEY"), "options": {"api_key": True}}
        session = COLLECTOR.open(target("e", "elasticsearch", server.url, **fields))
        for key in ("b25l", "dHdv"):
            monkeypatch.setenv("ES_KEY", key)
            session.read(monotonic() + 5)
        session.close()
        sent = {request.headers["authorization"] for request in server.requests}
    assert sent == {"ApiKey b25l", "ApiKey dHdv"}


def test_the_media_type_is_plain_so_that_servers_of_other_versions_answer() -> None:
    with stub(cluster()) as server:
        _read(server)
        assert {request.headers["accept"] for request in server.requests} == {"application/json"}


def test_a_path_before_the_api_is_kept() -> None:
    with stub({f"/search{path}": reply for path, reply in cluster().items()}) as server:
        assert value_of(_read(f"{server.url}/search/"), "elasticsearch_cluster_health_up") == 1


@pytest.mark.parametrize(
    "options, said",
    [
        ({"collect": ["slm", "everything"]}, "'everything' is no part: allowed: indices, slm"),
        ({"collect": "slm"}, "write a list"),
        ({"nodes": "some"}, "allowed: local, all"),
        ({"limit": 0}, "a whole number above 0"),
        ({"index_pattern": ["a", "b"]}, "write a text"),
        ({"api_key": "false"}, "write true or false"),
        ({"api_key": True}, "write the key as password"),
    ],
)
def test_a_wrong_option_is_refused_before_it_is_used(options: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        check_target(COLLECTOR, target("e", "elasticsearch", "http://127.0.0.1:9200", options=options))


def test_the_client_is_imported_when_a_target_is_opened_and_not_before() -> None:
    code = "import sys, collectors.elasticsearch; assert not {'elasticsearch', 'urllib3'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.server
def test_a_live_cluster_where_one_is_named() -> None:
    url = os.environ.get("ELASTICSEARCH_URL")
    if not url:
        pytest.skip("ELASTICSEARCH_URL names no cluster")
    families = _read(url, seconds=30.0, options={"collect": EVERYTHING, "nodes": "all"})
    names = {name for name, one in by_name(families).items() if one.points}
    assert not names - {signal.name for signal in COLLECTOR.signals}
    assert value_of(families, "elasticsearch_cluster_health_number_of_nodes") >= 1
    assert value_of(families, "elasticsearch_exporter_collector_success", collector="nodes") == 1
