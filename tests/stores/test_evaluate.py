"""How queries are put together: matching, aggregation, histograms, refusals."""

from __future__ import annotations

import math

import pytest

from tests.stores.conftest import NOW, put
from watchkeeper import queries as q
from watchkeeper.errors import StoreError, UnsupportedQuery
from watchkeeper.queries import PromQL
from watchkeeper.queries.nodes import Aggregate, Function, Number, Over
from watchkeeper.signals import Counter, Gauge, Histogram, Info, Selection, is_not, matches
from watchkeeper.stores.embedded import EmbeddedStore
from watchkeeper.units import ONE, RATIO, SECONDS, UNIX_TIME

A = Gauge("ev_a", "A.", labels=("path", "code"))
B = Gauge("ev_b", "B.", labels=("path", "code"))
BUILD = Info("ev_build_info", "Version.", labels=("version",))
STARTED = Gauge("ev_started_timestamp_seconds", "Start.", UNIX_TIME)
LATENCY = Histogram("ev_latency_seconds", "Latency.", SECONDS, ("path",), buckets=(0.1, 1.0))


@pytest.fixture
def store(memory: EmbeddedStore) -> EmbeddedStore:
    put(memory, "ev_a", {0: 10}, {"path": "/", "code": "200", "instance": "x"})
    put(memory, "ev_a", {0: 1}, {"path": "/", "code": "500", "instance": "x"})
    put(memory, "ev_a", {0: 20}, {"path": "/b", "code": "200", "instance": "y"})
    put(memory, "ev_b", {0: 5}, {"path": "/", "code": "200", "instance": "x"})
    put(memory, "ev_b", {0: 0}, {"path": "/b", "code": "200", "instance": "y"})
    put(memory, "ev_build_info", {0: 1}, {"version": "1.2", "instance": "x"})
    put(memory, "ev_started_timestamp_seconds", {0: NOW - 90}, {"instance": "x"})
    return memory


def ask(store: EmbeddedStore, query: q.Query) -> dict[tuple[tuple[str, str], ...], float]:
    vector = store.instant(query, NOW + 1)
    rows = zip(vector.series, vector.values, strict=True)
    return {tuple(sorted(labels.items())): value for labels, value in rows}


def test_a_selection_keeps_the_name_and_arithmetic_drops_it(store: EmbeddedStore) -> None:
    five_hundred = A.where(code="500")
    assert ask(store, q.value(five_hundred)) == {
        (("__name__", "ev_a"), ("code", "500"), ("instance", "x"), ("path", "/")): 1.0
    }
    assert ask(store, q.value(five_hundred) * 2) == {(("code", "500"), ("instance", "x"), ("path", "/")): 2.0}


def test_matchers_see_an_absent_label_as_empty(store: EmbeddedStore) -> None:
    assert len(ask(store, q.value(A.where(cluster="")))) == 3
    assert len(ask(store, q.value(A.where(cluster=is_not(""))))) == 0
    assert len(ask(store, q.value(A.where(cluster=matches("|east"))))) == 3


def test_expressions_match_the_whole_value(store: EmbeddedStore) -> None:
    assert len(ask(store, q.value(A.where(path=matches("/"))))) == 2


def test_operands_match_on_all_labels_but_the_name(store: EmbeddedStore) -> None:
    assert ask(store, q.ratio(A, B)) == {
        (("code", "200"), ("instance", "x"), ("path", "/")): 2.0,
        (("code", "200"), ("instance", "y"), ("path", "/b")): math.inf,
    }


def test_a_comparison_keeps_the_series_and_its_name(store: EmbeddedStore) -> None:
    found = ask(store, q.value(A) > q.value(B))
    assert {dict(labels)["__name__"] for labels in found} == {"ev_a"}
    assert sorted(found.values()) == [10.0, 20.0]


def test_truth_is_one_or_zero(store: EmbeddedStore) -> None:
    assert sorted(ask(store, q.truth(q.value(A) > 5)).values()) == [0.0, 1.0, 1.0]


