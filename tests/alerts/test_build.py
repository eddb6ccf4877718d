"""The generated files, judged by promtool and amtool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from alerts.build import Links, Routing, files
from alerts.conditions import Rule
from dashboards.build import panel_paths
from tests.alerts.shipped import catalogue, rules
from tests.conftest import need
from tests.servers import alertmanager, prometheus
from watchkeeper.queries import metrics_of

WATCHED = [rule for rule in rules() if metrics_of(rule.condition)]


def built(**options: object) -> dict[str, bytes]:
    shipped = catalogue()
    return files(shipped.alerts.values(), shipped.slos.values(), shipped.query, **options)  # type: ignore[arg-type]


def written(content: Mapping[str, bytes], directory: Path) -> Path:
    for name, data in content.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return directory


def test_the_same_definitions_give_the_same_bytes() -> None:
    shipped = catalogue()
    turned = files(reversed(tuple(shipped.alerts.values())), reversed(tuple(shipped.slos.values())), shipped.query)
    assert turned == built()


def test_promtool_accepts_every_rule_file(tmp_path: Path) -> None:
    need(prometheus.available())
    directory = written(built(), tmp_path)
    done = prometheus.promtool("check", "rules", *sorted((directory / "rules").glob("*.yaml")))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("system", sorted({rule.system for rule in rules()}))
def test_promtool_finds_every_alert_firing_and_quiet(system: str, tmp_path: Path) -> None:
    need(prometheus.available())
    directory = written(built(), tmp_path)
    done = prometheus.promtool("test", "rules", directory / "rules" / "tests" / f"{system}.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("rule", WATCHED, ids=lambda rule: rule.name)
def test_every_alert_has_a_test_for_both_sides(rule: Rule) -> None:
    tests = yaml.safe_load(built()[f"rules/tests/{rule.system}.yaml"])["tests"]
    names = {test["name"] for test in tests}
    assert {f"{rule.name} fires", f"{rule.name} is quiet"} <= names


def test_a_generated_test_notices_a_moved_threshold(tmp_path: Path) -> None:
    """The tests of one threshold, run against the rules of another, fail."""
    need(prometheus.available())
    shipped = catalogue()
    moved = replace(shipped.alerts["RedisMemoryHigh"], threshold=0.5)
    others = files([moved], [], shipped.query)
    directory = written({**others, "rules/tests/redis.yaml": built()["rules/tests/redis.yaml"]}, tmp_path)
    done = prometheus.promtool("test", "rules", directory / "rules" / "tests" / "redis.yaml")
    assert done.returncode != 0
    assert "RedisMemoryHigh" in done.stdout + done.stderr


def test_an_alert_carries_its_runbook_and_links() -> None:
    links = Links(
        console_url="https://watch.example/",
        grafana_url="https://grafana.example",
        panels=panel_paths(catalogue().dashboards.values()),
    )
    groups = yaml.safe_load(built(links=links)["rules/redis.yaml"])["groups"]
    down = next(rule for rule in groups[0]["rules"] if rule["alert"] == "RedisDown")
    annotations = down["annotations"]
    assert down["labels"] == {"severity": "critical", "system": "redis", "owner": "platform"}
    assert annotations["runbook"] == "redis/down"
    assert annotations["runbook_url"] == "https://watch.example/library/redis/down"
    assert annotations["dashboard_url"].startswith("https://grafana.example/d/watchkeeper-redis/redis?viewPanel=")
    assert annotations["panel"] == "redis/up"
    assert annotations["query"] == down["expr"]


@pytest.mark.parametrize(
    "routing",
    [
        Routing(),
        Routing(
            webhook_url="https://watch.example/webhooks/alertmanager",
            owners=(("data", "https://chat.example/data"),),
            dead_man_url="https://dead-man.example/ping",
            credentials_file="/etc/alertmanager/token",
        ),
    ],
    ids=["default", "all"],
)
def test_amtool_accepts_the_configuration(routing: Routing, tmp_path: Path) -> None:
    need(alertmanager.available())
    directory = written(built(routing=routing), tmp_path)
    done = alertmanager.amtool("check-config", directory / "alertmanager" / "alertmanager.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "labels, receivers",
    [
        (("alertname=RedisDown", "severity=critical", "owner=platform"), "watchkeeper"),
        (("alertname=DeadMan", "severity=info", "owner=platform"), "dead-man"),
        (("alertname=Other", "severity=info", "owner=platform"), "nobody"),
        (("alertname=RedisDown", "severity=critical", "owner=data"), "owner-data,watchkeeper"),
        (("alertname=Foreign", "severity=page"), "watchkeeper"),
    ],
)
def test_an_alert_is_routed_to(labels: tuple[str, ...], receivers: str, tmp_path: Path) -> None:
    need(alertmanager.available())
    directory = written(built(routing=Routing(owners=(("data", "https://chat.example/data"),))), tmp_path)
    config = directory / "alertmanager" / "alertmanager.yaml"
    done = alertmanager.amtool("config", "routes", "test", f"--config.file={config}", *labels)
    assert done.stdout.strip() == receivers
