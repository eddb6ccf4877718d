"""Custom queries of a PostgreSQL target: a mapping in its options, in the form of postgres_exporter's queries.yaml."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from collectors.families import Family, Pairs, Point
from collectors.postgresql_protocol import Answer
from watchkeeper.errors import SettingsError
from watchkeeper.systems.postgresql import SIGNALS

if TYPE_CHECKING:
    from watchkeeper.settings import Target

__all__ = ["CustomQuery", "custom_queries"]

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")
_KEYS = ("query", "metrics", "master", "cache_seconds")
_USAGES = ("LABEL", "GAUGE", "COUNTER", "DISCARD")
_OURS = frozenset(signal.name for signal in SIGNALS)


@dataclass(frozen=True, slots=True)
class CustomQuery:
    """One query. `values` are (column, kind, help) of its metrics; `primary_only` as `master: true` has it.

    `seconds` is how long an answer is good for, 0 for one read alone.
    """

    name: str
    sql: str
    labels: tuple[str, ...]
    values: tuple[tuple[str, str, str], ...]
    primary_only: bool = False
    seconds: float = 0.0

    def families(self, answer: Answer, server: str) -> list[Family]:
        """The families of an answer; NULL has no sample.

        Raises ValueError when a column is missing or no number, or two rows have the same labels.
        """
        columns = answer.columns
        if missing := [name for name in (*self.labels, *(one[0] for one in self.values)) if name not in columns]:
            raise ValueError(f"it returns no column {missing[0]}: it has {', '.join(columns) or 'none'}")
        places = [columns.index(label) for label in self.labels]
        rows = answer.rows()
        pairs: list[Pairs] = []
        for row in rows:
            values = [(row[place] or b"").decode(errors="replace") for place in places]
            pairs.append((*zip(self.labels, values, strict=True), ("server", server)))
        if len(set(pairs)) < len(pairs):
            raise ValueError("two of its rows have the same labels: name the columns that distinguish them LABEL")
        families = []
        for column, kind, help in self.values:
            name, place = f"{self.name}_{column}", columns.index(column)
            points: list[Point] = []
            for one, row in zip(pairs, rows, strict=True):
                cell = row[place]
                if cell is not None:
                    points.append((name, one, _number(column, cell)))
            families.append(Family(name, kind, help, points))
        return families


def _number(column: str, cell: bytes) -> float:
    if cell in {b"t", b"f"}:
        return float(cell == b"t")
    try:
        return float(cell)
    except ValueError:
        text = cell[:40].decode(errors="replace")
        raise ValueError(f"column {column} holds {text!r}, which is no number") from None


def custom_queries(target: Target) -> tuple[CustomQuery, ...]:
    """The queries that a target's options name. Raises SettingsError that names the query and what is allowed."""
    given = target.options.get("queries", {})
    if not isinstance(given, Mapping):
        raise SettingsError(
            f"target {target.name}: queries is a mapping of names to queries, found {given!r:.60}",
            place=("options", "queries"),
        )
    found = []
    seen: set[str] = set()
    for name, body in given.items():
        try:
            query = _query(str(name), body)
            _check_names(query, seen)
        except ValueError as error:
            raise SettingsError(
                f"target {target.name}: query {name}: {error}", place=("options", "queries", name)
            ) from None
        found.append(query)
    return tuple(found)


def _query(name: str, body: object) -> CustomQuery:
    if not _NAME.fullmatch(name):
        raise ValueError("its name begins the names of its metrics: letters, digits and underscores")
    if not isinstance(body, Mapping):
        raise ValueError(f"expected a mapping with the keys {', '.join(_KEYS)}")
    if unknown := [key for key in body if key not in _KEYS]:
        raise ValueError(f"unknown key {unknown[0]}: allowed are {', '.join(_KEYS)}")
    sql, metrics = body.get("query"), body.get("metrics")
    if not isinstance(sql, str) or not sql.strip():
        raise ValueError("query is missing: the text of a SELECT")
    seconds = body.get("cache_seconds", 0)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0:
        raise ValueError(f"cache_seconds is a number of seconds, found {seconds!r}")
    labels: list[str] = []
    values: list[tuple[str, str, str]] = []
    for column, described in _columns(metrics):
        usage = described.get("usage")
        if usage not in _USAGES:
            raise ValueError(f"column {column}: usage {usage!r}: allowed are {', '.join(_USAGES)}")
        if usage == "LABEL":
            if not _LABEL.fullmatch(column) or column == "server":
                raise ValueError(f"column {column} cannot be a label: name it otherwise with AS")
            labels.append(column)
        elif usage != "DISCARD":
            if not _NAME.fullmatch(f"{name}_{column}"):
                raise ValueError(f"column {column} cannot be a part of a metric's name: name it otherwise with AS")
            help = " ".join(str(described.get("description") or f"{column} of the query {name}").split())
            values.append((column, usage.lower(), help))
    if not values:
        raise ValueError("metrics has no column whose usage is GAUGE or COUNTER")
    primary_only = body.get("master", False)
    if not isinstance(primary_only, bool):
        raise ValueError(f"master is true or false, found {primary_only!r}")
    return CustomQuery(name, sql.strip().rstrip(";"), tuple(labels), tuple(values), primary_only, float(seconds))


def _columns(metrics: object) -> Iterable[tuple[str, Mapping[str, object]]]:
    """The described columns: a list of mappings with one column each, as queries.yaml has them, or one mapping."""
    parts = metrics if isinstance(metrics, list) else [metrics]
    for part in parts:
        if not isinstance(part, Mapping) or not all(isinstance(one, Mapping) for one in part.values()):
            raise ValueError(
                "metrics is a list of columns, for example [{calls: {usage: COUNTER, description: Calls}}]"
            )
        for column, described in part.items():
            yield str(column), described


def _check_names(query: CustomQuery, seen: set[str]) -> None:
    for column, _, _ in query.values:
        name = f"{query.name}_{column}"
        if name in _OURS or name.startswith("pg_settings_"):
            raise ValueError(f"{name} is read by the collector itself: leave the query out, or name it otherwise")
        if name in seen:
            raise ValueError(f"{name} stands in two queries")
        seen.add(name)
