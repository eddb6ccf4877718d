"""Likely causes for who is on call: `explain` asks for them once, the console again and again, without waiting."""

from __future__ import annotations

import logging
import queue
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from watchkeeper.app.load import package
from watchkeeper.app.reading import store_of
from watchkeeper.catalogue import Catalogue
from watchkeeper.clock import Clock, monotonic, now
from watchkeeper.durations import parse_duration
from watchkeeper.errors import StoreError, WatchkeeperError
from watchkeeper.labels import TARGET_LABELS
from watchkeeper.settings import Settings
from watchkeeper.stores import Store
from watchkeeper.systems.traces import TRACES_SERVICE_GRAPH_REQUEST_TOTAL
from watchkeeper.traces.store import FILE, TraceStore

__all__ = ["Desk", "Surroundings", "causes_of", "finder_of", "onset_of"]

_log = logging.getLogger("watchkeeper.app")
_CALLS_SECONDS = 3_600.0
# Until the minutes after an onset have passed, what is known of it grows; a failure is not repeated at once either.
_AGAIN, _LEAST_AGAIN = 60.0, 5.0
_KEPT, _WAITING = 200, 20
_STOP_SECONDS = 5.0


class Surroundings:
    """Who calls whom, and what was changed: what detectors and a search for causes take into account beside the series.

    Without `traces` those of the data directory are read, where there are any.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        settings: Settings,
        store: Store,
        *,
        traces: TraceStore | None = None,
        clock: Clock = now,
    ) -> None:
        path = Path(settings.data) / FILE
        self._traces = TraceStore(path) if traces is None and path.exists() else traces
        self._store = store
        self._clock = clock
        self._written = [(caller, called) for caller, others in sorted(settings.calls.items()) for called in others]
        self.changes = package("detectors.changes").MetricChanges(
            catalogue.signals.values(), store, calendars=settings.calendars, pace=settings.pace, clock=clock
        )

    def calls(self, start: float, end: float) -> Sequence[tuple[str, str]]:
        """Pairs of the caller and the called between two times: by the traces that are kept here, else by the metrics
        of a service graph, and by `calls` of the settings. Raises StoreError.
        """
        found: Iterable[tuple[str, str]] = ()
        if self._traces is not None:
            found = [(edge.client, edge.server) for edge in self._traces.edges(start, end)]
        if not found:
            series = self._store.series(TRACES_SERVICE_GRAPH_REQUEST_TOTAL, start, end)
            found = sorted({(one["client"], one["server"]) for one in series if "client" in one and "server" in one})
        return list(dict.fromkeys([*found, *self._written]))

    def calls_lately(self) -> Sequence[tuple[str, str]]:
        """Those of the last hour. Raises StoreError."""
        at = self._clock()
        return self.calls(at - _CALLS_SECONDS, at)


def finder_of(catalogue: Catalogue, settings: Settings, store: Store, around: Surroundings) -> Any:
    """What ranks likely causes over the detectors of a catalogue."""
    return package("detectors.causes").Finder(
        catalogue.detectors.values(),
        lambda key: catalogue.queries[key].query,
        store,
        pace=settings.pace,
        edges=around.calls,
        changes=around.changes.between,
    )


def causes_of(found: Any, stores: Mapping[str, Store], explanation: Any) -> Any:
    """The likely causes of what was explained; None where nothing deviates, or there is no store of metrics to look in.

    Over the detectors of what is watched here, and its own. Raises StoreError.
    """
    own = explanation.detector
    if explanation.since is None or own.reads == "bills":
        return None
    from watchkeeper.app.detecting import watched_only

    settings, whole = found.settings, found.everything.catalogue
    watched = watched_only(whole, settings, settings.store.prometheus is None)
    catalogue = replace(whole, detectors={**watched.detectors, own.key: own})
    onset = package("detectors.causes").Onset(
        system=own.system, labels=explanation.labels, since=explanation.since, at=explanation.at, detector=own.key
    )
    with ExitStack() as stack:
        store = stores.get("metrics")
        if store is None:
            try:
                store = stack.enter_context(store_of(settings, "metrics."))
            except StoreError:
                return None
        around = Surroundings(catalogue, settings, store)
        return finder_of(catalogue, settings, store, around).find(onset)


def onset_of(catalogue: Catalogue, settings: Settings, alert: Any, at: float) -> Any:
    """What is to be asked for an alert or a deviation; None for one of bills, which know days and no onset."""
    onset = package("detectors.causes").Onset
    labels: Mapping[str, str] = alert.labels
    system = labels.get("system", "")
    if alert.kind == "deviation" and (detector := catalogue.detectors.get(alert.name)) is not None:
        if detector.reads == "bills":
            return None
        own = _own(catalogue.query(detector.query).labels, labels, settings)
        return onset(system=detector.system, labels=own, since=alert.starts_at, at=at, detector=detector.key)
    if (declared := catalogue.alerts.get(alert.name)) is not None:
        own = _own(catalogue.query(declared.query).labels, labels, settings)
        # It fires when its condition has lasted.
        since = alert.starts_at - parse_duration(declared.hold) / settings.pace
        return onset(system=declared.system, labels=own, since=since, at=at)
    components = package("detectors.components")
    own = {name: value for name, value in labels.items() if name in (*components.SERVICE, *components.PLACE)}
    return onset(system=system, labels=own, since=alert.starts_at, at=at)


def _own(names: Iterable[str], labels: Mapping[str, str], settings: Settings) -> dict[str, str]:
    foreign = TARGET_LABELS - frozenset(settings.target_labels)
    return {name: labels[name] for name in names if name in labels and name not in foreign}


@dataclass(slots=True)
class _Kept:
    found: Any
    looked_at: float
    final: bool


class Desk:
    """Answers what a page asks at once, from what a thread of its own has found, each question once.

    The first answer to a question is that it is being looked at. It is asked anew as long as the minutes after the
    onset have not passed, at most once a minute.
    """

    def __init__(self, finder: Any, catalogue: Catalogue, settings: Settings, *, clock: Clock = now) -> None:
        self._finder = finder
        self._catalogue = catalogue
        self._settings = settings
        self._clock = clock
        self._again = max(_LEAST_AGAIN, _AGAIN / settings.pace)
        self._kept: OrderedDict[tuple[str, float], _Kept] = OrderedDict()
        self._under_way: set[tuple[str, float]] = set()
        self._waiting: queue.Queue[tuple[tuple[str, float], Any]] = queue.Queue(_WAITING)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to answer."""
        self._thread = threading.Thread(target=self._run, name="likely causes", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; a store that does not answer is not waited for."""
        self._stop.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(_STOP_SECONDS)

    def __call__(self, alert: Any) -> Any:
        """The causes of an alert or deviation as the console shows them; None where none can be asked for."""
        onset = onset_of(self._catalogue, self._settings, alert, self._clock())
        if onset is None:
            return None
        key = (str(alert.fingerprint), float(onset.since))
        with self._lock:
            kept = self._kept.get(key)
            due = kept is None or (not kept.final and monotonic() - kept.looked_at >= self._again)
            if due and key not in self._under_way and not self._waiting.full():
                self._under_way.add(key)
                self._waiting.put_nowait((key, onset))
        view = package("runbooks.console.ports").LikelyCauses
        return view(since=onset.since, pending=True) if kept is None else kept.found

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                asked = self._waiting.get(timeout=0.5)
            except queue.Empty:
                continue
            key, onset = asked
            found, final = self._look(onset)
            with self._lock:
                self._kept[key] = _Kept(found, monotonic(), final)
                self._under_way.discard(key)
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)

    def _look(self, onset: Any) -> tuple[Any, bool]:
        ports = package("runbooks.console.ports")
        try:
            causes = self._finder.find(onset)
        except StoreError as error:
            return ports.LikelyCauses(since=onset.since, note=f"Not known: {error}"), False
        except WatchkeeperError as error:
            return ports.LikelyCauses(since=onset.since, note=f"Not known: {error}"), True
        except Exception:  # noqa: BLE001  a page without causes is better than a thread that has ended
            _log.exception("likely causes since %s", onset.since)
            return ports.LikelyCauses(since=onset.since, note="Not known: see the log of this process."), True
        view = ports.LikelyCauses(
            since=onset.since,
            causes=tuple(
                ports.LikelyCause(component=c.component, title=c.title, why=c.why, score=c.score, own=c.own)
                for c in causes.candidates
            ),
            changes=tuple(causes.told(change) for change in causes.changes),
            note=causes.note,
        )
        return view, causes.settled
