"""Bills: daily sums of FOCUS charges, one sample a day.

A sample carries the charges whose period began on that day (UTC). The names are ours, the meaning of the
columns is FOCUS'. Costs of different currencies never meet: each currency has its own names,
`bill_signals("EUR")` declares them for a user's own definitions. Unknown is never zero: a day without
charges has no sample, a charge without cost is counted, not added, and a label whose column is empty is
`unknown`.
"""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import NamedQuery, System
from watchkeeper.signals import Gauge, Polarity, Signal
from watchkeeper.units import ONE, UNIX_TIME, money

__all__ = ["DIMENSIONS", "QUERIES", "SIGNALS", "SYSTEM", "bill_signals"]

DIMENSIONS = ("provider", "service", "sub_account")
"""The labels of a daily sum: ServiceProviderName (before FOCUS 1.4 ProviderName), ServiceName,
SubAccountId.
"""

_HIGH = Polarity.HIGH_IS_BAD


def bill_signals(currency: str) -> tuple[Gauge, Gauge, Gauge]:
    """The effective, billed and untagged cost of a day in one currency (ISO 4217)."""
    unit, code = money(currency.upper()), currency.lower()
    return (
        Gauge(
            f"focus_effective_cost_{code}",
            "Cost of the day's charges after discounts, commitments amortised (FOCUS EffectiveCost).",
            unit,
            DIMENSIONS,
            _HIGH,
        ),
        Gauge(
            f"focus_billed_cost_{code}",
            "What is invoiced for the day's charges (FOCUS BilledCost).",
            unit,
            DIMENSIONS,
            _HIGH,
        ),
        Gauge(
            f"focus_untagged_cost_{code}",
            "Effective cost of the day's charges that carry no tag: whose they are is unknown.",
            unit,
            DIMENSIONS,
            _HIGH,
        ),
    )


FOCUS_EFFECTIVE_COST_USD, FOCUS_BILLED_COST_USD, FOCUS_UNTAGGED_COST_USD = bill_signals("USD")
FOCUS_CHARGES = Gauge("focus_charges", "Charges of the day, in any currency.", ONE, DIMENSIONS)
FOCUS_UNPRICED_CHARGES = Gauge(
    "focus_unpriced_charges",
    "Charges of the day whose effective cost or currency is missing: they are in no sum.",
    ONE,
    DIMENSIONS,
    _HIGH,
)
FOCUS_OTHER_CURRENCY_CHARGES = Gauge(
    "focus_other_currency_charges",
    "Charges of the day in a currency other than US dollars: they are in no sum of dollars.",
    ONE,
    (*DIMENSIONS, "currency"),
    requires="bills in a currency other than USD",
)
FOCUS_LAST_CHARGE_TIMESTAMP_SECONDS = Gauge(
    "focus_last_charge_timestamp_seconds",
    "Until when the provider's bills reach: the end of its newest charge as of that day.",
    UNIX_TIME,
    ("provider",),
    Polarity.LOW_IS_BAD,
)

SIGNALS: tuple[Signal, ...] = (
    FOCUS_EFFECTIVE_COST_USD,
    FOCUS_BILLED_COST_USD,
    FOCUS_UNTAGGED_COST_USD,
    FOCUS_CHARGES,
    FOCUS_UNPRICED_CHARGES,
    FOCUS_OTHER_CURRENCY_CHARGES,
    FOCUS_LAST_CHARGE_TIMESTAMP_SECONDS,
)

SYSTEM = System(
    key="bills",
    title="Bills",
    summary="Daily cost from FOCUS files of any provider. Bills are late: AWS writes most charges within "
    "24 hours and some after 48.",
    collected="ours",
    signals=SIGNALS,
    tested_against="the FOCUS 1.0 sample data of the FinOps Foundation, and generated files of FOCUS 1.2 and 1.4",
)

_EFFECTIVE = q.value(FOCUS_EFFECTIVE_COST_USD)

QUERIES: tuple[NamedQuery, ...] = (
    NamedQuery(key="bills.daily_cost", title="Effective cost of a day", query=q.sum_by(_EFFECTIVE)),
    NamedQuery(
        key="bills.daily_cost_by_provider",
        title="Effective cost of a day by provider",
        query=q.sum_by(_EFFECTIVE, "provider"),
    ),
    NamedQuery(
        key="bills.daily_cost_by_service",
        title="Effective cost of a day by service",
        query=q.sum_by(_EFFECTIVE, "provider", "service"),
    ),
    NamedQuery(
        key="bills.daily_cost_by_sub_account",
        title="Effective cost of a day by sub-account",
        query=q.sum_by(_EFFECTIVE, "provider", "sub_account"),
    ),
    NamedQuery(
        key="bills.daily_billed_cost", title="Billed cost of a day", query=q.sum_by(q.value(FOCUS_BILLED_COST_USD))
    ),
    NamedQuery(
        key="bills.untagged_cost",
        title="Effective cost of a day without any tag",
        query=q.sum_by(q.value(FOCUS_UNTAGGED_COST_USD)),
    ),
    NamedQuery(
        key="bills.untagged_ratio",
        title="Share of the effective cost without any tag",
        query=q.ratio(q.sum_by(q.value(FOCUS_UNTAGGED_COST_USD)), q.sum_by(_EFFECTIVE)),
    ),
    NamedQuery(
        key="bills.untagged_ratio_by_provider",
        title="Share of the effective cost without any tag by provider",
        query=q.ratio(q.sum_by(q.value(FOCUS_UNTAGGED_COST_USD), "provider"), q.sum_by(_EFFECTIVE, "provider")),
    ),
    NamedQuery(
        key="bills.unpriced_ratio",
        title="Share of charges whose cost is unknown",
        query=q.ratio(q.sum_by(q.value(FOCUS_UNPRICED_CHARGES)), q.sum_by(q.value(FOCUS_CHARGES))),
    ),
    NamedQuery(
        key="bills.age",
        title="How far the bills are behind",
        query=q.age(q.min_by(q.value(FOCUS_LAST_CHARGE_TIMESTAMP_SECONDS), "provider")),
    ),
)
