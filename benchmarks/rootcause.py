"""Root cause on recorded faults: how often the faulty component is ranked first, among three, among five.

    python -m benchmarks.rootcause

Reads PetShop (low traffic) and a day of Nezha from the folder named by WATCHKEEPER_DATA (default: shared/data beside
the checkout), which are no part of this repository, and generated systems. The same parameters everywhere. N-Sigma,
BARO and two ways of walking the call graph are re-implemented in `benchmarks.rootcause_peers` for comparison only.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.rootcause_peers import PEERS
from detectors.rootcause import Table, rank, read_edges, read_table

DATA = Path(os.environ.get("WATCHKEEPER_DATA", Path(__file__).parents[2] / "shared" / "data"))
LATE = (0, 1, 2)


@dataclass(frozen=True)
class Case:
    """One fault: where and when it was noticed, and what it was."""

    name: str
    part: str
    kind: str
    table: Table
    at: float
    step: float
    truth: str
    signal: str | None = None
    normal: Table | None = None
    edges: tuple[tuple[str, str], ...] = ()
    target: str | None = None


Ranker = Callable[[Case], list[tuple[str, str]]]


def ours(case: Case) -> list[tuple[str, str]]:
    """Component and signal of each candidate of `detectors.rootcause`."""
    found = rank(case.table, case.at, normal=case.normal, edges=case.edges, target=case.target)
    return [(candidate.component, candidate.signal) for candidate in found]


def petshop(root: Path) -> list[Case]:
    """The 26 faults of the low-traffic part; the target is the column that alarmed."""
    base = root / "petshop" / "low_traffic"
    edges = read_edges(base / "graph.csv")
    normal = read_table(base / "noissue" / "metrics.csv")
    cases: list[Case] = []
    for path in sorted(base.glob("t*/issue_*/target.json")):
        label = json.loads(path.read_text())
        target = label["target"]
        cases.append(
            Case(
                name=f"{path.parts[-3]}/{path.parts[-2]}",
                part=path.parts[-3],
                kind=target["metric"],
                table=read_table(path.with_name("metrics.csv")),
                at=float(target["timestamp"]),
                step=300.0,
                truth=label["root_cause"]["node"],
                normal=normal,
                edges=edges,
                target=f"{target['node']}_{target['metric']}_{target['agg']}",
            )
        )
    return cases


def nezha(root: Path, *, calls: bool) -> list[Case]:
    """The 24 faults of a day, all pods in one table; with `calls` each pod also has the time that calls to it spend
    in the network: the median at the caller less that at the callee, to a tenth of a millisecond.

    The first file's `TimeStamp` column is damaged, so rows are placed by the minute of `Time`.
    """
    base = root / "nezha" / "2022-08-22"
    columns: dict[tuple[str, str], dict[float, float]] = {}
    for path in sorted((base / "metric").glob("*_metric.csv")):
        for row in _rows(path):
            at, pod = _minute(row.pop("Time")), row.pop("PodName")
            row.pop("TimeStamp")
            for signal, text in row.items():
                if text:
                    columns.setdefault((pod, signal), {})[at] = float(text)
    pods = sorted({pod for pod, _ in columns})
    if calls:
        columns |= _network(base / "metric", {pod.split("-")[0]: pod for pod in pods})
    times = np.array(sorted({at for cells in columns.values() for at in cells}))
    values = np.array([[cells.get(at, np.nan) for cells in columns.values()] for at in times])
    table = Table(times, values, tuple(columns))
    labels = json.loads((root / "nezha" / "root_cause_hipster.json").read_text())
    faults = json.loads((base / "2022-08-22-fault_list.json").read_text())
    cases: list[Case] = []
    for fault in (fault for hour in faults.values() for fault in hour):
        pod, kind = fault["inject_pod"], fault["inject_type"]
        signal = labels[pod.split("-")[0]][kind]
        cases.append(
            Case(
                name=f"{pod}/{kind}",
                part="first half" if len(cases) < 12 else "second half",
                kind=kind,
                table=table,
                at=float(fault["inject_timestamp"]),
                step=60.0,
                truth=pod,
                signal={"NetworkP90(ms)": "Network(s)" if calls else None, "CpuUsageRate(%)": signal}.get(signal),
            )
        )
    return cases


def _network(base: Path, pods: dict[str, str]) -> dict[tuple[str, str], dict[float, float]]:
    sums: dict[tuple[str, str], dict[float, list[float]]] = {}
    both = ({_minute(row["time"]): row for row in _rows(base / f"{end}_50.csv")} for end in ("source", "destination"))
    callers, callees = both
    for at, row in callers.items():
        for name in row.keys() - {"time", "timestamp"}:
            pair = row[name], callees.get(at, {}).get(name)
            if all(pair):
                cells = sums.setdefault((pods[name.split("_")[1]], "Network(s)"), {})
                cells.setdefault(at, []).append(float(pair[0]) - float(pair[1] or 0))
    return {c: {at: round(float(np.mean(v)), 4) for at, v in cells.items()} for c, cells in sums.items()}


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="") as file:
        yield from csv.DictReader(file)


def _minute(text: str) -> float:
    return datetime.fromisoformat(text[:16]).replace(tzinfo=UTC).timestamp() + 19.0


def generated(count: int = 40) -> list[Case]:
    """Faults in generated systems with a value a second and no graph."""
    from tests.detectors.systems import System

    cases: list[Case] = []
    for seed in range(count):
        system = System(seed)
        fault = system.fault()
        cases.append(
            Case(f"{seed}/{fault.kind}", "all", fault.kind, fault.table, fault.at, 30.0, fault.component, fault.signal)
        )
    return cases


def places(cases: Sequence[Case], ranker: Ranker, late: int = 0) -> list[int]:
    """The place of the faulty component (1: first) in each case, with the alarm so many steps late."""
    found = []
    for case in cases:
        order = list(dict.fromkeys(c for c, _ in ranker(replace(case, at=case.at + late * case.step))))
        found.append(order.index(case.truth) + 1 if case.truth in order else len(order) + 1)
    return found


def within(found: Sequence[int], k: int) -> float:
    """The share of the places that are among the first k."""
    return float(np.mean([place <= k for place in found])) if found else float("nan")


def average5(found: Sequence[int]) -> float:
    """The mean of `within` 1 to 5."""
    return float(np.mean([within(found, k) for k in range(1, 6)]))


def _cell(found: Sequence[int]) -> str:
    return f"{within(found, 1):.2f} / {within(found, 3):.2f} / {average5(found):.2f}"


def compare(title: str, cases: Sequence[Case], rankers: dict[str, Ranker], late: Sequence[int]) -> None:
    """One table: top-1 / top-3 / Avg@5 of each way, with the alarm in time and late."""
    steps = f"{cases[0].step:.0f} s"
    print(f"\n### {title}: {len(cases)} faults, component, top-1 / top-3 / Avg@5\n")
    heads = ["in time", *(f"{n} x {steps} late" for n in late if n)]
    print("| | " + " | ".join(heads) + " |\n|---|" + "---|" * len(heads))
    for name, ranker in rankers.items():
        print(f"| {name} | " + " | ".join(_cell(places(cases, ranker, n)) for n in late) + " |")


def parts(cases: Sequence[Case]) -> None:
    """Ours by part and kind, and by signal where the label names one that is a column."""
    print("\nOf Watchkeeper's, alarm in time:\n\n| | faults | top-1 / top-3 / Avg@5 |\n|---|---:|---|")
    found = places(cases, ours)
    for group in dict.fromkeys(group for case in cases for group in (case.part, case.kind)):
        mine = [p for p, case in zip(found, cases, strict=True) if group in (case.part, case.kind)]
        print(f"| {group} | {len(mine)} | {_cell(mine)} |")
    named = [case for case in cases if case.signal is not None]
    if named:
        rows = [ours(case) for case in named]
        wanted = [(case.truth, case.signal or "") for case in named]
        exact = [[*order, want].index(want) + 1 for order, want in zip(rows, wanted, strict=True)]
        print(f"| component and signal | {len(exact)} | {_cell(exact)} |")


def main() -> None:
    """Print all tables as Markdown."""
    rankers: dict[str, Ranker] = {"**Watchkeeper**": ours, **PEERS}
    free = {name: ranker for name, ranker in rankers.items() if "graph" not in name}
    if DATA.is_dir():
        shop = petshop(DATA)
        compare("PetShop, low traffic", shop, rankers, LATE)
        parts(shop)
        compare("PetShop without its graph", [replace(case, edges=()) for case in shop], free, LATE)
        alone = [replace(case, target=(case.target or "").split("_")[0]) for case in shop]
        compare("PetShop, the alarm's component known alone", alone, {"**Watchkeeper**": ours}, LATE)
        calls = nezha(DATA, calls=True)
        compare("Nezha, with the network time of calls", calls, free, LATE)
        parts(calls)
        compare("Nezha, the pods' own signals alone", nezha(DATA, calls=False), free, LATE)
    else:
        print(f"PetShop and Nezha are not in {DATA}: set WATCHKEEPER_DATA to score them", file=sys.stderr)
        print("PetShop and Nezha: the data is absent, nothing was scored.")
    systems = generated()
    compare("Generated systems, a value a second, no graph", systems, free, (0, 1, 2))
    parts(systems)


if __name__ == "__main__":
    main()
