"""Metrics of who calls whom: what is counted, when, and how much is held."""

from __future__ import annotations

from collections.abc import Sequence

from tests.traces.support import span
from watchkeeper.systems.traces import SERVICE_GRAPH
from watchkeeper.traces import Span
from watchkeeper.traces.service_graph import OTHER, ServiceGraph

CALLS = "traces_service_graph_request_total"
FAILED = "traces_service_graph_request_failed_total"
SECONDS = "traces_service_graph_request_server_seconds"


class Stopwatch:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def call(number: int = 1, seconds: float = 0.3, error: str = "", server: str = "tools") -> tuple[Span, Span]:
    """A call of one service by another, in a trace of its own: the client's span, the server's."""
    trace = f"{number:032x}"
    return (
        span("GET", 0, seconds + 0.1, id=1, parent=9, kind="client", trace_id=trace),
        span("GET /", 0, seconds, id=2, parent=1, kind="server", service=server, trace_id=trace, error=error),
    )


def values(graph: ServiceGraph, name: str) -> dict[tuple[str, ...], float]:
    """The samples of a name, by their label values."""
    return {tuple(one.labels.values()): one.value for one in graph.samples(0.0) if one.name == name}


def test_ends_that_come_apart_are_one_call() -> None:
    stopwatch = Stopwatch()
    graph = ServiceGraph(stopwatch=stopwatch)
    client, server = call(seconds=0.3)
    graph.add([server])
    stopwatch.at += 9
    assert not values(graph, CALLS)
    graph.add([client])
    stopwatch.at += 9
    assert not values(graph, CALLS), "the other end may be on its way"
    stopwatch.at += 1
    assert values(graph, CALLS) == {("gateway", "tools"): 1}
    stopwatch.at += 100
    assert values(graph, CALLS) == {("gateway", "tools"): 1}


def test_failures_and_durations_are_counted() -> None:
    stopwatch = Stopwatch()
    graph = ServiceGraph(stopwatch=stopwatch)
    for number, (seconds, error) in enumerate([(0.1, ""), (0.3, "503"), (99.0, "")]):
        graph.add(call(number + 1, seconds, error))
    stopwatch.at += 10
    assert values(graph, CALLS) == {("gateway", "tools"): 3}
    assert values(graph, FAILED) == {("gateway", "tools"): 1}
    buckets = {le: count for (_, _, le), count in values(graph, f"{SECONDS}_bucket").items()}
    assert (buckets["0.1"], buckets["0.2"], buckets["0.4"], buckets["12.8"], buckets["+Inf"]) == (1, 1, 2, 2, 3)
    assert values(graph, f"{SECONDS}_sum") == {("gateway", "tools"): 99.4}
    assert values(graph, f"{SECONDS}_count") == {("gateway", "tools"): 3}


def test_what_is_emitted_is_declared_and_what_is_declared_emitted() -> None:
    stopwatch = Stopwatch()
    graph = ServiceGraph(stopwatch=stopwatch)
    graph.add(call())
    stopwatch.at += 10
    declared = {signal.name: signal for signal in SERVICE_GRAPH}
    found = {one.name if one.name in declared else one.name.rpartition("_")[0] for one in graph.samples(0.0)}
    assert found == declared.keys()
    for one in graph.samples(0.0):
        signal = declared[one.name if one.name in declared else one.name.rpartition("_")[0]]
        assert tuple(name for name in one.labels if name != "le") == signal.labels


def test_a_trace_that_goes_on_is_counted_after_a_minute() -> None:
    stopwatch = Stopwatch()
    graph = ServiceGraph(stopwatch=stopwatch)
    for number in range(80):
        graph.add(call(1) if number == 0 else [span(id=100 + number, parent=2, service="tools", trace_id=f"{1:032x}")])
        stopwatch.at += 1
    assert values(graph, CALLS) == {("gateway", "tools"): 1}


def _held(graph: ServiceGraph) -> int:
    return sum(len(waiting.spans) for waiting in graph._waiting.values())


def test_no_more_spans_wait_than_allowed() -> None:
    graph = ServiceGraph(max_spans=100, stopwatch=Stopwatch())
    for number in range(500):
        graph.add(call(number + 1))
        assert _held(graph) <= 100
    assert values(graph, CALLS)[("gateway", "tools")] == 450, "the oldest were counted early"


def test_too_many_pairs_are_counted_together() -> None:
    stopwatch = Stopwatch()
    graph = ServiceGraph(max_edges=3, stopwatch=stopwatch)

    def pairs(numbers: Sequence[int]) -> None:
        for number in numbers:
            graph.add(call(number + 1, server=f"tools-{number}"))
        stopwatch.at += 10

    pairs(range(10))
    assert values(graph, CALLS)[(OTHER, OTHER)] == 7
    pairs([0])
    assert values(graph, CALLS)[("gateway", "tools-0")] == 2
    assert len(values(graph, CALLS)) == 4
