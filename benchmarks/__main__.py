"""Runs the benchmarks and writes docs/benchmarks.md, all but the part on detectors: `make bench`."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.page import PAGE, between, machine, run, today

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
)


def main() -> None:
    """Run every part in a process of its own and write the page."""
    lines = [
        "# Benchmarks",
        "",
        f"Written by `make bench` on {today()}; {machine()}. The machine is small and noisy: ratios "
        "within one run mean more than absolute figures.",
        "",
    ]
    for title, text, module, plain in PARTS:
        table = run(module)
        lines += [f"## {title}", "", f"`python -m {' '.join(module)}`. {text}", ""]
        lines += ["```text", table, "```", ""] if plain else [table, ""]
    lines += [between(PAGE.read_text(encoding="utf-8")), ""]
    PAGE.write_text("\n".join(lines), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(Path.cwd())}", file=sys.stderr)


if __name__ == "__main__":
    main()
