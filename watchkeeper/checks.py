"""`watchkeeper check`: proves that the catalogue is closed.

Each rule is a function from the catalogue to findings; `RULES` lists them with what they prove, and the
documentation is made from it.
"""

from __future__ import annotations

import re
from collections import Counter as Tally
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from watchkeeper.catalogue import Catalogue
from watchkeeper.declarations import SLO, Alert, Definitions, Detector
from watchkeeper.durations import format_duration
from watchkeeper.errors import DefinitionError
from watchkeeper.findings import Finding, suggestion
from watchkeeper.labels import TARGET_LABELS
from watchkeeper.queries import PromQL, Query, signals_of, target_labels_of, walk, windows_of
from watchkeeper.settings import Settings
from watchkeeper.signals import Distribution, Signal

__all__ = ["RULES", "check"]

_LABEL_IN_TEMPLATE = re.compile(r"\{\{\s*\$labels\.(\w+)\s*\}\}")
_LABEL_IN_LEGEND = re.compile(r"\{\{\s*(\w+)\s*\}\}")
# Prometheus needs two samples in a range; with one scrape lost and jitter, four intervals are the usual advice.
_MINIMUM_SCRAPES = 4


@dataclass(frozen=True, slots=True)
class Scope:
    """What a rule looks at."""

    definitions: Definitions
    catalogue: Catalogue
    settings: Settings

    def found(
        self,
        code: str,
        kind: str,
        key: str,
        message: str,
        field: str = "",
        severity: Literal["error", "warning"] = "error",
    ) -> Finding:
        """A finding at the line of a definition, or of one of its fields."""
        places = self.definitions.places
        file, line = places.get((kind, f"{key}#{field}")) or places.get((kind, key)) or (f"{kind} {key}", 0)
        return Finding(severity, code, message, file, line)


def check(definitions: Definitions, settings: Settings) -> list[Finding]:
    """All findings, sorted by file and line."""
    scope = Scope(definitions, Catalogue.of(definitions), settings)
    found = {finding for rule, _ in RULES.values() for finding in rule(scope)}
    return sorted(found, key=lambda f: (f.file, f.line, f.code, f.message))


def _unique(scope: Scope) -> Iterator[Finding]:
    d = scope.definitions
    for kind, keys in (
        ("system", [s.key for s in d.systems]),
        ("query", [q.key for q in d.queries]),
        ("dashboard", [b.key for b in d.dashboards]),
        ("alert", [*(a.name for a in d.alerts), *(s.name for s in d.slos)]),
        ("detector", [x.key for x in d.detectors]),
        ("runbook", [r.key for r in d.runbooks]),
    ):
        for key, count in Tally(keys).items():
            if count > 1:
                yield scope.found("duplicate", kind, key, f"{kind} {key} is declared {count} times: keys are unique")
    owners: dict[str, str] = {}
    for system in d.systems:
        for signal in system.signals:
            other = owners.setdefault(signal.name, system.key)
            if other != system.key:
                message = f"{signal.name} belongs to {other} already: a metric name has one owner"
                yield scope.found("duplicate-signal", "signal", signal.name, message)


def _systems(scope: Scope) -> Iterator[Finding]:
    d, known = scope.definitions, scope.catalogue.systems
    uses = [
        *(("query", q.key, q.key.partition(".")[0], "key") for q in d.queries),
        *(("dashboard", b.key, b.system, "system") for b in d.dashboards),
        *(("alert", a.name, a.system, "system") for a in d.alerts),
        *(("slo", s.name, s.system, "system") for s in d.slos),
        *(("detector", x.key, x.system, "system") for x in d.detectors),
    ]
    for kind, key, system, field in uses:
        if system not in known and not (kind == "dashboard" and system == ""):
            message = f"{kind} {key} names the system {system!r}, which nothing declares.{suggestion(system, known)}"
            yield scope.found("unknown-system", kind, key, message, field)


def _references(scope: Scope) -> Iterator[tuple[str, str, str, Query | str]]:
    """Every place where a query stands: kind, key, field, and the query or its key."""
    d = scope.definitions
    for query in d.queries:
        yield "query", query.key, "query", query.query
    for dashboard in d.dashboards:
        for panel in dashboard.panels():
            for reference in panel.queries:
                yield "panel", f"{dashboard.key}/{panel.key}", "queries", reference
    for alert in d.alerts:
        yield "alert", alert.name, "query", alert.query
    for slo in d.slos:
        yield "slo", slo.name, "bad", slo.bad
        yield "slo", slo.name, "total", slo.total
    for detector in d.detectors:
        yield "detector", detector.key, "query", detector.query


