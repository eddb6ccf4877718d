"""What an outbox does with the answers of a receiver."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers import otlp, wait_until
from watchkeeper.outbox import Outbox, Outcome, pack, unpack
from watchkeeper.posting import Answer, Poster, PostError

LIMIT = 2**20


class _Receiver:
    """Answers what it is told for each body, and remembers what it took."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.tries = 0
        self.answer: Callable[[bytes], Answer] = lambda body: Answer(200)
        self.rejected = 0

    def __call__(self, body: bytes) -> Outcome:
        self.tries += 1
        answer = self.answer(body)
        if answer.status == 200:
            self.taken.append(body)
        return Outcome(answer, self.rejected, "too old")


@pytest.fixture
def receiver() -> _Receiver:
    return _Receiver()


@pytest.fixture
def outbox(tmp_path: Path, receiver: _Receiver) -> Iterator[Outbox]:
    found = Outbox("test", tmp_path, LIMIT, receiver, first_pause=0.01)
    try:
        yield found
    finally:
        found.stop(0)


def _put(outbox: Outbox, *bodies: bytes) -> None:
    for body in bodies:
        assert outbox.put(pack(body))


def _answers(**by_body: int) -> Callable[[bytes], Answer]:
    """A status for bodies that hold a text; the first that fits."""
    return lambda body: Answer(next((status for text, status in by_body.items() if text.encode() in body), 200))


def test_a_record_holds_a_body_and_a_state() -> None:
    assert unpack(pack(b"body")) == (b"body", b"")
    assert unpack(pack(b"body", b"state")) == (b"body", b"state")


def test_records_that_wait_are_sent_as_one(outbox: Outbox, receiver: _Receiver) -> None:
    _put(outbox, b"a", b"b", b"c")
    outbox.step()
    assert receiver.taken == [b"abc"]
    assert (outbox.sent, len(outbox.spool)) == (3, 0)
    assert outbox.succeeded is not None


def test_what_is_joined_is_bounded(outbox: Outbox, receiver: _Receiver) -> None:
    # They compress well: what counts is what is sent.
    _put(outbox, *[bytes(600_000)] * 4)
    outbox.step()
    assert [len(body) for body in receiver.taken] == [1_200_000]


@pytest.mark.parametrize("status", [301, 401, 403, 408, 429, 500, 502, 503, 504])
def test_a_record_waits_when_it_is_not_what_is_wrong(outbox: Outbox, receiver: _Receiver, status: int) -> None:
    receiver.answer = lambda body: Answer(status)
    _put(outbox, b"a")
    outbox.step()
    assert (outbox.failures, outbox.rejected, len(outbox.spool)) == (1, 0, 1)
    receiver.answer = lambda body: Answer(200)
    outbox.step()
    assert receiver.taken == [b"a"]


