"""Signals and shorthands of the tests of the stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from watchkeeper.stores import Sample
from watchkeeper.stores.embedded import EmbeddedStore

NOW = 1_700_000_000.0
"""The time of the tests' clock, a multiple of ten seconds."""


@pytest.fixture
def memory() -> Iterator[EmbeddedStore]:
    """A store in memory with the boundaries of Prometheus 3."""
    with EmbeddedStore(None, clock=lambda: NOW) as store:
        yield store


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[Callable[..., EmbeddedStore]]:
    """Opens a store in the test's directory, again and again; all are closed at the end."""
    opened: list[EmbeddedStore] = []

    def open_one(path: Path | None = None, **options: object) -> EmbeddedStore:
        store = EmbeddedStore(path or tmp_path / "store", **{"clock": lambda: NOW, **options})  # type: ignore[arg-type]
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        store.close()


def put(
    store: EmbeddedStore,
    name: str,
    points: Mapping[int, float] | Mapping[float, float],
    labels: Mapping[str, str] | None = None,
) -> None:
    """Write samples of one series: value by seconds after NOW."""
    store.write([Sample(name, labels or {}, value, NOW + at) for at, value in points.items()])
