"""Spans that `watchkeeper up` has accepted: there after it was killed, and seen in its own signals and health."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers import free_port, wait_until
from tests.traces.support import TRACE, otlp
from watchkeeper.app.load import load_everything
from watchkeeper.app.loop import Loop
from watchkeeper.clock import now
from watchkeeper.settings import Settings, Target, TraceSettings

MAIN = "from watchkeeper.app.cli import main; main()"


@contextmanager
def up(directory: Path, address: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", MAIN, "up", "--listen", address]
    with subprocess.Popen(command, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: process.poll() is not None or ask(address, "/healthz")[0] == 200, seconds=90)
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def ask(address: str, path: str, body: bytes | None = None) -> tuple[int, str]:
    request = urllib.request.Request(f"http://{address}{path}", body, {"content-type": "application/x-protobuf"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(errors="replace")
    except OSError:
        return 0, ""


@pytest.fixture
def address() -> str:
    return f"127.0.0.1:{free_port()}"


@pytest.mark.long
def test_what_was_accepted_is_there_after_a_kill(tmp_path: Path, address: str) -> None:
    (tmp_path / "watchkeeper.yaml").write_text(
        f"listen: {address}\nscrape_interval: 1s\ntargets:\n  - {{name: this-host, system: host}}\n"
    )
    with up(tmp_path, address) as process:
        assert ask(address, "/v1/traces", otlp(3, at=now()))[0] == 200
        assert 'watchkeeper_trace_spans_total{outcome="accepted"} 3.0' in ask(address, "/metrics")[1]
        assert "traces: ok" in ask(address, "/readyz")[1]
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = subprocess.run(
        [sys.executable, "-c", MAIN, "trace", TRACE],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "step 1" in done.stdout


@pytest.mark.long
def test_the_next_one_shows_what_the_last_one_took(tmp_path: Path, address: str) -> None:
    (tmp_path / "watchkeeper.yaml").write_text("targets:\n  - {name: this-host, system: host}\n")
    with up(tmp_path, address) as process:
        assert ask(address, "/v1/traces", otlp(3, at=now()))[0] == 200
        process.send_signal(signal.SIGKILL)
        process.wait()
    with up(tmp_path, address):
        assert "step 1" in ask(address, f"/traces/{TRACE}")[1]


def test_traces_can_be_switched_off(tmp_path: Path, address: str) -> None:
    settings = Settings(
        data=str(tmp_path), targets=(Target(name="h", system="host"),), traces=TraceSettings(enabled=False)
    )
    loop = Loop(load_everything(settings), listen=address)
    try:
        loop.start()
        assert ask(address, "/v1/traces", otlp(1, at=now())) == (
            404,
            "traces are not kept here: set traces.enabled in the settings\n",
        )
        assert "traces" not in ask(address, "/readyz")[1]
        assert loop.exemplars is None, "they would lead nowhere"
    finally:
        loop.stop()
    assert not (tmp_path / "traces.sqlite").exists()
