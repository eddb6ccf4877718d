from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from detectors.focus import bill_files, read_bills
from tests.detectors.focus_files import BASE, row, write

SAMPLE = Path(__file__).parents[3] / "shared" / "data" / "focus" / "focus_sample.csv"
MARCH_FIRST = 1_772_323_200.0


def test_sums_are_exact_where_floats_are_not(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [row(EffectiveCost="0.1"), row(EffectiveCost="0.2"), row(EffectiveCost="1e-12")])
    bills = read_bills([path])
    assert bills.problems == ()
    assert bills.charges[0].effective == Decimal("0.300000000001")
    assert bills.charges[0].day == MARCH_FIRST


@pytest.mark.skipif(not SAMPLE.is_file(), reason=f"the FOCUS sample data is not at {SAMPLE}")
def test_the_published_sample_adds_up_to_the_cent_of_a_cent() -> None:
    import csv

    with SAMPLE.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    bills = read_bills([SAMPLE])
    assert bills.problems == ()
    assert bills.total("USD") == sum(Decimal(r["BilledCost"]) for r in rows) == Decimal("20.52022672899")
    assert bills.total("USD", "effective") == sum(Decimal(r["EffectiveCost"]) for r in rows)
    untagged = sum(Decimal(r["EffectiveCost"]) for r in rows if r["Tags"] == "NULL")
    assert bills.total("USD", "untagged") == untagged
    assert sum(charge.charges for charge in bills.charges) == 1_000


@pytest.mark.parametrize("null", ["", "NULL"])
def test_an_unpriced_charge_is_counted_and_not_zero(null: str, tmp_path: Path) -> None:
    (charge,) = read_bills([write(tmp_path / "a.csv", [row(EffectiveCost=null), row(EffectiveCost=null)])]).charges
    assert charge.effective is None
    assert (charge.charges, charge.unpriced) == (2, 2)


@pytest.mark.parametrize("tags", ["", "NULL", "{}", "{ }", "null"])
def test_a_charge_without_tags_is_untagged(tags: str, tmp_path: Path) -> None:
    (charge,) = read_bills([write(tmp_path / "a.csv", [row(Tags=tags), row(EffectiveCost="4")])]).charges
    assert charge.untagged == Decimal("1.25")


def test_without_a_tags_column_the_untagged_cost_is_unknown(tmp_path: Path) -> None:
    columns = [name for name in BASE if name != "Tags"]
    (charge,) = read_bills([write(tmp_path / "a.csv", [row()], columns)]).charges
    assert charge.untagged is None


def test_the_provider_is_read_from_either_generation(tmp_path: Path) -> None:
    old = write(tmp_path / "old.csv", [row(ProviderName="AWS")])
    columns = ["ServiceProviderName" if name == "ProviderName" else name for name in BASE]
    new = write(tmp_path / "new.csv", [{**row(), "ServiceProviderName": "Microsoft"}], columns)
    none = write(tmp_path / "none.csv", [row()], [name for name in BASE if name != "ProviderName"])
    assert {c.provider for c in read_bills([old, new, none]).charges} == {"AWS", "Microsoft", "unknown"}


def test_currencies_never_add(tmp_path: Path) -> None:
    bills = read_bills([write(tmp_path / "a.csv", [row(), row(BillingCurrency="EUR"), row(BillingCurrency="NULL")])])
    assert {c.currency: c.effective for c in bills.charges}.keys() == {"USD", "EUR", "unknown"}
    assert bills.total("USD", "effective") == Decimal("1.25")
    assert [c.unpriced for c in bills.charges if c.currency == "unknown"] == [1]


def test_files_of_one_day_are_added(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", [row()])
    write(tmp_path / "b.csv", [row(), row(Tags="")])
    (charge,) = read_bills([tmp_path]).charges
    assert charge.effective == Decimal("3.75")
    assert charge.untagged == Decimal("1.25")


def test_parquet_is_read_as_csv_is(tmp_path: Path) -> None:
    import duckdb

    csv = write(tmp_path / "a.csv", [row(), row(EffectiveCost="0.1", Tags="")])
    parquet = tmp_path / "a.parquet"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            f"""COPY (SELECT * REPLACE (CAST(EffectiveCost AS DECIMAL(20, 10)) AS EffectiveCost,
                CAST(ChargePeriodStart AS TIMESTAMP) AS ChargePeriodStart,
                CAST(ChargePeriodEnd AS TIMESTAMP) AS ChargePeriodEnd)
                FROM read_csv('{csv}', all_varchar=true)) TO '{parquet}' (FORMAT parquet)"""
        )
    assert read_bills([parquet]).charges == read_bills([csv]).charges


@pytest.mark.parametrize(
    "rows, line, words",
    [
        ([row(), row(EffectiveCost="twelve")], 3, "EffectiveCost: expected a number, found 'twelve'"),
        ([row(), row(), row(BilledCost="1,5")], 4, "BilledCost: expected a number, found '1,5'"),
        ([row(ChargePeriodStart="yesterday")], 2, "ChargePeriodStart: expected a time such as"),
        ([row(ChargePeriodStart="2026-03-01T00:00:00+02:00")], 2, "ChargePeriodStart: expected a time in UTC"),
        ([row(), row(ChargePeriodEnd="NULL")], 3, "ChargePeriodEnd: expected a time, found nothing"),
    ],
)
def test_a_wrong_value_names_file_line_and_what_was_expected(
    rows: list[dict[str, str]], line: int, words: str, tmp_path: Path
) -> None:
    wrong, right = write(tmp_path / "wrong.csv", rows), write(tmp_path / "right.csv", [row()])
    bills = read_bills([wrong, right])
    (problem,) = bills.problems
    assert str(problem).startswith(f"{wrong}:{line}: {words}")
    assert "\n" not in str(problem)
    assert bills.total("USD", "effective") == Decimal("1.25")


def test_a_line_with_too_few_fields_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [row(), row()])
    path.write_text(path.read_text() + "USD,1.5\n")
    (problem,) = read_bills([path]).problems
    assert problem.line == 4
    assert "\n" not in str(problem)


def test_a_file_that_is_no_bill_is_said_to_be_none(tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    empty = tmp_path / "empty.csv"
    empty.touch()
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR0")
    problems = read_bills([other, empty, broken, tmp_path / "absent.csv"]).problems
    assert len(problems) == 4
    assert "expected the columns of FOCUS 1.0 to 1.4, found none named BillingCurrency" in str(problems[0])
    assert "expected a file, found none" in str(problems[3])


def test_a_directory_stands_for_the_bills_in_it(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    a = write(tmp_path / "deep" / "a.csv", [row()])
    (tmp_path / "notes.txt").write_text("no bill")
    assert bill_files([tmp_path, a]) == [a]
