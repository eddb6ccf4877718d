from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from collectors.families import Family
from collectors.redis import COLLECTOR
from collectors.runtime import Sidecar
from examples.servers.redis import RedisServer
from tests.collectors.helpers import check_declared, names_of, read_once, target, value_of
from tests.servers import free_port, wait_until
from watchkeeper.clock import monotonic
from watchkeeper.errors import SettingsError, TargetError
from watchkeeper.settings import Secret

Start = Callable[..., RedisServer]


def _read(server: RedisServer | str, **fields: object) -> Sequence[Family]:
    return read_once(COLLECTOR, target("r", "redis", server if isinstance(server, str) else server.url, **fields))


def _commands(server: RedisServer) -> int:
    line = next(line for line in server.command("INFO", "stats").splitlines() if line.startswith("total_commands"))
    return int(line.partition(":")[2])


def test_everything_declared_is_emitted_and_nothing_else(redis_server: RedisServer) -> None:
    redis_server.command("SET", "a", "b", "EX", "100")
    check_declared(_read(redis_server), COLLECTOR.signals)


def test_each_scrape_reads_the_server(redis_server: RedisServer) -> None:
    sidecar = Sidecar([target("r", "redis", redis_server.url)])
    sidecar.scrape()
    counts = []
    for _ in range(3):
        counts.append(_commands(redis_server))
        sidecar.scrape()
    sidecar.close()
    assert counts == sorted(set(counts))


def test_values_follow_the_server(redis_server: RedisServer) -> None:
    redis_server.command("SET", "a", "b")
    redis_server.command("SET", "c", "d", "EX", "100")
    redis_server.command("GET", "a")
    families = _read(redis_server)
    assert value_of(families, "redis_up") == 1
    assert value_of(families, "redis_db_keys", db="db0") == 2
    assert value_of(families, "redis_db_keys_expiring", db="db0") == 1
    assert 0 <= value_of(families, "redis_db_avg_ttl_seconds", db="db0") <= 100
    assert value_of(families, "redis_db_keys", db="db15") == 0
    assert value_of(families, "redis_commands_total", cmd="get") >= 1
    assert value_of(families, "redis_rdb_last_bgsave_status") == 1


def test_a_replica_and_its_master_see_each_other(redis_factory: Start) -> None:
    master = redis_factory(settings={"repl-diskless-sync-delay": "0"})
    replica = redis_factory(replica_of=master)
    wait_until(lambda: "master_link_status:up" in replica.command("INFO", "replication"))
    of_replica = _read(replica)
    assert value_of(of_replica, "redis_master_link_up", master_port=str(master.port)) == 1
    check_declared(of_replica, COLLECTOR.signals)
    of_master = _read(master)
    assert value_of(of_master, "redis_connected_slaves") == 1
    assert value_of(of_master, "redis_connected_slave_lag_seconds", slave_port=str(replica.port)) >= 0


def test_errors_and_latency_spikes_are_counted(redis_factory: Start) -> None:
    server = redis_factory(settings={"latency-monitor-threshold": "1", "enable-debug-command": "yes"})
    server.command("NOSUCH")
    server.command("DEBUG", "SLEEP", "0.02")
    families = _read(server)
    check_declared(families, COLLECTOR.signals)
    assert value_of(families, "redis_errors_total", err="ERR") == 1
    assert value_of(families, "redis_latency_spike_duration_seconds", event_name="command") >= 0.02
    assert value_of(families, "redis_last_slow_execution_duration_seconds") >= 0.02


def test_a_server_that_wants_a_password_says_what_to_write(redis_factory: Start) -> None:
    server = redis_factory(password="hush")
    with pytest.raises(TargetError, match="it wants a password: set password") as caught:
        _read(f"redis://127.0.0.1:{server.port}")
    assert "\n" not in str(caught.value)


