"""RabbitMQ from recorded replies of other versions, and targets that are no broker."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from collectors.description import collector_of
from collectors.families import Family
from collectors.rabbitmq import COLLECTOR, node_families, overview_families, queue_families, sum_families
from tests.collectors.helpers import application, by_name, parsed, silent_port, target
from tests.servers import free_port, tls
from watchkeeper.clock import monotonic
from watchkeeper.errors import SettingsError, TargetError
from watchkeeper.systems.rabbitmq_signals import SIGNALS

RECORDED = Path(__file__).parents[1] / "recorded" / "rabbitmq"


def _json(name: str) -> Any:
    return json.loads((RECORDED / name).read_text())


def _values(families: list[Family]) -> dict[str, float]:
    return {family.name: family.points[0][2] for family in families if family.points}


def test_a_node_of_3_8_is_read() -> None:
    overview, node = _json("api-overview-3.8.14.json"), _json("api-nodes-3.8.14.json")[0]
    families = node_families(overview, node)
    values = _values(families)
    assert values["rabbitmq_process_resident_memory_bytes"] == node["mem_used"]
    assert values["rabbitmq_erlang_uptime_seconds"] == node["uptime"] / 1000
    assert values["rabbitmq_alarms_memory_used_watermark"] == 0
    versions = dict(by_name(families)["rabbitmq_build_info"].points[0][1])
    assert versions["rabbitmq_version"] == overview["rabbitmq_version"]


def test_a_memory_alarm_is_one() -> None:
    values = _values(node_families({}, _json("api-nodes-memory-alarm.json")[0]))
    assert values["rabbitmq_alarms_memory_used_watermark"] == 1


def test_an_overview_of_3_8_is_read() -> None:
    overview = _json("api-overview-3.8.14.json")
    values = _values(overview_families(overview))
    assert values["rabbitmq_connections"] == overview["object_totals"]["connections"]
    assert values["rabbitmq_global_messages_received_total"] == overview["message_stats"]["publish"]
    assert values["rabbitmq_connections_opened_total"] == overview["churn_rates"]["connection_created"]


def test_statistics_that_are_off_are_unknown_and_not_zero() -> None:
    overview = {**_json("api-overview-3.8.14.json"), "disable_stats": True, "message_stats": {}}
    assert not {name for name in _values(overview_families(overview)) if name.startswith("rabbitmq_global_")}


def test_what_never_happened_is_zero() -> None:
    values = _values(overview_families({"message_stats": {"publish": 7}}))
    assert values["rabbitmq_global_messages_received_total"] == 7
    assert values["rabbitmq_global_messages_redelivered_total"] == 0


def test_queues_of_both_types_are_read() -> None:
    queues = _json("api-queues-quorum.json")
    each = by_name(queue_families(queues))["rabbitmq_queue_messages"]
    assert sorted(value for _, _, value in each.points) == sorted(queue["messages"] for queue in queues)
    assert _values(sum_families(queues))["rabbitmq_queue_consumers"] == sum(queue["consumers"] for queue in queues)


def test_a_field_that_no_queue_has_is_left_out() -> None:
    assert "rabbitmq_queue_messages_paged_out" not in _values(sum_families([{"name": "q", "consumers": 1}]))
    assert _values(sum_families([]))["rabbitmq_queue_messages_paged_out"] == 0


@pytest.mark.parametrize(
    "page",
    ["prometheus-aggregated-3.x.prom", "prometheus-per-object-3.11.3.prom", "prometheus-detailed-queue-coarse.prom"],
)
def test_pages_of_the_plugin_have_the_declared_kinds_and_labels(page: str) -> None:
    declared = {signal.name: signal for signal in SIGNALS}
    families = parsed((RECORDED / page).read_text())
    known = [family for name, family in families.items() if name in declared and family.points]
    assert known
    for family in known:
        signal = declared[family.name]
        assert family.kind == (signal.exposed_as or signal.kind)
        for _, pairs, _ in family.points:
            assert {label for label, _ in pairs} <= set(signal.labels), family.name


@pytest.mark.parametrize(
    "url, endpoint",
    [
        ("", True),
        ("http://broker:15692", True),
        ("http://broker:15692/", True),
        ("https://broker/metrics/per-object", True),
        ("http://broker:15672", False),
        ("http://broker:15672/prefix", False),
    ],
)
def test_the_url_chooses_the_way(url: str, endpoint: bool) -> None:
    session = COLLECTOR.open(target("r", "rabbitmq", url))
    assert (type(session).__name__ == "ExpositionSession") is endpoint
    session.close()


def test_the_system_has_a_collector_of_its_own() -> None:
    assert collector_of(target("r", "rabbitmq", "http://127.0.0.1:15692/metrics")) is COLLECTOR


@pytest.mark.parametrize(
    "option, value, message",
    [
        ("queues", "all", "allowed: sums, each, none"),
        ("scope", "all", "allowed: cluster, node"),
        ("max_queues", 0, "write a whole number above 0"),
        ("max_queues", "many", "write a whole number above 0"),
    ],
)
def test_a_wrong_option_says_what_is_allowed(option: str, value: object, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        COLLECTOR.open(target("r", "rabbitmq", "http://127.0.0.1:15672", options={option: value}))


def _broker(refusal: int) -> dict[str, tls.Page]:
    """The pages of a node whose parameters the user may not see."""
    overview = {"node": "rabbit@a", "cluster_name": "shop"}
    return {
        "/api/overview": tls.Page(json.dumps(overview).encode()),
        "/api/nodes": tls.Page(json.dumps([{"name": "rabbit@a"}]).encode()),
        "/api/global-parameters": tls.Page(b"{}", refusal),
    }


@pytest.mark.parametrize("status", [401, 403])
def test_a_user_who_may_not_see_the_clusters_identifier_sees_the_rest(status: int) -> None:
    with tls.serve(_broker(status)) as site:
        session = COLLECTOR.open(target("r", "rabbitmq", site.url().rstrip("/"), options={"scope": "node"}))
        families = by_name(session.read(monotonic() + 5))
        session.close()
    ((_, pairs, _),) = families["rabbitmq_identity_info"].points
    assert dict(pairs)["rabbitmq_node"] == "rabbit@a" and not dict(pairs).get("rabbitmq_cluster_permanent_id")


@pytest.mark.parametrize("status", [400, 404, 408, 500])
def test_another_answer_than_a_refusal_is_a_failure(status: int) -> None:
    with tls.serve(_broker(status)) as site:
        session = COLLECTOR.open(target("r", "rabbitmq", site.url().rstrip("/"), options={"scope": "node"}))
        with pytest.raises(TargetError, match=f"/api/global-parameters: it answered {status}"):
            session.read(monotonic() + 5)
        session.close()


def test_a_broker_that_is_not_there_is_named() -> None:
    port = free_port()
    with pytest.raises(TargetError, match=f"127.0.0.1:{port}/api/overview: connection refused"):
        COLLECTOR.open(target("r", "rabbitmq", f"http://127.0.0.1:{port}")).read(monotonic() + 5)


def test_a_broker_that_hangs_is_given_up_at_the_deadline() -> None:
    with silent_port() as port, pytest.raises(TargetError, match="no answer in time"):
        COLLECTOR.open(target("r", "rabbitmq", f"http://127.0.0.1:{port}")).read(monotonic() + 0.2)


@pytest.mark.parametrize("text, message", [("<html>", "its answer is no JSON"), ("[1, 2]", "is not RabbitMQ's")])
def test_what_is_no_broker_is_said(text: str, message: str) -> None:
    with application(text=text) as app, pytest.raises(TargetError, match=message):
        COLLECTOR.open(target("r", "rabbitmq", app.url.removesuffix("/metrics"))).read(monotonic() + 5)
