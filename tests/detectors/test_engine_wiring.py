"""The engine with groups, calendars and feedback: what is delivered, and what is learned."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from detectors.engine import DetectionEngine
from detectors.knowledge import Knowledge
from detectors.rootcause.ranking import Change
from detectors.watch import Watch
from tests.detectors.engines import HOUR, START, TOOL, declare, engine, faulty, healthy, run, seasonal_of, shifted
from tests.detectors.series import FakeStore, Samples, Sink
from watchkeeper.app.commands.feedback import command as feedback
from watchkeeper.settings import CalendarSettings, Holidays, Maintenance, Planned
from watchkeeper.settings.calendars import Moment
from watchkeeper.signals import Polarity

BEGIN = START + HOUR
Shape = Callable[[float], float | None]
# What was learned, and not where the detector is.
LEARNED = ("level", "offset", "scale", "samples", "tails.edge", "tails.excess", "profile0.usual", "profile0.seen")


def pods(shape: Shape, *, service: str = "shop", count: int = 30) -> dict[tuple[tuple[str, str], ...], Shape]:
    return {(("pod", f"{service}-{i}"), ("service", service)): shape for i in range(count)}


def learned(found: DetectionEngine) -> dict[str, bytes]:
    arrays = found.watches["test.latency"].detector.arrays()
    return {name: arrays[name].tobytes() for name in LEARNED}


def window(start: float, end: float, **labels: str) -> CalendarSettings:
    return CalendarSettings(
        maintenance=(Maintenance(name="upgrade", start=Moment(start), end=Moment(end), labels=labels),)
    )


# -- groups --


def test_an_outage_over_thirty_series_is_one_delivery(sink: Sink) -> None:
    found = engine(FakeStore(pods(faulty(BEGIN, BEGIN + 3 * HOUR))), sink)
    found.warm_up(START)
    run(found, START, BEGIN + 6 * HOUR)
    assert len({(one.fingerprint, one.starts_at) for one in sink.got}) == 1
    assert [one.status for one in sink.got].count("resolved") == 1
    assert sink.got[0].annotations["members_count"] == "29"
    assert found.deviations() == ()


def calls(found: DetectionEngine) -> None:
    """Wait until the engine knows who calls whom."""
    deadline = time.monotonic() + 10
    while not found._teller.groups.relation.near and time.monotonic() < deadline:
        found.tick(START)
    assert found._teller.groups.relation.near


@pytest.mark.parametrize("known,told", [(True, 1), (False, 2)])
@pytest.mark.long
def test_two_services_of_which_one_calls_the_other_are_one_delivery(known: bool, told: int, sink: Sink) -> None:
    shape = faulty(BEGIN, BEGIN + 3 * HOUR)
    store = FakeStore({**pods(shape, count=1), **pods(shape, service="till", count=1)})
    found = engine(store, sink, edges=(lambda: [("shop", "till")]) if known else None)
    found.warm_up(START)
    if known:
        calls(found)
    run(found, START + 600, BEGIN + 2 * HOUR)
    assert len({one.fingerprint for one in sink.got}) == told


def test_a_tick_does_not_wait_for_who_calls_whom(sink: Sink) -> None:
    release = threading.Event()

    def hanging() -> list[tuple[str, str]]:
        release.wait(30)
        return []

    found = engine(FakeStore(pods(faulty(BEGIN, BEGIN + 3 * HOUR), count=1)), sink, edges=hanging)
    found.warm_up(START)
    begun = time.monotonic()
    run(found, START, BEGIN + 2 * HOUR)
    release.set()
    assert time.monotonic() - begun < 10
    assert sink.got


@pytest.mark.long
def test_a_restart_keeps_a_group_whose_leader_has_ended(tmp_path: Path, sink: Sink) -> None:
    path = tmp_path / "detectors.state"
    first, second = pods(faulty(BEGIN, BEGIN + 2 * HOUR, 8.0), count=1), pods(faulty(BEGIN, BEGIN + 6 * HOUR), count=3)
    store = FakeStore({**second, **first})
    before = engine(store, sink, state_path=path)
    before.warm_up(START)
    run(before, START, BEGIN + 4 * HOUR)
    assert len(before.deviations()) == 2
    before.stop()
    after = engine(store, sink, state_path=path)
    after.warm_up(BEGIN + 4 * HOUR)
    run(after, BEGIN + 4 * HOUR, BEGIN + 9 * HOUR)
    assert len({(one.fingerprint, one.starts_at) for one in sink.got}) == 1
    assert [one.status for one in sink.got].count("resolved") == 1
    assert sink.got[-1].status == "resolved"


@pytest.mark.long
def test_a_state_from_before_there_were_groups_is_read(tmp_path: Path, sink: Sink) -> None:
    path = tmp_path / "detectors.state"
    store = FakeStore(pods(faulty(BEGIN, BEGIN + 3 * HOUR), count=3))
    before = engine(store, sink, state_path=path)
    before.warm_up(START)
    run(before, START, BEGIN + 2 * HOUR)
    before.stop()
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    header = json.loads(bytes(arrays["header"]))
    del header["groups"], header["heads"]
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    with path.open("wb") as whole:
        np.savez_compressed(whole, **arrays)
    after = engine(store, sink, state_path=path)
    after.warm_up(BEGIN + 2 * HOUR)
    run(after, BEGIN + 2 * HOUR, BEGIN + 6 * HOUR)
    assert [one.status for one in sink.got].count("resolved") == 1


# -- calendars --


@pytest.mark.long
def test_knowledge_that_says_nothing_changes_no_byte() -> None:
    worlds = []
    for knowledge in (None, Knowledge(), Knowledge(window(START + 900 * HOUR, START + 901 * HOUR))):
        sink, samples = Sink(), Samples()
        store = FakeStore({TOOL: faulty(BEGIN, BEGIN + 3 * HOUR), (("tool", "other"),): shifted(999.0)})
        found = engine(store, sink, knowledge=knowledge, writer=samples)
        found.warm_up(START)
        run(found, START, START + 12 * HOUR)
        state = {name: array.tobytes() for name, array in found.watches["test.latency"].detector.arrays().items()}
        written = [one for one in samples.written if "duration" not in one.name]
        worlds.append((state, written, sink.got))
    assert worlds[0][2]
    assert worlds[0] == worlds[1] == worlds[2]


@pytest.mark.long
def test_in_a_maintenance_window_nothing_is_told_and_nothing_learned(sink: Sink) -> None:
    shape = faulty(BEGIN, BEGIN + 3 * HOUR)
    store = FakeStore({TOOL: shape})
    found = engine(store, sink, knowledge=Knowledge(window(START, BEGIN + 4 * HOUR, tool="search")))
    found.warm_up(START)
    run(found, START - 600, START)
    before = learned(found)
    run(found, START, BEGIN + 4 * HOUR)
    assert learned(found) == before
    run(found, BEGIN + 4 * HOUR, BEGIN + 24 * HOUR)
    assert sink.got == []
    assert learned(found) != before


def test_the_window_of_one_series_leaves_the_others_watched(sink: Sink) -> None:
    shape = faulty(BEGIN, BEGIN + 3 * HOUR)
    store = FakeStore({TOOL: shape, (("tool", "other"),): shape})
    found = engine(store, sink, knowledge=Knowledge(window(START, BEGIN + 9 * HOUR, tool="search")))
    found.warm_up(START)
    run(found, START, BEGIN + 6 * HOUR)
    assert {one.labels["tool"] for one in sink.got} == {"other"}


def test_a_window_holds_in_the_history_too(sink: Sink) -> None:
    store = FakeStore({TOOL: faulty(START - 90 * HOUR, START - 80 * HOUR)})
    found = engine(store, sink, knowledge=Knowledge(window(START - 91 * HOUR, START - 79 * HOUR)))
    found.warm_up(START)
    assert float(seasonal_of(found.watches["test.latency"]).highest[0]) < 1


def test_what_lasts_when_a_window_begins_is_told_no_more_and_why(sink: Sink) -> None:
    store = FakeStore({TOOL: faulty(BEGIN, BEGIN + 9 * HOUR)})
    found = engine(store, sink, knowledge=Knowledge(window(BEGIN + 2 * HOUR, BEGIN + 4 * HOUR)))
    found.warm_up(START)
    run(found, START, BEGIN + 4 * HOUR)
    assert sink.got[-1].status == "resolved"
    assert "is no longer told of (maintenance upgrade)" in sink.got[-1].annotations["description"]
    told = len(sink.got)
    run(found, BEGIN + 4 * HOUR, BEGIN + 6 * HOUR)
    assert {one.status for one in sink.got[told:]} == {"firing"}


@pytest.mark.parametrize("value,told", [(4.1, False), (-3.0, True)])
@pytest.mark.long
def test_a_planned_event_mutes_its_direction_alone(value: float, told: bool, sink: Sink) -> None:
    sale = Planned(name="sale", start=Moment(START), end=Moment(BEGIN + 9 * HOUR), direction="up")
    found = engine(
        FakeStore({TOOL: faulty(BEGIN, BEGIN + 3 * HOUR, value)}),
        sink,
        detectors=(declare(polarity=Polarity.BOTH_ARE_BAD),),
        knowledge=Knowledge(CalendarSettings(planned=(sale,))),
    )
    found.warm_up(START)
    run(found, START, BEGIN + 4 * HOUR)
    assert bool(sink.got) is told
    if told:
        assert "Known of that time: planned: sale." in sink.got[0].annotations["description"]


CHRISTMAS = datetime(2026, 12, 25, tzinfo=UTC).timestamp()


def office(at: float) -> float:
    """Busy on weekdays; quiet on Sundays and on a Friday that is Christmas."""
    quiet = (at // 86_400 + 3) % 7 >= 6 or CHRISTMAS <= at < CHRISTMAS + 86_400
    return (0.3 if quiet else 1.0) + 0.02 * float(np.sin(at * 12.9898))


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.long
def test_a_holiday_is_expected_to_be_a_sunday(known: bool, sink: Sink) -> None:
    days = CalendarSettings(holidays=(Holidays(country="DE"),)) if known else CalendarSettings()
    slow = declare(step="1h", seasons=("1d", "7d"), hold="3h", polarity=Polarity.BOTH_ARE_BAD)
    found = engine(FakeStore({TOOL: office}), sink, detectors=(slow,), knowledge=Knowledge(days))
    found.warm_up(CHRISTMAS)
    run(found, CHRISTMAS, CHRISTMAS + 86_400, 3_600.0)
    assert bool(sink.got) is not known


def lasts(sink: Sink, changes: Callable[[], list[Change]] | None) -> tuple[float, str]:
    """For how long a shift that stays was told, and what was said of it."""
    found = engine(FakeStore({TOOL: faulty(BEGIN, np.inf, 0.9)}), sink, knowledge=Knowledge(changes=changes))
    found.warm_up(START)
    if changes is not None:
        deadline = time.monotonic() + 10
        assert found._knowledge is not None
        while not found._knowledge.version and time.monotonic() < deadline:
            found.tick(START)
    run(found, START + 600, START + 80 * HOUR)
    ended = next(one for one in sink.got if one.status == "resolved")
    assert "taken for its new normal" in ended.annotations["description"]
    assert ended.ends_at is not None
    return ended.ends_at - ended.starts_at, sink.got[0].annotations["description"]


@pytest.mark.long
def test_a_shift_after_a_deploy_is_the_new_normal_sooner_and_the_deploy_is_named() -> None:
    usual, plain = lasts(Sink(), None)
    sooner, text = lasts(Sink(), lambda: [Change(BEGIN - 600, "search", "deploy of search 2.1")])
    assert sooner < 0.3 * usual
    assert "Known of that time: deploy of search 2.1 at 00:50 UTC" in text
    assert "Known of" not in plain


# -- feedback --


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """The real command at a time of the test."""
    (tmp_path / "watchkeeper.yaml").write_text(f"data: {tmp_path}\n")

    def said(at: float, fingerprint: str, verdict: str, *options: str) -> None:
        monkeypatch.setattr("watchkeeper.app.commands.feedback.now", lambda: at)
        config = ["--config", str(tmp_path / "watchkeeper.yaml")]
        result = CliRunner().invoke(feedback, [fingerprint, verdict, *options, *config], catch_exceptions=False)
        assert result.exit_code == 0, result.output

    return said


def bumps(at: float) -> float:
    """0.14 s more for two hours at one o'clock; on the fourth day three seconds more."""
    day, hour = divmod(at - START, 86_400)
    if not (at >= START and HOUR <= hour < 3 * HOUR):
        return healthy(at)
    return healthy(at) + (3.0 if day == 3 else 0.14)


