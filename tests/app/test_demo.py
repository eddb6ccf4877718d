"""The whole loop: a fault in the running platform becomes an incident with its runbook, is answered, and resolves."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.servers import wait_until
from watchkeeper.app.demo import RUNBOOKS, open_demo

ROOT = Path(__file__).parents[2]
REPORTED = ("fault", "injected_at", "detected_at", "incident_id", "runbook", "steps", "resolved_at", "pace")


def drill(fault: str, directory: Path, seed: int) -> dict[str, Any]:
    file = directory / "report.json"
    done = subprocess.run(
        [
            sys.executable, "-c", "from watchkeeper.app.cli import main; main()", "demo", "--headless",
            "--inject", fault, "--report", str(file), "--seed", str(seed), "--listen", "127.0.0.1:0",
        ],
        capture_output=True, text=True, cwd=ROOT, check=False, timeout=420,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(file.read_text())
    return report


def assert_handled(report: dict[str, Any], fault: str) -> None:
    assert set(REPORTED) <= set(report)
    assert report["runbook"] == RUNBOOKS[fault]
    assert 0 <= report["detected_at"] - report["injected_at"] <= 60
    assert report["resolved_at"] - report["injected_at"] <= 300
    assert any(step["status"] == "succeeded" for step in report["steps"])


def test_a_fault_is_handled_from_signal_to_resolution(tmp_path: Path) -> None:
    assert_handled(drill("error-burst", tmp_path, seed=11), "error-burst")


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("fault", sorted(RUNBOOKS))
def test_every_fault_is_handled(tmp_path: Path, fault: str, seed: int) -> None:
    assert_handled(drill(fault, tmp_path, seed), fault)


@pytest.mark.long
@pytest.mark.parametrize("fault", ["none", "load-surge"])
def test_what_is_harmless_opens_no_incident(tmp_path: Path, fault: str) -> None:
    assert drill(fault, tmp_path, seed=1)["incident_id"] is None


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return str(answer.read().decode())


@pytest.mark.long
@pytest.mark.parametrize("fault,plotted", [("tool-latency", True), ("error-burst", False)])
def test_an_incident_leads_to_a_trace_of_what_it_measured(tmp_path: Path, fault: str, plotted: bool) -> None:
    with open_demo(tmp_path, listen="127.0.0.1:0", seed=11) as demo:
        demo.faults.inject(fault)
        url = demo.loop.url
        wait_until(lambda: json.loads(get(f"{url}/api/incidents"))["incidents"], seconds=120)
        incident = json.loads(get(f"{url}/api/incidents"))["incidents"][0]["id"]
        listed = re.compile(r'aria-label="Behind the numbers">(.*?)</ul>', re.DOTALL)
        (observed,) = wait_until(lambda: listed.findall(get(f"{url}/incidents/{incident}")), seconds=60)
        for trace in re.findall(r"/traces/([0-9a-f]{32})", observed):
            assert "POST /tasks" in get(f"{url}/traces/{trace}")
        assert ('<a class="exemplar"' in get(f"{url}/incidents/{incident}")) is plotted
        edge = 'traces_service_graph_request_total{client="worker",server="tools"}'
        wait_until(lambda: edge in get(f"{url}/metrics"), seconds=60)
