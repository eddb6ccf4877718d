"""The signals of Prometheus against a real one, with each of their conditions fulfilled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from collectors.description import collector_of
from collectors.families import Family
from tests.collectors.helpers import by_name, check_declared, parsed, target
from tests.conftest import need
from tests.servers import free_port, http, prometheus, wait_until
from tests.servers.prometheus import PrometheusServer
from watchkeeper.clock import monotonic
from watchkeeper.signals import Signal
from watchkeeper.systems.prometheus import SIGNALS

pytestmark = pytest.mark.server

# What the server stores beside a scrape, and does not show itself.
STORED = tuple(signal for signal in SIGNALS if signal.name.startswith("scrape_"))
OWN = tuple(signal for signal in SIGNALS if signal not in STORED)

# A rule that fails as soon as two series of `up` are there, a job over its limit, receivers of samples and alerts away.
_CONFIG = """\
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
scrape_configs:
- job_name: self
  static_configs: [{{targets: ['{target}']}}]
- job_name: limited
  sample_limit: 5
  static_configs: [{{targets: ['{target}']}}]
remote_write:
- url: {receiver}
  queue_config: {{max_backoff: 100ms}}
- url: http://127.0.0.1:{closed}/api/v1/write
alerting:
  alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{closed}']}}]}}]
"""
_RULES = """\
groups:
- name: broken
  rules:
  - {record: 'broken:up', expr: 'label_replace(up, "job", "same", "job", ".*") + on (job) up'}
  - {alert: Always, expr: 'vector(1)'}
"""


@dataclass(frozen=True)
class Watched:
    server: PrometheusServer

    def text(self) -> str:
        return http.get_text(f"{self.server.url}/metrics")

    def value(self, name: str, **labels: str) -> float | None:
        family = parsed(self.text()).get(name)
        points = family.points if family is not None else ()
        return next((value for _, pairs, value in points if labels.items() <= dict(pairs).items()), None)


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    """A Prometheus in trouble, that another one takes the samples of."""
    need(prometheus.available())
    # What cannot be sent would hold up its end for a minute.
    flags = ("--storage.remote.flush-deadline=100ms",)
    with (
        prometheus.run(remote_write_receiver=True) as receiver,
        prometheus.run(files={"rules.yml": _RULES}, flags=flags) as server,
    ):
        address = server.url.removeprefix("http://")
        receives = f"{receiver.url}/api/v1/write"
        server.reload(_CONFIG.format(target=address, receiver=receives, closed=free_port()))
        found = Watched(server)
        pending = "prometheus_remote_storage_queue_highest_sent_timestamp_seconds"
        wait_until(lambda: found.value(pending, url=receives), what="remote write")
        wait_until(lambda: found.value("prometheus_rule_evaluation_failures_total"), what="a failing rule")
        interval = "prometheus_target_interval_length_seconds"
        wait_until(lambda: found.value(interval, interval="1s"), what="a second scrape")
        yield found


def _of(families: list[Family], signals: tuple[Signal, ...]) -> list[Family]:
    names = {signal.name for signal in signals}
    return [family for family in families if family.name in names]


def test_every_signal_is_exposed_with_its_kind_and_labels(watched: Watched) -> None:
    families = list(parsed(watched.text()).values())
    check_declared(_of(families, OWN), OWN)
    emitted = {family.name for family in families if family.points}
    # Those with a condition too: all are fulfilled here.
    assert {signal.name for signal in OWN} <= emitted


def test_what_is_stored_beside_a_scrape_is_there(watched: Watched) -> None:
    for signal in STORED:
        assert watched.server.wait_for(f'{signal.name}{{job="self"}}'), signal.name


def test_the_sidecar_reads_it_as_it_is(watched: Watched) -> None:
    own = target("p", "prometheus", f"{watched.server.url}/metrics")
    session = collector_of(own).open(own)
    families = by_name(session.read(monotonic() + 5))
    session.close()
    theirs = parsed(watched.text())
    assert families.keys() == theirs.keys()
    assert families["prometheus_build_info"].points == theirs["prometheus_build_info"].points


def test_a_rule_that_fails_counts(watched: Watched) -> None:
    assert (watched.value("prometheus_rule_evaluation_failures_total") or 0) > 0


def test_a_receiver_that_is_away_leaves_samples_pending(watched: Watched) -> None:
    wait_until(
        lambda: any(
            value > 0
            for _, pairs, value in parsed(watched.text())["prometheus_remote_storage_samples_pending"].points
            if dict(pairs)["url"].endswith("/api/v1/write")
        ),
        what="samples to wait",
    )


def test_an_alertmanager_that_is_away_loses_alerts(watched: Watched) -> None:
    wait_until(lambda: watched.value("prometheus_notifications_dropped_total"), what="alerts to be dropped")


def test_a_scrape_over_its_limit_counts(watched: Watched) -> None:
    counted = "prometheus_target_scrapes_exceeded_sample_limit_total"
    wait_until(lambda: watched.value(counted), what="a scrape over its limit")


def test_a_configuration_that_cannot_be_read_is_said() -> None:
    need(prometheus.available())
    with prometheus.run() as server:
        broken = Watched(server)
        assert broken.value("prometheus_config_last_reload_successful") == 1
        with pytest.raises(OSError, match="reload"):
            server.reload("scrape_configs: nonsense\n")
        assert broken.value("prometheus_config_last_reload_successful") == 0
