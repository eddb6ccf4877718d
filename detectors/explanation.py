"""What is known of one watched series, told to somebody who has never heard of the algorithm."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from detectors.budget import PER_WEEK, WEEK, Budget
from detectors.contributors import Contributor
from detectors.deviations import Deviation
from detectors.engine import DetectionEngine
from detectors.evidence import MEMORIES
from detectors.seasonal import DetectionError, SeasonalDetector
from detectors.texts import amount, band, clock_time, sentence, series_name, unlike
from detectors.watch import Watch
from watchkeeper.declarations import Detector
from watchkeeper.deliveries import fingerprint
from watchkeeper.durations import format_duration, parse_duration, spoken
from watchkeeper.queries import narrowed
from watchkeeper.stores import Labels
from watchkeeper.units import Unit

__all__ = ["VIEWS", "Explanation", "explain", "matching", "once_in", "plain_deviation"]

DAY = 86_400.0
# What a tail says beyond this is more than the past of a series can tell.
_LONGEST = 365 * DAY
# How much of the past of one series is looked through for a value like the one of now, in steps.
_STEPS = 20_160

VIEWS = ("values", "values for a while", "values for long", "level")
"""What spoke the most for a deviation, by `detectors.ticks.Tick.view`."""
# Beyond this a multiple says no more.
_MUCH = 20

State = Literal["deviates", "as expected", "silent", "not known yet"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One series at a time: values in `unit`, times in seconds since the epoch, NaN where nothing is known.

    `past` is for how many seconds the series is known; `seasons` are the periods in seconds that it is compared by,
    none while only its recent level is known. `looked` is how many seconds before the onset were searched for a value
    as far out, `seen_before` when the last one was, None when there was none. `once_in` is about how often, in
    seconds, its own past lets such a value be expected; None while nothing deviates. `notes` are what calendars and
    people say of its time. `peers` is with how many others it is compared, 0 where with its own past; `kind` and
    `beside` say what the deviation of a unit cost is (see `detectors.unit_cost`). `view` is what spoke the most for the
    deviation when it began (see `detectors.ticks.Tick`), `strength` the most evidence since, as a multiple of what it
    takes.
    """

    detector: Detector
    labels: Labels
    unit: Unit
    query: str
    state: State
    at: float
    observed: float
    expected: float
    lower: float
    upper: float
    past: float
    seasons: tuple[float, ...]
    last: float = math.nan
    since: float | None = None
    impact: str = ""
    higher: bool = True
    worst: float = math.nan
    once_in: float | None = None
    looked: float = 0.0
    seen_before: float | None = None
    contributors: tuple[Contributor, ...] = field(default=())
    notes: tuple[str, ...] = field(default=())
    peers: int = 0
    kind: str = ""
    beside: str = ""
    view: int = -1
    strength: float = math.nan

    @property
    def headline(self) -> str:
        """One sentence."""
        name = series_name(self.labels)
        what = f"{self.detector.title}{f' of {name}' if name else ''}"
        if self.state == "silent":
            return f"{what} gives no values{self._lately}: whether it is well is unknown."
        if self.state == "not known yet":
            return f"{what} is {amount(self.observed, self.unit)}; too little of it is known to expect anything."
        if self.detector.peers:
            verb = f"is {unlike(self.peers)}" if self.state == "deviates" else "is like its peers"
            return f"{what} {verb}: {amount(self.observed, self.unit)}, by them expected {self._band}."
        verb = "deviates" if self.state == "deviates" else "is as expected"
        return f"{what} {verb}: {amount(self.observed, self.unit)}, expected {self._band}."

    @property
    def _lately(self) -> str:
        return f" since {clock_time(self.last, self.at)}" if math.isfinite(self.last) else ""

    @property
    def _band(self) -> str:
        positive = not (self.observed < 0 or self.expected < 0)
        return band(self.lower, self.upper, self.unit, never_negative=positive)

    @property
    def rarity(self) -> str:
        """How rare the farthest value is: by the values before the onset, and by how they scatter."""
        if self.since is None:
            return ""
        word = "higher" if self.higher else "lower"
        parts = []
        if self.looked > 0 and self.seen_before is None:
            parts.append(f"{word} than anything in the {_days(self.looked)} before")
        elif self.seen_before is not None:
            ago = spoken(self.since - self.seen_before)
            parts.append(f"as {word[:-2]} as this it last was {ago} before, {clock_time(self.seen_before, self.at)}")
        # Beyond what is known of it, nothing is added to "than anything before".
        if (
            self.once_in is not None
            and self.once_in >= self.past
            and not (self.looked > 0 and self.seen_before is None)
        ):
            parts.append(f"by its own past, to be expected less than once in {_days(min(self.past, _LONGEST))}")
        elif self.once_in is not None and self.once_in < self.past:
            parts.append(f"by its own past, to be expected about once in {_days(self.once_in)}")
        return "; ".join(parts)

    @property
    def why(self) -> str:
        """What spoke for the deviation: values over how long, or their level, and how much more than it takes."""
        if self.view < 0:
            return ""
        if self.view < len(MEMORIES):
            seconds = parse_duration(self.detector.hold) * MEMORIES[self.view]
            seen = f"its values of {spoken(seconds)} together" if seconds > 0 else "its value"
        else:
            seen = "its level, for hours away from where it has been for weeks"
        much = f"{self.strength:.1f} times" if self.strength < _MUCH else f"more than {_MUCH} times"
        return f"{seen}: up to {much} the evidence that it takes, measured by how it scattered in the past"

    @property
    def compared(self) -> str:
        """Which past it is compared with."""
        known = _days(self.past)
        if self.state == "not known yet":
            few = f", beside {self.peers} peers, of whom four at least are needed" if self.detector.peers else ""
            return f"with nothing yet: it is known for {known}{few}"
        if self.detector.peers:
            usual = f", less what it differed from them in {known} of its past"
            return f"with {self.peers} peers at the same time{usual}"
        names = [_season(seconds) for seconds in self.seasons]
        if names:
            return f"with {' and '.join(names)}, from {known} of its own past"
        wanted = parse_duration(self.detector.seasons[0]) if self.detector.seasons else 0.0
        later = f"; {_season(wanted)} is not known before {_days(wanted)} have passed" if wanted else ""
        return f"with its own level of the last hours, from {known} of its past{later}"

    @property
    def counts(self) -> str:
        """What a value must do to be called a deviation."""
        d = self.detector
        direction = {"high_is_bad": "above", "low_is_bad": "below"}.get(d.polarity.name.lower(), "outside of")
        least = []
        if d.minimum_relative > 0:
            least.append(f"{100 * d.minimum_relative:.3g} % of the expectation")
        if d.minimum_absolute > 0:
            least.append(amount(d.minimum_absolute, self.unit))
        away = f", and at least {' and '.join(least)} away from what is expected" if least else ""
        return f"{direction} the expected band for {spoken(parse_duration(d.hold))}{away}"

    def facts(self) -> list[tuple[str, str]]:
        """Pairs of a name and a text, in reading order; nothing that is empty."""
        rows = []
        if self.state != "silent":
            seen = f"{amount(self.observed, self.unit)} at {clock_time(self.last, self.at)}"
            rows.append(("seen", f"{seen}; {self.impact}" if self.impact else seen))
        if math.isfinite(self.expected):
            rows.append(("expected", f"{self._band}, most likely {amount(self.expected, self.unit)}"))
        if self.since is not None:
            rows.append(("since", f"{clock_time(self.since, self.at)}, {spoken(max(0.0, self.at - self.since))} ago"))
        rows.append(("what", sentence(self.kind, self.beside) if self.kind else ""))
        rows.append(("how rare", self.rarity))
        rows.append(("why", self.why))
        rows.append(("compared", self.compared))
        rows.append(("counts when", self.counts))
        rows.append(("because", ", ".join(str(one) for one in self.contributors)))
        rows.append(("known", "; ".join(self.notes)))
        rows.append(("threshold", self.detector.source))
        return [(name, text) for name, text in rows if text]

    def plain(self) -> dict[str, Any]:
        """All of it for JSON; what is not known is null."""
        d = self.detector
        return {
            "detector": d.key,
            "title": d.title,
            "labels": dict(self.labels),
            "state": self.state,
            "at": self.at,
            "unit": str(self.unit),
            **{name: _number(getattr(self, name)) for name in ("observed", "expected", "lower", "upper", "worst")},
            "last": _number(self.last),
            "since": self.since,
            "impact": self.impact,
            "once_in_seconds": _number(self.once_in),
            "searched_seconds": self.looked,
            "seen_before": self.seen_before,
            "past_seconds": self.past,
            "seasons_seconds": list(self.seasons),
            "contributors": _contributors(self.contributors),
            "notes": list(self.notes),
            "peers": self.peers,
            "kind": self.kind,
            "beside": self.beside,
            "view": VIEWS[self.view] if self.view >= 0 else None,
            "strength": _number(self.strength),
            "runbook": d.runbook,
            "panel": d.panel,
            "query": self.query,
            "headline": self.headline,
            "facts": dict(self.facts()),
        }


