from __future__ import annotations

import base64
import contextlib
import http.client
import logging
import socket
import ssl
import struct
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from collectors.access import Guard, is_loopback
from collectors.runtime import Sidecar
from collectors.server import Server, serve
from tests.collectors.helpers import target
from tests.servers.prometheus import PrometheusServer
from tests.servers.tls import Authority
from watchkeeper.errors import SettingsError
from watchkeeper.settings import Access, Secret, Tls
from watchkeeper.tls import client_context


@contextlib.contextmanager
def _serving(access: Access | None, host: str = "127.0.0.1") -> Iterator[Server]:
    sidecar = Sidecar([target("this-host", "host")])
    server = serve(sidecar, host, 0, access)
    try:
        yield server
    finally:
        server.shutdown()
        sidecar.close()


def _status(server: Server, path: str = "/metrics", authorization: str = "") -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}")
    if authorization:
        request.add_header("Authorization", authorization)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def _basic(pair: str) -> str:
    return "Basic " + base64.b64encode(pair.encode()).decode()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("open sesame\n")
    return path


@pytest.mark.parametrize(
    "given, status",
    [
        (_basic("me:open sesame"), 200),
        (_basic("me:wrong"), 401),
        (_basic("you:open sesame"), 401),
        (_basic("me"), 401),
        ("Basic ###", 401),
        ("Bearer open sesame", 401),
        ("", 401),
    ],
)
def test_basic_authentication(secret: Path, given: str, status: int) -> None:
    with _serving(Access(user="me", password=Secret(file=str(secret)))) as server:
        assert _status(server, authorization=given) == status


@pytest.mark.parametrize("given, status", [("Bearer open sesame", 200), ("bearer open sesame", 200), ("Bearer x", 401)])
def test_bearer_authentication(secret: Path, given: str, status: int) -> None:
    with _serving(Access(bearer=Secret(file=str(secret)))) as server:
        assert _status(server, authorization=given) == status


def test_the_answer_says_what_it_wants(secret: Path) -> None:
    with _serving(Access(user="me", password=Secret(file=str(secret)))) as server:
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=10)
        with caught.value as error:
            assert error.headers["WWW-Authenticate"].startswith("Basic realm=")
            assert b"sesame" not in error.read()


@pytest.mark.parametrize(
    "path, status", [("/healthz", 200), ("/readyz", 200), ("/probe?target=this-host", 401), ("/", 401)]
)
def test_probes_of_a_kubelet_need_no_credentials(secret: Path, path: str, status: int) -> None:
    with _serving(Access(bearer=Secret(file=str(secret)))) as server:
        assert _status(server, path) == status


def test_a_rotated_secret_is_picked_up_and_a_missing_one_opens_nothing(secret: Path) -> None:
    with _serving(Access(bearer=Secret(file=str(secret)))) as server:
        secret.write_text("another\n")
        assert _status(server, authorization="Bearer open sesame") == 401
        assert _status(server, authorization="Bearer another") == 200
        secret.unlink()
        assert _status(server, authorization="Bearer another") == 401
        assert _status(server, authorization="Bearer ") == 401


def test_an_empty_secret_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WK_TOKEN", "sesame")
    guard = Guard(Access(bearer=Secret(env="WK_TOKEN")))
    assert guard.allows("Bearer sesame")
    monkeypatch.setenv("WK_TOKEN", "")
    assert not guard.allows("Bearer ") and not guard.allows("bearer")
    with pytest.raises(SettingsError, match="the secret in WK_TOKEN is empty"):
        Guard(Access(bearer=Secret(env="WK_TOKEN")))


def test_a_secret_that_cannot_be_read_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot read"):
        Guard(Access(bearer=Secret(file=str(tmp_path / "nowhere"))))


# TLS


def _tls(authority: Authority, client_ca: str = "") -> Access:
    made = authority.issue("IP:127.0.0.1")
    return Access(tls=Tls(cert_file=str(made.file), key_file=str(made.key), client_ca_file=client_ca))


def _connect(server: Server, context: ssl.SSLContext) -> http.client.HTTPSConnection:
    return http.client.HTTPSConnection("127.0.0.1", server.port, timeout=10, context=context)


def _get(connection: http.client.HTTPSConnection) -> bytes:
    connection.request("GET", "/metrics")
    return connection.getresponse().read()


def _once(server: Server, context: ssl.SSLContext) -> bytes:
    with contextlib.closing(_connect(server, context)) as connection:
        return _get(connection)


