"""The pages that are read: incidents, one incident, the library, targets, the demo's switch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from runbooks.console.chart import Dot, band_chart, drawable, spark
from runbooks.console.incident_traces import incident_traces
from runbooks.console.numbers import duration, human
from runbooks.console.ports import Band, LikelyCauses, Watched
from runbooks.console.state import Console, console_of, page
from runbooks.console.views import document_view, incident_row, run_view, system_of
from runbooks.console.words import shown_in_timeline
from runbooks.errors import Unknown
from runbooks.records import AlertRecord, Incident
from watchkeeper.errors import StoreError, UnsupportedQuery, WatchkeeperError
from watchkeeper.queries import scaled

__all__ = ["demo", "incident", "incident_page", "incidents", "library", "runbook", "targets"]

_OPEN = ("open", "acknowledged")
_CHARTS = 2
_EVENTS = 200
# How much of what came after its end the chart of a resolved incident shows, as a share of its length.
_AFTER = 0.35
# Eight evaluations in a row that did not happen, at the usual interval of 15 s.
_LATE_SECONDS = 120.0
_TREND_SECONDS, _TREND_POINTS = 3600.0, 60


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartView:
    """A chart with the numbers that say how bad it is; `narrow` is the same for small screens."""

    title: str
    wide: str
    narrow: str
    observed: str
    expected: str
    threshold: str
    outside: bool
    band: bool
    dots: int


@dataclass(frozen=True, slots=True)
class Trend:
    """A small line of a query that matters, and its last value."""

    title: str
    value: str
    svg: str


def incidents(request: Request) -> Response:
    """`/`: what is open, and what was lately."""
    console = console_of(request)
    journal = console.engine.journal
    seen = journal.last_event()  # before anything is read: the page's events begin here, and nothing falls between
    open_ = [incident_row(console.engine, one) for one in journal.incidents(status=_OPEN, limit=100)]
    order = {"critical": 0, "warning": 1, "info": 2}
    open_.sort(key=lambda row: (order.get(row.incident.severity, 3), -row.incident.detected_at))
    resolved = [incident_row(console.engine, one) for one in journal.incidents(status=("resolved",), limit=20)]
    watched = console.watched() if console.watched is not None else None
    return page(
        request,
        "incidents.html",
        seen=seen,
        open=open_,
        resolved=resolved,
        watched=watched,
        down=_down(watched),
        doubt=_doubt(watched, console.clock()),
        outside=[problem for problem in (console.outside() if console.outside else {}).values() if problem],
        well=not open_ and watched is not None and not _doubt(watched, console.clock()),
        trends=[] if open_ else _trends(console),
    )


def incident(request: Request) -> Response:
    """`/incidents/ID`: one incident; `?run=ID` shows an older run of its runbook."""
    return incident_page(request)


def incident_page(request: Request, *, status: int = 200, problem: str = "") -> Response:
    """The page of the incident in the path, with a problem on top where an action was refused. Raises Unknown."""
    console = console_of(request)
    engine, journal = console.engine, console.engine.journal
    seen = journal.last_event()
    found = journal.incident(request.path_params["id"])
    alerts = journal.alerts(found.id)
    runs = journal.runs(found.id)
    wanted = request.query_params.get("run")
    run = next((one for one in runs if one.id == wanted), None) if wanted else (runs[0] if runs else None)
    if wanted and run is None:
        raise Unknown(f"incident {found.id} has no run {wanted}")
    bands, chart_problem = _bands(console, found, alerts)
    traces, trace_problem = incident_traces(console, found, [band for band, _ in bands])
    dots = {} if traces is None else traces.dots
    charts = [
        _chart(band, span, f"chart-{number}", dots.get(band.title, ())) for number, (band, span) in enumerate(bands)
    ]
    events = [event for event in reversed(journal.timeline(found.id)) if shown_in_timeline(event)]
    return page(
        request,
        "incident.html",
        status=status,
        problem=problem,
        seen=seen,
        incident=found,
        system=system_of(engine, found),
        alerts=alerts,
        runs=runs,
        view=None if run is None else run_view(engine, run),
        newest=run is not None and run.id == runs[0].id,
        choices=[(key, document.title) for key, document in engine.library.items()],
        charts=charts,
        chart_problem=chart_problem,
        causes=_causes(console, alerts),
        traces=traces,
        trace_problem=trace_problem,
        events=events[:_EVENTS],
        earlier=max(0, len(events) - _EVENTS),
    )


def _causes(console: Console, alerts: Sequence[AlertRecord]) -> LikelyCauses | None:
    """The likely causes of what came first, deviations before alerts, which wait for longer."""
    if console.causes is None or not alerts:
        return None
    return console.causes(min(alerts, key=lambda one: (one.kind != "deviation", one.starts_at)))


def library(request: Request) -> Response:
    """`/library`: all runbooks by system, and the documents that could not be read."""
    documents = console_of(request).engine.library
    groups: dict[str, list[object]] = {}
    for key in sorted(documents):
        groups.setdefault(key.partition("/")[0], []).append(documents[key])
    return page(request, "library.html", groups=groups, problems=[str(problem) for problem in documents.problems])


def runbook(request: Request) -> Response:
    """`/library/KEY`: one runbook as it is written."""
    engine = console_of(request).engine
    key = request.path_params["key"]
    if key not in engine.library:
        raise Unknown(f"there is no runbook {key}")
    document = engine.library[key]
    return page(request, "runbook.html", document=document, sections=document_view(engine, document))


def targets(request: Request) -> Response:
    """`/targets`: what is watched, the sick first."""
    source = console_of(request).watched
    watched = source() if source is not None else Watched()
    rows = sorted(watched.targets, key=lambda target: (target.up, target.system, target.name))
    return page(request, "targets.html", watched=watched, rows=rows, known=source is not None)


def demo(request: Request) -> Response:
    """`/demo`: the switch of the example platform's faults."""
    switch = console_of(request).faults
    if switch is None:
        raise HTTPException(404, "there is no page /demo: it belongs to `watchkeeper demo`")
    open_ = console_of(request).engine.journal.incidents(status=_OPEN, limit=10)
    return page(request, "demo.html", faults=dict(switch.faults()), active=switch.active(), open=open_)


