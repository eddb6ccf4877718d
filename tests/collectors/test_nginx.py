from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence

import pytest

from collectors.families import Family
from collectors.nginx import COLLECTOR, parse
from collectors.runtime import Sidecar
from tests.collectors.helpers import application, by_name, check_declared, parsed, read_once, silent_port, target
from tests.conftest import need
from tests.servers import exporters, free_port, http, nginx, wait_until
from watchkeeper.clock import monotonic
from watchkeeper.errors import TargetError
from watchkeeper.settings import Secret

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def nginx_server() -> Iterator[nginx.NginxServer]:
    need(nginx.available())
    with nginx.run() as server:
        yield server


def _read(url: str, **fields: object) -> Sequence[Family]:
    return read_once(COLLECTOR, target("n", "nginx", url, **fields))


def _values(families: Sequence[Family]) -> dict[str, float]:
    return {family.name: family.points[0][2] for family in families}


def test_everything_declared_is_emitted_and_nothing_else(nginx_server: nginx.NginxServer) -> None:
    check_declared(_read(nginx_server.status_url), COLLECTOR.signals)


def test_it_is_the_official_exporters_series_one_for_one(nginx_server: nginx.NginxServer) -> None:
    need(exporters.available("nginx"))
    with exporters.run_nginx(nginx_server.status_url) as exporter:
        http.get_text(f"{nginx_server.url}/")
        session = COLLECTOR.open(target("n", "nginx", nginx_server.status_url))
        # Each of the two keeps a connection; only once both have one does nothing but their own reading change.
        session.read(monotonic() + 5)
        exporter.metrics()
        theirs = {name: one for name, one in parsed(exporter.metrics()).items() if name.startswith("nginx_")}
        ours = by_name(session.read(monotonic() + 5))
        session.close()
    assert {(one.name, one.kind) for one in ours.values()} == {(one.name, one.kind) for one in theirs.values()}
    assert {n: [p for _, p, _ in f.points] for n, f in ours.items()} == {
        n: [p for _, p, _ in f.points] for n, f in theirs.items()
    }
    differ = {
        name: ours[name].points[0][2] - theirs[name].points[0][2]
        for name in ours
        if ours[name].points[0][2] != theirs[name].points[0][2]
    }
    # Ours came after theirs: that one request is counted, and was made over a kept connection.
    assert differ == {"nginx_http_requests_total": 1.0}


def test_values_follow_the_server(nginx_server: nginx.NginxServer) -> None:
    before = _values(_read(nginx_server.status_url))
    for _ in range(3):
        http.get_text(f"{nginx_server.url}/")
    after = _values(_read(nginx_server.status_url))
    # The second reading is a request and a connection itself.
    assert after["nginx_http_requests_total"] - before["nginx_http_requests_total"] == 4
    assert after["nginx_connections_accepted"] - before["nginx_connections_accepted"] == 4
    assert after["nginx_connections_handled"] == after["nginx_connections_accepted"]
    assert after["nginx_up"] == 1


def test_a_session_keeps_its_connection(nginx_server: nginx.NginxServer) -> None:
    session = COLLECTOR.open(target("n", "nginx", nginx_server.status_url))
    accepted = [_values(session.read(monotonic() + 5))["nginx_connections_accepted"] for _ in range(5)]
    session.close()
    assert len(set(accepted)) == 1


def test_connections_over_the_limit_are_dropped(nginx_server: nginx.NginxServer) -> None:
    page = "Active connections: 291 \nserver accepts handled requests\n 16630948 16630940 31070465 \n"
    page += "Reading: 6 Writing: 179 Waiting: 106 \n"
    values = _values(parse(page))
    assert values["nginx_connections_accepted"] - values["nginx_connections_handled"] == 8
    assert (values["nginx_connections_reading"], values["nginx_connections_writing"]) == (6, 179)
    assert (values["nginx_connections_waiting"], values["nginx_connections_active"]) == (106, 291)


def test_a_page_with_more_columns_is_read() -> None:
    # Tengine and its kin add the time of requests behind the three numbers.
    page = "Active connections: 1 \nserver accepts handled requests request_time\n 5 5 9 120\n"
    values = _values(parse(page + "Reading: 0 Writing: 1 Waiting: 0 \n"))
    assert (values["nginx_connections_accepted"], values["nginx_http_requests_total"]) == (5, 9)


def test_another_page_is_refused_with_what_to_write(nginx_server: nginx.NginxServer) -> None:
    with pytest.raises(TargetError, match=r"no stub_status page: 'hello.*give the url of a location") as caught:
        _read(f"{nginx_server.url}/index.html")
    assert "\n" not in str(caught.value)


def test_a_status_page_behind_a_password_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    need(nginx.available())
    monkeypatch.setenv("NGINX_PASSWORD", "hush")
    hashed = subprocess.run(
        ["openssl", "passwd", "-apr1", "hush"], capture_output=True, text=True, check=True
    ).stdout.strip()
    with nginx.run(status='auth_basic "status"; auth_basic_user_file users;') as server:
        (server.directory / "users").write_text(f"probe:{hashed}\n")
        families = _read(server.status_url, user="probe", password=Secret(env="NGINX_PASSWORD"))
        assert _values(families)["nginx_up"] == 1
        with pytest.raises(TargetError, match="it answered 401"):
            _read(server.status_url)
        monkeypatch.setenv("NGINX_PASSWORD", "wrong-secret")
        with pytest.raises(TargetError, match=r"it answered 40[13]") as caught:
            _read(server.status_url, user="probe", password=Secret(env="NGINX_PASSWORD"))
    assert "wrong-secret" not in str(caught.value)


def test_a_server_that_comes_back_is_read_again() -> None:
    need(nginx.available())
    with nginx.run() as server:
        sidecar = Sidecar([target("n", "nginx", server.status_url)])
        assert sidecar.read("n").up
        server.process.kill()
        down = sidecar.read("n")
        assert not down.up and "refused" in (down.error or "")
        assert _values(down.families) == {"nginx_up": 0.0}
        server.process.start()
        wait_until(lambda: sidecar.read("n").up, what="the server to be read again")
        sidecar.close()


def test_a_server_that_hangs_is_down_at_the_deadline() -> None:
    with silent_port() as port, pytest.raises(TargetError, match="no answer in time"):
        COLLECTOR.open(target("n", "nginx", f"http://127.0.0.1:{port}/stub_status")).read(monotonic() + 0.2)


def test_a_page_without_end_is_refused() -> None:
    with application(text="x" * 200_000) as app, pytest.raises(TargetError, match="larger than"):
        _read(app.url)


def test_a_server_that_is_not_there_is_named() -> None:
    port = free_port()
    with pytest.raises(TargetError, match=f"127.0.0.1:{port}/stub_status: connection refused"):
        _read(f"http://127.0.0.1:{port}/stub_status")
