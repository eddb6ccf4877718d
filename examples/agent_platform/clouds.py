"""The clouds and services of the example bills."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

__all__ = ["PROVIDERS", "SERVICES", "Provider", "Service"]


@dataclass(frozen=True, slots=True)
class Service:
    """A service that is billed: units a day on the first day, the list price of one, and how its use moves.

    `weekend` is the share of a workday's use, `growth` the change in a day, `noise` the deviation of its logarithm,
    `discount` the contracted share of the list price.
    """

    provider: str
    name: str
    category: str
    subcategory: str
    unit: str
    price: Decimal
    quantity: float
    weekend: float = 1.0
    growth: float = 0.001
    noise: float = 0.03
    discount: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class Provider:
    """A cloud: who bills, which account, where."""

    name: str
    issuer: str
    account: str
    account_name: str
    account_type: str
    sub_type: str
    region: str
    region_name: str
    zone: str


PROVIDERS = {
    "AWS": Provider(
        "AWS",
        "Amazon Web Services, Inc.",
        "123456789012",
        "Example Engineering",
        "BillingAccount",
        "Account",
        "eu-central-1",
        "Europe (Frankfurt)",
        "eu-central-1a",
    ),
    "Microsoft": Provider(
        "Microsoft",
        "Microsoft",
        "8611537",
        "Example Engineering GmbH",
        "Billing Profile",
        "Subscription",
        "germanywestcentral",
        "Germany West Central",
        "1",
    ),
    "Google Cloud": Provider(
        "Google Cloud",
        "Google Cloud",
        "01A2B3-C4D5E6-F7A8B9",
        "example-engineering",
        "Billing Account",
        "Project",
        "europe-west3",
        "Frankfurt",
        "europe-west3-a",
    ),
}

# Prices are the on-demand ones of a European region, rounded; the quantities are a middle-sized agent platform.
SERVICES = (
    Service(
        "AWS", "Amazon Elastic Compute Cloud", "Compute", "Virtual Machines", "Hours", Decimal("0.2208"), 720, 0.82
    ),
    Service(
        "AWS", "Amazon Relational Database Service", "Databases", "Relational Databases", "Hours", Decimal("0.504"), 96
    ),
    Service("AWS", "Amazon ElastiCache", "Databases", "Caching", "Hours", Decimal("0.182"), 72, growth=0.0),
    Service(
        "AWS",
        "Amazon Simple Storage Service",
        "Storage",
        "Object Storage",
        "GB-Months",
        Decimal("0.0245"),
        900,
        growth=0.004,
        noise=0.01,
    ),
    Service(
        "AWS",
        "Amazon Bedrock",
        "AI and Machine Learning",
        "Generative AI",
        "1K tokens",
        Decimal("0.003"),
        52_000,
        0.45,
        0.005,
        0.08,
    ),
    Service(
        "AWS",
        "Amazon CloudWatch",
        "Management and Governance",
        "Observability",
        "GB",
        Decimal("0.63"),
        38,
        0.8,
        noise=0.05,
    ),
    Service(
        "Microsoft",
        "Azure OpenAI Service",
        "AI and Machine Learning",
        "Generative AI",
        "1K tokens",
        Decimal("0.0025"),
        36_000,
        0.4,
        0.004,
        0.08,
    ),
    Service(
        "Microsoft",
        "Azure Kubernetes Service",
        "Compute",
        "Containers",
        "Hours",
        Decimal("0.192"),
        288,
        0.85,
        discount=Decimal("0.88"),
    ),
    Service(
        "Microsoft",
        "Azure SQL Database",
        "Databases",
        "Relational Databases",
        "vCore Hours",
        Decimal("0.2935"),
        96,
        discount=Decimal("0.88"),
    ),
    Service("Google Cloud", "BigQuery", "Analytics", "Data Warehouses", "TiB", Decimal("6.25"), 6.2, 0.35, 0.002, 0.12),
    Service(
        "Google Cloud",
        "Vertex AI",
        "AI and Machine Learning",
        "Generative AI",
        "1K characters",
        Decimal("0.0005"),
        90_000,
        0.5,
        0.003,
        0.08,
    ),
    Service(
        "Google Cloud",
        "Cloud Run",
        "Compute",
        "Serverless Compute",
        "vCPU Seconds",
        Decimal("0.000024"),
        1_450_000,
        0.55,
        0.002,
        0.06,
    ),
)
"""Twelve services over three clouds."""
