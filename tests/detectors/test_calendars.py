"""Holidays, maintenance windows, planned events and deploys: what they make of a time."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from click.testing import CliRunner

from detectors.calendars import SOONER, Calendar, Event, HolidayCalendar, calendar_of
from detectors.rootcause.ranking import Change
from watchkeeper.app.commands.config import command as config
from watchkeeper.errors import SettingsError
from watchkeeper.settings import parse

HOUR = 3_600.0
DAY = 86_400.0
BERLIN = ZoneInfo("Europe/Berlin")


def local(*parts: int) -> float:
    return datetime(*parts, tzinfo=BERLIN).timestamp()  # type: ignore[misc,arg-type]


def utc(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[misc,arg-type]


REDIS, POSTGRES = {"system": "redis", "instance": "redis-1"}, {"system": "postgresql", "instance": "db-1"}
NIGHT = Event("maintenance", "upgrade", utc(2026, 12, 1, 22), utc(2026, 12, 2, 1), {"system": "postgresql"})
LAUNCH = Event("planned", "launch", utc(2026, 12, 5), utc(2026, 12, 6), {}, "up")
GERMANY = HolidayCalendar("DE", "BY", "Europe/Berlin")


def test_a_maintenance_window_mutes_its_series_in_both_directions_and_freezes_them() -> None:
    marks = Calendar((NIGHT,)).bind([REDIS, POSTGRES]).at(utc(2026, 12, 1, 23))
    assert marks.frozen.tolist() == marks.up_muted.tolist() == marks.down_muted.tolist() == [False, True]


@pytest.mark.parametrize(
    "at,covered", [((1, 21, 59), False), ((1, 22, 0), True), ((2, 0, 59), True), ((2, 1, 0), False)]
)
def test_a_window_begins_at_its_start_and_is_over_at_its_end(at: tuple[int, int, int], covered: bool) -> None:
    assert Calendar((NIGHT,)).muted(utc(2026, 12, *at), POSTGRES, up=True) is covered


def test_a_window_that_is_repeated_comes_again_and_not_before_its_first_time() -> None:
    weekly = Event("maintenance", "backup", NIGHT.start, NIGHT.end, every=7 * DAY)
    times = np.array([NIGHT.start + HOUR + week * 7 * DAY for week in (-1, 0, 1, 52)])
    assert weekly.covers(times).tolist() == [False, True, True, True]
    assert not weekly.covers(times + 4 * HOUR).any()


def test_a_planned_launch_mutes_what_is_expected_of_it_alone() -> None:
    marks = Calendar((LAUNCH,)).bind([REDIS]).at(utc(2026, 12, 5, 12))
    assert (marks.up_muted[0], marks.down_muted[0], marks.frozen[0]) == (True, False, True)


def test_labels_may_be_patterns_and_a_label_that_is_missing_does_not_fit() -> None:
    event = Event("maintenance", "m", 0.0, 10.0, {"instance": "db-*"})
    marks = Calendar((event,)).bind([POSTGRES, REDIS, {"system": "postgresql"}]).at(5.0)
    assert marks.frozen.tolist() == [True, False, False]


def test_system_and_detector_can_be_named_although_a_series_does_not_carry_them() -> None:
    event = Event("maintenance", "m", 0.0, 10.0, {"detector": "redis.memory"})
    assert Calendar((event,)).bind([{"instance": "a"}], {"detector": "redis.memory"}).at(5.0).frozen.all()


def test_a_holiday_is_looked_up_as_the_sunday_before_at_the_same_hour() -> None:
    christmas = local(2026, 12, 25, 9, 30)  # a Friday
    marks = Calendar(holidays=(GERMANY,)).bind([REDIS]).at(christmas)
    assert marks.season_at[0] == local(2026, 12, 20, 9, 30)
    assert not marks.frozen.any()


def test_a_holiday_is_like_the_last_one_of_its_name_where_that_is_known() -> None:
    christmas = local(2026, 12, 25, 9, 30)
    assert GERMANY.like(christmas) == local(2025, 12, 25, 9, 30)
    assert GERMANY.like(christmas, known_since=local(2026, 1, 1)) == local(2026, 12, 20, 9, 30)


def test_an_ordinary_day_is_like_itself() -> None:
    at = local(2026, 12, 22, 9)
    assert GERMANY.like(at) == at and GERMANY.name(at) == ""


def test_the_day_is_the_local_one() -> None:
    assert GERMANY.name(utc(2026, 12, 24, 23, 30)) == "Christmas Day"
    assert GERMANY.name(utc(2026, 12, 24, 22, 30)) == ""


def test_nine_o_clock_stays_nine_o_clock_across_a_change_of_the_clocks() -> None:
    easter_monday = local(2027, 3, 29, 9)  # the clocks changed on the day before
    assert GERMANY.name(easter_monday)
    assert GERMANY.like(easter_monday, known_since=local(2027, 1, 1)) == local(2027, 3, 28, 9)
    assert GERMANY.like(local(2027, 3, 26, 9), known_since=local(2027, 1, 1)) == local(2027, 3, 21, 9)


def test_a_holiday_is_one_of_its_subdivision() -> None:
    at = local(2026, 1, 6, 12)  # Epiphany: Bavaria, not Berlin
    assert GERMANY.name(at) and not HolidayCalendar("DE", "BE", "Europe/Berlin").name(at)


def test_holidays_of_a_place_are_of_its_series_alone() -> None:
    here = HolidayCalendar("DE", "BY", "Europe/Berlin", {"region": "eu"})
    at = local(2026, 12, 25, 9)
    marks = Calendar(holidays=(here,)).bind([{"region": "eu"}, {"region": "us"}]).at(at)
    assert (marks.season_at != at).tolist() == [True, False]


def test_soon_after_a_deploy_a_shift_of_its_component_is_adopted_sooner() -> None:
    calendar = Calendar(changes=(Change(1_000.0, "redis-1", "deploy redis 8.2"),), after_deploy=600.0)
    marks = calendar.expected_at(np.array([999.0, 1_000.0, 1_599.0, 1_600.0]), [REDIS, POSTGRES])
    assert marks.patience.tolist() == [[1.0, SOONER, SOONER, 1.0], [1.0] * 4]


def test_a_deviation_is_told_with_the_change_and_the_day_that_it_fell_on() -> None:
    since = local(2026, 12, 25, 9)
    calendar = Calendar(
        (Event("planned", "winter sale", since - HOUR, since + HOUR),),
        (GERMANY,),
        (
            Change(since - 120.0, "redis-1", "deploy redis 8.2"),
            Change(since - 7_200.0, "redis-1", "deploy redis 8.1"),
            Change(since - 60.0, "db-1", "scale db-1"),
        ),
    )
    assert calendar.named(since, since + 300.0, REDIS) == (
        "deploy redis 8.2 at 07:58 UTC",
        "planned: winter sale",
        "holiday: Christmas Day (DE)",
    )


def test_without_a_calendar_nothing_is_expected_beside_the_past() -> None:
    marks = Calendar().expected_at(np.array([1.0, 2.0]), [REDIS])
    assert not (marks.frozen | marks.up_muted | marks.down_muted).any()
    assert marks.patience.tolist() == [[1.0, 1.0]] and marks.season_at.tolist() == [[1.0, 2.0]]


SETTINGS = """calendars:
  after_deploy: 30m
  holidays:
    - {country: DE, subdivision: BY, timezone: Europe/Berlin}
  maintenance:
    - name: upgrade
      start: 2026-12-01T22:00:00Z
      end: 2026-12-02 01:00:00
      every: 7d
      labels: {system: postgresql}
  planned:
    - {name: launch, start: 2026-12-05, end: "2026-12-06T00:00:00+01:00"}
