from __future__ import annotations

from pathlib import Path

import pytest

from watchkeeper.app.commands.config import PURPOSES, example_text
from watchkeeper.errors import SettingsError
from watchkeeper.settings import Secret, load, parse

TARGET = "targets:\n  - name: cache\n    system: redis\n"


@pytest.mark.parametrize(
    "text, message",
    [
        (
            TARGET + "    timeout: 5\n",
            r"w.yaml:4: targets\[0\].timeout: expected a duration .* such as 5s .*found int 5",
        ),
        (TARGET + "    timeout: soon\n", r"w.yaml:4: targets\[0\].timeout: 'soon' is not a duration"),
        (TARGET + "    adress: x\n", r"w.yaml:4: unknown key targets\[0\].adress; allowed: name, system, url"),
        ("targts: []\n", r"w.yaml:1: unknown key targts; .* Did you mean targets\?"),
        ("targets:\n  - system: redis\n", r"w.yaml:2: targets\[0\].name is missing"),
        ("alerts:\n  X: {severity: loud}\n", r"w.yaml:2: alerts.X.severity: .*allowed are info, warning, critical"),
        ("alerts:\n  X:\n    treshold: 1\n", r"w.yaml:3: unknown key alerts.X.treshold; .*Did you mean threshold"),
        ("alerts:\n  X: {hold: '5'}\n", r"w.yaml:2: alerts.X: '5' is not a duration.*did you mean 5s"),
        ("listen: here\n", r"w.yaml:1: listen: 'here' is not HOST:PORT, for example"),
        (TARGET + "    password: hallo\n", r"w.yaml:4: targets\[0\].password: expected object"),
        (TARGET + "    password: {}\n", r"w.yaml:4: targets\[0\].password: a secret is either"),
        (TARGET + TARGET[9:], "two targets are named 'cache'"),
        ("pace: 0.5\n", "pace is 0.5: it is at least 1"),
        ("a: [\n", "w.yaml:2: not YAML"),
        ("data: x\ndata: y\n", "w.yaml:2: 'data' stands twice, first on line 1"),
        ("- a\n", "w.yaml:1: expected settings such as `targets:`, found a list"),
    ],
)
def test_a_mistake_names_path_line_what_was_found_and_what_is_allowed(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        parse(text, "w.yaml")
    assert "\n" not in str(caught.value)


def test_a_missing_file_says_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file: write one with `watchkeeper config example"):
        load(tmp_path / "w.yaml")


def test_an_empty_file_is_all_defaults() -> None:
    assert parse("").listen == "127.0.0.1:8787"


def test_durations_are_seconds() -> None:
    assert parse("scrape_interval: 1m30s").scrape_interval == 90  # type: ignore[comparison-overlap]  # the type checker says so first


@pytest.mark.parametrize("purpose", PURPOSES)
def test_the_example_works_as_it_stands(purpose: str) -> None:
    settings = parse(example_text(purpose))
    assert any(target.url == "redis://127.0.0.1:6379" for target in settings.targets)


def test_a_secret_is_read_again_after_its_rotation(tmp_path: Path) -> None:
    file = tmp_path / "password"
    secret = Secret(file=str(file))
    file.write_text("old\n")
    assert secret.resolve() == "old"
    file.write_text("new\n")
    assert secret.resolve() == "new"


def test_a_missing_secret_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"cannot read {tmp_path}/none: No such file"):
        Secret(file=str(tmp_path / "none")).resolve()


def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_THERE", raising=False)
    with pytest.raises(SettingsError, match="NOT_THERE is not set"):
        Secret(env="NOT_THERE").resolve()
