"""pymongo as we use it, against a stand-in on the wire (tests/collectors/mongodb_wire.py)."""

from __future__ import annotations

import subprocess
import sys

import pytest

from collectors.mongodb import COLLECTOR
from collectors.mongodb_driver import PymongoDriver, Refused
from collectors.runtime import Sidecar
from tests.collectors.helpers import by_name, silent_port, target
from tests.collectors.mongodb_wire import SERVER, wire
from tests.servers import free_port, wait_until
from watchkeeper.clock import monotonic
from watchkeeper.errors import TargetError
from watchkeeper.settings import Secret

REFUSED = {"ok": 0.0, "code": 18, "codeName": "AuthenticationFailed", "errmsg": "Authentication failed."}


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
        with pytest.raises(TargetError, match=r"cannot be read: tlsCAFile=/no/such/file$"):
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
