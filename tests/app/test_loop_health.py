"""What the loop says of its parts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import free_port
from watchkeeper.app.load import load_everything
from watchkeeper.app.loop import Loop
from watchkeeper.settings import Settings, Target

ENDED = "its thread has ended: see the log, and restart"


def loop(directory: Path) -> Loop:
    settings = Settings(data=str(directory), targets=(Target(name="this-host", system="host"),))
    return Loop(load_everything(settings), listen=f"127.0.0.1:{free_port()}")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loop]:
    found = loop(tmp_path_factory.mktemp("running"))
    try:
        found.start()
        yield found
    finally:
        found.stop()


def test_all_parts_work(running: Loop) -> None:
    assert running.health() == dict.fromkeys(("console", "journal", "traces", "collection", "rules", "detection"))
    assert running.outside() == {}, "it asks nobody else"


@pytest.mark.parametrize("part,name", [("collection", "scraping"), ("rules", "evaluator"), ("detection", "detection")])
def test_a_part_that_has_ended_is_told_though_another_loop_runs_one(
    running: Loop, tmp_path: Path, part: str, name: str
) -> None:
    ended = loop(tmp_path)
    try:
        for one in (ended.scraping, ended.evaluator, ended.detection):
            one.start()
        assert ended.health()[part] is None
        getattr(ended, name).stop()
        told = {key: problem for key, problem in ended.health().items() if problem == ENDED}
        assert part in told
        assert set(told) <= {part, "traces"}
        assert running.health()[part] is None
    finally:
        ended.stop()
