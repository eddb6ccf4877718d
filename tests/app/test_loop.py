"""`watchkeeper up` as a person runs it: a process with real targets, its console, its health, and a clean end."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from examples.servers.redis import RedisServer
from tests.servers import free_port, wait_until

MAIN = "from watchkeeper.app.cli import main; main()"


@contextmanager
def running(*arguments: str, cwd: Path, address: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", MAIN, *arguments, "--listen", address]
    with subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_until(lambda: process.poll() is not None or answers(f"http://{address}/healthz"), seconds=90)
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def answers(url: str) -> bool:
    try:
        get(url)
    except OSError:
        return False
    return True


@pytest.fixture
def address() -> str:
    return f"127.0.0.1:{free_port()}"


def settings(directory: Path, redis: RedisServer) -> None:
    (directory / "watchkeeper.yaml").write_text(
        "scrape_interval: 1s\nevaluation_interval: 1s\ntargets:\n"
        f"  - {{name: cache, system: redis, url: '{redis.url}'}}\n"
        "  - {name: this-host, system: host}\n"
    )


def test_up_watches_a_real_redis_and_ends_cleanly(tmp_path: Path, address: str, redis_server: RedisServer) -> None:
    settings(tmp_path, redis_server)
    with running("up", cwd=tmp_path, address=address) as process:
        wait_until(
            lambda: "All is well" in get(f"http://{address}/") or "cache" in get(f"http://{address}/"), seconds=30
        )
        wait_until(lambda: "cache" in get(f"http://{address}/targets"), seconds=90)
        wait_until(lambda: get(f"http://{address}/targets").count("Answers") == 2, seconds=30)
        took = re.findall(r'<td class="n">(.*?)</td>', get(f"http://{address}/targets"))
        assert len(took) == 2 and all(took)
        assert "watchkeeper_" in get(f"http://{address}/metrics")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    assert (tmp_path / "watchkeeper-data" / "journal.sqlite").exists()


def test_a_webhook_becomes_an_incident_with_answered_steps(
    tmp_path: Path, address: str, redis_server: RedisServer
) -> None:
    settings(tmp_path, redis_server)
    alert = {
        "status": "firing",
        "labels": {"alertname": "RedisMemoryHigh", "severity": "warning", "instance": "cache", "system": "redis"},
        "annotations": {"runbook": "redis/memory-high", "summary": "Redis is nearly full"},
        "startsAt": "2026-01-01T00:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": "0123456789abcdef",
    }
    body = {"version": "4", "status": "firing", "receiver": "watchkeeper", "groupKey": "{}", "alerts": [alert]}
    with running("up", cwd=tmp_path, address=address):
        request = urllib.request.Request(
            f"http://{address}/webhooks/alertmanager",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status in {200, 202}
        incident = incidents(address)[0]
        assert incident["runbook"] == "redis/memory-high"
        wait_until(lambda: answered(address, incident["id"]), seconds=60)


def incidents(address: str) -> list[dict[str, Any]]:
    found = json.loads(get(f"http://{address}/api/incidents"))
    return list(found["incidents"] if isinstance(found, dict) else found)


def answered(address: str, incident: str) -> bool:
    """Whether the first read step of the incident's run has been answered."""
    steps = json.loads(get(f"http://{address}/api/incidents/{incident}"))["runs"][0]["steps"]
    return any(step["risk"] == "read" and step["status"] == "succeeded" for step in steps)


def test_what_was_taken_is_there_after_a_kill(tmp_path: Path, redis_server: RedisServer) -> None:
    settings(tmp_path, redis_server)
    body = {
        "version": "4",
        "alerts": [
            {
                "status": "firing",
                "labels": {"alertname": "RedisDown", "severity": "critical", "instance": "cache"},
                "annotations": {"runbook": "redis/down"},
                "startsAt": "2026-01-01T00:00:00Z",
                "fingerprint": "00000000000000aa",
            }
        ],
    }
    first, second = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    with running("up", cwd=tmp_path, address=first) as process:
        request = urllib.request.Request(f"http://{first}/webhooks/alertmanager", data=json.dumps(body).encode())
        urllib.request.urlopen(request, timeout=10).close()
        process.kill()
        process.wait(timeout=10)
    with running("up", cwd=tmp_path, address=second):
        assert "redis/down" in get(f"http://{second}/api/incidents")
