"""Detection from the command line: the engine that `up` and `serve` run, once over the past or until it is stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from watchkeeper.app.load import Everything, load_everything, load_settings, package
from watchkeeper.app.reading import moment, store_of
from watchkeeper.catalogue import Catalogue
from watchkeeper.clock import Clock, now
from watchkeeper.declarations import Detector
from watchkeeper.deliveries import Delivery, DeliverySink, Nobody
from watchkeeper.errors import DefinitionError, StoreError, UnsupportedQuery
from watchkeeper.findings import suggestion
from watchkeeper.settings import Listener, Settings
from watchkeeper.stores import Store, Writer

__all__ = [
    "Asked",
    "asked",
    "detection_engine",
    "follow",
    "knowledge_of",
    "learned",
    "links_of",
    "once",
    "stores_of",
    "watched_only",
]

# What is judged, and not only learned from, before the time that is asked for: since when and how far it deviates.
_RECENT = 6 * 3_600.0
_THREADS = 8
_STOP_SECONDS = 5.0


def watched_only(catalogue: Catalogue, settings: Settings, evaluate: bool) -> Catalogue:
    """The catalogue with the alerts, SLOs and detectors of systems that are watched here.

    The others have no signals, and what fires on the absence of one would fire for each of them. Beside a
    Prometheus all may have some; only the bills are ours to read.
    """
    watched = {target.system for target in settings.targets} | {"watchkeeper", "detectors"}
    if not evaluate:
        watched |= catalogue.systems.keys()
    watched = watched | {"bills"} if settings.bills else watched - {"bills"}
    return replace(
        catalogue,
        alerts={name: alert for name, alert in catalogue.alerts.items() if alert.system in watched},
        slos={name: slo for name, slo in catalogue.slos.items() if slo.system in watched},
        detectors={key: detector for key, detector in catalogue.detectors.items() if detector.system in watched},
    )


def detection_engine(
    catalogue: Catalogue,
    settings: Settings,
    stores: Mapping[str, Store],
    sink: DeliverySink,
    *,
    clock: Clock = now,
    state_path: Path | None = None,
    writer: Writer | None = None,
    edges: Callable[[], Iterable[tuple[str, str]]] | None = None,
) -> Any:
    """The detection engine over all detectors of a catalogue, with the calendars of the settings and the feedback of
    their directory; without a `state_path` nothing is written there. `edges` are (caller, called).

    Raises SettingsError for a country whose holidays are not known.
    """
    return package("detectors.engine").DetectionEngine(
        tuple(catalogue.detectors.values()),
        lambda key: catalogue.queries[key].query,
        stores,
        sink,
        pace=settings.pace,
        clock=clock,
        state_path=state_path,
        writer=writer,
        knowledge=knowledge_of(settings, keep=state_path is not None),
        edges=edges,
    )


def knowledge_of(settings: Settings, *, keep: bool = False) -> Any:
    """The calendars of the settings and the feedback of their directory, where only with `keep` anything is written.

    Raises SettingsError for a country whose holidays are not known.
    """
    return package("detectors.knowledge").Knowledge(settings.calendars, directory=Path(settings.data), keep=keep)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the settings say, with the detectors that are asked for."""

    settings: Settings
    everything: Everything
    catalogue: Catalogue


def asked(config: str | None, names: Sequence[str] = ()) -> Asked:
    """Settings and definitions; the detectors with these keys, without keys those of what is watched here.

    Raises SettingsError, and DefinitionError for a key that no detector has.
    """
    settings = load_settings(config)
    everything = load_everything(settings, runbooks=False)
    for finding in everything.findings:
        click.echo(f"watchkeeper: {finding}", err=True)
    catalogue = everything.catalogue
    if not names:
        return Asked(settings, everything, watched_only(catalogue, settings, settings.store.prometheus is None))
    found: dict[str, Detector] = {}
    for name in names:
        if name not in catalogue.detectors:
            raise DefinitionError(f"no detector is called {name!r}.{suggestion(name, catalogue.detectors)}")
        found[name] = catalogue.detectors[name]
    return Asked(settings, everything, replace(catalogue, detectors=found))


