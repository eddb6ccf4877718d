"""The linter of manifests: each trap is seeded into a manifest that is well, and found at its line."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from collectors.deploy import lint, manifest, plan_for
from collectors.deploy.lint import RULES
from collectors.deploy.plan import Plan
from tests.collectors.test_deploy import WORKLOAD
from watchkeeper.errors import SettingsError

Documents = list[dict[str, Any]]

SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "cache", "labels": {"app": "cache"}},
    "spec": {"selector": {"app": "cache"}, "ports": [{"name": "metrics", "port": 9464, "targetPort": "watchkeeper"}]},
}
SERVICE_MONITOR = {
    "apiVersion": "monitoring.coreos.com/v1",
    "kind": "ServiceMonitor",
    "metadata": {"name": "cache"},
    "spec": {"selector": {"matchLabels": {"app": "cache"}}, "endpoints": [{"port": "mterics"}]},
}


def _plan() -> Plan:
    return plan_for("redis")


def _well() -> Documents:
    return list(yaml.safe_load_all(manifest(_plan(), workload=WORKLOAD)))


def _pod(documents: Documents) -> dict[str, Any]:
    found: dict[str, Any] = documents[1]["spec"]["template"]
    return found


def _sidecar(documents: Documents) -> dict[str, Any]:
    found: dict[str, Any] = _pod(documents)["spec"]["initContainers"][0]
    return found


def _settings(documents: Documents, old: str, new: str) -> None:
    data = documents[0]["data"]
    data["watchkeeper.yaml"] = data["watchkeeper.yaml"].replace(old, new)


def _deep(value: dict[str, Any], *path: Any) -> dict[str, Any]:
    for step in path:
        value = value[step]
    return value


# What is done to the manifest, and a word of the line at which it is to be found.
SEEDED: dict[str, tuple[Callable[[Documents], Any], str]] = {
    "readiness-tied-to-target": (
        lambda d: _sidecar(d).update(readinessProbe={"httpGet": {"path": "/metrics", "port": 9464}}),
        "path: /metrics",
    ),
    "not-native": (lambda d: _sidecar(d).pop("restartPolicy"), "watchkeeper:"),
    "not-collect": (lambda d: _sidecar(d)["args"].__setitem__(0, "colect"), "colect"),
    "path-unmounted": (lambda d: _sidecar(d)["volumeMounts"].pop(1), "watchkeeper.yaml"),
    "port-unmatched": (lambda d: d[2]["spec"]["podMetricsEndpoints"][0].update(port="metrics"), "port: metrics"),
    "endpoints-of-init-container": (lambda d: d.append(SERVICE), "targetPort: watchkeeper"),
    "selector-unmatched": (lambda d: d[2]["spec"].update(selector={"matchLabels": {"app": "other"}}), "selector:"),
    "cpu-limit": (lambda d: _sidecar(d)["resources"]["limits"].update(cpu="50m"), "cpu: 50m"),
    "no-memory-limit": (lambda d: _sidecar(d)["resources"].pop("limits"), "resources:"),
    "two-discoveries": (
        lambda d: _pod(d)["metadata"].update(annotations={"prometheus.io/scrape": "true"}),
        "prometheus.io/scrape",
    ),
    "loopback-in-pod": (lambda d: _settings(d, "0.0.0.0", "127.0.0.1"), "watchkeeper.yaml"),
    "port-differs": (lambda d: _settings(d, "9464", "9465"), "watchkeeper.yaml"),
    "secret-in-manifest": (
        lambda d: _sidecar(d).update(env=[{"name": "REDIS_PASSWORD", "value": "hunter2"}]),
        "name: REDIS_PASSWORD",
    ),
    "runs-as-root": (lambda d: _sidecar(d)["securityContext"].pop("runAsNonRoot"), "securityContext:"),
    "writable-root": (lambda d: _sidecar(d)["securityContext"].pop("readOnlyRootFilesystem"), "securityContext:"),
    "privileges": (lambda d: _sidecar(d)["securityContext"].pop("capabilities"), "securityContext:"),
    "image-not-pinned": (lambda d: _sidecar(d).update(image="registry:5000/watchkeeper"), "image: registry"),
}


def test_every_rule_is_seeded() -> None:
    assert SEEDED.keys() == RULES.keys()


@pytest.mark.parametrize("code", sorted(RULES))
def test_a_seeded_trap_is_found_at_its_line(code: str) -> None:
    seed, word = SEEDED[code]
    documents = _well()
    seed(documents)
    text = yaml.safe_dump_all(documents, sort_keys=False)
    found = lint(text, "pod.yaml")
    assert {finding.code for finding in found} == {code}
    line = found[0].line
    around = text.splitlines()[line - 1 : line + 1] if code == "not-native" else [text.splitlines()[line - 1]]
    assert any(word in one or "name: watchkeeper" in one for one in around), around


def test_a_service_monitor_with_a_port_that_its_service_has_not() -> None:
    documents = [*_well(), {**SERVICE, "spec": {**_deep(SERVICE, "spec"), "ports": [{"name": "metrics", "port": 80}]}}]
    text = yaml.safe_dump_all([*documents, SERVICE_MONITOR])
    assert [finding.code for finding in lint(text, "x.yaml")] == ["port-unmatched"]


def test_a_password_in_an_argument() -> None:
    documents = _well()
    _sidecar(documents)["args"].append("--dsn=postgresql://me:hunter2@db/app")
    (found,) = lint(yaml.safe_dump_all(documents), "x.yaml")
    assert found.code == "secret-in-manifest"
    assert "hunter2" not in str(found)


PROBES: tuple[dict[str, Any], ...] = (
    {"tcpSocket": {"port": 6379}},
    {"httpGet": {"path": "/healthz", "port": 6379}},
    {"httpGet": {"path": "/probe?target=redis", "port": 9464}},
    {"exec": {"command": ["sh", "-c", "wget -qO- http://127.0.0.1:9464/metrics"]}},
)


@pytest.mark.parametrize("probe", PROBES)
def test_a_probe_that_asks_the_target_in_another_way(probe: dict[str, Any]) -> None:
    documents = _well()
    _sidecar(documents)["readinessProbe"] = probe
    assert [finding.code for finding in lint(yaml.safe_dump_all(documents), "x.yaml")] == ["readiness-tied-to-target"]


def test_a_container_that_does_what_its_image_does_is_a_sidecar() -> None:
    documents = _well()
    del _sidecar(documents)["args"], _sidecar(documents)["restartPolicy"]
    assert [finding.code for finding in lint(yaml.safe_dump_all(documents), "x.yaml")] == ["not-native"]


def test_a_password_in_the_settings() -> None:
    documents = _well()
    _settings(documents, "redis://", "redis://me:hunter2@")
    (found,) = lint(yaml.safe_dump_all(documents), "x.yaml")
    assert found.code == "secret-in-manifest"
    assert "hunter2" not in str(found)


@pytest.mark.parametrize(
    "variable",
    [
        {"name": "REDIS_PASSWORD_FILE", "value": "/etc/watchkeeper-secrets/password"},
        {"name": "REDIS_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "redis", "key": "password"}}},
        {"name": "REDIS_PASSWORD", "value": "$(FROM_ELSEWHERE)"},
        {"name": "DSN", "value": "postgresql://me:$(PASSWORD)@db/app"},
        {"name": "TOKEN", "value": ""},
    ],
)
def test_a_reference_to_a_secret_is_no_secret(variable: dict[str, Any]) -> None:
    documents = _well()
    _sidecar(documents)["env"] = [variable]
    assert lint(yaml.safe_dump_all(documents), "x.yaml") == []


def test_the_user_root_is_root() -> None:
    documents = _well()
    _sidecar(documents)["securityContext"]["runAsUser"] = 0
    assert [finding.code for finding in lint(yaml.safe_dump_all(documents), "x.yaml")] == ["runs-as-root"]


def test_a_selector_of_expressions_may_select_anything() -> None:
    documents = _well()
    expression = {"key": "app", "operator": "Exists"}
    documents[2]["spec"].update(selector={"matchExpressions": [expression]})
    documents[2]["spec"]["podMetricsEndpoints"][0]["port"] = "of-others"
    assert lint(yaml.safe_dump_all(documents), "x.yaml") == []


def test_other_texts_beside_the_settings_are_left_in_peace() -> None:
    documents = _well()
    documents[0]["data"]["notes.txt"] = "not settings"
    assert lint(yaml.safe_dump_all(documents), "x.yaml") == []


def test_the_pods_of_a_cron_job_are_looked_at() -> None:
    job = {"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": _pod(_well())}}}}
    _deep(job, "spec", "jobTemplate", "spec", "template", "spec", "initContainers", 0).pop("restartPolicy")
    assert [finding.code for finding in lint(yaml.safe_dump(job), "x.yaml")] == ["not-native"]


def test_a_list_is_not_passed_over() -> None:
    with pytest.raises(SettingsError, match=r"^x.yaml:1: a List: write its items as documents"):
        lint(yaml.safe_dump({"kind": "List", "items": _well()}), "x.yaml")


def test_settings_that_are_none_are_found() -> None:
    documents = _well()
    _settings(documents, "targets", "tragets")
    (found,) = lint(yaml.safe_dump_all(documents), "x.yaml")
    assert "tragets" in found.message


def test_other_peoples_manifests_are_left_in_peace() -> None:
    assert lint(yaml.safe_dump(WORKLOAD), "x.yaml") == []


@pytest.mark.parametrize(
    "text,why",
    [
        ("just a text\n", "no Kubernetes object here: every one has apiVersion and kind"),
        ("services: {cache: {image: redis}}\n", "no Kubernetes object here: it looks like a Compose file"),
        ('kind: Pod\nmetadata: {name: "{{ .Release.Name }}"}\n', "a Helm template: render it first with helm template"),
        ("{{- if .Values.on }}\nkind: Pod\n{{- end }}\n", "a Helm template: render it first with helm template"),
    ],
)
def test_a_file_that_is_something_else_is_one_line(text: str, why: str) -> None:
    with pytest.raises(SettingsError, match=f"^x.yaml: {why}"):
        lint(text, "x.yaml")


@pytest.mark.parametrize(
    "old,new,message",
    [
        ("system: redis", "system: reddis", "watchkeeper.yaml:4: .*Did you mean redis"),
        ("redis://127.0.0.1:6379", "postgresql://127.0.0.1", "watchkeeper.yaml:5: .*url begins with postgresql://"),
    ],
)
def test_settings_in_a_config_map_are_checked_as_collect_would(old: str, new: str, message: str) -> None:
    documents = _well()
    _settings(documents, old, new)
    (found,) = lint(yaml.safe_dump_all(documents), "x.yaml")
    assert found.code == "settings"
    assert re.match(message, found.message)


def test_settings_that_no_volume_brings_are_found() -> None:
    documents = _well()
    _sidecar(documents)["args"] = ["collect", "--config", "/etc/elsewhere/watchkeeper.yaml"]
    (found,) = lint(yaml.safe_dump_all(documents), "x.yaml")
    assert found.code == "path-unmounted"
    assert found.message.endswith("--config /etc/elsewhere/watchkeeper.yaml")


def test_braces_of_a_legend_are_no_helm_template() -> None:
    documents = _well()
    documents[0]["data"]["notes.txt"] = "legend: '{{ instance }}'"
    assert lint(yaml.safe_dump_all(documents), "x.yaml") == []


def test_what_is_no_yaml_is_one_line() -> None:
    with pytest.raises(SettingsError, match=r"^x.yaml:3: not YAML"):
        lint("a: 1\nb: [", "x.yaml")


def test_the_documentation_lists_every_rule() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "deployment.md").read_text()
    for code, why in RULES.items():
        assert f"| `{code}` | {why} |" in text
