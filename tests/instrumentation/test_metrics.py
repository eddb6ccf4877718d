"""The families and their exposition."""

from __future__ import annotations

import socket
import urllib.request

import prometheus_client
import pytest

from tests.instrumentation.conftest import Difference
from watchkeeper.errors import ListenError
from watchkeeper.instrumentation import (
    REGISTRY,
    QueueState,
    expose,
    http_client,
    http_server,
    register,
    watch_queue,
)
from watchkeeper.signals import Histogram
from watchkeeper.systems import agent_platform, resilience, traces, web_vitals

SPANS = (signal for signal in traces.SIGNALS if signal not in traces.SERVICE_GRAPH)
SIGNALS = (*agent_platform.SIGNALS, *resilience.SIGNALS, *SPANS, *web_vitals.SIGNALS)


def _text(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as reply:
        return str(reply.read().decode())


def test_exactly_the_declared_families_are_exposed() -> None:
    exposed = {line.split()[2]: line.split()[3] for line in _lines("# TYPE")}
    assert exposed == {signal.name: signal.kind for signal in SIGNALS}


def test_the_help_is_the_declared_one() -> None:
    own = {signal.name: signal.help for signal in SIGNALS if not signal.name.startswith("process_")}
    exposed = {line.split()[2]: line.split(maxsplit=3)[3] for line in _lines("# HELP")}
    assert own.items() <= exposed.items()


def _lines(start: str) -> list[str]:
    text = prometheus_client.generate_latest(REGISTRY).decode()
    return [line for line in text.splitlines() if line.startswith(start)]


def test_the_buckets_are_the_declared_ones(difference: Difference) -> None:
    with http_server("GET", "/buckets") as request:
        request.status = 200
    declared = next(s for s in SIGNALS if s.name == "http_server_request_duration_seconds")
    assert isinstance(declared, Histogram)
    bounds = [
        line.split('le="')[1].split('"')[0] for line in _lines(declared.name) if "/buckets" in line and "le=" in line
    ]
    assert bounds == [*(repr(bound) for bound in declared.buckets), "+Inf"]


def test_no_created_series_are_exposed() -> None:
    assert not [line for line in _lines("") if "_created" in line]


def test_expose_answers_and_stops() -> None:
    exposition = expose()
    try:
        assert "process_resident_memory_bytes" in _text(exposition.url)
    finally:
        exposition.close()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", exposition.port)) != 0


def test_a_port_in_use_is_one_clear_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ListenError, match=f"metrics: cannot listen on 127.0.0.1:{port}: .*choose another port"):
            expose(port)


def test_our_families_can_join_another_registry() -> None:
    registry = prometheus_client.CollectorRegistry()
    register(registry)
    text = prometheus_client.generate_latest(registry).decode()
    assert "gen_ai_invoke_agent_duration_seconds" in text
    assert "process_cpu_seconds_total" not in text


def test_a_watched_queue_is_read_at_each_scrape() -> None:
    states = iter([QueueState(3, 1.5), QueueState(0, 0.0)])
    watch_queue("watched", lambda: next(states))
    read = [[line.split()[-1] for line in _lines("watchkeeper_queue_") if 'queue="watched"' in line] for _ in range(2)]
    assert read == [["3.0", "1.5"], ["0.0", "0.0"]]


def test_a_queue_that_cannot_be_read_is_left_out() -> None:
    def broken() -> QueueState:
        raise ConnectionError("refused")

    watch_queue("broken", broken)
    assert not [line for line in _lines("watchkeeper_queue_") if 'queue="broken"' in line]
    assert _lines("process_resident_memory_bytes")


def test_the_messages_of_a_queue_are_counted(difference: Difference) -> None:
    queue = watch_queue("counted")
    queue.enqueued(2)
    queue.processed()
    queue.processed("502")
    assert difference("watchkeeper_queue_enqueued_total", queue="counted") == 2
    assert difference("watchkeeper_queue_processed_total", queue="counted", error_type="502") == 1


@pytest.mark.parametrize("status, error", [(202, ""), (404, ""), (503, "503")])
def test_a_served_request_fails_from_500_on(difference: Difference, status: int, error: str) -> None:
    with http_server("POST", "/tasks") as request:
        request.status = status
    labels = {
        "http_request_method": "POST",
        "http_route": "/tasks",
        "http_response_status_code": str(status),
        "error_type": error,
    }
    assert difference("http_server_request_duration_seconds_count", **labels) == 1


@pytest.mark.parametrize("status, error", [(200, ""), (404, "404"), (503, "503")])
def test_a_sent_request_fails_from_400_on(difference: Difference, status: int, error: str) -> None:
    with http_client("GET", "tools") as request:
        request.status = status
    labels = {
        "http_request_method": "GET",
        "server_address": "tools",
        "http_response_status_code": str(status),
        "error_type": error,
    }
    assert difference("http_client_request_duration_seconds_count", **labels) == 1


def test_a_request_without_an_answer_has_the_error_of_its_exception(difference: Difference) -> None:
    with pytest.raises(ConnectionError), http_client("GET", "tools"):
        raise ConnectionError
    labels = {
        "http_request_method": "GET",
        "server_address": "tools",
        "http_response_status_code": "",
        "error_type": "ConnectionError",
    }
    assert difference("http_client_request_duration_seconds_count", **labels) == 1


def test_a_made_up_method_does_not_become_a_label(difference: Difference) -> None:
    with http_server("BREW", "/pot") as request:
        request.status = 200
    labels = {
        "http_request_method": "_OTHER",
        "http_route": "/pot",
        "http_response_status_code": "200",
        "error_type": "",
    }
    assert difference("http_server_request_duration_seconds_count", **labels) == 1