def test_a_join_adds_labels_of_the_single_side(store: EmbeddedStore) -> None:
    joined = q.join("*", A, BUILD, on=("instance",), group="left", include=("version",))
    assert {dict(labels)["version"] for labels in ask(store, joined)} == {"1.2"}


def test_several_series_on_the_single_side_are_refused(store: EmbeddedStore) -> None:
    with pytest.raises(StoreError, match=r"several series on the right match one: .*aggregate that side"):
        store.instant(q.join("*", B, A, on=("path",), group="left"), NOW + 1)


def test_several_series_on_the_left_of_a_one_to_one_match_are_refused(store: EmbeddedStore) -> None:
    with pytest.raises(StoreError, match="several series on the left match one"):
        store.instant(q.join("*", A, B, on=("path",)), NOW + 1)


def test_series_that_become_one_are_refused(store: EmbeddedStore) -> None:
    put(store, "ev_b", {0: 3}, {"path": "/", "code": "500", "instance": "x"})
    both = q.or_(A, B, on=("code", "path", "instance"))
    assert len(ask(store, both)) == 3
    # At first only B is there, then A too: a range function sees both, which differ in their names alone.
    put(store, "ev_b", {120: 1}, {"path": "/new", "code": "200", "instance": "z"})
    put(store, "ev_a", {180: 1}, {"path": "/new", "code": "200", "instance": "z"})
    with pytest.raises(StoreError, match="several series with the labels"):
        store.instant(q.max_over_time(both, "2m", step="10s"), NOW + 200)


def test_sets_of_series(store: EmbeddedStore) -> None:
    assert len(ask(store, q.and_(A, B))) == 2
    assert len(ask(store, q.unless(A, B))) == 1
    assert len(ask(store, q.or_(A, B))) == 3


def test_or_zero_fills_a_total_that_is_missing(store: EmbeddedStore) -> None:
    assert ask(store, q.or_zero(q.count_by(A.where(path="/nowhere")))) == {(): 0.0}


def test_aggregation_by_and_without_labels(store: EmbeddedStore) -> None:
    assert ask(store, q.sum_by(A, "path")) == {(("path", "/"),): 11.0, (("path", "/b"),): 20.0}
    assert ask(store, q.sum_by(A, "cluster")) == {(): 31.0}
    assert ask(store, q.sum_without(A, "code")) == {
        (("instance", "x"), ("path", "/")): 11.0,
        (("instance", "y"), ("path", "/b")): 20.0,
    }
    assert ask(store, q.stddev_by(A.where(path="/"))) == {(): 4.5}


def test_topk_keeps_whole_series(store: EmbeddedStore) -> None:
    assert sorted(ask(store, q.topk(2, A)).values()) == [10.0, 20.0]
    assert sorted(ask(store, q.bottomk(1, A)).values()) == [1.0]


def test_absent_has_the_labels_that_matchers_fix(store: EmbeddedStore) -> None:
    assert ask(store, q.absent(A.where(path="/gone", code=is_not("500")))) == {(("path", "/gone"),): 1.0}
    assert ask(store, q.absent(A)) == {}


def test_age_is_the_time_since(store: EmbeddedStore) -> None:
    assert ask(store, q.age(STARTED)) == {(("instance", "x"),): pytest.approx(91.0)}


def test_a_number_is_one_series_without_labels(store: EmbeddedStore) -> None:
    assert ask(store, Number(3.0) * Number(2.0)) == {(): 6.0}


def test_a_quantile_is_read_from_the_buckets(memory: EmbeddedStore) -> None:
    # 4 observations up to 0.1, 8 up to 1, 10 in all: the 6th of 10 lies in the middle of the second bucket.
    for bound, total in (("0.1", 4), ("1.0", 8), ("+Inf", 10)):
        labels = {"le": bound, "path": "/", "instance": "x"}
        put(memory, LATENCY.bucket.name, {0: 0, 60: total}, labels)
    found = ask_at(memory, q.quantile(0.6, LATENCY, "2m", by=("path",)), 60)
    assert found == {(("path", "/"),): pytest.approx(0.1 + 0.9 * 0.5)}
    assert list(ask_at(memory, q.quantile(0.9, LATENCY, "2m"), 60).values()) == [1.0]


