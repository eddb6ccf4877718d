"""Anything that speaks the Prometheus HTTP API as a store: Prometheus, Mimir, Thanos, VictoriaMetrics."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import msgspec
import numpy as np
import urllib3
from numpy.typing import NDArray

from watchkeeper.durations import format_duration
from watchkeeper.errors import StoreError
from watchkeeper.queries import Query
from watchkeeper.queries.render import selector_text
from watchkeeper.settings import Prometheus
from watchkeeper.signals import Distribution, Selection, Signal
from watchkeeper.stores import Labels, Matrix, Vector
from watchkeeper.stores.exemplars import Exemplar, selector, trace_of
from watchkeeper.tls import client_context

__all__ = ["MAX_POINTS", "PrometheusStore"]

log = logging.getLogger(__name__)

MAX_POINTS = 11_000
"""Prometheus refuses a range query with more steps than this (web/api/v1/api.go); longer ranges are asked in parts."""

_FIRST_WAIT = 0.2
_NO_ENDPOINT = (404, 405, 501)
_SHOWN = 300


class PrometheusStore:
    """A store behind a URL; any number of threads may use it.

    `headers` gives those that hold secrets and is called at every request, so that rotated ones are picked up.
    `timeout` (seconds) is for each request; connection failures and answers of 500 and above are tried
    `retries` times more, each wait twice the one before. Raises StoreError when the URL or `ca_file` cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Callable[[], Mapping[str, str]] = dict,
        ca_file: str = "",
        timeout: float = 30.0,
        retries: int = 2,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise StoreError(f"{url!r} is no address of Prometheus: write http://HOST:PORT or https://HOST:PORT")
        if parts.username or parts.password:
            raise StoreError(
                f"{parts.scheme}://…@{parts.hostname}: credentials do not belong into the url: write user and password"
            )
        self.url = url.rstrip("/")
        self._headers = headers
        self._timeout = timeout
        self._retries = retries
        self._sleep = sleep
        self._warned: set[str] = set()
        try:
            context = client_context(ca_file)
        except OSError as error:
            raise StoreError(f"{ca_file}: no certificates can be read: {error.strerror or error}") from None
        self._pool = urllib3.PoolManager(
            maxsize=8, ssl_context=context, timeout=urllib3.Timeout(connect=min(10.0, timeout), read=timeout)
        )

    @classmethod
    def from_settings(cls, settings: Prometheus) -> Self:
        """The store that the settings describe. Raises StoreError."""
        return cls(settings.url, headers=settings.credentials, ca_file=settings.ca_file, timeout=settings.timeout)

    def close(self) -> None:
        """Close idle connections."""
        self._pool.clear()

    # --- the protocol ---------------------------------------------------------------------------------------------

    def instant(self, query: Query, at: float, *, auto: float = 300.0) -> Vector:
        """The value of a query at a time. Raises StoreError."""
        data = self._ask("query", {"query": query.promql(format_duration(auto)), "time": _time(at)})
        kind, result = data["resultType"], data["result"]
        if kind == "scalar":
            return Vector(at, ({},), (float(result[1]),))
        if kind != "vector":
            raise StoreError(f"{self.url}: the answer is a {kind}, not a vector: {query.promql('5m')[:_SHOWN]}")
        values = tuple(float(self._plain(entry, "value")[1]) for entry in result)
        return Vector(at, tuple(entry["metric"] for entry in result), values)

    def range(self, query: Query, start: float, end: float, step: float, *, auto: float = 300.0) -> Matrix:
        """The values of a query from `start` to `end`, both included, every `step` seconds. Raises StoreError."""
        first, last, spacing = round(start * 1000), round(end * 1000), round(step * 1000)
        if spacing <= 0 or last < first:
            raise StoreError(f"a range from {start} to {end} by {step} s has no steps")
        steps = np.arange(first, last + 1, spacing, dtype=np.int64)
        text = query.promql(format_duration(auto))
        rows: dict[tuple[tuple[str, str], ...], tuple[NDArray[np.float64], NDArray[np.bool_]]] = {}
        for begin, until in _parts(len(steps)):
            fields = {
                "query": text,
                "start": _time(steps[begin] / 1000),
                "end": _time(steps[until - 1] / 1000),
                "step": _time(spacing / 1000),
            }
            for entry in self._ask("query_range", fields)["result"]:
                key = tuple(sorted(entry["metric"].items()))
                if key not in rows:
                    rows[key] = np.full(len(steps), np.nan), np.zeros(len(steps), np.bool_)
                values, present = rows[key]
                points = self._plain(entry, "values")
                at = np.array([round(point[0] * 1000) - first for point in points], np.int64) // spacing
                values[at] = [float(point[1]) for point in points]
                present[at] = True
        shape = (len(rows), len(steps))
        return Matrix(
            steps / 1000,
            tuple(dict(key) for key in rows),
            np.array([values for values, _ in rows.values()], np.float64).reshape(shape),
            np.array([present for _, present in rows.values()], np.bool_).reshape(shape),
        )

    def series(self, what: Signal | Selection[Signal], start: float, end: float) -> Sequence[Labels]:
        """The labels of the series with samples from `start` to `end`; a histogram is looked for by its count.

        Raises StoreError.
        """
        selection = what if isinstance(what, Selection) else Selection(what)
        if isinstance(selection.signal, Distribution):
            selection = Selection(selection.signal.count, selection.matchers)
        fields = {"match[]": selector_text(selection), "start": _time(start), "end": _time(end)}
        return tuple(self._ask("series", fields))

    def exemplars(
        self, metrics: Sequence[str], labels: Mapping[str, str], start: float, end: float
    ) -> Sequence[Exemplar]:
        """What `ExemplarSource` says; none where the server keeps none, or has no such endpoint. Raises StoreError."""
        fields = {"query": selector(metrics, labels), "start": _time(start), "end": _time(end)}
        found = []
        for entry in self._ask("query_exemplars", fields, unknown=()) or ():
            series = dict(entry["seriesLabels"])
            name = series.pop("__name__", "")
            for one in entry["exemplars"]:
                if trace := trace_of(one["labels"].items()):
                    found.append(Exemplar(name, series, trace, float(one["value"]), float(one["timestamp"])))
        return sorted(found, key=lambda one: one.time)

    # --- the wire -------------------------------------------------------------------------------------------------

    def _plain(self, entry: Mapping[str, Any], key: str) -> Any:
        if key not in entry:
            raise StoreError(f"{self.url}: the answer holds native histograms, which queries do not know")
        return entry[key]

    def _ask(self, endpoint: str, fields: Mapping[str, str], *, unknown: Any = None) -> Any:
        """The `data` of an answer, `unknown` (when it is given) where the server has no such endpoint."""
        address = f"{self.url}/api/v1/{endpoint}"
        response = self._send(address, urlencode(fields).encode())
        if unknown is not None and response.status in _NO_ENDPOINT:
            return unknown
        try:
            answer = msgspec.json.decode(response.data)
            status = answer["status"]
        except (msgspec.DecodeError, KeyError, TypeError):
            raise StoreError(f"{address}: {_status(response)}: {_line(response.data)}") from None
        if status != "success":
            kind, message = answer.get("errorType", "error"), answer.get("error", "no message")
            raise StoreError(f"{address}: {_status(response)}: {kind}: {_line(message.encode())}")
        for warning in answer.get("warnings") or ():
            if warning not in self._warned and len(self._warned) < 1000:
                self._warned.add(warning)
                log.warning("%s: %s", self.url, warning)
        return answer["data"]

    def _send(self, address: str, body: bytes) -> urllib3.BaseHTTPResponse:
        wait = _FIRST_WAIT
        for attempt in range(self._retries + 1):
            last = attempt == self._retries
            try:
                response = self._pool.request(
                    "POST", address, body=body, headers=self._all_headers(), retries=False, redirect=False
                )
                if response.status < 500 or last:
                    return response
            except urllib3.exceptions.ReadTimeoutError:
                # Not again: the server is still busy with this one.
                raise StoreError(f"{address}: no answer within {self._timeout:g} s") from None
            except urllib3.exceptions.SSLError as error:
                raise StoreError(f"{address}: TLS failed: {_reason(error)}: check ca_file") from None
            except urllib3.exceptions.HTTPError as error:
                if last:
                    raise StoreError(f"{address}: cannot be reached: {_reason(error)}") from None
            self._sleep(wait)
            wait *= 2
        raise AssertionError("unreachable")

    def _all_headers(self) -> dict[str, str]:
        own = {"Accept-Encoding": "gzip", "Content-Type": "application/x-www-form-urlencoded"}
        return {**own, **self._headers()}


def _parts(steps: int) -> Iterator[tuple[int, int]]:
    for begin in range(0, steps, MAX_POINTS):
        yield begin, min(begin + MAX_POINTS, steps)


def _time(seconds: float) -> str:
    return f"{seconds:.3f}"


def _status(response: urllib3.BaseHTTPResponse) -> str:
    where = response.headers.get("Location")
    return f"status {response.status}" + (f" to {where}: write that address" if where else "")


def _line(text: bytes) -> str:
    """The beginning of a text as one line."""
    words = " ".join(text.decode("utf-8", errors="replace").split())
    return words[:_SHOWN] + ("…" if len(words) > _SHOWN else "") or "an empty answer"


def _reason(error: Exception) -> str:
    """The innermost cause: urllib3's own text repeats addresses and objects."""
    reason = getattr(error, "reason", None) or error.__cause__ or error
    text = getattr(reason, "strerror", None) or str(reason)
    return _line(
        text.rpartition("object at 0x")[2].partition(": ")[2].encode() if "object at 0x" in text else text.encode()
    )