def matching(engine: DetectionEngine, key: str, labels: Mapping[str, str]) -> list[Labels]:
    """The series of a detector that have these labels, those that deviate first."""
    watch = engine.watches[key]
    found = [own for own in watch.labels if all(own.get(name) == value for name, value in labels.items())]
    open_now = {fingerprint(one.labels) for one in engine.deviations() if one.detector.key == key}
    return sorted(found, key=lambda own: (fingerprint(own) not in open_now, sorted(own.items())))


def explain(engine: DetectionEngine, key: str, labels: Labels, at: float) -> Explanation:
    """What the engine, which has judged the values up to `at`, knows of one series of a detector.

    Reads the past of that series once more from the store. Raises DetectionError for a series that is not watched, and
    StoreError.
    """
    watch = engine.watches[key]
    own = {name: value for name, value in labels.items() if name != "__name__"}
    column = watch.keys.get(fingerprint(own))
    if column is None:
        raise DetectionError(f"{key} watches no series with the labels {own}: they may have no values at that time")
    deviation = next(
        (one for one in engine.deviations() if one.detector.key == key and fingerprint(one.labels) == fingerprint(own)),
        None,
    )
    detector = watch.detector
    past = max(0.0, at - float(detector.born[column])) if math.isfinite(detector.born[column]) else 0.0
    common: dict[str, Any] = {
        "detector": watch.declared,
        "labels": own,
        "unit": watch.unscaled.unit,
        "query": watch.unscaled.promql(),
        "at": at,
        "past": past,
        "notes": engine.known(key, own, at if deviation is None else deviation.since, at),
        "seasons": _known_seasons(watch, column, past),
        "peers": watch.fellows(column),
    }
    recent = watch.band(own, at - watch.remembered * watch.step, at)
    if deviation is not None:
        higher = deviation.worst >= deviation.worst_expected
        looked, seen = _seen_before(watch, own, deviation, past - (at - deviation.since), higher)
        return Explanation(
            **common,
            state="silent" if deviation.silent else "deviates",
            observed=deviation.observed,
            expected=deviation.expected,
            lower=deviation.lower,
            upper=deviation.upper,
            last=deviation.at,
            since=deviation.since,
            impact=deviation.impact,
            higher=higher,
            worst=deviation.worst,
            once_in=once_in(detector, deviation.score) if isinstance(detector, SeasonalDetector) else None,
            kind=deviation.kind,
            beside=deviation.beside,
            view=deviation.view,
            strength=deviation.strength,
            looked=looked,
            seen_before=seen,
            contributors=deviation.contributors,
        )
    values = np.array([math.nan]) if recent is None or not len(recent.times) else recent.observed
    valid = np.flatnonzero(np.isfinite(values))
    if recent is None or not len(valid):
        nothing: dict[str, Any] = dict.fromkeys(("observed", "expected", "lower", "upper"), math.nan)
        return Explanation(**common, state="silent", **nothing)
    place = valid[-1]
    last = float(recent.times[place])
    state: State = "as expected"
    if at - last > float(detector.spans.usual_gap[column]):
        state = "silent"
    elif not _known(watch, column):
        state = "not known yet"
    return Explanation(
        **common,
        state=state,
        last=last,
        observed=float(recent.observed[place]),
        expected=float(recent.expected[place]),
        lower=float(recent.lower[place]),
        upper=float(recent.upper[place]),
    )


