"""Changes, as the series of a real store tell of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing

import pytest

from detectors.changes import MetricChanges, announced, telling
from detectors.rootcause.ranking import Change
from tests.servers.prometheus import PrometheusServer
from watchkeeper.loading import load_definitions
from watchkeeper.settings import parse
from watchkeeper.signals import Counter, Gauge, Info, Signal
from watchkeeper.stores import Sample, Writer
from watchkeeper.stores.embedded import EmbeddedStore
from watchkeeper.stores.prometheus import PrometheusStore
from watchkeeper.systems.process import PROCESS_START_TIME_SECONDS
from watchkeeper.systems.redis_info import REDIS_INSTANCE_INFO

START = 1_000 * 86_400.0
END = START + 3 * 3_600.0
AT = START + 3_600.0
_KUBE = "kube-state-metrics"
IMAGE = Info("kube_pod_container_info", "Image.", labels=("container", "image", "pod"), origin=_KUBE)
REPLICAS = Gauge("kube_deployment_spec_replicas", "Wished replicas.", labels=("deployment",), origin=_KUBE)
GENERATION = Gauge("kube_deployment_metadata_generation", "Generation.", labels=("deployment",), origin=_KUBE)
RESTARTS = Counter("kube_pod_container_status_restarts_total", "Restarts.", labels=("container", "pod"), origin=_KUBE)
SIGNALS: tuple[Signal, ...] = (
    REDIS_INSTANCE_INFO,
    PROCESS_START_TIME_SECONDS,
    IMAGE,
    REPLICAS,
    GENERATION,
    RESTARTS,
)

Line = tuple[str, Mapping[str, str], Callable[[float], float | None]]
"""A metric, the labels of a series, and its value at a time, None where there is none."""


@pytest.fixture
def store() -> Iterator[EmbeddedStore]:
    with EmbeddedStore(None, clock=lambda: END) as found:
        yield found


def write(store: Writer, *lines: Line, start: float = START, end: float = END) -> None:
    store.write(list(samples(lines, start, end)))


def samples(lines: Iterable[Line], start: float = START, end: float = END) -> Iterator[Sample]:
    at = start
    while at <= end:
        for name, labels, value in lines:
            if (seen := value(at)) is not None:
                yield Sample(name, labels, seen, at)
        at += 60.0


def between(begin: float, end: float, value: float = 1.0) -> Callable[[float], float | None]:
    return lambda at: value if begin <= at < end else None


def redis(version: str, begin: float, end: float, instance: str = "a:6379") -> Line:
    labels = {"job": "redis", "instance": instance, "redis_version": version, "run_id": f"{begin}"}
    return "redis_instance_info", labels, between(begin, end)


def process(started: Callable[[float], float | None], instance: str = "shop-1:9000") -> Line:
    return "process_start_time_seconds", {"job": "shop", "instance": instance}, started


def changes(store: EmbeddedStore, start: float = START, end: float = END) -> tuple[Change, ...]:
    return MetricChanges(SIGNALS, store).between(start, end)


def told(store: EmbeddedStore) -> list[tuple[str, str]]:
    return [(one.component, one.text) for one in changes(store)]


def test_a_new_version_is_told_with_the_old_one(store: EmbeddedStore) -> None:
    write(store, redis("7.2.3", START, AT), redis("7.2.4", AT, END + 1))
    (one,) = changes(store)
    assert (one.component, one.text, one.meant) == ("redis", "redis version 7.2.3 → 7.2.4", True)
    assert one.at == AT


def test_a_version_after_a_gap_is_compared_with_that_before_it(store: EmbeddedStore) -> None:
    write(store, redis("7.2.3", START, AT), redis("7.2.4", AT + 1_800, END + 1))
    assert told(store) == [("redis", "redis version 7.2.3 → 7.2.4")]


def test_a_gap_alone_is_no_change(store: EmbeddedStore) -> None:
    write(store, redis("7.2.3", START, AT), redis("7.2.3", AT + 1_800, END + 1))
    assert told(store) == []


def test_what_is_taken_back_is_told_as_well(store: EmbeddedStore) -> None:
    write(store, redis("7.2.3", START, AT), redis("7.2.4", AT, AT + 1_800), redis("7.2.3", AT + 1_800, END + 1))
    assert told(store) == [("redis", "redis version 7.2.3 → 7.2.4"), ("redis", "redis version 7.2.4 → 7.2.3")]


def test_a_roll_out_over_instances_is_told_once(store: EmbeddedStore) -> None:
    for number in range(4):
        here = AT + 120.0 * number
        name = f"r{number}:6379"
        write(store, redis("7.2.3", START, here, name), redis("7.2.4", here, END + 1, name))
    assert told(store) == [("redis", "redis version 7.2.3 → 7.2.4")]


def test_a_new_pod_with_a_new_image_is_a_new_image_of_its_service(store: EmbeddedStore) -> None:
    for pod, image, begin, end in (("shop-1", "shop:1.4", START, AT + 300), ("shop-2", "shop:1.5", AT, END + 1)):
        labels = {"job": "shop", "instance": pod, "container": "shop", "pod": pod, "image": image}
        write(store, ("kube_pod_container_info", labels, between(begin, end)))
    assert told(store) == [("shop", "image shop:1.4 → shop:1.5")]


def test_a_restart_is_that_of_one_instance_and_nobodys_deed(store: EmbeddedStore) -> None:
    write(store, process(lambda at: AT - 7.5 if at >= AT else START - 9e6))
    (one,) = changes(store)
    assert (one.component, one.of, one.text, one.meant) == ("shop-1:9000", "shop", "restart", False)
    assert one.at == AT - 7.5


def test_a_start_that_is_computed_anew_each_time_is_no_restart(store: EmbeddedStore) -> None:
    write(store, process(lambda at: START - 9e6 + (at % 7)))
    assert told(store) == []


def test_a_new_instance_is_told_and_one_that_is_only_newly_scraped_is_not(store: EmbeddedStore) -> None:
    write(
        store,
        process(lambda at: START - 9e6),
        process(lambda at: AT if at >= AT else None, "shop-2:9000"),
        process(lambda at: START - 9e6 if at >= AT else None, "shop-3:9000"),
    )
    assert told(store) == [("shop", "a new instance")]


def test_restarts_that_come_with_a_version_are_that_version(store: EmbeddedStore) -> None:
    write(
        store,
        redis("7.2.3", START, AT),
        redis("7.2.4", AT, END + 1),
        (
            "process_start_time_seconds",
            {"job": "redis", "instance": "a:6379"},
            lambda at: AT if at >= AT else START - 9e6,
        ),
    )
    assert told(store) == [("redis", "redis version 7.2.3 → 7.2.4")]


def test_replicas_are_told_and_the_generation_that_they_raise_is_not(store: EmbeddedStore) -> None:
    labels = {"job": "kube-state-metrics", "instance": "ksm:8080", "deployment": "shop"}
    write(
        store,
        ("kube_deployment_spec_replicas", labels, lambda at: 5.0 if at >= AT else 3.0),
        ("kube_deployment_metadata_generation", labels, lambda at: (12.0 if at >= AT else 11.0) + (at >= AT + 3_600)),
    )
    assert told(store) == [("shop", "replicas 3 → 5"), ("shop", "generation 12 → 13")]
    assert [one.meant for one in changes(store)] == [False, True]


def test_a_counted_restart_of_a_container_is_told(store: EmbeddedStore) -> None:
    labels = {"job": "kube-state-metrics", "instance": "ksm:8080", "pod": "shop-1", "container": "shop"}
    write(store, ("kube_pod_container_status_restarts_total", labels, lambda at: 4.0 if at >= AT else 3.0))
    assert told(store) == [("shop-1", "restart of container shop")]


def test_asked_again_it_asks_for_what_is_new_and_keeps_the_rest(store: EmbeddedStore) -> None:
    write(store, redis("7.2.3", START, AT), redis("7.2.4", AT, AT + 3_600), redis("7.2.5", AT + 3_600, END + 1))
    clock = [AT + 600.0]
    found = MetricChanges(SIGNALS, store, clock=lambda: clock[0])
    assert [one.text for one in found.lately()] == ["redis version 7.2.3 → 7.2.4"]
    clock[0] = END
    both = ["redis version 7.2.3 → 7.2.4", "redis version 7.2.4 → 7.2.5"]
    assert [one.text for one in found.lately()] == both
    assert [one.text for one in found.lately()] == both


def test_of_the_catalogue_those_tell_that_name_a_version_or_a_start() -> None:
    signals = [signal for system in load_definitions().definitions.systems for signal in system.signals]
    kinds = {one.signal.name: one.kind for one in telling(signals)}
    assert kinds["redis_instance_info"] == kinds["mongodb_version_info"] == kinds["pg_static"] == "version"
    assert kinds["process_start_time_seconds"] == kinds["node_boot_time_seconds"] == "start"
    assert "redis_up" not in kinds and "process_resident_memory_bytes" not in kinds


def test_what_calendars_announce_is_a_change_too() -> None:
    settings = parse(
        """
