"""Deviations through a real Alertmanager: they come back as what they were."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from runbooks.webhooks import alertmanager as parsed
from tests.servers import alertmanager, free_port, tls, wait_until
from watchkeeper.app.alertmanager import AlertmanagerSink
from watchkeeper.deliveries import Delivery
from watchkeeper.errors import StoreError
from watchkeeper.settings import AlertmanagerSettings, Secret

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


def test_it_is_shown_who_sends(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("zwölf €\n")
    with tls.serve({"/api/v2/alerts": tls.Page()}) as site:
        url, secret = site.url("/"), Secret(file=str(tmp_path / "password"))
        AlertmanagerSink(AlertmanagerSettings(url=url, user="me", password=secret)).deliver([DEVIATION])
        ((_, _, headers),) = site.requests
    assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode() == "me:zwölf €"


def test_the_certificates_of_ca_file_are_trusted(tmp_path: Path) -> None:
    authority = tls.Authority(tmp_path)
    with tls.serve({"/api/v2/alerts": tls.Page()}, authority.issue("DNS:localhost")) as site:
        url = site.url("/")
        AlertmanagerSink(AlertmanagerSettings(url=url, ca_file=str(authority.file))).deliver([DEVIATION])
        with pytest.raises(StoreError, match="does not answer"):
            AlertmanagerSink(AlertmanagerSettings(url=url)).deliver([DEVIATION])


def test_certificates_that_are_none_are_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"alertmanager.ca_file: .*/none: no certificates can be read: No such file"):
        AlertmanagerSink(AlertmanagerSettings(url="https://a", ca_file=str(tmp_path / "none")))


def test_an_alertmanager_that_is_away_is_one_line() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(StoreError, match=f"Alertmanager at {url} does not answer"):
        AlertmanagerSink(AlertmanagerSettings(url=url)).deliver([DEVIATION])


def test_an_alertmanager_that_refuses_is_quoted(alertmanager_server: Callable[..., Any]) -> None:
    server = alertmanager_server(alertmanager.webhook_config("http://127.0.0.1:9/"))
    nameless = Delivery(source="detectors", kind="alert", status="firing", labels={"a-b": "x"}, starts_at=1.0)
    with pytest.raises(StoreError, match="answered 400"):
        AlertmanagerSink(AlertmanagerSettings(url=server.url)).deliver([nameless])
