"""The dashboard of the cloud bills."""

from __future__ import annotations

from watchkeeper.declarations import Dashboard, Panel, Row

__all__ = ["DASHBOARD"]

DASHBOARD = Dashboard(
    key="bills",
    title="Bills",
    system="bills",
    description="Daily cost from FOCUS files: what was spent, on what, and how much of it is nobody's. Days are UTC.",
    links=("overview", "agent_platform"),
    variables=(),
    rows=(
        Row(
            title="Cost",
            panels=(
                Panel(
                    key="daily-cost",
                    title="Effective cost of a day",
                    queries=("bills.daily_cost",),
                    description=(
                        "After discounts, commitments amortised. The last two days are incomplete: bills are late."
                    ),
                    legend="effective",
                    width=12,
                ),
                Panel(
                    key="daily-billed-cost",
                    title="Billed cost of a day",
                    queries=("bills.daily_billed_cost",),
                    description="What is invoiced; commitments stand on the day they were bought.",
                    legend="billed",
                    width=12,
                ),
                Panel(
                    key="daily-cost-by-service",
                    title="By service",
                    queries=("bills.daily_cost_by_service",),
                    description="Effective cost of a day by service.",
                    legend="{{provider}} {{service}}",
                    stacked=True,
                    width=12,
                ),
                Panel(
                    key="daily-cost-by-sub-account",
                    title="By sub-account",
                    queries=("bills.daily_cost_by_sub_account",),
                    description="Effective cost of a day by sub-account, subscription or project.",
                    legend="{{provider}} {{sub_account}}",
                    stacked=True,
                    width=12,
                ),
                Panel(
                    key="daily-cost-by-provider",
                    title="By provider",
                    queries=("bills.daily_cost_by_provider",),
                    description="Effective cost of a day by provider.",
                    legend="{{provider}}",
                    stacked=True,
                    width=12,
                ),
                Panel(
                    key="untagged-cost",
                    title="Nobody's",
                    queries=("bills.untagged_cost",),
                    description="Effective cost of charges without any tag.",
                    legend="untagged",
                    width=12,
                ),
            ),
        ),
        Row(
            title="What is known",
            panels=(
                Panel(
                    key="untagged-ratio",
                    title="Share without a tag",
                    queries=("bills.untagged_ratio",),
                    kind="gauge",
                    description="FinOps practice wants 90% of the cost to have an owner.",
                    legend="untagged",
                    height=6,
                ),
                Panel(
                    key="unpriced-ratio",
                    title="Charges of unknown cost",
                    queries=("bills.unpriced_ratio",),
                    kind="gauge",
                    description="Their cost or currency is missing: they are in no sum.",
                    legend="unknown",
                    height=6,
                ),
                Panel(
                    key="age",
                    title="Behind by",
                    queries=("bills.age",),
                    kind="stat",
                    description="Time since the newest charge. AWS is complete after two days, Azure after three.",
                    legend="{{provider}}",
                    height=6,
                ),
            ),
        ),
    ),
)
