"""The catalogue: all definitions, by key.

    catalogue = Catalogue.of(load_definitions().definitions)
    catalogue.query("redis.memory_used_ratio")

`watchkeeper.checks` proves that it is closed: each reference resolves, and each alert and detector leads to a runbook.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from watchkeeper.declarations import (
    SLO,
    Alert,
    Dashboard,
    Definitions,
    Detector,
    NamedQuery,
    Panel,
    RunbookHead,
    System,
)
from watchkeeper.errors import DefinitionError
from watchkeeper.findings import suggestion
from watchkeeper.queries import Query
from watchkeeper.settings import AlertOverride, DetectorOverride, Settings
from watchkeeper.signals import Distribution, Signal

__all__ = ["Catalogue"]

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Definitions by key; of two with the same key the first one stays (and `check` says so)."""

    systems: Mapping[str, System]
    signals: Mapping[str, Signal]
    owners: Mapping[str, str]
    queries: Mapping[str, NamedQuery]
    dashboards: Mapping[str, Dashboard]
    panels: Mapping[str, Panel]
    alerts: Mapping[str, Alert]
    slos: Mapping[str, SLO]
    detectors: Mapping[str, Detector]
    runbooks: Mapping[str, RunbookHead]
    places: Mapping[tuple[str, str], tuple[str, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, definitions: Definitions) -> Catalogue:
        """The catalogue of definitions."""
        signals: dict[str, Signal] = {}
        owners: dict[str, str] = {}
        for system in definitions.systems:
            for signal in system.signals:
                signals.setdefault(signal.name, signal)
                owners.setdefault(signal.name, system.key)
        panels = {
            f"{dashboard.key}/{panel.key}": panel
            for dashboard in definitions.dashboards
            for panel in dashboard.panels()
        }
        return cls(
            systems=_first({system.key: system for system in reversed(definitions.systems)}),
            signals=signals,
            owners=owners,
            queries=_first({query.key: query for query in reversed(definitions.queries)}),
            dashboards=_first({dashboard.key: dashboard for dashboard in reversed(definitions.dashboards)}),
            panels=panels,
            alerts=_first({alert.name: alert for alert in reversed(definitions.alerts)}),
            slos=_first({slo.name: slo for slo in reversed(definitions.slos)}),
            detectors=_first({detector.key: detector for detector in reversed(definitions.detectors)}),
            runbooks=_first({runbook.key: runbook for runbook in reversed(definitions.runbooks)}),
            places=definitions.places,
        )

    def query(self, reference: Query | str) -> Query:
        """The query itself, or the one with that key. Raises DefinitionError for an unknown key."""
        if isinstance(reference, Query):
            return reference
        try:
            return self.queries[reference].query
        except KeyError:
            raise DefinitionError(f"no query has the key {reference!r}.{suggestion(reference, self.queries)}") from None

    def signal_of(self, metric: str) -> Signal | None:
        """The signal that a sample's name belongs to: a histogram owns its `_bucket`, `_sum` and `_count`."""
        if metric in self.signals:
            return self.signals[metric]
        for ending in ("_bucket", "_sum", "_count"):
            parent = self.signals.get(metric.removesuffix(ending)) if metric.endswith(ending) else None
            if isinstance(parent, Distribution):
                return parent
        return None

    def with_settings(self, settings: Settings) -> Catalogue:
        """The catalogue as an installation has it: overrides applied by key, what is switched off left out.

        Overrides of unknown keys are `check`'s to report.
        """
        alerts = {
            name: _alert(alert, settings.alerts.get(name))
            for name, alert in self.alerts.items()
            if settings.alerts.get(name, AlertOverride()).enabled
        }
        slos = {
            name: _slo(slo, settings.slos.get(name))
            for name, slo in self.slos.items()
            if settings.slos.get(name, AlertOverride()).enabled
        }
        detectors = {
            key: _detector(detector, settings.detectors.get(key))
            for key, detector in self.detectors.items()
            if settings.detectors.get(key, DetectorOverride()).enabled
        }
        return replace(self, alerts=alerts, slos=slos, detectors=detectors)


def _first(items: dict[str, V]) -> dict[str, V]:
    return dict(reversed(items.items()))


def _alert(alert: Alert, override: AlertOverride | None) -> Alert:
    if override is None:
        return alert
    return replace(
        alert,
        threshold=alert.threshold if override.threshold is None else override.threshold,
        hold=override.hold or alert.hold,
        severity=override.severity or alert.severity,
        owner=override.owner or alert.owner,
        runbook=override.runbook or alert.runbook,
    )


def _slo(slo: SLO, override: AlertOverride | None) -> SLO:
    if override is None:
        return slo
    return replace(
        slo,
        objective=slo.objective if override.threshold is None else override.threshold,
        owner=override.owner or slo.owner,
        runbook=override.runbook or slo.runbook,
    )


def _detector(detector: Detector, override: DetectorOverride | None) -> Detector:
    if override is None:
        return detector
    return replace(
        detector,
        minimum_relative=(
            detector.minimum_relative if override.minimum_relative is None else override.minimum_relative
        ),
        minimum_absolute=(
            detector.minimum_absolute if override.minimum_absolute is None else override.minimum_absolute
        ),
        hold=override.hold or detector.hold,
        severity=override.severity or detector.severity,
        owner=override.owner or detector.owner,
        runbook=override.runbook or detector.runbook,
    )
