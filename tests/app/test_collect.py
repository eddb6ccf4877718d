"""`watchkeeper collect` and what belongs to it, as a person types them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from collectors.description import Cost
from collectors.families import Family
from collectors.runtime import Sidecar
from tests.collectors.helpers import application
from tests.servers import free_port
from watchkeeper.app.commands import collect_run, collect_test
from watchkeeper.app.commands.collect import command
from watchkeeper.app.commands.collect_plain import plain
from watchkeeper.app.commands.collect_run import _receivers, run
from watchkeeper.errors import SettingsError, TargetError
from watchkeeper.settings import OtlpPush, PushSettings, Seconds, Settings, Target


def _run(*arguments: str) -> str:
    result = CliRunner().invoke(command, list(arguments), catch_exceptions=False, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.output


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    return tmp_path / "watchkeeper.yaml"


def _write(path: Path, url: str, more: str = "") -> None:
    path.write_text(f"scrape_interval: 30s\ntargets:\n  - {{name: app, system: shop, url: '{url}'{more}}}\n")


TEXT = """# HELP requests_total Requests that were served.
# TYPE requests_total counter
requests_total{code="200"} 7
requests_total{code="500"} 0.5
# HELP up_since_seconds When it was started.
# TYPE up_since_seconds gauge
up_since_seconds 1700000000
"""


def test_a_test_lists_signals_and_forecasts(settings: Path) -> None:
    with application(text=TEXT) as app:
        _write(settings, app.url)
        lines = _run("test", "app", "--config", str(settings)).splitlines()
    assert lines[0].startswith("app (shop): 3 series of 2 signals in ")
    assert lines[3].split(None, 4) == [
        "requests_total",
        "counter",
        "2",
        "7",
        '{code="200"}  Requests that were served.',
    ]
    assert lines[4].split(None, 4) == ["up_since_seconds", "gauge", "1", "1700000000", "When it was started."]
    assert lines[6] == "8,640 samples a day, scraped every 30s"
    assert lines[7].startswith("0.0 to 0.0 MB a day in Prometheus, which stores a sample in 1 to 2 bytes")


def test_a_test_says_what_was_left_out(settings: Path) -> None:
    with application(text=TEXT) as app:
        _write(settings, app.url, ", max_series: 1")
        assert "2 series more were left out: max_series of the target is 1" in _run(
            "test", "app", "--config", str(settings)
        )


@pytest.mark.parametrize(
    "cost, line",
    [
        (
            Cost(2880, 0.001, "the price list of June"),
            "2,880 calls a day, 86.40 US dollars in 30 days (the price list of June)",
        ),
        (Cost(10, None, "no price list"), "10 calls a day; what a call costs is not known (no price list)"),
    ],
)
def test_money_is_told_where_a_read_costs_some(cost: Cost, line: str) -> None:
    assert collect_test._money(cost) == line


def test_a_target_that_cannot_be_read_is_one_line(settings: Path) -> None:
    _write(settings, "http://127.0.0.1:1/metrics")
    with pytest.raises(TargetError, match=r"target app: .*refused"):
        _run("test", "app", "--config", str(settings))
    with pytest.raises(SettingsError, match="no target is named 'nobody': there are app"):
        _run("test", "nobody", "--config", str(settings))


def test_the_settings_may_stand_before_the_command(settings: Path) -> None:
    with application(text=TEXT) as app:
        _write(settings, app.url)
        assert "3 series" in _run("--config", str(settings), "test", "app")


def test_once_prints_what_would_be_exposed(settings: Path) -> None:
    with application(text=TEXT) as app:
        _write(settings, app.url)
        output = _run("--config", str(settings), "--once")
    assert 'requests_total{code="200"} 7.0' in output
    assert "process_resident_memory_bytes" in output


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--once"],
        ["-c", "a.yaml", "--listen", "127.0.0.1:1"],
        ["--target", "a", "--config", "b", "--target", "c", "--once", "--config", "d"],
    ],
)
def test_a_plain_command_line_is_understood_as_click_does(words: list[str]) -> None:
    assert plain(words) == command.make_context("collect", list(words)).params


@pytest.mark.parametrize(
    "words",
    [["--help"], ["-h"], ["--config"], ["--config=a"], ["--listen", "--once"], ["test", "a"], ["--nonsense", "a"]],
)
def test_any_other_is_left_to_click(words: list[str]) -> None:
    assert plain(words) is None


@pytest.mark.parametrize("seconds", ["0", "-1", "nan"])
def test_a_timeout_that_is_none_is_wrong_usage(settings: Path, seconds: str) -> None:
    _write(settings, "http://127.0.0.1:1/metrics")
    with pytest.raises(click.BadParameter, match="is not longer than 0 seconds"):
        _run("test", "app", "--config", str(settings), "--timeout", seconds)


def test_a_target_that_is_dead_costs_once_its_exit_code_and_nothing_else(
    settings: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    with application(text=TEXT) as app:
        _write(settings, app.url)
        with settings.open("a") as file:
            file.write("  - {name: dead, system: redis, url: 'redis://127.0.0.1:1'}\n")
        assert run(str(settings), None, True, ()) == 3
    out, err = capfdbinary.readouterr()
    assert b"requests_total" in out and b'watchkeeper_target_up{target="dead",target_system="redis"} 0.0' in out
    assert err == b"watchkeeper: target dead: Redis at 127.0.0.1:1: connection refused\n"


def test_series_that_go_on_are_not_ended_by_new_settings() -> None:
    def pushed(**fields: object) -> Settings:
        return Settings(push=PushSettings(**fields))  # type: ignore[arg-type]

    one = _receivers(pushed(textfile="a.prom"))
    assert one == _receivers(pushed(textfile="a.prom", interval=Seconds(3)))
    assert one != _receivers(pushed(textfile="b.prom"))
    assert one != _receivers(Settings())
    here, there = (_receivers(pushed(otlp=OtlpPush(url=f"http://{host}"))) for host in ("here", "there"))
    assert here != there


def _settings(text: str) -> Settings:
    return Settings(targets=(Target(name="own", system="host"),), listen=text)


def test_a_listen_that_is_put_back_is_no_reason_to_warn(caplog: pytest.LogCaptureFixture) -> None:
    before = _settings(f"127.0.0.1:{free_port()}")
    running = collect_run._Running(before, Sidecar(before.targets), before.listener, ())
    try:
        running.apply(_settings("127.0.0.1:1"))
        assert [record.getMessage() for record in caplog.records] == [
            "listen: another address is taken at the next start"
        ]
        running.apply(before)
    finally:
        running.close()
    assert len(caplog.records) == 1


@pytest.mark.parametrize("words", [("test", "logs"), ("--once",)])
def test_a_part_that_failed_is_told(settings: Path, words: tuple[str, ...]) -> None:
    nothing = settings.parent / "*.log"
    settings.write_text(f"targets:\n  - {{name: logs, system: logs, url: 'file://{nothing}'}}\n")
    result = CliRunner().invoke(command, [*words, "--config", str(settings)], standalone_mode=False)
    assert result.exception is None
    assert result.stderr == f"watchkeeper: target logs: no file matches {nothing}\n"


def test_an_error_names_its_target_once(settings: Path) -> None:
    settings.write_text("targets:\n  - {name: p, system: probes, url: 'tcp://127.0.0.1:1', options: {expect: '['}}\n")
    with pytest.raises(SettingsError, match=r"^target p: option expect"):
        _run("test", "p", "--config", str(settings))
    settings.write_text("targets:\n  - {name: r, system: redis, url: 'redis://h', options: {check_keys: 7}}\n")
    with pytest.raises(SettingsError, match=r"^target r: option check_keys"):
        _run("test", "r", "--config", str(settings))


def test_an_example_has_its_labels(settings: Path) -> None:
    settings.write_text("targets:\n  - {name: p, system: probes, url: 'tcp://127.0.0.1:1'}\n")
    assert '1 {reason="refused"}' in _run("test", "p", "--config", str(settings))


def test_the_example_of_failures_is_the_largest() -> None:
    points = [("x", (("query", "good"),), 0.0), ("x", (("query", "broken"),), 4.0)]
    assert collect_test._example(Family("pg_query_errors_total", "counter", "", points)) == '4 {query="broken"}'
    assert collect_test._example(Family("requests_total", "counter", "", points)) == '0 {query="good"}'


@pytest.mark.parametrize("words", [["test", "own"], ["--once"]])
def test_a_reader_that_has_enough_is_no_failure(settings: Path, words: list[str]) -> None:
    settings.write_text("targets:\n  - {name: own, system: host}\n")
    program = [
        sys.executable,
        "-c",
        "from watchkeeper.app.cli import main; main()",
        "collect",
        *words,
        "--config",
        str(settings),
    ]
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(program, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, b"")
