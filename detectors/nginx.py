"""NGINX: other numbers of requests, and more of them under way, than at this hour before."""

from __future__ import annotations

from watchkeeper.declarations import Detector
from watchkeeper.signals import Polarity

__all__ = ["DETECTORS"]

DETECTORS: tuple[Detector, ...] = (
    Detector(
        key="nginx.requests",
        system="nginx",
        title="Requests to NGINX",
        query="nginx.requests_rate",
        polarity=Polarity.BOTH_ARE_BAD,
        hold="10m",
        minimum_relative=0.5,
        minimum_absolute=5.0,
        summary="{{ $labels.instance }} gets {{ $value }} requests per second, not what is usual",
        runbook="nginx/traffic",
        panel="nginx/requests-rate",
        source="Half more or less than usual and five requests per second: a crawler makes a few; half of the visitors "
        "do not come or go by chance.",
    ),
    Detector(
        key="nginx.writing",
        system="nginx",
        title="Requests under way in NGINX",
        query="nginx.connections_writing",
        polarity=Polarity.HIGH_IS_BAD,
        hold="5m",
        minimum_relative=1.0,
        minimum_absolute=20,
        summary="{{ $labels.instance }} has {{ $value }} requests under way, far more than usual",
        runbook="nginx/slow-upstream",
        panel="nginx/connections",
        source="Twice the usual and twenty: by Little's law, at the same rate of requests they take twice as long.",
    ),
)