calendars:
  deploys:
    - {name: shop 4.2, at: 2026-01-31T10:00:00Z, component: shop}
    - {name: shop 4.1, at: 2026-01-01T10:00:00Z, component: shop}
  planned:
    - {name: night batch, start: 2026-01-01T10:30:00Z, end: 2026-01-01T11:00:00Z, every: 1d, labels: {job: batch}}
  maintenance:
    - {name: move, start: 2026-01-31T08:00:00Z, end: 2026-01-31T10:45:00Z}
"""
    )
    begin = 1_769_850_000.0  # 2026-01-31T09:00:00Z
    found = announced(settings.calendars, begin, begin + 7_200)
    assert [(one.component, one.text) for one in found] == [
        ("shop", "deploy of shop 4.2"),
        ("batch", "planned: night batch began"),
    ]


def test_a_real_prometheus_tells_the_same(
    store: EmbeddedStore, prometheus_server: Callable[..., PrometheusServer]
) -> None:
    lines = (
        redis("7.2.3", START, AT),
        redis("7.2.4", AT, END + 1),
        process(lambda at: AT - 7.5 if at >= AT else START - 9e6),
    )
    write(store, *lines)
    text = [_openmetrics(one) for line in lines for one in samples([line])]
    server = prometheus_server(backfill=["\n".join([*text, "# EOF", ""])])
    with closing(PrometheusStore(server.url)) as prometheus:
        found = MetricChanges(SIGNALS, prometheus).between(START, END)
    assert [one.text for one in found] == ["restart", "redis version 7.2.3 → 7.2.4"]
    assert found == changes(store)


def _openmetrics(one: Sample) -> str:
    labels = ",".join(f'{name}="{value}"' for name, value in one.labels.items())
    return f"{one.name}{{{labels}}} {one.value!r} {one.time:.0f}"
