"""Feedback: what it changes, that it can be replayed, and the file and command that hold it."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import feedback
from detectors.calendars import Calendar
from detectors.deviations import Deviation
from detectors.feedback import FORGET, Feedback, Opinion, Told, about, append, read, recall, remember, series_key, told
from detectors.seasonal import DetectionError
from tests.detectors.engines import START, declare
from watchkeeper.app.commands.feedback import command
from watchkeeper.deliveries import fingerprint
from watchkeeper.units import SECONDS

HOUR = 3_600.0
DAY = 86_400.0


def deviation(tool: str = "search", *, since: float = START, ended: float | None = START + HOUR) -> Deviation:
    """Expected at 0.5 from 0.3 to 0.6, at worst 0.8: three half bands up."""
    found = Deviation(declare(), {"tool": tool}, SECONDS, "q", 60.0, since)
    found.observe(since + 60, 0.8, 0.5, 0.3, 0.6, 0.8, 2)
    found.ended = ended
    return found


SEARCH = series_key("test.latency", {"tool": "search"})
OTHER = series_key("test.latency", {"tool": "other"})


def opinion(verdict: str, *, at: float = START + 2 * HOUR, **changes: object) -> Opinion:
    return about(told(deviation(**changes)), verdict, at=at, by="ada", why="because")  # type: ignore[arg-type]


def test_a_false_one_raises_the_edge_to_just_above_it_in_its_direction_alone() -> None:
    up, down = Feedback((opinion("false"),)).widening([OTHER, SEARCH], START + 2 * HOUR)
    assert up == pytest.approx([1.0, 1.1 * 3.0]) and down == pytest.approx([1.0, 1.0])


def test_what_was_called_false_is_slowly_forgotten() -> None:
    given_at = START + 2 * HOUR
    sizes = [
        Feedback((opinion("false"),)).widening([SEARCH], given_at + months * FORGET)[0][0] for months in (0, 1, 2, 12)
    ]
    assert (
        sizes[0] == pytest.approx(3.3) and sizes[1] == pytest.approx(3.3**0.5) and sizes[2] == pytest.approx(3.3**0.25)
    )
    assert sizes[3] < 1.001


def test_however_far_off_it_was_the_band_does_not_become_endless() -> None:
    found = deviation()
    found.worst = 1e9
    up, _ = Feedback((about(told(found), "false", at=START),)).widening([SEARCH], START)
    assert up[0] == pytest.approx(5.0)


@pytest.mark.parametrize("verdict,kept_out", [("true", True), ("planned", True), ("false", False)])
def test_what_was_true_or_planned_is_kept_out_of_what_is_learned_later(verdict: str, kept_out: bool) -> None:
    said = Feedback((opinion(verdict),))
    times = START + HOUR * np.array([-0.5, 0.0, 0.5, 1.0, 1.5])
    later = [said.frozen([SEARCH, OTHER], at, START + DAY).tolist() for at in times]
    assert later == [[False, False], *[[kept_out, False]] * 3, [False, False]]
    assert not any(said.frozen([SEARCH], at, START + HOUR).any() for at in times)


def test_one_that_is_called_true_while_it_lasts_teaches_nothing_until_it_ends() -> None:
    known = Feedback((opinion("true", ended=None),))
    assert not known.frozen([SEARCH], START + HOUR)[0]
    assert known.frozen([SEARCH], START + 3 * HOUR)[0]
    ended = Feedback((*known.opinions, opinion("true", at=START + 4 * HOUR)))
    assert not ended.frozen([SEARCH], START + 5 * HOUR)[0]


def test_a_planned_one_becomes_an_event_of_its_series_and_direction() -> None:
    given, until = START + 2 * HOUR, START + DAY
    planned = opinion("planned", at=given, ended=until)
    calendar = Calendar(Feedback((planned, opinion("true", tool="other"))).events())
    assert [event.name for event in calendar.events] == ["because"]
    mine = {"tool": "search", "detector": "test.latency"}
    assert [calendar.muted(at, mine, up=True) for at in (given - 1, given, until - 1, until)] == [
        False, True, True, False,
    ]  # fmt: skip
    assert not calendar.muted(given, mine, up=False)
    assert not calendar.muted(given, {**mine, "tool": "other"}, up=True)


def test_the_last_word_on_a_deviation_counts() -> None:
    both = Feedback((opinion("true", at=START + 3 * HOUR), opinion("false", at=START + 2 * HOUR)))
    assert [one.verdict for one in both.settled] == ["true"]
    assert both.widening([SEARCH], START + DAY)[0][0] == 1.0


def test_a_replay_knows_of_no_opinion_before_it_was_given() -> None:
    late = Feedback((opinion("false", at=START + DAY),))
    assert late.widening([SEARCH], START + DAY - 1)[0][0] == 1.0
    assert late.widening([SEARCH], START + DAY)[0][0] > 3.0


OPINIONS = st.lists(
    st.builds(
        opinion,
        st.sampled_from(["true", "false", "planned"]),
        at=st.integers(0, 5).map(lambda n: START + n * HOUR),
        tool=st.sampled_from(["search", "other"]),
        since=st.integers(0, 3).map(lambda n: START + n * HOUR),
        ended=st.none() | st.integers(4, 6).map(lambda n: START + n * HOUR),
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(OPINIONS, st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing(opinions: list[Opinion], shuffle: random.Random) -> None:
    other = list(opinions)
    shuffle.shuffle(other)
    a, b = Feedback(tuple(opinions)), Feedback((*other, *other[:2]))
    keys, times = [SEARCH, OTHER], START + HOUR * np.arange(0, 8, 0.5)
    assert a.settled == b.settled and a.events() == b.events()
    for at in times:
        np.testing.assert_array_equal(a.widening(keys, at), b.widening(keys, at))
        np.testing.assert_array_equal(a.frozen(keys, at), b.frozen(keys, at))
        np.testing.assert_array_equal(a.frozen(keys, at, times[-1]), b.frozen(keys, at, times[-1]))


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "state" / "feedback.jsonl"
    given_ones = (opinion("false"), opinion("planned", tool="other"))
    for one in given_ones:
        append(path, one)
    assert read(path).opinions == given_ones
    assert read(tmp_path / "none.jsonl").opinions == ()


def test_a_line_that_a_crash_cut_short_costs_that_line_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "feedback.jsonl"
    append(path, opinion("false"))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])
    append(path, opinion("true", tool="other"))
    assert [one.verdict for one in read(path).opinions] == ["false", "true"]
    assert "feedback.jsonl:2: passed over" in caplog.text


def test_a_deviation_is_recalled_by_the_beginning_of_its_fingerprint_with_its_end(tmp_path: Path) -> None:
    path = tmp_path / "deviations.jsonl"
    remember(path, [deviation(ended=None), deviation("other")])
    remember(path, [deviation()])
    name = fingerprint(deviation().identity)
    found = recall(path, name[:6])
    assert (found.fingerprint, found.labels, found.until) == (name, {"tool": "search"}, START + HOUR)
    assert found.direction == "up" and found.excess == pytest.approx(3.0)


def test_what_is_not_known_or_not_unique_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "deviations.jsonl"
    remember(path, [deviation(), deviation("other")])
    with pytest.raises(DetectionError, match="no deviation with the fingerprint 'zz'"):
        recall(path, "zz")
    with pytest.raises(DetectionError, match="begins several fingerprints"):
        recall(path, "")


def test_the_log_of_what_was_told_stays_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feedback, "_LOG_BYTES", 5_000)
    path = tmp_path / "deviations.jsonl"
    for i in range(100):
        remember(path, [deviation(since=START + i)])
    assert path.stat().st_size <= 5_000
    assert recall(path, "").since == START + 99


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    """Settings, and one deviation that was delivered."""
    (tmp_path / "watchkeeper.yaml").write_text("data: state\n")
    remember(tmp_path / "state" / "deviations.jsonl", [deviation()])
    return tmp_path


def test_the_command_writes_what_was_said(installation: Path) -> None:
    name = fingerprint(deviation().identity)
    config = str(installation / "watchkeeper.yaml")
    words = [name, "planned", "--why", "spring launch", "--by", "ada", "--until", "2100-01-01", "--config", config]
    result = CliRunner().invoke(command, words)
    assert result.exit_code == 0 and result.output == "test.latency of tool=search: planned, as ada says\n"
    (found,) = read(installation / "state" / "feedback.jsonl").opinions
    assert (found.verdict, found.why, found.by, found.fingerprint) == ("planned", "spring launch", "ada", name)
    assert found.until == 4_102_444_800.0 and found.at > START


def test_the_command_refuses_a_deviation_that_nobody_was_told_of(installation: Path) -> None:
    result = CliRunner().invoke(command, ["abcdef", "true", "--config", str(installation / "watchkeeper.yaml")])
    assert isinstance(result.exception, DetectionError)
    assert not (installation / "state" / "feedback.jsonl").exists()


def test_the_command_refuses_another_verdict(installation: Path) -> None:
    result = CliRunner().invoke(command, ["abcdef", "maybe", "--config", str(installation / "watchkeeper.yaml")])
    assert result.exit_code == 2 and "'true', 'false', 'planned'" in result.output


def test_a_deviation_without_a_band_counts_as_one_at_its_edge() -> None:
    found = deviation()
    found.upper = found.expected
    assert told(found).excess == 1.0
    assert isinstance(told(found), Told)
