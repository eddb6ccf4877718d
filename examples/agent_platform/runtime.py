"""What every process of the example platform has: a private control channel, /metrics, an HTTP server, HTTP clients.

The parent speaks over standard input in JSON lines: first the settings, which the process answers on standard output
with its own addresses; then the addresses of the others, answered when it is ready; later where spans go, and the
faults. When standard input ends, the process ends: it cannot outlive its parent. Nothing of the channel shows in
metrics, logs or traces.
"""

from __future__ import annotations

import http.client
import json
import logging
import os
import random
import re
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from watchkeeper.instrumentation import TracingError, configure_tracing, expose, http_client, http_server

__all__ = ["Answer", "CallError", "Fault", "Peer", "Process", "Request", "Route", "main"]

_log = logging.getLogger("platform")


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that is switched on: its name, how strong it is, and a number in [0, 1) that chooses what it strikes."""

    name: str
    magnitude: float
    choice: float = 0.0

    def pick(self, things: tuple[Any, ...]) -> Any:
        """The thing that it strikes."""
        return things[int(self.choice * len(things))]


@dataclass(frozen=True, slots=True)
class Request:
    """A request that has arrived: the parts that its route's pattern names, and its body from JSON."""

    parts: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler answers: a status and JSON, or lines of JSON that are sent as they come."""

    status: int
    body: Any = None
    lines: Iterator[Any] | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """A method, a path pattern as `/tasks/{id}`, and who answers."""

    method: str
    pattern: str
    handle: Callable[[Request], Answer]

    @property
    def regex(self) -> re.Pattern[str]:
        """The pattern as a regular expression."""
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.pattern))


class CallError(Exception):
    """A call of another process failed; `error_type` is its class for the metrics."""

    def __init__(self, peer: str, error_type: str) -> None:
        super().__init__(f"{peer} answered {error_type}")
        self.error_type = error_type


class Peer:
    """Another process, reached over kept connections."""

    def __init__(self, name: str, address: str) -> None:
        self.name = name
        self._host, _, port = address.rpartition(":")
        self._port = int(port)
        self._idle: list[http.client.HTTPConnection] = []

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        timeout: float = 60.0,
        first_line: Callable[[], None] | None = None,
    ) -> Any:
        """Send JSON and give what comes back (the last line of a stream); raises CallError for anything but 2xx.

        `first_line` is called when the first line of a streamed answer has arrived.
        """
        headers = {"content-type": "application/json"}
        with http_client(method, self.name, headers) as request:
            request.status, data = self._exchange(method, path, body, headers, timeout, first_line)
        if request.status >= 300:
            raise CallError(self.name, str(request.status))
        return json.loads(data) if data else None

    def untimed(self, method: str, path: str, body: Any = None, *, timeout: float = 60.0) -> Any:
        """The same without metrics and trace, for what stands for a driver's own protocol; raises CallError."""
        status, data = self._exchange(method, path, body, {"content-type": "application/json"}, timeout, None)
        if status >= 300:
            raise CallError(self.name, str(status))
        return json.loads(data) if data else None

    def _exchange(
        self,
        method: str,
        path: str,
        body: Any,
        headers: dict[str, str],
        timeout: float,
        first_line: Callable[[], None] | None,
    ) -> tuple[int, bytes]:
        connection, reply = self._send(method, path, json.dumps(body).encode(), headers, timeout)
        if first_line is not None and reply.status < 300:
            reply.readline()
            first_line()
        lines = reply.read().splitlines()
        self._idle.append(connection)
        return reply.status, lines[-1] if lines else b""

    def _send(
        self, method: str, path: str, data: bytes, headers: dict[str, str], timeout: float
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        while self._idle:
            connection = self._idle.pop()
            try:
                connection.request(method, path, data, headers)
                return connection, connection.getresponse()
            except (OSError, http.client.HTTPException):
                connection.close()
        connection = http.client.HTTPConnection(self._host, self._port, timeout=timeout)
        connection.request(method, path, data, headers)
        return connection, connection.getresponse()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Buffered, so that head and body leave in one packet.
    wbufsize = -1
    disable_nagle_algorithm = True
    routes: tuple[tuple[Route, re.Pattern[str]], ...] = ()
    timed = True

    def _answer(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        data = self.rfile.read(length)
        for route, regex in self.routes:
            found = regex.fullmatch(self.path)
            if found is not None and route.method == self.command:
                request = Request(found.groupdict(), json.loads(data) if data else None)
                if not self.timed:
                    self._send(route.handle(request))
                    return
                with http_server(self.command, route.pattern, {k.lower(): v for k, v in self.headers.items()}) as timer:
                    answer = route.handle(request)
                    timer.status = answer.status
                    self._send(answer)
                return
        self._send(Answer(404, {"error": "no such path"}))

    do_GET = do_POST = do_PATCH = _answer  # noqa: N815 - the names that http.server looks for

    def _send(self, answer: Answer) -> None:
        if answer.lines is None:
            data = b"" if answer.body is None else json.dumps(answer.body).encode()
            self.send_response_only(answer.status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            self.wfile.flush()
            return
        self.send_response_only(answer.status)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for line in answer.lines:
            data = json.dumps(line).encode() + b"\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """No access log: the metrics have it."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self) -> None:
        # Without the look-up of the host's name that HTTPServer does, which may wait for a name server.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "localhost", self.server_address[1]


@dataclass
class Process:
    """The running process: its settings, the others, and the fault that is on, None when none is."""

    name: str
    seed: int
    pace: float
    settings: Mapping[str, Any]
    peers: dict[str, Peer] = field(default_factory=dict)
    fault: Fault | None = None
    on_fault: Callable[[], None] = lambda: None

    def rng(self, purpose: str = "") -> random.Random:
        """A random generator of this process for a purpose."""
        return random.Random(f"{self.seed}/{self.name}/{purpose}")  # noqa: S311 - repeatable on purpose

    def fault_is(self, name: str) -> Fault | None:
        """The fault of this name, when it is on."""
        fault = self.fault
        return fault if fault is not None and fault.name == name else None


def main(
    name: str,
    *,
    routes: Callable[[Process], tuple[Route, ...]] | None = None,
    start: Callable[[Process], None] | None = None,
    observed: bool = True,
) -> None:
    """Run a process until its standard input ends.

    `routes` makes what it answers; `start` is called once the addresses of the others are known; `observed` ones expose
    metrics and time their requests.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    lines = (json.loads(line) for line in iter(sys.stdin.readline, ""))
    settings = next(lines)
    process = Process(name, settings["seed"], settings["pace"], settings)
    close_tracing: Callable[[], None] | None = None
    if settings.get("otlp_endpoint") and observed:
        close_tracing = configure_tracing(name, settings["otlp_endpoint"], instance=name)
    addresses: dict[str, Any] = {}
    if routes is not None:
        made = tuple((route, route.regex) for route in routes(process))
        handler = type("Handler", (_Handler,), {"routes": made, "timed": observed})
        server = _Server(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 60}, daemon=True).start()
        addresses["http"] = f"127.0.0.1:{server.server_port}"
    if observed:
        addresses["metrics"] = expose().url
    print(json.dumps(addresses), flush=True)  # noqa: T201 - the answer on the control channel
    process.peers.update({peer: Peer(peer, address) for peer, address in next(lines)["peers"].items()})
    if start is not None:
        start(process)
    _log.info("%s is ready", name)
    print("{}", flush=True)  # noqa: T201 - the answer on the control channel
    for message in lines:
        if "otlp_endpoint" in message:
            answer = {}
            try:
                # Not closed at the end: who takes the spans ends first, and there would be a wait for nothing.
                configure_tracing(name, message["otlp_endpoint"], instance=name)
            except TracingError as error:
                answer["problem"] = str(error)
            print(json.dumps(answer), flush=True)  # noqa: T201 - the answer on the control channel
            continue
        fault = message.get("fault")
        process.fault = Fault(**fault) if fault else None
        process.on_fault()
    if close_tracing is not None:
        close_tracing()
    os._exit(0)
