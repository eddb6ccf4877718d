"""Example bills: FOCUS 1.2 files of three clouds, made from a seed.

Daily charges of a dozen services with a weekly season, growth and noise, some of them without tags. Money is decimal
from end to end; nulls are the text `NULL` and tags are JSON, as the exports of the clouds have them.
"""

from __future__ import annotations

import csv
import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from examples.agent_platform.clouds import PROVIDERS, SERVICES, Service

__all__ = ["COLUMNS", "SERVICES", "Anomaly", "write_bills"]

COLUMNS = (
    "AvailabilityZone",
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
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "CommitmentDiscountCategory",
    "CommitmentDiscountId",
    "CommitmentDiscountName",
    "CommitmentDiscountStatus",
    "CommitmentDiscountType",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "InvoiceId",
    "InvoiceIssuerName",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingCurrency",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "RegionId",
    "RegionName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "ServiceSubcategory",
    "SkuId",
    "SkuMeter",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "SubAccountType",
    "Tags",
    "x_Environment",
    "x_Team",
)
"""The columns of the files, in order; the last two are ours."""


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A rise of one service's use to `factor` times from a day on, for some days."""

    service: str
    start: date
    days: int = 7
    factor: float = 3.0


_TEAMS = ("agents", "platform", "data")
# Share of a service's use by environment; what has no environment has no tags at all.
_ENVIRONMENTS = (("production", 0.68), ("staging", 0.20), (None, 0.12))
_MONEY = Decimal("0.0000000001")
_QUANTITY = Decimal("0.000001")


def _use(service: Service, day: date, index: int, rng: random.Random, anomaly: Anomaly | None) -> float:
    """Units that are used on a day."""
    season = service.weekend if day.weekday() >= 5 else 1.0
    noise = math.exp(service.noise * rng.normalvariate(0.0, 1.0))
    use = service.quantity * season * (1 + service.growth) ** index * noise
    if anomaly and anomaly.service == service.name and 0 <= (day - anomaly.start).days < anomaly.days:
        use *= anomaly.factor
    return use


def _text(number: Decimal) -> str:
    return format(number, "f")


def _row(service: Service, number: int, day: date, environment: str | None, quantity: Decimal) -> dict[str, str]:
    cloud = PROVIDERS[service.provider]
    list_cost = (quantity * service.price).quantize(_MONEY)
    cost = (quantity * service.price * service.discount).quantize(_MONEY)
    period = day.replace(day=1)
    following = (period + timedelta(days=32)).replace(day=1)
    slug = service.name.lower().replace(" ", "-")
    team = _TEAMS[number % len(_TEAMS)]
    sku = f"{''.join(word[0] for word in service.name.split())}-{number:04d}"
    tags = {"application": "agent-platform", "environment": environment, "team": team} if environment else None
    known = {
        "AvailabilityZone": cloud.zone if service.unit == "Hours" else "NULL",
        "BilledCost": _text(cost),
        "BillingAccountId": cloud.account,
        "BillingAccountName": cloud.account_name,
        "BillingAccountType": cloud.account_type,
        "BillingCurrency": "USD",
        "BillingPeriodEnd": f"{following.isoformat()} 00:00:00",
        "BillingPeriodStart": f"{period.isoformat()} 00:00:00",
        "ChargeCategory": "Usage",
        "ChargeDescription": f"${service.price} per {service.unit} of {service.name} in {cloud.region_name}",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodEnd": f"{(day + timedelta(days=1)).isoformat()} 00:00:00",
        "ChargePeriodStart": f"{day.isoformat()} 00:00:00",
        "ConsumedQuantity": _text(quantity),
        "ConsumedUnit": service.unit,
        "ContractedCost": _text(cost),
        "ContractedUnitPrice": _text(service.price * service.discount),
        "EffectiveCost": _text(cost),
        "InvoiceIssuerName": cloud.issuer,
        "ListCost": _text(list_cost),
        "ListUnitPrice": _text(service.price),
        "PricingCategory": "Standard",
        "PricingCurrency": "USD",
        "PricingQuantity": _text(quantity),
        "PricingUnit": service.unit,
        "ProviderName": cloud.name,
        "PublisherName": cloud.issuer,
        "RegionId": cloud.region,
        "RegionName": cloud.region_name,
        "ResourceId": f"{slug}/{environment or 'shared'}/{number:04d}",
        "ResourceName": f"{slug}-{environment or 'shared'}",
        "ResourceType": service.subcategory,
        "ServiceCategory": service.category,
        "ServiceName": service.name,
        "ServiceSubcategory": service.subcategory,
        "SkuId": sku,
        "SkuMeter": service.unit,
        "SkuPriceId": f"{sku}.ondemand",
        "SubAccountId": f"{cloud.account}-{environment or 'shared'}",
        "SubAccountName": f"agent-platform-{environment or 'shared'}",
        "SubAccountType": cloud.sub_type,
        "Tags": json.dumps(tags, sort_keys=True) if tags else "NULL",
        "x_Environment": environment or "NULL",
        "x_Team": team if environment else "NULL",
    }
    return {column: known.get(column, "NULL") for column in COLUMNS}


def _rows(provider: str, days: list[date], seed: int, anomaly: Anomaly | None) -> Iterator[dict[str, str]]:
    for number, service in enumerate(SERVICES):
        if service.provider != provider:
            continue
        rng = random.Random(f"{seed}/{service.name}")  # noqa: S311 - repeatable on purpose
        for index, day in enumerate(days):
            use = _use(service, day, index, rng, anomaly)
            for environment, share in _ENVIRONMENTS:
                quantity = Decimal(repr(use * share)).quantize(_QUANTITY)
                yield _row(service, number, day, environment, quantity)


def write_bills(
    directory: Path, *, days: int = 90, until: date, seed: int, anomaly: Anomaly | None = None
) -> list[Path]:
    """Write one CSV file a cloud with the `days` days before `until` (which is not in it), and give their paths.

    The same arguments give the same bytes. There is no unusual cost in them unless an `anomaly` is given.
    """
    directory.mkdir(parents=True, exist_ok=True)
    span = [until - timedelta(days=back) for back in range(days, 0, -1)]
    paths = []
    for provider in PROVIDERS:
        path = directory / f"focus-{provider.lower().replace(' ', '-')}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(_rows(provider, span, seed, anomaly))
        paths.append(path)
    return paths
