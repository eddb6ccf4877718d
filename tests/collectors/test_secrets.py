"""No secret in any log, error or answer, however a target, a client or the settings fail."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from collectors.description import redact
from examples.servers.postgresql import PostgreSQLServer
from examples.servers.redis import RedisServer
from tests.collectors.helpers import target
from tests.servers import free_port, wait_until
from watchkeeper.errors import SettingsError
from watchkeeper.settings import parse

MARK = "hunter2"
"""What is part of each secret here, and of nothing else."""


@contextmanager
def _echo() -> Iterator[str]:
    """A server that shows in its answers what it was sent."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            sent = self.headers.get("Authorization", "nothing")
            decoded = sent.partition(" ")[2]
            if sent.startswith("Basic"):
                decoded = base64.b64decode(decoded).decode()
            self.send_response(403 if "denied" in self.path else 200, f"not {sent} {decoded}")
            self.end_headers()
            self.wfile.write(f"{sent} {decoded}".encode())

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def _targets(redis: str, database: str, echo: str, secret: Path) -> str:
    password = f"password: {{file: '{secret}'}}"
    closed = free_port()
    rows = [
        f"system: redis, url: '{redis}', user: me, {password}",
        f"system: redis, url: 'redis://:{MARK}-url@127.0.0.1:{closed}'",
        f"system: redis, url: 'redis://:{MARK}-url@nowhere.invalid:1'",
        f"system: postgresql, url: 'postgresql://me:{MARK}%40url@{database}/x'",
        f"system: postgresql, url: 'postgresql://me@{database}/x?password={MARK}-query'",
        f"system: postgresql, url: 'postgresql://me@{database}/x?sslmode=verify-full', {password}",
        f"system: postgresql, url: 'postgresql://me@{database}/x?bogus=1', {password}",
        f"system: shop, url: 'http://me:{MARK}-url@{echo}/denied'",
        f"system: shop, url: 'http://{echo}/metrics', user: me, {password}",
        f"system: shop, url: 'http://{echo}/metrics', {password}",
        f"system: elasticsearch, url: 'http://me:{MARK}-url@{echo}'",
        f"system: rabbitmq, url: 'http://{echo}', user: me, {password}",
        f"system: falkordb, url: 'falkordb://me:{MARK}-url@{redis.rpartition('/')[2]}'",
        f"system: mongodb, url: 'mongodb://me:{MARK}-url@127.0.0.1:{closed}/?bogus=1'",
        f"system: mongodb, url: 'mongodb://me:{MARK}-url@{redis.rpartition('/')[2]}', timeout: 1s",
        f"system: pinecone, url: 'http://{echo}/denied', {password}",
    ]
    return "targets:\n" + "".join(
        f"  - {{name: t{number}, labels: {{instance: t{number}}}, {row}}}\n" for number, row in enumerate(rows)
    )


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_secret_is_told_whatever_fails(
    redis_server: RedisServer, postgresql_server: PostgreSQLServer, tmp_path: Path, form: str
) -> None:
    secret, token, log = tmp_path / "secret", tmp_path / "token", tmp_path / "log"
    secret.write_text(f"{MARK}-of-file\n")
    token.write_text(f"{MARK}-of-listener\n")
    settings = tmp_path / "watchkeeper.yaml"
    with _echo() as echo:
        database = f"{postgresql_server.host}:{postgresql_server.port}"
        good = _targets(redis_server.url, database, echo, secret) + (
            f"data: '{tmp_path}'\n"
            f"log: {{format: {form}, level: debug}}\n"
            f"access: {{bearer: {{file: '{token}'}}}}\n"
            f"push:\n  interval: 1s\n"
            f"  otlp: {{url: 'http://{echo}/denied', headers: {{api-key: {{file: '{secret}'}}}}, "
            f"bearer: {{file: '{secret}'}}}}\n"
            f"  remote_write: {{url: 'http://me:{MARK}-url@{echo}/denied'}}\n"
        )
        settings.write_text(good)
        port = free_port()
        program = "from watchkeeper.app.cli import main; main()"
        command = [sys.executable, "-c", program, "collect", "-c", str(settings), "--listen", f"127.0.0.1:{port}"]
        with log.open("wb") as stream, subprocess.Popen(command, stderr=stream, stdout=stream) as process:
            try:
                wait_until(lambda: _get(port, "/readyz")[0] == 200, seconds=30)
                for given in (f"Bearer {MARK}-wrong", f"Basic {MARK}", "nonsense"):
                    assert _get(port, "/metrics", given)[0] == 401
                texts = []
                for _ in range(4):  # the breaker is part of it
                    texts += [_get(port, path, f"Bearer {MARK}-of-listener")[1] for path in ("/metrics", "/")]
                for bad in (
                    f"targets: [{{name: a, system: redis, password: {MARK}-inline}}]",
                    f"targets: [{{name: a, system: redis, url: 'redis://me:{MARK}/slash@h:1'}}]",
                    f"targets: [{{name: a, system: redis, url: 'ftp://me:{MARK}@h:1'}}]",
                    f"targets: [{{name: a, system: redis, url: 'redis://me:{MARK}@h:1', x: [}}]",
                    f"access: {{bearer: {MARK}}}\ntargets: [{{name: a, system: host}}]",
                    f"push: {{otlp: {{url: 'http://me:{MARK}@[', headers: {{k: {MARK}}}}}}}",
                    f"push: {{otlp: {{url: 'http://h', headers: {{k: {MARK}}}}}}}",
                ):
                    refused = log.read_bytes().count(b"old ones stay in force")
                    settings.write_text(bad)
                    process.send_signal(signal.SIGHUP)
                    wait_until(lambda n=refused: log.read_bytes().count(b"old ones stay in force") > n, seconds=10)  # type: ignore[misc]
                wait_until(lambda: b"otlp: " in log.read_bytes() and b"remote_write: " in log.read_bytes(), seconds=10)
                process.send_signal(signal.SIGTERM)
                assert process.wait(20) == 0
            finally:
                process.kill()
    told = log.read_text()
    assert "target t0 is down" in told and "t15" in "".join(texts)
    if form == "json":
        assert all(json.loads(line) for line in told.splitlines())
    for text in (told, *texts):
        for encoded in (MARK, base64.b64encode(f"me:{MARK}".encode()).decode()[:12]):
            assert encoded not in text, [line for line in text.splitlines() if encoded in line]


