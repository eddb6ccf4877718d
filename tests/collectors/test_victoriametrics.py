"""The signals of VictoriaMetrics against a real one, with each of their conditions fulfilled."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from collectors.description import collector_of
from tests.collectors.helpers import application, by_name, parsed, target
from tests.conftest import need
from tests.servers import http, victoriametrics, wait_until
from tests.servers.remote_write import remote_write
from tests.servers.victoriametrics import VictoriaMetricsServer
from watchkeeper.clock import monotonic
from watchkeeper.systems.victoriametrics import SIGNALS

pytestmark = pytest.mark.server

# Packages without the version in their build leave these labels empty.
_BUILD = {"vm_app_version": {"version", "short_version"}, "vm_log_messages_total": {"app_version"}}


@pytest.fixture(scope="module")
def server() -> Iterator[VictoriaMetricsServer]:
    """A server that scrapes an application, and is written to."""
    need(victoriametrics.available())
    with application() as app:
        address = app.url.removeprefix("http://").removesuffix("/metrics")
        scrape = "global: {scrape_interval: 1s}\nscrape_configs:\n"
        scrape += f"- job_name: app\n  static_configs: [{{targets: ['{address}']}}]\n"
        with victoriametrics.run(scrape=scrape) as server:
            wait_until(lambda: _value(server, "vm_promscrape_scrapes_total", status_code="200"), what="a scrape")
            yield server


def _value(server: VictoriaMetricsServer, name: str, **labels: str) -> float | None:
    family = parsed(server.metrics()).get(name)
    points = family.points if family is not None else ()
    return next((value for _, pairs, value in points if labels.items() <= dict(pairs).items()), None)


def test_every_signal_is_exposed_with_its_kind_and_labels(server: VictoriaMetricsServer) -> None:
    families = parsed(server.metrics())
    for signal in SIGNALS:
        family = families[signal.name]
        assert family.kind == signal.exposed_as == "untyped"
        assert {name for name, _, _ in family.points} == {signal.name}
        labels = {label for _, pairs, _ in family.points for label, _ in pairs}
        assert labels | _BUILD.get(signal.name, set()) == set(signal.labels), signal.name


def test_the_sidecar_reads_it_as_it_is(server: VictoriaMetricsServer) -> None:
    own = target("v", "victoriametrics", f"{server.url}/metrics")
    session = collector_of(own).open(own)
    families = by_name(session.read(monotonic() + 5))
    session.close()
    assert families.keys() == parsed(server.metrics()).keys()


def test_samples_that_are_written_are_counted(server: VictoriaMetricsServer) -> None:
    before = _value(server, "vm_rows_inserted_total", type="promremotewrite") or 0
    now = float(int(time.time()))
    remote_write(server.url, [({"__name__": "written", "n": str(n)}, [(now, 1.0)]) for n in range(20)])
    wait_until(
        lambda: (_value(server, "vm_rows_inserted_total", type="promremotewrite") or 0) == before + 20,
        what="the samples",
    )
    assert (_value(server, "vm_new_timeseries_created_total") or 0) >= 20
    # Series that were never seen are slow to insert.
    assert (_value(server, "vm_slow_row_inserts_total") or 0) >= 20


def test_samples_of_long_ago_are_left_out(server: VictoriaMetricsServer) -> None:
    remote_write(server.url, [({"__name__": "old"}, [(1_000_000.0, 1.0)])])
    wait_until(lambda: _value(server, "vm_rows_ignored_total", reason="small_timestamp"), what="the sample's rejection")


def test_a_disk_below_its_limit_makes_it_read_only() -> None:
    need(victoriametrics.available())
    with victoriametrics.run(flags=("-storage.minFreeDiskSpaceBytes=1000000000000000",)) as full:
        wait_until(lambda: _value(full, "vm_storage_is_read_only") == 1, what="the server to be read-only")
        assert (_value(full, "vm_free_disk_space_bytes") or 0) < (_value(full, "vm_free_disk_space_limit_bytes") or 0)


def test_requests_that_fail_are_counted(server: VictoriaMetricsServer) -> None:
    with pytest.raises(OSError, match="4"):
        http.get_json(f"{server.url}/api/v1/query", {"query": "rate("})
    wait_until(
        lambda: _value(server, "vm_http_request_errors_total", path="/api/v1/query"), what="the error to be counted"
    )
