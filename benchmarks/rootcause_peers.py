"""Other ways to rank root causes, re-implemented from their publications for the benchmark alone.

N-Sigma: the largest distance from the mean in standard deviations. BARO (Pham and others, FSE 2024, its scorer given
the time of the alarm): the largest distance from the median in interquartile ranges. Traversal (as in PetShop's paper):
deviating components below the target that call no deviating one. Random walk (after MonitorRank): how often a walk from
the target along the calls, drawn to what deviates, stays at a component.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.rootcause import Graph

Floats = NDArray[np.float64]
Order = list[tuple[str, str]]

_AFTER = 300.0
_DEVIATES = 3.0


def _split(case: Any) -> tuple[Floats, Floats]:
    """Normal values and those after the alarm: five minutes of them, or five steps."""
    table = case.table
    after = (table.times >= case.at) & (table.times <= case.at + max(_AFTER, 5 * table.step()))
    past = table.values[table.times < case.at]
    return (case.normal.aligned(table.columns) if case.normal is not None else past), table.values[after]


def _distances(case: Any, middle: Callable[..., Any], spread: Callable[..., Any]) -> Floats:
    normal, after = _split(case)
    some = np.isfinite(normal).any(axis=0) & np.isfinite(after).any(axis=0)
    found = np.zeros(normal.shape[1])
    if some.any():
        scale = spread(normal[:, some])
        scale = np.where(scale > 0, scale, 1.0)
        found[some] = np.nanmax(np.abs(after[:, some] - middle(normal[:, some])) / scale, axis=0)
    return found


def _sigmas(case: Any) -> Floats:
    return _distances(case, lambda v: np.nanmean(v, axis=0), lambda v: np.nanstd(v, axis=0))


def _by_signal(case: Any, scores: Floats) -> Order:
    return [case.table.columns[i] for i in np.argsort(-scores, kind="stable")]


def n_sigma(case: Any) -> Order:
    """Signals by their largest distance from the mean."""
    return _by_signal(case, _sigmas(case))


def baro(case: Any) -> Order:
    """Signals by their largest distance from the median."""

    def width(values: Floats) -> Any:
        low, high = np.nanquantile(values, (0.25, 0.75), axis=0)
        return high - low

    return _by_signal(case, _distances(case, lambda v: np.nanmedian(v, axis=0), width))


def _by_component(case: Any) -> dict[str, float]:
    """How far each component's signal of the alarm's name is away; all its signals where none is named."""
    signal = next((s for c, s in case.table.columns if f"{c}_{s}" == case.target), None)
    found: dict[str, float] = {}
    for (component, name), value in zip(case.table.columns, _sigmas(case), strict=True):
        found[component] = max(found.get(component, 0.0), float(value) if signal in (None, name) else 0.0)
    return found


def _target(case: Any) -> str:
    components: tuple[str, ...] = case.table.components
    return next((c for c in components if (case.target or "").startswith(c)), components[0])


def traversal(case: Any) -> Order:
    """Deviating components below the target that call no deviating one, then the rest by their distance."""
    away, graph = _by_component(case), Graph.of(case.edges, case.table.components)
    seen, todo, ends = set(), [_target(case)], []
    while todo:
        component = todo.pop()
        if component in seen:
            continue
        seen.add(component)
        below = [other for other in graph.callees.get(component, ()) if away[other] > _DEVIATES]
        todo += below
        if not below:
            ends.append(component)
    order = sorted(ends, key=lambda c: -away[c]) + sorted(away, key=lambda c: -away[c])
    return [(component, "") for component in dict.fromkeys(order)]


def random_walk(case: Any) -> Order:
    """Components by how often a walk from the target is at them."""
    away, graph = _by_component(case), Graph.of(case.edges, case.table.components)
    names = list(away)
    at = {name: i for i, name in enumerate(names)}
    steps = np.zeros((len(names), len(names)))
    for name in names:
        below = graph.callees.get(name, frozenset())
        for other in below:
            steps[at[name], at[other]] = away[other]
        for other in graph.callers.get(name, ()):
            steps[at[name], at[other]] += 0.1 * away[other]
        steps[at[name], at[name]] = max(0.0, away[name] - max((away[o] for o in below), default=0.0)) + 1e-9
    steps /= steps.sum(axis=1, keepdims=True)
    start = np.zeros(len(names))
    start[at[_target(case)]] = 1.0
    visits = start
    for _ in range(200):
        visits = 0.15 * start + 0.85 * visits @ steps
    return [(names[i], "") for i in np.argsort(-visits, kind="stable")]


PEERS: dict[str, Callable[[Any], Order]] = {
    "N-Sigma": n_sigma,
    "BARO": baro,
    "traversal of the graph": traversal,
    "random walk on the graph": random_walk,
}
