"""Every dashboard as a file, made from definitions: the same input gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dashboards.render import Lookup, Threshold, panel_path, render
from watchkeeper.declarations import Alert, Dashboard

__all__ = ["files", "panel_paths", "thresholds_of"]


def files(
    dashboards: Iterable[Dashboard], lookup: Lookup, thresholds: Mapping[str, Threshold] | None = None
) -> dict[str, bytes]:
    """The dashboards by path below the output directory.

    `lookup` is `Catalogue.query`, `thresholds` what `thresholds_of` gives. Raises DefinitionError for an unknown query
    key.
    """
    wanted = sorted(dashboards, key=lambda dashboard: dashboard.key)
    titles = {dashboard.key: dashboard.title for dashboard in wanted}
    return {f"dashboards/{dashboard.key}.json": render(dashboard, lookup, thresholds, titles) for dashboard in wanted}


def thresholds_of(alerts: Iterable[Alert], lookup: Lookup) -> dict[str, Threshold]:
    """The bounds of alerts by name; a condition without a threshold, and one of equality, has none."""
    return {
        alert.name: Threshold(alert.threshold, alert.op in {">", ">="}, lookup(alert.query).unit)
        for alert in alerts
        if alert.threshold is not None and alert.op in {">", ">=", "<", "<="}
    }


def panel_paths(dashboards: Iterable[Dashboard]) -> dict[str, str]:
    """DASHBOARD/PANEL to its path in Grafana, for the links of alerts."""
    return {
        f"{dashboard.key}/{panel.key}": panel_path(dashboard, panel.key)
        for dashboard in dashboards
        for panel in dashboard.panels()
    }
