"""Systems of services that call each other, with a fault in one of them, from a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.rootcause import Table

__all__ = ["Fault", "KINDS", "System", "example"]

KINDS = {"cpu": "cpu", "memory": "mem", "delay": "latency", "errors": "error"}
"""The kinds of faults and the signal that each is seen in."""


@dataclass(frozen=True)
class Fault:
    """A table with a fault: when it was noticed, where and in which signal it is."""

    table: Table
    at: float
    component: str
    signal: str
    kind: str


class System:
    """Services in a tree of calls (each is called by an earlier one), `frontend` first.

    Each service has cpu, mem, latency, load and error; load is shared, latency and errors go up the tree, and all has
    noise in proportion, with rare spikes.
    """

    def __init__(self, seed: int, services: int = 10) -> None:
        self.random = np.random.default_rng(seed)
        self.names = ["frontend", *(f"svc-{i}" for i in range(1, services))]
        self.parent = [0, *(int(self.random.integers(0, i)) for i in range(1, services))]
        self.edges = tuple((self.names[self.parent[i]], self.names[i]) for i in range(1, services))

    def fault(
        self,
        kind: str | None = None,
        service: int | None = None,
        *,
        before: int = 600,
        after: int = 300,
        step: float = 1.0,
        size: float = 1.0,
        start: float = 1_700_000_000.0,
    ) -> Fault:
        """A fault of a kind in a service (drawn when not given), noticed when it begins, after `before` rows."""
        random, count, rows = self.random, len(self.names), before + after
        kind = kind or str(random.choice(list(KINDS)))
        service = int(random.integers(1, count)) if service is None else service
        on = (np.arange(rows) >= before).astype(float) * size
        ramp = np.clip((np.arange(rows) - before) / max(1, after // 2), 0, 1) * size
        load = 1 + 0.2 * np.sin(np.arange(rows) / 97) + 0.1 * random.standard_normal(rows)
        own = random.uniform(0.005, 0.05, count)
        latency = own[:, None] * (1 + 0.1 * random.standard_normal((count, rows)))
        errors = (random.random((count, rows)) < 0.01) * 1.0
        cpu = random.uniform(0.05, 0.5, count)[:, None] * load * (1 + 0.15 * random.standard_normal((count, rows)))
        memory = random.uniform(50, 500, count)[:, None] * (1 + 0.01 * random.standard_normal((count, rows)))
        calls = random.uniform(5, 50, count)[:, None] * load * (1 + 0.1 * random.standard_normal((count, rows)))
        if kind == "cpu":
            cpu[service] += on * random.uniform(0.5, 1.0)
            latency[service] *= 1 + on
        elif kind == "memory":
            memory[service] *= 1 + ramp
        elif kind == "delay":
            latency[service] += on * random.uniform(0.1, 0.3)
        else:
            errors[service] += on * random.poisson(4.0, rows)
        spikes = random.random((count, rows)) < 0.005
        latency = np.where(spikes, latency * random.uniform(2, 6, (count, rows)), latency)
        # A caller waits for what it calls, and some of the errors come through: the leaves first.
        for i in range(count - 1, 0, -1):
            latency[self.parent[i]] += latency[i]
            errors[self.parent[i]] += errors[i] * (random.random(rows) < 0.5)
        signals = {"cpu": cpu, "mem": memory, "latency": latency, "load": calls, "error": errors}
        columns = tuple((name, signal) for name in self.names for signal in signals)
        values = np.column_stack([signals[signal][i] for i in range(count) for signal in signals])
        times = np.asarray(start + step * np.arange(rows), np.float64)
        return Fault(Table(times, values, columns), start + step * before, self.names[service], KINDS[kind], kind)


def example() -> tuple[str, str]:
    """The texts of examples/rootcause/metrics.csv and calls.csv: a service slows down, a value a minute."""
    system = System(19, services=6)
    fault = system.fault("delay", 4, before=60, after=10, step=60.0, start=1_769_857_200.0)
    lines = [",".join(["time", *("_".join(column) for column in fault.table.columns)])]
    for at, row in zip(fault.table.times, fault.table.values, strict=True):
        lines.append(",".join([f"{at:.0f}", *(f"{value:.4g}" for value in row)]))
    calls = ["caller,callee", *(",".join(edge) for edge in system.edges)]
    return "\n".join(lines) + "\n", "\n".join(calls) + "\n"
