"""Every expression that is drawn or alerted on, asked of a Prometheus that scrapes what is really exposed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from alerts.build import files as alert_files
from alerts.slos import recordings
from dashboards.build import files as dashboard_files
from examples.servers import postgresql, redis
from tests.alerts.installation import Installation, start_base, start_push
from tests.alerts.services import start_services
from tests.alerts.shipped import catalogue, rules
from tests.conftest import need
from tests.servers import ServerError, prometheus, wait_until
from watchkeeper.clock import now
from watchkeeper.queries import Query, metrics_of

pytestmark = pytest.mark.server

# Alerts that wait for their hold time although nothing is wrong.
_EXPECTED = {
    # What was recorded of services that cannot run here was not healthy.
    *("ElasticsearchDiskLow", "ElasticsearchSnapshotOld", "ElasticsearchYellow", "PineconeIndexNotReady"),
    # Every series is new to a store that has just begun.
    "VictoriaMetricsSlowInserts",
}
# The machine that runs the tests may be full, and nothing may keep its clock. A tree of files has the disks and the
# clock of the machine that it lies on, and processors that do not work, but its own memory and network.
_OF_ITS_TREE = {
    *("HostDiskFillsUp", "HostDiskFull", "HostInodesLow", "HostClockNotKept", "HostClockSkewed", "HostCpuSaturated")
}
# It may be busy.
_OF_ITS_LOAD = {"HostMemoryLow", "HostOutOfMemoryKill", "HostFileHandlesHigh"}
# Queries that give something in trouble alone.
_QUIET = {"probes.failures", "victoriametrics.error_log_rate"}
# What cannot run here is played from files and replies, whose counters do not rise.
_PLAYED = {"container", "elasticsearch", "mongodb", "neo4j", "pinecone"}
# Of what runs: these ask for more than there is.
_TOO_LITTLE = {
    # The machine of the test may have no network but its loopback.
    "host.network_error_ratio",
    # More than 100 connections.
    "nginx.busy_ratio",
    "rabbitmq.connection_churn",
}
_RATE = re.compile(r"\b(?:rate|increase)\((\w+(?:\{[^}]*\})?)\[\w+\](?: offset \w+)?\)")
# A condition that there be anything to divide by.
_ENOUGH = re.compile(r" > \d+\)")


@dataclass(frozen=True)
class Scraped:
    """A Prometheus with the generated rules, and the systems that it sees."""

    server: prometheus.PrometheusServer
    systems: frozenset[str]


@pytest.fixture(scope="module", params=["base", pytest.param("wide", marks=pytest.mark.long)])
def scraped(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    """A Prometheus that scrapes a small installation, or one with every system that can be had here.

    Of the systems that it does not see the tests of their collectors show that every signal exists.
    """
    for reason in (prometheus.available(), postgresql.available(), redis.available()):
        need(reason)
    shipped = catalogue()
    built = alert_files(shipped.alerts.values(), shipped.slos.values(), shipped.query)
    rules_only = {name: data.decode() for name, data in built.items() if name.count("/") == 1 and "rules" in name}
    with ExitStack() as stack:
        here = Installation(stack, tmp_path_factory.mktemp("installation"))
        start_base(here)
        wide = start_services(here) if request.param == "wide" else {}
        config = {
            "global": {"scrape_interval": "2s" if wide else "1s", "evaluation_interval": "2s"},
            "rule_files": ["rules/*.yaml"],
            "scrape_configs": here.jobs,
            **wide,
        }
        # What cannot be sent would hold up its end for a minute.
        flags = ("--storage.remote.flush-deadline=100ms",)
        text = yaml.safe_dump(config)
        running = here.enter(prometheus.run(text, files=rules_only, remote_write_receiver=True, flags=flags))
        if wide:
            here.scrape("prometheus", running.url.removeprefix("http://"))
            here.twice()
            running.reload(yaml.safe_dump(config))
        start_push(here, running)
        # Two scrapes after the first task is done, so that every rate has something to rise from.
        running.wait_for("sum(rate(gen_ai_workflow_duration_seconds_count[30s])) > 0", seconds=60.0)
        running.wait_for("slo:error_budget:remaining30d")
        # Those that are scraped, and the one that is pushed.
        expected = 1 + sum(len(job["static_configs"][0]["targets"]) for job in here.jobs)
        running.wait_for(f"count(up == 1) == {expected}")
        running.wait_for("min(watchkeeper_target_up) == 1")
        yield Scraped(running, frozenset(here.systems))


def drawn() -> list[tuple[str, str]]:
    """Each panel's expressions as Grafana would send them."""
    shipped = catalogue()
    found = []
    for name, data in dashboard_files(shipped.dashboards.values(), shipped.query).items():
        document = json.loads(data)
        inside = [p for panel in document["panels"] for p in (panel, *panel.get("panels", ()))]
        for panel in inside:
            for target in panel.get("targets", ()):
                text = target["expr"].replace("$__rate_interval", "30s").replace('"$job"', '".*"')
                found.append((f"{name} {panel['title']}", text.replace('"$instance"', '".*"')))
    return found


