"""The synthetic suite with the detector of the engine, as a Markdown table.

    python -m benchmarks.synthetic                 recall, delay and false alarms for each kind of fault
    python -m benchmarks.synthetic --budget        ten weeks of 500 healthy series: alerts a week, and the share
                                                   of injected faults that is found

All from seeds: the same command prints the same table.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
from numpy.typing import NDArray

from benchmarks.synthetic.faults import DAY, WEEK
from benchmarks.synthetic.scores import Detect, Factory, KindScore, by_week, onsets_of, score
from benchmarks.synthetic.series import Fleet, injected, suite
from detectors.budget import PER_WEEK, Budget
from detectors.ensemble import Ensemble
from detectors.seasonal import SeasonalDetector
from watchkeeper.durations import spoken

HOLD_STEPS = 3
SURPRISE = 2.5
"""Decades at which an onset of the ensemble counts here: about the threshold that is best on the development half of
the Numenta Anomaly Benchmark."""


def seasonal(series: int, step: float) -> Detect:
    """The seasonal detector under an alert budget of two a week: an onset is where a deviation opens."""
    budget = Budget(PER_WEEK)
    detector = SeasonalDetector(series, step=step, seasons=(DAY, WEEK), hold=HOLD_STEPS * step, budget=budget)
    before = np.zeros(series, np.bool_)

    def detect(times: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.bool_]:
        nonlocal before
        began = np.zeros(values.shape, np.bool_)
        for i, at in enumerate(times):
            now = detector.tick(float(at), values[:, i]).deviating
            began[:, i] = now & ~before
            before = now
        return began

    return detect


def ensemble(series: int, step: float) -> Detect:
    """The ensemble behind `detect --csv`, without the engine's demands: its onsets from a fixed surprise upward."""
    detector = Ensemble(series, step=step)

    def detect(times: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.bool_]:
        began = np.zeros(values.shape, np.bool_)
        for i, at in enumerate(times):
            tick = detector.tick(float(at), values[:, i])
            began[:, i] = tick.onset & (tick.score >= SURPRISE)
        return began

    return detect


DETECTORS: dict[str, Factory] = {"seasonal band": seasonal, "ensemble": ensemble}


def table(found: dict[str, KindScore], sizes: tuple[float, ...]) -> str:
    """The scores as a Markdown table."""
    heads = ["kind", "events", *(f"found at {size:g} x" for size in sizes), "median delay", "reports each"]
    lines = ["| " + " | ".join([*heads, "false alarms a series and week"]) + " |", "|---|" + "---:|" * len(heads)]
    for one in sorted(found.values(), key=lambda one: not one.wanted):
        name = one.kind if one.wanted else f"{one.kind} (to be silent)"
        if len(one.by_size) == 1:
            shares = [f"{one.recall:.0%}", *[""] * (len(sizes) - 1)]
        else:
            shares = [f"{one.by_size.get(size, float('nan')):.0%}" for size in sizes]
        delay = "" if np.isnan(one.delay) else spoken(one.delay)
        reports = "" if np.isnan(one.reports) else f"{one.reports:.1f}"
        lines.append(
            f"| {name} | {one.events} | " + " | ".join([*shares, delay, reports, f"{one.false_alarms:.3f}"]) + " |"
        )
    return "\n".join(lines)


def run_suite(per: int, seed: int, name: str) -> None:
    """Print the table of the suite."""
    sizes = (3.0, 5.0, 10.0)
    fleet = suite(per=per, sizes=sizes, seed=seed)
    started = time.perf_counter()
    found = score(fleet, onsets_of(fleet, DETECTORS[name]))
    seconds = time.perf_counter() - started
    print(
        f"**{name}**: {fleet.series} series, {fleet.weeks:g} weeks of {fleet.step:g}-second steps, judged in the last "
        f"two; sizes in units of the series' own noise; {seconds:.0f} s with the generator.\n"
    )
    print(table(found, sizes))


def run_budget(series: int, weeks: int, seed: int, name: str) -> None:
    """Print alerts a week of the healthy fleet, and what is found of the faults."""
    healthy = Fleet(series, weeks, seed)
    alerts = by_week(healthy, onsets_of(healthy, DETECTORS[name]))
    sick = injected(series, weeks, seed=seed, faults=series // 5)
    found = score(sick, onsets_of(sick, DETECTORS[name]))
    hit, events = sum(one.found for one in found.values()), sum(one.events for one in found.values())
    kinds = "; ".join(f"{one.kind} {one.found} of {one.events}" for one in found.values())
    print(
        f"**{name}**: alerts in each of {weeks} weeks over {series} healthy series: {', '.join(map(str, alerts))}, "
        f"{sum(alerts) / weeks:.1f} a week.\n"
    )
    print(f"Of {events} faults of 3 to 8 times the series' noise, {hit} are found ({hit / events:.0%}): {kinds}.")


def main() -> int:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", action="store_true", help="the alert budget on healthy series")
    parser.add_argument("--per", type=int, default=30, help="series for each kind and size (default 30)")
    parser.add_argument("--series", type=int, default=500, help="healthy series (default 500)")
    parser.add_argument("--weeks", type=int, default=10, help="weeks of them (default 10)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--detector", choices=DETECTORS, help="one of them (default: the suite with each)")
    options = parser.parse_args()
    if options.budget:
        run_budget(options.series, options.weeks, options.seed, options.detector or "seasonal band")
        return 0
    for number, name in enumerate([options.detector] if options.detector else DETECTORS):
        if number:
            print()
        run_suite(options.per, options.seed, name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
