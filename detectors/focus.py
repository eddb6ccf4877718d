"""Reads FOCUS bills, 1.0 to 1.4, CSV or Parquet, into exact daily sums.

Money is DECIMAL(38, 18) from the text of the file on, never a float; a number with more than 18 decimals is
rounded there. Nulls are empty fields and the text `NULL` too. ServiceProviderName (1.3 on) is the provider,
ProviderName (to 1.3) where it is missing. Each file is read by itself: one that is wrong in one line is
left out as a whole, because half a bill looks like a saving, and the others go on.
"""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from watchkeeper.errors import WatchkeeperError

__all__ = ["Bills", "DailyCharge", "Problem", "bill_files", "read_bills"]

UNKNOWN = "unknown"
_REQUIRED = ("BillingCurrency", "ChargePeriodStart", "ChargePeriodEnd", "EffectiveCost", "BilledCost")
_OPTIONAL = ("ServiceProviderName", "ProviderName", "ServiceName", "SubAccountId", "Tags")
_MONEY = ("EffectiveCost", "BilledCost")
_PERIODS = ("ChargePeriodStart", "ChargePeriodEnd")
_OFFSET = r":\d\d(\.\d+)?\s?[+-]\d\d(:?\d\d)?$"
# DuckDB says where a CSV breaks in its own words; only the line is taken from them.
_CSV_LINE = re.compile(r"CSV Error on Line: (\d+)|Line: (\d+)")


