"""`config check`: what `collect` would refuse is refused, with its line, and nothing is connected to."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.app.test_cli import run
from watchkeeper.app.commands.config import PURPOSES, example_text
from watchkeeper.app.demo import open_demo
from watchkeeper.errors import SettingsError
from watchkeeper.settings import Settings, load

Mistaken = Callable[..., list[str]]

CACHE = "targets:\n  - name: cache\n    system: redis\n    url: redis://127.0.0.1\n"
SECOND = "  - name: other\n    system: redis\n    url: redis://127.0.0.2\n"


@pytest.fixture
def mistaken(tmp_path: Path) -> Mistaken:
    from collectors.deploy.check import mistakes
    from watchkeeper.yaml import read_document

    def found(text: str, together: bool = True) -> list[str]:
        path = tmp_path / "w.yaml"
        path.write_text(text)
        document = read_document(text, "w.yaml")
        return [
            f"{document.line(place)}: {message}"
            for place, message in mistakes(load(path), files=True, together=together)
        ]

    return found


@pytest.mark.parametrize(
    "text,message",
    [
        (
            CACHE.replace("redis\n", "reddis\n"),
            "3: target cache: system 'reddis' has no collector .*Did you mean redis?",
        ),
        (CACHE.replace("redis://", "mongodb://"), "4: target cache: url begins with mongodb://"),
        (CACHE + "    options:\n      key_limt: 5\n", "6: target cache: unknown option 'key_limt'"),
        (CACHE.replace("redis", "postgresql") + "    options:\n      query_timeout: soon\n", "6: .*query_timeout is "),
        (
            CACHE.replace("redis", "postgresql") + "    options:\n      queries:\n        jobs:\n          query: ''\n",
            "7: target cache: query jobs: query is missing",
        ),
        (CACHE + "    options:\n      key_limit: 5\n      check_keys: dbx=a\n", "7: .*'dbx=a' is no dbN=KEY"),
        ("targets:\n  - name: page\n    system: probes\n    url: http:///x\n", "4: target page: the url names no host"),
        ("access:\n  user: a\n  password: {env: NOTHING_IN_IT}\n", "3: access: the secret in NOTHING_IN_IT is empty"),
        (CACHE + "    password: {file: none}\n", "5: target cache: secret: cannot read .*none"),
        (CACHE + "    password: {env: NOT_THERE}\n", "5: target cache: secret: environment variable NOT_THERE"),
        ("access:\n  tls: {cert_file: a, key_file: b}\n", "2: access.tls: .*a, .*b: no such file"),
        ("push:\n  textfile: out.txt\n", "2: push.textfile: node_exporter reads only files that end in .prom"),
        ("alertmanager:\n  url: https://x\n  ca_file: none\n", "3: alertmanager: .*/none cannot be used: No such file"),
        ("push:\n  remote_write:\n    url: http://x\n    ca_file: none\n", "4: push.remote_write: .*cannot be used"),
        (CACHE + SECOND, "5: targets cache and other would expose the same series"),
    ],
)
def test_what_collect_would_refuse_is_told_with_its_line(
    mistaken: Mistaken, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.setenv("NOTHING_IN_IT", "")
    (found,) = mistaken(text)
    assert re.match(message, found)


def test_every_mistake_is_told(mistaken: Mistaken) -> None:
    text = CACHE + "    options: {a: 1}\n" + SECOND + "    password: {file: none}\npush: {textfile: out}\n"
    assert [one.partition(":")[0] for one in mistaken(text)] == ["5", "9", "10"]


def test_the_same_series_are_told_where_the_second_target_stands(mistaken: Mistaken) -> None:
    unknown = "  - {name: x, system: nothing}\n"
    found = mistaken(CACHE + unknown + SECOND)
    assert [one.partition(" ")[0] for one in found] == ["5:", "6:"]


def test_up_tells_targets_of_one_system_apart(mistaken: Mistaken) -> None:
    assert mistaken(CACHE + SECOND, False) == []


def test_targets_that_another_system_exposes_are_well(mistaken: Mistaken) -> None:
    text = "targets:\n  - {name: gateway, system: agent_platform, url: 'http://127.0.0.1:9101/metrics'}\n"
    assert mistaken(text) == []


def test_check_prints_path_and_line_and_takes_config(tmp_path: Path) -> None:
    (tmp_path / "w.yaml").write_text(CACHE.replace("redis\n", "reddis\n"))
    done = run("config", "check", "--config", "w.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("watchkeeper: w.yaml:3: target cache: system 'reddis'")
    assert not done.stdout


def test_an_override_of_what_does_not_exist_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "watchkeeper.yaml").write_text("alerts:\n  RedisMemoryHig: {enabled: false}\n")
    done = run("config", "check", cwd=tmp_path)
    assert done.returncode == 2
    assert "watchkeeper.yaml:2: alerts.RedisMemoryHig overrides what does not exist. Did you mean" in done.stderr


def test_collect_without_settings_offers_those_of_a_sidecar(tmp_path: Path) -> None:
    done = run("collect", cwd=tmp_path)
    assert done.returncode == 2
    assert "write one with `watchkeeper config example --for sidecar > watchkeeper.yaml`" in done.stderr


def test_the_example_grants_redis_what_its_documentation_does() -> None:
    rights = (Path(__file__).parents[2] / "docs" / "systems" / "redis.md").read_text()
    (wanted,) = re.findall(r"^ACL SETUSER watchkeeper .*$", rights, re.MULTILINE)
    assert wanted in example_text("sidecar")


def test_no_role_is_made_without_a_password() -> None:
    for purpose in PURPOSES:
        for command in re.findall(r"CREATE ROLE.*", example_text(purpose)):
            assert "PASSWORD" in command


def test_the_demo_without_a_clone_says_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "examples", None)  # as where only the package is installed
    monkeypatch.delitem(sys.modules, "examples.agent_platform", raising=False)
    with (
        pytest.raises(SettingsError, match="clone the repository and type `make demo`"),
        open_demo(tmp_path, listen="127.0.0.1:0", seed=1),
    ):
        pass


@pytest.mark.parametrize(
    "targets,evaluate,line",
    [(0, False, "taking Alertmanager's webhooks"), (1, True, "watching 1 target"), (0, True, "watching 0 targets")],
)
def test_what_runs_says_what_it_does(targets: int, evaluate: bool, line: str) -> None:
    from watchkeeper.app.running import _what
    from watchkeeper.settings import Target

    settings = Settings(targets=tuple(Target(name=str(index), system="host") for index in range(targets)))
    assert _what(settings, evaluate) == line


def test_a_bill_that_is_not_there_is_a_clear_line(tmp_path: Path) -> None:
    done = run("cost", "bills", cwd=tmp_path)
    assert done.returncode == 1
    assert "left out: bills: no such file or directory\n" in done.stderr


def test_lint_says_that_all_is_well_and_goes_on_after_another_file(tmp_path: Path) -> None:
    manifest = run("collect", "manifest", "--for", "redis", cwd=tmp_path).stdout
    (tmp_path / "a.yaml").write_text("services: {}\n")
    (tmp_path / "b.yaml").write_text(manifest)
    well = run("collect", "lint", "b.yaml", cwd=tmp_path)
    assert (well.returncode, well.stdout, well.stderr) == (0, "", "1 file, no findings\n")
    (tmp_path / "b.yaml").write_text(manifest.replace("restartPolicy: Always", "restartPolicy: Never"))
    done = run("collect", "lint", "a.yaml", "b.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("watchkeeper: a.yaml: no Kubernetes object here")
    assert "[not-native]" in done.stdout


@pytest.mark.parametrize(
    "words,message",
    [
        (["--workload", "statefulset/db", "--into", "b.yaml"], "give one of them"),
        (["--as", "prometheus", "--address", "nonsense"], "--address 'nonsense' is not HOST:PORT"),
    ],
)
def test_options_of_a_manifest_that_cannot_be_followed_are_refused(
    tmp_path: Path, words: list[str], message: str
) -> None:
    done = run("collect", "manifest", "--for", "redis", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
