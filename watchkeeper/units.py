"""Units of signals, and the arithmetic that queries do on them.

A unit is a product of named dimensions with exponents, times a factor to the base unit: bytes per second is
`BYTES / SECONDS`, a millisecond is a second times 0.001. Ratios and plain counts have no dimension.
"""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.errors import UnitError

__all__ = [
    "BYTES",
    "CELSIUS",
    "HOURS",
    "KIBIBYTES",
    "MILLISECONDS",
    "MICROSECONDS",
    "MINUTES",
    "ONE",
    "PERCENT",
    "RATIO",
    "SECONDS",
    "TOKENS",
    "UNIX_TIME",
    "USD",
    "Unit",
    "money",
]


@dataclass(frozen=True, slots=True)
class Unit:
    """A product of dimensions.

    `dimensions` holds (name, exponent) pairs sorted by name, without zero exponents; `factor` is the size of the
    unit in the base unit of its dimensions; `name` is what a person calls it, empty for composed units.
    """

    dimensions: tuple[tuple[str, int], ...] = ()
    factor: float = 1.0
    name: str = ""

    def __mul__(self, other: Unit) -> Unit:
        return self._combine(other, 1)

    def __truediv__(self, other: Unit) -> Unit:
        return self._combine(other, -1)

    def _combine(self, other: Unit, sign: int) -> Unit:
        if not other.dimensions and other.factor == 1.0:
            return self
        exponents = dict(self.dimensions)
        for dimension, exponent in other.dimensions:
            exponents[dimension] = exponents.get(dimension, 0) + sign * exponent
        dimensions = tuple(sorted((name, power) for name, power in exponents.items() if power))
        factor = self.factor * other.factor**sign
        if not dimensions and factor == 1.0:
            return RATIO
        name = other.name if sign > 0 and not self.dimensions and self.factor == 1.0 else ""
        return Unit(dimensions, factor, name)

    @property
    def dimensionless(self) -> bool:
        """Whether it is a plain count, a ratio, or a percentage."""
        return not self.dimensions

    def same(self, other: Unit) -> bool:
        """Whether values of both may be added and compared as they stand; names do not matter."""
        return self.dimensions == other.dimensions and self.factor == other.factor

    def conversion(self, target: Unit) -> float:
        """The number by which values in this unit are multiplied to be in `target`.

        Raises UnitError when the dimensions differ.
        """
        if self.dimensions != target.dimensions:
            raise UnitError(f"{self} cannot be converted to {target}: they measure different things")
        return self.factor / target.factor

    def __str__(self) -> str:
        if self.name:
            return self.name
        over = [_power(name, power) for name, power in self.dimensions if power > 0]
        under = [_power(name, -power) for name, power in self.dimensions if power < 0]
        scale = "" if self.factor == 1.0 else f"{self.factor:g} "
        return scale + (" ".join(over) or "1") + (f" per {' '.join(under)}" if under else "")


def _power(name: str, exponent: int) -> str:
    return name if exponent == 1 else f"{name}^{exponent}"


ONE = Unit(name="count")
RATIO = Unit(name="ratio")
PERCENT = Unit(factor=0.01, name="percent")
SECONDS = Unit((("seconds", 1),), name="seconds")
MILLISECONDS = Unit((("seconds", 1),), 1e-3, "milliseconds")
MICROSECONDS = Unit((("seconds", 1),), 1e-6, "microseconds")
MINUTES = Unit((("seconds", 1),), 60.0, "minutes")
HOURS = Unit((("seconds", 1),), 3600.0, "hours")
BYTES = Unit((("bytes", 1),), name="bytes")
KIBIBYTES = Unit((("bytes", 1),), 1024.0, "kibibytes")
CELSIUS = Unit((("celsius", 1),), name="celsius")
TOKENS = Unit((("tokens", 1),), name="tokens")
# A point in time is not a length of time: subtracting it from now is `age()`, adding two makes no sense.
UNIX_TIME = Unit((("unix_time", 1),), name="seconds since the epoch")


def money(currency: str) -> Unit:
    """The unit of amounts in an ISO 4217 currency; amounts in different currencies never add."""
    return Unit(((currency, 1),), name=currency)


USD = money("USD")
