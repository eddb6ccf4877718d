"""Signals with the names of somebody else's exporter: what most of them have in common is said once.

_redis = Borrowed("redis_", "redis_exporter")
MEMORY = _redis.gauge("memory_used_bytes", "Memory in use.", BYTES, Polarity.HIGH_IS_BAD)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from watchkeeper.signals import Counter, Gauge, Info, Polarity
from watchkeeper.units import ONE, Unit

__all__ = ["Borrowed", "Exposed"]

Exposed = Literal["", "untyped"]
"""What the TYPE line says when the exporter does not tell the kind."""


@dataclass(frozen=True, slots=True)
class Borrowed:
    """Makes signals whose names begin with `prefix`; `labels` and `exposed_as` are those of a signal that says nothing
    else.
    """

    prefix: str
    origin: str
    labels: tuple[str, ...] = ()
    exposed_as: Exposed = ""

    def gauge(
        self,
        name: str,
        help: str,
        unit: Unit = ONE,
        polarity: Polarity = Polarity.NEUTRAL,
        labels: tuple[str, ...] | None = None,
        requires: str | None = None,
        exposed_as: Exposed | None = None,
    ) -> Gauge:
        """The gauge PREFIX + `name`. Raises SignalError, as Gauge does."""
        return Gauge(self.prefix + name, help, unit, self._labels(labels), polarity, requires, *self._rest(exposed_as))

    def counter(
        self,
        name: str,
        help: str,
        unit: Unit = ONE,
        polarity: Polarity = Polarity.NEUTRAL,
        labels: tuple[str, ...] | None = None,
        requires: str | None = None,
        exposed_as: Exposed | None = None,
    ) -> Counter:
        """The counter PREFIX + `name`. Raises SignalError, as Counter does."""
        return Counter(
            self.prefix + name, help, unit, self._labels(labels), polarity, requires, *self._rest(exposed_as)
        )

    def info(self, name: str, help: str, labels: tuple[str, ...], requires: str | None = None) -> Info:
        """The info signal PREFIX + `name`. Raises SignalError, as Info does."""
        return Info(self.prefix + name, help, ONE, labels, Polarity.NEUTRAL, requires, self.origin)

    def _labels(self, labels: tuple[str, ...] | None) -> tuple[str, ...]:
        return self.labels if labels is None else labels

    def _rest(self, exposed_as: Exposed | None) -> tuple[str, Exposed]:
        return self.origin, self.exposed_as if exposed_as is None else exposed_as
