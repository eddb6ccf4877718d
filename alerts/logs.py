"""Alerts of logs."""

from __future__ import annotations

from watchkeeper.declarations import Alert

__all__ = ["ALERTS"]

ALERTS: tuple[Alert, ...] = (
    Alert(
        name="LogNewErrors",
        system="logs",
        query="logs.new_error_templates",
        threshold=0,
        hold="0s",
        severity="info",
        summary="{{ $labels.service }} writes {{ $value }} kinds of error never seen before",
        description="Nobody is called for that alone; beside another alert it says where to look first.",
        runbook="logs/new-errors",
        panel="logs/new-error-templates",
        source="Any: what has been written before in the learning time is no news. Severity info, because new "
        "errors accompany most incidents and many harmless deploys",
    ),
    Alert(
        name="LogErrorsHigh",
        system="logs",
        query="logs.error_ratio",
        threshold=0.5,
        hold="10m",
        severity="warning",
        summary="{{ $labels.service }}: {{ $value }} of its records are errors",
        description="A service that writes more errors than everything else is failing most of what it is asked.",
        runbook="logs/errors-high",
        panel="logs/error-ratio",
        source="Half of all records: services log at least one ordinary record for each request (access log), so "
        "that half are errors only when most requests fail; the detector sees smaller changes",
    ),
    Alert(
        name="LogRecordsDropped",
        system="logs",
        query="logs.dropped_rate",
        threshold=0,
        hold="15m",
        severity="info",
        summary="Records of {{ $labels.service }} are not looked at: {{ $labels.reason }}",
        description="Lines above 64 KiB or that are not text (UTF-8) are left out of rates and templates.",
        runbook="logs/reading",
        panel="logs/dropped-rate",
        source="Any, for a quarter of an hour: a single one is a crash in the middle of a line",
    ),
    Alert(
        name="LogFilesUnreadable",
        system="logs",
        query="logs.unreadable_sources",
        threshold=0,
        hold="10m",
        severity="warning",
        summary="{{ $labels.instance }}: {{ $value }} log files of {{ $labels.service }} cannot be read",
        description="The collector may not open files that match its pattern: nothing of them is counted.",
        runbook="logs/reading",
        panel="logs/unreadable-sources",
        source="Any: a file that matches was meant to be read; ten minutes span a rotation that sets the mode late",
    ),
)
