"""What an installation knows of its time: holidays, maintenance windows, planned events."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Literal

import msgspec

from watchkeeper.settings.values import Seconds

__all__ = ["CalendarSettings", "Deploy", "Holidays", "Maintenance", "Moment", "Planned", "moment_of"]


class Moment(float):
    """A time: ISO 8601 in the file (UTC where it says no zone), seconds since the epoch in the program."""


def moment_of(value: object) -> Moment:
    """A time as YAML or a person writes it. Raises ValueError, with what is expected."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{value!r} is no time: write 2026-01-31T22:00:00Z") from None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(value, datetime):
        raise ValueError("expected a time, such as 2026-01-31T22:00:00Z")
    return Moment((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp())


class Holidays(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The public holidays of a country (ISO 3166) or one of its subdivisions, which last from midnight to midnight of
    `timezone`. With `labels`, of the series that have them alone; a value may hold `*`.
    """

    country: str
    subdivision: str = ""
    timezone: str = "UTC"
    labels: dict[str, str] = {}

    def __post_init__(self) -> None:
        if not (len(self.country) == 2 and self.country.isascii() and self.country.isupper()):
            raise ValueError(f"country {self.country!r} is not the code of one: two capitals, such as DE")
        import zoneinfo  # a sidecar does without

        try:
            zoneinfo.ZoneInfo(self.timezone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"timezone {self.timezone!r} is not known here: such as Europe/Berlin, or UTC") from None


class Span(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From `start` to `end`, for the series that have the `labels` (system and detector among them; a value may hold
    `*`), which are all of them without any. `every` repeats it.
    """

    name: str
    start: Moment
    end: Moment
    every: Seconds | None = None
    labels: dict[str, str] = {}

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError("end is not after start")
        if self.every is not None and self.every < self.end - self.start:
            raise ValueError("every is shorter than the time from start to end: the windows would overlap")


class Maintenance(Span, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A window in which nothing is told of the series, and nothing learned from them."""


class Planned(Span, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event that is expected to move the series in one direction (a launch: up), which is not told."""

    direction: Literal["up", "down", "both"] = "up"


class Deploy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that was, or will be, changed `at` a time: a release, a flag, a migration. `component` is the service
    or server that it concerns, as a label of its series says; without, it is everybody's.
    """

    name: str
    at: Moment
    component: str = ""


class CalendarSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the expectations of detectors take into account; for `after_deploy` a lasting change is soon the new
    normal.
    """

    holidays: tuple[Holidays, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()
    planned: tuple[Planned, ...] = ()
    deploys: tuple[Deploy, ...] = ()
    after_deploy: Seconds = Seconds(3_600)