"""


def test_the_settings_make_the_calendar() -> None:
    calendar = calendar_of(parse(SETTINGS).calendars, changes=[Change(0.0, "", "deploy")], events=[LAUNCH])
    window, planned, told = calendar.events
    assert (window.start, window.end, window.every) == (NIGHT.start, NIGHT.end, 7 * DAY)
    assert (planned.start, planned.end, planned.direction) == (utc(2026, 12, 5), utc(2026, 12, 5, 23), "up")
    assert told is LAUNCH and calendar.after_deploy == 1_800.0 and len(calendar.changes) == 1
    assert [one.country for one in calendar.holidays] == ["DE"]


@pytest.mark.parametrize(
    "text,message",
    [
        ("holidays:\n    - country: Germany", "5: .*'Germany' is not the code of one: two capitals"),
        ("holidays:\n    - country: DE\n      timezone: Mars", "6: .*'Mars' is not known here"),
        ("planned:\n    - name: x\n      start: soon\n      end: 2026-12-06", "6: .*'soon' is no time: write 2026-01"),
        ("planned:\n    - name: x\n      start: 2026-12-07\n      end: 2026-12-06", "7: .*end is not after start"),
        (
            "maintenance:\n    - name: x\n      start: 2026-12-05\n      end: 2026-12-06\n      ever: 7d",
            "8: unknown key",
        ),
        ("maintenance:\n    - {name: x, start: 2026-12-05, end: 2026-12-06, every: 1h}", "5: .*would overlap"),
        (
            "planned:\n    - name: x\n      start: 2026-12-05\n      end: 2026-12-06\n      direction: sideways",
            "8: .*up, down, both",
        ),
    ],
)
def test_a_mistake_in_the_settings_is_named_with_its_line(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=rf"^watchkeeper\.yaml:{message}"):
        parse(f"listen: 127.0.0.1:1\n\ncalendars:\n  {text}\n")


def test_a_country_whose_holidays_are_not_known_is_refused_with_its_place() -> None:
    settings = parse("calendars:\n  holidays:\n    - country: DE\n    - country: XX\n")
    with pytest.raises(SettingsError, match="no holidays are known of XX") as caught:
        calendar_of(settings.calendars)
    assert caught.value.place == ("calendars", "holidays", 1, "country")


def test_what_config_show_prints_can_be_loaded_again(tmp_path: Path) -> None:
    file = tmp_path / "watchkeeper.yaml"
    file.write_text(SETTINGS)
    shown = CliRunner().invoke(config, ["show", str(file)])
    assert shown.exit_code == 0
    assert parse(shown.output).calendars == parse(SETTINGS).calendars
