"""The whole loop: a fault in the running platform becomes an incident with its runbook, is answered, and resolves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from watchkeeper.app.demo import RUNBOOKS

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
