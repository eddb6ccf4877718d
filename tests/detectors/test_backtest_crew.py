"""A replay by others is the replay of one process: whole detectors, and parts of the series of one."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from detectors import backtest
from detectors.backtest import Replayed, replay, replay_all
from detectors.feedback import about, append, told
from detectors.knowledge import Knowledge
from tests.detectors.engines import AGE, declare
from tests.detectors.series import STEP
from tests.detectors.shard_work import FAULTY, SERIES, TICKS, asked, filled, opened
from watchkeeper import queries as q
from watchkeeper.declarations import Detector
from watchkeeper.queries import Query
from watchkeeper.settings.calendars import CalendarSettings
from watchkeeper.stores.embedded import EmbeddedStore

QUERIES: Mapping[str, Query] = {"test.age": q.value(AGE), "test.top": q.topk(20, q.value(AGE))}
START, END = 60 * STEP, TICKS * STEP


@pytest.fixture(scope="module")
def store() -> Iterator[EmbeddedStore]:
    with filled() as made:
        yield made


class Elsewhere:
    """A crew that does each task with what comes over a wire, in this process."""

    alone = False

    def __init__(self) -> None:
        self.tasks: list[str] = []

    def run(self, work: Callable[..., Any], tasks: Mapping[str, tuple[Any, ...]]) -> dict[str, Any]:
        self.tasks += tasks
        return {
            name: pickle.loads(pickle.dumps(work(*pickle.loads(pickle.dumps(task))))) for name, task in tasks.items()
        }


def watching(query: str = "test.age", **changes: object) -> Detector:
    return declare(key=query, query=query, seasons=("8h",), **changes)


def compared(found: Replayed) -> tuple[object, ...]:
    return found.series, found.ticks, [repr(one) for one in found.deviations]


@pytest.fixture(autouse=True)
def _much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backtest, "FEW", 1)
    monkeypatch.setattr(backtest, "SERIES_PER_SHARD", 6)


def test_parts_are_what_the_whole_is(store: EmbeddedStore, tmp_path: Path) -> None:
    crew, opening = Elsewhere(), partial(opened, tmp_path / "log")
    (found,) = replay_all(
        (watching(),), QUERIES.__getitem__, {"metrics": store}, START, END, learn=START, crew=crew, opening=opening
    )
    whole = replay(watching(), QUERIES.__getitem__, {"metrics": store}, START, END, learn=START)
    assert crew.tasks == [f"test.age, part {number} of 4" for number in (1, 2, 3, 4)]
    assert compared(found) == compared(whole)
    assert found.series == SERIES and [one.labels["tool"] for one in found.deviations] == [f"tool-{FAULTY}"]
    # No worker reads what another does.
    assert all(ask.series < SERIES / 2 for ask in asked(tmp_path / "log"))


@pytest.mark.parametrize("declared", [watching("test.top"), watching(peers=("tool",))], ids=["largest", "peers"])
def test_what_depends_on_the_other_series_is_one_task(declared: Detector, store: EmbeddedStore, tmp_path: Path) -> None:
    crew, opening = Elsewhere(), partial(opened, tmp_path / "log")
    (found,) = replay_all(
        (declared,), QUERIES.__getitem__, {"metrics": store}, START, END, learn=START, crew=crew, opening=opening
    )
    assert crew.tasks == [f"{declared.key}, part 1 of 1"]
    whole = replay(declared, QUERIES.__getitem__, {"metrics": store}, START, END, learn=START)
    assert compared(found) == compared(whole)


def test_what_people_said_is_known_where_their_file_is_not(store: EmbeddedStore, tmp_path: Path) -> None:
    (bad,) = replay(watching(), QUERIES.__getitem__, {"metrics": store}, START, END, learn=START).deviations
    append(tmp_path / "feedback.jsonl", about(told(bad), "false", at=START))

    def again(**changes: Any) -> Replayed:
        knowledge = Knowledge(CalendarSettings(), directory=tmp_path)
        (found,) = replay_all(
            (watching(),),
            QUERIES.__getitem__,
            {"metrics": store},
            START,
            END,
            learn=START,
            knowledge=knowledge,
            **changes,
        )
        return found

    here = again()
    assert compared(here) != compared(
        replay(watching(), QUERIES.__getitem__, {"metrics": store}, START, END, learn=START)
    )

    class Gone(Elsewhere):
        def run(self, work: Callable[..., Any], tasks: Mapping[str, tuple[Any, ...]]) -> dict[str, Any]:
            (tmp_path / "feedback.jsonl").unlink()
            return super().run(work, tasks)

    assert compared(again(crew=Gone(), opening=partial(opened, tmp_path / "log"))) == compared(here)


def test_little_history_is_replayed_here(store: EmbeddedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backtest, "FEW", 10 * SERIES * TICKS)
    crew, opening = Elsewhere(), partial(opened, tmp_path / "log")
    (found,) = replay_all(
        (watching(),), QUERIES.__getitem__, {"metrics": store}, START, END, learn=START, crew=crew, opening=opening
    )
    assert crew.tasks == [] and len(found.deviations) == 1


def test_bills_are_replayed_here_beside_metrics_elsewhere(store: EmbeddedStore, tmp_path: Path) -> None:
    crew, opening = Elsewhere(), partial(opened, tmp_path / "log")
    both = (watching(), watching("test.top", reads="bills"))
    found = replay_all(
        both, QUERIES.__getitem__, {"metrics": store}, START, END, learn=START, crew=crew, opening=opening
    )
    assert [(one.detector.key, one.series) for one in found] == [("test.age", SERIES), ("test.top", 0)]
    assert {name.partition(",")[0] for name in crew.tasks} == {"test.age"}