def once_in(detector: SeasonalDetector, score: float) -> float:
    """About how often, in seconds, a healthy series reaches the evidence of a score, up to a year.

    What all series together reach is known to the alert budget; where there is none, or no past, a series is taken for
    one of those that the usual limit was measured on.
    """
    if score >= 1.0:
        return _LONGEST
    budget = detector.budget
    evidence = score / (1.0 - score) * (detector.tuning.limit if budget is None else budget.limit)
    often = (budget or Budget(PER_WEEK)).often(evidence)
    return min(_LONGEST, WEEK / max(often, 1e-9))


def plain_deviation(deviation: Deviation, at: float) -> dict[str, Any]:
    """A deviation for JSON, with the text that is delivered."""
    d = deviation.detector
    return {
        "detector": d.key,
        "labels": dict(deviation.labels),
        "severity": d.severity,
        "owner": d.owner,
        "fingerprint": fingerprint(deviation.identity),
        "since": deviation.since,
        "ended": deviation.ended,
        "ended_by": deviation.ended_by if deviation.ended is not None else None,
        "silent": deviation.silent,
        "unit": str(deviation.unit),
        **{
            n: _number(getattr(deviation, n))
            for n in ("at", "observed", "expected", "lower", "upper", "score", "worst")
        },
        "impact": deviation.impact,
        "text": deviation.text(at),
        "contributors": _contributors(deviation.contributors),
        "peers": deviation.peers,
        "kind": deviation.kind,
        "beside": deviation.beside,
        "view": VIEWS[deviation.view] if deviation.view >= 0 else None,
        "strength": _number(deviation.strength),
        "runbook": d.runbook,
        "panel": d.panel,
        "query": deviation.query,
    }


