"""The guard in front of every request: which hosts and origins may ask, and the headers that every answer carries.

There is no log-in yet: the console listens on the loopback address unless told otherwise. So the danger is somebody
else's page in the same browser. A name that merely resolves to this machine is refused (DNS rebinding), a form must
come from our own page (origin and token), and nothing may frame, script or style the pages but ourselves.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = [
    "HEADERS",
    "MACHINE_PATHS",
    "TOKEN_COOKIE",
    "Guard",
    "host_allowed",
    "new_token",
    "same_origin",
    "token_matches",
]

TOKEN_COOKIE = "watchkeeper_token"  # noqa: S105  the name of a cookie

MACHINE_PATHS = ("/webhooks/", "/v1/", "/metrics", "/healthz", "/readyz")
"""What other machines ask, under whatever name they know this one by."""

_NOT_FOR_BROWSERS = ("/webhooks/", "/v1/")

HEADERS: Mapping[str, str] = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    # With `no-referrer` browsers would send `Origin: null` with our own forms.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_SAFE = {"GET", "HEAD", "OPTIONS"}
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


class Guard:
    """ASGI middleware: refuses foreign hosts and origins, adds the headers, and tells `count` of every answer."""

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str], count: Callable[[str, int], None]) -> None:
        self._app = app
        self._hosts = _LOCAL | {host.lower().strip("[]") for host in hosts if host}
        self._count = count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = self._refusal(scope)
        app: Callable[[Scope, Receive, Send], Awaitable[None]] = self._app
        if refused is not None:
            app = refused

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._count(scope["method"], message["status"])
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await app(scope, receive, answer)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        path = scope["path"]
        if path.startswith(MACHINE_PATHS):
            if path.startswith(_NOT_FOR_BROWSERS) and (headers.get("origin") or headers.get("sec-fetch-site")):
                return PlainTextResponse("webhooks and spans are not taken from browsers\n", 403)
            return None
        host = headers.get("host", "")
        if not host_allowed(host, self._hosts):
            return PlainTextResponse(
                f"the host {host[:100]!r} is not known here: set console_url to the address that people use\n", 421
            )
        if scope["method"] not in _SAFE and not same_origin(headers):
            return PlainTextResponse(
                "this request does not come from a page of the console: open the console itself\n", 403
            )
        return None


def host_allowed(host: str, names: Iterable[str]) -> bool:
    """Whether a Host header is one of ours: a known name, or a literal address, which nobody can rebind."""
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    if not name:
        return False
    if name.lower() in names:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def same_origin(headers: Mapping[str, str]) -> bool:
    """Whether a browser sent the request from our own page; what is no browser says nothing, and needs the token."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


def new_token() -> str:
    """A token for the forms of one browser."""
    return secrets.token_urlsafe(24)


def token_matches(cookie: str | None, field: str) -> bool:
    """Whether the token of a form is that of the browser's cookie."""
    return bool(cookie) and hmac.compare_digest(str(cookie).encode(), field.encode())
