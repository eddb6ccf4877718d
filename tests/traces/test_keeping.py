"""Making room: in small steps, between which spans are written, from one sum of what is held."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.servers import wait_until
from tests.traces.support import AT, number, span
from watchkeeper.traces import Search, Span, TraceStore, keeping, schema
from watchkeeper.traces.writing import Written, write

LIMIT = 1024 * 1024


def bulky(n: int, name: str = "GET /", size: int = 1000) -> Span:
    """A trace of one span, whose attribute cannot be packed."""
    return span(name, n, 1.0, id=n + 1, trace_id=number(n + 1), attributes={"noise": os.urandom(size // 2).hex()})


def stored(path: Path, traces: int, *, failed: int = 0) -> None:
    """A file with traces, the first `failed` of which were kept for their errors."""
    connection = schema.connect(path)
    connection.execute("BEGIN")
    write(connection, [bulky(n) for n in range(traces)], AT)
    connection.execute("UPDATE traces SET kept = 'error' WHERE id <= ?", (failed,))
    connection.execute("COMMIT")
    connection.close()


def file_bytes(found: TraceStore) -> int:
    """The bytes of the file, those in its write-ahead log included."""
    with closing(schema.reader(found.path)) as connection:
        return keeping.file_bytes(connection)


@pytest.fixture
def crowded(tmp_path: Path) -> Iterator[TraceStore]:
    """A store with twice as much as it may hold, not started."""
    stored(tmp_path / "t.sqlite", 1500)
    found = TraceStore(tmp_path / "t.sqlite", limit_bytes=LIMIT, clock=lambda: AT)
    yield found
    found.stop()


def test_a_step_is_bounded_and_keeps_the_sum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "_STEP_TRACES", 7)
    stored(tmp_path / "t.sqlite", 50, failed=20)
    connection = schema.connect(tmp_path / "t.sqlite")
    known = keeping.held(connection)
    dropped = []
    while more := keeping.make_room(connection, known):
        assert known == keeping.held(connection)
        dropped.append(more)
    connection.close()
    assert sum(dropped) == 50
    assert max(dropped) == 7


def test_a_step_ends_with_the_trace_that_fills_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "_STEP_BYTES", 1)
    stored(tmp_path / "t.sqlite", 5)
    connection = schema.connect(tmp_path / "t.sqlite")
    assert keeping.make_room(connection, keeping.held(connection)) == 1
    connection.close()


def test_what_is_held_is_summed_once_for_many_steps(crowded: TraceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "_STEP_TRACES", 10)
    called: Counter[str] = Counter()

    def counted(name: str) -> Callable[..., Any]:
        original = getattr(keeping, name)

        def call(*arguments: Any) -> Any:
            called[name] += 1
            return original(*arguments)

        return call

    for name in ("held", "make_room"):
        monkeypatch.setattr(keeping, name, counted(name))
    monkeypatch.setattr("watchkeeper.traces.store._UPKEEP_SECONDS", 3600.0)  # which sums again
    crowded.start()
    crowded.add([bulky(2000)])
    wait_until(lambda: file_bytes(crowded) <= LIMIT and crowded._held is None, seconds=20)
    assert called["make_room"] > 20
    assert called["held"] == 1


def test_spans_are_written_between_two_steps(crowded: TraceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "_STEP_TRACES", 10)
    order: list[str] = []
    step = keeping.make_room
    late = threading.Thread(target=lambda: crowded.add([bulky(3000, "late")]))

    def one_step(*arguments: Any) -> int:
        order.append("room")
        if len(order) == 2:
            late.start()
            wait_until(lambda: not crowded._waiting.empty(), seconds=10)
        return step(*arguments)

    def written(*arguments: Any) -> Written:
        order.append("write")
        return write(*arguments)

    monkeypatch.setattr(keeping, "make_room", one_step)
    monkeypatch.setattr("watchkeeper.traces.store.write", written)
    crowded.start()
    crowded.add([span(id=1)])
    wait_until(lambda: order.count("room") > 20, seconds=20)
    late.join(10)
    assert order.index("write", 1) <= 3, order[:10]
    assert [one.name for one in crowded.search(Search(limit=1))] == ["late"]


def test_a_step_that_fails_leaves_all_and_the_next_one_makes_room(
    crowded: TraceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete = keeping._delete
    failed = threading.Event()

    def fails_once(connection: Any, rows: Any) -> None:
        delete(connection, rows)
        if not failed.is_set():
            failed.set()
            raise OSError("the disk is away")

    monkeypatch.setattr(keeping, "_delete", fails_once)
    crowded.start()
    crowded.add([bulky(2000)])
    assert failed.wait(10)
    crowded.add([bulky(2001)])
    wait_until(lambda: file_bytes(crowded) <= LIMIT, seconds=20)
    dropped = crowded.statistics()["dropped"]
    assert dropped == 1502 - len(crowded.search(Search(limit=5000))), "what was taken back was not counted"


def test_a_busy_store_stays_within_its_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Each request brings more traces than a step takes away, and larger ones than those that have to go.
    monkeypatch.setattr(keeping, "_STEP_TRACES", 20)
    found = TraceStore(tmp_path / "t.sqlite", limit_bytes=LIMIT, clock=lambda: AT)
    found.start()
    most = 0.0
    for request in range(30):
        size = 200 if request < 15 else 1000
        found.add([bulky(request * 100 + n, size=size) for n in range(100)])
        most = max(most, found.statistics()["bytes"])
    found.stop()
    assert LIMIT * 0.5 < most <= LIMIT * 1.25


def test_a_file_that_was_allowed_to_be_larger_shrinks(tmp_path: Path) -> None:
    stored(tmp_path / "t.sqlite", 1500)
    connection = schema.connect(tmp_path / "t.sqlite")
    connection.execute("BEGIN")
    keeping._delete(connection, range(1, 1400))
    connection.execute("COMMIT")
    connection.close()
    assert (tmp_path / "t.sqlite").stat().st_size > LIMIT, "its pages are free, and still there"
    found = TraceStore(tmp_path / "t.sqlite", limit_bytes=LIMIT, clock=lambda: AT)
    found.start()
    found.add([bulky(2000)])
    wait_until(lambda: file_bytes(found) <= LIMIT, seconds=20)
    kept = len(found.search(Search(limit=5000)))
    found.stop()
    assert kept == 102, "there was room enough"
    assert found.path.stat().st_size <= LIMIT
