"""The trace store: what is acknowledged is there, searches find it, and it stays within its bounds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.traces.support import AT, TRACE, number, span
from watchkeeper.clock import monotonic
from watchkeeper.errors import StoreError
from watchkeeper.traces import Search, Span, TraceNotFound, TracesOverloaded, TraceStore, keeping, schema, store
from watchkeeper.traces.writing import MAX_TRACE_SPANS, Written, write


class Time:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at = AT

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def traces(tmp_path: Path, clock: Time) -> Iterator[TraceStore]:
    found = TraceStore(tmp_path / "traces.sqlite", clock=clock)
    found.start()
    yield found
    found.stop()


def upkeep(found: TraceStore) -> None:
    """What the store does every few seconds, now."""
    found._upkeep()


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = monotonic() + seconds
    waited = threading.Event()
    while not condition():
        assert monotonic() < deadline, "the condition did not come true in time"
        waited.wait(0.01)


def test_a_trace_is_there_when_it_is_acknowledged(traces: TraceStore) -> None:
    first = span("POST /tasks", 0, 2, id=1, kind="server", attributes={"n": 1, "x": 1.5, "ok": True, "t": "ä"})
    second = span("chat", 0.5, 1, id=2, parent=1, service="worker")
    assert traces.add([second, first]) == 0
    found = traces.trace(TRACE)
    assert found is not None
    assert list(found.spans) == [first, second]


def test_late_spans_are_appended(traces: TraceStore) -> None:
    traces.add([span("chat", 0.5, 1, id=2, parent=1, service="worker", error="boom")])
    (before,) = traces.search(Search())
    assert (before.name, before.rooted) == ("chat", False)
    traces.add([span("POST /tasks", 0, 2, id=1)])
    (after,) = traces.search(Search())
    assert (after.name, after.rooted, after.spans, after.errors) == ("POST /tasks", True, 2, 1)
    assert (after.start, after.seconds) == (AT, 2.0)
    assert after.services == ("gateway", "worker")


def test_what_is_sent_twice_is_there_once(traces: TraceStore) -> None:
    spans = [span(id=1), span(id=2, parent=1)]
    traces.add(spans)
    traces.add(spans)
    assert traces.search(Search())[0].spans == 2


def test_only_what_was_stored_is_counted_and_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchkeeper.traces.writing.MAX_TRACE_SPANS", 3)
    heard: list[str] = []
    found = TraceStore(tmp_path / "t.sqlite", heard=lambda spans: heard.extend(one.name for one in spans))
    found.start()
    found.add([span("a", id=1), span("b", id=2)])
    found.add([span("a", id=1), span("b", id=2)])  # sent again
    assert found.add([span("c", id=3), span("d", id=4)]) == 1
    assert found.add([span("e", id=5)]) == 1
    counts = found.statistics()
    found.stop()
    assert heard == ["a", "b", "c"]
    assert (counts["accepted"], counts["refused"]) == (3, 2)


def test_what_is_stored_after_its_sender_gave_up_is_counted_and_heard_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    found = TraceStore(tmp_path / "t.sqlite", heard=lambda spans: heard.extend(one.name for one in spans))
    monkeypatch.setattr(store, "_WRITE_SECONDS", 0.01)
    held = threading.Event()

    def slow(*arguments: Any) -> Written:
        held.wait(10)
        return write(*arguments)

    monkeypatch.setattr("watchkeeper.traces.store.write", slow)
    found.start()
    with pytest.raises(TracesOverloaded, match="the disk took longer"):
        found.add([span("late", id=1)])
    assert heard == []
    held.set()
    until(lambda: found.statistics()["accepted"] == 1)
    monkeypatch.setattr(store, "_WRITE_SECONDS", 20.0)
    found.add([span("late", id=1)])  # its sender comes back
    counts = found.statistics()
    found.stop()
    assert heard == ["late"]
    assert counts["accepted"] == 1


def test_it_survives_a_restart(tmp_path: Path, clock: Time) -> None:
    for attempt in range(2):
        found = TraceStore(tmp_path / "traces.sqlite", clock=clock)
        found.start()
        found.add([span(id=attempt + 1)])
        found.stop()
    kept = TraceStore(tmp_path / "traces.sqlite").trace(TRACE)
    assert kept is not None
    assert len(kept.spans) == 2


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from tests.traces.support import span
from watchkeeper.traces import TraceStore
store = TraceStore(Path({str(tmp_path / "traces.sqlite")!r}))
store.start()
for number in range(1, 10_000):
    store.add([span(id=number, trace_id=f"{{number:032x}}")])
    print(number, flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=Path.cwd())
    assert process.stdout is not None
    acknowledged = 0
    for line in process.stdout:
        acknowledged = int(line)
        if acknowledged == 200:
            os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    found = TraceStore(tmp_path / "traces.sqlite")
    assert acknowledged >= 200
    assert all(found.trace(number(n)) is not None for n in range(1, acknowledged + 1))


@pytest.fixture
def several(traces: TraceStore) -> TraceStore:
    traces.add(
        [
            span("POST /tasks", 0, 3, id=1, trace_id=number(1)),
            span("execute_tool search", 1, 2, id=2, parent=1, trace_id=number(1), service="tools"),
            span("POST /tasks", 10, 1, id=3, trace_id=number(2), error="boom"),
            span("GET /tasks/{id}", 20, 0.1, id=4, trace_id=number(3)),
        ]
    )
    return traces


@pytest.mark.parametrize(
    "asked,expected",
    [
        (Search(), [3, 2, 1]),
        (Search(order="slowest"), [1, 2, 3]),
        (Search(limit=1), [3]),
        (Search(errors=True), [2]),
        (Search(service="tools"), [1]),
        (Search(service="nobody"), []),
        (Search(operation="TASKS"), [3, 2, 1]),
        (Search(operation="search"), [1]),
        (Search(service="gateway", operation="search"), []),
        (Search(seconds=1.0), [2, 1]),
        (Search(service="gateway", seconds=2.0, order="slowest"), [1]),
        (Search(start=AT + 5, end=AT + 15), [2]),
        (Search(service="gateway", start=AT + 5), [3, 2]),
        (Search(service="'; DROP TABLE traces; --"), []),
    ],
)
def test_a_search_finds_what_fits(several: TraceStore, asked: Search, expected: list[int]) -> None:
    assert [int(one.trace_id, 16) for one in several.search(asked)] == expected


def test_the_services_are_known(several: TraceStore) -> None:
    assert several.services() == ["gateway", "tools"]


@pytest.mark.parametrize(
    "text", [TRACE, "4bf9", " 4BF92F35 ", "4bf92f35-77b3-4da6-a3ce-929d0e0e4736", "4BF92F3577B34DA6A3CE929D0E0E4736\n"]
)
def test_an_id_or_its_beginning_finds_a_trace(several: TraceStore, text: str) -> None:
    several.add([span(id=9)])
    assert several.resolve(text) == TRACE


def test_several_that_begin_so_are_told(several: TraceStore) -> None:
    with pytest.raises(TraceNotFound, match="more than one trace begins with 0000: give more of the id"):
        several.resolve("0000")


@pytest.mark.parametrize("text", ["", "xyz", "0" * 33, "eeee", "0" * 31 + "%"])
def test_what_begins_no_trace_is_told(several: TraceStore, text: str) -> None:
    with pytest.raises(TraceNotFound, match=f"there is no trace {text[:40]} here: it is older"):
        several.resolve(text)


def test_no_trace_is_none(several: TraceStore) -> None:
    assert several.trace("f" * 32) is None
    assert several.trace("no id") is None


def test_a_trace_that_never_ends_is_cut(traces: TraceStore) -> None:
    spans = [span(id=n + 1) for n in range(MAX_TRACE_SPANS)]
    for place in range(0, MAX_TRACE_SPANS, 5000):
        assert traces.add(spans[place : place + 5000]) == 0
    assert traces.add([span(id=MAX_TRACE_SPANS + n + 1) for n in range(3)]) == 3
    assert traces.statistics()["refused"] == 3


def test_ordinary_traces_are_sampled_and_the_others_stay(tmp_path: Path, clock: Time) -> None:
    found = TraceStore(tmp_path / "t.sqlite", keep_ratio=0.25, clock=clock)
    found.start()
    # The random part of an id are its last 56 bits: a quarter of these are below the ratio.
    ids = [f"{1:018x}{n * (1 << 56) // 100:014x}" for n in range(100)]
    found.add([span("GET /", n, 1.0, id=n + 1, trace_id=ids[n], error="boom" if n == 90 else "") for n in range(99)])
    found.add([span("GET /", 99, 7.0, id=100, trace_id=ids[99])])
    clock.at += keeping.GRACE_SECONDS - 1
    upkeep(found)
    assert len(found.search(Search(limit=500))) == 100, "all stay while they are young"
    clock.at += 2
    upkeep(found)
    kept = {one.trace_id: one.kept for one in found.search(Search(limit=500))}
    found.stop()
    assert {ids.index(one) for one in kept} == {*range(25), 90, 99}
    assert (kept[ids[0]], kept[ids[90]], kept[ids[99]]) == ("sample", "error", "slow")


def test_a_few_traces_do_not_say_what_slow_is(tmp_path: Path, clock: Time) -> None:
    found = TraceStore(tmp_path / "t.sqlite", keep_ratio=0.0, clock=clock)
    found.start()
    found.add([span("GET /", n, 1.0 + n, id=n + 1, trace_id=number(n + 1)) for n in range(keeping.SLOW_FROM - 1)])
    clock.at += keeping.GRACE_SECONDS + 1
    upkeep(found)
    assert found.search(Search()) == []
    found.stop()


def test_what_is_too_old_goes(traces: TraceStore, clock: Time) -> None:
    traces.add([span(id=1, error="boom")])
    clock.at += traces.retention + 1
    upkeep(traces)
    assert traces.trace(TRACE) is None
    assert traces.services() == []


def _bulky(n: int, error: str = "") -> Span:
    noise = os.urandom(1500).hex()  # cannot be packed
    return span("GET /", n, 1.0, id=n + 1, trace_id=number(n + 1), error=error, attributes={"noise": noise[:2000]})


def test_the_file_stays_within_its_bound_and_the_oldest_go_first(tmp_path: Path, clock: Time) -> None:
    limit = 2 * 1024 * 1024
    found = TraceStore(tmp_path / "t.sqlite", limit_bytes=limit, clock=clock)
    found.start()
    for n in range(0, 1500, 10):
        found.add([_bulky(n + place) for place in range(10)])
    # What was written last may still be above the mark, for the moment that the thread needs.
    until(lambda: found.statistics()["bytes"] <= limit)
    kept = sorted(int(one.trace_id, 16) for one in found.search(Search(limit=5000)))
    found.stop()
    assert kept[-1] == 1500
    assert kept == list(range(kept[0], 1501)), "the oldest went"
    assert kept[0] > 100
    assert found.path.stat().st_size <= limit + schema.PAGE_BYTES * 16
    assert found.statistics()["dropped"] == kept[0] - 1


def test_errors_do_not_crowd_out_the_ordinary_nor_these_the_errors(tmp_path: Path, clock: Time) -> None:
    found = TraceStore(tmp_path / "t.sqlite", limit_bytes=2 * 1024 * 1024, clock=clock)
    found.start()
    for n in range(0, 300, 10):
        found.add([_bulky(n + place, "boom") for place in range(10)])
    clock.at += keeping.GRACE_SECONDS + 1
    upkeep(found)  # they are kept for their errors now
    for n in range(300, 1500, 10):
        found.add([_bulky(n + place) for place in range(10)])
    rows = found.search(Search(limit=5000))
    failed = sum(one.errors for one in rows)
    found.stop()
    assert failed == 300, "errors stay while ordinary ones hold more than their share"
    assert len(rows) > 320
    assert rows[0].trace_id == number(1500)


def test_many_threads_may_add(traces: TraceStore) -> None:
    def add(part: int) -> None:
        for n in range(20):
            traces.add([span(id=part * 100 + n + 1, trace_id=number(part * 100 + n + 1))])

    threads = [threading.Thread(target=add, args=(part,)) for part in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(traces.search(Search(limit=500))) == 160


def test_too_many_that_wait_are_overload(traces: TraceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_MAX_WAITING_SPANS", 10)
    held, entered = threading.Event(), threading.Event()

    def slow(*arguments: Any) -> Written:
        entered.set()
        held.wait(10)
        return write(*arguments)

    monkeypatch.setattr("watchkeeper.traces.store.write", slow)
    thread = threading.Thread(target=traces.add, args=([span(id=n + 1) for n in range(8)],))
    thread.start()
    assert entered.wait(10)
    with pytest.raises(TracesOverloaded, match="8 spans wait"):
        traces.add([span(id=n + 100) for n in range(3)])
    held.set()
    thread.join()
    assert traces.add([span(id=200)]) == 0


def test_a_write_that_fails_is_told_and_the_next_one_works(traces: TraceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> Written:
        raise OSError("No space left on device")

    monkeypatch.setattr("watchkeeper.traces.store.write", full)
    with pytest.raises(StoreError, match="No space left on device"):
        traces.add([span(id=1)])
    assert traces.problem() == "No space left on device"
    monkeypatch.setattr("watchkeeper.traces.store.write", write)
    traces.add([span(id=1)])
    assert traces.problem() is None
    assert traces.trace(TRACE) is not None


def test_a_file_of_another_version_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "traces.sqlite"
    connection = schema.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match=r"format 99.*move it away"):
        TraceStore(path).start()


def test_no_file_says_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="watchkeeper up"):
        TraceStore(tmp_path / "none.sqlite").services()


def test_the_graph_is_of_the_window(several: TraceStore) -> None:
    several.add([span("serve", 1, 1, id=9, parent=1, trace_id=number(1), kind="server", service="llm")])
    found = several.graph(AT - 1, AT + 60)
    assert [(edge.client, edge.server) for edge in found.edges] == [("gateway", "llm"), ("gateway", "tools")]
    assert (found.traces, found.of) == (3, 3)
    assert several.graph(AT + 5, AT + 60).edges == ()
