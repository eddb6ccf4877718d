"""The dashboard of web vitals."""

from __future__ import annotations

from watchkeeper.declarations import Dashboard, Panel, Row

__all__ = ["DASHBOARD"]

DASHBOARD = Dashboard(
    key="web_vitals",
    title="Web vitals",
    system="web_vitals",
    description="What people feel: three quarters of all page loads are at least this good.",
    links=("overview", "traces"),
    variables=(),
    rows=(
        Row(
            title="Three quarters of page loads",
            panels=(
                Panel(
                    key="lcp",
                    title="Largest contentful paint",
                    queries=("web_vitals.lcp",),
                    description="Loading: good up to 2.5 s, poor above 4 s.",
                    legend="{{page}}",
                    threshold_of="PagesLoadSlowly",
                ),
                Panel(
                    key="inp",
                    title="Interaction to next paint",
                    queries=("web_vitals.inp",),
                    description="Responsiveness: good up to 0.2 s, poor above 0.5 s.",
                    legend="{{page}}",
                    threshold_of="PagesRespondSlowly",
                ),
                Panel(
                    key="cls",
                    title="Cumulative layout shift",
                    queries=("web_vitals.cls",),
                    description="Stability: good up to 0.1, poor above 0.25.",
                    legend="{{page}}",
                    threshold_of="PagesShift",
                ),
            ),
        ),
        Row(
            title="Why",
            panels=(
                Panel(
                    key="ttfb",
                    title="Time to first byte",
                    queries=("web_vitals.ttfb",),
                    description="The server's and the network's share of loading: good up to 0.8 s.",
                    legend="{{page}}",
                ),
                Panel(
                    key="loads-rate",
                    title="Page loads",
                    queries=("web_vitals.loads_rate",),
                    description="Loads that were measured, by page.",
                    legend="{{page}}",
                ),
                Panel(
                    key="refused-rate",
                    title="Reports refused",
                    queries=("web_vitals.refused_rate",),
                    description="Reports that are no web vitals; anybody may send them.",
                    legend="{{reason}}",
                ),
            ),
        ),
    ),
)
