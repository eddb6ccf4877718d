"""Small FOCUS files for tests, made with a fixed seed."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

DAY = 86_400
BASE = {
    "BillingCurrency": "USD",
    "BilledCost": "1.5",
    "EffectiveCost": "1.25",
    "ChargePeriodStart": "2026-03-01T00:00:00Z",
    "ChargePeriodEnd": "2026-03-02T00:00:00Z",
    "ProviderName": "AWS",
    "ServiceName": "Compute",
    "SubAccountId": "111",
    "Tags": '{"team": "search"}',
}


def row(**changes: str) -> dict[str, str]:
    """One charge; every column is as in BASE unless named."""
    return {**BASE, **changes}


def write(path: Path, rows: Iterable[Mapping[str, str]], columns: Sequence[str] = tuple(BASE)) -> Path:
    """A CSV file of the rows."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def months(
    path: Path, *, first: int, days: int, seed: int = 1, jump: tuple[int, str, float] | None = None
) -> dict[int, Decimal]:
    """Write `days` days from day number `first` (since the epoch) with three services and a weekend; the
    exact total of each day.

    `jump` is (day number, service, factor): from that day on the service costs so much more.
    """
    from datetime import UTC, datetime

    source = random.Random(seed)
    totals: dict[int, Decimal] = {}
    rows = []
    for day in range(first, first + days):
        weekend = 0.6 if (day + 3) % 7 >= 5 else 1.0
        for service, level in (("Compute", 200.0), ("Models", 120.0), ("Storage", 40.0)):
            factor = jump[2] if jump and jump[1] == service and day >= jump[0] else 1.0
            for account in ("111", "222"):
                cost = Decimal(f"{level / 2 * weekend * factor * source.gauss(1, 0.03):.10f}")
                totals[day] = totals.get(day, Decimal(0)) + cost
                start, end = (
                    datetime.fromtimestamp(d * DAY, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for d in (day, day + 1)
                )
                rows.append(
                    row(
                        EffectiveCost=str(cost), BilledCost=str(cost), ChargePeriodStart=start, ChargePeriodEnd=end,
                        ServiceName=service, SubAccountId=account,
                    )
                )  # fmt: skip
    write(path, rows)
    return totals
