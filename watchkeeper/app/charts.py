"""The chart of an incident: what was observed, beside the band that was expected or the threshold that was crossed."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from watchkeeper.app.load import package
from watchkeeper.catalogue import Catalogue
from watchkeeper.durations import parse_duration
from watchkeeper.errors import StoreError
from watchkeeper.labels import TARGET_LABELS
from watchkeeper.queries import Query, metrics_of, narrowed, scaled, signals_of
from watchkeeper.queries.nodes import COMPARISONS, Binary, Number
from watchkeeper.settings import Settings
from watchkeeper.signals import Distribution
from watchkeeper.stores import Matrix, Store
from watchkeeper.stores.exemplars import ExemplarSource

__all__ = ["Charts", "drawn"]

_log = logging.getLogger("watchkeeper.app")
_POINTS = 180
# How much of the past is drawn before the onset: enough to see what is usual.
_BEFORE = 3600.0


def drawn(title: str, unit: str, band: Any) -> Any:
    """The band of a detector as the console draws it."""
    return package("runbooks.console.ports").Band(
        title=title,
        unit=unit,
        times=band.times,
        observed=band.observed,
        expected=band.expected,
        lower=band.lower,
        upper=band.upper,
    )


class Charts:
    """Gives the console the chart of an alert (its query and threshold) or a deviation (its query and band)."""

    def __init__(
        self,
        catalogue: Catalogue,
        store: Store,
        detection: Any,
        settings: Settings,
        exemplars: ExemplarSource | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._exemplars = exemplars
        self._detection = detection
        self._pace = settings.pace
        self._target_labels = frozenset(settings.target_labels)

    def band(self, alert: Any, at: float) -> Any:
        """The chart up to `at`, or None for an alert that is not of the catalogue. Raises StoreError."""
        start = alert.starts_at - _BEFORE / self._pace
        end = min(at, (alert.ends_at or at) + _BEFORE / self._pace / 4)
        if alert.kind == "deviation":
            return self._deviation(alert, start, max(end, start + 1))
        return self._alert(alert, start, max(end, start + 1))

    def _deviation(self, alert: Any, start: float, end: float) -> Any:
        detector = self._catalogue.detectors.get(alert.name)
        if detector is None:
            return None
        if detector.reads == "bills":
            start -= 60 * 86_400.0
        found = self._detection.band(alert.name, alert.labels, start, end)
        if found is None:
            return None
        query = self._catalogue.query(detector.query)
        band = drawn(detector.title, str(query.unit), found)
        return band if detector.reads == "bills" else self._with_exemplars(band, query, alert.labels)

    def _alert(self, alert: Any, start: float, end: float) -> Any:
        declared = self._catalogue.alerts.get(alert.name)
        if declared is None:
            return None
        query, op, threshold = condition(self._catalogue.query(declared.query), declared.op, declared.threshold)
        if query is None:
            return None
        matrix = self._store.range(
            narrowed(scaled(query, self._pace), self._own(query, alert.labels)),
            start,
            end,
            max((end - start) / _POINTS, 1.0),
            auto=parse_duration(declared.window) / self._pace,
        )
        row = _row(matrix, alert.labels)
        if row is None:
            return None
        band = package("runbooks.console.ports").Band(
            title=declared.name,
            unit=str(query.unit),
            times=matrix.times,
            observed=row,
            threshold=threshold,
            op=op,
        )
        return self._with_exemplars(band, query, alert.labels)

    def _with_exemplars(self, band: Any, query: Query, labels: Mapping[str, str]) -> Any:
        """The band with the exemplars of the metrics that its query reads; without, where they cannot be had."""
        if self._exemplars is None or not len(band.times):
            return band
        signals = [signal for signal in signals_of(query) if isinstance(signal, Distribution)]
        try:
            found = self._exemplars.exemplars(
                _counted(metrics_of(query)), self._own(query, labels), float(band.times[0]), float(band.times[-1])
            )
        except StoreError as error:
            _log.warning("the chart of %s has no exemplars: %s", band.title, error)
            return band
        plotted = bool(signals) and all(str(signal.unit) == band.unit for signal in signals)
        return replace(band, exemplars=tuple(found), plotted=plotted)

    def _own(self, query: Query, labels: Mapping[str, str]) -> dict[str, str]:
        """The labels of the alert that its series have: not those that the rule or Prometheus' external_labels
        added.
        """
        foreign = TARGET_LABELS - self._target_labels
        return {name: value for name, value in labels.items() if name in query.labels and name not in foreign}


def condition(query: Query, op: str, threshold: float | None) -> tuple[Query | None, str, float | None]:
    """What can be drawn of an alert's condition: a query, and the threshold that it is compared with."""
    if threshold is not None:
        return query, op, threshold
    if isinstance(query, Binary) and query.operator in COMPARISONS and isinstance(query.right, Number):
        return query.left, query.operator, query.right.value
    if isinstance(query, Binary) and query.operator in COMPARISONS:
        return query.left, query.operator, None
    return None, op, None


def _counted(metrics: Sequence[str]) -> list[str]:
    """The samples that may have exemplars: counters, and the buckets of histograms whose count or sum is read."""
    found = dict.fromkeys(metrics)
    for name in metrics:
        stem = name.removesuffix("_count").removesuffix("_sum")
        if stem != name:
            found[f"{stem}_bucket"] = None
    return list(found)


def _row(matrix: Matrix, labels: Mapping[str, str]) -> Any:
    """The values of the series that agrees with the labels in all that it has; NaN where missing."""
    import numpy as np

    for index, series in enumerate(matrix.series):
        if all(labels.get(name) == value for name, value in series.items() if name != "__name__"):
            return np.where(matrix.present[index], matrix.values[index], np.nan)
    return None
