"""The bills as a store: daily sums in memory, so that typed queries read cost as they read metrics."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detectors.focus import Bills, DailyCharge, Problem, bill_files, read_bills
from watchkeeper.clock import Clock, now
from watchkeeper.errors import StoreError
from watchkeeper.queries import Query, number
from watchkeeper.queries.nodes import Function
from watchkeeper.signals import Selection, Signal
from watchkeeper.stores import Labels, Matrix, Sample, Store, Vector
from watchkeeper.units import SECONDS

if TYPE_CHECKING:
    from watchkeeper.stores.embedded import EmbeddedStore

__all__ = ["LATENESS", "BillStore"]

DAY = 86_400.0
LATENESS = DAY
"""How long after its end a day is taken to be complete. AWS: "AWS updates the report … at least once a
day", final charges mostly within 24 hours, some after 48; Azure 24 to 36. A shorter time would show every
unfinished day as a saving.
"""
_ACTIVE = 7 * DAY
# Exports are written a few times a day; looking at the files' times is cheap.
_CHECK_EVERY = 300.0
# Daily samples of ten years: bills are small, and their retention is the files'.
_RETENTION = 3650 * DAY

_log = logging.getLogger("watchkeeper.bills")


class BillStore:
    """FOCUS files and directories, as a `watchkeeper.stores.Store`.

    A time stands for the day (UTC) that it falls in, and none later than the last that is complete by now.
    Files are read when first asked, and again when one of them has changed, which is looked at every five
    minutes or by `refresh`. `problems` are the files that were left out.
    """

    def __init__(self, paths: Sequence[Path], *, lateness: float = LATENESS, clock: Clock = now) -> None:
        self._paths = tuple(paths)
        self._lateness = lateness
        self._clock = clock
        self._lock = threading.RLock()
        self._seen: tuple[tuple[str, int, int], ...] | None = None
        self._inner: EmbeddedStore | None = None
        self._bills = Bills((), 0, ())
        self._newest: dict[str, float] = {}
        self._checked = -float("inf")

    @property
    def bills(self) -> Bills:
        """The exact daily sums (Decimal) behind the samples."""
        self._store()
        return self._bills

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The files that were left out, and why."""
        return self.bills.problems

    def refresh(self) -> bool:
        """Read the files again if any was added, removed or changed; whether it was so."""
        with self._lock:
            seen = tuple(_stamp(path) for path in bill_files(self._paths))
            if seen == self._seen:
                return False
            from watchkeeper.stores.embedded import EmbeddedStore

            bills = read_bills(self._paths)
            for problem in bills.problems:
                _log.warning("left out: %s", problem)
            newest: dict[str, float] = {}
            for charge in bills.charges:
                newest[charge.provider] = max(charge.until, newest.get(charge.provider, 0.0))
            fresh = EmbeddedStore(None, retention=_RETENTION, clock=self._clock)
            fresh.write(samples_of(bills.charges))
            old, self._inner = self._inner, fresh
            self._bills, self._newest, self._seen = bills, newest, seen
            if old is not None:
                old.close()
            return True

    def complete_until(self, at: float) -> float | None:
        """The start of the last complete day at a time; None when there is none.

        A day is complete when the bills of every provider that charged in the week before reach its end,
        and `lateness` has passed since.
        """
        self._store()
        if not self._newest:
            return None
        latest = max(self._newest.values())
        reached = min(until for until in self._newest.values() if until > latest - _ACTIVE)
        return _day(min(reached, at - self._lateness)) - DAY

    def instant(self, query: Query, at: float, *, auto: float = 300.0) -> Vector:
        """The values of the day of `at`, or of the last complete day before it."""
        inner = self._store()
        complete = self.complete_until(self._clock())
        day = _day(at) if complete is None else min(_day(at), complete)
        answer = inner.instant(_aged(query, at - day), day, auto=auto)
        return Vector(at, answer.series, answer.values)

    def range(self, query: Query, start: float, end: float, step: float, *, auto: float = 300.0) -> Matrix:
        """Values at the given times, each of the day that it falls in; days that are not complete are
        missing.
        """
        import numpy as np

        inner = self._store()
        times = np.asarray(start + step * np.arange(int((end - start) / step + 1e-9) + 1), np.float64)
        days = np.floor(times / DAY) * DAY
        answer = inner.range(_aged(query, DAY), float(days[0]), float(days[-1]), DAY, auto=auto)
        complete = self.complete_until(self._clock())
        column = np.round((days - days[0]) / DAY).astype(int)
        present = answer.present[:, column] & (days <= (-np.inf if complete is None else complete))
        return Matrix(times, answer.series, answer.values[:, column], present)

    def series(self, what: Signal | Selection[Signal], start: float, end: float) -> Sequence[Labels]:
        """The label sets that charged in a time."""
        return self._store().series(what, _day(start), end)

    def _store(self) -> Store:
        with self._lock:
            at = self._clock()
            if self._inner is None or at - self._checked >= _CHECK_EVERY:
                self._checked = at
                self.refresh()
            if self._inner is None:
                raise StoreError("the bills are not loaded")
            return self._inner


def samples_of(charges: Sequence[DailyCharge]) -> list[Sample]:
    """The samples of the daily charges, in time order; see `watchkeeper.systems.bills` for their names."""
    samples: list[Sample] = []
    counts: dict[tuple[float, str, str, str], list[int]] = {}
    newest: dict[str, float] = {}
    ends: dict[tuple[float, str], float] = {}
    for charge in sorted(charges, key=lambda c: c.day):
        labels = {"provider": charge.provider, "service": charge.service, "sub_account": charge.sub_account}
        count = counts.setdefault((charge.day, charge.provider, charge.service, charge.sub_account), [0, 0])
        count[0] += charge.charges
        count[1] += charge.unpriced
        newest[charge.provider] = max(charge.until, newest.get(charge.provider, 0.0))
        ends[charge.day, charge.provider] = newest[charge.provider]
        code = charge.currency.lower()
        if code == "unknown":
            continue
        for what in ("effective", "billed", "untagged"):
            amount = getattr(charge, what)
            if amount is not None:
                samples.append(Sample(f"focus_{what}_cost_{code}", labels, float(amount), charge.day))
        if code != "usd":
            other = {**labels, "currency": charge.currency}
            samples.append(Sample("focus_other_currency_charges", other, float(charge.charges), charge.day))
    for (day, provider, service, account), (charged, unpriced) in counts.items():
        labels = {"provider": provider, "service": service, "sub_account": account}
        samples.append(Sample("focus_charges", labels, float(charged), day))
        samples.append(Sample("focus_unpriced_charges", labels, float(unpriced), day))
    for (day, provider), until in ends.items():
        samples.append(Sample("focus_last_charge_timestamp_seconds", {"provider": provider}, until, day))
    return sorted(samples, key=lambda sample: sample.time)


def _day(at: float) -> float:
    return at // DAY * DAY


def _aged(query: Query, later: float) -> Query:
    """The query with every age made older: it is evaluated at the start of a day, and asked at a later
    time.
    """
    changes: dict[str, Any] = {}
    for item in fields(query):
        part = getattr(query, item.name)
        if isinstance(part, Query):
            changes[item.name] = _aged(part, later)
    query = replace(query, **changes) if changes else query
    if isinstance(query, Function) and query.name == "age":
        return query + number(later, SECONDS)
    return query


def _stamp(path: Path) -> tuple[str, int, int]:
    try:
        stat = path.stat()
    except OSError:
        return (str(path), -1, -1)
    return (str(path), stat.st_mtime_ns, stat.st_size)
