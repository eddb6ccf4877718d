"""A stand-in that speaks MongoDB's wire protocol and knows a few commands by heart.

It is a double of the wire, not of a server: it shows what is sent, and what becomes of each way to fail.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import bson

from tests.collectors.test_mongodb import CONFIG, DIAGNOSTIC, LINES, extended

__all__ = ["SERVER", "Wire", "wire"]

HELLO = {"helloOk": True, "ismaster": True, "isWritablePrimary": True, "maxBsonObjectSize": 2**24}
HELLO |= {"maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000, "minWireVersion": 0, "maxWireVersion": 21}


@dataclass
class Wire:
    """A running stand-in: `answers` by command, a function is asked for them; `seen` is what was asked. A `garbage` one
    answers nonsense to every command.
    """

    answers: Mapping[str, Any]
    seen: list[dict[str, Any]] = field(default_factory=list)
    garbage: bool = False
    port: int = 0
    open: int = 0

    @property
    def url(self) -> str:
        """Its address."""
        return f"mongodb://127.0.0.1:{self.port}"

    def commands(self, name: str) -> list[dict[str, Any]]:
        """The commands of a name that were sent."""
        return [command for command in self.seen if next(iter(command)).lower() == name.lower()]


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise ConnectionError
        data += piece
    return data


def _serve(wire: Wire, connection: socket.socket) -> None:
    with contextlib.suppress(OSError), connection:
        while True:
            length, request, _, code = struct.unpack("<iiii", _exactly(connection, 16))
            body = _exactly(connection, length - 16)
            if code == 2013:  # OP_MSG: flags, then a section of kind 0
                command = bson.decode(body[5:])
            else:  # OP_QUERY, which the driver greets with: flags, name, skip, limit, document
                command = bson.decode(body[body.index(b"\0", 4) + 9 :])
            wire.seen.append(command)
            name = next(iter(command))
            if wire.garbage and name.lower() not in {"hello", "ismaster"}:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                return
            known = {"hello": HELLO, "ismaster": HELLO, "endsessions": {}}
            answer = wire.answers.get(name) or known.get(name.lower())
            if callable(answer):
                answer = answer(command)
            if answer is None:
                answer = {"ok": 0.0, "code": 59, "errmsg": f"no such command: {name!r}"}
            reply = bson.encode({"ok": 1.0, **answer})
            if code == 2013:
                sent = struct.pack("<iB", 0, 0) + reply
                connection.sendall(struct.pack("<iiii", 16 + len(sent), 1, request, 2013) + sent)
            else:
                sent = struct.pack("<iqii", 8, 0, 0, 1) + reply
                connection.sendall(struct.pack("<iiii", 16 + len(sent), 1, request, 1) + sent)


@contextlib.contextmanager
def wire(answers: Mapping[str, Any] | None = None, *, garbage: bool = False) -> Iterator[Wire]:
    """A stand-in on a free loopback port."""
    state = Wire(answers or {}, garbage=garbage)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        state.port = listener.getsockname()[1]

        def connected(connection: socket.socket) -> None:
            state.open += 1
            try:
                _serve(state, connection)
            finally:
                state.open -= 1

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=connected, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield state
        finally:
            listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def _told(reply: dict[str, Any]) -> dict[str, Any]:
    """A reply without the times of its cluster, which the driver would gossip about."""
    return {key: value for key, value in reply.items() if not key.startswith("$") and key != "operationTime"}


def _oplog(command: Mapping[str, Any]) -> dict[str, Any]:
    """The oldest or the newest entry, which are 9,131 s apart."""
    seconds = 1599750456 if command["sort"].get("$natural") == 1 else 1599759587
    return {"cursor": {"id": 0, "ns": "local.oplog.rs", "firstBatch": [{"ts": bson.Timestamp(seconds, 1)}]}}


SERVER: Mapping[str, Any] = {
    "serverStatus": DIAGNOSTIC["serverStatus"],
    "replSetGetStatus": DIAGNOSTIC["replSetGetStatus"],
    "replSetGetConfig": CONFIG,
    "getCmdLineOpts": LINES,
    "buildInfo": _told(extended("buildinfo")),
    "listDatabases": {"databases": [{"name": "local"}]},
    "dbStats": _told(extended("dbstats-local")),
    "find": _oplog,
    "aggregate": {"cursor": {"id": 0, "ns": "local.oplog.rs", "firstBatch": extended("collstats-oplog")}},
}
"""The recorded replies of a member of a replica set."""