def _known_seasons(watch: Watch, column: int, past: float) -> tuple[float, ...]:
    """The declared periods, in seconds without the pace, that are known of a series."""
    detector = watch.detector
    if not isinstance(detector, SeasonalDetector) or not _known(watch, column):
        return ()
    faster = parse_duration(watch.declared.step) / watch.step
    return tuple(season.period * faster for season in detector.seasons if past >= 0.95 * season.period)


def _known(watch: Watch, column: int) -> bool:
    """Whether anything is expected of a series."""
    detector = watch.detector
    if isinstance(detector, SeasonalDetector):
        return bool(detector.samples[column] >= detector.minimum)
    recent = watch.band(watch.labels[column], detector.last, detector.last)
    return recent is not None and bool(np.isfinite(recent.expected).any())


def _seen_before(
    watch: Watch, labels: Labels, deviation: Deviation, past: float, higher: bool
) -> tuple[float, float | None]:
    """How many seconds before the onset were searched, and when a value as far out was last seen there."""
    step = watch.step
    last = math.floor((deviation.since - 0.5 * step) / step)
    steps = int(min(_STEPS, past / step))
    if steps < 1:
        return 0.0, None
    query = narrowed(watch.query, dict(labels))
    matrix = watch.store.range(query, (last - steps + 1) * step, last * step, step, auto=watch.auto)
    wanted = fingerprint(labels)
    for row, series in enumerate(matrix.series):
        if fingerprint({k: v for k, v in series.items() if k != "__name__"}) == wanted:
            values = np.where(matrix.present[row], matrix.values[row], np.nan)
            alike = values >= deviation.worst if higher else values <= deviation.worst
            first = np.flatnonzero(np.isfinite(values))
            if not len(first):
                return 0.0, None
            looked = deviation.since - float(matrix.times[first[0]])
            found = np.flatnonzero(alike)
            return looked, float(matrix.times[found[-1]]) if len(found) else None
    return 0.0, None


def _season(seconds: float) -> str:
    known = {DAY: "the same time of day", 7 * DAY: "the same time of the week", 3_600.0: "the same minute of the hour"}
    return known.get(seconds, f"the same point of every {format_duration(seconds)}")


def _days(seconds: float) -> str:
    """A length of past as one says it: `13 days`, `5 h 20 min`, `a year`."""
    if seconds >= _LONGEST:
        return "a year"
    days = round(seconds / DAY)
    return f"{days} days" if days >= 2 else spoken(seconds)


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


def _contributors(found: tuple[Contributor, ...]) -> list[dict[str, Any]]:
    return [{"label": one.label, "value": one.value, "share": round(one.share, 3)} for one in found]
