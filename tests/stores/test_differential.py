"""The embedded store and a real Prometheus give the same answers to random typed queries over the same samples."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.conftest import need
from tests.servers import prometheus
from tests.servers.remote_write import remote_write
from tests.stores import samples
from tests.stores.comparison import answer, difference
from tests.stores.strategies import CONSTRUCTORS, Case, cases
from watchkeeper import queries as q
from watchkeeper.errors import StoreError
from watchkeeper.stores import Sample
from watchkeeper.stores.embedded import EmbeddedStore
from watchkeeper.stores.prometheus import PrometheusStore
from watchkeeper.units import ONE

pytestmark = pytest.mark.server

# One block for all samples: Prometheus packs nothing while it is asked, and keeps the order in which it met the series.
ONE_BLOCK = ("--storage.tsdb.min-block-duration=30d", "--storage.tsdb.max-block-duration=30d")


@dataclass
class Tally:
    """What a whole run saw."""

    asked: int = 0
    empty: int = 0
    refused: collections.Counter[str] = field(default_factory=collections.Counter)
    used: collections.Counter[str] = field(default_factory=collections.Counter)


@dataclass(frozen=True)
class Pair:
    """The two stores with the same samples."""

    embedded: EmbeddedStore
    prometheus: PrometheusStore


@pytest.fixture(scope="module")
def fill() -> Iterator[Callable[[int], Pair]]:
    """A Prometheus, and an embedded store in the mode of its version; a call fills both with so many data sets."""
    need(prometheus.available())
    major, _ = prometheus.version()
    with prometheus.run(remote_write_receiver=True, flags=ONE_BLOCK) as server:
        mode: Literal["prometheus2", "prometheus3"] = "prometheus2" if major == 2 else "prometheus3"
        embedded = EmbeddedStore(None, retention=1e9, range_boundaries=mode)
        remote = PrometheusStore(server.url)
        filled = 0

        def fill_up_to(count: int) -> Pair:
            nonlocal filled
            for number in range(filled, count):
                series = list(samples.runs(number))
                remote_write(server.url, ((run.labels, run.points) for run in series))
                for run in series:
                    own = {label: value for label, value in run.labels.items() if label != "__name__"}
                    embedded.write([Sample(run.labels["__name__"], own, value, time) for time, value in run.points])
            filled = max(filled, count)
            return Pair(embedded, remote)

        yield fill_up_to
        remote.close()


REFUSED = {
    "several on the single side": q.join("*", samples.LOAD, samples.STATE, on=("path",), group="left"),
    "several on the left": q.join("*", samples.LOAD, q.sum_by(samples.STATE, "path"), on=("path",)),
    "a function of a number": q.absolute(q.number(1, ONE)),
    "two numbers compared": q.combine(">", q.number(1, ONE), q.number(2, ONE)),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_both_refuse(fill: Callable[[int], Pair], name: str) -> None:
    pair, at = fill(1), samples.BASE + 1200
    for store in (pair.embedded, pair.prometheus):
        with pytest.raises(StoreError):
            store.instant(REFUSED[name], at)


@pytest.mark.parametrize(
    "examples, data_sets, fixed",
    [pytest.param(6, 8, True, id="short"), pytest.param(110, 40, False, id="full", marks=pytest.mark.long)],
)
def test_random_queries(fill: Callable[[int], Pair], examples: int, data_sets: int, fixed: bool) -> None:
    pair, tally = fill(data_sets), Tally()

    def check(case: Case) -> None:
        tally.asked += 1
        tally.used.update(set(case.used))
        try:
            ours = answer(pair.embedded, case)
        except StoreError as error:
            tally.refused[str(error).partition(":")[0]] += 1
            with pytest.raises(StoreError):
                answer(pair.prometheus, case)
            return
        theirs = answer(pair.prometheus, case)
        found = difference(case, ours, theirs, pair.embedded)
        assert found is None, f"{case.query.promql(f'{case.auto:g}s')}\nfrom {case.start} by {case.step}: {found}"
        tally.empty += not theirs.present.any()

    for root in CONSTRUCTORS:
        run = settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=fixed,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )(given(cases(root, data_sets))(check))
        run()

    few = {root: tally.used[root] for root in CONSTRUCTORS if tally.used[root] < min(examples, 100)}
    assert not few, f"constructors that were seldom used: {few}"
    assert tally.asked >= min(examples, 100) * len(CONSTRUCTORS)
    assert sum(tally.refused.values()) <= 0.01 * tally.asked, tally.refused
    assert tally.empty <= 0.3 * tally.asked, f"{tally.empty} of {tally.asked} answers are empty"
    print(f"{tally.asked} queries, {tally.empty} empty, refused: {dict(tally.refused)}")
