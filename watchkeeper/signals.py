"""Signals: one metric family of a system each, as frozen values whose class is its kind.

    memory = Gauge("redis_memory_used_bytes", help="…", unit=BYTES, polarity=HIGH_IS_BAD, origin="redis_exporter")

Names that we coin are checked against the Prometheus conventions; a borrowed name says whose it is (`origin`) and stays
as it is. `signal.where(state="active")` selects some of its series; what may be done with it follows from its kind
(see `watchkeeper.queries`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Generic, Literal, Self, TypeVar

from watchkeeper.errors import QueryError, SignalError
from watchkeeper.labels import known_target_labels
from watchkeeper.units import BYTES, CELSIUS, ONE, RATIO, SECONDS, UNIX_TIME, Unit

__all__ = [
    "Counter",
    "Distribution",
    "Gauge",
    "Histogram",
    "Info",
    "Matcher",
    "Polarity",
    "Selection",
    "Signal",
    "Summary",
    "is_not",
    "matches",
    "matches_not",
]


class Polarity(Enum):
    """Which direction of a signal is bad; a detector looks only there."""

    HIGH_IS_BAD = "high"
    LOW_IS_BAD = "low"
    BOTH_ARE_BAD = "both"
    NEUTRAL = "neutral"


# Suffixes of the Prometheus naming guide for the base units that we coin names with.
_UNIT_SUFFIXES = {
    SECONDS: "_seconds",
    BYTES: "_bytes",
    RATIO: "_ratio",
    CELSIUS: "_celsius",
    UNIX_TIME: "_timestamp_seconds",
}
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_COINED = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
# Statistics of a distribution that belong into a histogram, and a suffix that says the kind instead of the thing.
_BAD_WORDS = re.compile(r"_(mean|avg|stddev|stdev|p\d\d|percent|percentage|milliseconds|kilobytes|megabytes)(_|$)")


@dataclass(frozen=True, slots=True)
class Matcher:
    """A condition on one label: `op` is one of `=`, `!=`, `=~`, `!~` (regular expressions are anchored, RE2)."""

    label: str
    op: str
    value: str


def is_not(value: str) -> Matcher:
    """Select series whose label differs from the value."""
    return Matcher("", "!=", value)


def matches(regex: str) -> Matcher:
    """Select series whose label matches the whole regular expression."""
    return Matcher("", "=~", regex)


def matches_not(regex: str) -> Matcher:
    """Select series whose label does not match the regular expression."""
    return Matcher("", "!~", regex)


@dataclass(frozen=True, slots=True)
class Signal:
    """One metric family.

    `labels` are its own, without the target labels that Prometheus adds; `requires` says what must be configured for it
    to exist (a replica, an option), None when it always does; `origin` names the exporter or standard whose name it is,
    None when we coined it. `exposed_as` is what its TYPE line says where the origin does not tell the kind.

    Raises SignalError when a name breaks the conventions.
    """

    name: str
    help: str = ""
    unit: Unit = ONE
    labels: tuple[str, ...] = ()
    polarity: Polarity = Polarity.NEUTRAL
    requires: str | None = None
    origin: str | None = None
    exposed_as: Literal["", "untyped"] = ""

    def __post_init__(self) -> None:
        if type(self) in {Signal, Distribution}:
            raise SignalError(f"{self.name}: a signal has a kind: write Counter, Gauge, Histogram, Summary or Info")
        if not _NAME.fullmatch(self.name):
            raise SignalError(f"{self.name!r} is not a metric name: letters, digits and underscores, no digit first")
        if not self.help:
            raise SignalError(f"{self.name}: help is empty: say in one sentence what it counts or measures")
        for label in self.labels:
            if not _LABEL.fullmatch(label) or label.startswith("__"):
                raise SignalError(f"{self.name}: {label!r} is not a label name")
        if len(set(self.labels)) != len(self.labels):
            raise SignalError(f"{self.name}: a label stands twice in {', '.join(self.labels)}")
        if self.origin is None:
            self._check_coined()

    def _check_coined(self) -> None:
        name = self.name
        if not _COINED.fullmatch(name):
            raise SignalError(f"{name}: names that we coin are lower case with single underscores")
        if bad := _BAD_WORDS.search(name):
            raise SignalError(
                f"{name}: {bad[1]!r} does not belong into a name: base units, ratios and histograms instead"
            )
        if "type" in self.labels:
            raise SignalError(f"{name}: the label 'type' says nothing: name what it distinguishes")
        suffix = _UNIT_SUFFIXES.get(self.unit, "")
        stem = name.removesuffix("_total") if isinstance(self, Counter) else name
        if suffix and not stem.endswith(suffix):
            raise SignalError(f"{name}: its unit is {self.unit}, so its name ends in {suffix!r} (before '_total')")

    @property
    def kind(self) -> str:
        """`counter`, `gauge`, `histogram`, `summary` or `info`."""
        return type(self).__name__.lower()

    @property
    def all_labels(self) -> frozenset[str]:
        """Its own labels and the target labels that a scrape adds."""
        return frozenset(self.labels) | known_target_labels()

    def where(self, **conditions: str | Matcher) -> Selection[Self]:
        """Some of its series: `where(state="active", datname=is_not("template0"))`.

        Raises QueryError for a label that the signal does not have.
        """
        return Selection(self).where(**conditions)


S = TypeVar("S", bound=Signal, covariant=True)


@dataclass(frozen=True, slots=True)
class Selection(Generic[S]):
    """The series of a signal that fulfil all matchers."""

    signal: S
    matchers: tuple[Matcher, ...] = ()

    def where(self, **conditions: str | Matcher) -> Selection[S]:
        """Fewer of its series; see `Signal.where`."""
        added = []
        known = frozenset(self.signal.labels) | known_target_labels()
        for label, condition in conditions.items():
            if label not in known:
                own = ", ".join(sorted(self.signal.labels)) or "none of its own"
                raise QueryError(f"{self.signal.name} has no label {label!r}: it has {own}, and the target labels")
            match = Matcher(label, "=", condition) if isinstance(condition, str) else condition
            if match.op in {"=~", "!~"}:
                try:
                    re.compile(match.value)
                except re.error as error:
                    raise QueryError(f"{self.signal.name}: {match.value!r} is no regular expression: {error}") from None
            added.append(Matcher(label, match.op, match.value))
        return Selection(self.signal, tuple(sorted({*self.matchers, *added}, key=lambda m: (m.label, m.op, m.value))))


@dataclass(frozen=True, slots=True)
class Counter(Signal):
    """A number that only rises, until its process restarts."""

    def _check_coined(self) -> None:
        if not self.name.endswith("_total"):
            raise SignalError(f"{self.name}: a counter's name ends in '_total'")
        # Two-argument super() does not survive slots=True on 3.11, so the base is named.
        Signal._check_coined(self)


@dataclass(frozen=True, slots=True)
class Gauge(Signal):
    """A number that rises and falls."""

    def _check_coined(self) -> None:
        if self.name.endswith(("_total", "_count", "_sum", "_bucket", "_info")):
            raise SignalError(f"{self.name}: this ending belongs to another kind than a gauge")
        Signal._check_coined(self)


@dataclass(frozen=True, slots=True)
class Distribution(Signal):
    """What histograms and summaries have in common: observations are counted and added up."""

    @property
    def count(self) -> Counter:
        """How many observations there were."""
        return Counter(
            self.name + "_count",
            f"Number of observations: {self.help}",
            ONE,
            self.labels,
            requires=self.requires,
            origin=self.name,
        )

    @property
    def sum(self) -> Counter:
        """The sum of the observations."""
        return Counter(
            self.name + "_sum",
            f"Sum of observations: {self.help}",
            self.unit,
            self.labels,
            requires=self.requires,
            origin=self.name,
        )


@dataclass(frozen=True, slots=True)
class Summary(Distribution):
    """A distribution as quantiles that the observed program computed itself, with its sum and count.

    For names that are borrowed only: quantiles of several instances cannot be put together.
    """

    def _check_coined(self) -> None:
        raise SignalError(f"{self.name}: a summary cannot be aggregated: coin a Histogram")

    @property
    def quantiles(self) -> Gauge:
        """The quantiles, by the label `quantile`."""
        return Gauge(
            self.name,
            self.help,
            self.unit,
            (*self.labels, "quantile"),
            self.polarity,
            requires=self.requires,
            origin=self.name,
        )


@dataclass(frozen=True, slots=True)
class Histogram(Distribution):
    """A distribution in cumulative buckets; `buckets` are the upper bounds without +Inf, empty when not ours to say."""

    buckets: tuple[float, ...] = ()

    @property
    def bucket(self) -> Counter:
        """How many observations were at most `le`."""
        return Counter(
            self.name + "_bucket",
            f"Observations up to le: {self.help}",
            ONE,
            (*self.labels, "le"),
            requires=self.requires,
            origin=self.name,
        )


@dataclass(frozen=True, slots=True)
class Info(Signal):
    """A constant 1 whose labels carry text, such as a version; the name is the full one, with `_info` where it has
    it.
    """

    def _check_coined(self) -> None:
        if not self.name.endswith("_info"):
            raise SignalError(f"{self.name}: an info signal's name ends in '_info'")
        Signal._check_coined(self)
