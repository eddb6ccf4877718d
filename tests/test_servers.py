"""Every server of tests/servers really starts, answers, and is gone afterwards."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from examples.servers.postgresql import PostgreSQLServer
from examples.servers.redis import RedisServer
from tests.conftest import need
from tests.servers import ServerError, ServerProcess, free_port, http, install, prometheus, redis, wait_until
from tests.servers.alertmanager import AlertmanagerServer, amtool, webhook_config
from tests.servers.exporters import Exporter
from tests.servers.prometheus import PrometheusServer, promtool
from tests.servers.remote_write import STALE, remote_write

if sys.platform != "linux":
    pytest.skip("the servers are tied to their parent by Linux means", allow_module_level=True)


def test_postgresql_answers_a_query_with_the_right_password(postgresql_server: PostgreSQLServer) -> None:
    with psycopg.connect(postgresql_server.dsn) as connection:
        row = connection.execute("SELECT 6 * 7").fetchone()
    assert row == (42,)


def test_postgresql_refuses_a_wrong_password(postgresql_server: PostgreSQLServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgresql_server.dsn_for(password="wrong"))


def test_postgresql_monitor_role_may_read_statistics_but_no_tables(
    postgresql_server: PostgreSQLServer,
) -> None:
    postgresql_server.create_database("monitored")
    postgresql_server.execute("CREATE TABLE secrets (id int)", database="monitored")
    postgresql_server.create_monitor_role("monitor_test", "pass'word")
    dsn = postgresql_server.dsn_for(user="monitor_test", password="pass'word", database="monitored")
    with psycopg.connect(dsn, autocommit=True) as connection:
        member = connection.execute("SELECT pg_has_role('pg_read_all_stats', 'MEMBER')").fetchone()
        assert member == (True,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM secrets")


def test_postgresql_can_be_killed_and_started_again_on_its_port(
    postgresql_factory: Callable[..., PostgreSQLServer],
) -> None:
    server = postgresql_factory(settings={"max_connections": "11"})
    assert server.execute("SHOW max_connections") == "11"
    server.process.kill()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server.dsn)
    server.process.start()
    assert server.execute("SELECT 1") == "1"


def test_redis_answers(redis_server: RedisServer) -> None:
    assert redis_server.command("SET", "answer", "forty two") == "+OK\r\n"
    assert redis_server.command("GET", "answer") == "$9\r\nforty two\r\n"


def test_redis_is_empty_at_the_start_of_each_test(redis_server: RedisServer) -> None:
    assert redis_server.command("DBSIZE") == ":0\r\n"


def test_redis_with_a_password_refuses_others(redis_factory: Callable[..., RedisServer]) -> None:
    server = redis_factory(password="s3cret", settings={"maxmemory": "10mb"})
    assert "10485760" in server.command("CONFIG", "GET", "maxmemory")
    stranger = RedisServer(server.host, server.port, None, server.process)
    assert stranger.command("GET", "x").startswith("-NOAUTH")


def test_redis_replica_follows_its_primary(redis_factory: Callable[..., RedisServer]) -> None:
    primary = redis_factory(password="s3cret")
    replica = redis_factory(replica_of=primary)
    wait_until(lambda: "master_link_status:up" in replica.command("INFO", "replication"), what="the replica")


def test_prometheus_scrapes_itself_and_evaluates_rules(
    prometheus_server: Callable[..., PrometheusServer],
) -> None:
    rules = "groups:\n- name: test\n  rules:\n  - {record: 'test:two', expr: 'vector(2)'}\n"
    server = prometheus_server(f"{prometheus.EMPTY_CONFIG}rule_files: [rules/*.yml]\n", files={"rules/a.yml": rules})
    assert server.wait_for("test:two")[0]["value"][1] == "2"
    target = server.url.removeprefix("http://")
    jobs = f"scrape_configs:\n- job_name: self\n  static_configs: [{{targets: ['{target}']}}]\n"
    server.reload(prometheus.EMPTY_CONFIG + jobs)
    assert server.wait_for('up{job="self"} == 1')[0]["metric"]["instance"] == target


def test_prometheus_answers_from_backfilled_samples(
    prometheus_server: Callable[..., PrometheusServer],
) -> None:
    lines = [f"demo_requests_total {index * 10} {1_600_000_000 + index * 15}" for index in range(41)]
    text = "# TYPE demo_requests counter\n" + "\n".join(lines) + "\n# EOF\n"
    server = prometheus_server(backfill=[text])
    result = server.instant("increase(demo_requests_total[5m])", 1_600_000_600)["result"]
    assert float(result[0]["value"][1]) == pytest.approx(200.0)
    matrix = server.range("demo_requests_total", 1_600_000_000, 1_600_000_060, 15)["result"]
    assert [value for _, value in matrix[0]["values"]] == ["0", "10", "20", "30", "40"]


def test_prometheus_takes_stale_markers_by_remote_write(
    prometheus_server: Callable[..., PrometheusServer],
) -> None:
    server = prometheus_server(remote_write_receiver=True)
    labels = {"__name__": "demo_gauge", "place": "here, Ω"}
    remote_write(server.url, [(labels, [(1_000.0, 1.5), (1_015.0, math.inf), (1_030.0, STALE), (1_100.0, -2.0)])])
    assert server.instant("demo_gauge", 1_000)["result"][0] == {"metric": labels, "value": [1000, "1.5"]}
    assert server.instant("demo_gauge", 1_015)["result"][0]["value"][1] == "+Inf"
    assert server.instant("demo_gauge", 1_060)["result"] == []
    assert server.instant("demo_gauge", 1_101)["result"][0]["value"][1] == "-2"


def test_prometheus_says_why_it_refuses_an_expression(
    prometheus_server: Callable[..., PrometheusServer],
) -> None:
    with pytest.raises(OSError, match="parse error"):
        prometheus_server().instant("rate(", 0)


def test_prometheus_version_is_known() -> None:
    if prometheus.available() is not None:
        pytest.skip(prometheus.available() or "")
    assert prometheus.version() >= (2, 0)


def test_promtool_judges_rules(tmp_path: Path, prometheus_server: object) -> None:
    good, bad = tmp_path / "good.yml", tmp_path / "bad.yml"
    good.write_text("groups: [{name: a, rules: [{record: x, expr: up}]}]")
    bad.write_text("groups: [{name: a, rules: [{record: x, expr: 'up('}]}]")
    assert promtool("check", "rules", good).returncode == 0
    assert promtool("check", "rules", bad).returncode != 0


def test_alertmanager_holds_an_alert_and_calls_the_webhook(
    alertmanager_server: Callable[..., AlertmanagerServer],
) -> None:
    dead_letter = f"http://127.0.0.1:{free_port()}/hook"
    server = alertmanager_server(webhook_config(dead_letter))
    server.post_alerts([{"labels": {"alertname": "Test", "severity": "page"}}])
    alert = wait_until(server.alerts, what="the alert")[0]
    assert alert["labels"] == {"alertname": "Test", "severity": "page"}
    failed = 'alertmanager_notification_requests_failed_total{integration="webhook"}'
    wait_until(
        lambda: f"{failed} 0" not in http.get_text(f"{server.url}/metrics"),
        what="an attempt to reach the webhook",
    )


def test_amtool_judges_a_configuration(tmp_path: Path, alertmanager_server: object) -> None:
    path = tmp_path / "alertmanager.yml"
    path.write_text(webhook_config("http://127.0.0.1:1/hook"))
    assert amtool("check-config", path).returncode == 0
    path.write_text("route: {receiver: missing}\n")
    assert amtool("check-config", path).returncode != 0


def test_postgres_exporter_sees_the_server(postgres_exporter: Exporter) -> None:
    assert "\npg_up 1\n" in postgres_exporter.metrics()


def test_redis_exporter_sees_the_server(redis_exporter: Exporter) -> None:
    assert "\nredis_up 1\n" in redis_exporter.metrics()


def test_node_exporter_sees_the_machine(node_exporter: Exporter) -> None:
    assert "\nnode_cpu_seconds_total{" in node_exporter.metrics()


def test_chromium_renders_a_page(page: object) -> None:
    from playwright.sync_api import Page

    assert isinstance(page, Page)
    page.set_content("<button onclick=\"document.title = 'pressed'\">Press</button>")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.title() == "pressed"


def test_a_server_that_fails_to_start_is_reported_with_its_log(tmp_path: Path) -> None:
    process = ServerProcess(
        "the oracle", ["sh", "-c", "echo no idea; exit 3"], log=tmp_path / "log", ready=lambda: False
    )
    with pytest.raises(ServerError, match=r"the oracle ended with exit code 3 .*\n.*no idea"):
        process.start()
    assert not process.running


def test_a_server_that_ignores_the_stop_signal_is_ended_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"trap '' TERM; sleep 600 & echo $$ $! > {pids}; while :; do wait; done"
    process = ServerProcess("stubborn", ["sh", "-c", script], log=tmp_path / "log", ready=lambda: _written(pids))
    process.start()
    process.stop(seconds=0.2)
    for pid in map(int, pids.read_text().split()):
        wait_until(lambda pid=pid: not _alive(pid), seconds=5, what=f"process {pid} to end")  # type: ignore[misc]


def test_servers_end_with_an_interpreter_that_is_killed(tmp_path: Path) -> None:
    if redis.available() is not None:
        pytest.skip(redis.available() or "")
    code = textwrap.dedent(
        """
        import sys, time
        from tests.servers import redis
        with redis.run() as server:
            print(server.process.pid, flush=True)
            time.sleep(600)
        """
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout:
        pid = int(parent.stdout.readline())
    assert _alive(pid)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    wait_until(lambda: not _alive(pid), seconds=10, what="Redis to end with its parent")


def test_free_ports_are_never_handed_out_twice() -> None:
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == 50


def test_installing_is_silent_when_nothing_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(install, "missing_packages", list)
    monkeypatch.setattr(install, "install", _must_not_run)
    assert install.main() == 0
    assert capsys.readouterr().out == ""


def test_nothing_is_installed_when_apt_is_forbidden(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WATCHKEEPER_NO_APT", "1")
    monkeypatch.setattr(install, "missing_packages", lambda: ["redis-server"])
    monkeypatch.setattr(install, "install", _must_not_run)
    assert install.main() == 0
    assert "not installing redis-server: WATCHKEEPER_NO_APT is set" in capsys.readouterr().out


def test_a_missing_server_fails_the_test_only_where_servers_are_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHKEEPER_REQUIRE_SERVERS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no oracle here"):
        need("no oracle here")
    monkeypatch.setenv("WATCHKEEPER_REQUIRE_SERVERS", "1")
    with pytest.raises(pytest.fail.Exception, match="no oracle here"):
        need("no oracle here")
    need(None)


def _must_not_run(packages: list[str]) -> str | None:
    raise AssertionError(f"apt-get would have run for {packages}")


def _written(path: Path) -> bool:
    return path.exists() and len(path.read_text().split()) == 2


def _alive(pid: int) -> bool:
    """Whether the process runs; a zombie that nobody has waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
