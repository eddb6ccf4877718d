"""Dashboards as Grafana reads them: made by grafanalib, then brought up to date by a pass of our own.

grafanalib 0.7.1 stops at Grafana 9 (schema 12, no identifiers, dead keys): the pass keeps what Grafana still reads and
writes the rest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from grafanalib import core

from dashboards.layout import panel_ids, places, slug, uid, uid_of
from dashboards.panels import SOURCE, Threshold, panel_json, plain
from dashboards.variables import anchor, values_of
from watchkeeper.declarations import Dashboard
from watchkeeper.queries import Query

__all__ = ["SCHEMA_VERSION", "Lookup", "Threshold", "panel_path", "render"]

SCHEMA_VERSION = 41
"""Grafana 12.0 (DashboardMigrator.ts in its source); no migration up to it concerns what we write."""

Lookup = Callable[[Query | str], Query]
"""Gives the query of a key, and a query as it is (`Catalogue.query`)."""


def render(
    dashboard: Dashboard,
    lookup: Lookup,
    thresholds: Mapping[str, Threshold] | None = None,
    titles: Mapping[str, str] | None = None,
) -> bytes:
    """The dashboard as JSON: sorted keys, no times, the same bytes for the same input.

    `thresholds` maps an alert's name to its bound; `titles` maps dashboard keys to titles, for the links between them.
    Raises DefinitionError when a query key is unknown.
    """
    queries = {panel.key: [lookup(reference) for reference in panel.queries] for panel in dashboard.panels()}
    panels = _panels(dashboard, queries, thresholds or {})
    metric = anchor(dashboard, (query for found in queries.values() for query in found))
    made = core.Dashboard(
        title=dashboard.title,
        description=dashboard.description,
        uid=uid(dashboard),
        tags=["watchkeeper", *([dashboard.system] if dashboard.system else [])],
        timezone="browser",
        refresh="30s",
        schemaVersion=SCHEMA_VERSION,
        graphTooltip=core.GRAPH_TOOLTIP_MODE_SHARED_CROSSHAIR,
        editable=False,
        time=core.Time("now-3h", "now"),
        templating=core.Templating(list=_variables(dashboard, metric)),
        links=[*_links(dashboard, titles or {})],
        panels=[],
    )
    document = plain(made)
    document["panels"] = panels
    return (json.dumps(_finished(document), indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


# --- the page ---------------------------------------------------------------------------------------------------------


def _variables(dashboard: Dashboard, metric: str | None) -> list[core.Template]:
    source = core.Template(name="datasource", query="prometheus", type="datasource", label="Data source")
    chosen = [] if metric is None else list(dashboard.variables)
    return [
        source,
        *(
            core.Template(
                name=name,
                query=values_of(dashboard.variables, index, str(metric)),
                dataSource=dict(SOURCE),
                label=name.capitalize(),
                includeAll=True,
                multi=True,
                allValue=".*",
                refresh=2,
                sort=1,
            )
            for index, name in enumerate(chosen)
        ),
    ]


def _links(dashboard: Dashboard, titles: Mapping[str, str]) -> Iterable[core.DashboardLink]:
    for key in dashboard.links:
        if key.startswith(("http://", "https://")):
            yield core.DashboardLink(title=key, type="link", uri=key, targetBlank=True)
        else:
            address = f"/d/{uid_of(key)}"
            yield core.DashboardLink(
                title=titles.get(key, key), type="link", uri=address, icon="dashboard", keepTime=True
            )
    yield core.DashboardLink(
        title="Watchkeeper", type="dashboards", tags=["watchkeeper"], asDropdown=True, keepTime=True
    )


_KEPT = (
    "description",
    "editable",
    "graphTooltip",
    "links",
    "panels",
    "refresh",
    "schemaVersion",
    "tags",
    "templating",
    "time",
    "timezone",
    "title",
    "uid",
)


def _finished(document: dict[str, Any]) -> dict[str, Any]:
    made = {key: document[key] for key in _KEPT}
    made |= {"fiscalYearStartMonth": 0, "liveNow": False, "weekStart": "", "version": 1, "id": None}
    made["timepicker"] = {}
    made["annotations"] = {"list": [_alerts_annotation()]}
    for variable in made["templating"]["list"]:
        for dead in ("auto", "auto_count", "auto_min", "tagsQuery", "tagValuesQuery", "useTags"):
            variable.pop(dead)
        variable["skipUrlSync"] = False
        variable["current"] = {}
        if variable["type"] == "datasource":
            variable.pop("datasource")
            variable["regex"] = ""
        else:
            query = variable["query"]
            variable["definition"] = query
            variable["query"] = {"query": query, "refId": "variable"}
            variable["regex"] = ""
            variable["current"] = {"text": ["All"], "value": ["$__all"]}
    return made


def _alerts_annotation() -> dict[str, Any]:
    return {
        "builtIn": 1,
        "datasource": {"type": "grafana", "uid": "-- Grafana --"},
        "enable": True,
        "hide": True,
        "iconColor": "rgba(0, 211, 255, 1)",
        "name": "Annotations & Alerts",
        "type": "dashboard",
    }


def _panels(
    dashboard: Dashboard, queries: Mapping[str, list[Query]], thresholds: Mapping[str, Threshold]
) -> list[dict[str, Any]]:
    ids, found, top = panel_ids(dashboard), [], 0
    for index, row in enumerate(dashboard.rows):
        spots, below = places(row.panels, top + 1)
        inside = [
            panel_json(
                panel,
                queries[panel.key],
                number=ids[panel.key],
                spot=spot,
                bound=thresholds.get(panel.threshold_of or ""),
                variables=dashboard.variables,
            )
            for panel, spot in zip(row.panels, spots, strict=True)
        ]
        title = core.RowPanel(title=row.title, collapsed=row.collapsed, id=index + 1)
        head = plain(title)
        head = {key: head[key] for key in ("collapsed", "id", "title", "type")}
        head["gridPos"] = {"h": 1, "w": 24, "x": 0, "y": top}
        head["panels"] = inside if row.collapsed else []
        found += [head, *([] if row.collapsed else inside)]
        top = top + 1 if row.collapsed else below
    return found


def panel_path(dashboard: Dashboard, panel: str) -> str:
    """The path of a panel in Grafana, alone on its page."""
    return f"/d/{uid(dashboard)}/{slug(dashboard)}?viewPanel={panel_ids(dashboard)[panel]}"
