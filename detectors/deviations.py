"""Deviations: what a detector found, and the delivery that tells of it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from detectors.contributors import Contributor
from detectors.texts import amount, band, clock_time, expand, sentence, series_name, unlike
from detectors.unit_cost import EXPLAINED
from watchkeeper.declarations import Detector
from watchkeeper.deliveries import Delivery, fingerprint
from watchkeeper.units import Unit

__all__ = ["Deviation", "End"]

# From this stage on the expectation knows the hour (see STAGES of detectors.seasonal).
_SEASONAL = 2

End = Literal["back", "adopted", "silent", "muted"]
"""Its values are as expected again; they have lasted for so long that they are now expected; there are none; a
calendar says that nothing is told of them now.
"""


@dataclass(slots=True)
class Deviation:
    """One series outside of its band, from `since` on; `ended` is None while it lasts.

    Values are in `unit`; `score` is the highest so far, `worst` the value farthest from its expectation;
    `excess` the sum of observed minus expected over the judged times. While `silent` the series gives no values, so
    that nobody knows whether it lasts; `ended_by` says why it ended. `notes` are what calendars say of its time, and
    `widened` is by what feedback has multiplied the half of the band that it is beyond. `peers` is with how many others
    it was compared, 0 where with its own past. `kind` says of a unit cost what is the matter (see
    `detectors.unit_cost`), and `beside` how traffic and latency are; `goes_with` are the keys of deviations that are
    the same problem. `view` is what spoke the most for it when it began (see `detectors.ticks.Tick`).
    """

    detector: Detector
    labels: Mapping[str, str]
    unit: Unit
    query: str
    step: float
    since: float
    at: float = 0.0
    observed: float = 0.0
    expected: float = 0.0
    lower: float = 0.0
    upper: float = 0.0
    score: float = 0.0
    stage: int = 0
    excess: float = 0.0
    worst: float = 0.0
    worst_expected: float = 0.0
    ended: float | None = None
    contributors: tuple[Contributor, ...] = field(default=())
    sent_at: float | None = None
    silent: bool = False
    ended_by: End = "back"
    notes: tuple[str, ...] = field(default=())
    widened: float = 1.0
    peers: int = 0
    kind: str = ""
    beside: str = ""
    view: int = -1
    goes_with: frozenset[str] = field(default=frozenset())

    @property
    def identity(self) -> Mapping[str, str]:
        """The labels of its delivery: those of the series, and whose it is."""
        d = self.detector
        own = {"alertname": d.key, "detector": d.key, "system": d.system, "severity": d.severity, "owner": d.owner}
        return {**{k: v for k, v in self.labels.items() if k != "__name__"}, **own}

    @property
    def strength(self) -> float:
        """The evidence at its height as a multiple of what a deviation takes."""
        return self.score / (1.0 - self.score) if self.score < 1.0 else math.inf

    def observe(
        self, at: float, observed: float, expected: float, lower: float, upper: float, score: float, stage: int
    ) -> None:
        """Take a judged value of its span into it; times that were judged before are passed over."""
        if at <= self.at or observed != observed or expected != expected:
            return
        self.at, self.observed, self.expected, self.lower, self.upper = at, observed, expected, lower, upper
        self.score = max(self.score, score)
        self.stage = stage
        if abs(observed - expected) >= abs(self.worst - self.worst_expected):
            self.worst, self.worst_expected = observed, expected
        self.excess += observed - expected

    @property
    def untold(self) -> bool:
        """Whether it is none for a person: a unit cost that traffic explains, and that nobody was told of before."""
        return self.kind == EXPLAINED and self.sent_at is None

    @property
    def impact(self) -> str:
        """Why it counts: money where the query is money, else how far from the expectation."""
        currency = next((n for n, power in self.unit.dimensions if power == 1 and len(n) == 3 and n.isupper()), None)
        if currency and self.unit.dimensions == ((currency, 1),) and self.step >= 86_400:
            return f"{self.excess:+,.2f} {currency} against the expectation so far"
        observed, expected = self.worst, self.worst_expected
        if expected > 0 and 2 <= observed / expected < 1_000:
            return f"up to {observed / expected:.1f} times the expectation"
        if expected != 0 and abs(observed - expected) < 1_000 * abs(expected):
            return f"{(observed - expected) / abs(expected):+.0%} against the expectation"
        return f"up to {amount(observed, self.unit)} where next to nothing was expected"

    def text(self, now: float) -> str:
        """One sentence or two for the person on call."""
        name = series_name(self.labels)
        what = f"{self.detector.title}{f' of {name}' if name else ''}"
        if self.ended is not None:
            return f"{what} {self._ending(self.ended, now)}"
        hour = " at this hour" if self.stage >= _SEASONAL and self.step < 86_400 else ""
        expected = band(self.lower, self.upper, self.unit, never_negative=self.observed >= 0 and self.expected >= 0)
        verb = "was" if self.silent else "is"
        seen = f"{verb} {amount(self.observed, self.unit)}; expected {expected}{hour}"
        if self.detector.peers:
            seen = f"{verb} {unlike(self.peers)}: {amount(self.observed, self.unit)}; by them expected {expected}"
        text = f"{what} {seen}; since {clock_time(self.since, now)}: {self.impact}."
        if self.kind:
            text += f" {sentence(self.kind, self.beside)}"
        if self.silent:
            text += f" The series is silent since {clock_time(self.at, now)}: whether it still deviates is unknown."
        if self.contributors:
            text += f" Most of the change: {', '.join(str(c) for c in self.contributors[:3])}."
        if self.notes:
            text += f" Known of that time: {'; '.join(self.notes)}."
        if self.stage < _SEASONAL and self.detector.peers:
            text += " By how much it usually differs from them is not known yet."
        elif self.stage < _SEASONAL:
            text += " The detector does not know a full season of this series yet."
        return text

    def _ending(self, ended: float, now: float) -> str:
        since, last = clock_time(self.since, now), clock_time(self.at, now)
        if self.ended_by == "silent":
            return (
                f"is silent since {last}: whether it is well is unknown, and no more is said of it; it deviated from "
                f"{since} to its last value: {self.impact}."
            )
        if self.ended_by == "adopted":
            return (
                f"has not come back: it deviates since {since} and was {amount(self.observed, self.unit)} at {last}. "
                f"It has lasted for so long that this is taken for its new normal: {self.impact}."
            )
        if self.ended_by == "muted":
            why = "; ".join(self.notes) or "its time is planned"
            return f"is no longer told of ({why}); it deviated from {since} to {last}, its last value: {self.impact}."
        again = "like its peers" if self.detector.peers else "as expected"
        return f"is {again} again; it deviated from {since} to {clock_time(ended, now)}: {self.impact}."

    def delivery(self, now: float) -> Delivery:
        """Its arrival: firing while it lasts, resolved once `ended` is set."""
        d = self.detector
        text = self.text(now)
        parts = [{"label": c.label, "value": c.value, "share": round(c.share, 3)} for c in self.contributors]
        annotations = {
            "summary": expand(d.summary, self.labels, amount(self.observed, self.unit)),
            "description": text,
            "runbook": d.runbook,
            "panel": d.panel,
            "query": self.query,
            "value": f"{self.observed:.12g}",
            "expected": f"{self.expected:.12g}",
            "expected_low": f"{self.lower:.12g}",
            "expected_high": f"{self.upper:.12g}",
            "score": f"{self.score:.3f}",
            "impact": self.impact,
            "contributors": json.dumps(parts),
            "threshold_source": d.source,
        }
        if self.detector.peers:
            annotations["peers"] = str(self.peers)
        if self.kind:
            annotations |= {"kind": self.kind, "beside": self.beside}
        labels = self.identity
        return Delivery(
            source="detectors",
            kind="deviation",
            status="firing" if self.ended is None else "resolved",
            labels=labels,
            annotations=annotations,
            starts_at=self.since,
            ends_at=self.ended,
            fingerprint=fingerprint(labels),
        )
