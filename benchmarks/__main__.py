"""Runs the benchmarks and writes docs/benchmarks.md: `make bench`."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
PARTS = (
    ("Commands", "Wall-clock time of fresh processes.", ["benchmarks.commands"], True),
    (
        "Collectors",
        "Scrapes over HTTP, asked as Prometheus 2.42 asks (OpenMetrics, gzip), the processes taking turns: over a kept "
        "connection, as Prometheus has it, and over a new one each. In brackets our time as a ratio to theirs; "
        "resident memory after all scrapes. That each scrape reads its target is proven first, by the target's own "
        "count. `of theirs` is the share of their series (without what they say of their own process) that we expose.",
        ["benchmarks.collectors"],
        False,
    ),
    (
        "Encoder",
        "The text of the same families by our encoder and by prometheus-client's, compared byte by byte first.",
        ["benchmarks.encoding"],
        False,
    ),
    ("Embedded store", "On disk, one process.", ["benchmarks.stores"], False),
    ("Detector", "Ticks of the seasonal detector over many series.", ["benchmarks.detectors", "--speed"], True),
)


def main() -> None:
    """Run every part in a process of its own and write the page."""
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    lines = [
        "# Benchmarks",
        "",
        f"Written by `make bench` on {datetime.now(UTC).date()}; {machine}. The machine is small and noisy: ratios "
        "within one run mean more than absolute figures.",
        "",
    ]
    for title, text, module, plain in PARTS:
        print(f"{title} …", file=sys.stderr)
        done = subprocess.run([sys.executable, "-m", *module], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{' '.join(module)} failed: {done.stderr.strip()}")
        table = done.stdout.rstrip()
        lines += [f"## {title}", "", f"`python -m {' '.join(module)}`. {text}", ""]
        lines += ["```text", table, "```", ""] if plain else [table, ""]
    PAGE.write_text("\n".join(lines), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(Path.cwd())}", file=sys.stderr)


if __name__ == "__main__":
    main()
