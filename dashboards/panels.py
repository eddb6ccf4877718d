"""One panel as Grafana 10 to 12 reads it: made by grafanalib, then brought up to date.

grafanalib 0.7.1 knows the panels of Grafana 9, with dead keys and options that have moved. What it leaves out or spells
in an old way is written here for each panel type, and no key is kept that Grafana does not read.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

from grafanalib import core
from grafanalib._gen import DashboardEncoder

from dashboards.layout import Place
from dashboards.units import grafana_unit
from dashboards.variables import filtered
from watchkeeper.declarations import Panel
from watchkeeper.queries import Query
from watchkeeper.units import UNIX_TIME, Unit

__all__ = ["LIVE_TYPES", "SOURCE", "Threshold", "panel_json", "plain"]

LIVE_TYPES = frozenset({"timeseries", "stat", "gauge", "table", "heatmap", "bargauge", "text"})
"""Panel types that Grafana 10 to 12 has; others are dead or plugins."""

SOURCE = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True, slots=True)
class Threshold:
    """The bound that a panel draws: its value in the unit of the alert's query, and on which side it is bad."""

    value: float
    above: bool
    unit: Unit


def panel_json(
    panel: Panel,
    queries: list[Query],
    *,
    number: int,
    spot: Place,
    bound: Threshold | None,
    variables: tuple[str, ...],
) -> dict[str, Any]:
    """The panel with its identifier, place, queries narrowed to the chosen `variables`, and the bound that it draws."""
    unit = queries[0].unit if queries else None
    drawn = bound if bound is not None and unit is not None and bound.unit.same(unit) else None
    instant = panel.kind in {"table", "bars", "gauge"}
    targets = [
        core.Target(
            expr=_text(query, variables),
            legendFormat=panel.legend or "__auto",
            refId=ascii_uppercase[index],
            instant=instant,
            format="table" if panel.kind == "table" else "heatmap" if panel.kind == "heatmap" else "time_series",
            datasource=dict(SOURCE),
        )
        for index, query in enumerate(queries)
    ]
    common: dict[str, Any] = {
        "title": panel.title,
        "description": panel.description,
        "id": number,
        "gridPos": core.GridPos(h=spot.h, w=spot.w, x=spot.x, y=spot.y),
        "targets": targets,
        "dataSource": None if panel.kind == "text" else dict(SOURCE),
    }
    made = plain(_CLASSES[panel.kind](**common))
    return _finished(made, panel, unit, drawn)


_CLASSES: dict[str, Any] = {
    "timeseries": core.TimeSeries,
    "stat": core.Stat,
    "gauge": core.GaugePanel,
    "table": core.Table,
    "bars": core.BarGauge,
    "heatmap": core.TimeSeries,  # grafanalib's heatmap is the one that Grafana 9 replaced
    "text": core.Text,
}


def _text(query: Query, variables: tuple[str, ...]) -> str:
    chosen = filtered(query, variables)
    return f"1000 * ({chosen.promql()})" if query.unit == UNIX_TIME else chosen.promql()


def plain(made: object) -> dict[str, Any]:
    """What grafanalib made, as plain values of JSON."""
    plain: dict[str, Any] = json.loads(json.dumps(made, cls=DashboardEncoder))
    return plain


def _finished(made: dict[str, Any], panel: Panel, unit: Unit | None, bound: Threshold | None) -> dict[str, Any]:
    kind = {"bars": "bargauge"}.get(panel.kind, panel.kind)
    kept = {key: made[key] for key in ("datasource", "description", "gridPos", "id", "targets", "title", "transparent")}
    kept["type"] = kind
    if kind == "text":
        kept.pop("datasource")
        kept.pop("targets")
        return kept | {"options": {"content": panel.description, "mode": "markdown"}}
    kept["targets"] = [_target(target, panel) for target in made["targets"]]
    kept["fieldConfig"] = {"defaults": _field(panel, kind, unit, bound), "overrides": []}
    kept["options"] = _OPTIONS[kind](panel)
    kept["maxDataPoints"] = 600
    if kind == "table":
        kept["transformations"] = [{"id": "organize", "options": {"excludeByName": {"Time": True}}}]
    return kept