@pytest.mark.parametrize("status", [400, 404, 413, 422])
def test_a_record_that_is_refused_for_good_is_dropped_counted_and_logged_once(
    outbox: Outbox, receiver: _Receiver, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answer = lambda body: Answer(status, b"out of\nbounds")
    for body in (b"a", b"b"):
        _put(outbox, body)
        outbox.step()
    assert (outbox.rejected, outbox.sent, len(outbox.spool)) == (2, 0, 0)
    assert [record.getMessage() for record in caplog.records] == [
        f"test: a record of 9 bytes is refused and dropped: HTTP {status}: out of bounds; further ones are counted"
    ]


def test_a_bad_record_costs_only_itself(outbox: Outbox, receiver: _Receiver) -> None:
    receiver.answer = _answers(bad=400)
    _put(outbox, b"one", b"bad", b"two")
    outbox.step()
    assert receiver.taken == [b"one", b"two"]
    assert (outbox.sent, outbox.rejected, len(outbox.spool)) == (2, 1, 0)


def test_a_receiver_that_goes_away_among_single_records_gets_the_rest_later(
    outbox: Outbox, receiver: _Receiver
) -> None:
    receiver.answer = lambda body: Answer(400 if len(body) > 3 else 503 if body == b"two" else 200)
    _put(outbox, b"one", b"two", b"six")
    outbox.step()
    assert (receiver.taken, len(outbox.spool)) == ([b"one"], 2)
    receiver.answer = _answers()
    outbox.step()
    assert receiver.taken == [b"one", b"twosix"]


def test_partial_success_is_counted_and_not_sent_again(
    outbox: Outbox, receiver: _Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.rejected = 7
    _put(outbox, b"a")
    outbox.step()
    assert (outbox.sent, outbox.rejected_items, len(outbox.spool)) == (1, 7, 0)
    assert "7 items were not taken: too old" in caplog.text


def test_pauses_grow_with_jitter_up_to_a_bound(tmp_path: Path, receiver: _Receiver) -> None:
    with contextlib.closing(_Stopped(Outbox("test", tmp_path, LIMIT, receiver))) as held:
        receiver.answer = lambda body: Answer(503)
        _put(held.outbox, b"a")
        pauses = []
        for _ in range(40):
            held.outbox.step()
            pauses.append(held.outbox._pause)
        assert 0.25 <= pauses[0] <= 0.5
        assert all(15 <= pause <= 30 for pause in pauses[-5:])
        assert len(set(pauses)) == len(pauses)
        receiver.answer = lambda body: Answer(200)
        held.outbox.step()
        assert held.outbox._pause == 0


class _Stopped:
    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox

    def close(self) -> None:
        self.outbox.stop(0)


@pytest.mark.parametrize(
    "value,seconds",
    [("7", 7.0), ("Thu, 01 Jan 1970 00:16:50 GMT", 10.0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0), ("soon", None)],
)
def test_retry_after_is_a_number_or_a_date(value: str, seconds: float | None) -> None:
    assert Answer(503, headers={"retry-after": value}).retry_after(lambda: 1_000.0) == seconds


@pytest.mark.parametrize("asked,paused", [("40", 40.0), ("86400", 600.0)])
def test_retry_after_is_honoured_within_reason(outbox: Outbox, receiver: _Receiver, asked: str, paused: float) -> None:
    receiver.answer = lambda body: Answer(429, headers={"retry-after": asked})
    _put(outbox, b"a")
    outbox.step()
    assert outbox._pause == paused


def test_a_change_of_state_is_one_line_each(
    outbox: Outbox, receiver: _Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answer = lambda body: Answer(503)
    _put(outbox, b"a")
    for _ in range(3):
        outbox.step()
    receiver.answer = lambda body: Answer(200)
    outbox.step()
    assert [record.getMessage() for record in caplog.records] == [
        "test: HTTP 503; records wait on disk until it answers",
        "test: takes records again, 0 wait",
    ]


def test_the_thread_sends_what_an_earlier_process_left(tmp_path: Path, receiver: _Receiver) -> None:
    first = Outbox("test", tmp_path, LIMIT, receiver)
    _put(first, b"left")
    first.stop(0)
    second = Outbox("test", tmp_path, LIMIT, receiver)
    second.start()
    assert second.flush(10)
    second.stop()
    assert receiver.taken == [b"left"]


def test_whatever_sending_raises_the_thread_goes_on(tmp_path: Path, receiver: _Receiver) -> None:
    outbox = Outbox("test", tmp_path, LIMIT, receiver, first_pause=0.01)
    outbox.start()

    def broken(body: bytes) -> Answer:
        raise ValueError("not foreseen")

    receiver.answer = broken
    _put(outbox, b"a")
    wait_until(lambda: outbox.failures >= 2, seconds=10)
    assert outbox.error == "ValueError: not foreseen"
    receiver.answer = _answers()
    wait_until(lambda: receiver.taken == [b"a"], seconds=10)
    outbox.stop()


def test_a_full_queue_is_said_once_and_heals(
    tmp_path: Path, receiver: _Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = Outbox("test", tmp_path, 200, receiver)
    with caplog.at_level(logging.WARNING):
        for _ in range(20):
            outbox.put(b"x" * 50)
    assert len(caplog.records) == 1 and "the queue is full" in caplog.text
    assert outbox.spool.accepted == 3 and outbox.spool.full == 17
    outbox.spool.ack(outbox.spool.peek()[0].after)
    assert outbox.put(b"y")
    outbox.stop(0)


def test_stopping_does_not_wait_for_a_receiver_that_is_away(tmp_path: Path) -> None:
    gate = threading.Event()

    def away(body: bytes) -> Outcome:
        gate.set()
        raise PostError("http://127.0.0.1: connection refused")

    outbox = Outbox("test", tmp_path, LIMIT, away)
    outbox.start()
    _put(outbox, b"a")
    assert gate.wait(10)
    outbox.stop(3600)
    with contextlib.closing(Outbox("test", tmp_path, LIMIT, away).spool) as spool:
        assert len(spool) == 1


def test_stopping_breaks_a_request_that_hangs(tmp_path: Path) -> None:
    with otlp.run() as receiver:
        receiver.gate.clear()
        poster = Poster(f"{receiver.url}/v1/traces", timeout=600)
        outbox = Outbox("test", tmp_path, LIMIT, lambda body: Outcome(poster.post(body, {})), poster=poster)
        outbox.start()
        _put(outbox, b"")
        wait_until(lambda: poster._connection.connected, seconds=10)
        outbox.stop(0.01)
        assert not outbox._thread.is_alive()
        assert len(outbox.spool) == 1
