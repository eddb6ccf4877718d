"""Detection from the command line: the engine that `up` and `serve` run, once over the past or until it is stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from watchkeeper.app.causes import Surroundings
from watchkeeper.app.elastic_logs import log_store
from watchkeeper.app.load import Everything, load_everything, load_settings, package
from watchkeeper.app.reading import moment, store_of
from watchkeeper.catalogue import Catalogue
from watchkeeper.clock import Clock, now
from watchkeeper.declarations import Detector
from watchkeeper.deliveries import Delivery, DeliverySink, Nobody
from watchkeeper.errors import DefinitionError, StoreError, UnsupportedQuery
from watchkeeper.findings import suggestion
from watchkeeper.settings import Listener, Settings
from watchkeeper.stores import Sample, Store, Writer

if TYPE_CHECKING:
    from watchkeeper.app.elastic_documents import DocumentSink

__all__ = [
    "STATE",
    "Asked",
    "asked",
    "detection_engine",
    "follow",
    "knowledge_of",
    "learned",
    "links_of",
    "once",
    "recently",
    "stores_of",
    "surroundings",
    "watched_only",
]

# What is judged, and not only learned from, before the time that is asked for: since when and how far it deviates.
_RECENT = 6 * 3_600.0
_THREADS = 8
STATE = "detectors.state"
"""Its name in the data directory."""
_STOP_SECONDS = 5.0


def watched_only(catalogue: Catalogue, settings: Settings, evaluate: bool) -> Catalogue:
    """The catalogue with the alerts, SLOs and detectors of systems that are watched here.

    The others have no signals, and what fires on the absence of one would fire for each of them. Beside a
    Prometheus all may have some; only the bills are ours to read, and the documents of an Elasticsearch.
    """
    documents = settings.elasticsearch is not None and settings.elasticsearch.is_read
    watched = {target.system for target in settings.targets} | {"watchkeeper", "detectors"}
    if not evaluate:
        watched |= catalogue.systems.keys()
    watched = watched | {"bills"} if settings.bills else watched - {"bills"}
    return replace(
        catalogue,
        alerts={name: alert for name, alert in catalogue.alerts.items() if alert.system in watched},
        slos={name: slo for name, slo in catalogue.slos.items() if slo.system in watched},
        detectors={
            key: detector
            for key, detector in catalogue.detectors.items()
            if (documents if detector.reads == "logs" else detector.system in watched)
        },
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
    changes: Any = (),
    holder: str = "",
    budget: Any = None,
    history_ticks: int = 20_160,
) -> Any:
    """The detection engine over all detectors of a catalogue, with the calendars of the settings and the feedback of
    their directory; without a `state_path` nothing is written there. `edges` are (caller, called), `changes` those of
    `detectors.knowledge.Knowledge`, `budget` another alert budget than that of the settings.

    Raises SettingsError for a country whose holidays are not known, and StoreError when another process keeps its state
    there than this `holder`.
    """
    detect = settings.detect
    return package("detectors.engine").DetectionEngine(
        tuple(catalogue.detectors.values()),
        lambda key: catalogue.queries[key].query,
        stores,
        sink,
        pace=settings.pace,
        clock=clock,
        state_path=state_path,
        writer=writer,
        knowledge=knowledge_of(settings, keep=state_path is not None, changes=changes),
        edges=edges,
        holder=holder,
        # At a pace a week is as much shorter.
        budget=budget or package("detectors.budget").Budget(detect.alert_budget * settings.pace, fixed=detect.limit),
        history_ticks=history_ticks,
    )


def knowledge_of(settings: Settings, *, keep: bool = False, changes: Any = ()) -> Any:
    """The calendars of the settings and the feedback of their directory, where only with `keep` anything is written;
    `changes` are those beside the calendars'.

    Raises SettingsError for a country whose holidays are not known.
    """
    return package("detectors.knowledge").Knowledge(
        settings.calendars, directory=Path(settings.data), keep=keep, changes=changes
    )


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
def stores_of(found: Asked, past: tuple[float, float, float] | None = None) -> Iterator[dict[str, Store]]:
    """The stores that the detectors read, by name; who looks at a time that is `past` says from when on is learned and
    judged, and the end. Raises StoreError when one cannot be opened.
    """
    with ExitStack() as stack:
        wanted = {detector.reads for detector in found.catalogue.detectors.values()}
        stores: dict[str, Store] = {
            reads: stack.enter_context(store_of(found.settings, f"{reads}."))
            for reads in ("metrics", "bills")
            if reads in wanted
        }
        if "logs" in wanted:
            stores["logs"] = stack.enter_context(closing(log_store(found.settings, past=past)))
        yield stores


def recently(settings: Settings, at: float) -> tuple[float, float, float]:
    """The past of `learned` as `stores_of` takes it."""
    judged = at - _RECENT / settings.pace
    cluster = settings.elasticsearch
    return judged - (0.0 if cluster is None else float(cluster.history)), judged, at


def learned(found: Asked, stores: Mapping[str, Store], at: float, *, crowd: bool = False) -> Any:
    """An engine that has learned from history and has judged the last hours up to `at`; it delivers nothing.

    Where a process of the same settings has kept a checkpoint of before these hours, it begins there: what was learned
    until then is the same. Raises StoreError when the store does not answer; an Elasticsearch that does not is told of
    and left out where there is another store. With `crowd` the workers of the settings learn where there is much.
    """
    stores = _that_answer(stores)
    begin = at - _RECENT / found.settings.pace
    changes: Any = ()
    first = next((one for one in found.catalogue.detectors.values() if one.reads == "metrics"), None)
    if first is not None and "metrics" in stores:
        # Asked once here: each detector would wait for a store that is away by itself.
        with suppress(UnsupportedQuery):
            stores["metrics"].instant(found.catalogue.query(first.query), at)
        # One that answers no more is told of by what needs it.
        with suppress(StoreError):
            changes = surroundings(found, stores).changes.between(begin, at)
    engine = detection_engine(found.catalogue, found.settings, stores, Nobody(), clock=lambda: at, changes=changes)
    kept = package("detectors.checkpoints").checkpoint_before(Path(found.settings.data) / STATE, begin)
    if kept is not None:
        engine.restore(kept)
    elif crowd and (opening := package("detectors.shards").opening_of(found.settings.store)) is not None:
        crew = package("detectors.crews").crew_of(found.settings.detect)
        package("detectors.teaching").teach(engine, begin, crew=crew, opening=opening)
    engine.warm_up(begin)
    engine.tick(at)
    return engine


def _that_answer(stores: Mapping[str, Store]) -> Mapping[str, Store]:
    cluster: Any = stores.get("logs")
    if cluster is None:
        return stores
    try:
        # Asked once here, so that one line says it.
        cluster.refresh()
    except StoreError as error:
        if len(stores) == 1:
            raise
        click.echo(f"watchkeeper: {error}", err=True)
        return {reads: store for reads, store in stores.items() if reads != "logs"}
    return stores


def surroundings(found: Asked, stores: Mapping[str, Store]) -> Surroundings:
    """Who calls whom and what was changed, by the store of metrics."""
    return Surroundings(found.everything.catalogue, found.settings, stores["metrics"])


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
    with stores_of(found, recently(found.settings, when)) as stores:
        engine = learned(found, stores, when, crowd=True)
    deviations = sorted(engine.deviations(), key=lambda one: (one.since, one.detector.key, sorted(one.labels.items())))
    failed = sorted(
        {
            sample.labels["detector"]
            for sample in engine.samples(when)
            if sample.name == "watchkeeper_detector_up" and sample.value == 0
        }
        | (found.catalogue.detectors.keys() - engine.watches.keys())
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
    """Detect until SIGINT or SIGTERM: a line for each deviation that begins or ends, Alertmanager and Elasticsearch
    told where the settings name them, expectation, band, score and state on `/metrics`; what was learned is kept in
    `data`.

    Raises ListenError, StoreError and SettingsError.
    """
    from watchkeeper.app.elastic_documents import documents_of
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
        around = surroundings(found, stores) if "metrics" in stores else None
        documents = documents_of(settings)
        if documents is not None:
            stack.callback(documents.stop)
            documents.start()
        engine = detection_engine(
            found.catalogue,
            settings,
            stores,
            _Told(found, documents),
            state_path=Path(settings.data) / STATE,
            writer=writer,
            edges=None if around is None else around.calls_lately,
            changes=() if around is None else around.changes.lately,
            holder="watchkeeper detect --follow",
        )
        stack.callback(engine.stop)
        engine.start()
        served.start(engine, found.catalogue, *([] if documents is None else [documents.samples]))
        count = len(engine.watches)
        click.echo(
            f"{count} detector{'' if count == 1 else 's'} at work, metrics on "
            f"{served.scheme}://{address.host}:{served.port}/metrics",
            err=True,
        )
        stop.wait()
    return 0


class _Told:
    """Deviations with the addresses of runbook and panel, to Alertmanager and into documents where there are such, and
    a line for each that begins or ends.
    """

    def __init__(self, found: Asked, documents: DocumentSink | None = None) -> None:
        self._links = {key: links_of(found, one) for key, one in found.catalogue.detectors.items()}
        self._open: set[str] = set()
        self._onward: DeliverySink | None = None
        if found.settings.alertmanager is not None:
            from watchkeeper.app.alertmanager import AlertmanagerSink

            self._onward = AlertmanagerSink(found.settings.alertmanager)
        if documents is not None:
            from watchkeeper.app.elastic_documents import Documented

            self._onward = Documented(self._onward or Nobody(), documents)

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

    def start(self, engine: Any, catalogue: Catalogue, *others: Callable[[float], Iterable[Sample]]) -> None:
        from watchkeeper.app.telemetry import Telemetry

        self._engine = engine
        self._telemetry = Telemetry([], catalogue.signals, shown=[engine.samples, *others])
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
