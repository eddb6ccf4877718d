"""OpenMetrics over HTTP: what a client gets that asks for it, and what a Prometheus makes of it."""

from __future__ import annotations

import gzip
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from collectors.runtime import Sidecar
from collectors.server import Server, serve
from examples.servers.redis import RedisServer
from tests.collectors.helpers import application, parsed, target
from tests.collectors.test_requests import PROMETHEUS_2, PROMETHEUS_3
from tests.servers import http
from tests.servers.prometheus import PrometheusServer

TEXT = """# HELP jobs_done Done, by an exporter that knows no _total.
# TYPE jobs_done counter
jobs_done 5
# HELP requests_total Served. \\\\ "all"
# TYPE requests_total counter
requests_total{path="a\\"b\\\\c"} 7
# HELP requests_created When.
# TYPE requests_created gauge
requests_created{path="a\\"b\\\\c"} 1.7e9
# HELP took_seconds Took.
# TYPE took_seconds histogram
took_seconds_bucket{le="0.1"} 1
took_seconds_bucket{le="+Inf"} 2
took_seconds_count 2
took_seconds_sum 3
# HELP waited_seconds Waited.
# TYPE waited_seconds summary
waited_seconds{quantile="0.5"} 0.25
waited_seconds_count 2
waited_seconds_sum 3
mystery 1
"""


@pytest.fixture
def server() -> Iterator[Server]:
    with application(text=TEXT) as app:
        sidecar = Sidecar([target("app", "shop", app.url), target("this-host", "host")])
        running = serve(sidecar, port=0)
        yield running
        running.shutdown()
        sidecar.close()


def _get(server: Server, accept: str) -> tuple[str, str]:
    headers = {"Accept": accept, "Accept-Encoding": "gzip"}
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}/metrics", headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.headers["Vary"] == "Accept, Accept-Encoding"
        return answer.headers["Content-Type"], gzip.decompress(answer.read()).decode()


@pytest.mark.parametrize("accept", [PROMETHEUS_2, PROMETHEUS_3])
def test_prometheus_is_given_openmetrics(server: Server, accept: str) -> None:
    kind, text = _get(server, accept)
    assert kind == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert text.endswith("\n# EOF\n")


def test_both_formats_have_the_same_series(server: Server) -> None:
    families = list(text_string_to_metric_families(_get(server, PROMETHEUS_2)[1]))  # type: ignore[no-untyped-call]
    kinds = {family.name: family.type for family in families}
    assert kinds["jobs_done"] == "unknown" and kinds["requests_total"] == "unknown" and kinds["mystery"] == "unknown"
    assert kinds["took_seconds"] == "histogram" and kinds["node_cpu_seconds"] == "counter"
    kind, text = _get(server, "text/plain")
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    names = {name for family in parsed(text).values() for name, _, _ in family.points}
    assert {sample.name for family in families for sample in family.samples} == names


@pytest.mark.long
def test_prometheus_has_the_same_series_as_the_text(
    redis_server: RedisServer, prometheus_server: Callable[..., PrometheusServer]
) -> None:
    with application(text=TEXT) as app:
        sidecar = Sidecar([target("app", "shop", app.url), target("cache", "redis", redis_server.url)])
        running = serve(sidecar, port=0)
        job = f"{{job_name: sidecar, static_configs: [{{targets: ['127.0.0.1:{running.port}']}}]}}"
        prometheus = prometheus_server(f"global: {{scrape_interval: 1s}}\nscrape_configs: [{job}]\n")
        prometheus.wait_for('watchkeeper_target_up{target="cache"} == 1')
        found = prometheus.wait_for('group by (__name__) ({job="sidecar", __name__!~"up|scrape_.*"})')
        metadata = {one["metric"]: one["type"] for one in prometheus.api("targets/metadata")}
        families = parsed(http.get_text(f"http://127.0.0.1:{running.port}/metrics"))
        running.shutdown()
        sidecar.close()
    assert {one["metric"]["__name__"] for one in found} == {
        name for family in families.values() for name, _, _ in family.points
    }
    assert metadata["jobs_done"] == "unknown" and metadata["redis_commands_processed"] == "counter"
