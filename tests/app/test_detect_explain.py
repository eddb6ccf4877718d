"""`watchkeeper explain`: for somebody who knows nothing of the algorithm."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest

from detectors.explanation import once_in
from detectors.seasonal import SeasonalDetector
from tests.app.detect_stores import BASE, LABELS, World, asked, write_store
from watchkeeper.app.cli import main

DAY = 86_400.0
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return write_store(tmp_path_factory.mktemp("explain"))


def explain(world: World, *words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["explain", *words, "--config", world.config])
    return int(ended.value.code or 0)


def test_it_says_what_since_when_how_rare_and_what_next(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert explain(world, "redis.memory", "--at", world.at) == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert printed.startswith("Memory used by Redis of a:6379 deviates: 2.3 GiB, expected ")
    assert "since " + datetime.fromtimestamp(world.onset, UTC).strftime("%H:%M UTC") + ", 39 min ago" in printed
    assert "how rare higher than anything in the 3 h 20 min before" in printed
    assert "the same time of day is not known before 24 h have passed" in printed
    assert "above the expected band for 10 min, and at least 50 % of the expectation and 64 MiB away" in printed
    assert "next watchkeeper runbook show redis/memory-high" in printed


def test_a_series_that_is_well_is_explained_too(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = asked(
        capsys, "explain", "redis.memory", "instance=b:6379", "--at", world.at, "--config", world.config
    )
    assert code == 0
    assert found["state"] == "as expected"
    assert found["since"] is None
    assert found["lower"] < found["observed"] < found["upper"]


def test_json_tells_seen_and_expected(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = asked(capsys, "explain", "redis.memory", "--at", world.at, "--config", world.config)
    assert code == 1
    assert found["labels"] == LABELS
    assert found["since"] == world.onset
    assert found["lower"] < BASE < found["upper"] < found["observed"]
    assert found["seen_before"] is None
    assert found["searched_seconds"] == pytest.approx(200 * 60)
    assert found["seasons_seconds"] == []


def test_a_series_that_is_well_in_a_planned_time_is_told_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin, until = (datetime.fromtimestamp(time.time() + hours * 3_600, UTC).isoformat() for hours in (-2, 2))
    planned = f"{{name: move, start: {begin}, end: {until}, labels: {{instance: 'a:*'}}}}"
    world = write_store(tmp_path, settings=f"calendars:\n  maintenance:\n    - {planned}\n")
    words = ("redis.memory", "--at", world.at, "--config", world.config)
    code, found = asked(capsys, "explain", *words, "instance=a:6379")
    assert (code, found["state"], found["facts"]["known"]) == (0, "as expected", "maintenance move")
    _, other = asked(capsys, "explain", *words, "instance=b:6379")
    assert other["notes"] == []


def test_the_picture_shows_line_band_and_time_of_the_deviation(world: World, tmp_path: Path) -> None:
    explain(world, "redis.memory", "--at", world.at, "--picture", str(tmp_path / "band.svg"))
    root = ElementTree.parse(tmp_path / "band.svg").getroot()
    drawn = {element.get("class") for element in root.iter() if element.get("class")}
    assert {"band", "observed", "outside", "span", "caption"} <= drawn
    assert "path.band" in str(root.findtext(f"{SVG}style"))
    assert "a:6379 deviates" in str(root.findtext(f"{SVG}title"))


def test_a_picture_that_cannot_be_written_is_one_line(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(world, "redis.memory", "--at", world.at, "--picture", str(tmp_path / "none" / "a.svg")) == 3
    assert "none/a.svg: cannot be written: No such file or directory" in capsys.readouterr().err


def test_several_series_that_are_well_must_be_told_apart(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(world, "redis.memory", "--at", str(world.onset - 60)) == 2
    error = capsys.readouterr().err
    assert "instance=a:6379 job=redis; instance=b:6379 job=redis" in error


def test_a_series_that_there_is_not_is_told_with_those_there_are(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(world, "redis.memory", "instance=c", "--at", world.at) == 2
    assert "no series with instance=c: it watches instance=a:6379 job=redis; " in capsys.readouterr().err


def test_silence_is_not_taken_for_health(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    at = str(world.end + 3_000)
    code, found = asked(capsys, "explain", "redis.memory", "instance=b:6379", "--at", at, "--config", world.config)
    assert code == 0
    assert found["state"] == "silent"
    assert "whether it is well is unknown" in found["headline"]


def test_bills_are_compared_with_the_same_weekday_and_name_what_cost_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    today = time.time() // DAY
    header = "BilledCost,EffectiveCost,BillingCurrency,ChargePeriodStart,ChargePeriodEnd,ServiceName,ProviderName,Tags"
    lines = [header]
    for k in range(60, 0, -1):
        for service, cost in (("Storage", 100 + math.sin(k)), ("Compute", 900.0 if k <= 3 else 50 + math.cos(k))):
            begin, end = (datetime.fromtimestamp((today - n) * DAY, UTC).date() for n in (k, k - 1))
            lines.append(f"{cost:.2f},{cost:.2f},USD,{begin} 00:00:00,{end} 00:00:00,{service},AWS,NULL")
    (tmp_path / "bills").mkdir()
    (tmp_path / "bills" / "all.csv").write_text("\n".join(lines) + "\n")
    config = tmp_path / "watchkeeper.yaml"
    config.write_text(f"bills: ['{tmp_path / 'bills'}']\n")
    code, found = asked(capsys, "explain", "bills.daily_cost", "--config", str(config))
    assert code == 1
    assert 7 * DAY in found["seasons_seconds"]
    assert "the same time of the week" in found["facts"]["compared"]
    assert found["contributors"][0]["value"] == "Compute"


def test_the_edge_of_the_band_is_as_rare_as_the_tuning_says() -> None:
    detector = SeasonalDetector(1, step=60.0, seasons=(DAY,))
    assert once_in(detector, 0.5) == pytest.approx(detector.tuning.quiet_seasons * DAY)
    assert once_in(detector, 0.4) < once_in(detector, 0.5) < once_in(detector, 0.6)
    assert once_in(detector, 1.0) == 365 * DAY
