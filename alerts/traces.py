"""Alerts of services, from their spans."""

from __future__ import annotations

from watchkeeper.declarations import Alert

__all__ = ["ALERTS"]

ALERTS: tuple[Alert, ...] = (
    Alert(
        name="ServiceErrorsHigh",
        system="traces",
        query="traces.error_ratio",
        threshold=0.05,
        hold="5m",
        severity="warning",
        summary="{{ $labels.service_name }}: {{ $value }} of {{ $labels.span_name }} fails",
        description="Spans of what the service answers end with an error.",
        runbook="traces/errors",
        panel="traces/error-ratio",
        source="5 %: at an objective of 99.9 % that burns a month's budget in 14 hours (SRE workbook, chapter 5: a "
        "burn rate of 50); an SLO of the service's own is the better alert",
    ),
    Alert(
        name="ServiceSlow",
        system="traces",
        query="traces.duration_p95",
        threshold=5.0,
        hold="10m",
        severity="warning",
        summary="{{ $labels.service_name }}: {{ $labels.span_name }} takes {{ $value }} at the 95th percentile",
        description="One call in twenty takes that long or longer.",
        runbook="traces/slow",
        panel="traces/duration-p95",
        source="5 s: half of the 10 s after which people give up on an answer (Nielsen, Usability Engineering, 1993); "
        "work that may take longer (agents, batch) has its own alerts: override it by name",
    ),
)
