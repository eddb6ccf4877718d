"""The example bills: FOCUS files that are the same each time."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from examples.agent_platform import Anomaly, write_bills
from examples.agent_platform.bills import COLUMNS, SERVICES

UNTIL = date(2026, 11, 1)

# FOCUS 1.2, mandatory columns; ProviderName, PublisherName and InvoiceIssuerName are in 1.0 to 1.3.
MANDATORY = {
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingAccountType",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ServiceCategory",
    "ServiceName",
}


def _rows(paths: list[Path]) -> list[dict[str, str]]:
    rows = []
    for path in paths:
        with path.open(newline="", encoding="utf-8") as file:
            rows += list(csv.DictReader(file))
    return rows


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    return _rows(write_bills(tmp_path_factory.mktemp("bills"), until=UNTIL, seed=1))


def _daily(rows: list[dict[str, str]], service: str) -> dict[date, Decimal]:
    days: dict[date, Decimal] = defaultdict(Decimal)
    for row in rows:
        if row["ServiceName"] == service:
            days[date.fromisoformat(row["ChargePeriodStart"][:10])] += Decimal(row["EffectiveCost"])
    return days


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    first = write_bills(tmp_path / "a", until=UNTIL, seed=1)
    second = write_bills(tmp_path / "b", until=UNTIL, seed=1)
    other = write_bills(tmp_path / "c", until=UNTIL, seed=2)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert first[0].read_bytes() != other[0].read_bytes()


def test_the_mandatory_columns_are_there(rows: list[dict[str, str]]) -> None:
    assert set(COLUMNS) >= MANDATORY
    never_null = MANDATORY - {"ChargeClass"}
    assert not [(row["ServiceName"], column) for row in rows for column in never_null if row[column] in {"", "NULL"}]


def test_every_service_has_every_day(rows: list[dict[str, str]]) -> None:
    for service in SERVICES:
        days = _daily(rows, service.name)
        assert sorted(days) == [UNTIL - timedelta(days=back) for back in range(90, 0, -1)]
        assert min(days.values()) > 0


def test_money_is_exact(rows: list[dict[str, str]]) -> None:
    for row in rows:
        assert "E" not in row["EffectiveCost"].upper()
        unrounded = Decimal(row["PricingQuantity"]) * Decimal(row["ListUnitPrice"])
        assert abs(Decimal(row["ListCost"]) - unrounded) <= Decimal("5e-11")


def test_some_charges_are_untagged_and_tags_are_json(rows: list[dict[str, str]]) -> None:
    untagged = sum(row["Tags"] == "NULL" for row in rows) / len(rows)
    assert 0.05 < untagged < 0.5
    tags = [json.loads(row["Tags"]) for row in rows if row["Tags"] != "NULL"]
    assert all(tag["application"] == "agent-platform" for tag in tags)


def test_billing_periods_hold_their_charges(rows: list[dict[str, str]]) -> None:
    for row in rows:
        assert row["BillingPeriodStart"] <= row["ChargePeriodStart"] < row["ChargePeriodEnd"] <= row["BillingPeriodEnd"]


def test_a_workday_costs_more_than_a_weekend(rows: list[dict[str, str]]) -> None:
    days = _daily(rows, "Azure OpenAI Service")
    weekend = [cost for day, cost in days.items() if day.weekday() >= 5]
    workday = [cost for day, cost in days.items() if day.weekday() < 5]
    assert sum(workday) / len(workday) > 2 * sum(weekend) / len(weekend)


def test_there_is_no_anomaly_unless_asked_for(rows: list[dict[str, str]], tmp_path: Path) -> None:
    start = date(2026, 10, 20)
    anomaly = Anomaly("BigQuery", start, days=3, factor=4.0)
    struck = _rows(write_bills(tmp_path, until=UNTIL, seed=1, anomaly=anomaly))
    usual, unusual = _daily(rows, "BigQuery"), _daily(struck, "BigQuery")
    changed = {day: round(float(unusual[day] / usual[day]), 3) for day in usual if usual[day] != unusual[day]}
    assert changed == {start + timedelta(days=offset): 4.0 for offset in range(3)}
    assert _daily(rows, "Vertex AI") == _daily(struck, "Vertex AI")
