"""Likely causes of a deviation, over a real store in which payments make their callers slow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any

import numpy as np
import pytest

from detectors.causes import MOST, Causes, Finder, Limits, Onset
from detectors.components import component_of
from detectors.rootcause.ranking import Change
from detectors.traces import DETECTORS as TRACES
from tests.app.three_services import SPANS, samples
from tests.servers.prometheus import PrometheusServer
from watchkeeper.catalogue import Catalogue
from watchkeeper.declarations import Detector
from watchkeeper.errors import StoreError
from watchkeeper.loading import load_definitions
from watchkeeper.queries import Query
from watchkeeper.stores import Matrix, Sample, Store
from watchkeeper.stores.embedded import EmbeddedStore
from watchkeeper.stores.prometheus import PrometheusStore

START = 1_000 * 86_400.0
ONSET = START + 4 * 3_600.0
END = ONSET + 1_800.0
CALLS = (("user", "shop"), ("shop", "cart"), ("cart", "payments"))


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.of(load_definitions().definitions)


@pytest.fixture(scope="module")
def store() -> Iterator[EmbeddedStore]:
    with EmbeddedStore(None, clock=lambda: END) as found:
        found.write(list(samples(START, END, ONSET)))
        yield found


def onset(service: str = "shop", **changes: Any) -> Onset:
    labels = {"service_name": service, "span_name": SPANS.get(service, "")}
    values: dict[str, Any] = {
        "system": "traces",
        "labels": labels,
        "since": ONSET + 60,
        "at": END,
        "detector": "traces.duration",
    }
    return Onset(**{**values, **changes})


def find(catalogue: Catalogue, store: Store, asked: Onset | None = None, **options: Any) -> Causes:
    detectors = options.pop("detectors", catalogue.detectors.values())
    found = Finder(detectors, lambda key: catalogue.queries[key].query, store, **options)
    return found.find(onset() if asked is None else asked)


def calls(start: float, end: float) -> Sequence[tuple[str, str]]:
    return CALLS


def components(found: Causes) -> list[str]:
    return [one.component for one in found.candidates]


def test_the_cause_upstream_comes_first_and_what_alarmed_is_marked(catalogue: Catalogue, store: EmbeddedStore) -> None:
    found = find(catalogue, store, edges=calls)
    assert components(found) == ["payments", "cart", "shop"]
    assert [one.own for one in found.candidates] == [False, False, True]
    assert found.candidates[0].title == "Duration of a service's calls, POST /charge"
    assert found.candidates[0].why.startswith("rose to ")
    assert "ms" in found.candidates[0].why
    assert found.note == ""
    assert found.settled


def test_asked_of_the_cause_itself_it_is_first_too(catalogue: Catalogue, store: EmbeddedStore) -> None:
    found = find(catalogue, store, onset("payments"), edges=calls)
    assert found.candidates[0].component == "payments"
    assert found.candidates[0].own


def test_without_a_graph_it_says_so(catalogue: Catalogue, store: EmbeddedStore) -> None:
    for edges in (None, lambda start, end: ()):
        found = find(catalogue, store, edges=edges)
        assert set(components(found)) == {"shop", "cart", "payments"}
        assert "Who calls whom is not known" in found.note


def test_a_graph_that_gives_no_answer_costs_no_more_than_itself(catalogue: Catalogue, store: EmbeddedStore) -> None:
    def broken(start: float, end: float) -> Sequence[tuple[str, str]]:
        raise StoreError("the trace store is gone")

    found = find(catalogue, store, edges=broken)
    assert found.candidates
    assert "Who calls whom is not known" in found.note


def test_what_is_calm_is_no_candidate(catalogue: Catalogue, store: EmbeddedStore) -> None:
    found = find(catalogue, store, edges=calls)
    assert found.series > len(found.candidates)
    assert not any("cache" in one for one in components(found))


def test_a_change_of_the_cause_is_named_with_it_and_first_class(catalogue: Catalogue, store: EmbeddedStore) -> None:
    restart = Change(ONSET - 480, "payments:9000", "restart", meant=False, of="payments")
    old = Change(ONSET - 9_000, "payments", "deploy of payments 1")
    asked: list[tuple[float, float]] = []

    def changes(start: float, end: float) -> Iterable[Change]:
        asked.append((start, end))
        return [one for one in (old, restart) if start <= one.at <= end]

    found = find(catalogue, store, edges=calls, changes=changes)
    assert found.changes == (restart,)
    assert found.told(restart).endswith("UTC, 9 min before)")
    assert found.candidates[0].why.endswith("restart 9 min before it")
    assert asked == [(ONSET + 60 - 3_600, ONSET + 60 + 300)]


def test_changes_that_are_not_known_are_said_to_be(catalogue: Catalogue, store: EmbeddedStore) -> None:
    def broken(start: float, end: float) -> Iterable[Change]:
        raise StoreError("away")

    found = find(catalogue, store, edges=calls, changes=broken)
    assert found.note == "What was changed before it is not known."


def test_where_nothing_deviated_it_says_that_the_cause_has_no_signal(
    catalogue: Catalogue, store: EmbeddedStore
) -> None:
    calm = onset(since=ONSET - 3_600, at=ONSET - 1_800)
    found = find(catalogue, store, calm, edges=calls)
    assert found.candidates == ()
    assert "is far from its normal there" in found.note


def test_where_nothing_else_is_watched_it_says_so(catalogue: Catalogue, store: EmbeddedStore) -> None:
    memory = next(one for one in catalogue.detectors.values() if one.key == "redis.memory")
    asked = onset(system="redis", labels={"job": "redis", "instance": "cache:6379"}, detector="redis.memory")
    found = find(catalogue, store, asked, detectors=(memory,), edges=calls)
    assert "Only cache:6379 is watched there" in found.note


def test_too_little_of_a_past_is_said(catalogue: Catalogue, store: EmbeddedStore) -> None:
    early = onset(since=START + 600, at=START + 1_200)
    found = find(catalogue, store, early, edges=calls)
    assert found.candidates == ()
    assert "Too little is known of what is normal" in found.note


def test_a_time_without_values_is_said(catalogue: Catalogue, store: EmbeddedStore) -> None:
    found = find(catalogue, store, onset(since=END + 864_000, at=END + 865_000), edges=calls)
    assert found.candidates == ()
    assert "No watched series has values" in found.note


def test_a_store_that_is_away_is_asked_once_and_told(catalogue: Catalogue) -> None:
    class Away:
        asked = 0

        def range(self, query: Query, start: float, end: float, step: float, *, auto: float = 300.0) -> Matrix:
            self.asked += 1
            raise StoreError("connection refused")

    away: Any = Away()
    with pytest.raises(StoreError, match="refused"):
        find(catalogue, away, edges=calls)
    assert away.asked == 1


def test_it_asks_no_more_than_it_may_and_says_what_is_left(catalogue: Catalogue, store: EmbeddedStore) -> None:
    found = find(catalogue, store, edges=calls, limits=Limits(queries=3))
    assert found.queries == 3
    assert "were left out or gave no answer" in found.note
    # What is asked of comes first, so that its system is always among them.
    assert components(found)[0] == "payments"


def test_when_the_time_is_up_it_answers_with_what_it_has(catalogue: Catalogue, store: EmbeddedStore) -> None:
    ticks = iter([0.0, *(4.0 * i for i in range(1_000))])
    found = find(catalogue, store, edges=calls, stopwatch=lambda: next(ticks))
    assert 0 < found.queries < 10
    assert "were left out or gave no answer" in found.note


def test_of_many_series_the_one_that_is_asked_of_is_looked_at(catalogue: Catalogue, store: EmbeddedStore) -> None:
    found = find(catalogue, store, onset("shop"), edges=calls, limits=Limits(per_query=1))
    assert components(found) == ["shop"]
    assert found.candidates[0].own


def test_no_more_than_five_are_told(catalogue: Catalogue) -> None:
    with EmbeddedStore(None, clock=lambda: END) as many:
        for number in range(8):
            for one in samples(START, END, ONSET, graph=False):
                if one.labels.get("service_name") == "payments":
                    labels = {**one.labels, "service_name": f"s{number}", "instance": f"s{number}:1"}
                    many.write([Sample(one.name, labels, one.value, one.time)])
        found = find(catalogue, many, onset("s0", labels={"service_name": "s0", "span_name": SPANS["payments"]}))
    assert len(found.candidates) == MOST


def test_among_many_healthy_series_there_is_no_candidate(catalogue: Catalogue) -> None:
    noise = np.random.default_rng(3)

    class Healthy:
        def range(self, query: Query, start: float, end: float, step: float, *, auto: float = 300.0) -> Matrix:
            times = np.arange(start, end + 1, step)
            values = noise.standard_normal((200, len(times)))
            labels = tuple({"service_name": f"s{i % 40}", "span_name": f"{i}"} for i in range(200))
            return Matrix(times, labels, values, np.ones(values.shape, np.bool_))

    healthy: Any = Healthy()
    asked = onset("s0", labels={"service_name": "s0", "span_name": "0"})
    found = find(catalogue, healthy, asked, edges=calls)
    assert found.series == Limits().series
    assert [one for one in found.candidates if not one.own] == []


def test_an_alert_is_asked_for_by_its_component(catalogue: Catalogue, store: EmbeddedStore) -> None:
    asked = onset(detector="", labels={"service_name": "shop"}, since=ONSET - 120)
    found = find(catalogue, store, asked, edges=calls)
    assert components(found)[0] == "payments"
    assert found.component == "shop"


def test_at_a_pace_hours_are_shorter(catalogue: Catalogue) -> None:
    pace = 60.0
    begin, end = START, START + (END - START) / pace
    with EmbeddedStore(None, clock=lambda: end) as fast:
        written = samples(START, END, ONSET)
        fast.write([Sample(s.name, s.labels, s.value, START + (s.time - START) / pace) for s in written])
        since = START + (ONSET + 60 - START) / pace
        found = find(catalogue, fast, onset(since=since, at=end), edges=calls, pace=pace)
    assert begin < since < end
    assert components(found) == ["payments", "cart", "shop"]


def test_until_the_minutes_after_the_onset_are_over_it_is_not_settled(
    catalogue: Catalogue, store: EmbeddedStore
) -> None:
    assert not find(catalogue, store, onset(at=ONSET + 240), edges=calls).settled


def test_it_is_the_same_over_a_real_prometheus(
    catalogue: Catalogue, store: EmbeddedStore, prometheus_server: Callable[..., PrometheusServer]
) -> None:
    lines: dict[tuple[str, str], list[str]] = {}
    for one in samples(START, END, ONSET):
        labels = ",".join(f'{name}="{value}"' for name, value in one.labels.items())
        lines.setdefault((one.name, labels), []).append(f"{one.name}{{{labels}}} {one.value!r} {one.time:.0f}")
    text = [line for key in sorted(lines) for line in lines[key]]
    server = prometheus_server(backfill=["\n".join([*text, "# EOF", ""])])
    own: tuple[Detector, ...] = TRACES
    with closing(PrometheusStore(server.url)) as prometheus:
        theirs = find(catalogue, prometheus, detectors=own, edges=calls)
    assert components(theirs) == ["payments", "cart", "shop"]
    # Their values differ where Prometheus 2 and 3 differ, in what the edge of a window belongs to.
    ours = find(catalogue, store, detectors=own, edges=calls)
    assert [one.title for one in theirs.candidates] == [one.title for one in ours.candidates]
    assert theirs.series == ours.series


def test_a_series_goes_by_the_name_that_its_callers_know() -> None:
    nodes = {"shop", "postgresql/orders", "redis", "rabbitmq/tasks", "rabbitmq/mail"}
    assert component_of({"service_name": "shop", "span_name": "GET /"}, "traces", nodes) == "shop"
    assert component_of({"job": "shop", "instance": "shop-1:9000"}, "agent_platform", nodes) == "shop"
    assert component_of({"job": "pg", "instance": "db:5432"}, "postgresql", nodes) == "postgresql/orders"
    assert component_of({"job": "cache", "instance": "c:6379"}, "redis", nodes) == "redis"
    assert component_of({"queue": "mail", "job": "mq"}, "rabbitmq", nodes) == "rabbitmq/mail"
    assert component_of({"job": "mq", "instance": "mq:1"}, "rabbitmq", nodes) == "mq:1"
    assert component_of({"pod": "shop-5f66-x2v", "job": "k"}, "agent_platform", nodes) == "shop"
    assert component_of({"gen_ai_tool_name": "search"}, "agent_platform", nodes) == "search"
    assert component_of({}, "agent_platform", nodes) == "agent_platform"