def watched() -> list[Query]:
    """The queries of all panels, alerts and recordings of the systems that collectors and applications expose."""
    shipped = catalogue()
    found = [
        shipped.query(reference)
        for dashboard in shipped.dashboards.values()
        for panel in dashboard.panels()
        for reference in panel.queries
    ]
    found += [rule.condition for rule in rules()]
    found += [recording.query for slo in shipped.slos.values() for recording in recordings(slo)]
    return found


def test_prometheus_answers_every_panel(scraped: Scraped) -> None:
    refused = [f"{where}: {error}" for where, text in drawn() if (error := _error(scraped.server, text))]
    assert refused == []


def test_prometheus_answers_every_alert(scraped: Scraped) -> None:
    loaded = _rules(scraped.server)
    assert {rule["name"] for rule in loaded if rule["type"] == "alerting"} == {rule.name for rule in rules()}
    assert [f"{rule['name']}: {rule['lastError']}" for rule in loaded if rule.get("lastError")] == []


def test_every_series_that_is_named_exists_or_says_what_it_needs(scraped: Scraped) -> None:
    shipped = catalogue()
    exists = set(scraped.server.api("label/__name__/values"))
    named: set[str] = set()
    missing: set[str] = set()
    excused: set[str] = set()
    for query in watched():
        for metric in metrics_of(query):
            signal = shipped.signal_of(metric)
            if signal is None:
                assert metric.startswith("slo:"), metric
            elif shipped.owners[signal.name] not in scraped.systems:
                continue
            named.add(metric)
            if metric not in exists:
                (excused if signal is not None and signal.requires else missing).add(metric)
    assert missing == set()
    assert len(excused) <= 0.1 * len(named), sorted(excused)


def test_every_named_query_gives_something_with_the_labels_that_it_names(scraped: Scraped) -> None:
    exists = set(scraped.server.api("label/__name__/values"))
    nothing, lacking = set(), {}
    for named in catalogue().queries.values():
        if named.key.split(".")[0] not in scraped.systems or not exists.issuperset(metrics_of(named.query)):
            continue
        system = named.key.split(".")[0]
        found = _answer(scraped.server, named.query, relaxed=system in _PLAYED or named.key in _TOO_LITTLE)
        if not found:
            nothing.add(named.key)
        elif missing := named.query.labels - {label for one in found for label in one["metric"]} - {"error_type"}:
            lacking[named.key] = missing  # the type of an error is empty when there is none
    assert nothing - _QUIET == set()
    # What Kubernetes's discovery adds.
    assert lacking == {"watchkeeper.up": {"cluster", "namespace", "pod"}}


def test_a_healthy_installation_is_told_of_nothing_but_the_dead_man(scraped: Scraped) -> None:
    def told(*states: str) -> set[str]:
        alerts = scraped.server.api("alerts")["alerts"]
        labels = [alert["labels"] for alert in alerts if alert["state"] in states]
        return {one["alertname"] for one in labels if one["alertname"] not in _own(one.get("instance", ""))}

    def evaluated() -> bool:
        return all(rule["lastEvaluation"][:4] != "0001" for rule in _rules(scraped.server))

    wait_until(evaluated, seconds=30.0, what="every rule to be evaluated")
    assert told("firing") == {"DeadMan"}
    # Those that only wait for their hold time, too.
    with suppress(ServerError):
        wait_until(lambda: told("pending") <= _EXPECTED)
    assert told("pending") - _EXPECTED == set()


def _own(instance: str) -> set[str]:
    """What an instance may be told of the machine that runs the tests, which is that machine's own affair."""
    return _OF_ITS_TREE if "elsewhere" in instance else _OF_ITS_TREE | _OF_ITS_LOAD


def _answer(server: prometheus.PrometheusServer, query: Query, *, relaxed: bool) -> list[dict[str, Any]]:
    """What a query gives; a `relaxed` one that gives nothing, what it gives of counters instead of their rates.

    That its operands match is seen all the same.
    """
    text = query.promql("30s")
    at = now()
    found = _series(server, text, at)
    if found or not relaxed:
        return found
    return _series(server, _ENOUGH.sub(" >= 0)", _RATE.sub(r"\1", text)), at)


def _series(server: prometheus.PrometheusServer, text: str, at: float) -> list[dict[str, Any]]:
    data = server.instant(text, at)
    return list(data["result"]) if data["resultType"] == "vector" else [{"metric": {}}]


def _rules(server: prometheus.PrometheusServer) -> list[dict[str, Any]]:
    groups = server.api("rules")["groups"]
    return [rule for group in groups for rule in group["rules"]]


def _error(server: prometheus.PrometheusServer, text: str) -> str:
    try:
        server.instant(text, now())
    except OSError as error:
        return str(error)
    return ""
