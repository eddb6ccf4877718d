"""The chart of an incident: what was observed, beside the band that was expected or the threshold that was crossed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from watchkeeper.app.load import package
from watchkeeper.catalogue import Catalogue
from watchkeeper.durations import parse_duration
from watchkeeper.labels import TARGET_LABELS
from watchkeeper.queries import Query, narrowed, scaled
from watchkeeper.queries.nodes import COMPARISONS, Binary, Number
from watchkeeper.settings import Settings
from watchkeeper.stores import Matrix, Store

__all__ = ["Charts"]

_POINTS = 180
# How much of the past is drawn before the onset: enough to see what is usual.
_BEFORE = 3600.0


class Charts:
    """Gives the console the chart of an alert (its query and threshold) or a deviation (its query and band)."""

    def __init__(self, catalogue: Catalogue, store: Store, detection: Any, settings: Settings) -> None:
        self._catalogue = catalogue
        self._store = store
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
        return package("runbooks.console.ports").Band(
            title=detector.title,
            unit=str(query.unit),
            times=found.times,
            observed=found.observed,
            expected=found.expected,
            lower=found.lower,
            upper=found.upper,
        )

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
        return package("runbooks.console.ports").Band(
            title=declared.name,
            unit=str(query.unit),
            times=matrix.times,
            observed=row,
            threshold=threshold,
            op=op,
        )

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


def _row(matrix: Matrix, labels: Mapping[str, str]) -> Any:
    """The values of the series that agrees with the labels in all that it has; NaN where missing."""
    import numpy as np

    for index, series in enumerate(matrix.series):
        if all(labels.get(name) == value for name, value in series.items() if name != "__name__"):
            return np.where(matrix.present[index], matrix.values[index], np.nan)
    return None
