"""The dashboard of the detectors."""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import Dashboard, Panel, Row
from watchkeeper.systems.detectors import WATCHKEEPER_DETECTOR_DURATION_SECONDS, WATCHKEEPER_DETECTOR_UP

__all__ = ["DASHBOARD"]

DASHBOARD = Dashboard(
    key="detectors",
    title="Detectors",
    system="detectors",
    description="What deviates from what was learned, and whether the detectors themselves are well.",
    links=("overview", "watchkeeper"),
    variables=(),
    rows=(
        Row(
            title="Deviations",
            panels=(
                Panel(
                    key="deviating",
                    title="Open deviations",
                    queries=("detectors.deviating",),
                    description="By detector.",
                    legend="{{detector}}",
                    width=12,
                ),
                Panel(
                    key="highest-score",
                    title="Highest score",
                    queries=("detectors.highest_score",),
                    description="How surprising the value is by the series' own past; 0.5 is the edge of the band.",
                    legend="{{detector}}",
                    width=12,
                ),
            ),
        ),
        Row(
            title="The detectors themselves",
            panels=(
                Panel(
                    key="up",
                    title="Evaluated",
                    queries=(q.min_by(WATCHKEEPER_DETECTOR_UP, "detector"),),
                    kind="stat",
                    description="Whether the last evaluation succeeded.",
                    legend="{{detector}}",
                ),
                Panel(
                    key="age",
                    title="Age of the newest judgement",
                    queries=("detectors.age",),
                    description="It rises when the query has no data.",
                    legend="{{detector}}",
                ),
                Panel(
                    key="duration",
                    title="Duration of an evaluation",
                    queries=(q.max_by(WATCHKEEPER_DETECTOR_DURATION_SECONDS, "detector"),),
                    description="The query included.",
                    legend="{{detector}}",
                ),
            ),
        ),
    ),
)