@contextmanager
def stores_of(found: Asked) -> Iterator[dict[str, Store]]:
    """The stores that the detectors read, by name. Raises StoreError when one cannot be opened."""
    with ExitStack() as stack:
        wanted = {detector.reads for detector in found.catalogue.detectors.values()}
        yield {
            reads: stack.enter_context(store_of(found.settings, f"{reads}."))
            for reads in ("metrics", "bills")
            if reads in wanted
        }


def learned(found: Asked, stores: Mapping[str, Store], at: float) -> Any:
    """An engine that has learned from history and has judged the last hours up to `at`; it delivers nothing.

    Raises StoreError when the store does not answer.
    """
    engine = detection_engine(found.catalogue, found.settings, stores, Nobody(), clock=lambda: at)
    reads_metrics = [watch for watch in engine.watches.values() if watch.declared.reads == "metrics"]
    if reads_metrics:
        # Asked once here: each detector would wait for a store that is away by itself.
        with suppress(UnsupportedQuery):
            reads_metrics[0].store.instant(reads_metrics[0].query, at, auto=reads_metrics[0].auto)
    engine.warm_up(at - _RECENT / found.settings.pace)
    engine.tick(at)
    return engine


def links_of(found: Asked, detector: Detector) -> dict[str, str]:
    """The addresses of a detector's runbook and panel, as far as the settings say where console and Grafana are."""
    settings = found.settings
    panels: Mapping[str, str] = {}
    if settings.grafana_url:
        panels = package("dashboards.build").panel_paths(found.everything.catalogue.dashboards.values())
    links = package("alerts.rules").Links(
        console_url=settings.console_url, grafana_url=settings.grafana_url, panels=panels
    )
    addresses: dict[str, str] = links.of(detector)
    return addresses


def once(config: str | None, *, at: str | None = None, as_json: bool = False, detectors: Sequence[str] = ()) -> int:
    """Learn from history, judge the values up to `at` (default: now), print the open deviations.

    Gives the exit code: 0 none, 1 some; delivers nothing and keeps nothing. Raises StoreError (exit code 3) when the
    store does not answer, also where only some detectors could not be evaluated and none of the others deviates.
    """
    found = asked(config, detectors)
    time = now()
    when = time if at is None else moment(at, "--at", time)
    with stores_of(found) as stores:
        engine = learned(found, stores, when)
    deviations = sorted(engine.deviations(), key=lambda one: (one.since, one.detector.key, sorted(one.labels.items())))
    failed = sorted(
        sample.labels["detector"]
        for sample in engine.samples(when)
        if sample.name == "watchkeeper_detector_up" and sample.value == 0
    )
    if as_json:
        plain = package("detectors.explanation").plain_deviation
        rows = [{**plain(one, when), **links_of(found, one.detector)} for one in deviations]
        click.echo(json.dumps({"at": when, "deviations": rows, "not_evaluated": failed}, indent=2))
    else:
        _print(deviations, engine, when)
    if failed and not deviations:
        raise StoreError(f"not evaluated, so that nobody knows whether all is well: {', '.join(failed)}")
    return 1 if deviations else 0


def _print(deviations: Sequence[Any], engine: Any, at: float) -> None:
    if not deviations:
        series = sum(len(watch.labels) for watch in engine.watches.values())
        click.echo(f"no deviations: {len(engine.watches)} detectors look at {series} series")
        return
    from rich.console import Console
    from rich.table import Table

    texts = package("detectors.texts")
    table = Table(box=None, pad_edge=False)
    for name in ("detector", "series", "since", "seen", "expected", "how far"):
        table.add_column(name, overflow="fold", no_wrap=name in {"detector", "since"})
    for one in deviations:
        table.add_row(
            one.detector.key,
            texts.series_name(one.labels),
            texts.clock_time(one.since, at),
            texts.amount(one.observed, one.unit),
            texts.band(one.lower, one.upper, one.unit, never_negative=one.observed >= 0 and one.expected >= 0),
            one.impact,
        )
    Console(highlight=False, markup=False, emoji=False).print(table)
    first = deviations[0]
    labels = "".join(f" {name}={value}" for name, value in sorted(first.labels.items()) if name != "__name__")
    click.echo(f"more of the first: watchkeeper explain {first.detector.key}{labels}")


