"""pymongo as we use it, against a stand-in that speaks MongoDB's wire protocol and knows a few commands by heart.

The stand-in is a double of the wire, not of a server: it shows what is sent, and what becomes of each way to fail.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import bson
import pytest

from collectors.mongodb import COLLECTOR
from collectors.mongodb_driver import PymongoDriver, Refused
from collectors.runtime import Sidecar
from tests.collectors.helpers import by_name, silent_port, target
from tests.collectors.test_mongodb import CONFIG, DIAGNOSTIC, LINES, extended
from tests.servers import free_port, wait_until
from watchkeeper.clock import monotonic
from watchkeeper.errors import TargetError
from watchkeeper.settings import Secret

HELLO = {"helloOk": True, "ismaster": True, "isWritablePrimary": True, "maxBsonObjectSize": 2**24}
HELLO |= {"maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000, "minWireVersion": 0, "maxWireVersion": 21}
REFUSED = {"ok": 0.0, "code": 18, "codeName": "AuthenticationFailed", "errmsg": "Authentication failed."}


@dataclass
class Wire:
    """A stand-in: `answers` by command, `seen` what was asked; a `garbage` one answers nonsense to every command."""

    answers: dict[str, dict[str, Any]]
    seen: list[dict[str, Any]] = field(default_factory=list)
    garbage: bool = False
    port: int = 0
    open: int = 0

    @property
    def url(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}"

    def commands(self, name: str) -> list[dict[str, Any]]:
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
def wire(**settings: Any) -> Iterator[Wire]:
    state = Wire(settings.pop("answers", {}), **settings)
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


SERVER = {
    "serverStatus": DIAGNOSTIC["serverStatus"],
    "replSetGetStatus": DIAGNOSTIC["replSetGetStatus"],
    "replSetGetConfig": CONFIG,
    "getCmdLineOpts": LINES,
    "buildInfo": _told(extended("buildinfo")),
    "listDatabases": {"databases": [{"name": "local"}]},
    "dbStats": _told(extended("dbstats-local")),
    "find": {"cursor": {"id": 0, "ns": "local.oplog.rs", "firstBatch": [{"ts": bson.Timestamp(1599759587, 1)}]}},
}


def _down(url: str, **fields: object) -> str:
    """The error of a target that is down."""
    sidecar = Sidecar([target("m", "mongodb", url, **fields)])
    reading = sidecar.read("m")
    sidecar.close()
    assert not reading.up and [one.name for one in reading.families] == ["mongodb_up"]
    assert "\n" not in (reading.error or "")
    return reading.error or ""


def test_a_scrape_goes_over_the_wire() -> None:
    with wire(answers=SERVER) as server:
        sidecar = Sidecar([target("m", "mongodb", server.url)])
        reading = sidecar.read("m")
        sidecar.close()
    assert reading.up, reading.error
    families = by_name(reading.families)
    assert families["mongodb_ss_mem_resident"].points[0][2] == 123
    assert families["mongodb_rs_members_optimeDate"].points[0][2] == 1599759587000
    assert {value for _, _, value in families["mongodb_command_success"].points} == {1.0}


def test_the_driver_says_who_it_is_and_how_long_the_server_may_work() -> None:
    with wire(answers=SERVER) as server:
        sidecar = Sidecar([target("m", "mongodb", server.url, timeout=4.0)])
        assert sidecar.read("m").up
        sidecar.close()
        greetings = [command for command in server.seen if "client" in command]
        assert {command["client"]["application"]["name"] for command in greetings} == {"watchkeeper"}
        assert 0 < server.commands("serverStatus")[0]["maxTimeMS"] <= 4000


def test_ten_scrapes_use_two_connections_and_leave_none() -> None:
    with wire(answers=SERVER) as server:
        sidecar = Sidecar([target("m", "mongodb", server.url)])
        for _ in range(10):
            assert sidecar.read("m").up
        assert server.open <= 2  # one for commands, one that the driver watches with
        assert len(server.commands("serverStatus")) == 10
        sidecar.close()
        wait_until(lambda: server.open == 0, seconds=10)


def test_a_server_that_refuses_the_connection_is_down() -> None:
    port = free_port()
    assert _down(f"mongodb://127.0.0.1:{port}") == f"MongoDB at 127.0.0.1:{port}: connection refused"


def test_a_server_that_hangs_is_down_at_its_deadline() -> None:
    with silent_port() as port:
        begun = monotonic()
        error = _down(f"mongodb://127.0.0.1:{port}", timeout=0.5)
    assert "no answer" in error and monotonic() - begun < 3


def test_a_wrong_password_is_said_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONGODB_PASSWORD", "hush-hush")
    with wire(answers={"saslStart": REFUSED}) as server:
        fields = {"user": "watchkeeper", "password": Secret(env="MONGODB_PASSWORD")}
        error = _down(f"{server.url}/?authMechanism=SCRAM-SHA-256", **fields)
    assert "it refused the user or the password" in error and "hush-hush" not in error


def test_a_password_in_the_url_is_not_shown() -> None:
    with wire(answers={"saslStart": REFUSED}) as server:
        error = _down(server.url.replace("127.0.0.1", "reader:s%40cret@127.0.0.1") + "/?authMechanism=SCRAM-SHA-256")
    assert "refused" in error and "s@cret" not in error and "s%40cret" not in error


def test_a_user_without_the_role_is_told_which_one() -> None:
    unauthorized = {"ok": 0.0, "code": 13, "codeName": "Unauthorized", "errmsg": "not authorized on admin"}
    with wire(answers={**SERVER, "serverStatus": unauthorized}) as server:
        assert "grant it the role clusterMonitor" in _down(server.url)


def test_what_the_server_refuses_has_its_code() -> None:
    with wire(answers=SERVER) as server:
        driver = PymongoDriver(target("m", "mongodb", server.url))
        with pytest.raises(Refused, match="no such command: 'replSetGetRBID'") as caught:
            driver.run("admin", {"replSetGetRBID": 1}, monotonic() + 5)
        driver.close()
    assert caught.value.code == 59 and "full error" not in str(caught.value)


def test_garbage_is_an_error_in_one_line() -> None:
    with wire(answers=SERVER, garbage=True) as server:
        assert _down(server.url).startswith(f"MongoDB at 127.0.0.1:{server.port}: ")


def test_a_wrong_option_in_the_url_is_said() -> None:
    with wire() as server:
        driver = PymongoDriver(target("m", "mongodb", f"{server.url}/?tls=true&tlsCAFile=/no/such/file"))
        with pytest.raises(TargetError, match="/no/such/file"):
            driver.run("admin", {"ping": 1}, monotonic() + 5)


def test_the_driver_is_imported_when_a_target_is_read_and_not_before() -> None:
    code = "import sys, collectors.mongodb; assert not {'pymongo', 'bson'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert COLLECTOR.system == "mongodb"


def test_a_missing_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymongo", None)
    driver = PymongoDriver(target("m", "mongodb", "mongodb://127.0.0.1:1"))
    with pytest.raises(TargetError, match=r"pip install 'watchkeeper\[mongodb\]'"):
        driver.run("admin", {"ping": 1}, monotonic() + 1)