def _queries(scope: Scope) -> Iterator[Finding]:
    catalogue = scope.catalogue
    for kind, key, field, reference in _references(scope):
        if isinstance(reference, str):
            if reference not in catalogue.queries:
                message = f"{kind} {key}: no query has the key {reference!r}.{suggestion(reference, catalogue.queries)}"
                yield scope.found("unknown-query", kind, key, message, field)
            continue
        for signal in signals_of(reference):
            if not _declared(catalogue, signal):
                hint = suggestion(signal.name, catalogue.signals)
                message = f"{kind} {key} uses {signal.name}, which no system declares.{hint}"
                yield scope.found("unknown-signal", kind, key, message, field)
        for node in walk(reference):
            if isinstance(node, PromQL):
                brought = {signal.name for signal in node.declares}
                for metric in node.metrics:
                    if metric not in brought and catalogue.signal_of(metric) is None:
                        hint = suggestion(metric, catalogue.signals)
                        message = f"{kind} {key}: PromQL text uses {metric}, which no system declares.{hint}"
                        yield scope.found("unknown-signal", kind, key, message, field)


def _declared(catalogue: Catalogue, signal: Signal) -> bool:
    if catalogue.signals.get(signal.name) == signal:
        return True
    parent = catalogue.signals.get(signal.origin or "")  # the parts of a distribution name it as their origin
    return isinstance(parent, Distribution) and signal.name.startswith(parent.name)


def _resolved(scope: Scope, reference: Query | str) -> Query | None:
    try:
        return scope.catalogue.query(reference)
    except DefinitionError:
        return None


def _windows(scope: Scope) -> Iterator[Finding]:
    interval = float(scope.settings.scrape_interval)
    least = _MINIMUM_SCRAPES * interval
    for kind, key, field, reference in _references(scope):
        for window in windows_of(reference) if isinstance(reference, Query) else ():
            if window < least:
                message = (
                    f"{kind} {key}: a range of {format_duration(window)} holds fewer than {_MINIMUM_SCRAPES} samples "
                    f"at a scrape interval of {format_duration(interval)}: write at least {format_duration(least)}"
                )
                yield scope.found("short-range", kind, key, message, field)


def _target_labels(scope: Scope) -> Iterator[Finding]:
    declared = frozenset(scope.settings.target_labels)
    for kind, key, field, reference in _references(scope):
        for label in sorted(target_labels_of(reference) - declared) if isinstance(reference, Query) else ():
            message = f"{kind} {key} names the target label {label!r}: the settings' target_labels do not have it"
            yield scope.found("target-label", kind, key, message, field)
    for dashboard in scope.definitions.dashboards:
        for label in dashboard.variables:
            if label not in declared | TARGET_LABELS:
                message = f"dashboard {dashboard.key}: variable {label!r} is no target label"
                yield scope.found("target-label", "dashboard", dashboard.key, message, "variables")


def _panels(scope: Scope) -> Iterator[Finding]:
    for dashboard in scope.definitions.dashboards:
        for panel in dashboard.panels():
            key = f"{dashboard.key}/{panel.key}"
            queries = [query for ref in panel.queries if (query := _resolved(scope, ref)) is not None]
            units = {(query.unit.dimensions, query.unit.factor): str(query.unit) for query in queries}
            if len(units) > 1 and panel.kind != "table":
                message = f"panel {key} mixes the units {', '.join(sorted(units.values()))}: one panel, one unit"
                yield scope.found("panel-units", "panel", key, message, "queries")
            for label in _LABEL_IN_LEGEND.findall(panel.legend):
                if queries and not any(label in query.labels for query in queries):
                    message = f"panel {key}: its legend names {label!r}, which no query of it has"
                    yield scope.found("legend-label", "panel", key, message, "legend")
            names = {*scope.catalogue.alerts, *scope.catalogue.slos}
            if panel.threshold_of is not None and panel.threshold_of not in names:
                message = (
                    f"panel {key}: no alert is named {panel.threshold_of!r}.{suggestion(panel.threshold_of, names)}"
                )
                yield scope.found("unknown-alert", "panel", key, message, "threshold_of")


def _watches(scope: Scope) -> Iterator[tuple[str, str, Alert | SLO | Detector]]:
    """Everything that can call somebody: kind, key, and the definition."""
    for alert in scope.definitions.alerts:
        yield "alert", alert.name, alert
    for slo in scope.definitions.slos:
        yield "slo", slo.name, slo
    for detector in scope.definitions.detectors:
        yield "detector", detector.key, detector


def _led(scope: Scope) -> Iterator[Finding]:
    """Alerts, SLOs and detectors lead to a runbook and a panel, and say where their thresholds come from."""
    c = scope.catalogue
    for kind, key, item in _watches(scope):
        if item.runbook not in c.runbooks:
            message = f"{kind} {key}: no runbook has the key {item.runbook!r}.{suggestion(item.runbook, c.runbooks)}"
            yield scope.found("unknown-runbook", kind, key, message, "runbook")
        if item.panel not in c.panels:
            message = f"{kind} {key}: no panel has the key {item.panel!r}.{suggestion(item.panel, c.panels)}"
            yield scope.found("unknown-panel", kind, key, message, "panel")
        if not item.source.strip():
            message = f"{kind} {key}: its threshold has no source: say where it comes from"
            yield scope.found("no-source", kind, key, message, "source")


