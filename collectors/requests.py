"""What a client asks: the head of an HTTP request, parsed within limits, and the form of answer that it accepts."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from urllib.parse import parse_qs, urlsplit

__all__ = ["MAX_HEAD_BYTES", "BadRequestError", "Request", "parse_request"]

MAX_HEAD_BYTES = 16 * 1024
_MAX_FIELDS = 100
# Prometheus gives up at its scrape timeout: the answer leaves this much earlier, at most a tenth of it.
_MARGIN_SECONDS = 0.5
# A client that allows less would only make reads fail, and have the targets left alone for it.
_LEAST_SECONDS = 0.25
_VERSIONS = {"HTTP/1.1", "HTTP/1.0"}
_OPENMETRICS_VERSIONS = {"", "1.0.0", "0.0.1"}
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


class BadRequestError(Exception):
    """A request that is answered with `status` and one line; the connection is closed after it."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class Request:
    """What matters of a request.

    `budget` is in seconds: when the answer must leave, from the header that Prometheus sends; None without it.
    `keep` says whether the client keeps the connection.
    """

    method: str
    path: str
    query: str
    keep: bool
    authorization: str
    budget: float | None
    openmetrics: bool
    gzip: bool

    @property
    def targets(self) -> list[str]:
        """The values of `target` in the query."""
        return parse_qs(self.query).get("target", [])


def parse_request(head: bytes) -> Request:
    """The request of a head, which ends before its empty line. Raises BadRequestError."""
    line, *rest = head.decode("latin-1").split("\r\n")
    words = line.split(" ")
    if len(words) != 3 or words[2] not in _VERSIONS or not words[1] or not words[1].isprintable():
        raise BadRequestError(400, "this is no HTTP/1.1 request")
    method, target, version = words
    if not words[1].isascii():
        raise BadRequestError(400, "the path is not ASCII")
    if method not in {"GET", "HEAD"}:
        raise BadRequestError(405 if method.isalpha() else 400, "only GET and HEAD are answered")
    if len(rest) > _MAX_FIELDS:
        raise BadRequestError(431, "too many header fields")
    fields: dict[str, str] = {}
    for text in rest:
        name, colon, value = text.partition(":")
        # A space before the colon, or a line that goes on, is how requests are smuggled.
        if not colon or not name or not _TOKEN.issuperset(name) or "\n" in value or "\r" in value or "\0" in value:
            raise BadRequestError(400, "a header field cannot be read")
        name = name.lower()
        if name == "host" and name in fields:
            raise BadRequestError(400, "the host is named twice")
        fields[name] = f"{fields[name]},{value.strip()}" if name in fields else value.strip()
    if "transfer-encoding" in fields or fields.get("content-length", "0") != "0":
        raise BadRequestError(413, "a request here has no body")
    path, query = _split(target)
    connection = fields.get("connection", "").lower()
    return Request(
        method=method,
        path=path,
        query=query,
        keep="close" not in connection if version != "HTTP/1.0" else "keep-alive" in connection,
        authorization=fields.get("authorization", ""),
        budget=_budget(fields.get("x-prometheus-scrape-timeout-seconds", "")),
        openmetrics=_wants_openmetrics(fields.get("accept", "")),
        gzip=_accepted(fields.get("accept-encoding", "")).get("gzip", 0.0) > 0,
    )


def _split(target: str) -> tuple[str, str]:
    if not target.startswith("/"):
        try:
            parts = urlsplit(target)
        except ValueError:
            raise BadRequestError(400, "the path cannot be read") from None
        return parts.path or "/", parts.query
    path, _, query = target.partition("#")[0].partition("?")
    return path, query


def _budget(text: str) -> float | None:
    try:
        timeout = float(text)
    except ValueError:
        return None
    if not (timeout > 0 and isfinite(timeout)):
        return None
    return max(_LEAST_SECONDS, timeout - min(_MARGIN_SECONDS, timeout / 10))


def _accepted(header: str) -> dict[str, float]:
    """The quality of each element of an Accept or Accept-Encoding header, which keeps its other parameters.

    Of equal elements the best counts.
    """
    found: dict[str, float] = {}
    for element in header.lower().split(","):
        name, *parameters = [part.strip() for part in element.split(";")]
        quality, version = 1.0, ""
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip() == "q":
                try:
                    quality = float(value)
                except ValueError:
                    quality = 0.0
            elif key.strip() == "version":
                version = value.strip().strip('"')
        if name == "application/openmetrics-text" and version not in _OPENMETRICS_VERSIONS:
            continue
        found[name] = max(found.get(name, 0.0), quality)
    return found


def _wants_openmetrics(header: str) -> bool:
    """Whether OpenMetrics is what the client likes best; what it does not know either is answered as text."""
    if "openmetrics" not in header.lower():
        return False
    accepted = _accepted(header)
    wanted = accepted.get("application/openmetrics-text", 0.0)
    text = accepted.get("text/plain", accepted.get("text/*", accepted.get("*/*", 0.0)))
    if wanted == text:
        order = list(accepted)
        return wanted > 0 and order.index("application/openmetrics-text") < min(
            [order.index(name) for name in ("text/plain", "text/*", "*/*") if name in accepted], default=len(order)
        )
    return wanted > text
