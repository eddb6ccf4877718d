"""Timing of HTTP requests, for any server and client, with the trace carried across.

with http_server("POST", "/tasks", request_headers) as request:
    ...
    request.status = 202

with http_client("POST", "tools", headers) as request:      # `headers` now carry traceparent
    request.status = send(headers)
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, MutableMapping
from types import TracebackType
from typing import Self

from watchkeeper.instrumentation import conventions as names
from watchkeeper.instrumentation import metrics
from watchkeeper.instrumentation.operations import Operation
from watchkeeper.instrumentation.tracing import continue_trace, inject

__all__ = ["ClientRequest", "ServerRequest", "http_client", "http_server"]

# The methods of RFC 9110 and PATCH; anything else is `_OTHER`, since a caller could make up any number of them.
_METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})


class _Request(Operation):
    __slots__ = ("method", "status", "where")

    def __init__(self, method: str, where: str) -> None:
        super().__init__()
        self.method = method if method in _METHODS else "_OTHER"
        self.where = where
        self.status = 0
        self.attributes = {names.HTTP_METHOD: self.method}

    @property
    def span_name(self) -> str:
        return f"{self.method} {self.where}"

    def _failed_from(self) -> int:
        raise NotImplementedError

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.status:
            self.set(names.HTTP_STATUS, self.status)
            if self.status >= self._failed_from():
                self.fail(str(self.status))
        Operation.__exit__(self, kind, error, trace)


class ServerRequest(_Request):
    """A request that is answered; set `status` before it ends."""

    __slots__ = ("_headers", "_trace")
    kind = "server"

    def __init__(self, method: str, route: str, headers: Mapping[str, str]) -> None:
        super().__init__(method, route)
        self.attributes[names.HTTP_ROUTE] = route
        self._headers = headers
        self._trace: contextlib.AbstractContextManager[None] | None = None

    def again(self) -> ServerRequest:
        return ServerRequest(self.method, self.where, self._headers)

    def _failed_from(self) -> int:
        return 500

    def __enter__(self) -> Self:
        self._trace = continue_trace(self._headers)
        self._trace.__enter__()
        return Operation.__enter__(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _Request.__exit__(self, kind, error, trace)
        if self._trace is not None:
            self._trace.__exit__(None, None, None)

    def _ended(self, seconds: float, error_type: str) -> None:
        status = str(self.status) if self.status else "500" if error_type else ""
        family = metrics.HTTP_SERVER_DURATION.child(self.method, self.where, status, error_type)
        family.observe(seconds, self._exemplar())


class ClientRequest(_Request):
    """A request that is sent; set `status` when the answer is there."""

    __slots__ = ("_headers",)
    kind = "client"

    def __init__(self, method: str, server: str, headers: MutableMapping[str, str]) -> None:
        super().__init__(method, server)
        self.attributes[names.SERVER_ADDRESS] = server
        self._headers = headers

    @property
    def span_name(self) -> str:
        return self.method

    def again(self) -> ClientRequest:
        return ClientRequest(self.method, self.where, self._headers)

    def _failed_from(self) -> int:
        return 400

    def __enter__(self) -> Self:
        entered = Operation.__enter__(self)
        inject(self._headers)
        return entered

    def _ended(self, seconds: float, error_type: str) -> None:
        status = str(self.status) if self.status else ""
        family = metrics.HTTP_CLIENT_DURATION.child(self.method, self.where, status, error_type)
        family.observe(seconds, self._exemplar())


def http_server(method: str, route: str, headers: Mapping[str, str] | None = None) -> ServerRequest:
    """A request that this process answers.

    `route` is the pattern (`/tasks/{id}`), never the path; the names of `headers` are in lower case.
    """
    return ServerRequest(method, route, headers if headers is not None else {})


def http_client(method: str, server: str, headers: MutableMapping[str, str] | None = None) -> ClientRequest:
    """A request that this process sends to the service of this logical name; `traceparent` is added to `headers`."""
    return ClientRequest(method, server, headers if headers is not None else {})
