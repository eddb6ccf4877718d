"""What the handlers share: the engine, the ports, the templates, the counters."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import anyio
import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse

from runbooks.console import numbers, words
from runbooks.console.hub import Hub
from runbooks.console.intake import Intake
from runbooks.console.patience import Patience
from runbooks.console.ports import Band, BandSource, CauseSource, FaultSwitch, Health, TraceSource, WatchedSource
from runbooks.console.security import TOKEN_COOKIE, new_token
from runbooks.console.telemetry import Counters
from runbooks.console.trace_views import link_traces
from runbooks.engine import Engine
from runbooks.records import AlertRecord
from watchkeeper.clock import Clock
from watchkeeper.queries import Query
from watchkeeper.stores import Store

__all__ = ["NAME_COOKIE", "STATIC", "Console", "console_of", "page", "person", "remember_name", "templates"]

NAME_COOKIE = "watchkeeper_name"
STATIC = Path(__file__).parent / "static"
_YEAR = 365 * 86_400
_BAND_SECONDS = 2.0


@dataclass(kw_only=True)
class Console:
    """Everything that a handler may use."""

    engine: Engine
    hub: Hub
    band: BandSource | None
    causes: CauseSource | None
    watched: WatchedSource | None
    store: Store | None
    lookup: Callable[[str], Query] | None
    trends: Sequence[tuple[str, str]]
    metrics: Callable[[], bytes] | None
    health: Health | None
    outside: Health | None
    faults: FaultSwitch | None
    traces: TraceSource | None
    notice: str
    clock: Clock
    pace: float
    # Webhooks have threads of their own: slow pages do not hold them up. The engine says when it has too many.
    webhook_threads: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(64))
    # So have those who ask how the process is: they would take slow pages for a process that hangs.
    probe_threads: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(8))
    intake: Intake = field(default_factory=Intake)
    counters: Counters = field(default_factory=Counters)
    patience: Patience = field(default_factory=Patience)
    environment: jinja2.Environment = field(default_factory=lambda: templates())
    _bands: dict[tuple[str, str], tuple[float, Band | None]] = field(default_factory=dict)

    def band_of(self, alert: AlertRecord, at: float) -> Band | None:
        """The band of an alert, remembered for a moment: several pages, and their refreshes, ask for the same one.

        Raises StoreError, for a while without asking again.
        """
        source = self.band
        if source is None:
            return None
        key, moment = (alert.incident_id, alert.fingerprint), time.monotonic()
        kept = self._bands.get(key)
        if kept is not None and moment - kept[0] < _BAND_SECONDS:
            return kept[1]
        found = self.patience.ask(key, lambda: source(alert, at))
        if len(self._bands) > 100:
            self._bands.clear()
        self._bands[key] = (moment, found)
        return found


def console_of(request: Request) -> Console:
    """The console that serves a request."""
    console: Console = request.app.state.console
    return console


def person(request: Request) -> str:
    """The name that the browser's user gave, empty before that."""
    return unquote(request.cookies.get(NAME_COOKIE, ""))[:60].strip()


def page(
    request: Request,
    name: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """A page of a template, with what every page needs."""
    console = console_of(request)
    token = request.cookies.get(TOKEN_COOKIE) or new_token()
    text = console.environment.get_template(name).render(
        now=console.clock(),
        notice=console.notice,
        has_faults=console.faults is not None,
        has_traces=console.traces is not None,
        token=token,
        person=person(request),
        path=request.url.path,
        **values,
    )
    response = HTMLResponse(text, status, headers={"cache-control": "no-store", **(headers or {})})
    if TOKEN_COOKIE not in request.cookies:
        response.set_cookie(TOKEN_COOKIE, token, max_age=_YEAR, httponly=True, samesite="strict")
    return response


def remember_name(response: Any, name: str) -> None:
    """Keep a person's name in a cookie."""
    response.set_cookie(NAME_COOKIE, quote(name), max_age=_YEAR, httponly=True, samesite="strict")


def templates() -> jinja2.Environment:
    """The environment of the templates: everything is escaped, an unknown name is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        ago=numbers.ago,
        clock=numbers.clock_time,
        day=numbers.day_and_time,
        iso=numbers.iso,
        human=numbers.human,
        duration=numbers.duration,
        told=words.told,
        linked=link_traces,
    )
    environment.globals.update(
        severities=words.SEVERITY,
        incident_words=words.INCIDENT,
        run_words=words.RUN,
        version=_static_version(),
    )
    return environment


def _static_version() -> str:
    """Changes with the style sheet and the script, so that browsers may keep them."""
    digest = hashlib.sha256()
    for path in sorted(STATIC.iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
