"""The examples of docs/instrumentation.md run as they stand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = re.findall(
    r"^```python\n(.*?)^```", (ROOT / "docs" / "instrumentation.md").read_text(), re.DOTALL | re.MULTILINE
)


def test_there_is_an_example_of_every_part() -> None:
    text = "".join(BLOCKS)
    for part in ("llm_call", "queue=", "RedProcessor", "instrument_fastapi", "bulkhead", "web_vitals"):
        assert part in text


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_an_example_runs(number: int, tmp_path: Path) -> None:
    block = re.sub(r"expose\(\d+\)", "expose(0)", BLOCKS[number])  # its port may be taken
    command = [sys.executable, "-W", "error::SyntaxWarning", "-c", block]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
