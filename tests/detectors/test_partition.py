from __future__ import annotations

import numpy as np
import pytest

from detectors.history import History
from detectors.partition import Partition, divided_by, divisible, part_of_query, reach_of, values_of
from watchkeeper import queries as q
from watchkeeper.queries import Query
from watchkeeper.signals import Counter, Gauge, Histogram
from watchkeeper.stores import Sample
from watchkeeper.stores.embedded import EmbeddedStore
from watchkeeper.units import BYTES, ONE, SECONDS

USED = Gauge("test_used_bytes", "In use.", BYTES, ("pod", "disk"))
LIMIT = Gauge("test_limit_bytes", "Limit.", BYTES, ("pod", "disk"))
CALLS = Counter("test_calls_total", "Calls.", ONE, ("pod", "code"))
SPENT = Histogram("test_spent_seconds", "Time.", SECONDS, ("pod",), buckets=(0.1, 1.0))


def test_the_shard_of_a_series_is_the_same_on_every_machine_and_whatever_the_order_of_its_labels() -> None:
    labels = {"pod": "web-0", "disk": "a"}
    assert [Partition(count).shard(labels) for count in (1, 2, 7, 64)] == [0, 1, 3, 9]
    assert Partition(64).shard({"disk": "a", "__name__": "test_used_bytes", "pod": "web-0"}) == 9


def test_shards_are_of_about_one_size() -> None:
    sizes = np.bincount([Partition(8).shard({"pod": f"web-{i}"}) for i in range(8_000)])
    assert sizes.min() >= 900 and sizes.max() <= 1_100


def test_by_one_label_all_its_series_share_a_shard() -> None:
    partition = Partition(16, "pod")
    assert {partition.shard({"pod": "web-0", "disk": disk}) for disk in "abcdef"} == {partition.shard_of_value("web-0")}


@pytest.mark.parametrize(
    "query,pod,disk",
    [
        (q.value(USED), True, True),
        (q.ratio(q.value(USED), q.value(LIMIT)), True, True),
        (q.value(USED) * 2, True, True),
        (q.sum_by(q.value(USED), "pod"), True, False),
        (q.quantile(0.9, SPENT, by=("pod",)), True, False),
        (q.quantile(0.9, SPENT), True, False),
        (q.quantile(0.9, SPENT, by=()), False, False),
        (q.topk(3, q.value(USED)), False, False),
        (q.absent(USED), False, False),
        (q.or_zero(q.sum_by(q.value(USED))), False, False),
        (q.and_(q.value(USED), q.value(LIMIT), on=("pod",)), True, False),
        (q.max_over_time(q.sum_by(q.rate(CALLS), "pod"), "1h", step="1m"), True, False),
    ],
    ids=lambda one: one.promql() if isinstance(one, Query) else str(one),
)
def test_a_query_is_divided_only_where_that_changes_no_value(query: Query, pod: bool, disk: bool) -> None:
    assert (divisible(query, "pod"), divisible(query, "disk")) == (pod, disk)


def test_the_label_with_the_most_values_divides_a_query() -> None:
    series = [{"pod": f"web-{i}", "disk": disk} for i in range(20) for disk in "ab"]
    assert divided_by(q.value(USED), series, 4) == "pod"
    assert divided_by(q.sum_by(q.value(USED), "disk"), series, 4) is None
    assert divided_by(q.value(USED), series, 6) is None


def test_parts_of_a_query_are_the_whole_even_with_hostile_values() -> None:
    values = ['a"b', "a.*", "x|y", "", "back\\slash", "new\nline", "ü", "{}", "a b-c"]
    with EmbeddedStore(None, clock=lambda: 100.0) as store:
        labels = [{"pod": value} if value else {"disk": "only"} for value in values]
        store.write([Sample("test_used_bytes", one, float(i), 100.0) for i, one in enumerate(labels)])
        query = q.value(USED)
        assert values_of(query, store, "pod", 0.0, 100.0) == set(values)
        for i, value in enumerate(values):
            assert store.instant(part_of_query(query, "pod", [value]), 100.0).values == (float(i),)
        some = store.instant(part_of_query(query, "pod", values[2:5]), 100.0)
        assert sorted(some.values) == [2.0, 3.0, 4.0]


def test_what_lies_before_the_start_and_counts_is_looked_for() -> None:
    assert reach_of(q.rate(CALLS, "1h"), 300.0) >= 3_600.0
    assert reach_of(q.max_over_time(q.sum_by(q.rate(CALLS, "1h"), "pod"), "1d", step="1m"), 300.0) >= 90_000.0
    assert reach_of(q.value(USED, offset="1w"), 300.0) >= 604_800.0


def test_a_block_with_more_series_than_expected_makes_the_next_ones_shorter() -> None:
    with EmbeddedStore(None, retention=1e12) as store:
        for i in range(10):
            store.write_columns("test_used_bytes", {"pod": str(i)}, np.arange(60.0, 6_001.0, 60.0), np.ones(100))
        history = History(q.value(USED), 60.0, 1, 100, cells=100)
        blocks = list(history.blocks(store, series=2))
    assert [block.values.shape for block in blocks] == [(10, 50), *[(10, 10)] * 5]
    assert [(block.first, block.last) for block in blocks][:2] == [(1, 50), (51, 60)]
    assert np.isfinite(np.concatenate([block.values for block in blocks], axis=1)).all()
