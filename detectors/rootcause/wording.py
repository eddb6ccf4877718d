"""The reason for a candidate's place, as people would tell each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from detectors.rootcause.evidence import Evidence
from detectors.rootcause.graph import Graph
from detectors.rootcause.symptoms import Symptom
from detectors.texts import amount, clock_time
from watchkeeper.units import Unit

__all__ = ["Facts", "wording"]

# Beyond its normal distance: see Evidence.
_OUT = math.log(2.0)


class _Change(Protocol):
    @property
    def at(self) -> float: ...
    @property
    def text(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Facts:
    """What the reasons of all candidates draw on; `units` by signal, none where they are not known."""

    graph: Graph
    strength: Mapping[str, float]
    symptom: Symptom
    changes: Mapping[str, _Change]
    at: float
    units: Sequence[Unit | None] = ()


def wording(component: str, signal: int, own: Sequence[int], found: Evidence, facts: Facts) -> str:
    """One line: what the signal did, how many of its component's signals did, its place in the graph, its changes."""
    parts = [_moved(signal, found, facts)]
    out = sum(1 for i in own if found.surprise[i] >= _OUT)
    if out > 1:
        parts.append(f"{out} of its {len(own)} signals deviate")
    if facts.graph:
        parts += _place(component, facts)
    change = facts.changes.get(component)
    if change is not None:
        parts.append(f"{change.text} {_ago(facts.at - change.at)} before the alarm")
    return "; ".join(parts)


def _moved(i: int, found: Evidence, facts: Facts) -> str:
    unit = facts.units[i] if facts.units else None

    def told(value: float) -> str:
        return _number(value) if unit is None else amount(float(value), unit)

    if found.gone[i]:
        return f"has no values around the alarm, and used to be there (about {told(found.usual[i])})"
    if math.isnan(found.usual[i]):
        return "no normal values to compare with"
    if math.isnan(found.seen[i]):
        return "no values around the alarm"
    since = f" since {clock_time(found.since[i], facts.at)}" if not math.isnan(found.since[i]) else ""
    usual = f"usually {told(found.usual[i])} ± {told(found.spread[i])}"
    if found.surprise[i] < _OUT:
        return f"{told(found.seen[i])}, {usual}: hardly out of the ordinary"
    times = abs(found.seen[i] - found.usual[i]) / found.spread[i]
    word = "rose" if found.seen[i] > found.usual[i] else "fell" if found.seen[i] < found.usual[i] else "moved around"
    return f"{word} to {told(found.seen[i])}{since} ({usual}), {_times(times)} its normal distance"


def _place(component: str, facts: Facts) -> list[str]:
    own = facts.strength[component]
    callees = [c for c in facts.graph.callees.get(component, ()) if c in facts.strength]
    parts = []
    worst = max(callees, key=lambda c: (facts.strength[c], c), default=None)
    if worst is not None and own > 0:
        if facts.strength[worst] >= 0.5 * own and facts.strength[worst] >= _OUT:
            parts.append(f"part of it comes from {worst}, which it calls")
        elif own >= _OUT:
            parts.append("what it calls is calm in comparison")
    target = facts.symptom.component
    if target is not None and component != target:
        depends = component in facts.graph.below(target)
        parts.append(f"{target} depends on it" if depends else f"{target} does not depend on it")
    callers = sorted(c for c in facts.graph.above(component) - {component} if facts.strength.get(c, 0.0) >= _OUT)
    if callers and own >= _OUT:
        parts.append(
            f"would explain {', '.join(callers[:3])}" + (f" and {len(callers) - 3} more" if len(callers) > 3 else "")
        )
    return parts


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _times(value: float) -> str:
    return "more than 1,000 times" if value > 1000 else f"{value:,.0f} times" if value >= 3 else f"{value:.1f} times"


def _ago(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
