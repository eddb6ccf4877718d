"""What machines ask: webhooks, JSON, events, health, metrics."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

import anyio.to_thread
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from runbooks.console.bodies import WEBHOOK_BYTES, read_body
from runbooks.console.hub import Closed, Hub
from runbooks.console.numbers import iso
from runbooks.console.state import Console, console_of
from runbooks.console.telemetry import engine_samples, exposition
from runbooks.console.views import incident_row
from runbooks.errors import WebhookError
from runbooks.records import Event
from runbooks.webhooks import alertmanager
from watchkeeper.errors import JournalError, WatchkeeperError

__all__ = ["alertmanager_webhook", "api_incident", "api_incidents", "events", "healthz", "metrics", "readyz"]

_RETRY_AFTER = "5"
_KEEP_ALIVE_SECONDS = 15.0
_REPLAY = 500


async def alertmanager_webhook(request: Request) -> Response:
    """`POST /webhooks/alertmanager`: 200 only after all of it is safe on disk, 503 when it should be sent again."""
    console = console_of(request)
    try:
        body = await read_body(request, WEBHOOK_BYTES)
        deliveries = await anyio.to_thread.run_sync(alertmanager, body, limiter=console.webhook_threads)
    except WebhookError as error:
        console.counters.webhook("refused")
        return PlainTextResponse(f"{error}\n", 400)
    try:
        await anyio.to_thread.run_sync(console.engine.deliver, deliveries, limiter=console.webhook_threads)
    except JournalError as error:  # Overloaded among them
        console.counters.webhook("overloaded")
        return PlainTextResponse(f"{error}\n", 503, headers={"retry-after": _RETRY_AFTER})
    console.counters.webhook("accepted")
    return PlainTextResponse(f"stored {len(deliveries)}\n")


def api_incidents(request: Request) -> Response:
    """`/api/incidents?status=open,acknowledged&limit=100&before=ID`: incidents, newest first."""
    console = console_of(request)
    query = request.query_params
    status = tuple(word for word in query.get("status", "").split(",") if word) or None
    limit = query.get("limit", "100")
    if not limit.isdecimal() or not 1 <= int(limit) <= 1000:
        return JSONResponse({"error": f"limit is {limit[:20]!r}: allowed are 1 to 1000"}, 400)
    found = console.engine.journal.incidents(status=status, limit=int(limit), before=query.get("before"))
    rows = []
    for one in found:
        row = incident_row(console.engine, one)
        rows.append({**asdict(one), "system": row.system, "progress": row.progress, "waits": row.waits})
    return _json({"incidents": rows})


def api_incident(request: Request) -> Response:
    """`/api/incidents/ID`: everything that is known of one incident."""
    journal = console_of(request).engine.journal
    found = journal.incident(request.path_params["id"])
    runs = [{**asdict(run), "steps": [_step(step) for step in journal.steps(run.id)]} for run in journal.runs(found.id)]
    return _json(
        {
            "incident": asdict(found),
            "alerts": [asdict(alert) for alert in journal.alerts(found.id)],
            "runs": runs,
            "timeline": [asdict(event) for event in journal.timeline(found.id)],
        }
    )


def _step(step: Any) -> dict[str, Any]:
    return {**asdict(step), "seconds": step.seconds}


def _json(value: Any) -> Response:
    """JSON with null where a number is not finite, which JSON cannot say."""
    return Response(
        json.dumps(_finite(value), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(),
        media_type="application/json",
        headers={"cache-control": "no-store"},
    )


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value if value is None or isinstance(value, str | int | bool) else dict(value)


async def events(request: Request) -> Response:
    """`/events`: server-sent events, one for each entry of a timeline; `Last-Event-ID` asks for what was missed.

    `?incident=ID` gives those of one incident alone. An event `reload` says that too much was missed.
    """
    console = console_of(request)
    last = request.headers.get("last-event-id") or request.query_params.get("after") or ""
    after = int(last) if last.isdecimal() and len(last) < 19 else None
    stream = _stream(console, after, request.query_params.get("incident"))
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


async def _stream(console: Console, after: int | None, incident: str | None) -> AsyncIterator[str]:
    hub: Hub = console.hub
    listener = hub.listen()  # before the past is read, so that nothing falls between
    try:
        yield "retry: 2000\n\n"
        sent = after or 0
        if after is not None:
            past = await run_in_threadpool(console.engine.journal.events, after, _REPLAY)
            if len(past) == _REPLAY:
                yield "event: reload\ndata: {}\n\n"
                past = []
            for event in past:
                sent = event.id
                if incident in (None, event.incident_id):
                    yield _sse(event)
        while True:
            try:
                found = await listener.next(_KEEP_ALIVE_SECONDS)
            except TimeoutError:
                yield ": still here\n\n"
                continue
            except Closed:
                return
            if found is None:
                yield "event: reload\ndata: {}\n\n"
            elif found.id > sent:
                sent = found.id
                if incident in (None, found.incident_id):
                    yield _sse(found)
    finally:
        hub.leave(listener)


def _sse(event: Event) -> str:
    data = {
        "incident": event.incident_id,
        "kind": event.kind,
        "at": iso(event.at),
        "run": event.run_id,
        "step": event.step_id,
    }
    return f"id: {event.id}\nevent: change\ndata: {json.dumps(data)}\n\n"


async def healthz(request: Request) -> Response:
    """`/healthz`: the process answers, without a thread that slow pages could hold."""
    return PlainTextResponse("ok\n")


async def readyz(request: Request) -> Response:
    """`/readyz`: a line for each part; 200 when the journal answers and every part of the process is well, else 503.

    What others run has a line too, and no say: webhooks are to be taken while a store is out of reach.
    """
    console = console_of(request)
    return await anyio.to_thread.run_sync(_readiness, console, limiter=console.probe_threads)


def _readiness(console: Console) -> Response:
    parts: dict[str, str | None] = {}
    try:
        console.engine.journal.incidents(limit=1)
        parts["journal"] = None
    except WatchkeeperError as error:
        parts["journal"] = str(error)
    if console.health is not None:
        parts.update(console.health())
    ready = all(problem is None for problem in parts.values())
    if console.outside is not None:
        parts.update(console.outside())
    lines = [f"{name}: {'ok' if problem is None else problem}" for name, problem in sorted(parts.items())]
    return PlainTextResponse("\n".join(lines) + "\n", 200 if ready else 503)


async def metrics(request: Request) -> Response:
    """`/metrics`: what the application exposes, what the run engine and the console count."""
    console = console_of(request)
    return await anyio.to_thread.run_sync(_exposed, console, limiter=console.probe_threads)


def _exposed(console: Console) -> Response:
    text = console.metrics() if console.metrics is not None else b""
    at = console.clock()
    own = [*console.counters.samples(at), *engine_samples(console.engine.statistics(), at)]
    return Response(text + exposition(own, without=text), media_type="text/plain; version=0.0.4; charset=utf-8")
