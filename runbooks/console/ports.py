"""What the console needs from other packages: small protocols and values, which the application fills in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from runbooks.records import AlertRecord
from watchkeeper.stores.exemplars import Exemplar
from watchkeeper.traces import Span, Trace, TraceSummary
from watchkeeper.traces.store import Graph, Search

__all__ = [
    "Band",
    "BandSource",
    "FaultSwitch",
    "CauseSource",
    "Health",
    "LikelyCause",
    "LikelyCauses",
    "TargetStatus",
    "TraceSource",
    "Watched",
    "WatchedSource",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """What was observed beside what was expected, for the chart of an incident.

    `times` are seconds since the epoch, rising; the other sequences are empty or as long as `times`, with NaN where
    a value is missing. `unit` is the text of a `watchkeeper.units.Unit`. `threshold` is the alert's, `op` its
    comparison. `exemplars` are of what was observed; with `plotted` their values are of the same unit.
    """

    title: str
    unit: str
    times: Sequence[float]
    observed: Sequence[float]
    expected: Sequence[float] = ()
    lower: Sequence[float] = ()
    upper: Sequence[float] = ()
    threshold: float | None = None
    op: str = ">"
    exemplars: Sequence[Exemplar] = ()
    plotted: bool = False


class BandSource(Protocol):
    """Gives the chart of an alert or deviation."""

    def __call__(self, alert: AlertRecord, at: float) -> Band | None:
        """The band up to `at`, over a range that suits it; None where nothing is known of it. Raises StoreError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LikelyCause:
    """A candidate for the cause: the component, what it shows, why it may be the cause; `score` is for the order, `own`
    that of what the alert is on.
    """

    component: str
    title: str
    why: str
    score: float
    own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LikelyCauses:
    """The candidates for the cause of what is wrong `since` a time, the likeliest first, and what was changed shortly
    before, in words. `note` says what is not known; while `pending` nothing is yet.
    """

    since: float
    causes: Sequence[LikelyCause] = ()
    changes: Sequence[str] = ()
    note: str = ""
    pending: bool = False


class CauseSource(Protocol):
    """Gives the likely causes of an alert or deviation."""

    def __call__(self, alert: AlertRecord) -> LikelyCauses | None:
        """What is known of them now, at once; None where nothing can be."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetStatus:
    """One target as it was last read; `at` is when it last answered, None if never, `seconds` how long that took."""

    name: str
    system: str
    up: bool
    error: str = ""
    seconds: float | None = None
    at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What is watched now; `evaluated_at` is when rules or detectors were last evaluated, None if never.

    `problems` are short lines, each a reason why silence does not mean that all is well: "3 rules give no answer".
    """

    targets: tuple[TargetStatus, ...] = ()
    alerts: int = 0
    detectors: int = 0
    evaluated_at: float | None = None
    problems: tuple[str, ...] = ()


class WatchedSource(Protocol):
    """Says what is watched."""

    def __call__(self) -> Watched: ...


class Health(Protocol):
    """Says how the parts of the process are, or what it depends on."""

    def __call__(self) -> Mapping[str, str | None]:
        """Each part's name with None when it works, or one line that says what is wrong."""
        ...


class TraceSource(Protocol):
    """Keeps traces: a `watchkeeper.traces.TraceStore`. Every question may raise StoreError."""

    @property
    def retention(self) -> float:
        """Seconds; older spans are refused."""
        ...

    def add(self, spans: Sequence[Span]) -> int:
        """Store spans durably; how many were refused. Raises TracesOverloaded when they should be sent again."""
        ...

    def refuse(self, spans: int) -> None:
        """Count spans that were refused before they came here."""
        ...

    def trace(self, trace_id: str) -> Trace | None:
        """All spans of a trace."""
        ...

    def resolve(self, text: str) -> str:
        """The id of the trace that a text means. Raises TraceNotFound."""
        ...

    def summaries(self, trace_ids: Sequence[str]) -> list[TraceSummary]:
        """Those of the traces that are kept, in the order of the ids."""
        ...

    def search(self, asked: Search) -> list[TraceSummary]:
        """The traces that fit."""
        ...

    def services(self) -> list[str]:
        """The names of all services."""
        ...

    def graph(self, start: float, end: float) -> Graph:
        """Who calls whom in the traces that began between two times."""
        ...

    def problem(self) -> str | None:
        """One line when spans cannot be stored now."""
        ...


class FaultSwitch(Protocol):
    """The faults of the example platform."""

    def faults(self) -> Mapping[str, str]:
        """Names with one-line descriptions."""
        ...

    def active(self) -> str | None:
        """The fault that is switched on."""
        ...

    def inject(self, name: str) -> None:
        """Switch a fault on."""
        ...

    def clear(self) -> None:
        """Switch it off."""
        ...
