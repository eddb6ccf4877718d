"""What the commands that look at series share: times as people write them, the store of the settings, named queries."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from watchkeeper.app.load import Everything, package
from watchkeeper.durations import parse_duration
from watchkeeper.errors import DefinitionError, StoreError
from watchkeeper.findings import suggestion
from watchkeeper.queries import Query, narrowed, signals_of
from watchkeeper.settings import Settings
from watchkeeper.signals import Polarity
from watchkeeper.stores import Store

__all__ = ["duration", "labels_of", "moment", "polarity_of", "query_of", "store_of"]


def duration(text: str, option: str) -> float:
    """Seconds of a duration such as `6h`. Raises click's usage error."""
    try:
        return parse_duration(text)
    except DefinitionError as error:
        raise click.UsageError(f"{option}: {error}") from None


def moment(text: str, option: str, now: float) -> float:
    """Seconds since the epoch of ISO 8601 (UTC where it says none), such seconds, `now`, or a duration ago (`6h`)."""
    if text == "now":
        return now
    try:
        return now - parse_duration(text)
    except DefinitionError:
        pass
    try:
        seconds = float(text)
        if math.isfinite(seconds):
            return seconds
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(
            f"{option}: {text!r} is no time: write 2026-01-31T12:00:00Z, seconds since the epoch, or 6h (ago)"
        ) from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def labels_of(text: str, option: str) -> dict[str, str]:
    """`track=canary,region=eu` as a mapping."""
    found = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{option}: {part!r} is no label: write NAME=VALUE, several with commas")
        found[name.strip()] = value.strip()
    return found


def query_of(everything: Everything, key: str, labels: Mapping[str, str]) -> Query:
    """A named query over the series with these labels.

    Raises DefinitionError for a key that nothing declares, and for a label that the query cannot be narrowed by.
    """
    declared = everything.catalogue.queries.get(key)
    if declared is None:
        raise DefinitionError(f"no query is called {key!r}.{suggestion(key, everything.catalogue.queries)}")
    query = declared.query
    for name, value in labels.items():
        narrow = narrowed(query, {name: value})
        if narrow == query:
            own = ", ".join(sorted({label for signal in signals_of(query) for label in signal.all_labels}))
            raise DefinitionError(f"{key} cannot be narrowed by {name!r}: it has {own or 'no labels'}")
        query = narrow
    return query


def polarity_of(everything: Everything, key: str) -> Polarity:
    """The bad direction of a named query: that of a detector on it, else the one on which its signals agree."""
    for detector in everything.catalogue.detectors.values():
        if detector.query == key:
            return detector.polarity
    found = {signal.polarity for signal in signals_of(everything.catalogue.query(key))} - {Polarity.NEUTRAL}
    return found.pop() if len(found) == 1 else Polarity.NEUTRAL


@contextmanager
def store_of(settings: Settings, key: str) -> Iterator[Store]:
    """The store that a named query is asked of: the bills for theirs, else the metrics. Raises StoreError."""
    store: Any
    if key.startswith("bills."):
        if not settings.bills:
            raise StoreError(f"{key}: there are no bills: write `bills` in the settings")
        yield package("detectors.bills_store").BillStore([Path(path) for path in settings.bills])
        return
    if settings.store.prometheus is not None:
        store = package("watchkeeper.stores.prometheus").PrometheusStore.from_settings(settings.store.prometheus)
    else:
        directory = Path(settings.data) / "samples"
        if not directory.is_dir():
            raise StoreError(
                f"{directory}: no samples are kept there: name the settings with --config, or write store.prometheus"
            )
        store = package("watchkeeper.stores.embedded").EmbeddedStore(
            directory, retention=float(settings.store.retention)
        )
    try:
        yield store
    finally:
        store.close()