def follow(config: str | None, *, listen: str | None = None, detectors: Sequence[str] = ()) -> int:
    """Detect until SIGINT or SIGTERM: a line for each deviation that begins or ends, Alertmanager told where the
    settings name one, expectation, band, score and state on `/metrics`; what was learned is kept in `data`.

    Raises ListenError, StoreError and SettingsError.
    """
    from watchkeeper.app.foreground import configure_logging, stop_event

    found = asked(config, detectors)
    settings = found.settings
    configure_logging(settings.log)
    stop = stop_event()
    address = Listener.parse(listen or settings.listen)
    with ExitStack() as stack:
        served = _Listener(settings, address)
        stack.callback(served.stop)
        stores = stack.enter_context(stores_of(found))
        # With a store of our own the band is written beside what was observed; a Prometheus reads `/metrics`.
        writer: Any = stores.get("metrics") if settings.store.prometheus is None else None
        engine = detection_engine(
            found.catalogue,
            settings,
            stores,
            _Told(found),
            state_path=Path(settings.data) / "detectors.state",
            writer=writer,
        )
        stack.callback(engine.stop)
        engine.start()
        served.start(engine, found.catalogue)
        count = len(engine.watches)
        click.echo(
            f"{count} detector{'' if count == 1 else 's'} at work, metrics on "
            f"{served.scheme}://{address.host}:{served.port}/metrics",
            err=True,
        )
        stop.wait()
    return 0


class _Told:
    """Deviations with the addresses of runbook and panel, to Alertmanager where there is one, and a line for each that
    begins or ends.
    """

    def __init__(self, found: Asked) -> None:
        self._links = {key: links_of(found, one) for key, one in found.catalogue.detectors.items()}
        self._open: set[str] = set()
        self._onward: DeliverySink | None = None
        if found.settings.alertmanager is not None:
            from watchkeeper.app.alertmanager import AlertmanagerSink

            self._onward = AlertmanagerSink(found.settings.alertmanager)

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        linked = [replace(one, annotations={**one.annotations, **self._links.get(one.name, {})}) for one in deliveries]
        if self._onward is not None:
            self._onward.deliver(linked)
        for one in linked:
            if one.status == "resolved":
                self._open.discard(one.fingerprint)
            elif one.fingerprint in self._open:
                continue
            else:
                self._open.add(one.fingerprint)
            click.echo(f"{one.name} {one.status}: {one.annotations['description']}")


class _Listener:
    """`/metrics` and `/healthz`; the address is taken when it is made."""

    def __init__(self, settings: Settings, address: Listener) -> None:
        guard = package("collectors.access").Guard(settings.access)
        self._guard = guard
        self._connections = package("collectors.connections").Connections(
            address.host, address.port, self._answer, lambda: guard.context(), _THREADS
        )
        self.scheme = "https" if guard.tls else "http"
        self.port: int = self._connections.port
        self._engine: Any = None
        self._telemetry: Any = None

    def start(self, engine: Any, catalogue: Catalogue) -> None:
        from watchkeeper.app.telemetry import Telemetry

        self._engine = engine
        self._telemetry = Telemetry([], catalogue.signals, shown=[engine.samples])
        self._connections.start()

    def stop(self) -> None:
        self._connections.stop(_STOP_SECONDS)

    def _answer(self, request: Any) -> tuple[int, bytes, str]:
        plain = "Content-Type: text/plain; charset=utf-8\r\n"
        if request.path == "/healthz":
            well = self._engine.alive
            return (200, b"ok\n", plain) if well else (503, b"detection: its thread has ended\n", plain)
        if not self._guard.allows(request.authorization):
            text = b"the listener wants credentials: see `access` of the settings\n"
            return 401, text, f"{plain}WWW-Authenticate: {self._guard.challenge}\r\n"
        if request.path == "/metrics":
            return 200, self._telemetry.text(), "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
        return 404, b"try /metrics\n", plain
