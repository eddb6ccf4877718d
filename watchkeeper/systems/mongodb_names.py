"""MongoDB: how its signals are declared, with the names of Percona's mongodb_exporter.

The exporter makes a name of every path in a reply, and says the kind of none but those that end in `count`: all others
are exposed as untyped, whatever they are.
"""

from __future__ import annotations

from typing import Literal

from watchkeeper.signals import Counter, Gauge, Polarity
from watchkeeper.units import ONE, UNIX_TIME, Unit

__all__ = ["BASE_LABELS", "HIGH", "LOW", "MEBIBYTES", "NEUTRAL", "ORIGIN", "UNIX_MILLISECONDS", "counter", "gauge"]

HIGH, LOW, NEUTRAL = Polarity.HIGH_IS_BAD, Polarity.LOW_IS_BAD, Polarity.NEUTRAL

MEBIBYTES = Unit((("bytes", 1),), 2.0**20, "mebibytes")
UNIX_MILLISECONDS = Unit(UNIX_TIME.dimensions, 1e-3, "milliseconds since the epoch")

BASE_LABELS = ("cl_id", "cl_role", "rs_nm", "rs_state")
"""What the exporter adds to every series: the cluster's id and role, the replica set's name, the member's state."""

ORIGIN = "mongodb_exporter (Percona) 0.4x"


def gauge(
    name: str,
    help: str,
    unit: Unit = ONE,
    polarity: Polarity = NEUTRAL,
    *,
    label: str | tuple[str, ...] = (),
    requires: str | None = None,
) -> Gauge:
    """The gauge `mongodb_NAME` with the base labels and `label`, exposed as untyped."""
    return Gauge(f"mongodb_{name}", help, unit, _labels(label), polarity, requires, ORIGIN, "untyped")


def counter(
    name: str,
    help: str,
    unit: Unit = ONE,
    polarity: Polarity = NEUTRAL,
    *,
    label: str | tuple[str, ...] = (),
    requires: str | None = None,
    exposed_as: Literal["", "untyped"] = "untyped",
) -> Counter:
    """The counter `mongodb_NAME` with the base labels and `label`, exposed as untyped unless said otherwise."""
    return Counter(f"mongodb_{name}", help, unit, _labels(label), polarity, requires, ORIGIN, exposed_as)


def _labels(label: str | tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted((*BASE_LABELS, *((label,) if isinstance(label, str) else label))))
