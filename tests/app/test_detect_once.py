"""`once`: what `watchkeeper detect --once` says, and with which exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.app.detect_stores import BASE, LABELS, World, write_store
from tests.servers import free_port
from watchkeeper.app.detecting import once
from watchkeeper.errors import DefinitionError, StoreError


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return write_store(
        tmp_path_factory.mktemp("once"), settings="console_url: https://watch\ngrafana_url: https://grafana\n"
    )


def test_an_open_deviation_is_printed_and_gives_one(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert once(world.config, at=world.at) == 1
    printed = capsys.readouterr().out
    assert "redis.memory  a:6379" in printed
    assert "b:6379" not in printed
    assert "watchkeeper explain redis.memory instance=a:6379 job=redis" in printed


def test_json_has_all_that_is_known_with_the_links(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert once(world.config, at=world.at, as_json=True, detectors=("redis.memory",)) == 1
    found = json.loads(capsys.readouterr().out)
    (one,) = found["deviations"]
    assert found["not_evaluated"] == []
    assert one["labels"] == LABELS
    assert one["since"] == world.onset
    assert one["lower"] < BASE < one["upper"] < one["observed"]
    assert one["worst"] == pytest.approx(2.5 * BASE, rel=0.1)
    assert one["runbook_url"] == "https://watch/library/redis/memory-high"
    assert one["dashboard_url"].startswith("https://grafana/d/")


def test_before_the_fault_there_is_none(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert once(world.config, at=str(world.onset - 60)) == 0
    assert "no deviations" in capsys.readouterr().out


def test_nothing_is_kept(world: World) -> None:
    data = Path(world.config).parent / "data"
    before = sorted(data.rglob("*"))
    once(world.config, at=world.at, detectors=("redis.memory",))
    assert [path for path in sorted(data.rglob("*")) if path not in before] == []


def test_a_store_that_is_away_is_said(tmp_path: Path) -> None:
    config = tmp_path / "watchkeeper.yaml"
    config.write_text(f"store: {{prometheus: {{url: 'http://127.0.0.1:{free_port()}', timeout: 1s}}}}\n")
    with pytest.raises(StoreError):
        once(str(config))


def test_without_samples_it_is_said_where_they_were_looked_for(tmp_path: Path) -> None:
    config = tmp_path / "watchkeeper.yaml"
    config.write_text(f"data: {tmp_path / 'none'}\n")
    with pytest.raises(StoreError, match="no samples are kept there"):
        once(str(config), detectors=("redis.memory",))


def test_a_detector_that_is_not_known_is_told_with_its_neighbour(world: World) -> None:
    with pytest.raises(DefinitionError, match=r"no detector is called 'redis.memry'.*redis\.memory"):
        once(world.config, detectors=("redis.memry",))


def test_a_detector_that_cannot_be_evaluated_is_no_good_news(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "defs").mkdir()
    (tmp_path / "defs" / "mine.py").write_text(
        "from watchkeeper import queries as q\n"
        "from watchkeeper.declarations import Detector\n"
        "from watchkeeper.signals import Polarity\n"
        "DETECTORS = (Detector(key='redis.mine', system='redis', title='Mine', query=q.PromQL('redis_up'),\n"
        "    polarity=Polarity.LOW_IS_BAD, summary='', runbook='redis/memory-high', panel='redis/memory-used-bytes',\n"
        "    source='a test'),)\n"
    )
    world = write_store(tmp_path, minutes=60, wrong=0, settings=f"definitions: '{tmp_path / 'defs'}'\n")
    both = ("redis.memory", "redis.mine")
    with pytest.raises(StoreError, match=r"nobody knows whether all is well: redis\.mine"):
        once(world.config, at=world.at, detectors=both, as_json=True)
    assert json.loads(capsys.readouterr().out)["not_evaluated"] == ["redis.mine"]
