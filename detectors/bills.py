"""The bills: days that cost more than their weekday used to."""

from __future__ import annotations

from watchkeeper.declarations import Detector
from watchkeeper.signals import Polarity

__all__ = ["DETECTORS"]

_IMPACT = (
    "Absolute and relative impact together, as FinOps practice and AWS Cost Anomaly Detection's "
    "thresholds advise: a small service that "
    "doubles is no incident, nor is a large one that moves by a twentieth. Judged on complete days only, "
    "because bills are late (AWS: 24 "
    "hours, at times 48; Azure: 24 to 36)."
)

DETECTORS: tuple[Detector, ...] = (
    Detector(
        key="bills.daily_cost",
        system="bills",
        title="Daily cost",
        query="bills.daily_cost",
        polarity=Polarity.HIGH_IS_BAD,
        step="1d",
        seasons=("1w",),
        hold="1d",
        window="1d",
        minimum_relative=0.2,
        minimum_absolute=20.0,
        severity="warning",
        summary="The day cost {{ $value }}, more than its weekday should",
        runbook="bills/cost-deviation",
        panel="bills/daily-cost",
        owner="finops",
        reads="bills",
        source=f"A fifth and 20 USD a day above the expectation. {_IMPACT}",
    ),
    Detector(
        key="bills.daily_cost_by_service",
        system="bills",
        title="Daily cost",
        query="bills.daily_cost_by_service",
        polarity=Polarity.HIGH_IS_BAD,
        step="1d",
        seasons=("1w",),
        hold="1d",
        window="1d",
        minimum_relative=0.5,
        minimum_absolute=20.0,
        severity="warning",
        summary="{{ $labels.service }} ({{ $labels.provider }}) cost {{ $value }} in a day, more than "
        "its weekday should",
        runbook="bills/cost-deviation",
        panel="bills/daily-cost-by-service",
        owner="finops",
        reads="bills",
        source="Half more and 20 USD a day above the expectation, where AWS' own default is 40 % and 100 "
        f"USD. {_IMPACT}",
    ),
)
