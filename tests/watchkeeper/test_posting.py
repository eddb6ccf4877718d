"""POST requests of the queues: headers, addresses without secrets, errors in one line."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading

import pytest

from tests.conftest import need
from tests.servers import otlp, tls
from watchkeeper.credentials import authorization
from watchkeeper.posting import Answer, Poster, PostError, _masked


def _post(url: str, timeout: float = 10.0, ca_file: str = "") -> Answer:
    with contextlib.closing(Poster(url, timeout=timeout, ca_file=ca_file)) as poster:
        return poster.post(b"", {})


def test_the_answer_is_given_whatever_its_status() -> None:
    with otlp.run(status=503, headers={"Retry-After": "3"}) as receiver:
        answer = _post(f"{receiver.url}/v1/traces")
    assert (answer.status, answer.body, answer.headers["retry-after"]) == (503, b"not now", "3")
    assert answer.text() == "HTTP 503: not now"


def test_secrets_are_asked_for_at_each_request() -> None:
    tokens = iter(["one", "two"])
    with otlp.run() as receiver:
        poster = Poster(f"{receiver.url}/v1/traces", headers=lambda: authorization(bearer=next(tokens)))
        for _ in range(2):
            poster.post(b"", {})
        poster.close()
        assert [one.headers["authorization"] for one in receiver.requests] == ["Bearer one", "Bearer two"]


def test_user_and_password_of_the_url_are_sent_and_never_shown() -> None:
    with otlp.run() as receiver:
        url = receiver.url.replace("http://", "http://me:s%2Fecret@")
        poster = Poster(f"{url}/v1/traces?key=alsosecret")
        poster.post(b"", {})
        expected = "Basic " + base64.b64encode(b"me:s/ecret").decode()
        assert receiver.requests[0].headers["authorization"] == expected
        receiver.stop()
        poster.close()
        with pytest.raises(PostError) as caught:
            poster.post(b"", {})
    assert str(caught.value) == f"{receiver.url}/v1/traces: connection refused"


def test_what_a_receiver_shows_of_a_secret_is_masked_in_its_length() -> None:
    sent = {"Authorization": "Basic " + base64.b64encode(b"me:s/ecret").decode(), "Api-Key": "key-1"}
    body = f"no: {sent['Authorization']}, me:s/ecret, key-1".encode()
    assert (
        _masked(body, sent.values())
        == b"no: " + b"*" * len(sent["Authorization"]) + b", me:" + b"*" * 7 + b", " + b"*" * 5
    )
    assert _masked(b"no", authorization(bearer="").values()) == b"no"


def test_a_kept_connection_that_the_server_has_closed_is_replaced() -> None:
    with otlp.run() as receiver:
        poster = Poster(f"{receiver.url}/v1/traces")
        poster.post(b"", {})
        receiver.stop()
        receiver.start()
        assert poster.post(b"", {}).status == 200
        poster.close()


def test_a_receiver_that_hangs_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x"
        with pytest.raises(PostError, match=f"{url}: no answer within 0.2 s"):
            _post(url, timeout=0.2)


def test_a_receiver_that_answers_byte_by_byte_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ended = threading.Event()

        def drip() -> None:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                while not ended.wait(0.05):
                    connection.sendall(b"x")

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            with pytest.raises(PostError, match=r"no answer within 0\.3 s"):
                _post(f"http://127.0.0.1:{listener.getsockname()[1]}/x", timeout=0.3)
        finally:
            ended.set()
            thread.join()


def test_a_host_that_is_none_is_named() -> None:
    with pytest.raises(PostError, match=r"http://nowhere\.invalid/v1/traces: "):
        _post("http://nowhere.invalid/v1/traces")


def test_an_answer_is_shown_in_one_short_printable_line() -> None:
    text = Answer(400, b"line\none\x1b[31m\xff" + b"x" * 1000).text()
    assert text.startswith("HTTP 400: line one?[31m") and len(text) < 220 and text.isprintable()


def test_an_aborted_poster_sends_no_more() -> None:
    with otlp.run() as receiver:
        poster = Poster(f"{receiver.url}/v1/traces")
        poster.abort()
        with pytest.raises(PostError, match="aborted"):
            poster.post(b"", {})
        assert receiver.requests == []


# TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tls.Authority:
    need(tls.available())
    return tls.Authority(tmp_path_factory.mktemp("authority"))


def test_the_certificates_of_ca_file_are_trusted(authority: tls.Authority) -> None:
    with tls.serve({"/x": tls.Page()}, authority.issue("DNS:localhost")) as site:
        assert _post(site.url("/x"), ca_file=str(authority.file)).body == b"hello world"


def test_a_certificate_of_another_authority_is_refused(authority: tls.Authority) -> None:
    with (
        tls.serve({"/x": tls.Page()}, authority.issue("DNS:localhost")) as site,
        pytest.raises(
            PostError, match=r"https://localhost:\d+/x: its certificate is refused: unable to get local issuer"
        ),
    ):
        _post(site.url("/x"))


def test_an_expired_certificate_is_refused(authority: tls.Authority) -> None:
    with (
        tls.serve({"/x": tls.Page()}, authority.issue("DNS:localhost", days=-1)) as site,
        pytest.raises(PostError, match="its certificate is refused: certificate has expired"),
    ):
        _post(site.url("/x"), ca_file=str(authority.file))


def test_an_answer_that_drips_over_tls_is_given_up(authority: tls.Authority) -> None:
    page = tls.Page(body=b"x" * 1000, drip=0.05)
    with (
        tls.serve({"/x": page}, authority.issue("DNS:localhost")) as site,
        pytest.raises(PostError, match=r"no answer within 0\.4 s"),
    ):
        _post(site.url("/x"), ca_file=str(authority.file), timeout=0.4)
