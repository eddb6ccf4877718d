"""Alerts of web vitals: the limits of poor that web.dev publishes."""

from __future__ import annotations

from watchkeeper.declarations import Alert

__all__ = ["ALERTS"]

_SOURCE = "web.dev, Web Vitals: the limit of poor, judged at the 75th percentile of page loads"

ALERTS: tuple[Alert, ...] = (
    Alert(
        name="PagesLoadSlowly",
        system="web_vitals",
        query="web_vitals.lcp",
        threshold=4.0,
        hold="30m",
        severity="warning",
        summary="{{ $labels.page }} loads within {{ $value }} for three quarters of its readers, not better",
        description="One load in four takes longer than that until the main content is there.",
        runbook="web_vitals/slow-pages",
        panel="web_vitals/lcp",
        source=_SOURCE,
    ),
    Alert(
        name="PagesRespondSlowly",
        system="web_vitals",
        query="web_vitals.inp",
        threshold=0.5,
        hold="30m",
        severity="warning",
        summary="{{ $labels.page }} answers interactions within {{ $value }} for three quarters of its readers",
        description="Clicks and keys feel stuck: scripts keep the page from painting.",
        runbook="web_vitals/slow-pages",
        panel="web_vitals/inp",
        source=_SOURCE,
    ),
    Alert(
        name="PagesShift",
        system="web_vitals",
        query="web_vitals.cls",
        threshold=0.25,
        hold="30m",
        severity="info",
        summary="{{ $labels.page }} moves under its readers' eyes: {{ $value }}",
        description="Elements jump while the page is read; people click what they did not mean.",
        runbook="web_vitals/slow-pages",
        panel="web_vitals/cls",
        source=_SOURCE,
    ),
)