@pytest.mark.long
def test_what_was_called_false_does_not_come_again_and_more_than_it_does(
    tmp_path: Path, sink: Sink, say: Callable[..., None]
) -> None:
    found = engine(FakeStore({TOOL: bumps}), sink, knowledge=Knowledge(directory=tmp_path))
    found.warm_up(START)
    run(found, START, START + 12 * HOUR)
    assert {one.status for one in sink.got} == {"firing", "resolved"}
    say(START + 12 * HOUR, sink.got[0].fingerprint, "false")
    told = len(sink.got)
    run(found, START + 12 * HOUR, START + 3 * 24 * HOUR)
    assert len(sink.got) == told
    run(found, START + 3 * 24 * HOUR, START + 4 * 24 * HOUR)
    assert len(sink.got) > told


def test_without_that_word_it_comes_again(tmp_path: Path, sink: Sink) -> None:
    found = engine(FakeStore({TOOL: bumps}), sink, knowledge=Knowledge(directory=tmp_path))
    found.warm_up(START)
    run(found, START, START + 36 * HOUR)
    assert len({one.starts_at for one in sink.got}) == 2


def watch_of(found: DetectionEngine) -> Watch:
    return found.watches["test.latency"]


@pytest.mark.parametrize("planned", [True, False])
def test_what_is_planned_does_not_move_the_baseline(
    planned: bool, tmp_path: Path, sink: Sink, say: Callable[..., None]
) -> None:
    end = BEGIN + 60 * HOUR
    found = engine(FakeStore({TOOL: faulty(BEGIN, end)}), sink, knowledge=Knowledge(directory=tmp_path))
    found.warm_up(START)
    run(found, START, BEGIN + 2 * HOUR)
    before = float(seasonal_of(watch_of(found)).level[0])
    if planned:
        until = datetime.fromtimestamp(end + 600, UTC).isoformat()
        say(BEGIN + 2 * HOUR, sink.got[0].fingerprint, "planned", "--why", "load test", "--until", until)
    run(found, BEGIN + 2 * HOUR, end)
    assert (abs(float(seasonal_of(watch_of(found)).level[0]) - before) < 0.2) is planned
    last = sink.got[-1].annotations["description"]
    assert ("is no longer told of (planned: load test)" in last) is planned


