"""What a definition file declares: frozen values that refer to each other by string keys.

Keys: a system `redis`; a named query `redis.memory_used_ratio`; a dashboard `redis`, its panels `redis/memory`; an
alert or SLO by its CamelCase name; a detector `redis.latency`; a runbook by its path in the library,
`redis/memory-high`. The catalogue resolves them all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from watchkeeper.durations import parse_duration
from watchkeeper.errors import DefinitionError
from watchkeeper.queries import Query
from watchkeeper.signals import Polarity, Signal

__all__ = [
    "SLO",
    "Alert",
    "Dashboard",
    "Definitions",
    "Detector",
    "NamedQuery",
    "Panel",
    "PanelKind",
    "Row",
    "RunbookHead",
    "RunbookStep",
    "Severity",
    "System",
]

Severity = Literal["info", "warning", "critical"]
"""`critical` calls somebody now, `warning` in working hours, `info` nobody."""

PanelKind = Literal["timeseries", "stat", "gauge", "table", "bars", "heatmap", "text"]
Operator = Literal[">", ">=", "<", "<=", "==", "!="]

_KEY = re.compile(r"[a-z][a-z0-9_]*")
_SLUG = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
_CAMEL = re.compile(r"[A-Z][A-Za-z0-9]+")


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise DefinitionError(what)


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A kind of thing observed.

    `collected` says who reads it: `ours` (a module of `collectors`), `theirs` (a well-kept exporter), `both`, or
    `application` (the observed program exposes the signals itself); `exporter` names the exporter whose metric
    names we follow. Further series of `open_prefixes` may be emitted: the observed system itself names them.
    """

    key: str
    title: str
    summary: str
    collected: Literal["ours", "theirs", "both", "application"]
    signals: tuple[Signal, ...]
    exporter: str | None = None
    open_prefixes: tuple[str, ...] = ()
    tested_against: str

    def __post_init__(self) -> None:
        _require(
            bool(_KEY.fullmatch(self.key)),
            f"system key {self.key!r}: lower case letters, digits and underscores",
        )
        names = [signal.name for signal in self.signals]
        for name in names:
            _require(names.count(name) == 1, f"system {self.key}: signal {name} is declared twice")


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedQuery:
    """A query with a key, so that panels, detectors, runbooks and settings can refer to it."""

    key: str
    title: str
    query: Query

    def __post_init__(self) -> None:
        system, dot, rest = self.key.partition(".")
        _require(
            bool(dot and _KEY.fullmatch(system) and _KEY.fullmatch(rest)),
            f"named query {self.key!r}: write SYSTEM.NAME in lower case",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One picture of one or several queries of the same unit.

    `queries` are named-query keys or queries; `legend` is the text of a series, with labels in double braces.
    `threshold_of` names the alert whose threshold is drawn. `width` is in Grafana's 24 columns, `height` in its
    rows.
    """

    key: str
    title: str
    queries: tuple[Query | str, ...]
    kind: PanelKind = "timeseries"
    description: str
    legend: str = ""
    threshold_of: str | None = None
    stacked: bool = False
    width: int = 8
    height: int = 8

    def __post_init__(self) -> None:
        _require(bool(_SLUG.fullmatch(self.key)), f"panel key {self.key!r}: lower case words with hyphens")
        _require(bool(self.queries) or self.kind == "text", f"panel {self.key}: no query")
        _require(1 <= self.width <= 24, f"panel {self.key}: width {self.width} is not between 1 and 24")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A titled row of panels; `collapsed` ones are read on demand."""

    title: str
    panels: tuple[Panel, ...]
    collapsed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """A page of panels; `variables` are target labels that the reader can choose, in order."""

    key: str
    title: str
    system: str
    description: str
    rows: tuple[Row, ...]
    variables: tuple[str, ...] = ("job", "instance")
    links: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        keys = [panel.key for row in self.rows for panel in row.panels]
        for key in keys:
            _require(keys.count(key) == 1, f"dashboard {self.key}: panel {key} stands twice")

    def panels(self) -> tuple[Panel, ...]:
        """All panels, in reading order."""
        return tuple(panel for row in self.rows for panel in row.panels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A condition on a query: `query OP threshold`, true for `hold`, at a severity, with a runbook.

    `threshold` is in the unit of the query; a query that is a condition by itself (`absent`, a comparison) has
    None. `hold` is a duration text. `panel` is DASHBOARD/PANEL. `source` says where the threshold comes from.
    `summary` and `description` may use `{{ $labels.NAME }}` for labels that the query has, and `{{ $value }}`.
    """

    name: str
    system: str
    query: Query | str
    op: Operator = ">"
    threshold: float | None
    hold: str
    severity: Severity
    summary: str
    description: str
    runbook: str
    panel: str
    source: str
    owner: str = "platform"
    window: str = "5m"

    def __post_init__(self) -> None:
        _require(bool(_CAMEL.fullmatch(self.name)), f"alert {self.name!r}: the name is CamelCase")
        parse_duration(self.hold)
        parse_duration(self.window)


@dataclass(frozen=True, slots=True, kw_only=True)
class SLO:
    """An objective on the ratio of bad events: expands into recording rules and one burn-rate alert a window pair.

    `bad` and `total` are queries of events per second with the same labels; `objective` is between 0 and 1, for
    example 0.999; `period` a duration text. `minimum_rate` (events per second) guards against alerts on a trickle
    of traffic.
    """

    name: str
    system: str
    title: str
    bad: Query
    total: Query
    objective: float
    period: str = "30d"
    minimum_rate: float = 0.0
    runbook: str
    panel: str
    source: str
    owner: str = "platform"

    def __post_init__(self) -> None:
        _require(bool(_CAMEL.fullmatch(self.name)), f"SLO {self.name!r}: the name is CamelCase")
        _require(0 < self.objective < 1, f"SLO {self.name}: objective {self.objective} is not between 0 and 1")
        parse_duration(self.period)


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """A learned expectation over a query; each of its series is watched by itself, or beside its `peers`.

    `step` is the spacing of the samples it sees; `seasons` the periods it may learn, as duration texts; `polarity`
    the direction that counts. A deviation must exceed the band and differ from the expectation by
    `minimum_relative` (a share of it) and `minimum_absolute` (in the unit of the query), for `hold`. `window` is
    the range of rates in the query where it has none of its own. `reads` says whether it watches the metrics store,
    the bills, or the logs and traces of Elasticsearch.

    `peers` are the labels that tell peers apart, such as `("pod",)`: each series is then compared with those that agree
    in all other labels, and not with its own past; values are never negative, and five or more are needed.
    """

    key: str
    system: str
    title: str
    query: Query | str
    polarity: Polarity
    step: str = "1m"
    seasons: tuple[str, ...] = ("1d", "1w")
    hold: str = "5m"
    window: str = "5m"
    minimum_relative: float = 0.2
    minimum_absolute: float = 0.0
    severity: Severity = "warning"
    summary: str
    runbook: str
    panel: str
    source: str
    owner: str = "platform"
    reads: Literal["metrics", "bills", "logs"] = "metrics"
    peers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _require(not isinstance(self.peers, str), f"detector {self.key}: peers are labels: write ({self.peers!r},)")
        for text in (self.step, self.hold, self.window, *self.seasons):
            parse_duration(text)
        _require(self.polarity is not Polarity.NEUTRAL, f"detector {self.key}: a neutral polarity detects nothing")


@dataclass(frozen=True, slots=True)
class RunbookStep:
    """What the catalogue needs to know of a step: its id, kind and line, and the keys and metric names that it
    refers to.
    """

    id: str
    kind: str
    line: int
    queries: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()


class RunbookHead(Protocol):
    """What the catalogue needs to know of a runbook document."""

    @property
    def key(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def heads(self) -> Sequence[RunbookStep]: ...


@dataclass(frozen=True, slots=True)
class Definitions:
    """Everything that was loaded, before it is resolved; `places` maps (kind, key) to (file, line)."""

    systems: tuple[System, ...] = ()
    queries: tuple[NamedQuery, ...] = ()
    dashboards: tuple[Dashboard, ...] = ()
    alerts: tuple[Alert, ...] = ()
    slos: tuple[SLO, ...] = ()
    detectors: tuple[Detector, ...] = ()
    runbooks: tuple[RunbookHead, ...] = ()
    places: Mapping[tuple[str, str], tuple[str, int]] = field(default_factory=dict)
