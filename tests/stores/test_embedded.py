"""What is written to the embedded store, and what it keeps."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
import pytest

from tests.stores.conftest import NOW, put
from watchkeeper import queries as q
from watchkeeper.errors import StoreError
from watchkeeper.signals import Counter, Gauge, Histogram
from watchkeeper.stores import STALE_NAN, Sample
from watchkeeper.stores.embedded import EmbeddedStore
from watchkeeper.units import SECONDS

LEVEL = Gauge("em_level", "Level.", labels=("disk",))
LATENCY = Histogram("em_latency_seconds", "Latency.", SECONDS)


def bits(value: float) -> bytes:
    return struct.pack("<d", value)


def samples_of(store: EmbeddedStore, name: str = "em_level") -> list[tuple[float, float]]:
    found = store.select(name, (), 0, 1 << 60)
    return [(time / 1000 - NOW, value) for time, value in zip(found.times.tolist(), found.values.tolist(), strict=True)]


def test_an_older_sample_is_dropped_and_counted(memory: EmbeddedStore) -> None:
    put(memory, "em_level", {10: 1})
    put(memory, "em_level", {5: 2})
    assert samples_of(memory) == [(10.0, 1.0)]
    assert memory.statistics().out_of_order == 1


def test_another_value_for_the_same_time_is_dropped_and_counted(memory: EmbeddedStore) -> None:
    put(memory, "em_level", {10: 1})
    put(memory, "em_level", {10: 2})
    assert samples_of(memory) == [(10.0, 1.0)]
    assert memory.statistics().duplicate == 1


def test_the_same_sample_again_is_no_error(memory: EmbeddedStore) -> None:
    put(memory, "em_level", {10: STALE_NAN})
    put(memory, "em_level", {10: STALE_NAN})
    statistics = memory.statistics()
    assert (statistics.written, statistics.duplicate, statistics.out_of_order) == (1, 0, 0)


def test_an_empty_label_is_none(memory: EmbeddedStore) -> None:
    put(memory, "em_level", {0: 1}, {"disk": ""})
    put(memory, "em_level", {1: 2}, {})
    assert memory.statistics().series == 1


def test_the_order_of_labels_does_not_matter(memory: EmbeddedStore) -> None:
    put(memory, "em_level", {0: 1}, {"disk": "a", "job": "j"})
    put(memory, "em_level", {1: 2}, {"job": "j", "disk": "a"})
    assert memory.statistics().series == 1


@pytest.mark.parametrize("packed", [False, True], ids=["head", "block"])
def test_every_bit_of_a_value_survives(open_store: Callable[..., EmbeddedStore], packed: bool) -> None:
    values = [STALE_NAN, float("nan"), float("-inf"), -0.0, 5e-324, 0.1]
    store = open_store()
    put(store, "em_level", {float(at): value for at, value in enumerate(values)})
    if packed:
        store.compact()
    store.close()
    found = [value for _, value in samples_of(open_store())]
    assert [bits(value) for value in found] == [bits(value) for value in values]


def test_columns_may_be_older_than_other_series(memory: EmbeddedStore) -> None:
    put(memory, "em_level", {0: 1}, {"disk": "new"})
    memory.write_columns("em_level", {"disk": "old"}, NOW + np.arange(-100.0, -90.0), np.arange(10.0))
    answer = memory.instant(q.value(LEVEL.where(disk="old")), NOW - 95)
    assert answer.values == (5.0,)


def test_columns_drop_what_is_not_in_order(memory: EmbeddedStore) -> None:
    memory.write_columns("em_level", {}, [NOW, NOW + 2, NOW + 1, NOW + 3], [0, 2, 1, 3])
    assert samples_of(memory) == [(0.0, 0.0), (2.0, 2.0), (3.0, 3.0)]
    assert memory.statistics().out_of_order == 1


def test_columns_of_different_lengths_are_an_error(memory: EmbeddedStore) -> None:
    with pytest.raises(ValueError, match="em_level: times and values are columns of one length"):
        memory.write_columns("em_level", {}, [NOW], [1.0, 2.0])


def test_series_are_those_with_samples_in_the_range(memory: EmbeddedStore) -> None:
    put(memory, "em_level", {0: 1}, {"disk": "a"})
    put(memory, "em_level", {100: 1}, {"disk": "b"})
    assert [dict(each)["disk"] for each in memory.series(LEVEL, NOW + 50, NOW + 150)] == ["b"]


def test_a_histogram_is_looked_for_by_its_count(memory: EmbeddedStore) -> None:
    put(memory, "em_latency_seconds_count", {0: 1}, {"job": "j"})
    assert [dict(each) for each in memory.series(LATENCY, NOW, NOW)] == [
        {"__name__": "em_latency_seconds_count", "job": "j"}
    ]


def test_answers_are_the_same_from_head_and_blocks(memory: EmbeddedStore) -> None:
    events = Counter("em_events_total", "Events.")
    query = q.rate(events, "1m")
    for at in range(0, 300, 10):
        put(memory, "em_events_total", {float(at): at * 1.7}, {"job": "j"})
        if at in (100, 200):
            memory.compact()
    blocks = memory.range(query, NOW, NOW + 300, 7)
    assert memory.statistics().blocks == 2
    with EmbeddedStore(None, clock=lambda: NOW) as other:
        put(other, "em_events_total", {float(at): at * 1.7 for at in range(0, 300, 10)}, {"job": "j"})
        head = other.range(query, NOW, NOW + 300, 7)
    np.testing.assert_array_equal(blocks.values, head.values)


def test_long_columns_are_packed_as_they_come(open_store: Callable[..., EmbeddedStore]) -> None:
    store = open_store(retention=1e9)
    store.write_columns("em_level", {}, NOW + np.arange(1_000_001.0), np.arange(1_000_001.0))
    statistics = store.statistics()
    assert statistics.blocks == 1
    assert statistics.head_samples == 1
    assert store.instant(q.value(LEVEL), NOW + 123_456).values == (123_456.0,)


def test_old_blocks_and_their_series_are_removed() -> None:
    time = NOW
    with EmbeddedStore(None, retention=3600, clock=lambda: time) as store:
        put(store, "em_level", {0: 1}, {"disk": "old"})
        store.compact()
        time += 3000
        put(store, "em_level", {3000: 1}, {"disk": "new"})
        store.compact()
        assert store.statistics().blocks == 2
        time += 1000
        store.compact()
        statistics = store.statistics()
        assert (statistics.blocks, statistics.series) == (1, 1)
        # A series that was forgotten may begin again.
        put(store, "em_level", {4000: 2}, {"disk": "old"})
        assert store.instant(q.value(LEVEL.where(disk="old")), NOW + 4000).values == (2.0,)


def test_the_head_is_packed_when_it_is_old() -> None:
    time = NOW
    with EmbeddedStore(None, clock=lambda: time) as store:
        put(store, "em_level", {0: 1})
        time += 7 * 3600
        put(store, "em_level", {7 * 3600: 1})
        assert (store.statistics().blocks, store.statistics().head_samples) == (1, 0)


def test_a_closed_store_says_so(memory: EmbeddedStore) -> None:
    memory.close()
    with pytest.raises(StoreError, match="the embedded store is closed"):
        memory.write([Sample("em_level", {}, 1.0, NOW)])
    with pytest.raises(StoreError, match="the embedded store is closed"):
        memory.instant(q.value(LEVEL), NOW)


@pytest.mark.long
def test_two_hundred_thousand_samples_a_second(open_store: Callable[..., EmbeddedStore]) -> None:
    from time import process_time

    store = open_store()
    targets = [{"job": "j", "instance": f"host-{n % 10}:9100", "disk": f"sd{n}"} for n in range(1000)]
    batches = [[Sample("em_level", dict(each), 1.0 * n, NOW + n) for each in targets] for n in range(200)]
    begin = process_time()
    for batch in batches:
        store.write(batch)
    assert process_time() - begin < 1.0
