"""Serving from a thread: ports in use, shutting down with open event streams."""

from __future__ import annotations

import http.client
import socket
from pathlib import Path

import pytest

from runbooks.console import serve
from runbooks.console.server import ConsoleServer, bind
from tests.runbooks.console.support import Client, Running, running
from watchkeeper.clock import monotonic
from watchkeeper.errors import ListenError


def test_a_port_in_use_is_one_clear_line(shared: Running) -> None:
    with pytest.raises(ListenError) as caught:
        serve(shared.server.app, "127.0.0.1", shared.server.port)
    text = str(caught.value)
    assert text.startswith(f"127.0.0.1:{shared.server.port}: it is in use")
    assert "--listen" in text and "\n" not in text


def test_an_address_that_is_not_ours_is_one_clear_line(shared: Running) -> None:
    with pytest.raises(ListenError, match=r"192\.0\.2\.1:8787: cannot listen there"):
        serve(shared.server.app, "192.0.2.1", 8787)


def test_an_open_event_stream_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with running(tmp_path) as console:
        connection = http.client.HTTPConnection("127.0.0.1", console.server.port, timeout=10)
        connection.request("GET", "/events")
        answer = connection.getresponse()
        answer.readline()
        started = monotonic()
        console.server.shutdown()
        assert monotonic() - started < 2.5
        assert answer.read() == b"\n"  # the stream has ended, in order
        connection.close()


def test_after_the_end_the_port_is_free(tmp_path: Path) -> None:
    with running(tmp_path) as console:
        port = console.server.port
        console.server.shutdown()
        with socket.create_server(("127.0.0.1", port), reuse_port=False):
            pass


def test_the_same_application_can_be_served_again(tmp_path: Path) -> None:
    with running(tmp_path) as console:
        console.server.shutdown()
        with serve(console.server.app, "127.0.0.1", 0) as again:
            assert Client(again.port).get("/healthz").status == 200


def test_what_was_never_started_can_be_shut_down(shared: Running) -> None:
    server = ConsoleServer(shared.server.app, bind("127.0.0.1", 0), "127.0.0.1")
    server.shutdown()
    with socket.create_server(("127.0.0.1", server.port)):
        pass


def test_it_can_be_served_on_an_ipv6_address(shared: Running) -> None:
    try:
        server = serve(shared.server.app, "::1", 0)
    except ListenError:
        pytest.skip("this machine has no IPv6 loopback")
    with server:
        assert server.url == f"http://[::1]:{server.port}"
