"""Deviations through a real Alertmanager: they come back as what they were."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from runbooks.webhooks import alertmanager as parsed
from tests.servers import alertmanager, free_port, wait_until
from watchkeeper.app.alertmanager import AlertmanagerSink
from watchkeeper.deliveries import Delivery
from watchkeeper.errors import StoreError
from watchkeeper.settings import AlertmanagerSettings

DEVIATION = Delivery(
    source="detectors",
    kind="deviation",
    status="firing",
    labels={"alertname": "redis.memory", "severity": "warning", "instance": "cache"},
    annotations={"runbook": "redis/memory-high", "score": "0.99", "empty": ""},
    starts_at=1_795_000_000.0,
)


@pytest.fixture
def received() -> Any:
    """A webhook that keeps the bodies it gets, and its address."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield bodies, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_deviation_comes_back_as_a_deviation(
    received: tuple[list[bytes], str], alertmanager_server: Callable[..., Any]
) -> None:
    bodies, url = received
    server = alertmanager_server(alertmanager.webhook_config(url))
    AlertmanagerSink(AlertmanagerSettings(url=server.url)).deliver([DEVIATION])
    wait_until(lambda: bool(bodies), seconds=60)
    back = parsed(bodies[0])[0]
    assert back.kind == "deviation"
    assert back.labels == DEVIATION.labels
    assert back.annotations["score"] == "0.99"
    assert "empty" not in json.loads(bodies[0])["alerts"][0]["annotations"]


def test_an_alertmanager_that_is_away_is_one_line() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(StoreError, match=f"Alertmanager at {url} does not answer"):
        AlertmanagerSink(AlertmanagerSettings(url=url)).deliver([DEVIATION])


def test_an_alertmanager_that_refuses_is_quoted(alertmanager_server: Callable[..., Any]) -> None:
    server = alertmanager_server(alertmanager.webhook_config("http://127.0.0.1:9/"))
    nameless = Delivery(source="detectors", kind="alert", status="firing", labels={"a-b": "x"}, starts_at=1.0)
    with pytest.raises(StoreError, match="answered 400"):
        AlertmanagerSink(AlertmanagerSettings(url=server.url)).deliver([nameless])
