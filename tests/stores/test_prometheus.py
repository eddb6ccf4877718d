"""The Prometheus HTTP API as a store: against a small server of our own, and a real one."""

from __future__ import annotations

import base64
import json
import logging
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pytest

from tests.conftest import need
from tests.servers.prometheus import PrometheusServer
from tests.servers.remote_write import remote_write
from watchkeeper import queries as q
from watchkeeper.credentials import authorization
from watchkeeper.errors import StoreError
from watchkeeper.settings import Prometheus, Secret
from watchkeeper.signals import Counter, Gauge, Histogram, matches
from watchkeeper.stores.prometheus import PrometheusStore
from watchkeeper.units import SECONDS

NOW = 1_700_000_000.0
LEVEL = Gauge("ps_level", "Level.", labels=("disk",))
EVENTS = Counter("ps_events_total", "Events.")
LATENCY = Histogram("ps_latency_seconds", "Latency.", SECONDS)

Answer = tuple[int, Any]


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Silence: clients that go away are part of the tests."""


@dataclass
class Fake:
    """A server that answers from a list, the last one again and again, and keeps what it was asked."""

    url: str
    answers: list[Answer]
    asked: list[tuple[str, dict[str, str], dict[str, str]]] = field(default_factory=list)

    def store(self, **options: Any) -> PrometheusStore:
        return PrometheusStore(self.url, **{"sleep": lambda seconds: None, **options})


@pytest.fixture
def serve() -> Iterator[Callable[..., Fake]]:
    """Starts a server with answers: (status, JSON value or text)."""
    servers: list[ThreadingHTTPServer] = []

    def start(*answers: Answer, context: ssl.SSLContext | None = None, block: threading.Event | None = None) -> Fake:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                fields = {name: values[0] for name, values in parse_qs(body).items()}
                fake.asked.append((self.path, fields, {k.lower(): v for k, v in self.headers.items()}))
                if block is not None:
                    block.wait(30)
                status, content = fake.answers[min(len(fake.asked), len(fake.answers)) - 1]
                text = (content if isinstance(content, str) else json.dumps(content)).encode()
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "https://elsewhere/")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *args: Any) -> None:
                """Silence."""

        server = _Server(("127.0.0.1", 0), Handler)
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "http" if context is None else "https"
        fake = Fake(f"{scheme}://127.0.0.1:{server.server_port}", list(answers))
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        servers.append(server)
        return fake

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def success(kind: str, result: Any, **more: Any) -> Answer:
    return 200, {"status": "success", "data": {"resultType": kind, "result": result}, **more}


VECTOR = success("vector", [{"metric": {"disk": "a"}, "value": [NOW, "1.5"]}])


def test_an_instant_query_is_posted_with_the_readers_range(serve: Callable[..., Fake]) -> None:
    fake = serve(success("vector", [{"metric": {"disk": "a"}, "value": [NOW, "+Inf"]}]))
    vector = fake.store().instant(q.rate(EVENTS), NOW + 0.5, auto=90)
    assert (vector.series, vector.values) == (({"disk": "a"},), (float("inf"),))
    path, fields, headers = fake.asked[0]
    assert path == "/api/v1/query"
    assert fields == {"query": "rate(ps_events_total[1m30s])", "time": "1700000000.500"}
    assert "authorization" not in headers and "x-scope-orgid" not in headers


def test_a_scalar_is_one_series_without_labels(serve: Callable[..., Fake]) -> None:
    assert serve(success("scalar", [NOW, "3"])).store().instant(q.value(LEVEL), NOW).values == (3.0,)


def test_a_url_may_have_a_path(serve: Callable[..., Fake]) -> None:
    fake = serve(VECTOR)
    PrometheusStore(fake.url + "/prometheus/").instant(q.value(LEVEL), NOW)
    assert fake.asked[0][0] == "/prometheus/api/v1/query"


def test_user_tenant_and_rotated_password_are_sent(serve: Callable[..., Fake], tmp_path: Path) -> None:
    fake, file = serve(VECTOR), tmp_path / "password"
    settings = Prometheus(url=fake.url, user="me", password=Secret(file=str(file)), tenant="team-a")
    store = PrometheusStore.from_settings(settings)
    for expected in ("first", "zwölf €"):
        file.write_text(f"{expected}\n")
        store.instant(q.value(LEVEL), NOW)
        headers = fake.asked[-1][2]
        assert base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode() == f"me:{expected}"
        assert headers["x-scope-orgid"] == "team-a"


def test_settings_describe_a_store(serve: Callable[..., Fake], tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    fake = serve(VECTOR)
    settings = Prometheus(url=fake.url, bearer=Secret(file=str(tmp_path / "token")))
    PrometheusStore.from_settings(settings).instant(q.value(LEVEL), NOW)
    assert fake.asked[0][2]["authorization"] == "Bearer s3cret"


def test_a_refusal_gives_status_and_prometheus_own_words_once(serve: Callable[..., Fake]) -> None:
    fake = serve((422, {"status": "error", "errorType": "execution", "error": "too many\nsamples"}))
    with pytest.raises(StoreError, match=r"/api/v1/query: status 422: execution: too many samples$"):
        fake.store().instant(q.value(LEVEL), NOW)
    assert len(fake.asked) == 1


def test_an_answer_that_is_not_prometheus_is_shown_as_one_line(serve: Callable[..., Fake]) -> None:
    fake = serve((401, "<html>\n<h1>Log in</h1>\n</html>"))
    with pytest.raises(StoreError, match=r"status 401: <html> <h1>Log in</h1> </html>$"):
        fake.store().instant(q.value(LEVEL), NOW)


def test_a_redirect_is_not_followed_with_the_credentials(serve: Callable[..., Fake]) -> None:
    with pytest.raises(StoreError, match="status 302 to https://elsewhere/: write that address"):
        serve((302, "")).store(headers=lambda: authorization("me")).instant(q.value(LEVEL), NOW)


def test_a_server_that_fails_is_asked_again_with_longer_waits(serve: Callable[..., Fake]) -> None:
    fake, waits = serve((503, "busy"), (500, "busy"), VECTOR), list[float]()
    assert fake.store(sleep=waits.append).instant(q.value(LEVEL), NOW).values == (1.5,)
    assert waits == [0.2, 0.4]


def test_a_server_that_goes_on_failing_is_an_error(serve: Callable[..., Fake]) -> None:
    fake = serve((503, "busy"))
    with pytest.raises(StoreError, match="status 503: busy"):
        fake.store(retries=2).instant(q.value(LEVEL), NOW)
    assert len(fake.asked) == 3


def test_nobody_listening_is_one_clear_line() -> None:
    store = PrometheusStore("http://127.0.0.1:9", sleep=lambda seconds: None)
    with pytest.raises(StoreError, match=r"^http://127\.0\.0\.1:9/api/v1/query: cannot be reached: .*refused"):
        store.instant(q.value(LEVEL), NOW)


def test_an_answer_that_does_not_come_is_not_asked_for_again(serve: Callable[..., Fake]) -> None:
    block = threading.Event()
    fake = serve(VECTOR, block=block)
    begin = time.monotonic()
    with pytest.raises(StoreError, match=r"no answer within 0\.2 s"):
        fake.store(timeout=0.2).instant(q.value(LEVEL), NOW)
    assert time.monotonic() - begin < 5
    assert len(fake.asked) == 1
    block.set()


def test_warnings_are_logged_once(serve: Callable[..., Fake], caplog: pytest.LogCaptureFixture) -> None:
    status, answer = VECTOR
    store = serve((status, {**answer, "warnings": ["a store is down"]})).store()
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            store.instant(q.value(LEVEL), NOW)
    assert [record.getMessage().endswith("a store is down") for record in caplog.records] == [True]


def test_native_histograms_are_refused(serve: Callable[..., Fake]) -> None:
    fake = serve(success("vector", [{"metric": {}, "histogram": [NOW, {}]}]))
    with pytest.raises(StoreError, match="native histograms"):
        fake.store().instant(q.value(LEVEL), NOW)


def test_a_range_is_aligned_to_its_steps(serve: Callable[..., Fake]) -> None:
    fake = serve(success("matrix", [{"metric": {"disk": "a"}, "values": [[NOW + 15, "1"], [NOW + 45, "NaN"]]}]))
    answer = fake.store().range(q.value(LEVEL), NOW, NOW + 59, 15)
    assert answer.times.tolist() == [NOW, NOW + 15, NOW + 30, NOW + 45]
    assert answer.present.tolist() == [[False, True, False, True]]
    assert answer.values[0, 1] == 1.0 and np.isnan(answer.values[0, 3])


def test_a_long_range_is_asked_in_parts(serve: Callable[..., Fake]) -> None:
    parts = [[{"metric": {"disk": d}, "values": [[at, "1"]]}] for d, at in (("a", NOW), ("b", NOW + 11_000))]
    fake = serve(*(success("matrix", part) for part in parts))
    answer = fake.store().range(q.value(LEVEL), NOW, NOW + 12_000, 1)
    spans = [(float(fields["start"]) - NOW, float(fields["end"]) - NOW) for _, fields, _ in fake.asked]
    assert spans == [(0, 10_999), (11_000, 12_000)]
    assert answer.series == ({"disk": "a"}, {"disk": "b"})
    assert np.argwhere(answer.present).tolist() == [[0, 0], [1, 11_000]]


def test_series_are_asked_by_their_matchers(serve: Callable[..., Fake]) -> None:
    fake = serve((200, {"status": "success", "data": [{"__name__": "ps_level", "disk": "a"}]}))
    store = fake.store()
    assert store.series(LEVEL.where(disk=matches('a"b')), NOW, NOW + 1) == ({"__name__": "ps_level", "disk": "a"},)
    store.series(LATENCY, NOW, NOW + 1)
    assert [fields["match[]"] for _, fields, _ in fake.asked] == [r'ps_level{disk=~"a\"b"}', "ps_latency_seconds_count"]


@pytest.mark.parametrize(
    "url, message",
    [
        ("localhost:9090", "is no address of Prometheus: write http://HOST:PORT"),
        ("http://me:s3cret@host:9090", r"http://…@host: credentials do not belong into the url"),
    ],
)
def test_a_bad_url_is_an_error_without_its_secrets(url: str, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        PrometheusStore(url)


def test_a_missing_certificate_file_is_an_error() -> None:
    with pytest.raises(StoreError, match=r"^/nowhere/ca\.pem: no certificates can be read: No such file"):
        PrometheusStore("https://host:9090", ca_file="/nowhere/ca.pem")


def test_tls_is_checked_against_the_ca_file(serve: Callable[..., Fake], tmp_path: Path) -> None:
    need(None if shutil.which("openssl") else "openssl is not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test"
    files = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    fake = serve(VECTOR, context=context)
    assert fake.store(ca_file=str(certificate)).instant(q.value(LEVEL), NOW).values == (1.5,)
    with pytest.raises(StoreError, match=r"TLS failed: .*certificate verify failed.*check ca_file"):
        fake.store().instant(q.value(LEVEL), NOW)


def test_a_real_prometheus_answers(prometheus_server: Callable[..., PrometheusServer]) -> None:
    server = prometheus_server(remote_write_receiver=True)
    now = float(int(time.time()))
    remote_write(server.url, [({"__name__": "ps_level", "disk": "a"}, [(now - 30, 1.0), (now, 2.0)])])
    store = PrometheusStore(server.url)
    assert store.instant(q.value(LEVEL), now).values == (2.0,)
    # More steps than Prometheus answers at once.
    answer = store.range(q.value(LEVEL), now - 12_000, now, 1)
    assert len(answer.times) == 12_001
    assert answer.values[0, answer.present[0]].tolist() == [1.0] * 30 + [2.0]
    assert store.series(LEVEL, now - 60, now) == ({"__name__": "ps_level", "disk": "a"},)
    with pytest.raises(StoreError, match="status 400: bad_data: "):
        store.instant(q.absolute(q.number(1, LEVEL.unit)), now)