def test_a_quantile_without_the_last_bucket_is_not_a_number(memory: EmbeddedStore) -> None:
    put(memory, LATENCY.bucket.name, {0: 0, 60: 5}, {"le": "0.1", "path": "/"})
    assert math.isnan(ask_at(memory, q.quantile(0.5, LATENCY, "2m", by=()), 60)[()])


def test_buckets_that_fall_are_raised(memory: EmbeddedStore) -> None:
    for bound, total in (("0.1", 6), ("1.0", 4), ("+Inf", 12)):
        put(memory, LATENCY.bucket.name, {0: 0, 60: total}, {"le": bound})
    # Half of 12 is reached in the first bucket: counts 6, 6, 12.
    assert ask_at(memory, q.quantile(0.5, LATENCY, "2m", by=()), 60)[()] == pytest.approx(0.1)


def ask_at(store: EmbeddedStore, query: q.Query, at: float) -> dict[tuple[tuple[str, str], ...], float]:
    vector = store.instant(query, NOW + at)
    return {tuple(sorted(row.items())): value for row, value in zip(vector.series, vector.values, strict=True)}


def test_a_range_has_every_step_and_says_what_is_missing(memory: EmbeddedStore) -> None:
    put(memory, "ev_a", {0: 1, 300: 2}, {"path": "/"})
    answer = memory.range(q.value(A), NOW - 10, NOW + 310, 80)
    assert answer.times.tolist() == [NOW - 10, NOW + 70, NOW + 150, NOW + 230, NOW + 310]
    assert answer.present.tolist() == [[False, True, True, True, True]]
    assert answer.values[0, 1:].tolist() == [1.0, 1.0, 1.0, 2.0]


def test_the_readers_range_is_used_where_a_query_gives_none(memory: EmbeddedStore) -> None:
    events = Counter("ev_events_total", "Events.")
    put(memory, "ev_events_total", {0: 0, 10: 10, 20: 40})
    # Of the last 15 s there are the samples at 10 and 20; beyond the first the line meets zero after 3.3 s.
    (value,) = memory.instant(q.increase(events), NOW + 20, auto=15).values
    assert value == pytest.approx(30 * (10 + 10 / 3) / 10)


@pytest.mark.parametrize(
    "query, message",
    [
        (PromQL("sum(up)", ONE), "cannot evaluate PromQL"),
        (Number(1.0) > Number(2.0), "a comparison of two numbers"),
        (Function("abs", Number(1.0)), "abs of the number 1"),
        (Function("sgn", q.value(A)), r"no function sgn\(\)"),
        (Over("mad_over_time", Selection(A), 60.0), r"no function mad_over_time\(\)"),
        (Aggregate("topk", Number(1.0), parameter=1.0), "topk of the number 1"),
        (q.value(A.where(path=matches("(?=x)"))), r"'\(\?=' is not read alike"),
    ],
)
def test_what_cannot_be_done_like_prometheus_is_refused(store: EmbeddedStore, query: q.Query, message: str) -> None:
    with pytest.raises(UnsupportedQuery, match=message):
        store.instant(query, NOW + 1)


def test_a_range_without_steps_is_refused(store: EmbeddedStore) -> None:
    with pytest.raises(StoreError, match="has no steps"):
        store.range(q.value(A), NOW, NOW - 1, 15)


def test_a_ratio_of_counts_keeps_its_unit_and_value(store: EmbeddedStore) -> None:
    share = q.ratio(q.count_by(A.where(code="500")), q.count_by(A))
    assert share.unit == RATIO
    assert ask(store, share) == {(): pytest.approx(1 / 3)}
