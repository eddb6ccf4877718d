"""The content of chunks."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.stores.blocks import decode, encode

TIMES = st.lists(st.integers(-(1 << 40), 1 << 45), min_size=1, max_size=50, unique=True).map(sorted)


@given(times=TIMES, data=st.data())
def test_times_and_every_bit_of_values_come_back(times: list[int], data: st.DataObject) -> None:
    bits = data.draw(st.lists(st.integers(0, (1 << 64) - 1), min_size=len(times), max_size=len(times)))
    values = np.array(bits, np.uint64).view(np.float64)
    found_times, found_values = decode(encode(np.array(times, np.int64), values), len(times))
    assert found_times.tolist() == times
    assert found_values.view(np.uint64).tolist() == bits


def test_a_regular_counter_takes_little_room() -> None:
    times = np.arange(4096, dtype=np.int64) * 15_000 + 1_700_000_000_000
    counts = np.cumsum(np.random.default_rng(1).integers(0, 50, 4096)).astype(np.float64)
    assert len(encode(times, counts)) < 4 * 4096
