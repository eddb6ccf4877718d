from __future__ import annotations

import gzip
import zlib

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from collectors import http
from collectors.encoding import encode
from collectors.exposition import COLLECTOR, Parser
from tests.collectors.helpers import application, parsed, silent_port, target
from watchkeeper.clock import monotonic
from watchkeeper.errors import TargetError
from watchkeeper.settings import Secret


def _read(url: str, seconds: float = 5.0, **fields: object) -> list[object]:
    session = COLLECTOR.open(target("app", "shop", url, **fields))
    try:
        return list(session.read(monotonic() + seconds))
    finally:
        session.close()


def test_the_text_of_prometheus_client_comes_back_byte_for_byte() -> None:
    registry = CollectorRegistry()
    Counter("orders_total", "Orders.", ["shop"], registry=registry).labels('a"b\\c\nd').inc(3)
    Gauge("depth", "Depth\nof \\ it.", registry=registry).set(1e9)
    Histogram("latency_seconds", "Latency.", ["path"], registry=registry).labels("/x}y{").observe(0.2)
    text = generate_latest(registry)
    assert encode(Parser().parse(text.decode())) == text


def test_a_counter_without_total_keeps_its_name() -> None:
    assert parsed("# TYPE pg_commits counter\npg_commits 4\n")["pg_commits"].points == [("pg_commits", (), 4.0)]


@pytest.mark.parametrize(
    "line",
    [
        'a{b="c"} 1',
        'a{b="c",} 1',
        'a{ b = "c" } 1',
        'a{b="c"} 1 1700000000000',
        'a {b="c"} 1',
        'a{b="c",d=""} 1',
        'a{b="c"}\t1',
    ],
)
def test_what_the_format_allows_is_understood(line: str) -> None:
    assert parsed(line + "\n")["a"].points == [("a", (("b", "c"),), 1.0)]


def test_an_exemplar_is_left_out() -> None:
    text = '# TYPE a histogram\na_bucket{le="1"} 2 # {trace_id="x"} 0.5 1.5\n'
    assert parsed(text)["a"].points == [("a_bucket", (("le", "1"),), 2.0)]


def test_a_sample_of_another_name_does_not_join_the_family_before_it() -> None:
    assert set(parsed("# TYPE a counter\na 1\na_b 2\n")) == {"a", "a_b"}


@pytest.mark.parametrize("text", ["a{b=c} 1\n", "a{b} 1\n", "1a 1\n", "a\n", "a b\n", 'a{b="c} 1\n', "<html>\n"])
def test_what_is_no_exposition_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(TargetError, match="line 2 of the exposition"):
        Parser().parse("ok 1\n" + text)


def test_an_application_is_read_with_a_timeout_header() -> None:
    with application(text="a 1\n") as app:
        _read(app.url, 2.0)
    assert 0 < float(app.headers["X-Prometheus-Scrape-Timeout-Seconds"]) <= 2.0


def test_gzip_is_unpacked() -> None:
    with application(encoding="gzip", body=gzip.compress(b"a 1\n")) as app:
        assert _read(app.url)


def test_a_packed_body_that_unpacks_to_more_than_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "LIMIT_BYTES", 1 << 20)
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    body = packer.compress(b"a 1\n" * (1 << 20)) + packer.flush()
    with application(encoding="gzip", body=body) as app, pytest.raises(TargetError, match="larger than 1 MiB"):
        _read(app.url)


def test_another_status_is_said() -> None:
    with application(status=503) as app, pytest.raises(TargetError, match="503"):
        _read(app.url)


def test_silence_ends_at_the_deadline() -> None:
    with silent_port() as port, pytest.raises(TargetError, match="no answer in time"):
        _read(f"http://127.0.0.1:{port}/metrics", 0.2)


def test_user_and_password_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_PASSWORD", "open")
    with application() as app:
        _read(app.url, user="me", password=Secret(env="APP_PASSWORD"))
    assert app.headers["Authorization"] == "Basic bWU6b3Blbg=="


def test_a_password_without_user_is_a_bearer_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_PASSWORD", "open")
    with application() as app:
        _read(app.url, password=Secret(env="APP_PASSWORD"))
    assert app.headers["Authorization"] == "Bearer open"
