"""Probes: `http://` and `https://`: a page as a user gets it, with its redirects, each time over new connections."""

from __future__ import annotations

import contextlib
import http.client
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, quote, urljoin, urlsplit

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
        options = target.options
        self._target = target
        self._url = url
        self._tls = Tls(options)
        self._method = str(options.get("method", "GET")).upper()
        if self._method not in _METHODS:
            raise SettingsError(f"option method is {self._method!r}: allowed: {', '.join(_METHODS)}")
        if not url.hostname:
            raise SettingsError("the url names no host: http://HOST/PATH")
        self._body = str(options["body"]).encode() if "body" in options else None
        self._headers = _headers(options)
        self._status = _statuses(options)
        self._expect = options.get("expect")
        self._reject = options.get("reject")
        self._follow = bool(options.get("follow_redirects", True))

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
        sent = {"Host": url.netloc.rpartition("@")[2], "User-Agent": "watchkeeper", **self._headers}
        if body is not None:
            sent["Content-Length"] = str(len(body))
        # What a redirect leads to is somebody else, and gets no password.
        if (url.scheme, url.hostname, url.port) == (self._url.scheme, self._url.hostname, self._url.port):
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
            missing = self._expect is not None and not re.search(self._expect, page)
            if missing or (self._reject is not None and re.search(self._reject, page)):
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


def _headers(options: Mapping[str, Any]) -> dict[str, str]:
    headers = options.get("headers", {})
    if not isinstance(headers, dict):
        raise SettingsError(f"option headers is {headers!r}: it is a mapping, for example {{Accept: text/html}}")
    return {str(name): str(value) for name, value in headers.items()}


def _statuses(options: Mapping[str, Any]) -> frozenset[int]:
    allowed = options.get("status", [])
    allowed = allowed if isinstance(allowed, list) else [allowed]
    if not all(isinstance(one, int) and 100 <= one < 600 for one in allowed):
        raise SettingsError(f"option status is {allowed!r}: it is a list of numbers from 100 to 599")
    return frozenset(allowed)
