"""Whether a Prometheus answers, as `watchkeeper serve` knows it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import free_port, wait_until
from watchkeeper.app.load import load_everything
from watchkeeper.app.loop import Loop
from watchkeeper.app.store_probe import StoreProbe
from watchkeeper.errors import StoreError
from watchkeeper.queries import Query
from watchkeeper.settings import Prometheus, Settings, StoreSettings
from watchkeeper.stores import Vector
from watchkeeper.stores.embedded import EmbeddedStore


class Sick(EmbeddedStore):
    """A store that fails while it is told to; `entered` says that it was asked."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, retention=3600.0)
        self.error: Exception | None = None
        self.entered = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()
        self.asked = 0

    def instant(self, query: Query, at: float, *, auto: float = 300.0) -> Vector:
        self.asked += 1
        self.entered.set()
        self.go_on.wait(20)
        if self.error is not None:
            raise self.error
        return super().instant(query, at, auto=auto)


@pytest.fixture
def sick(tmp_path: Path) -> Iterator[Sick]:
    store = Sick(tmp_path / "samples")
    yield store
    store.close()


def test_nothing_is_wrong_before_the_first_question(sick: Sick) -> None:
    assert StoreProbe(sick).problem() is None


def test_a_change_is_told_once(sick: Sick, caplog: pytest.LogCaptureFixture) -> None:
    probe = StoreProbe(sick)
    with caplog.at_level(logging.WARNING, "watchkeeper.app"):
        probe.ask()
        sick.error = StoreError("http://prometheus:9090: cannot be reached")
        probe.ask()
        probe.ask()
        assert probe.problem() == "http://prometheus:9090: cannot be reached"
        sick.error = None
        probe.ask()
    assert probe.problem() is None
    assert caplog.messages == [
        "the store does not answer: http://prometheus:9090: cannot be reached",
        "the store answers again",
    ]


def test_what_nobody_expected_does_not_end_it(sick: Sick, caplog: pytest.LogCaptureFixture) -> None:
    sick.error = ZeroDivisionError("odd")
    probe = StoreProbe(sick, interval=0.01)
    probe.start()
    wait_until(lambda: sick.asked >= 3, seconds=10)
    sick.error = StoreError("away")
    wait_until(lambda: probe.problem() == "away", seconds=10)
    probe.stop()
    assert "asking the store" in caplog.messages


def test_neither_the_answer_nor_the_end_waits_for_a_store_that_hangs(sick: Sick) -> None:
    sick.go_on.clear()
    probe = StoreProbe(sick)
    probe.start()
    assert sick.entered.wait(10)
    assert probe.problem() is None
    probe.stop()
    assert probe._thread.is_alive(), "it still waits for its answer, and nobody for it"
    sick.go_on.set()
    probe._thread.join(10)
    assert not probe._thread.is_alive()
    assert sick.asked == 1


def test_serve_tells_of_a_prometheus_that_does_not_answer(tmp_path: Path) -> None:
    port = free_port()
    settings = Settings(data=str(tmp_path), store=StoreSettings(prometheus=Prometheus(url=f"http://127.0.0.1:{port}")))
    loop = Loop(load_everything(settings), evaluate=False, listen=f"127.0.0.1:{free_port()}")
    try:
        assert loop.outside() == {"store": None}, "unknown until it was asked"
        loop.start()
        problem = wait_until(lambda: loop.outside()["store"], seconds=60)
        assert f"127.0.0.1:{port}" in problem
    finally:
        loop.stop()
