"""What the process says of itself: counters, gauges and histograms, as text and in the store."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from tests.traces.support import span
from watchkeeper import queries as q
from watchkeeper.app.telemetry import Telemetry
from watchkeeper.stores.embedded import EmbeddedStore
from watchkeeper.systems import traces
from watchkeeper.traces.service_graph import ServiceGraph

AT = 1_795_000_000.0


def test_the_service_graph_is_exposed_and_can_be_queried() -> None:
    moment, clock = [0.0], [AT]
    graph = ServiceGraph(stopwatch=lambda: moment[0])
    signals = {signal.name: signal for signal in traces.SIGNALS}
    with EmbeddedStore(None, clock=lambda: clock[0]) as store:
        telemetry = Telemetry([graph.samples], signals, writer=store, clock=lambda: clock[0])
        for number in range(40):
            graph.add([span("GET /", 0, 0.3, id=1, kind="server", service="shop", trace_id=f"{number + 1:032x}")])
            moment[0] += 10
            clock[0] += 15
            telemetry.write()
        query = q.quantile(0.95, traces.TRACES_SERVICE_GRAPH_REQUEST_SERVER_SECONDS, by=("client", "server"))
        found = store.instant(query, clock[0])
    assert found.series == ({"client": "user", "server": "shop"},)
    assert 0.2 < found.values[0] <= 0.4
    families = {one.name: one for one in text_string_to_metric_families(telemetry.text().decode())}
    seconds = families["traces_service_graph_request_server_seconds"]
    assert seconds.type == "histogram"
    assert {sample.name.rpartition("_")[2] for sample in seconds.samples} == {"bucket", "count", "sum"}
    assert families["traces_service_graph_request"].type == "counter"
