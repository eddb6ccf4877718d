"""Probes: `http://` and `https://`: a page as a user gets it, with its redirects, each time over new connections."""

from __future__ import annotations

import contextlib
import http.client
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from collectors import options
from collectors.http import authorization
from collectors.probes_net import Probe, ProbeError, Resolver, Tls
from watchkeeper.errors import SettingsError
from watchkeeper.systems import probes as s

if TYPE_CHECKING:
    from watchkeeper.settings import Target

__all__ = ["HttpProbe"]

# More of a page is not read: neither its length nor its text is of use then, and the sidecar stays small.
_LIMIT_BYTES = 4 * 1024 * 1024
_CHUNK = 64 * 1024
_MOST_REDIRECTS = 10
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
# What may stand in a request as it is: servers redirect to addresses with spaces and umlauts.
_PATH = "/?%:=&~#+!$,;'@()*[]"
_METHODS = ("GET", "HEAD", "POST", "PUT", "OPTIONS")


class HttpProbe:
    """Gets a page. Raises SettingsError when the url or an option cannot be meant so."""

    def __init__(self, target: Target, url: SplitResult) -> None:
        self._target = target
        self._url = url
        self._tls = Tls(target)
        self._method = options.text(target, "method", "GET", example="GET").upper()
        if self._method not in _METHODS:
            raise options.wrong(target, "method", f"allowed: {', '.join(_METHODS)}")
        if not url.hostname:
            raise SettingsError(f"target {target.name}: the url names no host: http://HOST/PATH", place=("url",))
        self._body = options.text(target, "body").encode() if "body" in target.options else None
        self._headers = _headers(target)
        self._status = _statuses(target)
        self._expect = options.pattern(target, "expect")
        self._reject = options.pattern(target, "reject")
        self._follow = options.flag(target, "follow_redirects", True)

    def run(self, probe: Probe, resolver: Resolver) -> None:
        """Get it. Raises ProbeError, OSError, http.client.HTTPException."""
        probe.set(s.PROBE_FAILED_DUE_TO_REGEX, 0.0)
        method, body, url = self._method, self._body, self._url
        for redirects in range(_MOST_REDIRECTS + 1):
            response = self._asked(probe, resolver, url, method, body)
            probe.set(s.PROBE_HTTP_REDIRECTS, redirects)
            place = response.headers.get("Location")
            if not (self._follow and response.status in _REDIRECTS and place):
                break
            url = urlsplit(urljoin(url.geturl(), place))
            if url.scheme not in {"http", "https"} or not url.hostname:
                raise ProbeError("redirect")
            if response.status in {301, 302, 303} and method != "HEAD":
                method, body = "GET", None  # as browsers do
        else:
            raise ProbeError("redirect")
        self._judge(probe, response)

    def _asked(
        self, probe: Probe, resolver: Resolver, url: SplitResult, method: str, body: bytes | None
    ) -> http.client.HTTPResponse:
        phases = s.PROBE_HTTP_DURATION_SECONDS
        host, secure = url.hostname or "", url.scheme == "https"
        port = url.port or (443 if secure else 80)
        with probe.phase(phases, "resolve"):
            address = resolver.resolve(probe, host, port)
        with probe.phase(phases, "connect"):
            sock = probe.connect(address)
        if secure:
            with probe.phase(phases, "tls"):
                sock = self._tls.wrap(probe, sock, host, lambda: probe.connect(address))
        else:
            probe.add(phases, 0.0, "tls")
        sock.settimeout(probe.left())
        # The host of the url goes into the request, the socket is ours: names were resolved and timed above.
        connection = http.client.HTTPConnection(host, port)
        connection.sock = sock
        path = quote((url.path or "/") + (f"?{url.query}" if url.query else ""), safe=_PATH)
        with probe.phase(phases, "processing"):
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in self._sent(url, body).items():
                connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
        probe.set(s.PROBE_HTTP_STATUS_CODE, response.status)
        probe.set(s.PROBE_HTTP_VERSION, response.version / 10)
        probe.set(s.PROBE_HTTP_SSL, float(secure))
        return response

    def _sent(self, url: SplitResult, body: bytes | None) -> dict[str, str]:
        sent = {"Host": url.netloc.rpartition("@")[2], "User-Agent": "watchkeeper"}
        # What a redirect leads to is somebody else: it gets neither the password nor headers, which may hold a token.
        own = _origin(url) == _origin(self._url)
        if own:
            sent.update(self._headers)
        if body is not None:
            sent["Content-Length"] = str(len(body))
        if own:
            sent.update(authorization(self._target, self._url))
        return sent

    def _judge(self, probe: Probe, response: http.client.HTTPResponse) -> None:
        if response.length is not None and self._method != "HEAD":
            probe.set(s.PROBE_HTTP_CONTENT_LENGTH, response.length)
        with contextlib.suppress(ValueError, TypeError, IndexError):
            changed = parsedate_to_datetime(response.headers.get("Last-Modified", ""))
            probe.set(s.PROBE_HTTP_LAST_MODIFIED_TIMESTAMP_SECONDS, changed.timestamp())
        with probe.phase(s.PROBE_HTTP_DURATION_SECONDS, "transfer"):
            text = _read(probe, response)
        probe.set(s.PROBE_HTTP_UNCOMPRESSED_BODY_LENGTH, len(text))
        if not self._accepted(response.status):
            raise ProbeError("status")
        if self._expect is not None or self._reject is not None:
            page = text.decode("utf-8", errors="replace")
            missing = self._expect is not None and not self._expect.search(page)
            if missing or (self._reject is not None and self._reject.search(page)):
                probe.set(s.PROBE_FAILED_DUE_TO_REGEX, 1.0)
                raise ProbeError("answer")

    def _accepted(self, status: int) -> bool:
        return status in self._status if self._status else 200 <= status < 300


def _read(probe: Probe, response: http.client.HTTPResponse) -> bytes:
    parts, size = [], 0
    while size < _LIMIT_BYTES and (chunk := response.read1(_CHUNK)):
        parts.append(chunk)
        size += len(chunk)
        probe.left()
    if probe.over:
        raise TimeoutError
    if size < _LIMIT_BYTES and response.length:
        raise ConnectionResetError  # it promised more
    return b"".join(parts)[:_LIMIT_BYTES]


def _origin(url: SplitResult) -> tuple[str, str | None, int]:
    return url.scheme, url.hostname, url.port or (443 if url.scheme == "https" else 80)


def _headers(target: Target) -> dict[str, str]:
    headers = target.options.get("headers", {})
    if not isinstance(headers, dict):
        # What was found is not shown: it may be a token.
        found = type(headers).__name__
        raise SettingsError(
            f"target {target.name}: option headers is a {found}: it is a mapping, for example {{Accept: text/html}}",
            place=("options", "headers"),
        )
    return {str(name): str(value) for name, value in headers.items()}


def _statuses(target: Target) -> frozenset[int]:
    allowed = target.options.get("status", [])
    allowed = allowed if isinstance(allowed, list) else [allowed]
    if not all(isinstance(one, int) and 100 <= one < 600 for one in allowed):
        raise options.wrong(target, "status", "it is a list of numbers from 100 to 599")
    return frozenset(allowed)
