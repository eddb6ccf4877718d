from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.requests import BadRequestError, parse_request

PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


def _head(line: str = "GET /metrics HTTP/1.1", **fields: str) -> bytes:
    return "\r\n".join([line, *(f"{name.replace('_', '-')}: {value}" for name, value in fields.items())]).encode()


def test_what_prometheus_sends_is_understood() -> None:
    request = parse_request(
        _head(
            "GET /probe?target=a%20b HTTP/1.1",
            Host="x",
            Accept=PROMETHEUS_2,
            Accept_Encoding="gzip",
            X_Prometheus_Scrape_Timeout_Seconds="10",
        )
    )
    assert (request.path, request.targets, request.keep) == ("/probe", ["a b"], True)
    assert (request.openmetrics, request.gzip, request.budget) == (True, True, 9.5)


@pytest.mark.parametrize(
    "accept, openmetrics",
    [
        (PROMETHEUS_2, True),
        (PROMETHEUS_3, True),
        ("", False),
        ("*/*", False),
        ("text/plain", False),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text; version=1.0.0; q=0.2, text/plain; q=0.9", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;version=2.0.0,text/plain;q=0.1", False),
        ("text/plain,application/openmetrics-text", False),
        ("application/openmetrics-text,text/plain", True),
        ('APPLICATION/OpenMetrics-Text; Version="1.0.0"', True),
        ("application/openmetrics-text;q=high", False),
        ("application/vnd.google.protobuf;q=0.9,text/plain;q=0.1", False),
    ],
)
def test_the_format_is_what_the_client_likes_best(accept: str, openmetrics: bool) -> None:
    assert parse_request(_head(Accept=accept)).openmetrics is openmetrics


@pytest.mark.parametrize(
    "accepted, packed", [("gzip", True), ("deflate, gzip;q=0.5", True), ("gzip;q=0", False), ("br", False), ("", False)]
)
def test_the_answer_is_packed_for_those_who_want_it(accepted: str, packed: bool) -> None:
    assert parse_request(_head(Accept_Encoding=accepted)).gzip is packed


@pytest.mark.parametrize(
    "text, budget",
    [("1", 0.9), ("0.3", 0.27), ("0.001", 0.25), ("60", 59.5), ("0", None), ("-1", None), ("nan", None), ("inf", None)],
)
def test_the_answer_leaves_before_the_scrape_timeout(text: str, budget: float | None) -> None:
    assert parse_request(_head(X_Prometheus_Scrape_Timeout_Seconds=text)).budget == budget


@pytest.mark.parametrize(
    "line, connection, keep",
    [
        ("GET / HTTP/1.1", "keep-alive", True),
        ("GET / HTTP/1.1", "close", False),
        ("GET / HTTP/1.0", "", False),
        ("GET / HTTP/1.0", "Keep-Alive", True),
    ],
)
def test_a_connection_is_kept_when_both_agree(line: str, connection: str, keep: bool) -> None:
    assert parse_request(_head(line, Connection=connection)).keep is keep


def test_a_proxys_form_of_the_address_is_understood() -> None:
    request = parse_request(b"GET http://here:9464/probe?target=a HTTP/1.1")
    assert (request.path, request.targets) == ("/probe", ["a"])


@pytest.mark.parametrize(
    "head, status",
    [
        (b"", 400),
        (b"GET /metrics", 400),
        (b"GET  /metrics HTTP/1.1", 400),
        (b"GET /metrics HTTP/2.0", 400),
        (b"GET /metrics HTTP/1.12", 400),
        (b"GET /metrics HTTP/1.1\nHost: x", 400),
        (b"GET /metrics HTTP/1.1\r\nHost: a\r\nHost: b", 400),
        (b"GET /\x01 HTTP/1.1", 400),
        (b"GET /\xc3\xa9 HTTP/1.1", 400),
        (b"GET http://[ HTTP/1.1", 400),
        (b"POST /metrics HTTP/1.1", 405),
        (b"G@T /metrics HTTP/1.1", 400),
        (b"\x16\x03\x01\x02\x00 x y", 400),
        (b"GET / HTTP/1.1\r\nHost : x", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\n folded: y", 400),
        (b"GET / HTTP/1.1\r\nno colon", 400),
        (b"GET / HTTP/1.1\r\nA: x\ny", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 5", 413),
        (b"GET / HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 5", 413),
        (b"GET / HTTP/1.1\r\nContent-Length: +0", 413),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked", 413),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding:", 413),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: identity\r\nContent-Length: 0", 413),
        (b"GET / HTTP/1.1" + b"\r\nA: x" * 101, 431),
    ],
)
def test_what_is_no_request_is_refused(head: bytes, status: int) -> None:
    with pytest.raises(BadRequestError) as caught:
        parse_request(head)
    assert caught.value.status == status
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(head: bytes) -> None:
    with contextlib.suppress(BadRequestError):
        parse_request(head)


@given(st.text(st.characters(codec="ascii", exclude_characters="\r\n\0"), max_size=80))
def test_no_accept_header_is_an_error(accept: str) -> None:
    parse_request(_head(Accept=accept, Accept_Encoding=accept, X_Prometheus_Scrape_Timeout_Seconds=accept))