def _down(watched: Watched | None) -> int:
    """How many targets were read and did not answer."""
    if watched is None:
        return 0
    return sum(not target.up and (bool(target.error) or target.at is not None) for target in watched.targets)


def _doubt(watched: Watched | None, at: float) -> str:
    """Why no incident does not mean that all is well; empty when it does, or when others know."""
    if watched is None:
        return ""
    down = _down(watched)
    found = ["1 target does not answer" if down == 1 else f"{down} targets do not answer"] if down else []
    found += watched.problems
    if found:
        return "; ".join(found)
    if not watched.targets:
        return "nothing is watched"
    if not all(target.up for target in watched.targets):
        return "not all targets have been read yet"
    if watched.evaluated_at is None:
        return "nothing has been evaluated yet"
    late = at - watched.evaluated_at
    return f"nothing was evaluated for {duration(late)}" if late > _LATE_SECONDS else ""


def _bands(
    console: Console, found: Incident, alerts: Sequence[AlertRecord]
) -> tuple[list[tuple[Band, tuple[float, float]]], str]:
    """What the charts of an incident draw, each with the span of its alert, deviations first; and why there is none."""
    now = console.clock()
    bands: list[tuple[Band, tuple[float, float]]] = []
    titles: set[str] = set()
    problem = ""
    for alert in sorted(alerts, key=lambda one: (one.kind != "deviation", one.starts_at)):
        end = found.resolved_at if alert.ends_at is None else alert.ends_at
        at = now if end is None else min(now, end + max(60.0 / console.pace, _AFTER * (end - alert.starts_at)))
        try:
            band = console.band_of(alert, at)
        except UnsupportedQuery as error:  # no fault of the store: the others may have their charts
            problem = str(error)
            continue
        except StoreError as error:
            problem = str(error)
            break  # the next would wait for the same store
        except WatchkeeperError as error:
            problem = str(error)
            continue
        if band is None or band.title in titles:
            continue
        titles.add(band.title)
        if drawable(band):
            bands.append((band, (alert.starts_at, at if end is None else end)))
        if len(bands) == _CHARTS:
            break
    return bands, "" if bands else problem


def _chart(band: Band, span: tuple[float, float], prefix: str, dots: Sequence[Dot]) -> ChartView:
    value, low, high = _final(band.observed), _final(band.lower), _final(band.upper)
    has_band = low is not None and high is not None
    return ChartView(
        title=band.title,
        wide=band_chart(band, span=span, dots=dots, prefix=prefix),
        narrow=band_chart(band, span=span, dots=dots, width=380, height=220, prefix=f"{prefix}-narrow"),
        observed=human(value, band.unit),
        expected=f"{human(low, band.unit)} to {human(high, band.unit)}" if has_band else "",
        threshold="" if band.threshold is None else f"{band.op} {human(band.threshold, band.unit)}",
        outside=value is not None and low is not None and high is not None and not low <= value <= high,
        band=has_band,
        dots=len(dots),
    )


def _final(values: Sequence[float]) -> float | None:
    return next((float(value) for value in reversed(values) if math.isfinite(value)), None)


def _trends(console: Console) -> list[Trend]:
    """The queries that the application chose, over the last hour: what well looks like."""
    found = []
    now = console.clock()
    width = _TREND_SECONDS / console.pace
    store, lookup = console.store, console.lookup
    if store is None or lookup is None:
        return []
    step, auto = width / _TREND_POINTS, 300.0 / console.pace
    for key, title in console.trends:
        try:
            query = scaled(lookup(key), console.pace)
            ask = partial(store.range, query, now - width, now, step, auto=auto)
            matrix = console.patience.ask(("trend", key), ask)
        except UnsupportedQuery:
            continue
        except StoreError:
            break  # the next would wait for the same store
        except (KeyError, WatchkeeperError):
            continue
        if not matrix.series:
            continue
        points = [
            (float(time), float(value) if there else math.nan)
            for time, value, there in zip(matrix.times, matrix.values[0], matrix.present[0], strict=True)
        ]
        value = human(_final([value for _, value in points]), str(query.unit))
        found.append(Trend(title, value, spark(points, title=f"{title}: {value}")))
    return found
