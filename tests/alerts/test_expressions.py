"""Every expression that is drawn or alerted on, asked of a Prometheus that scrapes what is really exposed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from alerts.build import files as alert_files
from alerts.slos import recordings
from collectors.runtime import Sidecar
from collectors.server import serve
from dashboards.build import files as dashboard_files
from examples.agent_platform import launch
from examples.servers.postgresql import PostgreSQLServer
from examples.servers.redis import RedisServer
from tests.alerts.shipped import catalogue, rules
from tests.conftest import need
from tests.servers import prometheus, wait_until
from watchkeeper.clock import now
from watchkeeper.queries import Query, metrics_of
from watchkeeper.settings import Target

# What these systems say comes from the process of `watchkeeper up` and from bills, not from collectors.
OTHERS = {"bills", "detectors"}


@pytest.fixture(scope="module")
def scraped(
    tmp_path_factory: pytest.TempPathFactory,
    postgresql_server: PostgreSQLServer,
    _shared_redis: RedisServer,
) -> Iterator[prometheus.PrometheusServer]:
    """A Prometheus with the generated rules that scrapes the sidecar and the example platform."""
    need(prometheus.available())
    targets = (
        Target(name="here", system="host"),
        Target(name="db", system="postgresql", url=postgresql_server.create_monitor_role()),
        Target(name="cache", system="redis", url=_shared_redis.url),
    )
    sidecar = Sidecar(targets)
    server = serve(sidecar, "127.0.0.1", 0)
    shipped = catalogue()
    built = alert_files(shipped.alerts.values(), shipped.slos.values(), shipped.query)
    with launch(tmp_path_factory.mktemp("platform"), pace=20.0, seed=7) as platform:
        addresses = [target.url.removeprefix("http://").removesuffix("/metrics") for target in platform.targets]
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "2s"},
            "rule_files": ["rules/*.yaml"],
            "scrape_configs": [
                {"job_name": "watchkeeper", "static_configs": [{"targets": [f"127.0.0.1:{server.port}"]}]},
                {"job_name": "agent_platform", "static_configs": [{"targets": addresses}]},
            ],
        }
        rules_only = {name: data.decode() for name, data in built.items() if name.count("/") == 1 and "rules" in name}
        with prometheus.run(yaml.safe_dump(config), files=rules_only) as running:
            # Two scrapes after the first task is done, so that every rate has something to rise from.
            running.wait_for("sum(rate(gen_ai_workflow_duration_seconds_count[30s])) > 0", seconds=60.0)
            running.wait_for("redis_up == 1 and on () pg_up == 1")
            running.wait_for("slo:error_budget:remaining30d")
            yield running
    server.shutdown()
    sidecar.close()


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


def test_prometheus_answers_every_panel(scraped: prometheus.PrometheusServer) -> None:
    refused = [f"{where}: {error}" for where, text in drawn() if (error := _error(scraped, text))]
    assert refused == []


def test_prometheus_answers_every_alert(scraped: prometheus.PrometheusServer) -> None:
    loaded = _rules(scraped)
    assert {rule["name"] for rule in loaded if rule["type"] == "alerting"} == {rule.name for rule in rules()}
    assert [f"{rule['name']}: {rule['lastError']}" for rule in loaded if rule.get("lastError")] == []


def test_every_series_that_is_named_exists_or_says_what_it_needs(scraped: prometheus.PrometheusServer) -> None:
    shipped = catalogue()
    exists = set(scraped.api("label/__name__/values"))
    named: set[str] = set()
    missing: set[str] = set()
    excused: set[str] = set()
    for query in watched():
        for metric in metrics_of(query):
            signal = shipped.signal_of(metric)
            if signal is None:
                assert metric.startswith("slo:"), metric
            elif shipped.owners[signal.name] in OTHERS:
                continue
            named.add(metric)
            if metric not in exists:
                (excused if signal is not None and signal.requires else missing).add(metric)
    assert missing == set()
    assert len(excused) <= 0.1 * len(named), sorted(excused)


def test_a_healthy_installation_is_told_of_nothing_but_the_dead_man(scraped: prometheus.PrometheusServer) -> None:
    def evaluated() -> bool:
        return all(rule["lastEvaluation"][:4] != "0001" for rule in _rules(scraped))

    wait_until(evaluated, seconds=30.0, what="every rule to be evaluated")
    firing = {alert["labels"]["alertname"] for alert in scraped.api("alerts")["alerts"] if alert["state"] == "firing"}
    # The machine that runs the tests may be busy or full; that is its own affair.
    assert {name for name in firing if not name.startswith("Host")} == {"DeadMan"}


def _rules(server: prometheus.PrometheusServer) -> list[dict[str, Any]]:
    groups = server.api("rules")["groups"]
    return [rule for group in groups for rule in group["rules"]]


def _error(server: prometheus.PrometheusServer, text: str) -> str:
    try:
        server.instant(text, now())
    except OSError as error:
        return str(error)
    return ""