def _templates(scope: Scope) -> Iterator[Finding]:
    for alert in scope.definitions.alerts:
        query = _resolved(scope, alert.query)
        if query is None:
            continue
        for field in ("summary", "description"):
            for label in _LABEL_IN_TEMPLATE.findall(getattr(alert, field)):
                if label not in query.labels:
                    has = ", ".join(sorted(query.labels)) or "none"
                    message = f"alert {alert.name}: its {field} names the label {label!r}; its query has {has}"
                    yield scope.found("template-label", "alert", alert.name, message, field)


def _thresholds(scope: Scope) -> Iterator[Finding]:
    for alert in scope.definitions.alerts:
        query = _resolved(scope, alert.query)
        if query is not None and alert.threshold is None and not _is_condition(query):
            message = f"alert {alert.name}: without a threshold its query must be a condition: a comparison or absent()"
            yield scope.found("no-threshold", "alert", alert.name, message, "threshold")


def _is_condition(query: Query) -> bool:
    name = type(query).__name__
    if name == "Binary":
        return getattr(query, "operator", "") in {">", "<", ">=", "<=", "==", "!="}
    if name == "SetOperation":
        left = getattr(query, "left", None)
        return isinstance(left, Query) and _is_condition(left)
    return name in {"Absent", "Constant", "PromQL"}


def _runbooks(scope: Scope) -> Iterator[Finding]:
    c = scope.catalogue
    for runbook in scope.definitions.runbooks:
        for step in runbook.heads:
            for key in step.queries:
                if key not in c.queries:
                    message = f"runbook {runbook.key}: step {step.id}: no query has the key {key!r}."
                    message += suggestion(key, c.queries)
                    yield Finding("error", "unknown-query", message, runbook.path, step.line)
            for metric in step.metrics:
                if c.signal_of(metric) is None:
                    message = f"runbook {runbook.key}: step {step.id} uses {metric}, which no system declares."
                    message += suggestion(metric, c.signals)
                    yield Finding("error", "unknown-signal", message, runbook.path, step.line)
    used = {item.runbook for _, _, item in _watches(scope)}
    for runbook in scope.definitions.runbooks:
        if runbook.key not in used:
            message = f"runbook {runbook.key}: no alert, SLO or detector leads to it"
            yield Finding("warning", "unused-runbook", message, runbook.path, 1)


def _overrides(scope: Scope) -> Iterator[Finding]:
    s, c = scope.settings, scope.catalogue
    for section, given, known in (
        ("alerts", s.alerts, c.alerts),
        ("slos", s.slos, c.slos),
        ("detectors", s.detectors, c.detectors),
    ):
        for key, override in given.items():
            if key not in known:
                message = f"settings: {section}.{key} overrides what does not exist.{suggestion(key, known)}"
                yield Finding("error", "unknown-override", message, "settings", 0)
            elif override.runbook is not None and override.runbook not in c.runbooks:
                message = f"settings: {section}.{key}: no runbook has the key {override.runbook!r}."
                message += suggestion(override.runbook, c.runbooks)
                yield Finding("error", "unknown-runbook", message, "settings", 0)


def _complete(scope: Scope) -> Iterator[Finding]:
    """A system has a dashboard, and alerts or detectors."""
    d = scope.definitions
    drawn = {dashboard.system for dashboard in d.dashboards}
    watched = {item.system for _, _, item in _watches(scope)}
    for system in d.systems:
        for has, what, where in (
            (system.key in drawn, "dashboard", f"dashboards/{system.key}.py"),
            (system.key in watched, "alert or detector", f"alerts/{system.key}.py"),
        ):
            if not has:
                message = f"system {system.key} has no {what}: write {where}"
                yield scope.found("incomplete-system", "system", system.key, message, severity="warning")


RULES: dict[str, tuple[Callable[[Scope], Iterator[Finding]], str]] = {
    "unique": (_unique, "keys are unique, and a metric name has one owner"),
    "systems": (_systems, "each definition belongs to a declared system"),
    "queries": (_queries, "each query key and each metric name resolves"),
    "windows": (_windows, "each fixed range holds at least four samples at the settings' scrape interval"),
    "target-labels": (_target_labels, "each target label that a query names exists in the settings"),
    "panels": (_panels, "a panel has one unit, its legend names labels that exist, its threshold is that of an alert"),
    "led": (_led, "each alert, SLO and detector leads to a runbook and a panel, and explains its threshold"),
    "templates": (_templates, "the texts of alerts name labels that their queries have"),
    "thresholds": (_thresholds, "an alert has a threshold, or its query is a condition"),
    "runbooks": (_runbooks, "the steps of runbooks name queries and metrics that exist, and something leads to each"),
    "overrides": (_overrides, "the settings override what exists"),
    "complete": (_complete, "each system has a dashboard, and alerts or detectors"),
}
"""The rules: name to function and what it proves."""
