"""From answers of PostgreSQL to families: what was understood in one read is kept for the next."""

from __future__ import annotations

from collections.abc import Sequence

from collectors.families import Family, Observations, Pairs, histogram_family
from collectors.postgresql_protocol import Answer, Row
from collectors.postgresql_statements import Statement
from watchkeeper.signals import Signal
from watchkeeper.systems.postgresql_server import PG_PROCESS_IDLE_SECONDS as IDLE

__all__ = ["Builder", "idle_family", "settings_families"]

# How the type of a family says the kind of a signal.
_KINDS = {"counter": "counter", "gauge": "gauge", "info": "gauge"}


class Builder:
    """The families of one statement's answers; an answer equal to the last one costs nothing."""

    def __init__(self, statement: Statement, server: str) -> None:
        self._statement = statement
        self._server = server
        self._raw: bytes | None = None
        self._families: list[Family] = []
        self._plan: list[tuple[tuple[str, ...], list[tuple[Signal, int]]]] = []
        self._known: dict[tuple[str, ...], dict[tuple[bytes | None, ...], Pairs]] = {}

    def families(self, answer: Answer) -> list[Family]:
        """The families of an answer; NULL is unknown, and has no sample."""
        if answer.raw == self._raw:
            return self._families
        if not self._plan:
            self._plan = self._planned(answer.columns)
        rows = answer.rows()
        families = []
        for labels, signals in self._plan:
            pairs = self._pairs(labels, answer.columns, rows)
            for signal, column in signals:
                name = signal.name
                points = [
                    (name, one, float(cell))
                    for one, row in zip(pairs, rows, strict=True)
                    if (cell := row[column]) is not None
                ]
                families.append(Family(name, signal.exposed_as or _KINDS[signal.kind], signal.help, points))
        self._raw, self._families = answer.raw, families
        return families

    def _planned(self, columns: tuple[str, ...]) -> list[tuple[tuple[str, ...], list[tuple[Signal, int]]]]:
        """The signals among the columns, by their labels."""
        groups: dict[tuple[str, ...], list[tuple[Signal, int]]] = {}
        for signal in self._statement.signals_of(columns):
            place = columns.index(signal.name.removeprefix("pg_"))
            groups.setdefault(signal.labels, []).append((signal, place))
        return list(groups.items())

    def _pairs(self, labels: tuple[str, ...], columns: tuple[str, ...], rows: Sequence[Row]) -> list[Pairs]:
        """The labels of each row; those that were there the last time are the same objects."""
        places = [columns.index(label) for label in labels if label != "server"]
        known, seen, pairs = self._known.get(labels, {}), {}, []
        for row in rows:
            key = tuple([row[place] for place in places])
            one = known.get(key)
            if one is None:
                values = iter([b"" if cell is None else cell for cell in key])
                one = tuple(
                    [
                        (label, self._server if label == "server" else next(values).decode(errors="replace"))
                        for label in labels
                    ]
                )
            seen[key] = one
            pairs.append(one)
        self._known[labels] = seen
        return pairs


# Units of pg_settings in base units, and what the name ends in.
_UNITS = {
    "B": (1.0, "bytes"),
    "kB": (1024.0, "bytes"),
    "8kB": (8192.0, "bytes"),
    "16kB": (16_384.0, "bytes"),
    "32kB": (32_768.0, "bytes"),
    "MB": (1024.0**2, "bytes"),
    "16MB": (16 * 1024.0**2, "bytes"),
    "32MB": (32 * 1024.0**2, "bytes"),
    "64MB": (64 * 1024.0**2, "bytes"),
    "GB": (1024.0**3, "bytes"),
    "TB": (1024.0**4, "bytes"),
    "us": (1e-6, "seconds"),
    "ms": (1e-3, "seconds"),
    "s": (1.0, "seconds"),
    "min": (60.0, "seconds"),
    "h": (3600.0, "seconds"),
    "d": (86_400.0, "seconds"),
}


def settings_families(answer: Answer, server: str) -> list[Family]:
    """The families `pg_settings_NAME` of the settings that are numbers or switches, in base units.

    A negative number means "off" or "the default", and has no unit; a setting of an unknown unit is left out.
    """
    pairs = (("server", server),)
    families = []
    for row in answer.rows():
        name, setting, unit, kind, help = [cell.decode(errors="replace") if cell is not None else "" for cell in row]
        factor, suffix = _UNITS.get(unit, (0.0, "")) if unit else (1.0, "")
        if not factor:
            continue
        full = "pg_settings_" + "".join([letter if letter.isalnum() and letter.isascii() else "_" for letter in name])
        if suffix:
            full, help = f"{full}_{suffix}", f"{help} (in {suffix})"
        try:
            value = float(setting == "on") if kind == "bool" else float(setting)
        except ValueError:
            continue
        # Dividing keeps 200 ms at 0.2; a product with 1e-3 would not.
        if value > 0:
            value = value / round(1 / factor) if factor < 1 else value * factor
        families.append(Family(full, "gauge", help or name, [(full, pairs, value)]))
    return families


def idle_family(answer: Answer) -> Family:
    """How long idle connections have been idle, by application."""
    ages: dict[str, list[float]] = {}
    for application, age in answer.rows():
        name = "" if application is None else application.decode(errors="replace")
        ages.setdefault(name, []).append(float(age or 0))
    rows: list[Observations] = []
    for name, found in sorted(ages.items()):
        buckets = [(bound, float(sum(age <= bound for age in found))) for bound in IDLE.buckets]
        rows.append(((name,), buckets, sum(found), float(len(found))))
    return histogram_family(IDLE, rows)
