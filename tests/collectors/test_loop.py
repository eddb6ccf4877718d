from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import pytest

from collectors.loop import ScrapeLoop
from collectors.runtime import Sidecar
from tests.collectors.helpers import Application, application, silent_port, target
from tests.servers import wait_until
from watchkeeper.errors import StoreError
from watchkeeper.settings import Seconds, Target
from watchkeeper.stores import Sample, is_stale


class _Writer:
    def __init__(self) -> None:
        self.batches: list[list[Sample]] = []
        self.error: Exception | None = None

    def write(self, samples: Sequence[Sample]) -> None:
        if self.error is not None:
            raise self.error
        self.batches.append(list(samples))

    def last(self, name: str, **labels: str) -> Sample | None:
        found = [
            s for batch in self.batches for s in batch if s.name == name and labels.items() <= dict(s.labels).items()
        ]
        return found[-1] if found else None

    def value(self, name: str, **labels: str) -> float:
        sample = self.last(name, **labels)
        assert sample is not None, name
        return sample.value


@pytest.fixture
def app() -> Iterator[Application]:
    with application(text='requests_total{path="/",job="its"} 3\n') as running:
        yield running


@pytest.fixture
def writer() -> _Writer:
    return _Writer()


def _loop(writer: _Writer, *targets: Target, interval: float = 1.0) -> ScrapeLoop:
    return ScrapeLoop(Sidecar(targets), writer, interval, clock=lambda: 1_000.0)


def test_samples_carry_the_target_labels(app: Application, writer: _Writer) -> None:
    _loop(writer, target("shop-1", "shop", app.url, labels={"zone": "a"})).round()
    sample = writer.last("requests_total")
    assert sample is not None
    assert sample.labels == {"path": "/", "exported_job": "its", "job": "shop", "instance": "shop-1", "zone": "a"}
    assert (sample.value, sample.time) == (3.0, 1_000.0)


def test_job_and_instance_can_be_named_by_the_target(app: Application, writer: _Writer) -> None:
    _loop(writer, target("shop-1", "shop", app.url, labels={"job": "web", "instance": "w:1"})).round()
    assert writer.value("up", job="web", instance="w:1") == 1.0


def test_up_and_the_signals_of_the_target_are_written(app: Application, writer: _Writer) -> None:
    _loop(writer, target("shop-1", "shop", app.url)).round()
    assert writer.value("up", job="shop", instance="shop-1") == 1.0
    assert writer.value("watchkeeper_target_up", target="shop-1", target_system="shop") == 1.0
    assert writer.value("watchkeeper_target_scrape_duration_seconds", target="shop-1", target_system="shop") > 0
    assert writer.value("watchkeeper_build_info", job="watchkeeper") == 1.0


def test_a_series_that_vanished_is_marked_stale_once(app: Application, writer: _Writer) -> None:
    loop = _loop(writer, target("shop-1", "shop", app.url))
    loop.round()
    app.text = "other 1\n"
    loop.round()
    assert is_stale(writer.value("requests_total"))
    writer.batches.clear()
    loop.round()
    assert writer.last("requests_total") is None


def test_all_series_of_a_target_that_is_down_are_marked_stale(app: Application, writer: _Writer) -> None:
    loop = _loop(writer, target("shop-1", "shop", app.url))
    loop.round()
    app.status = 500
    loop.round()
    assert is_stale(writer.value("requests_total"))
    assert writer.value("up", instance="shop-1") == 0.0
    assert writer.value("watchkeeper_target_up", target="shop-1") == 0.0


def test_a_target_that_is_back_is_written_again(app: Application, writer: _Writer) -> None:
    loop = _loop(writer, target("shop-1", "shop", app.url))
    for status in (200, 500, 200):
        app.status = status
        loop.round()
    assert writer.value("requests_total") == 3.0


def test_a_nan_of_the_target_is_a_value(app: Application, writer: _Writer) -> None:
    app.text = "age NaN\n"
    _loop(writer, target("shop-1", "shop", app.url)).round()
    assert math.isnan(writer.value("age")) and not is_stale(writer.value("age"))


def test_a_hanging_target_does_not_delay_the_samples_of_others(app: Application, writer: _Writer) -> None:
    with silent_port() as port:
        sick = target("sick", "redis", f"redis://127.0.0.1:{port}", timeout=Seconds(60))
        loop = _loop(writer, sick, target("shop-1", "shop", app.url), interval=0.5)
        loop.round()
        assert writer.batches[0][0].name == "requests_total"
        assert writer.value("up", instance="sick") == 0.0
        assert writer.value("redis_up", instance="sick") == 0.0


def test_a_store_that_fails_does_not_end_the_loop(app: Application, writer: _Writer) -> None:
    loop = _loop(writer, target("shop-1", "shop", app.url))
    writer.error = StoreError("disk full")
    loop.round()
    writer.error = None
    loop.round()
    assert writer.value("requests_total") == 3.0


def test_it_runs_every_interval_until_it_is_stopped(app: Application, writer: _Writer) -> None:
    loop = _loop(writer, target("shop-1", "shop", app.url), interval=0.05)
    loop.start()
    wait_until(lambda: app.requests >= 3, seconds=5)
    loop.stop()
    seen = app.requests
    assert not loop._thread.is_alive() and app.requests == seen


@pytest.mark.parametrize("error", [StoreError("disk full"), ValueError("not a sample"), OSError("no space")])
def test_whatever_the_store_raises_collection_goes_on(app: Application, writer: _Writer, error: Exception) -> None:
    loop = _loop(writer, target("shop-1", "shop", app.url), interval=0.05)
    writer.error = error
    loop.start()
    wait_until(lambda: app.requests >= 3, seconds=5)
    writer.error = None
    wait_until(lambda: writer.last("requests_total") is not None, seconds=5)
    loop.stop()


def test_an_interval_of_zero_is_a_short_one(app: Application, writer: _Writer) -> None:
    loop = _loop(writer, target("shop-1", "shop", app.url), interval=0.0)
    loop.start()
    wait_until(lambda: writer.last("requests_total") is not None and app.requests >= 2, seconds=5)
    assert loop._thread.is_alive()
    loop.stop()
