"""Sick targets, against the real collectors behind the real listener."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from collectors.families import Family
from collectors.runtime import Sidecar
from collectors.server import Server, serve
from examples.servers.redis import RedisServer
from tests.collectors.helpers import Application, application, parsed, silent_port, target
from tests.servers import free_port, http, wait_until
from tests.servers.tls import Authority, Page
from tests.servers.tls import serve as serve_pages
from watchkeeper.settings import Seconds, Secret, Target


@contextlib.contextmanager
def _listening(*targets: Target) -> Iterator[Server]:
    sidecar = Sidecar(targets)
    server = serve(sidecar, port=0)
    try:
        yield server
    finally:
        server.shutdown()
        sidecar.close()


@contextlib.contextmanager
def _tcp(serve_one: Callable[[socket.socket], None]) -> Iterator[int]:
    """A TCP server that does as a test says with each connection."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:

        def run() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, contextlib.suppress(OSError):
                    serve_one(connection)

        threading.Thread(target=run, daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def _closes_in_mid_reply(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nrequests_total 1\n")


def _talks_nonsense(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(bytes(range(256)) * 40)


def _never_ends(connection: socket.socket) -> None:
    """One hundred megabytes, and more if somebody takes them."""
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
    for _ in range(200):
        connection.sendall(b"requests_total 1\n" * 32_000)


def _never_ends_bulk(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"$104857600\r\n")
    for _ in range(200):
        connection.sendall(b"x" * 524_288)


# Bytes that are no answer, a target for each protocol that we speak ourselves, and what must be in the error.
_URLS = {
    "shop": "http://127.0.0.1:{}/metrics",
    "redis": "redis://127.0.0.1:{}",
    "postgresql": "postgresql://u@127.0.0.1:{}/d",
}


@pytest.mark.parametrize("system", list(_URLS))
@pytest.mark.parametrize("manner", [_closes_in_mid_reply, _talks_nonsense, _never_ends, _never_ends_bulk])
def test_a_target_that_misbehaves_is_down_and_the_others_are_not(
    system: str, manner: Callable[[socket.socket], None]
) -> None:
    with _tcp(manner) as port, application() as app:
        sick = target("sick", system, _URLS[system].format(port), timeout=Seconds(3), labels={"instance": "sick"})
        with _listening(sick, target("well", "shop", app.url)) as server:
            families = parsed(http.get_text(f"http://127.0.0.1:{server.port}/metrics"))
            assert _up(families) == {"sick": 0.0, "well": 1.0}
            error = server.sidecar.errors()["sick"]
    assert error and "\n" not in error and len(error) < 500


def _up(families: dict[str, Family]) -> dict[str, float]:
    return {dict(pairs)["target"]: value for _, pairs, value in families["watchkeeper_target_up"].points}


@pytest.mark.parametrize(
    "system, url, said",
    [
        ("shop", "http://127.0.0.1:1/metrics", "refused"),
        ("redis", "redis://127.0.0.1:1", "refused"),
        ("postgresql", "postgresql://u@127.0.0.1:1/d", "refused"),
        ("shop", "http://no-such-host.invalid/metrics", "no-such-host.invalid"),
        ("redis", "redis://no-such-host.invalid", "no-such-host.invalid"),
        ("postgresql", "postgresql://u@no-such-host.invalid/d", "no-such-host.invalid"),
    ],
)
def test_an_error_says_what_and_where(system: str, url: str, said: str) -> None:
    sidecar = Sidecar([target("sick", system, url)])
    error = sidecar.read("sick").error
    sidecar.close()
    assert error is not None and said in error and "\n" not in error


def test_a_rejected_password_is_told_without_it(redis_factory: Callable[..., RedisServer], tmp_path: Path) -> None:
    server = redis_factory(password="right-one")
    secret = tmp_path / "secret"
    secret.write_text("wrong-one\n")
    url = f"redis://127.0.0.1:{server.port}"
    sidecar = Sidecar([target("cache", "redis", url, password=Secret(file=str(secret)))])
    error = sidecar.read("cache").error
    assert error is not None and "refused the user or the password" in error and "wrong-one" not in error
    secret.write_text("right-one\n")
    assert sidecar.read("cache").up
    sidecar.close()


def test_an_expired_certificate_is_told(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate = authority.issue("DNS:localhost", days=-1)
    with serve_pages({"/metrics": Page(b"requests_total 1\n")}, certificate) as site:
        shop = target("shop", "shop", site.url("/metrics"), options={"ca_file": str(authority.file)})
        sidecar = Sidecar([shop])
        error = sidecar.read("shop").error
        sidecar.close()
    assert error is not None and "expired" in error


def test_fifty_targets_with_one_that_hangs_are_answered_in_time() -> None:
    with silent_port() as port, application() as app:
        sick = target("sick", "redis", f"redis://127.0.0.1:{port}", timeout=Seconds(60))
        well = [target(f"w{n}", "shop", app.url, labels={"instance": f"w{n}"}) for n in range(49)]
        with _listening(sick, *well) as server:
            url = f"http://127.0.0.1:{server.port}/metrics"
            request = urllib.request.Request(url, headers={"X-Prometheus-Scrape-Timeout-Seconds": "4"})
            begun = time.monotonic()
            with urllib.request.urlopen(request, timeout=10) as answer:
                up = _up(parsed(answer.read()))
            assert time.monotonic() - begun < 4
    assert up.pop("sick") == 0.0
    assert len(up) == 49 and set(up.values()) == {1.0}


def test_twenty_scrapes_at_once_are_one_read() -> None:
    with application() as app, _listening(target("app", "shop", app.url)) as server:
        app.gate.clear()
        url, answers = f"http://127.0.0.1:{server.port}/metrics", []
        threads = [threading.Thread(target=lambda: answers.append(http.get_text(url))) for _ in range(20)]
        for thread in threads:
            thread.start()
        wait_until(lambda: server._scrapes == 20)
        app.gate.set()
        for thread in threads:
            thread.join()
        assert app.requests == 1
        assert len(answers) == 20 and all("requests_total 1.0" in answer for answer in answers)


def test_scrapes_beyond_the_limit_are_refused_and_health_is_not() -> None:
    with application() as app, _listening(target("app", "shop", app.url)) as server:
        app.gate.clear()
        url = f"http://127.0.0.1:{server.port}"
        threads = [threading.Thread(target=http.get_text, args=(f"{url}/metrics",)) for _ in range(32)]
        for thread in threads:
            thread.start()
        wait_until(lambda: server._scrapes == 32)
        with pytest.raises(OSError, match="503"):
            http.get_text(f"{url}/metrics")
        assert http.get_text(f"{url}/healthz") == "ok\n"
        app.gate.set()
        for thread in threads:
            thread.join()
        assert parsed(http.get_text(f"{url}/metrics"))["watchkeeper_listener_scrapes_rejected_total"].points[0][2] == 1


def test_a_clock_that_jumps_back_changes_no_deadline() -> None:
    moments = iter([2e9, 1e9, *[1e9 + n for n in range(20)]])
    with application() as app:
        sidecar = Sidecar([target("app", "shop", app.url)], clock=lambda: next(moments))
        readings = [sidecar.read("app") for _ in range(3)]
        assert all(reading.up and 0 <= reading.seconds < 5 for reading in readings)
        assert sidecar.lane("app").succeeded == 1e9
        sidecar.close()


class _Dripping:
    """A session whose read ends when it is aborted, and not before."""

    inline = True

    def __init__(self) -> None:
        self.aborted = threading.Event()
        self.hang = False

    def read(self, deadline: float) -> Sequence[Family]:
        if self.hang and self.aborted.wait(30):
            raise OSError("aborted")
        return []

    def abort(self) -> None:
        self.aborted.set()

    def close(self) -> None:
        pass


def test_a_read_in_the_thread_of_a_scrape_is_aborted_at_its_deadline() -> None:
    session = _Dripping()
    sidecar = Sidecar([target("this-host", "host")])
    sidecar.lane("this-host")._session = session
    session.hang = True
    begun = time.monotonic()
    text = sidecar.scrape(timeout=0.3).decode()
    assert time.monotonic() - begun < 3
    assert session.aborted.is_set()
    assert 'watchkeeper_target_up{target="this-host",target_system="host"} 0.0' in text
    assert "no answer within" in sidecar.errors()["this-host"]
    assert sidecar.lane("this-host").failures == 1
    sidecar.close()


# The process as a whole


@contextlib.contextmanager
def _process(directory: Path, settings: str) -> Iterator[tuple[subprocess.Popen[bytes], str, Path]]:
    path, log, port = directory / "watchkeeper.yaml", directory / "log", free_port()
    path.write_text(settings)
    program = "from watchkeeper.app.cli import main; main()"
    command = [sys.executable, "-c", program, "collect", "--config", str(path), "--listen", f"127.0.0.1:{port}"]
    with log.open("wb") as stream, subprocess.Popen(command, stderr=stream) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            wait_until(lambda: _answers(f"{url}/readyz"), seconds=30)
            yield process, url, log
        finally:
            process.kill()


def _answers(url: str) -> bool:
    try:
        return http.answers(url)
    except OSError:
        return False


@pytest.fixture
def app() -> Iterator[Application]:
    with application() as running:
        yield running


def _settings(app: Application, more: str = "") -> str:
    return f"targets:\n  - {{name: app, system: shop, url: '{app.url}', timeout: 10s}}\n{more}"


def test_sigterm_in_mid_scrape_lets_it_end(app: Application, tmp_path: Path) -> None:
    with _process(tmp_path, _settings(app)) as (process, url, _):
        app.gate.clear()
        answers: list[str] = []
        scrape = threading.Thread(target=lambda: answers.append(http.get_text(f"{url}/metrics")))
        scrape.start()
        wait_until(lambda: app.requests == 1)
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: not _answers(f"{url}/readyz"))
        app.gate.set()
        scrape.join()
        assert process.wait(10) == 0
    assert "requests_total 1.0" in answers[0]


def test_sigterm_gives_up_a_read_that_hangs_and_answers_its_scrape(app: Application, tmp_path: Path) -> None:
    with _process(tmp_path, _settings(app).replace("10s", "60s")) as (process, url, _):
        app.gate.clear()
        answers: list[str] = []
        scrape = threading.Thread(target=lambda: answers.append(http.get_text(f"{url}/metrics")))
        scrape.start()
        wait_until(lambda: app.requests == 1)
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert time.monotonic() - begun < 8
        scrape.join()
    assert 'watchkeeper_target_up{target="app",target_system="shop"} 0.0' in answers[0]


def test_sighup_takes_new_targets_and_access_without_a_gap(app: Application, tmp_path: Path) -> None:
    with _process(tmp_path, _settings(app, "log: {format: json}\n")) as (process, url, log):
        reads = 'watchkeeper_target_reads_total{target="app",target_system="shop"}'
        assert f"{reads} 1.0" in http.get_text(f"{url}/metrics")
        token = tmp_path / "token"
        token.write_text("open sesame\n")
        added = (
            f"  - {{name: this-host, system: host}}\naccess: {{bearer: {{file: '{token}'}}}}\nlog: {{format: json}}\n"
        )
        (tmp_path / "watchkeeper.yaml").write_text(_settings(app, added))
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: not _answers(f"{url}/metrics"), seconds=10)
        request = urllib.request.Request(f"{url}/metrics", headers={"Authorization": "Bearer open sesame"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read().decode()
        assert "node_load1" in text and "watchkeeper_config_last_reload_successful 1.0" in text
        value = float(next(line for line in text.splitlines() if line.startswith(reads)).split()[-1])
        assert value > 1  # the lane is the one that was there
        (tmp_path / "watchkeeper.yaml").write_text("targets: [")
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: "old ones stay in force" in log.read_text(), seconds=10)
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert "watchkeeper_config_last_reload_successful 0.0" in answer.read().decode()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert log.read_text().count("old ones stay in force") == 1


@pytest.mark.long
def test_ten_thousand_scrapes_leak_nothing(redis_server: RedisServer, app: Application) -> None:
    """Good reads, reads that fail, and reads that hang; over kept and over new connections."""
    with silent_port() as port:
        sick = target("sick", "redis", f"redis://127.0.0.1:{port}", timeout=Seconds(0.05), labels={"instance": "sick"})
        targets = (target("cache", "redis", redis_server.url), target("app", "shop", app.url), sick)
        with _listening(*targets) as server, socket.create_connection(("127.0.0.1", server.port), timeout=30) as kept:
            sizes = []
            for number in range(10_000):
                if number % 10:
                    kept.sendall(b"GET /metrics HTTP/1.1\r\nAccept-Encoding: gzip\r\n\r\n")
                    _whole(kept)
                else:
                    http.get_text(f"http://127.0.0.1:{server.port}/probe?target=cache")
                if number in {1_000, 9_999}:
                    gc.collect()
                    sizes.append(_sizes())
    (memory, descriptors, threads), (memory_after, descriptors_after, threads_after) = sizes
    assert memory_after - memory < 3_000_000
    assert descriptors_after <= descriptors + 3
    assert threads_after <= threads + 1


def _sizes() -> tuple[int, int, int]:
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return resident, len(os.listdir("/proc/self/fd")), threading.active_count()  # noqa: PTH208


def _whole(sock: socket.socket) -> None:
    data = b""
    while b"\r\n\r\n" not in data:
        data += sock.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    missing = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0]) - len(body)
    while missing > 0:
        missing -= len(sock.recv(65536))
