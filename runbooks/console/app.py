"""The web application: routes, errors, and the guard around them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from runbooks.console import actions, api, otlp, pages, traces
from runbooks.console.hub import Hub
from runbooks.console.ports import BandSource, CauseSource, FaultSwitch, Health, TraceSource, WatchedSource
from runbooks.console.security import MACHINE_PATHS, Guard
from runbooks.console.state import STATIC, Console, page
from runbooks.console.telemetry import Counters
from runbooks.engine import Engine
from runbooks.errors import ActionRefused, Unknown
from watchkeeper.clock import Clock, now
from watchkeeper.errors import JournalError, StoreError, WatchkeeperError
from watchkeeper.queries import Query
from watchkeeper.stores import Store

__all__ = ["create_app"]


def create_app(
    engine: Engine,
    *,
    band: BandSource | None = None,
    causes: CauseSource | None = None,
    watched: WatchedSource | None = None,
    store: Store | None = None,
    lookup: Callable[[str], Query] | None = None,
    trends: Sequence[tuple[str, str]] = (),
    metrics: Callable[[], bytes] | None = None,
    health: Health | None = None,
    outside: Health | None = None,
    faults: FaultSwitch | None = None,
    trace_source: TraceSource | None = None,
    notice: str = "",
    hosts: Iterable[str] = (),
    console_url: str = "",
    clock: Clock = now,
    pace: float = 1.0,
) -> Starlette:
    """The console over a run engine; what belongs to other packages comes in through `runbooks.console.ports`.

    `trends` are (named-query key, title) of the small lines shown while all is well, asked of `store` through
    `lookup`. `metrics` gives the process's own exposition text, `health` what `/readyz` tells of its parts, `outside`
    what `/readyz` and `/` tell of that which others run: without it the process is ready. `faults` makes the page
    `/demo`; `trace_source` makes those below `/traces` and takes what comes to `/v1/traces`. `notice` stands on every
    page. `hosts` and the host of `console_url` are the names, besides this machine's, that people reach the console by.
    """
    hub = Hub(engine.subscribe)
    counters = Counters()
    console = Console(
        engine=engine,
        hub=hub,
        band=band,
        causes=causes,
        watched=watched,
        store=store,
        lookup=lookup,
        trends=tuple(trends),
        metrics=metrics,
        health=health,
        outside=outside,
        faults=faults,
        traces=trace_source,
        notice=notice,
        clock=clock,
        pace=pace,
        counters=counters,
    )
    names = [*hosts, urlsplit(console_url).hostname or ""]

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        hub.start()
        try:
            yield
        finally:
            await run_in_threadpool(hub.close)

    app = Starlette(
        routes=_routes(),
        middleware=[Middleware(Guard, hosts=names, count=counters.request)],
        exception_handlers={HTTPException: _problem, WatchkeeperError: _problem, Exception: _defect},
        lifespan=lifespan,
    )
    app.state.console = console
    return app


def _routes() -> list[Route | Mount]:
    return [
        Route("/", pages.incidents),
        Route("/incidents/{id}", pages.incident),
        Route("/incidents/{id}/{action}", actions.act_on_incident, methods=["POST"]),
        Route("/incidents/{id}/runs/{run}/{step}/{action}", actions.act_on_step, methods=["POST"]),
        Route("/library", pages.library),
        Route("/library/{key:path}", pages.runbook),
        Route("/targets", pages.targets),
        Route("/demo", pages.demo),
        Route("/demo", actions.switch_fault, methods=["POST"]),
        Route("/traces", traces.traces),
        Route("/traces/graph", traces.graph),
        Route("/traces/{id}", traces.trace),
        Route("/name", actions.set_name, methods=["POST"]),
        Route("/webhooks/alertmanager", api.alertmanager_webhook, methods=["POST"]),
        Route("/v1/traces", otlp.receive, methods=["POST"]),
        Route("/api/incidents", api.api_incidents),
        Route("/api/incidents/{id}", api.api_incident),
        Route("/api/traces", traces.api_traces),
        Route("/api/traces/{id}", traces.api_trace),
        Route("/events", api.events),
        Route("/healthz", api.healthz),
        Route("/readyz", api.readyz),
        Route("/metrics", api.metrics),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]


def _status(error: Exception) -> tuple[int, str]:
    if isinstance(error, HTTPException):
        return error.status_code, error.detail
    if isinstance(error, Unknown):
        return 404, str(error)
    if isinstance(error, ActionRefused):
        return 409, str(error)
    return (503 if isinstance(error, JournalError | StoreError) else 500), str(error)


async def _problem(request: Request, error: Exception) -> Response:
    """One line, in the form that the asker reads."""
    status, text = _status(error)
    path = request.url.path
    if path.startswith("/api/"):
        return JSONResponse({"error": text}, status)
    if path.startswith((*MACHINE_PATHS, "/events", "/static/")):
        if path.startswith("/webhooks/"):
            request.app.state.console.counters.webhook("refused")
        return PlainTextResponse(f"{text}\n", status)
    return page(request, "problem.html", status=status, code=status, text=text)


async def _defect(request: Request, error: Exception) -> Response:
    """A defect of ours: the log has the traceback, the person a way back."""
    return PlainTextResponse("The console has a defect here; the log says more. Go back and try again.\n", 500)
