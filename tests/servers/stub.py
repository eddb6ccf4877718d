"""An HTTP server that replays recorded replies by path: for services that cannot run here.

    with stub({"/_cluster/health": recorded("elasticsearch/cluster-health.json")}) as server:
        ...
        assert server.requests[0].path == "/_cluster/health"

It answers what it was given and knows nothing of the service that it stands for.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

__all__ = ["RECORDED", "Reply", "Request", "Stub", "recorded", "stub"]

RECORDED = Path(__file__).parent.parent / "recorded"
"""The directory of recorded replies."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. `hang` holds it back until the stub ends; `cut` closes the connection after so many bytes."""

    body: bytes = b"{}"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False
    cut: int | None = None

    @classmethod
    def of(cls, value: Any, status: int = 200) -> Reply:
        """A value as JSON."""
        return cls(json.dumps(value).encode(), status, {"Content-Type": "application/json"})


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asked; `headers` have lower-case names, `query` is the text after the question mark."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Stub:
    """A running stub: `replies` by path, or by a pattern as of a shell, may be changed meanwhile; the first one that
    fits answers, and nothing that fits is 404.
    """

    url: str
    replies: dict[str, Reply]
    requests: list[Request] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    def asked(self, path: str) -> int:
        """How often a path was asked for."""
        return sum(fnmatchcase(request.path, path) for request in self.requests)

    def reply(self, path: str) -> Reply:
        """The answer to a path."""
        if path in self.replies:
            return self.replies[path]
        found = (reply for pattern, reply in self.replies.items() if fnmatchcase(path, pattern))
        return next(found, Reply.of({"error": "not found", "status": 404}, 404))


def recorded(path: str) -> Reply:
    """A recorded reply, as it stands in tests/recorded."""
    kind = "application/json" if path.endswith(".json") else "text/plain; version=0.0.4"
    return Reply((RECORDED / path).read_bytes(), headers={"Content-Type": kind})


@contextlib.contextmanager
def stub(replies: Mapping[str, Reply]) -> Iterator[Stub]:
    """A stub on a free loopback port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body are two writes: the second would wait 40 ms

        def answer(self) -> None:
            path, _, query = self.path.partition("?")
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            state.requests.append(Request(self.command, path, query, headers, body))
            reply = state.reply(path)
            if reply.hang:
                state.gate.wait(30)
                self.close_connection = True
                return
            with contextlib.suppress(OSError):
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body[: reply.cut])
                self.close_connection = self.close_connection or reply.cut is not None

        do_GET = do_POST = answer  # noqa: N815  the names that http.server looks for

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        state = Stub(f"http://127.0.0.1:{server.server_address[1]}", dict(replies))
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield state
        finally:
            state.gate.set()
            server.shutdown()
            thread.join()
