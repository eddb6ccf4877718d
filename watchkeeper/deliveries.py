"""Deliveries: one arrival of an alert or a deviation, from whatever sent it, in one form."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

__all__ = ["Delivery", "DeliverySink", "Nobody", "fingerprint"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One arrival.

    Times are seconds since the epoch. `labels` identify the problem (with `alertname` and `severity`);
    `annotations` tell of it. Well-known annotations: `summary`, `description`, `runbook` (library key), `panel`
    (DASHBOARD/PANEL), `query` (PromQL text of the condition), `value`, and for deviations `expected_low`,
    `expected_high`, `score`, `impact`. Every value is hostile text from outside.
    """

    source: Literal["alertmanager", "grafana", "rules", "detectors", "manual"]
    kind: Literal["alert", "deviation"]
    status: Literal["firing", "resolved"]
    labels: Mapping[str, str]
    annotations: Mapping[str, str] = field(default_factory=dict)
    starts_at: float
    ends_at: float | None = None
    fingerprint: str = ""
    generator_url: str = ""

    @property
    def name(self) -> str:
        """The alert's or detector's name."""
        return self.labels.get("alertname", "")


class DeliverySink(Protocol):
    """Who takes deliveries: returns only after they are safe on disk; raises when they are not."""

    def deliver(self, deliveries: Sequence[Delivery]) -> None: ...


class Nobody:
    """The sink of who only wants to know."""

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """Tell nobody."""


def fingerprint(labels: Mapping[str, str]) -> str:
    """A stable name for a label set: 16 hexadecimal digits, over the labels only, as Alertmanager's is."""
    digest = hashlib.blake2b(digest_size=8)
    for name in sorted(labels):
        for part in (name, labels[name]):
            data = part.encode()
            digest.update(len(data).to_bytes(4, "big") + data)
    return digest.hexdigest()
