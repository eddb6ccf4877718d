"""Signals with the names of somebody else's exporter: what most of them have in common is said once.

_redis = Borrowed("redis_", "redis_exporter")
MEMORY = _redis.gauge("memory_used_bytes", "Memory in use.", BYTES, Polarity.HIGH_IS_BAD)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from watchkeeper.signals import Counter, Gauge, Info, Polarity
from watchkeeper.units import ONE, Unit

__all__ = ["Borrowed", "Exposed", "Maker"]

K = TypeVar("K", Gauge, Counter)

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

    @property
    def gauge(self) -> Maker[Gauge]:
        """Makes the gauge PREFIX + name."""
        return Maker(Gauge, self)

    @property
    def counter(self) -> Maker[Counter]:
        """Makes the counter PREFIX + name."""
        return Maker(Counter, self)

    def info(self, name: str, help: str, labels: tuple[str, ...], requires: str | None = None) -> Info:
        """The info signal PREFIX + `name`. Raises SignalError, as Info does."""
        return Info(self.prefix + name, help, ONE, labels, Polarity.NEUTRAL, requires, self.origin)


@dataclass(frozen=True, slots=True)
class Maker(Generic[K]):
    """Makes the signals of one kind, with what `common` says of those that say nothing else."""

    kind: type[K]
    common: Borrowed

    def __call__(
        self,
        name: str,
        help: str,
        unit: Unit = ONE,
        polarity: Polarity = Polarity.NEUTRAL,
        labels: tuple[str, ...] | None = None,
        requires: str | None = None,
        exposed_as: Exposed | None = None,
    ) -> K:
        """The signal PREFIX + `name`. Raises SignalError, as its kind does."""
        common = self.common
        return self.kind(
            common.prefix + name,
            help,
            unit,
            common.labels if labels is None else labels,
            polarity,
            requires,
            common.origin,
            common.exposed_as if exposed_as is None else exposed_as,
        )
