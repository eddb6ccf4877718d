"""Web vitals: how fast pages are for the people who look at them, measured in their browsers."""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import NamedQuery, System
from watchkeeper.signals import Counter, Histogram, Polarity, Signal
from watchkeeper.units import ONE, SECONDS

__all__ = ["QUERIES", "SIGNALS", "SYSTEM"]

_PAGE = ("page",)

# The bounds hold web.dev's limits of good and poor for each vital, and steps around them.
WEB_VITALS_LARGEST_CONTENTFUL_PAINT_SECONDS = Histogram(
    "web_vitals_largest_contentful_paint_seconds",
    "Time until the largest element of a page was painted (LCP); good up to 2.5 s, poor above 4 s.",
    SECONDS,
    _PAGE,
    Polarity.HIGH_IS_BAD,
    buckets=(0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0, 20.0),
)
WEB_VITALS_INTERACTION_TO_NEXT_PAINT_SECONDS = Histogram(
    "web_vitals_interaction_to_next_paint_seconds",
    "Longest time from an interaction to the next frame (INP); good up to 0.2 s, poor above 0.5 s.",
    SECONDS,
    _PAGE,
    Polarity.HIGH_IS_BAD,
    buckets=(0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 1.0, 2.0, 5.0),
)
WEB_VITALS_CUMULATIVE_LAYOUT_SHIFT = Histogram(
    "web_vitals_cumulative_layout_shift",
    "How much of a page moved unexpectedly while it was open (CLS); good up to 0.1, poor above 0.25.",
    ONE,
    _PAGE,
    Polarity.HIGH_IS_BAD,
    buckets=(0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0),
)
WEB_VITALS_TIME_TO_FIRST_BYTE_SECONDS = Histogram(
    "web_vitals_time_to_first_byte_seconds",
    "Time until the first byte of a page arrived (TTFB); good up to 0.8 s, poor above 1.8 s.",
    SECONDS,
    _PAGE,
    Polarity.HIGH_IS_BAD,
    buckets=(0.1, 0.2, 0.4, 0.8, 1.2, 1.8, 3.0, 5.0, 10.0),
)
WEB_VITALS_REFUSED_TOTAL = Counter(
    "web_vitals_refused_total",
    "Reports of browsers that were refused, by reason: anybody may send them.",
    labels=("reason",),
    requires="a report that is no web vital",
)

SIGNALS: tuple[Signal, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Signal))

SYSTEM = System(
    key="web_vitals",
    title="Web vitals",
    summary="Loading, responsiveness and stability of pages, as their readers' browsers measured them.",
    collected="application",
    signals=SIGNALS,
    exporter="OTel event browser.web_vital",
    tested_against="Chromium 156, with the script that watchkeeper.instrumentation serves",
)


def _p75(key: str, title: str, signal: Histogram) -> NamedQuery:
    """Web vitals are judged at the 75th percentile of page loads."""
    return NamedQuery(key=f"web_vitals.{key}", title=title, query=q.quantile(0.75, signal, "1h", by=_PAGE))


QUERIES: tuple[NamedQuery, ...] = (
    _p75("lcp", "Largest contentful paint, 75th percentile", WEB_VITALS_LARGEST_CONTENTFUL_PAINT_SECONDS),
    _p75("inp", "Interaction to next paint, 75th percentile", WEB_VITALS_INTERACTION_TO_NEXT_PAINT_SECONDS),
    _p75("cls", "Cumulative layout shift, 75th percentile", WEB_VITALS_CUMULATIVE_LAYOUT_SHIFT),
    _p75("ttfb", "Time to first byte, 75th percentile", WEB_VITALS_TIME_TO_FIRST_BYTE_SECONDS),
    NamedQuery(
        key="web_vitals.loads_rate",
        title="Page loads per second",
        query=q.sum_by(q.rate(WEB_VITALS_TIME_TO_FIRST_BYTE_SECONDS.count), "page"),
    ),
    NamedQuery(
        key="web_vitals.refused_rate",
        title="Reports refused per second",
        query=q.sum_by(q.rate(WEB_VITALS_REFUSED_TOTAL), "reason"),
    ),
)