def test_scrapes_over_tls_keep_their_connection(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with _serving(_tls(authority)) as server:
        connection = _connect(server, client_context(str(authority.file)))
        bodies = [_get(connection) for _ in range(5)]
        connection.close()
    assert server.scheme == "https"
    assert all(b"node_load1" in body for body in bodies)


def test_a_client_must_show_a_certificate_where_that_is_asked(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with _serving(_tls(authority, client_ca=str(authority.file))) as server:
        context = client_context(str(authority.file))
        with pytest.raises(OSError):
            _once(server, context)
        client = authority.issue("DNS:client")
        context.load_cert_chain(client.file, client.key)
        assert b"node_load1" in _once(server, context)


def test_a_client_of_another_authority_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    authority, other = Authority(tmp_path), Authority(tmp_path / "other")
    with _serving(_tls(authority, client_ca=str(authority.file))) as server:
        context = client_context(str(authority.file))
        stranger = other.issue("DNS:client")
        context.load_cert_chain(stranger.file, stranger.key)
        with pytest.raises(OSError):
            _once(server, context)


def _serial(server: Server, authority: Authority) -> str:
    connection = _connect(server, client_context(str(authority.file)))
    connection.connect()
    shown = connection.sock.getpeercert()
    connection.close()
    assert shown is not None
    return str(shown["serialNumber"])


def test_a_renewed_certificate_is_shown_and_a_bad_one_is_not_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority = Authority(tmp_path)
    access = _tls(authority)
    assert access.tls is not None
    with _serving(access) as server:
        first = _serial(server, authority)
        renewed = authority.issue("IP:127.0.0.1")
        renewed.key.replace(access.tls.key_file)
        renewed.file.replace(access.tls.cert_file)
        second = _serial(server, authority)
        assert second != first
        Path(access.tls.cert_file).write_text("rubbish\n")
        assert _serial(server, authority) == second
    assert any("keeps its certificate" in record.message for record in caplog.records)


@pytest.mark.parametrize("broken", ["missing", "rubbish", "swapped"])
def test_a_certificate_that_cannot_be_used_is_one_line(tmp_path: Path, broken: str) -> None:
    authority = Authority(tmp_path)
    made = authority.issue("IP:127.0.0.1")
    cert_file, key_file = made.file, made.key
    if broken == "missing":
        key_file.unlink()
    elif broken == "rubbish":
        cert_file.write_text("rubbish\n")
    else:
        key_file = authority.issue("IP:127.0.0.1").key
    with pytest.raises(SettingsError, match=r"access\.tls: ") as caught:
        Guard(Access(tls=Tls(cert_file=str(cert_file), key_file=str(key_file))))
    assert "\n" not in str(caught.value)


def test_plain_http_on_a_tls_port_ends_the_connection_alone(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with _serving(_tls(authority)) as server:
        with pytest.raises(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=10)
        assert _serial(server, authority)


@pytest.mark.long
def test_prometheus_scrapes_over_tls_with_a_token(
    tmp_path: Path, secret: Path, prometheus_server: Callable[..., PrometheusServer]
) -> None:
    authority = Authority(tmp_path)
    tls = _tls(authority).tls
    with _serving(Access(tls=tls, bearer=Secret(file=str(secret)))) as server:
        job = (
            f"{{job_name: sidecar, scheme: https, authorization: {{credentials_file: {secret}}}, "
            f"tls_config: {{ca_file: {authority.file}}}, "
            f"static_configs: [{{targets: ['127.0.0.1:{server.port}']}}]}}"
        )
        prometheus = prometheus_server(f"global: {{scrape_interval: 1s}}\nscrape_configs: [{job}]\n")
        prometheus.wait_for('watchkeeper_target_up{target="this-host"} == 1')


# Where it listens


@pytest.mark.parametrize("access, warned", [(None, True), ("bearer", False)])
def test_listening_to_everybody_without_access_is_a_warning(
    secret: Path, caplog: pytest.LogCaptureFixture, access: str | None, warned: bool
) -> None:
    with (
        caplog.at_level(logging.WARNING),
        _serving(Access(bearer=Secret(file=str(secret))) if access else None, "0.0.0.0"),
    ):
        assert any("everybody" in record.message for record in caplog.records) is warned


@pytest.mark.parametrize(
    "host, loopback", [("127.0.0.1", True), ("::1", True), ("0.0.0.0", False), ("10.0.0.1", False)]
)
def test_loopback_is_known(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_handshakes_that_hang_keep_nobody_out(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = client_context(str(authority.file))
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(_serving(_tls(authority)))
        for _ in range(50):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=5))
        assert b"node_load1" in _once(server, context)


def test_a_client_that_is_gone_before_its_handshake_is_no_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority = Authority(tmp_path)
    context = client_context(str(authority.file))
    with _serving(_tls(authority)) as server:
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", server.port), timeout=5) as sock:
                sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, no end
        assert b"node_load1" in _once(server, context)
    assert [one.message for one in caplog.records if one.levelno >= logging.WARNING] == []
