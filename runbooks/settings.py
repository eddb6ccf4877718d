"""What an installation decides about incidents and runs; the application fills it from watchkeeper.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["EngineSettings"]


def _lost_after() -> Mapping[str, float]:
    # Rules and detectors send again every minute; Alertmanager every 4 h (the default of its repeat_interval), and one
    # repetition may be late; Grafana likewise (its default is 4 h too). What a person opened, a person ends.
    return {
        "rules": 300.0,
        "detectors": 300.0,
        "alertmanager": 5 * 3600.0,
        "grafana": 5 * 3600.0,
        "manual": float("inf"),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """Durations in seconds.

    `workers` runs advance at once; `waiting_requests` callers may wait in `deliver` before the next is
    refused (Overloaded); `unfinished_runs` runs may be under way before new incidents get none by
    themselves. A problem that comes back within `flap_window` of its end re-opens its incident. An alert
    that is not sent again for `lost_after` (by source) counts as ended. `pace` divides both, and the waits
    between attempts.
    """

    workers: int = 4
    waiting_requests: int = 32
    unfinished_runs: int = 200
    approval_expires: float = 900.0
    flap_window: float = 600.0
    lost_after: Mapping[str, float] = field(default_factory=_lost_after)
    tick: float = 0.25
    pace: float = 1.0
