"""What the queues of destinations hold after rounds that were refused, and targets that have changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.destinations import RemoteWriteTo, Round, Textfile
from collectors.families import Family
from collectors.otlp import Part
from collectors.remote_write import write_request
from tests.servers.remote_write import decoded
from watchkeeper.outbox import unpack
from watchkeeper.settings import RemoteWrite
from watchkeeper.stores import Sample, is_stale

A, B = (("instance", "a"), ("job", "shop")), (("instance", "b"), ("job", "shop"))


@pytest.fixture
def to(tmp_path: Path) -> Iterator[RemoteWriteTo]:
    found = RemoteWriteTo(RemoteWrite(url="http://127.0.0.1:9/"), tmp_path, 2**20)
    yield found
    found.stop(0, None)


def _round(at: float, **parts: tuple[tuple[tuple[str, str], ...], str]) -> Round:
    found = [
        Part(name, labels, [Family(metric, "gauge", "", [(metric, (), at)])])
        for name, (labels, metric) in parts.items()
    ]
    return Round(at, (), found)


def _waiting(to: RemoteWriteTo) -> list[tuple[str, str, int, bool]]:
    """Metric, instance, milliseconds, and whether it is stale, of all that waits."""
    return [
        (labels["__name__"], labels["instance"], time, is_stale(value))
        for entry in to._outbox.spool.peek(99)
        for labels, samples in decoded(unpack(entry.record)[0])
        for time, value in samples
    ]


def test_a_series_that_is_gone_is_marked_once(to: RemoteWriteTo) -> None:
    for at, metric in ((1.0, "x"), (2.0, "y"), (3.0, "y")):
        to.write(_round(at, shop=(A, metric)))
    assert _waiting(to) == [
        ("x", "a", 1000, False),
        ("y", "a", 2000, False),
        ("x", "a", 2000, True),
        ("y", "a", 3000, False),
    ]


def test_a_marker_that_was_refused_is_due_again(to: RemoteWriteTo) -> None:
    to.write(_round(1.0, shop=(A, "x"), other=(B, "x")))
    limit, to._outbox.spool.limit = to._outbox.spool.limit, 0
    to.write(_round(2.0, shop=(A, "y")))
    to._outbox.spool.limit = limit
    to.write(_round(3.0, shop=(A, "y")))
    assert _waiting(to)[2:] == [("y", "a", 3000, False), ("x", "a", 3000, True), ("x", "b", 3000, True)]


def test_a_target_with_other_labels_is_another(to: RemoteWriteTo) -> None:
    to.write(_round(1.0, shop=(A, "x")))
    to.write(_round(2.0, shop=(B, "x")))
    assert _waiting(to)[1:] == [("x", "b", 2000, False), ("x", "a", 2000, True)]


def test_the_end_marks_all(to: RemoteWriteTo) -> None:
    to.write(_round(1.0, shop=(A, "x"), other=(B, "x")))
    to._put([sample for memory in to._memories.values() for sample in memory.samples((), 2.0)])
    assert _waiting(to)[2:] == [("x", "a", 2000, True), ("x", "b", 2000, True)]


_LABELS = st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=200), max_size=4)


@given(st.lists(st.tuples(_LABELS, st.floats(allow_nan=False), st.integers(-(2**40), 2**40)), max_size=5))
@pytest.mark.long
def test_what_is_written_can_be_read(rows: list[tuple[dict[str, str], float, int]]) -> None:
    samples = [Sample("x", labels, value, time / 1000) for labels, value, time in rows]
    expected = [({"__name__": "x", **labels}, [(time, value)]) for labels, value, time in rows]
    assert decoded(write_request(samples)) == expected
    # The order of labels is part of the protocol.
    for labels, _ in decoded(write_request(samples)):
        assert list(labels) == sorted(labels)


def test_a_text_file_that_cannot_be_written_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    directory = tmp_path / "later"
    to = Textfile(str(directory / "x.prom"))
    for at in (1.0, 2.0):
        to.write(_round(at, shop=(A, "x")))
    assert len(caplog.records) == 1
    directory.mkdir()
    to.write(_round(3.0, shop=(A, "x")))
    counts = to.counts()
    assert (counts.sent, counts.dropped, counts.succeeded) == (1, {"disk": 2}, 3.0)
