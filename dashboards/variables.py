"""Template variables: the target labels that a reader of a dashboard can choose."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any

from watchkeeper.declarations import Dashboard
from watchkeeper.queries import Query, metrics_of
from watchkeeper.signals import Matcher, Selection

__all__ = ["anchor", "filtered", "values_of"]


def filtered(query: Query, variables: Iterable[str]) -> Query:
    """The query over the series that the reader has chosen."""
    names = tuple(variables)
    changes: dict[str, Any] = {}
    for item in fields(query):
        value = getattr(query, item.name)
        if isinstance(value, Query):
            changes[item.name] = filtered(value, names)
        elif isinstance(value, Selection):
            chosen = (Matcher(name, "=~", f"${name}") for name in names if name in value.signal.all_labels)
            changes[item.name] = Selection(value.signal, (*value.matchers, *chosen))
    return replace(query, **changes) if changes else query


def anchor(dashboard: Dashboard, queries: Iterable[Query]) -> str | None:
    """The metric whose labels give the choice: the first one that the dashboard reads, None without variables."""
    if not dashboard.variables:
        return None
    return next((metric for query in queries for metric in metrics_of(query)), None)


def values_of(variables: tuple[str, ...], index: int, metric: str) -> str:
    """Grafana's query for the values of a variable, narrowed by the variables before it."""
    chosen = ", ".join(f'{name}=~"${name}"' for name in variables[:index])
    return (
        f"label_values({metric}{{{chosen}}}, {variables[index]})"
        if chosen
        else f"label_values({metric}, {variables[index]})"
    )
