"""Manifests: valid for Kubernetes, Helm's templates rendered by Go's own engine, the same container in every form."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from collectors.deploy import files, lint, manifest, plan_for
from collectors.deploy.kubernetes import deployment, with_sidecar
from collectors.deploy.plan import Plan, collected
from collectors.forms import Form
from examples.servers.process import find_program
from watchkeeper.errors import SettingsError
from watchkeeper.settings import parse

ROOT = Path(__file__).resolve().parents[2]
# The oldest Kubernetes with native sidecars, and the newest that the validator knows.
VERSIONS = ("1.29.0", "1.34.0")
WORKLOAD: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "StatefulSet",
    "metadata": {"name": "cache"},
    "spec": {
        "serviceName": "cache",
        "selector": {"matchLabels": {"app": "cache"}},
        "template": {
            "metadata": {"labels": {"app": "cache"}},
            "spec": {
                "initContainers": [{"name": "prepare", "image": "example.com/prepare:1"}],
                "containers": [{"name": "redis", "image": "redis:7.4.1", "ports": [{"containerPort": 6379}]}],
                "volumes": [{"name": "data", "emptyDir": {}}],
            },
        },
    },
}


def _plan(form: Form = "native-sidecar", **fields: Any) -> Plan:
    return plan_for("redis", form, **fields)


def _documents(text: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(text))


def _validate(document: dict[str, Any], version: str) -> None:
    """Against the schema of that release; a resource of an operator has none there."""
    if document["kind"] != "PodMonitor":
        kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("discovery", ["podmonitor", "annotations", "none"])
def test_kubernetes_accepts_a_workload_with_the_sidecar(version: str, discovery: Any) -> None:
    for document in _documents(manifest(_plan(discovery=discovery), workload=WORKLOAD)):
        _validate(document, version)


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_accepts_a_deployment(version: str) -> None:
    for document in _documents(manifest(_plan("deployment", namespace="data"))):
        _validate(document, version)


def test_the_schemas_would_refuse_a_mistake() -> None:
    wrong = with_sidecar(_plan(), WORKLOAD)
    wrong["spec"]["template"]["spec"]["initContainers"][0]["restartPolicy"] = ["Always"]
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


@pytest.mark.parametrize("form", ["native-sidecar", "deployment"])
@pytest.mark.parametrize("discovery", ["podmonitor", "annotations", "none"])
def test_the_linter_finds_nothing_in_our_own(form: Any, discovery: Any) -> None:
    assert lint(manifest(_plan(form, discovery=discovery), workload=WORKLOAD), "ours.yaml") == []


def test_a_sidecar_starts_before_all_others_and_leaves_them_as_they_are() -> None:
    found = with_sidecar(_plan(), WORKLOAD)
    spec = found["spec"]["template"]["spec"]
    assert [one["name"] for one in spec["initContainers"]] == ["watchkeeper", "prepare"]
    assert spec["containers"] == WORKLOAD["spec"]["template"]["spec"]["containers"]
    assert {"name": "data", "emptyDir": {}} in spec["volumes"]


def test_adding_it_twice_is_adding_it_once() -> None:
    once = with_sidecar(_plan(), WORKLOAD)
    assert with_sidecar(_plan(), once) == once


def test_the_settings_in_it_are_settings() -> None:
    config = _documents(manifest(_plan()))[0]
    settings = parse(config["data"]["watchkeeper.yaml"])
    assert settings.listener.port == 9464
    assert settings.targets[0].password is not None


def test_a_password_in_the_address_is_refused() -> None:
    with pytest.raises(SettingsError, match="does not belong into a manifest"):
        _plan(url="redis://user:hunter2@127.0.0.1:6379")


def test_a_system_that_exposes_itself_needs_no_sidecar() -> None:
    with pytest.raises(SettingsError, match="needs no sidecar"):
        plan_for("agent_platform")


@pytest.mark.parametrize("form", ["native-sidecar", "deployment", "compose", "helm", "kustomize"])
def test_what_reads_its_machine_is_no_sidecar(form: Form) -> None:
    with pytest.raises(SettingsError, match="--for logs: it reads the machine that it runs on: --as systemd"):
        plan_for("logs", form, url="file:///var/log/*.log")


def test_a_unit_has_the_groups_and_the_directory_that_its_collector_names() -> None:
    logs = manifest(plan_for("logs", "systemd", url="file:///var/log/*.log"))
    assert "\nSupplementaryGroups=adm systemd-journal\nStateDirectory=watchkeeper\n" in logs
    assert not re.search("SupplementaryGroups|StateDirectory", manifest(_plan("systemd")))


@pytest.mark.parametrize("system", ["pinecone", "probes"])
def test_what_is_read_from_outside_stands_beside_nothing(system: str) -> None:
    with pytest.raises(SettingsError, match=f"--for {system}: it is read from outside.*--as deployment"):
        plan_for(system, url="https://example.com")
    assert plan_for(system, "deployment", url="https://example.com").url == "https://example.com"


@pytest.mark.parametrize("system", collected())
def test_a_system_whose_documentation_shows_a_password_gets_a_secret(system: str) -> None:
    text = (ROOT / "docs" / "systems" / f"{system}.md").read_text()
    examples = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    shown = [target for example in examples for target in (yaml.safe_load(example) or {}).get("targets", ())]
    assert shown
    login = import_module(f"collectors.{system}").COLLECTOR.login
    assert (login != "none") == any("password" in target for target in shown)
    assert (login == "user") == any("user" in target for target in shown)


def test_an_unknown_system_is_named() -> None:
    with pytest.raises(SettingsError, match="no system has this key"):
        plan_for("oracle")


def test_an_unknown_system_is_guessed_and_all_are_listed() -> None:
    with pytest.raises(SettingsError, match=r"Did you mean postgresql\? Systems: .*mongodb, .*redis"):
        plan_for("postgres")


def test_a_form_that_does_not_exist_is_told_before_an_address_is_asked_for() -> None:
    with pytest.raises(SettingsError, match="there is no native-sidecar of it"):
        plan_for("logs")


@pytest.mark.parametrize("url", ["postgresql://127.0.0.1:5432", "127.0.0.1:6379", "redis://127.0.0.1:port"])
def test_an_address_that_the_system_does_not_speak_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^--url: "):
        _plan(url=url)


def test_a_kind_without_pods_is_refused() -> None:
    with pytest.raises(SettingsError, match="a Service has no pod"):
        with_sidecar(_plan(), {"kind": "Service"})


def test_compose_mounts_the_secret_where_the_settings_look() -> None:
    found = yaml.safe_load(manifest(_plan("compose")))
    (service,) = found["services"].values()
    settings = parse(found["configs"]["watchkeeper-redis"]["content"])
    password = settings.targets[0].password
    assert password is not None
    assert password.file == f"/run/secrets/{service['secrets'][0]}"
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    program = find_program("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed (Debian package systemd)")
    # The unit's own program is not installed on the machine that tests it.
    unit = tmp_path / "watchkeeper-redis.service"
    text = manifest(_plan("systemd"))
    unit.write_text(text.replace("/opt/watchkeeper/bin/watchkeeper", "/bin/true"))
    done = subprocess.run([program, "verify", unit], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert unit.name not in done.stderr
    commented = "\n".join(line[4:] for line in text.splitlines() if line.startswith("#   "))
    assert parse(commented).listener.host == "127.0.0.1"


def test_kustomize_names_files_that_are_there() -> None:
    found = files(_plan("kustomize"))
    component = yaml.safe_load(found["kustomization.yaml"])
    named = [*component["resources"], *component["configMapGenerator"][0]["files"]]
    named += [patch["path"] for patch in component["patches"]]
    assert sorted(named) == sorted(set(found) - {"kustomization.yaml"})
    patch = yaml.safe_load(found["statefulset.yaml"])
    added = with_sidecar(_plan(), WORKLOAD)["spec"]["template"]["spec"]["initContainers"][0]
    assert patch["spec"]["template"]["spec"]["initContainers"] == [added]


def test_the_dockerfile_copies_what_is_there_and_drops_root() -> None:
    text = (ROOT / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
    for names in copied:
        for name in names.split():
            assert (ROOT / name).exists(), name
    assert re.findall(r"^USER (\S+)$", text, re.MULTILINE) == ["65532:65532"]
    assert re.search(r"^ARG PYTHON=\d+\.\d+\.\d+-slim-\w+$", text, re.MULTILINE)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for extra in re.findall(r"'\.\[([\w,]+)\]'", text)[0].split(","):
        assert extra in extras


def test_the_image_installs_programs_that_find_their_libraries(tmp_path: Path) -> None:
    """The two commands of the Dockerfile, with a package that needs nothing of the network."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    make, install = re.findall(r"(python -m venv [^&]+?) +&& +(pip [^&]+?) +&&", text)[0]
    source, home = tmp_path / "source", tmp_path / "home"
    (source / "hello").mkdir(parents=True)
    (source / "hello" / "__init__.py").write_text("def main() -> None:\n    print('found')\n")
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "hello"\nversion = "0"\nrequires-python = ">=3"\n[project.scripts]\nhello = "hello:main"\n'
    )
    building = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(building, cwd=source, check=True, capture_output=True, timeout=60)
    install = install.replace("'.[sidecar]'", f"--no-index {tmp_path}/hello-0-py3-none-any.whl")
    for command in (make, install):
        words = shlex.split(command.replace("/opt/watchkeeper", str(home)))
        program = [sys.executable] if words[0] == "python" else [sys.executable, "-m", "pip"]
        subprocess.run([*program, *words[1:]], cwd=source, check=True, capture_output=True, timeout=120)
    done = subprocess.run([home / "bin" / "hello"], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "found\n"


# --- Helm: its templates use nothing but Go's own functions, so Go's own engine renders them --------------------------


def _rendered(tmp_path: Path, **changes: str) -> list[dict[str, Any]]:
    go_template = pytest.importorskip("go_template", reason="go-template has a build for x86-64 alone")
    chart = files(_plan("helm"))
    values = {**yaml.safe_load(chart["values.yaml"]), **changes}
    data = tmp_path / "values.yaml"
    release = {"Name": "cache", "Namespace": "data"}
    data.write_text(yaml.safe_dump({"Release": release, "Values": values}))
    found = []
    for path, text in chart.items():
        if path.startswith("templates/"):
            template, out = tmp_path / Path(path).name, tmp_path / "out.yaml"
            template.write_text(text)
            go_template.render_template(str(template), str(data), str(out))
            found += [document for document in _documents(out.read_text()) if document]
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_the_chart_renders_to_what_kubernetes_accepts(tmp_path: Path, version: str) -> None:
    found = _rendered(tmp_path)
    assert sorted(document["kind"] for document in found) == ["ConfigMap", "Deployment", "PodMonitor"]
    for document in found:
        _validate(document, version)
    assert lint("---\n".join(yaml.safe_dump(document) for document in found), "chart.yaml") == []


def test_the_chart_has_annotations_or_a_monitor_never_both(tmp_path: Path) -> None:
    found = {document["kind"]: document for document in _rendered(tmp_path, discovery="annotations")}
    assert "PodMonitor" not in found
    assert found["Deployment"]["spec"]["template"]["metadata"]["annotations"]["prometheus.io/port"] == "9464"
    metadata = {d["kind"]: d for d in _rendered(tmp_path)}["Deployment"]["spec"]["template"]["metadata"]
    assert "annotations" not in metadata


@pytest.mark.parametrize("discovery", ["annotations", "none"])
def test_the_chart_renders_to_the_deployment_of_the_plan(tmp_path: Path, discovery: Any) -> None:
    found = {document["kind"]: document for document in _rendered(tmp_path, discovery=discovery)}
    wanted = deployment(_plan("helm", name="cache", secret="watchkeeper-redis", namespace="data", discovery=discovery))
    for volume in wanted["spec"]["template"]["spec"]["volumes"]:
        if "secret" in volume:
            volume["secret"]["optional"] = True
    assert found["Deployment"] == wanted


def test_the_chart_carries_any_settings_through(tmp_path: Path) -> None:
    text = 'listen: 0.0.0.0:9464\ntargets: []\n# "quotes" \\ backslash: {{ braces }} é\n'
    found = {document["kind"]: document for document in _rendered(tmp_path, settings=text)}
    assert found["ConfigMap"]["data"]["watchkeeper.yaml"] == text


def test_the_charts_values_begin_with_the_discovery_that_was_asked_for() -> None:
    assert yaml.safe_load(files(_plan("helm", discovery="none"))["values.yaml"])["discovery"] == "none"


def test_the_charts_values_fulfil_its_schema() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    chart = files(_plan("helm"))
    schema = json.loads(chart["values.schema.json"])
    jsonschema.validate(yaml.safe_load(chart["values.yaml"]), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**yaml.safe_load(chart["values.yaml"]), "discovery": "both"}, schema)


def test_systemd_keeps_the_unit_safe(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed (Debian package systemd)")
    unit = tmp_path / "watchkeeper-redis.service"
    unit.write_text(manifest(_plan("systemd")).replace("/opt/watchkeeper/bin/watchkeeper", "/bin/true"))
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=25", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    # 0 is safe and 100 exposed; systemd calls up to 30 "OK".
    assert done.returncode == 0, done.stdout[-300:]
