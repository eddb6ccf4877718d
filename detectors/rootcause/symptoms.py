"""How strongly each component shows what alarmed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from detectors.rootcause.graph import Graph
from detectors.rootcause.tables import Column, Floats
from detectors.seasonal import DetectionError
from watchkeeper.findings import suggestion

__all__ = ["Symptom", "strengths", "symptom_of"]

# The part of all a component's signals beside the signal that alarmed: with a graph the symptom runs along its edges
# and tells more than anything else; without one, a cause is seen in whatever it does to itself.
_BESIDE_GRAPH, _BESIDE = 0.2, 1.0
# The surprise from which on the target's own symptom is believed; one that hardly shows cannot be followed.
_SEEN = math.log(2.0)
# The strongest sign counts most, and several signs more than one.
_POWER = 4


@dataclass(frozen=True, slots=True)
class Symptom:
    """The component that alarmed, if one is named, and the weights (together 1) of the signals that it is seen in."""

    component: str | None = None
    weights: Mapping[str, float] | None = None


def strengths(columns: Sequence[Column], surprise: Floats, symptom: Symptom, graph: Graph) -> dict[str, float]:
    """The strength of every component, by the symptom where it has one, else by all its signals."""
    signals = _by_component(columns, surprise)
    anything = {c: sum(v**_POWER for v in own.values()) ** (1 / _POWER) for c, own in signals.items()}
    if symptom.weights is None:
        return anything
    beside = _BESIDE_GRAPH if graph else _BESIDE
    trust = 1.0
    if symptom.component in signals:
        own = signals[symptom.component]
        trust = min(1.0, sum(weight * own.get(signal, 0.0) for signal, weight in symptom.weights.items()) / _SEEN)
    found = {}
    for component, own in signals.items():
        shared = sum(weight for signal, weight in symptom.weights.items() if signal in own)
        shown = sum(weight * own[signal] for signal, weight in symptom.weights.items() if signal in own)
        # Who does not have the signal is judged by what it has, at half.
        shown += (1.0 - shared) * anything[component] / 2
        found[component] = trust * shown + (beside + 1.0 - trust) * anything[component]
    return found


def _by_component(columns: Sequence[Column], surprise: Floats) -> dict[str, dict[str, float]]:
    signals: dict[str, dict[str, float]] = {}
    for (component, signal), value in zip(columns, surprise, strict=True):
        signals.setdefault(component, {})[signal] = float(value)
    return signals


def symptom_of(columns: Sequence[Column], surprise: Floats, target: str | None, graph: Graph) -> Symptom:
    """What the target says: a column, a component with the beginning of its signals' names, or a component alone,
    whose own signals then count by how surprising they are. Raises DetectionError for an unknown target.
    """
    if target is None:
        return Symptom()
    signals = _by_component(columns, surprise)
    if target in signals:
        own = signals[target]
        whole = sum(v * v for v in own.values())
        return Symptom(target, {s: v * v / whole for s, v in own.items()} if whole > 0 else None)
    fits = [
        (component, signal)
        for component, own in signals.items()
        for signal in own
        if f"{component}_{signal}" == target or f"{component}_{signal}".startswith(f"{target}_")
    ]
    exact = [fit for fit in fits if "_".join(fit) == target]
    if exact or fits:
        component = max((exact or fits), key=lambda fit: len(fit[0]))[0]
        kept = [signal for owner, signal in (exact or fits) if owner == component]
        return Symptom(component, dict.fromkeys(kept, 1 / len(kept)))
    if target in graph.callees or target in graph.callers:
        return Symptom(target)
    names = {*signals, *(f"{c}_{s}" for c, own in signals.items() for s in own)}
    raise DetectionError(f"no column and no component is called {target!r}.{suggestion(target, names)}")
