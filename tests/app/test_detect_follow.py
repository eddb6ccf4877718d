"""`follow` beside a real Prometheus and a real Alertmanager: band, score and deviations are seen there, and silences
hold.
"""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.app.detect_stores import BASE, asked, used, write_store
from tests.app.test_loop import answers
from tests.servers import alertmanager, free_port, http, wait_until
from tests.servers.alertmanager import AlertmanagerServer
from tests.servers.prometheus import PrometheusServer
from tests.servers.stub import Reply, Stub, stub
from watchkeeper.app.detecting import follow
from watchkeeper.errors import ListenError

CODE = (
    "import sys; from watchkeeper.app.detecting import follow; "
    "sys.exit(follow(sys.argv[1], listen=sys.argv[2], detectors=sys.argv[3:]))"
)
MINUTES, WRONG = 180, 30


@contextmanager
def following(
    config: Path, address: str, detectors: Sequence[str] = ("redis.memory",)
) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", CODE, str(config), address, *detectors]
    with subprocess.Popen(
        command, cwd=config.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            wait_until(lambda: process.poll() is not None or answers(f"http://{address}/healthz"), seconds=60)
            yield process
        finally:
            if process.poll() is None:  # something failed: pytest shows what it said
                process.kill()
                print(*process.communicate(), sep="\n")


def history() -> tuple[str, float]:
    """Samples of the last hours as OpenMetrics text, `a` and `b` wrong at their end, and the time of the onset."""
    end = math.floor(time.time() / 60) * 60.0
    start = end - 60.0 * (MINUTES - 1)
    lines = ["# TYPE redis_memory_used_bytes gauge"]
    rows = used(MINUTES, WRONG)
    # Of two services: what goes wrong in one service at once is told as one.
    wrong = (("one", "a:6379", rows["a:6379"]), ("other", "b:6379", [2 * value for value in rows["a:6379"]]))
    for job, name, row in wrong:
        lines += [
            f'redis_memory_used_bytes{{job="{job}",instance="{name}"}} {value:.0f} {start + 60.0 * i:.0f}'
            for i, value in enumerate(row)
        ]
    return "\n".join([*lines, "# EOF", ""]), start + 60.0 * (MINUTES - WRONG)


def silence(server: AlertmanagerServer, instance: str) -> None:
    now = time.time()
    matcher = {"name": "instance", "value": instance, "isRegex": False, "isEqual": True}
    body = {
        "matchers": [matcher],
        "startsAt": datetime.fromtimestamp(now, UTC).isoformat(),
        "endsAt": datetime.fromtimestamp(now + 600, UTC).isoformat(),
        "createdBy": "a test",
        "comment": "being repaired",
    }
    headers = {"Content-Type": "application/json"}
    http.post(f"{server.url}/api/v2/silences", json.dumps(body).encode(), headers=headers)


def notified(hook: Stub) -> list[dict[str, Any]]:
    return [alert for request in hook.requests for alert in json.loads(request.body)["alerts"]]


def test_prometheus_and_alertmanager_see_what_is_detected(
    tmp_path: Path,
    prometheus_server: Callable[..., PrometheusServer],
    alertmanager_server: Callable[..., AlertmanagerServer],
    capsys: pytest.CaptureFixture[str],
) -> None:
    address = f"127.0.0.1:{free_port()}"
    text, onset = history()
    prometheus = prometheus_server(
        "global: {scrape_interval: 1s}\nscrape_configs:\n  - job_name: watchkeeper\n    static_configs:\n"
        f"      - targets: ['{address}']\n",
        backfill=[text],
    )
    with stub({"/hook": Reply()}) as hook:
        manager = alertmanager_server(alertmanager.webhook_config(f"{hook.url}/hook"))
        silence(manager, "b:6379")
        config = tmp_path / "watchkeeper.yaml"
        config.write_text(
            f"data: data\nstore: {{prometheus: {{url: '{prometheus.url}'}}}}\n"
            f"alertmanager: {{url: '{manager.url}'}}\nconsole_url: https://watch\ngrafana_url: https://grafana\n"
        )
        with following(config, address) as process:
            wait_until(lambda: len(manager.alerts()) == 2, seconds=30, what="two deviations in Alertmanager")
            told = {alert["labels"]["instance"]: alert for alert in manager.alerts()}

            # A silence is respected: the one is notified, and so is what comes later, the other is not.
            wait_until(lambda: notified(hook), seconds=30, what="a notification")
            manager.post_alerts([{"labels": {"alertname": "Later"}}])
            wait_until(lambda: "Later" in {a["labels"]["alertname"] for a in notified(hook)}, seconds=30)
            states = {alert["labels"].get("instance"): alert["status"] for alert in manager.alerts()}
            assert states["a:6379"]["state"] == "active"
            assert states["b:6379"]["state"] == "suppressed"
            assert len(states["b:6379"]["silencedBy"]) == 1
            assert {alert["labels"].get("instance") for alert in notified(hook)} == {"a:6379", None}

            # The links lead to runbook and panel.
            annotations = told["a:6379"]["annotations"]
            assert annotations["runbook_url"] == "https://watch/library/redis/memory-high"
            assert annotations["dashboard_url"].startswith("https://grafana/d/")
            assert told["a:6379"]["startsAt"].startswith(datetime.fromtimestamp(onset, UTC).strftime("%Y-%m-%dT%H:%M"))

            # Prometheus has expectation, band, score and state of both.
            mark = '{detector="redis.memory",exported_instance="a:6379"}'
            value = {
                name: float(prometheus.wait_for(f"watchkeeper_detector_{name}{mark}")[0]["value"][1])
                for name in ("expected", "lower", "upper", "score", "deviating")
            }
            assert value["lower"] < value["expected"] < value["upper"] < 2.4 * BASE
            assert value["score"] > 0.5
            assert value["deviating"] == 1.0
            assert len(prometheus.wait_for("watchkeeper_detector_deviating == 1")) == 2

            # Whoever asks the same Prometheus finds the same.
            code, found = asked(capsys, "explain", "redis.memory", "instance=b:6379", "--config", str(config))
            assert code == 1
            assert found["since"] == onset
            assert found["searched_seconds"] == 60.0 * (MINUTES - WRONG)
            assert found["seen_before"] is None

            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 0
            assert process.stdout is not None
            assert process.stderr is not None
            lines = process.stdout.read().splitlines()
            assert "Traceback" not in process.stderr.read()
    assert sorted(line.partition(" is ")[0] for line in lines) == [
        f"redis.memory firing: Memory used by Redis of {name}:6379" for name in "ab"
    ]
    assert (tmp_path / "data" / "detectors.state").exists()


def test_over_the_embedded_store_it_says_what_deviates_and_answers_404_elsewhere(tmp_path: Path) -> None:
    write_store(tmp_path, minutes=120, wrong=30)
    address = f"127.0.0.1:{free_port()}"
    with following(tmp_path / "watchkeeper.yaml", address) as process:
        wait_until(lambda: "watchkeeper_detector_upper{" in http.get_text(f"http://{address}/metrics"), seconds=30)
        with pytest.raises(OSError, match="404"):
            http.get_text(f"http://{address}/other")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
        assert process.stdout is not None
        assert "redis.memory firing: Memory used by Redis of a:6379 is 2." in process.stdout.read()


def test_an_address_that_is_taken_is_said_before_anything_is_read(tmp_path: Path) -> None:
    world = write_store(tmp_path, minutes=2, wrong=0)
    with stub({}) as other, pytest.raises(ListenError):
        follow(world.config, listen=other.url.removeprefix("http://"))
