"""Remote write, taken by a real Prometheus and a real VictoriaMetrics."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from collectors.push import Pusher
from collectors.remote_write import poster, snappy, time_series, write_request
from collectors.runtime import Sidecar
from examples.servers.process import ServerProcess
from tests.collectors.helpers import Application, application, by_name, target
from tests.conftest import need
from tests.servers import http, otlp, prometheus, victoriametrics, wait_until
from watchkeeper.outbox import pack
from watchkeeper.settings import PushSettings, RemoteWrite, Seconds, Secret
from watchkeeper.stores import STALE_NAN, Sample


@dataclass(frozen=True)
class Receiver:
    """A server that takes remote write at `write`; `query` asks it."""

    write: str
    url: str
    process: ServerProcess
    flush: Callable[[], Any]

    def query(self, expression: str) -> list[Any]:
        """The result of an instant query now."""
        self.flush()
        params = {"query": expression, "time": f"{time.time():.3f}"}
        result: list[Any] = http.post_form(f"{self.url}/api/v1/query", params)["data"]["result"]
        return result


@pytest.fixture(params=["prometheus", "victoriametrics"])
def receiver(request: pytest.FixtureRequest) -> Iterator[Receiver]:
    if request.param == "prometheus":
        need(prometheus.available())
        with prometheus.run(remote_write_receiver=True) as server:
            yield Receiver(f"{server.url}/api/v1/write", server.url, server.process, lambda: None)
    else:
        need(victoriametrics.available())
        with victoriametrics.run(flags=["-search.latencyOffset=0s", "-search.disableCache"]) as found:
            # What it took is found some seconds later, unless it is asked to hurry.
            flush = f"{found.url}/internal/force_flush"
            yield Receiver(f"{found.url}/api/v1/write", found.url, found.process, lambda: http.get_text(flush))


@pytest.fixture
def app() -> Iterator[Application]:
    text = '# TYPE orders_total counter\norders_total{path="/\\"é"} 3\n# TYPE jobs gauge\njobs 5\n'
    with application(text=text) as running:
        yield running


def _pusher(app: Application, receiver: Receiver, directory: Path) -> Pusher:
    settings = PushSettings(interval=Seconds(0.2), remote_write=RemoteWrite(url=receiver.write, timeout=Seconds(5)))
    pusher = Pusher(Sidecar([target("shop-1", "shop", app.url, labels={"zone": "a"})]), settings, directory)
    pusher.start()
    return pusher


def _value(pusher: Pusher, name: str) -> float:
    return by_name(pusher.families())[name].points[0][2]


@pytest.mark.server
def test_values_arrive_with_all_labels(app: Application, receiver: Receiver, tmp_path: Path) -> None:
    pusher = _pusher(app, receiver, tmp_path)
    (found,) = wait_until(lambda: receiver.query("orders_total"), seconds=30)
    assert found["metric"] == {
        "__name__": "orders_total",
        "instance": "shop-1",
        "job": "shop",
        "path": '/"é',
        "zone": "a",
    }
    assert found["value"][1] == "3"
    wait_until(lambda: [one["value"][1] for one in receiver.query('up{instance="shop-1"}')] == ["1"], seconds=10)
    wait_until(lambda: receiver.query('watchkeeper_build_info{job="watchkeeper"}'), seconds=10)
    pusher.stop(0)


@pytest.mark.server
def test_series_of_a_target_that_is_down_are_stale(app: Application, receiver: Receiver, tmp_path: Path) -> None:
    pusher = _pusher(app, receiver, tmp_path)
    wait_until(lambda: receiver.query("jobs"), seconds=30)
    app.status = 500
    wait_until(lambda: not receiver.query("jobs"), seconds=10)
    assert [one["value"][1] for one in receiver.query('up{instance="shop-1"}')] == ["0"]
    app.status = 200
    wait_until(lambda: receiver.query("jobs"), seconds=10)
    pusher.stop()
    wait_until(lambda: not receiver.query("jobs"), seconds=10)


@pytest.mark.server
def test_an_outage_of_the_receiver_loses_no_sample(app: Application, receiver: Receiver, tmp_path: Path) -> None:
    pusher = _pusher(app, receiver, tmp_path)
    wait_until(lambda: receiver.query("jobs"), seconds=30)
    receiver.process.stop()
    before = _value(pusher, "watchkeeper_push_records_accepted_total")
    wait_until(lambda: _value(pusher, "watchkeeper_push_records_accepted_total") >= before + 15, seconds=30)
    assert _value(pusher, "watchkeeper_push_failures_total") > 0
    receiver.process.start()
    wait_until(lambda: _value(pusher, "watchkeeper_push_queue_bytes") == 0, seconds=40)
    pusher.stop(20, ended=False)
    accepted = int(_value(pusher, "watchkeeper_push_records_accepted_total"))
    assert _value(pusher, "watchkeeper_push_records_sent_total") == accepted
    (found,) = receiver.query("jobs[5m]")
    # Delivery is at least once, with the same times: what was sent again is no other sample.
    assert len({at for at, _ in found["values"]}) == accepted


def test_a_request_without_a_meaning_is_dropped_and_the_next_arrives(app: Application, tmp_path: Path) -> None:
    need(prometheus.available())
    with prometheus.run(remote_write_receiver=True) as server:
        receiver = Receiver(f"{server.url}/api/v1/write", server.url, server.process, lambda: None)
        pusher = _pusher(app, receiver, tmp_path)
        wait_until(lambda: receiver.query("jobs"), seconds=30)
        # A value in the past of the series is refused with 400.
        body = write_request([Sample("jobs", {"job": "shop", "instance": "shop-1", "zone": "a"}, 1.0, 1.0)])
        outbox = pusher._destinations[0]._outbox  # type: ignore[attr-defined]
        outbox.put(pack(body))
        wait_until(lambda: outbox.rejected == 1, seconds=10)
        sent = outbox.sent
        wait_until(lambda: outbox.sent > sent, seconds=10)
        pusher.stop(0)


def test_the_block_of_snappy_holds_the_data_in_literals() -> None:
    data = bytes(range(256)) * 600
    block = snappy(data)
    # preamble: the length as a varint of three bytes; then chunks of 64 KiB, each with a tag and its length less one
    assert block[:3] == b"\x80\xb0\x09"
    found, at = b"", 3
    while at < len(block):
        assert block[at] == 61 << 2
        length = int.from_bytes(block[at + 1 : at + 3], "little") + 1
        found += block[at + 3 : at + 3 + length]
        at += 3 + length
    assert found == data


def test_labels_are_sorted_and_a_stale_marker_keeps_its_bits() -> None:
    body = write_request([Sample("x", {"b": "2", "a": "1"}, STALE_NAN, 1.5)])
    assert body == time_series({"a": "1", "__name__": "x", "b": "2"}, [(1.5, STALE_NAN)])
    assert body.index(b"__name__") < body.index(b"\x01a") < body.index(b"\x01b")
    assert bytes.fromhex("020000000000f07f") in body
    assert body.endswith(b"\x10\xdc\x0b")  # 1500 ms


def test_credentials_and_tenant_are_sent(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s")
    with otlp.run() as receiver:
        settings = RemoteWrite(
            url=f"{receiver.url}/v1/traces", user="me", password=Secret(file=str(tmp_path / "password")), tenant="t1"
        )
        to = poster(settings)
        to.post(b"", {})
        to.close()
        headers = receiver.requests[0].headers
    assert headers["authorization"] == "Basic bWU6cw=="
    assert headers["x-scope-orgid"] == "t1"