@pytest.mark.long
def test_a_true_one_that_lasts_is_kept_out_until_it_ends(tmp_path: Path, sink: Sink, say: Callable[..., None]) -> None:
    end = BEGIN + 60 * HOUR
    found = engine(FakeStore({TOOL: faulty(BEGIN, end)}), sink, knowledge=Knowledge(directory=tmp_path))
    found.warm_up(START)
    run(found, START, BEGIN + 2 * HOUR)
    say(BEGIN + 2 * HOUR, sink.got[0].fingerprint, "true")
    run(found, BEGIN + 2 * HOUR, end)
    assert len(found.deviations()) == 1
    samples = float(seasonal_of(watch_of(found)).samples[0])
    run(found, end, end + 12 * HOUR)
    assert found.deviations() == ()
    assert float(seasonal_of(watch_of(found)).samples[0]) > samples + 60


@pytest.mark.parametrize("verdict,learned", [("true", False), ("planned", False), ("false", True)])
@pytest.mark.long
def test_what_was_called_true_after_its_end_is_not_learned_from_history(
    verdict: str, learned: bool, tmp_path: Path, sink: Sink, say: Callable[..., None]
) -> None:
    world = FakeStore({TOOL: faulty(BEGIN, BEGIN + 60 * HOUR)})
    found = engine(world, sink, knowledge=Knowledge(directory=tmp_path))
    found.warm_up(START)
    run(found, START, BEGIN + 64 * HOUR)
    first = min(sink.got, key=lambda one: one.starts_at)
    say(BEGIN + 64 * HOUR, first.fingerprint, verdict)
    counts = []
    for knowledge in (Knowledge(directory=tmp_path), None):
        anew = engine(world, sink, knowledge=knowledge)
        anew.warm_up(BEGIN + 66 * HOUR)
        counts.append(float(seasonal_of(watch_of(anew)).samples[0]))
    assert (counts[0] == counts[1]) is learned


def test_nothing_is_written_where_nothing_is_to_be_kept(tmp_path: Path, sink: Sink) -> None:
    knowledge = Knowledge(directory=tmp_path, keep=False)
    found = engine(FakeStore({TOOL: faulty(BEGIN, BEGIN + 3 * HOUR)}), sink, knowledge=knowledge)
    found.warm_up(START)
    run(found, START, BEGIN + 2 * HOUR)
    assert sink.got
    assert list(tmp_path.iterdir()) == []
