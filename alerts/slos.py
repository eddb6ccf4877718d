"""SLOs: an objective expands into recording rules and one burn-rate alert for each pair of windows.

The windows are those of the SRE workbook (chapter 5, "Alerting on SLOs", multiwindow, multi-burn-rate): an alert fires
when a share of the period's error budget was spent within the long window, and the short window says that it still goes
on. One alert for each pair, so that the alert says how fast the budget goes; none on a trickle of traffic.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

from watchkeeper import queries as q
from watchkeeper.declarations import SLO, Severity
from watchkeeper.durations import format_duration, parse_duration
from watchkeeper.queries import Query
from watchkeeper.signals import Gauge
from watchkeeper.units import ONE, RATIO, SECONDS, Unit

__all__ = ["BURN_WINDOWS", "Burn", "BurnWindow", "Recording", "burns", "over", "recordings"]


@dataclass(frozen=True, slots=True)
class BurnWindow:
    """`share` of the period's budget spent within `long`, and `short` (a twelfth) still burning as fast."""

    long: str
    short: str
    share: float
    hold: str
    severity: Severity

    def factor(self, period: str) -> float:
        """The burn rate: how many times faster than evenly the budget is spent."""
        return self.share * parse_duration(period) / parse_duration(self.long)


# SRE workbook, table 5-8, for a period of 30 days: burn rates 14.4, 6, 3, 1. The holds are ours: short against the
# window, so that one evaluation over a gap in the samples calls nobody.
BURN_WINDOWS = (
    BurnWindow("1h", "5m", 0.02, "2m", "critical"),
    BurnWindow("6h", "30m", 0.05, "15m", "critical"),
    BurnWindow("1d", "2h", 0.10, "30m", "warning"),
    BurnWindow("3d", "6h", 0.10, "1h", "warning"),
)


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording rule: the name of the new series, what it records, and the labels that it adds."""

    name: str
    query: Query
    labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Burn:
    """One alert of an SLO: the condition over the recorded series, and the same over the signals themselves."""

    name: str
    slo: SLO
    window: BurnWindow
    threshold: float
    recorded: Query
    direct: Query


def burns(slo: SLO) -> Iterator[Burn]:
    """The burn-rate alerts of an SLO; a pair whose threshold no ratio can exceed is left out."""
    for window in BURN_WINDOWS:
        threshold = window.factor(slo.period) * (1 - slo.objective)
        if threshold >= 1 or parse_duration(window.long) > parse_duration(slo.period):
            continue
        yield Burn(
            name=f"{slo.name}Burn{window.long}",
            slo=slo,
            window=window,
            threshold=threshold,
            recorded=_condition(
                slo, threshold, _recorded(slo, window.long), _recorded(slo, window.short), _total(slo, window)
            ),
            direct=_condition(
                slo,
                threshold,
                _ratio(slo, window.long),
                _ratio(slo, window.short),
                over(slo.total, window.long),
            ),
        )


def _condition(slo: SLO, threshold: float, long: Query, short: Query, total: Query) -> Query:
    condition = q.and_(long > threshold, short > threshold)
    return q.and_(condition, total > slo.minimum_rate) if slo.minimum_rate else condition


def recordings(slo: SLO) -> Iterator[Recording]:
    """What the burn-rate alerts read, and the share of the period's error budget that is left."""
    used = list(burns(slo))
    labels = (("slo", slo.name),)
    for name, query in (("bad", slo.bad), ("total", slo.total)):
        yield Recording(f"slo:{name}:rate5m", over(query, "5m"), labels)
    windows = {w for burn in used for w in (burn.window.short, burn.window.long)}
    for window in sorted(windows, key=parse_duration):
        yield Recording(f"slo:bad_ratio:rate{window}", _ratio(slo, window), labels)
    if slo.minimum_rate:
        for burn in used:
            yield Recording(f"slo:total:rate{burn.window.long}", over(slo.total, burn.window.long), labels)
    yield Recording("slo:objective", q.constant(slo.objective, RATIO), labels)
    # Weighted by traffic, which a mean of ratios would not be.
    spent = q.ratio(
        q.sum_over_time(_series(slo, "slo:bad:rate5m", ONE / SECONDS), slo.period),
        q.sum_over_time(_series(slo, "slo:total:rate5m", ONE / SECONDS), slo.period),
    )
    yield Recording(f"slo:error_budget:remaining{slo.period}", 1 - spent / (1 - slo.objective), labels)


def over(query: Query, window: str | float) -> Query:
    """The query with a window (duration text or seconds) where it has none of its own."""
    seconds = parse_duration(window) if isinstance(window, str) else window
    changes: dict[str, Any] = {}
    for item in fields(query):
        value = getattr(query, item.name)
        if isinstance(value, Query):
            changes[item.name] = over(value, seconds)
        elif item.name == "window" and value is None:
            changes[item.name] = seconds
    return replace(query, **changes) if changes else query


def _ratio(slo: SLO, window: str) -> Query:
    return over(q.ratio(slo.bad, slo.total), window)


def _recorded(slo: SLO, window: str) -> Query:
    return q.value(_series(slo, f"slo:bad_ratio:rate{window}", RATIO))


def _total(slo: SLO, window: BurnWindow) -> Query:
    return q.value(_series(slo, f"slo:total:rate{window.long}", ONE / SECONDS))


def _series(slo: SLO, name: str, unit: Unit) -> Any:
    labels = tuple(sorted({"slo", *slo.bad.labels}))
    help = f"Recorded for SLOs: {name.replace(':', ' ')}, over {format_duration(parse_duration(slo.period))}."
    return Gauge(name, help, unit, labels, origin="recording rule").where(slo=slo.name)
