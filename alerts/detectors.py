"""Alerts of the detectors: one that judges nothing says so."""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import Alert
from watchkeeper.systems.detectors import WATCHKEEPER_DETECTOR_UP

__all__ = ["ALERTS"]

ALERTS: tuple[Alert, ...] = (
    Alert(
        name="DetectorFailing",
        system="detectors",
        query=q.min_by(WATCHKEEPER_DETECTOR_UP, "detector"),
        op="==",
        threshold=0,
        hold="15m",
        severity="warning",
        summary="The detector {{ $labels.detector }} gives no judgement",
        description="Its evaluation fails: deviations of what it watches go unseen.",
        runbook="watchkeeper/rule-failure",
        panel="detectors/up",
        source="A quarter of an hour is fifteen evaluations at the usual step of a minute",
    ),
)
