"""Web vitals of browsers over OTLP: an ASGI application that serves the script and receives what it measures.

    app.mount("/watchkeeper", web_vitals(["/", "/orders/{id}"]))
    <script src="/watchkeeper/vitals.js" defer></script>

It takes OTLP/HTTP logs as JSON with events named `browser.web_vital`, which OTel's own browser SDK sends too. Anybody
can send such a request: bodies are bounded, values must be possible, and a page that is not one of `pages` is counted
as `other`, so that nobody can make up series. What nobody can know is whether a value is true.

Pages of another origin need `origins=["https://shop.example"]`: their browsers ask first (a CORS preflight).
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from importlib.resources import files
from typing import Any

from watchkeeper.instrumentation import metrics

__all__ = ["WebVitals", "web_vitals"]

_LIMIT_BYTES = 64 * 1024
_EVENTS = 50
_MILLISECONDS = 1e-3
# The name of a vital, its family, what turns the browser's value into the signal's unit, the most that is possible.
_VITALS: dict[str, tuple[Any, float, float]] = {
    "lcp": (metrics.LCP, _MILLISECONDS, 600.0),
    "inp": (metrics.INP, _MILLISECONDS, 600.0),
    "cls": (metrics.CLS, 1.0, 100.0),
    "ttfb": (metrics.TTFB, _MILLISECONDS, 600.0),
}
_PARAMETER = re.compile(r"\\\{([^/{}]+)\\\}")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


class WebVitals:
    """See `web_vitals`."""

    def __init__(self, pages: Sequence[str], origins: Sequence[str] = ()) -> None:
        self._pages = [(page, re.compile(_PARAMETER.sub(_parameter, re.escape(page)))) for page in pages]
        self._origins = frozenset(origin.rstrip("/").encode() for origin in origins)
        self._script = files("watchkeeper.instrumentation").joinpath("vitals.js").read_bytes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
        if scope["type"] != "http":
            return
        path, method = str(scope["path"]), str(scope["method"])
        cors = self._cors(scope)
        if path.endswith("/vitals.js") and method in ("GET", "HEAD"):
            script = self._script if method == "GET" else b""
            await _answer(send, 200, script, b"text/javascript; charset=utf-8", b"max-age=3600", cors)
        elif path.endswith("/v1/logs") and method == "POST":
            reason = self.receive(await _body(receive))
            if reason:
                metrics.VITALS_REFUSED.child(reason).inc()
            await _answer(send, 400 if reason else 200, b"{}", b"application/json", b"no-store", cors)
        elif path.endswith("/v1/logs") and method == "OPTIONS" and cors:
            asked = [
                (b"access-control-allow-methods", b"POST"),
                (b"access-control-allow-headers", b"content-type"),
                (b"access-control-max-age", b"3600"),
            ]
            await _answer(send, 200, b"", b"text/plain", b"no-store", [*cors, *asked])
        else:
            await _answer(send, 404, b"not found\n", b"text/plain", b"no-store")

    def _cors(self, scope: Scope) -> Headers:
        """What lets the browser of a page of another origin send, when that one is allowed."""
        origin = next((value for name, value in scope.get("headers", ()) if name == b"origin"), b"")
        if origin not in self._origins:
            return []
        # A beacon is sent with the cookies of this origin, which are not looked at.
        return [
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-credentials", b"true"),
            (b"vary", b"origin"),
        ]

    def receive(self, body: bytes | None) -> str:
        """Count the vitals of a request's body; why it was refused, or nothing."""
        if body is None:
            return "too_large"
        try:
            events = list(_events(json.loads(body)))
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError):
            return "not_otlp"
        if len(events) > _EVENTS:
            return "too_many"
        reason = ""
        for event in events:
            name, value = event.get("browser.web_vital.name"), event.get("browser.web_vital.value")
            vital = _VITALS.get(name.lower()) if isinstance(name, str) else None
            if vital is None or isinstance(value, bool) or not isinstance(value, int | float):
                reason = "not_a_vital"
                continue
            family, factor, most = vital
            # Compared first: an integer of a thousand digits is no float.
            if not 0 <= value <= most / factor:
                reason = "impossible_value"
                continue
            family.child(self._page(str(event.get("url.path", "")))).observe(value * factor)
        return reason

    def _page(self, path: str) -> str:
        return next((page for page, pattern in self._pages if pattern.fullmatch(path)), "other")


def _events(request: Any) -> Iterator[dict[str, Any]]:
    """The attributes of the events in an OTLP/JSON request."""
    for resource in request["resourceLogs"] if isinstance(request, dict) and "resourceLogs" in request else _wrong():
        for scope in resource.get("scopeLogs", ()):
            for record in scope.get("logRecords", ()):
                attributes = {one["key"]: _value(one["value"]) for one in record.get("attributes", ())}
                if record.get("eventName", attributes.get("event.name")) == "browser.web_vital":
                    yield attributes


def _wrong() -> Iterable[Any]:
    raise ValueError("no OTLP logs")


def _value(value: Mapping[str, Any]) -> Any:
    for kind in ("stringValue", "doubleValue"):
        if kind in value:
            return value[kind]
    return int(value["intValue"]) if "intValue" in value else None


async def _body(receive: Receive) -> bytes | None:
    parts, size = [], 0
    while True:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if message["type"] != "http.request" or size > _LIMIT_BYTES:
            return None
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


async def _answer(
    send: Send, status: int, body: bytes, content_type: bytes, cache: bytes, more: Headers | None = None
) -> None:
    headers = [
        *(more or ()),
        (b"content-type", content_type),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", cache),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _parameter(found: re.Match[str]) -> str:
    return ".+" if found[1].endswith(":path") else "[^/]+"


def web_vitals(pages: Sequence[str] = (), *, origins: Sequence[str] = ()) -> WebVitals:
    """An ASGI application to mount in the application whose pages are measured.

    `pages` are the paths to tell apart, with parameters in braces as Starlette has them (`/orders/{id}`,
    `/files/{rest:path}`); all others are `other`. `origins` are those of pages that are served elsewhere.
    """
    return WebVitals(pages, origins)
