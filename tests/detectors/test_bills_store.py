from __future__ import annotations

from pathlib import Path

import pytest

from detectors.bills import DETECTORS
from detectors.bills_store import BillStore
from detectors.engine import DetectionEngine
from tests.detectors.focus_files import DAY, months, row, write
from tests.detectors.series import Sink
from watchkeeper.queries import Query
from watchkeeper.systems.bills import QUERIES

FIRST = 20_454  # 2026-01-01
LAST = FIRST + 90
QUERY = {named.key: named.query for named in QUERIES}


def lookup(key: str) -> Query:
    return QUERY[key]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[BillStore, dict[int, object]]:
    path = tmp_path_factory.mktemp("bills") / "a.csv"
    totals = months(path, first=FIRST, days=90)
    return BillStore([path], clock=lambda: (LAST + 5.5) * DAY), dict(totals)


def test_the_cost_of_a_day_is_read_as_a_query(plain: tuple[BillStore, dict[int, object]]) -> None:
    store, totals = plain
    answer = store.instant(QUERY["bills.daily_cost"], (FIRST + 10.6) * DAY)
    assert answer.values[0] == pytest.approx(float(str(totals[FIRST + 10])), rel=1e-12)


def test_a_range_of_days_is_read_day_by_day(plain: tuple[BillStore, dict[int, object]]) -> None:
    store, totals = plain
    answer = store.range(QUERY["bills.daily_cost"], FIRST * DAY, (FIRST + 89) * DAY, DAY)
    assert answer.present.all()
    assert list(answer.values[0]) == pytest.approx([float(str(totals[FIRST + i])) for i in range(90)])


def test_hours_show_the_day_that_they_are_in(plain: tuple[BillStore, dict[int, object]]) -> None:
    answer = plain[0].range(QUERY["bills.daily_cost"], FIRST * DAY, (FIRST + 2) * DAY, DAY / 4)
    assert len(set(answer.values[0][:4])) == 1
    assert answer.values[0][4] != answer.values[0][3]


def test_now_means_the_last_complete_day(plain: tuple[BillStore, dict[int, object]]) -> None:
    store, totals = plain
    answer = store.instant(QUERY["bills.daily_cost"], (LAST + 5.5) * DAY)
    assert answer.values[0] == pytest.approx(float(str(totals[LAST - 1])))


def test_the_age_of_the_bills_is_counted_to_now(plain: tuple[BillStore, dict[int, object]]) -> None:
    answer = plain[0].instant(QUERY["bills.age"], (LAST + 5.5) * DAY)
    assert answer.values[0] == pytest.approx(5.5 * DAY)


@pytest.mark.parametrize("now, complete", [(LAST + 5.0, LAST - 1), (LAST + 0.5, LAST - 2), (FIRST + 10.5, FIRST + 8)])
def test_a_day_is_complete_when_it_is_over_and_the_lateness_has_passed(
    plain: tuple[BillStore, dict[int, object]], now: float, complete: int
) -> None:
    assert plain[0].complete_until(now * DAY) == complete * DAY


def test_a_day_that_one_provider_has_not_delivered_is_not_complete(tmp_path: Path) -> None:
    def charge(provider: str, end: str) -> dict[str, str]:
        return row(ProviderName=provider, ChargePeriodStart="2026-03-01T00:00:00Z", ChargePeriodEnd=end)

    path = write(tmp_path / "a.csv", [charge("AWS", "2026-03-04T00:00:00Z"), charge("Azure", "2026-03-03T06:00:00Z")])
    found = BillStore([path]).complete_until(2e9)
    assert found == 1_772_323_200.0 + DAY


def test_untagged_and_unpriced_shares_are_of_the_day(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [row(), row(Tags=""), row(Tags="", EffectiveCost="")])
    store = BillStore([path])
    at = 1_772_323_200.0
    assert store.instant(QUERY["bills.untagged_ratio"], at).values == (0.5,)
    assert store.instant(QUERY["bills.unpriced_ratio"], at).values[0] == pytest.approx(1 / 3)


def test_other_currencies_are_in_no_sum_of_dollars(tmp_path: Path) -> None:
    from watchkeeper import queries as q
    from watchkeeper.systems.bills import FOCUS_OTHER_CURRENCY_CHARGES, bill_signals

    store = BillStore([write(tmp_path / "a.csv", [row(), row(BillingCurrency="EUR", EffectiveCost="7")])])
    at = 1_772_323_200.0
    assert store.instant(QUERY["bills.daily_cost"], at).values == (1.25,)
    assert store.instant(q.sum_by(q.value(FOCUS_OTHER_CURRENCY_CHARGES), "currency"), at).values == (1.0,)
    assert store.instant(q.sum_by(q.value(bill_signals("EUR")[0])), at).values == (7.0,)


def test_without_bills_there_is_no_answer_and_no_zero(tmp_path: Path) -> None:
    store = BillStore([tmp_path])
    assert store.instant(QUERY["bills.daily_cost"], 2e9).values == ()
    assert store.complete_until(2e9) is None


def test_a_new_file_is_seen_on_refresh(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", [row()])
    store = BillStore([tmp_path])
    assert store.bills.files == 1
    assert not store.refresh()
    write(tmp_path / "b.csv", [row()])
    assert store.refresh()
    assert store.instant(QUERY["bills.daily_cost"], 1_772_323_200.0).values == (2.5,)


def test_months_of_ordinary_bills_deviate_nowhere(plain: tuple[BillStore, dict[int, object]]) -> None:
    sink = Sink()
    engine = DetectionEngine(DETECTORS, lookup, {"bills": plain[0]}, sink, pace=20.0)
    for day in range(FIRST + 20, LAST + 3):
        engine.tick((day + 0.3) * DAY)
    assert sink.got == []


def test_a_service_that_doubles_is_found_when_its_day_is_complete_and_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    jump = FIRST + 80
    months(path, first=FIRST, days=90, jump=(jump, "Models", 2.5))
    sink = Sink()
    engine = DetectionEngine(DETECTORS, lookup, {"bills": BillStore([path])}, sink)
    engine.warm_up((jump + 1) * DAY)
    engine.tick((jump + 1.5) * DAY)
    assert sink.got == []
    engine.tick((jump + 2.1) * DAY)
    found = {delivery.name: delivery for delivery in sink.got}
    assert set(found) == {"bills.daily_cost", "bills.daily_cost_by_service"}
    service = found["bills.daily_cost_by_service"]
    assert service.labels["service"] == "Models"
    assert service.starts_at == jump * DAY
    assert "USD" in service.annotations["impact"]
    assert "service=Models" in found["bills.daily_cost"].annotations["description"]


def test_days_missed_are_made_up_for(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    jump = FIRST + 80
    months(path, first=FIRST, days=90, jump=(jump, "Models", 2.5))
    sink = Sink()
    engine = DetectionEngine(DETECTORS, lookup, {"bills": BillStore([path])}, sink)
    engine.warm_up((jump - 5) * DAY)
    engine.tick((jump + 6.5) * DAY)
    assert {d.starts_at for d in sink.got} == {jump * DAY}
    assert len(sink.got) == 2