def _target(target: dict[str, Any], panel: Panel) -> dict[str, Any]:
    kept = {key: target[key] for key in ("datasource", "expr", "format", "instant", "legendFormat", "refId")}
    return kept | {"editorMode": "code", "range": not target["instant"]}


def _field(panel: Panel, kind: str, unit: Unit | None, bound: Threshold | None) -> dict[str, Any]:
    # A healthy series is not green by a colour alone: the base is the text's colour until a bound says more.
    steps: list[dict[str, Any]] = [{"color": "text" if bound is None else "green", "value": None}]
    if bound is not None:
        steps = (
            [*steps, {"color": "red", "value": bound.value}]
            if bound.above
            else [{"color": "red", "value": None}, {"color": "green", "value": bound.value}]
        )
    state = _is_state(panel) and unit is not None and unit.dimensionless and kind in {"stat", "bargauge", "gauge"}
    if state:
        steps = [{"color": "red", "value": None}, {"color": "green", "value": 1}]
    field: dict[str, Any] = {
        "unit": grafana_unit(unit) if unit is not None and not state else "none",
        "noValue": "no data",
        "mappings": [_up_and_down()] if state else [],
        "thresholds": {"mode": "absolute", "steps": steps},
        "color": {"mode": "palette-classic" if kind == "timeseries" else "thresholds"},
        "custom": {},
    }
    if unit is not None and unit.name == "ratio" and kind in {"gauge", "bargauge"}:
        field |= {"min": 0, "max": 1}
    if kind == "timeseries":
        field["custom"] = {
            "axisSoftMin": 0,
            "drawStyle": "line",
            "fillOpacity": 30 if panel.stacked else 8,
            "lineWidth": 1,
            "showPoints": "never",
            "spanNulls": False,
            "stacking": {"group": "A", "mode": "normal" if panel.stacked else "none"},
            "thresholdsStyle": {"mode": "off" if bound is None else "line"},
        }
    return field


def _is_state(panel: Panel) -> bool:
    """Whether a panel shows 0 and 1 for down and up."""
    return panel.key == "up" or panel.key.endswith("-up")


def _up_and_down() -> dict[str, Any]:
    return {
        "type": "value",
        "options": {
            "0": {"text": "DOWN", "color": "red", "index": 0},
            "1": {"text": "UP", "color": "green", "index": 1},
        },
    }


def _reduce() -> dict[str, Any]:
    return {"calcs": ["lastNotNull"], "fields": "", "values": False}


_OPTIONS: dict[str, Callable[[Panel], dict[str, Any]]] = {
    "timeseries": lambda panel: {
        "legend": {"calcs": ["lastNotNull", "max"], "displayMode": "table", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": lambda panel: {
        "colorMode": "background" if _is_state(panel) else "value",
        "graphMode": "none" if _is_state(panel) else "area",
        "justifyMode": "auto",
        "orientation": "auto",
        "reduceOptions": _reduce(),
        "textMode": "auto",
        "wideLayout": True,
    },
    "gauge": lambda panel: {
        "orientation": "auto",
        "reduceOptions": _reduce(),
        "showThresholdLabels": False,
        "showThresholdMarkers": True,
    },
    "bargauge": lambda panel: {
        "displayMode": "basic",
        "orientation": "horizontal",
        "reduceOptions": _reduce(),
        "showUnfilled": True,
        "valueMode": "color",
    },
    "table": lambda panel: {"cellHeight": "sm", "footer": {"show": False}, "showHeader": True, "sortBy": []},
    "heatmap": lambda panel: {
        "calculate": False,
        "cellGap": 1,
        "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64},
        "legend": {"show": True},
        "tooltip": {"mode": "single", "yHistogram": False},
        "yAxis": {"axisPlacement": "left"},
    },
}