def _get(port: int, path: str, authorization: str = "") -> tuple[int, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": authorization})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""


@pytest.mark.parametrize(
    "text",
    [
        "targets: [{name: a, system: redis, password: hunter2}]",
        "targets: [{name: a, system: redis, url: 'redis://me:hunter2/x@h:1'}]",
        "targets: [{name: a, system: redis, url: 'redis://me:hunter2@h:port'}]",
        "access: {user: me, password: hunter2}",
        "push: {otlp: {url: 'http://h', headers: {k: hunter2}}}",
        "push: {remote_write: {url: 'ftp://me:hunter2@h'}}",
    ],
)
def test_settings_that_are_wrong_do_not_show_a_secret_that_stands_in_them(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^watchkeeper\.yaml:1: ") as caught:
        parse(text)
    assert MARK not in str(caught.value)


def test_a_secret_with_a_line_end_is_left_out_as_an_exception_quotes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    one = target("a", "shop", "http://me:a%0Ab@h/")
    assert redact(f"Invalid header value {b'Bearer a' + bytes([10]) + b'b'!r}", one) == (
        "Invalid header value b'Bearer ***'"
    )


def test_the_words_of_a_server_steer_no_terminal() -> None:
    assert redact("bad\n\x1b[2Jline\x07", target("a", "shop", "http://h/")) == "bad ?[2Jline?"