@dataclass(frozen=True, slots=True)
class DailyCharge:
    """The charges of one day, provider, service, sub-account and currency.

    `day` is its start (UTC, seconds). `effective`, `billed`, `untagged` are exact sums, None where unknown
    (no charge has the cost; no Tags column). `unpriced` of the `charges` have no effective cost or no
    currency (then `currency` is `unknown`). `until` is the end of the newest charge.
    """

    day: float
    provider: str
    service: str
    sub_account: str
    currency: str
    effective: Decimal | None
    billed: Decimal | None
    untagged: Decimal | None
    charges: int
    unpriced: int
    until: float


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a file was left out: `path:line: what was expected, what was found`."""

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True, slots=True)
class Bills:
    """What was read: daily charges, how many files they come from, and which files were left out."""

    charges: tuple[DailyCharge, ...]
    files: int
    problems: tuple[Problem, ...]

    def total(self, currency: str, what: str = "billed") -> Decimal:
        """The exact sum of `effective`, `billed` or `untagged` in one currency, unknown amounts left out."""
        amounts = (getattr(charge, what) for charge in self.charges if charge.currency == currency)
        return sum((amount for amount in amounts if amount is not None), Decimal(0))


def bill_files(paths: Iterable[Path]) -> list[Path]:
    """The bill files that paths stand for: files as they are, directories searched for .csv, .csv.gz and
    .parquet.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(f for f in path.rglob("*") if f.name.endswith((".csv", ".csv.gz", ".parquet")))
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def read_bills(paths: Sequence[Path]) -> Bills:
    """Read all files, the sums of several files for the same day added.

    Raises WatchkeeperError when DuckDB is not installed; a wrong file is a Problem in the answer, not an
    error.
    """
    try:
        import duckdb
    except ImportError:
        raise WatchkeeperError("reading bills needs DuckDB: install watchkeeper[cost]") from None
    files = bill_files(paths)
    problems: list[Problem] = []
    sums: dict[tuple[float, str, str, str, str], DailyCharge] = {}
    with duckdb.connect(":memory:", config={"threads": 2}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for path in files:
            try:
                rows = _read(connection, path)
            except _Wrong as wrong:
                problems.append(Problem(path, wrong.line, str(wrong)))
                continue
            except duckdb.Error as error:
                problems.append(_broken(path, str(error)))
                continue
            for row in rows:
                key = (row.day, row.provider, row.service, row.sub_account, row.currency)
                sums[key] = _added(sums[key], row) if key in sums else row
    charges = tuple(sums[key] for key in sorted(sums))
    return Bills(charges, len(files) - len(problems), tuple(problems))


class _Wrong(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def _broken(path: Path, text: str) -> Problem:
    found = _CSV_LINE.search(text)
    line = int(next(group for group in found.groups() if group)) if found else 1
    # DuckDB's own words run over many lines, with hints about its options.
    reasons = [part.strip() for part in text.splitlines() if part.strip()]
    reason = next((part for part in reasons[1:] if not part.startswith(("Original", "Possible", "*"))), reasons[0])
    kind = "Parquet" if path.suffix == ".parquet" else "CSV"
    return Problem(path, line, f"expected a FOCUS {kind} file, found: {reason[:160]}")


def _read(connection: Any, path: Path) -> list[DailyCharge]:
    if not path.is_file():
        raise _Wrong(1, "expected a file, found none")
    name = str(path)
    if path.suffix == ".parquet":
        source = "read_parquet(?)"
        described = connection.execute(f"DESCRIBE SELECT * FROM {source}", [name]).fetchall()  # noqa: S608
        header = [str(row[0]) for row in described]
    else:
        # The columns are told, not guessed: a guess makes a wrong line look like another dialect.
        header = _header(path)
        told = ", ".join(f"{_text(column)}: 'VARCHAR'" for column in header)
        source = (
            "read_csv(?, auto_detect=false, header=true, delim=',', quote='\"', escape='\"', "
            f"nullstr=['NULL', ''], columns={{{told}}})"
        )
    columns = {column.lower() for column in header}
    missing = [column for column in _REQUIRED if column.lower() not in columns]
    if missing:
        raise _Wrong(1, f"expected the columns of FOCUS 1.0 to 1.4, found none named {', '.join(missing)}")
    texts = []
    for column in (*_REQUIRED, *_OPTIONAL):
        there = column.lower() in columns
        inner = f"nullif(nullif(trim(CAST({column} AS VARCHAR)), 'NULL'), '')" if there else "CAST(NULL AS VARCHAR)"
        texts.append(f"{inner} AS {column}")
    chosen = f"SELECT row_number() OVER () + 1 AS line, {', '.join(texts)} FROM {source}"  # noqa: S608
    connection.execute(f"CREATE OR REPLACE TEMP TABLE bill AS {chosen}", [name])
    for column in _MONEY:
        _first_wrong(connection, column, f"TRY_CAST({column} AS DECIMAL(38, 18)) IS NULL", "a number")
    for column in _PERIODS:
        # FOCUS writes UTC; DuckDB would drop another offset silently and put the charge on the wrong day.
        _first_wrong(
            connection,
            column,
            f"regexp_matches({column}, '{_OFFSET}') AND NOT regexp_matches({column}, '[+-]00(:?00)?$')",
            "a time in UTC",
        )
        _first_wrong(
            connection, column, f"TRY_CAST({column} AS TIMESTAMP) IS NULL", "a time such as 2026-03-01T00:00:00Z"
        )
        line = connection.execute(f"SELECT min(line) FROM bill WHERE {column} IS NULL").fetchone()[0]  # noqa: S608
        if line is not None:
            raise _Wrong(line, f"{column}: expected a time, found nothing")
    tags = "tags" in columns
    return [_charge(row, tags) for row in connection.execute(_SUMS).fetchall()]


def _header(path: Path) -> list[str]:
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
            header = next(csv.reader(file), [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _Wrong(1, f"expected a FOCUS CSV file in UTF-8, found: {error}") from None
    for column in header:
        if header.count(column) > 1:
            raise _Wrong(1, f"expected each column once, found {column[:60]!r} twice")
    return header


def _text(text: str) -> str:
    """A string of SQL; a header is text from outside."""
    return "'" + text.replace("'", "''") + "'"


def _first_wrong(connection: Any, column: str, condition: str, expected: str) -> None:
    row = connection.execute(
        f"SELECT line, {column} FROM bill WHERE {column} IS NOT NULL AND {condition} ORDER BY line LIMIT 1"  # noqa: S608
    ).fetchone()
    if row is not None:
        raise _Wrong(row[0], f"{column}: expected {expected}, found {row[1][:60]!r}")


_SUMS = f"""
WITH charge AS (
    SELECT date_trunc('day', CAST(ChargePeriodStart AS TIMESTAMP)) AS day,
           CAST(ChargePeriodEnd AS TIMESTAMP) AS until,
           coalesce(ServiceProviderName, ProviderName, '{UNKNOWN}') AS provider,
           coalesce(ServiceName, '{UNKNOWN}') AS service,
           coalesce(SubAccountId, '{UNKNOWN}') AS sub_account,
           coalesce(upper(BillingCurrency), '{UNKNOWN}') AS currency,
           CAST(EffectiveCost AS DECIMAL(38, 18)) AS effective,
           CAST(BilledCost AS DECIMAL(38, 18)) AS billed,
           Tags IS NULL OR replace(lower(Tags), ' ', '') IN ('{{}}', '[]', 'null') AS untagged
    FROM bill
)
SELECT epoch(day), provider, service, sub_account, currency, sum(effective), sum(billed),
       coalesce(sum(effective) FILTER (WHERE untagged), 0), count(*),
       count(*) FILTER (WHERE effective IS NULL OR currency = '{UNKNOWN}'), epoch(max(until))
FROM charge GROUP BY ALL
"""  # noqa: S608 - constants only


def _charge(row: tuple[Any, ...], tags: bool) -> DailyCharge:
    day, provider, service, account, currency, effective, billed, untagged, charges, unpriced, until = row
    known = tags and effective is not None
    return DailyCharge(
        float(day), provider, service, account, currency, effective, billed, Decimal(untagged) if known else None,
        int(charges), int(unpriced), float(until),
    )  # fmt: skip


def _added(a: DailyCharge, b: DailyCharge) -> DailyCharge:
    def plus(x: Decimal | None, y: Decimal | None) -> Decimal | None:
        return y if x is None else x if y is None else x + y

    # One file without a Tags column makes the untagged share of the day unknown.
    untagged = None if a.untagged is None or b.untagged is None else a.untagged + b.untagged
    return DailyCharge(
        a.day,
        a.provider,
        a.service,
        a.sub_account,
        a.currency,
        plus(a.effective, b.effective),
        plus(a.billed, b.billed),
        untagged,
        a.charges + b.charges,
        a.unpriced + b.unpriced,
        max(a.until, b.until),
    )