def test_a_wrong_password_is_refused_and_not_shown(redis_factory: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    server = redis_factory(password="hush")
    monkeypatch.setenv("REDIS_PASSWORD", "wrong-secret")
    sidecar = Sidecar([target("r", "redis", f"redis://127.0.0.1:{server.port}", password=Secret(env="REDIS_PASSWORD"))])
    error = sidecar.read("r").error
    sidecar.close()
    assert error is not None and "refused the user or the password" in error and "wrong-secret" not in error


def test_a_rotated_password_is_read_again(redis_factory: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    server = redis_factory(password="old")
    monkeypatch.setenv("REDIS_PASSWORD", "old")
    sidecar = Sidecar([target("r", "redis", f"redis://127.0.0.1:{server.port}", password=Secret(env="REDIS_PASSWORD"))])
    assert sidecar.read("r").up
    server.command("CONFIG", "SET", "requirepass", "new")
    replace(server, password="new").command("CLIENT", "KILL", "TYPE", "normal")
    monkeypatch.setenv("REDIS_PASSWORD", "new")
    wait_until(lambda: sidecar.read("r").up, seconds=10)
    sidecar.close()


def test_a_server_that_comes_back_is_read_again(redis_factory: Start) -> None:
    server = redis_factory()
    sidecar = Sidecar([target("r", "redis", server.url)])
    assert sidecar.read("r").up
    server.process.kill()
    assert "connection" in (sidecar.read("r").error or "")
    server.process.start()
    assert sidecar.read("r").up
    sidecar.close()


def test_the_documented_rights_are_enough(redis_factory: Start) -> None:
    server = redis_factory()
    rights = "resetkeys -@all +info +config|get +slowlog|len +slowlog|get +latency|latest +client|setname"
    server.command("ACL", "SETUSER", "watchkeeper", "on", ">pw", *rights.split())
    server.command("SET", "a", "b", "EX", "100")
    check_declared(_read(f"redis://watchkeeper:pw@127.0.0.1:{server.port}"), COLLECTOR.signals)
    assert "ERR" not in server.command("INFO", "errorstats")
    assert "NOPERM" not in server.command("INFO", "errorstats")


def test_commands_that_an_acl_refuses_cost_their_signals_alone(redis_factory: Start) -> None:
    server = redis_factory()
    server.command("ACL", "SETUSER", "probe", "on", ">pw", "+info")
    families = _read(f"redis://probe:pw@127.0.0.1:{server.port}")
    names = names_of(families)
    assert "redis_memory_used_bytes" in names
    assert not names & {"redis_slowlog_length", "redis_config_maxclients"}


def test_a_user_without_info_is_told_what_to_allow(redis_factory: Start) -> None:
    server = redis_factory()
    server.command("ACL", "SETUSER", "probe", "on", ">pw", "+client|setname")
    with pytest.raises(TargetError, match=r"NOPERM.*: allow the user \+info; .*docs/systems/redis\.md"):
        _read(f"redis://probe:pw@127.0.0.1:{server.port}")


def test_a_user_without_a_password_is_logged_in(redis_factory: Start) -> None:
    server = redis_factory()
    server.command("ACL", "SETUSER", "open", "on", "nopass", "+@all", "~*")
    session = COLLECTOR.open(target("r", "redis", server.url, user="open"))
    session.read(monotonic() + 5)
    assert "user=open" in server.command("CLIENT", "LIST")
    session.close()


def test_a_user_who_needs_a_password_says_what_to_write(redis_factory: Start) -> None:
    server = redis_factory()
    server.command("ACL", "SETUSER", "closed", "on", ">pw", "+@all")
    with pytest.raises(
        TargetError, match=r"user closed has no password in the settings.*: set password: \{file: PATH\}"
    ):
        _read(server.url, user="closed")


def test_a_file_that_holds_no_certificate_is_named(redis_server: RedisServer, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("no certificate")
    url = redis_server.url.replace("redis://", "rediss://")
    with pytest.raises(SettingsError, match=f"option ca_file: {file} holds no certificates: expected is PEM text"):
        _read(url, options={"ca_file": str(file)})
    certificate, key = _certificates(tmp_path)
    with pytest.raises(
        SettingsError, match=f"cert_file: {key} cannot be used: expected is a certificate and {certificate}"
    ):
        _read(url, options={"cert_file": str(key), "key_file": str(certificate)})


def test_lines_that_say_the_same_are_read_again_as_well(redis_server: RedisServer) -> None:
    session = COLLECTOR.open(target("r", "redis", redis_server.url))
    session.read(monotonic() + 5)
    redis_server.command("SET", "a", "1")
    there = session.read(monotonic() + 5)
    redis_server.command("DEL", "a")
    gone = session.read(monotonic() + 5)
    session.close()
    assert value_of(there, "redis_db_keys", db="db0") == 1
    assert value_of(gone, "redis_db_keys", db="db0") == 0
    assert value_of(gone, "redis_commands_total", cmd="del") >= 1


def test_the_connection_has_a_name(redis_server: RedisServer) -> None:
    session = COLLECTOR.open(target("r", "redis", redis_server.url))
    session.read(monotonic() + 5)
    assert "name=watchkeeper" in redis_server.command("CLIENT", "LIST")
    session.close()


def test_a_unix_socket_is_read(redis_factory: Start, tmp_path: Path) -> None:
    path = tmp_path / "redis.sock"
    redis_factory(settings={"unixsocket": str(path)})
    assert value_of(_read(f"unix://{path}"), "redis_up") == 1


def _certificates(directory: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    key, certificate = directory / "key.pem", directory / "cert.pem"
    request = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    request += ["-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*request, "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return certificate, key


def _with_tls(start: Start, certificate: Path, key: Path, clients: str) -> str:
    port = free_port()
    files = {"tls-cert-file": str(certificate), "tls-key-file": str(key), "tls-ca-cert-file": str(certificate)}
    start(settings={"tls-port": str(port), "tls-auth-clients": clients, **files})
    return f"rediss://127.0.0.1:{port}"


def test_the_certificate_of_a_server_is_verified(redis_factory: Start, tmp_path: Path) -> None:
    certificate, key = _certificates(tmp_path)
    url = _with_tls(redis_factory, certificate, key, "no")
    assert value_of(_read(url, options={"ca_file": str(certificate)}), "redis_up") == 1
    with pytest.raises(TargetError, match="certificate verify failed"):
        _read(url)


def test_a_server_that_asks_for_a_certificate_gets_one(redis_factory: Start, tmp_path: Path) -> None:
    certificate, key = _certificates(tmp_path)
    url = _with_tls(redis_factory, certificate, key, "yes")
    files = {"ca_file": str(certificate), "cert_file": str(certificate), "key_file": str(key)}
    assert value_of(_read(url, options=files), "redis_up") == 1
    with pytest.raises(TargetError, match=r"cert_file and key_file|closed the connection|reset by peer"):
        _read(url, options={"ca_file": str(certificate)})
