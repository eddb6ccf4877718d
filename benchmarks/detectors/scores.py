"""The score of the detector and its peers on the development half of NAB, as a Markdown table.

    python -m benchmarks.detectors.scores                    all of them
    python -m benchmarks.detectors.scores --ours --verbose   ours alone, and what it found of each series

One set of parameters for all series, strictly causal, no range of the file known beforehand. Each detector is shown as
it is (`raw`), and with what goes on silenced by the rule that ours has for it (`onset`).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from benchmarks.detectors.nab import PROFILES, AbsentError, File, best, cross_validated, events, hits, read_corpus
from benchmarks.detectors.ours import Floats, onsets, ours, scaled
from benchmarks.detectors.peers import PEERS

OURS = "**Watchkeeper**"


def runs(names: Iterable[str], files: Sequence[File]) -> Iterator[tuple[str, str, list[Floats], float]]:
    """Name, form, the scores of each series, and seconds a thousand rows, of each detector in both forms."""
    rows = sum(len(file.values) for file in files) / 1_000.0
    for name in names:
        started = time.perf_counter()
        if name == OURS:
            both = [ours(file.times, file.values) for file in files]
        else:
            raw = [PEERS[name](file.times, file.values) for file in files]
            both = [(one, onsets(file.times, one)) for one, file in zip(raw, files, strict=True)]
        seconds = (time.perf_counter() - started) / rows
        yield name, "raw", [scaled(one) for one, _ in both], seconds
        yield name, "onset", [scaled(one) for _, one in both], seconds


def table(names: Iterable[str], files: Sequence[File], *, verbose: bool = False) -> None:
    """Print one row for each detector and form."""
    heads = ["standard", "low FP", "low FN", *(f"{short}, five-fold" for short in ("standard", "low FP", "low FN"))]
    print("| detector | form | " + " | ".join(heads) + " | s/1000 rows |\n|---|---|" + "---:|" * (len(heads) + 1))
    for name, form, scores, seconds in runs(names, files):
        judged = [events(one, file.windows) for one, file in zip(scores, files, strict=True)]
        cells = [best(judged, profile)[0] for profile in PROFILES]
        cells += [cross_validated(judged, profile) for profile in PROFILES]
        print(f"| {name} | {form} | " + " | ".join(f"{cell:.1f}" for cell in cells) + f" | {seconds:.2f} |", flush=True)
        if verbose:
            threshold = best(judged, "standard")[1]
            print(f"threshold {threshold:.4f}", file=sys.stderr)
            for file, one in zip(files, scores, strict=True):
                found, false = hits(one, file.windows, threshold)
                print(f"  {file.name:58} {found}/{len(file.windows)} windows, {false} false", file=sys.stderr)


def main() -> int:
    """Read the options and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", action="store_true", help="Watchkeeper alone")
    parser.add_argument("--verbose", action="store_true", help="what was found of each series, on standard error")
    options = parser.parse_args()
    try:
        files = read_corpus()
    except AbsentError as absent:
        print(absent)
        return 0
    windows, rows = sum(len(file.windows) for file in files), sum(len(file.values) for file in files)
    print(f"{len(files)} series, {windows} windows, {rows} rows.\n")
    with np.errstate(all="ignore"):
        table([OURS] if options.ours else [OURS, *PEERS], files, verbose=options.verbose)
    return 0


if __name__ == "__main__":
    sys.exit(main())
