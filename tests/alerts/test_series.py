"""Series made for conditions, judged by the embedded store."""

from __future__ import annotations

import pytest

from alerts.rule_tests import notation
from alerts.series import situation
from watchkeeper import queries as q
from watchkeeper.errors import DefinitionError
from watchkeeper.queries import Query
from watchkeeper.signals import Counter, Gauge, Histogram, is_not, matches, matches_not
from watchkeeper.stores import Sample
from watchkeeper.stores.embedded import EmbeddedStore
from watchkeeper.units import BYTES, RATIO, SECONDS, UNIX_TIME

CALLS = Counter("calls_total", "Calls.", labels=("code", "error_type"))
DURATION = Histogram("call_duration_seconds", "Duration.", SECONDS, buckets=(0.1, 0.5, 1.0, 5.0))
FREE = Gauge("disk_free_bytes", "Free.", BYTES, ("disk",))
SIZE = Gauge("disk_size_bytes", "Size.", BYTES, ("disk",))
SHARE = Gauge("used_ratio", "Used.", RATIO)
DONE = Gauge("backup_timestamp_seconds", "When it was done.", UNIX_TIME)

CONDITIONS: dict[str, Query] = {
    "gauge above": q.value(SHARE) > 0.9,
    "gauge below": q.value(SHARE) < 0.1,
    "equal": q.value(SHARE).equals(0),
    "different": q.value(SHARE).differs(1),
    "rate": q.sum_by(q.rate(CALLS, "5m")) > 3,
    "increase": q.sum_by(q.increase(CALLS.where(code=matches("5.|500")), "10m"), "code") > 7,
    "share of failures": q.ratio(
        q.sum_by(q.rate(CALLS.where(error_type=is_not("")), "5m")), q.sum_by(q.rate(CALLS, "5m"))
    )
    > 0.2,
    "share of two gauges": q.ratio(FREE.where(disk=matches_not("ram.*")), SIZE.where(disk=matches_not("ram.*"))) < 0.1,
    "complement": (1 - q.ratio(FREE, SIZE)) > 0.9,
    "quantile": q.quantile(0.95, DURATION, "5m", by=()) > 0.5,
    "mean": q.mean(DURATION, "5m") > 2,
    "age": q.age(DONE) > 600,
    "trend": q.predict_linear(FREE, "1h", "4h") < 0,
    "slope": q.deriv(FREE, "10m") > 5,
    "over time": q.avg_over_time(SHARE, "10m") > 0.5,
    "guarded": q.and_(q.value(FREE) < 100, q.value(SIZE) > 1000),
    "guarded value": q.and_(q.ratio(FREE, SIZE), q.value(SIZE) > 1000) < 0.1,
    "except": q.unless(q.value(FREE) < 100, q.value(SIZE) > 1000),
    "against the past": q.ratio(q.value(SHARE), q.value(SHARE, offset="1h")) > 2,
    "absent": q.absent(SHARE),
    "number first": q.combine("<", q.number(3, RATIO), q.value(SHARE)),
}


def answer(condition: Query, *, fires: bool, hold: float = 300.0) -> list[int]:
    """How many series the condition has at each minute of the hold."""
    made = situation(condition, hold, fires=fires)
    assert made is not None
    store = EmbeddedStore(None, clock=lambda: made.end)
    for name, labels, values in made.series():
        store.write([Sample(name, labels, value, 60.0 * index) for index, value in enumerate(values)])
    times = [made.end - 60.0 * minute for minute in range(int(hold / 60.0) + 1)]
    found = [len(store.instant(condition, time).values) for time in times]
    store.close()
    return found


@pytest.mark.parametrize("name", CONDITIONS)
def test_the_condition_holds_throughout(name: str) -> None:
    assert min(answer(CONDITIONS[name], fires=True)) >= 1


@pytest.mark.parametrize("name", CONDITIONS)
def test_the_condition_does_not_hold(name: str) -> None:
    assert max(answer(CONDITIONS[name], fires=False)) == 0


def test_a_condition_that_always_holds_has_no_quiet_side() -> None:
    assert situation(q.constant(1), 0.0, fires=False) is None


def test_what_cannot_be_solved_is_refused() -> None:
    with pytest.raises(DefinitionError, match="no input series"):
        situation(q.stddev_by(q.changes(SHARE, "1h")) > 2, 60.0, fires=True)


@pytest.mark.parametrize(
    "values, text",
    [
        ([1.0, 1.0, 1.0], "1+0x2"),
        ([0.0, 60.0, 120.0], "0+60x2"),
        ([3.0], "3"),
        ([0.0, 1.0, 2.0, 2.0, 2.0], "0+1x2 2+0x1"),
        ([5.0, 4.5], "5-0.5x1"),
        ([1e9, 2e9], "1000000000+1000000000x1"),
    ],
)
def test_values_in_promtools_notation(values: list[float], text: str) -> None:
    assert notation(values) == text
