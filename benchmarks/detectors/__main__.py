"""Writes the detector tables into docs/benchmarks.md: `make bench-detectors`.

python -m benchmarks.detectors              all parts
python -m benchmarks.detectors --print      on standard output, the page as it was
"""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec

from benchmarks.page import PAGE, machine, replaced, run, today

INTRODUCTION = (
    "Written by `make bench-detectors` on {day}; {machine}. Seeds are fixed: scores are the same on every run, times "
    "are not. One set of parameters for all series, and every score is made of the past alone."
)
PARTS = (
    (
        "Detectors: Numenta Anomaly Benchmark, development half",
        "The best total over one threshold for all series, 100 being perfect and 0 no detection; `five-fold`: each "
        "series judged at the threshold that is best for the series of other folds, mean of 20 seeded ways to deal "
        "them. `raw`: every row has its score; `onset`: what goes on after it began is silenced, for all detectors by "
        "our rule. The peers are fitted to all rows so far, first at 100 rows and again whenever a quarter more have "
        "come; Netdata's rule makes its models every three hours. Where their documentation leaves a choice (rows that "
        "PyOD looks at; Netdata's window in samples or in hours) they have what serves them best here. The series are "
        "not part of the repository. Published for all 58 series (standard, low FP, low FN), by detectors that are "
        "told each series' range beforehand: ARTime 74.9, 65.1, 80.4; Numenta HTM 70.5, 62.6, 75.2; CAD OSE 69.9, "
        "67.0, 73.2.",
        ["benchmarks.detectors.scores"],
    ),
    (
        "Detectors: throughput",
        "One process. The ratios are of the same run, the detectors taking turns; a peer is asked for all rows between "
        "two fits at once and has its fits counted, as ours has.",
        ["benchmarks.detectors.speed"],
    ),
    (
        "Detectors: labelled synthetic suite",
        "Series and faults from a generator with fixed seeds. The band has one limit for all 870 series, by a budget "
        "of two alerts a week, learned while each of them has its fault; nobody tells the detectors here of "
        "holidays and launches.",
        ["benchmarks.synthetic"],
    ),
    (
        "Detectors: alert budget",
        "Healthy seasonal series under an alert budget, and faults put into them.",
        ["benchmarks.synthetic", "--budget"],
    ),
    ("Root cause", "Component level, the rank of the component that was made to fail.", ["benchmarks.rootcause"]),
)


def present(module: str) -> bool:
    """Whether the benchmark is there."""
    return find_spec(module) is not None


def tables() -> str:
    """All parts, each with the command that makes it."""
    lines = [INTRODUCTION.format(day=today(), machine=machine()), ""]
    for title, text, module in PARTS:
        if present(module[0]):
            lines += [f"## {title}", "", f"`python -m {' '.join(module)}`. {text}", "", run(module), ""]
    return "\n".join(lines)


def main() -> int:
    """Run every part in a process of its own and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--print", action="store_true", help="print the tables and leave the page as it is")
    options = parser.parse_args()
    part = tables()
    if options.print:
        print(part)
        return 0
    PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8"), part), encoding="utf-8")
    print(f"wrote {PAGE}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
