"""The traces that an incident's page shows: those of its metrics' exemplars, then those of its time and labels."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from runbooks.console.chart import Dot
from runbooks.console.numbers import clock_time, human
from runbooks.console.ports import Band
from runbooks.console.state import Console
from runbooks.records import Incident
from watchkeeper.errors import StoreError
from watchkeeper.stores.exemplars import Exemplar
from watchkeeper.traces import TraceSummary
from watchkeeper.traces.related import Related, related

__all__ = ["IncidentTraces", "Observation", "incident_traces"]

# What led to an incident began before it was noticed: alerts hold for about five minutes.
_BEFORE_SECONDS = 600.0
_SHOWN, _DOTS, _LOOKED_UP = 5, 12, 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """An observation that the incident's query counts, with its trace; `value` is in words, `metric` a full name."""

    trace: TraceSummary
    metric: str
    value: str
    at: float


class IncidentTraces:
    """The traces of an incident, each once, and the address of the list that has the others.

    `observed` are those of exemplars, `dots` the same for the charts, by the title of their bands.
    """

    __slots__ = ("address", "dots", "failed", "observed", "slowest", "told")

    def __init__(
        self, observed: Sequence[Observation], dots: Mapping[str, Sequence[Dot]], found: Related | None, window: str
    ) -> None:
        self.observed = observed
        self.dots = dots
        self.told, self.address = "", f"/traces?{window}"
        self.failed: Sequence[TraceSummary] = ()
        self.slowest: Sequence[TraceSummary] = ()
        if found is not None:
            there = {one.trace.trace_id for one in observed}
            self.failed, self.slowest = _without(found.failed, there), _without(found.slowest, there)
            self.told = found.asked.operation or found.asked.service
            pairs = {"service": found.asked.service, "operation": found.asked.operation}
            query = urlencode({name: value for name, value in pairs.items() if value})
            self.address += f"&{query}" if query else ""


def _without(traces: Sequence[TraceSummary], ids: Collection[str]) -> list[TraceSummary]:
    return [one for one in traces if one.trace_id not in ids]


def incident_traces(console: Console, incident: Incident, bands: Sequence[Band]) -> tuple[IncidentTraces | None, str]:
    """The traces behind the numbers of an incident's charts, the slowest and failed ones of its time for what its
    labels name, and why there are none.
    """
    source = console.traces
    if source is None:
        return None, ""
    start = incident.detected_at - _BEFORE_SECONDS / console.pace
    end = console.clock() if incident.resolved_at is None else incident.resolved_at
    candidates = {band.title: _largest(band, start, end) for band in bands}
    ids = [one.trace_id for found in candidates.values() for one in found][:_LOOKED_UP]
    try:
        kept = {one.trace_id: one for one in console.patience.ask("traces", lambda: source.summaries(ids))}
        found = console.patience.ask("traces", lambda: related(source, incident.labels, start, end))
    except StoreError as error:
        return None, str(error)
    observed: dict[str, Observation] = {}
    dots: dict[str, list[Dot]] = {}
    for band in bands:
        # One trace may stand behind several metrics: it is told once, and drawn where it was measured.
        here: dict[str, Exemplar] = {}
        for one in candidates[band.title]:
            if one.trace_id in kept:
                here.setdefault(one.trace_id, one)
        ordered = list(here.values())
        if not band.plotted:
            ordered.sort(key=lambda one: not kept[one.trace_id].errors)
        for one in ordered[:_SHOWN]:
            observed.setdefault(one.trace_id, _observation(one, kept[one.trace_id]))
        if band.plotted:
            dots[band.title] = [_dot(one, kept[one.trace_id]) for one in ordered[:_DOTS]]
    if found is None and not observed:
        return None, ""
    window = urlencode({"from": f"{start:.0f}", "to": f"{end:.0f}", "order": "slowest"})
    return IncidentTraces(list(observed.values())[:_SHOWN], dots, found, window), ""


def _largest(band: Band, start: float, end: float) -> list[Exemplar]:
    """The exemplars of an incident's time, the largest first."""
    found = [one for one in band.exemplars if start <= one.time <= end]
    return sorted(found, key=lambda one: -one.value)[:_LOOKED_UP]


def _observation(one: Exemplar, trace: TraceSummary) -> Observation:
    metric = one.name.removesuffix("_bucket")
    return Observation(trace=trace, metric=metric, value=human(one.value, _unit(metric)), at=one.time)


def _dot(one: Exemplar, trace: TraceSummary) -> Dot:
    value = human(one.value, _unit(one.name.removesuffix("_bucket")))
    label = f"{value} at {clock_time(one.time)}, trace of {trace.name}{', failed' if trace.errors else ''}"
    return Dot(trace.trace_id, one.time, one.value, f"/traces/{trace.trace_id}", label)


def _unit(metric: str) -> str:
    """The unit that a name ends in, as the naming of Prometheus has it; empty where it has none."""
    return next((unit for unit in ("seconds", "bytes", "ratio") if metric.endswith(f"_{unit}")), "")
