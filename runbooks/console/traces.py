"""The pages of traces: the list, one as a waterfall, who calls whom; and the same as JSON."""

from __future__ import annotations

import json
import math

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from runbooks.console.graph_picture import graph_picture
from runbooks.console.ports import TraceSource
from runbooks.console.state import console_of, page
from runbooks.console.trace_views import axis, failure_views, place_views, row_view, summaries
from runbooks.errors import Unknown
from watchkeeper.traces import Search, Trace, TraceNotFound, waterfall
from watchkeeper.traces.wire import summary_to_json, trace_to_json

__all__ = ["api_trace", "api_traces", "graph", "trace", "traces"]

_ROWS = 300
_LIMIT, _MOST = 50, 500
_GRAPH_SECONDS = 600.0
_WINDOWS = ((600, "10 minutes"), (3600, "hour"), (21_600, "6 hours"), (86_400, "day"))


def _source(request: Request) -> TraceSource:
    found = console_of(request).traces
    if found is None:
        raise HTTPException(404, "traces are not kept here: set traces.enabled in the settings")
    return found


def _asked(request: Request, limit: int = _LIMIT) -> Search:
    """What the address asks for. Raises HTTPException 400."""
    query = request.query_params
    return Search(
        service=query.get("service", "").strip()[:256],
        operation=query.get("operation", "").strip()[:256],
        seconds=_number(query.get("seconds"), "seconds") or 0.0,
        errors=query.get("errors", "") not in ("", "0", "false"),
        start=_number(query.get("from"), "from"),
        end=_number(query.get("to"), "to"),
        order="slowest" if query.get("order") == "slowest" else "newest",
        limit=min(_MOST, max(1, int(_number(query.get("limit"), "limit") or limit))),
    )


def _number(text: str | None, name: str) -> float | None:
    if not text or not text.strip():
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or abs(number) > 1e12:
        raise HTTPException(400, f"{name} is {text[:40]!r}: write a number, as 1.5")
    return number


def traces(request: Request) -> Response:
    """`/traces`: those that fit; `?id=` goes to one."""
    source = _source(request)
    wanted = request.query_params.get("id", "").strip()
    if wanted:
        return RedirectResponse(f"/traces/{_one(source, wanted)}", 303)
    asked = _asked(request)
    found = source.search(asked)
    return page(
        request,
        "traces.html",
        asked=asked,
        rows=summaries(found),
        services=source.services(),
        narrowed=asked != Search(limit=asked.limit),
        problem=source.problem() or "",
    )


def _one(source: TraceSource, wanted: str) -> str:
    """The id of the trace that a text means: all of it, or its beginning. Raises Unknown."""
    try:
        return source.resolve(wanted)
    except TraceNotFound as error:
        raise Unknown(f"{error}; the list of traces says what there is") from None


def _found(request: Request) -> Trace:
    source = _source(request)
    wanted = request.path_params["id"]
    found = source.trace(_one(source, wanted))
    if found is None:
        raise Unknown(f"there is no trace {wanted[:40]} here any more")
    return found


def trace(request: Request) -> Response:
    """`/traces/ID`: one trace as a waterfall; `?from=N` begins with its Nth span."""
    found = waterfall(_found(request))
    first = int(_number(request.query_params.get("from"), "from") or 0)
    first = min(max(0, first), max(0, len(found.rows) - 1))
    shown = found.rows[first : first + _ROWS]
    entry = found.rows[0]
    return page(
        request,
        "trace.html",
        trace=found,
        entry=entry,
        failed=failure_views(found, _ROWS),
        failures=len(found.errors),
        places=place_views(found),
        axis=axis(found.seconds),
        rows=[row_view(row, found) for row in shown],
        first=first,
        before=max(0, first - _ROWS) if first else None,
        after=first + _ROWS if first + _ROWS < len(found.rows) else None,
        partial=not any(not row.orphan and not row.circle and row.depth == 0 for row in found.rows),
    )


def graph(request: Request) -> Response:
    """`/traces/graph`: who calls whom, over the last ten minutes or `?seconds=`."""
    console, source = console_of(request), _source(request)
    seconds = min(max(_number(request.query_params.get("seconds"), "seconds") or _GRAPH_SECONDS, 60.0), 7 * 86_400.0)
    end = console.clock()
    found = source.graph(end - seconds, end)
    rows = sorted(found.edges, key=lambda edge: (edge.failed == 0, -edge.calls, edge.client, edge.server))
    return page(
        request,
        "graph.html",
        graph=found,
        rows=rows[:200],
        more=max(0, len(rows) - 200),
        picture=graph_picture(found.edges),
        seconds=seconds,
        windows=_WINDOWS,
        start=end - seconds,
    )


def api_traces(request: Request) -> Response:
    """`/api/traces?service=&operation=&seconds=&errors=1&from=&to=&order=slowest&limit=`: a list."""
    found = _source(request).search(_asked(request))
    return _json({"traces": [summary_to_json(one) for one in found]})


def api_trace(request: Request) -> Response:
    """`/api/traces/ID`: one trace with what the waterfall has worked out."""
    return _json(trace_to_json(waterfall(_found(request))))


def _json(value: object) -> Response:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(
        text.encode("utf-8", errors="replace"), media_type="application/json", headers={"cache-control": "no-store"}
    )
