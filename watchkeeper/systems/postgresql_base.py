"""PostgreSQL: how its signals are declared, with the names and labels of postgres_exporter."""

from __future__ import annotations

from watchkeeper.signals import Counter, Gauge, Polarity
from watchkeeper.units import ONE, Unit

__all__ = ["DATABASE", "ORIGIN", "SERVER", "TABLE", "counter", "gauge"]

ORIGIN = "postgres_exporter"

SERVER = ("server",)
DATABASE = ("datid", "datname", "server")
TABLE = ("datname", "schemaname", "relname")


def gauge(
    name: str,
    help: str,
    unit: Unit = ONE,
    polarity: Polarity = Polarity.NEUTRAL,
    labels: tuple[str, ...] = SERVER,
    requires: str | None = None,
) -> Gauge:
    """A gauge named `pg_NAME`."""
    return Gauge(f"pg_{name}", help, unit, labels, polarity, requires, ORIGIN)


def counter(
    name: str,
    help: str,
    unit: Unit = ONE,
    polarity: Polarity = Polarity.NEUTRAL,
    labels: tuple[str, ...] = SERVER,
    requires: str | None = None,
) -> Counter:
    """A counter named `pg_NAME`."""
    return Counter(f"pg_{name}", help, unit, labels, polarity, requires, ORIGIN)
