from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest

from tests.conftest import need
from tests.servers import tls
from watchkeeper.tls import client_context


def test_an_authority_without_key_usage_is_trusted_on_every_python_and_no_other_is(tmp_path: Path) -> None:
    need(tls.available())
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    authority, other = tls.Authority(first), tls.Authority(second)
    with tls.serve({"/": tls.Page()}, authority.issue("DNS:localhost")) as site:
        assert _certificate(site.port, client_context(str(authority.file)))
        with pytest.raises(ssl.SSLCertVerificationError):
            _certificate(site.port, client_context(str(other.file)))
        with pytest.raises(ssl.SSLCertVerificationError, match=r"[Hh]ostname|IP address"):
            _certificate(site.port, client_context(str(authority.file)), "127.0.0.1")


def _certificate(port: int, context: ssl.SSLContext, name: str = "localhost") -> object:
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as sock,
        context.wrap_socket(sock, server_hostname=name) as secure,
    ):
        return secure.getpeercert()


def test_a_file_that_holds_no_certificate_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("rubbish")
    with pytest.raises(OSError):
        client_context(str(tmp_path / "ca.pem"))
