"""Start-up and run times of the commands, as a person at a terminal has them.

python -m benchmarks.commands [--runs N]     median and worst wall-clock time of N fresh processes each
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

__all__ = ["COMMANDS", "main", "measure"]

# `{out}` becomes a directory of its own for each run, which holds SETTINGS alone.
SETTINGS = "targets:\n  - {name: this-host, system: host}\n"
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("--help",),
    ("collect", "--help"),
    ("collect", "--once", "--config", "{out}/watchkeeper.yaml"),
    ("check",),
    ("build", "--out", "{out}"),
)


def measure(command: Sequence[str], runs: int) -> list[float]:
    """Wall-clock seconds of `runs` fresh processes of a program, after a warm-up; `RuntimeError` if one fails."""
    seconds = []
    for run in range(runs + 1):
        with tempfile.TemporaryDirectory() as out:
            (Path(out) / "watchkeeper.yaml").write_text(SETTINGS)
            words = [word.format(out=out) for word in command]
            started = time.perf_counter()
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            elapsed = time.perf_counter() - started
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}: {done.stderr.strip()}")
        if run:
            seconds.append(elapsed)
    return seconds


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure every command and print a table; 1 when one fails."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.commands", description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args(arguments).runs
    print(f"{'command':<58} {'median':>10} {'worst':>10}   ({runs} runs)")
    program = str(Path(sys.executable).with_name("watchkeeper"))
    # The interpreter itself, for comparison: the rest is ours.
    for command in ((sys.executable, "-c", "pass"), *((program, *words) for words in COMMANDS)):
        try:
            seconds = measure(command, runs)
        except RuntimeError as error:
            print(error, file=sys.stderr)
            return 1
        shown = " ".join([Path(command[0]).name, *(word.format(out="DIR") for word in command[1:])])
        print(f"{shown:<58} {statistics.median(seconds) * 1000:>7.0f} ms {max(seconds) * 1000:>7.0f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
