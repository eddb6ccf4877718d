"""`watchkeeper explain`: for somebody who knows nothing of the algorithm."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from detectors.budget import Budget
from detectors.explanation import once_in
from detectors.seasonal import SeasonalDetector
from tests.app.detect_stores import BASE, LABELS, World, asked, write_store
from watchkeeper.app import detecting
from watchkeeper.app.cli import main
from watchkeeper.deliveries import Nobody

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
    assert "why its values of " in printed and "the evidence that it takes" in printed
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
    assert found["view"] == "values" and found["strength"] > 1.0


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


def checkpoint(world: World, minutes: int) -> Path:
    """What a process that had run until so long before the end has kept."""
    at = world.end - 60.0 * minutes
    found = detecting.asked(world.config)
    path = Path(found.settings.data) / detecting.STATE
    with detecting.stores_of(found) as stores:
        engine = detecting.detection_engine(
            found.catalogue, found.settings, stores, Nobody(), clock=lambda: at, state_path=path
        )
        engine.warm_up(at)
        engine.tick(at)
    return path.with_name(f"{path.name}.{at:.0f}")


@pytest.mark.long
def test_from_a_checkpoint_it_says_the_same_as_from_all_of_history(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = write_store(tmp_path, minutes=600)
    words = ("redis.memory", "--at", world.at, "--config", world.config)
    whole = asked(capsys, "explain", *words)
    assert checkpoint(world, 400).exists()
    assert asked(capsys, "explain", *words) == whole


@pytest.mark.long
def test_a_checkpoint_knows_what_the_store_has_forgotten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    long, short = (write_store(directory, minutes=minutes) for directory, minutes in _two(tmp_path))
    words = ("redis.memory", "--at", short.at, "--config", short.config)
    kept = checkpoint(long, 400)
    (Path(short.config).parent / "data" / kept.name).write_bytes(kept.read_bytes())
    _, found = asked(capsys, "explain", *words)
    assert found["past_seconds"] > 700 * 60
    # One of a time after the question is of no use to it.
    early = str(short.end - 60 * 390)
    _, found = asked(capsys, "explain", "redis.memory", "instance=b:6379", "--at", early, "--config", short.config)
    assert found["past_seconds"] < 120 * 60


def _two(directory: Path) -> list[tuple[Path, int]]:
    made = [(directory / "long", 900), (directory / "short", 480)]
    for path, _ in made:
        path.mkdir()
    return made


def test_more_evidence_is_rarer_and_the_past_of_all_series_says_how_rare() -> None:
    alone = SeasonalDetector(1, step=60.0, seasons=(DAY,))
    assert once_in(alone, 0.35) < once_in(alone, 0.4) < once_in(alone, 0.6)
    assert once_in(alone, 0.5) == once_in(alone, 1.0) == 365 * DAY
    budget = Budget(2.0)
    told = SeasonalDetector(1, step=60.0, seasons=(DAY,), budget=budget)
    peaks = np.abs(np.random.default_rng(1).standard_normal((200, 50))) + 1.5
    for row in peaks:
        budget.add(row, 0.5 * DAY)
    beyond = float((peaks > 4.0).mean())
    share = 4.0 / (4.0 + budget.limit)
    assert once_in(told, share) == pytest.approx(0.5 * DAY / beyond, rel=0.3)
