"""The page docs/benchmarks.md, which two commands write: each its own part of it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["BEGIN", "END", "PAGE", "between", "machine", "replaced", "run", "today"]

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
BEGIN = "<!-- detectors: written by make bench-detectors -->"
END = "<!-- end of detectors -->"


def machine() -> str:
    """What the figures were measured on."""
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()} {platform.machine()}"


def today() -> str:
    """The date of the run."""
    return str(datetime.now(UTC).date())


def run(module: Sequence[str]) -> str:
    """What `python -m` prints of a benchmark, in a process of its own; ends this one if that fails."""
    print(f"python -m {' '.join(module)} …", file=sys.stderr)
    done = subprocess.run([sys.executable, "-m", *module], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(module)} failed: {done.stderr.strip()}")
    return done.stdout.strip()


def between(page: str) -> str:
    """The part on detectors, with its markers; both markers alone where the page has none."""
    if BEGIN not in page or END not in page:
        return f"{BEGIN}\n{END}"
    return page[page.index(BEGIN) : page.index(END) + len(END)]


def replaced(page: str, part: str) -> str:
    """The page with another part on detectors, at its end where it had none."""
    fresh = f"{BEGIN}\n{part.strip()}\n\n{END}"
    if BEGIN not in page or END not in page:
        return f"{page.rstrip()}\n\n{fresh}\n"
    return page.replace(between(page), fresh)
