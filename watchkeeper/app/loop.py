"""The loop: collection, store, rules, detection, run engine and console, put together from the five packages.

`up` runs all of it; `serve` leaves out what Prometheus and Alertmanager do; `demo` adds the example platform. Each
part is loaded by name and speaks to the others through the protocols of `watchkeeper`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from watchkeeper.app.causes import Desk, Surroundings, finder_of
from watchkeeper.app.charts import Charts
from watchkeeper.app.detecting import STATE, Asked, detection_engine, links_of, watched_only
from watchkeeper.app.elastic_documents import Documented, DocumentSink, documents_of
from watchkeeper.app.elastic_logs import log_store
from watchkeeper.app.load import Everything, known_secrets, package
from watchkeeper.app.store_probe import StoreProbe
from watchkeeper.app.telemetry import Telemetry
from watchkeeper.clock import Clock, now
from watchkeeper.deliveries import DeliverySink
from watchkeeper.errors import SettingsError, StoreError
from watchkeeper.settings import Listener, Settings, Target
from watchkeeper.stores import Sample, Store
from watchkeeper.stores.exemplars import ExemplarStore
from watchkeeper.traces.service_graph import ServiceGraph
from watchkeeper.traces.store import FILE, TraceStore

__all__ = ["Extras", "Loop"]

_log = logging.getLogger("watchkeeper.app")
# Named queries that the console draws as small lines while all is well, where their system is watched.
_TRENDS = (
    ("agent_platform.queue_out_rate", "Tasks done"),
    ("agent_platform.task_duration_p95", "Task time, p95"),
    ("agent_platform.task_error_ratio", "Failed tasks"),
    ("agent_platform.cost_per_task", "Cost per task"),
    ("redis.commands_rate", "Redis commands"),
    ("postgresql.commit_rate", "Commits"),
    ("host.cpu_used_ratio", "CPU"),
)


@dataclass(frozen=True, slots=True)
class Extras:
    """What a caller adds to the settings: the demo its platform, tests their own parts."""

    faults: Any = None
    notice: str = ""
    logs: Path | None = None
    clock: Clock = now


class Loop:
    """All parts of one process, made when constructed, running between `start` and `stop`.

    Raises ListenError, StoreError, JournalError or SettingsError when a part cannot be made; what was made before
    is closed.
    """

    def __init__(
        self, everything: Everything, *, evaluate: bool = True, listen: str | None = None, extras: Extras | None = None
    ) -> None:
        self.settings: Settings = everything.settings
        self.catalogue = watched_only(everything.catalogue, self.settings, evaluate)
        self._extras = extras or Extras()
        self._evaluate = evaluate
        self._closers: list[Any] = []
        self._starters: list[Any] = []
        self.directory = Path(self.settings.data)
        try:
            self._make(everything, Listener.parse(listen or self.settings.listen))
        except BaseException:
            self.stop()
            raise

    # Parts are made in the order in which they need each other, and stopped in the opposite one.
    def _make(self, everything: Everything, address: Listener) -> None:
        settings, clock = self.settings, self._extras.clock
        # The address is taken first: a port in use must be told before anything is written.
        console = package("runbooks.console.server")
        listener = console.bind(address.host, address.port)
        self._closers.append(listener.close)
        _make_directory(self.directory)
        self.store, self.writer = self._stores()
        # Samples that are written here need no asking whether they are within reach.
        self.store_probe = None if self._evaluate else self._add(StoreProbe(self.store, clock=clock))
        self.bills = self._bills()
        self.service_graph = ServiceGraph()
        self.traces = self._traces()
        # Without traces there is nothing that an exemplar could lead to; a Prometheus keeps its own.
        self.exemplars: Any = None
        if self.traces is not None:
            kept = ExemplarStore(retention=float(settings.traces.retention), clock=clock)
            self.exemplars = kept if self._evaluate else self.store
        self.engine = self._engine(everything)
        self.sidecar: Any = None
        self.scraping: Any = None
        if self._evaluate:
            self._collection()
        self.evaluator: Any = self._rules() if self._evaluate else None
        self.around = Surroundings(self.catalogue, settings, self.store, traces=self.traces, clock=clock)
        self.documents = self._documents(everything)
        self.detection = self._detection()
        self.telemetry = self._telemetry()
        self.charts = Charts(self.catalogue, self.store, self.detection, settings, self.exemplars)
        finder = finder_of(self.catalogue, settings, self.store, self.around)
        self.causes = self._add(Desk(finder, self.catalogue, settings, clock=clock))
        self.console = self._console(console, listener, address)
        _log.debug("made at %s", clock())

    @property
    def url(self) -> str:
        """Where the console is."""
        url: str = self.console.url
        return url

    def start(self) -> None:
        """Start all parts; returns when the console answers."""
        for start in self._starters:
            start()

    def stop(self) -> None:
        """Stop all parts, last made first; may be called twice."""
        while self._closers:
            close = self._closers.pop()
            try:
                close()
            except Exception:  # noqa: BLE001  one part that does not stop must not keep the others
                _log.exception("stopping: %s", close)

    def _add(self, part: Any, *, start: str = "start", stop: str = "stop") -> Any:
        if start:
            self._starters.append(getattr(part, start))
        self._closers.append(getattr(part, stop))
        return part

    def _stores(self) -> tuple[Store, Any]:
        """The store that queries are asked of, and the one that samples are written to (None with a Prometheus)."""
        settings = self.settings
        if settings.store.prometheus is not None:
            if self._evaluate:
                raise SettingsError(
                    "store.prometheus: there Prometheus collects and evaluates: type `watchkeeper serve`, and "
                    "`watchkeeper collect` beside the targets"
                )
            store = package("watchkeeper.stores.prometheus").PrometheusStore.from_settings(settings.store.prometheus)
            return store, None
        if not self._evaluate:
            raise SettingsError("serve needs a Prometheus: write store.prometheus.url, or use `watchkeeper up`")
        embedded = package("watchkeeper.stores.embedded").EmbeddedStore(
            self.directory / "samples", retention=float(settings.store.retention), clock=self._extras.clock
        )
        self._add(embedded, start="", stop="close")
        return embedded, embedded

    def _bills(self) -> Store | None:
        if not self.settings.bills:
            return None
        paths = [Path(path) for path in self.settings.bills]
        store: Store = package("detectors.bills_store").BillStore(paths, clock=self._extras.clock)
        return store

    def _traces(self) -> TraceStore | None:
        settings = self.settings.traces
        if not settings.enabled:
            return None
        store = TraceStore(
            self.directory / FILE,
            retention=float(settings.retention),
            limit_bytes=settings.limit_bytes,
            keep_ratio=settings.keep_ratio,
            clock=self._extras.clock,
            heard=self.service_graph.add,
        )
        self._add(store)
        return store

    def _engine(self, everything: Everything) -> Any:
        settings, extras = self.settings, self._extras
        contexts, engines = package("runbooks.context"), package("runbooks.engine")
        journal = package("runbooks.journal").Journal(
            settings.runbooks.journal or self.directory / "journal.sqlite", clock=extras.clock
        )
        self._add(journal, start="", stop="close")
        context = contexts.Context(
            store=self.store,
            bills=self.bills,
            lookup=lambda key: self.catalogue.queries[key].query,
            logs=contexts.DirectoryLogs(
                files={name: Path(path) for name, path in settings.runbooks.logs.items()}, directory=extras.logs
            ),
            http_hosts=settings.runbooks.http_hosts,
            endpoints=settings.runbooks.endpoints,
            sql={target.name: _dsn(target) for target in settings.targets if target.system == "postgresql"},
            commands=settings.runbooks.commands,
            secrets=lambda: known_secrets(settings),
            pace=settings.pace,
            clock=extras.clock,
            directory=self.directory,
        )
        options = engines.EngineSettings(approval_expires=float(settings.runbooks.approval_expires), pace=settings.pace)
        return self._add(engines.Engine(journal, everything.library, context, clock=extras.clock, settings=options))

    def _collection(self) -> None:
        settings = self.settings
        self.sidecar = package("collectors.runtime").Sidecar(settings.targets, clock=self._extras.clock)
        self._add(self.sidecar, start="", stop="close")
        self.scraping = self._add(
            package("collectors.loop").ScrapeLoop(
                self.sidecar,
                self.writer,
                float(settings.scrape_interval),
                clock=self._extras.clock,
                exemplars=self.exemplars,
            )
        )

    def _rules(self) -> Any:
        return self._add(
            package("alerts.evaluation").RuleEvaluator(
                tuple(self.catalogue.alerts.values()),
                tuple(self.catalogue.slos.values()),
                self.catalogue.query,
                self.store,
                self.engine,
                pace=self.settings.pace,
                interval=float(self.settings.evaluation_interval),
                clock=self._extras.clock,
                writer=self.writer,
            )
        )

    def _telemetry(self) -> Telemetry:
        samples_of = package("runbooks.console.telemetry").engine_samples
        sources = [
            lambda at: samples_of(self.engine.statistics(), at),
            lambda at: self._app.state.console.counters.samples(at),
            self._trace_samples,
            *([] if self.documents is None else [self.documents.samples]),
        ]
        telemetry = Telemetry(
            sources,
            self.catalogue.signals,
            shown=[part.samples for part in (self.evaluator, self.detection) if part is not None],
            writer=self.writer,
            interval=float(self.settings.scrape_interval),
            clock=self._extras.clock,
        )
        self._add(telemetry)
        return telemetry

    def _trace_samples(self, at: float) -> Sequence[Sample]:
        if self.traces is None:
            return ()
        found = self.traces.statistics()
        samples = [
            Sample("watchkeeper_trace_spans_total", {"outcome": outcome}, found[outcome], at)
            for outcome in ("accepted", "refused")
        ]
        samples.append(Sample("watchkeeper_traces_dropped_total", {}, found["dropped"], at))
        samples += self.service_graph.samples(at)
        if "bytes" in found:  # unknown while the file cannot be read
            samples.append(Sample("watchkeeper_trace_store_bytes", {}, found["bytes"], at))
        return samples

    def _detection(self) -> Any:
        stores: dict[str, Store] = {"metrics": self.store}
        if self.bills is not None:
            stores["bills"] = self.bills
        if any(detector.reads == "logs" for detector in self.catalogue.detectors.values()):
            stores["logs"] = self._add(log_store(self.settings, clock=self._extras.clock), start="", stop="close")
        engine = detection_engine(
            self.catalogue,
            self.settings,
            stores,
            self._deviation_sink(),
            clock=self._extras.clock,
            state_path=self.directory / STATE,
            writer=self.writer,
            edges=self.around.calls_lately,
            changes=self.around.changes.lately,
            holder=f"watchkeeper {'up' if self._evaluate else 'serve'}",
        )
        return self._add(engine)

    def _deviation_sink(self) -> DeliverySink:
        """Deviations take Alertmanager's way where there is one, so that routing, silences and inhibition hold for
        them.
        """
        sink: DeliverySink = self.engine
        if self.settings.alertmanager is not None:
            from watchkeeper.app.alertmanager import AlertmanagerSink

            sink = AlertmanagerSink(self.settings.alertmanager)
        return sink if self.documents is None else Documented(sink, self.documents)

    def _documents(self, everything: Everything) -> DocumentSink | None:
        """Deviations as documents, where the settings want them; stopped after detection, which may tell its last."""
        found = Asked(self.settings, everything, self.catalogue)
        links = {key: links_of(found, one) for key, one in self.catalogue.detectors.items()}
        documents = documents_of(self.settings, links=links, clock=self._extras.clock)
        if documents is not None:
            self._add(documents)
        return documents

    def _console(self, console: Any, listener: Any, address: Listener) -> Any:
        extras = self._extras
        systems = {target.system for target in self.settings.targets}
        self._app = package("runbooks.console").create_app(
            self.engine,
            band=self.charts.band,
            causes=self.causes,
            watched=self.watched if self._evaluate else None,
            store=self.store,
            lookup=lambda key: self.catalogue.queries[key].query,
            trends=[(key, title) for key, title in _TRENDS if key.partition(".")[0] in systems],
            metrics=self.telemetry.text,
            health=self.health,
            outside=self.outside,
            faults=extras.faults,
            trace_source=self.traces,
            notice=extras.notice,
            hosts=(address.host,),
            console_url=self.settings.console_url,
            clock=extras.clock,
            pace=self.settings.pace,
        )
        return self._add(console.ConsoleServer(self._app, listener, address.host), stop="shutdown")

    def watched(self) -> Any:
        """What is watched now, for the console."""
        ports = package("runbooks.console.ports")
        lanes = [self.sidecar.lane(target.name) for target in self.settings.targets]
        return ports.Watched(
            targets=tuple(
                ports.TargetStatus(
                    name=lane.target.name,
                    system=lane.target.system,
                    up=lane.error is None and lane.succeeded is not None,
                    error=lane.error or "",
                    at=lane.succeeded,
                    seconds=lane.seconds,
                )
                for lane in lanes
            ),
            alerts=len(self.catalogue.alerts) + len(self.catalogue.slos),
            detectors=len(self.catalogue.detectors),
            evaluated_at=self.evaluator.last,
            problems=tuple(f"{part}: {problem}" for part, problem in self.health().items() if problem is not None),
        )

    def health(self) -> Mapping[str, str | None]:
        """Each part with None when it works, or one line that says what is wrong."""
        parts: dict[str, str | None] = {"console": None, "journal": None}
        try:
            self.engine.journal.incidents(limit=1)
        except Exception as error:  # noqa: BLE001  whatever is wrong with the disk is what is asked for
            parts["journal"] = " ".join(str(error).split())
        if self.traces is not None:
            parts["traces"] = self.traces.problem()
        for name, part in (("collection", self.scraping), ("rules", self.evaluator), ("detection", self.detection)):
            if part is not None:
                parts[name] = None if part.alive else "its thread has ended: see the log, and restart"
        if self.evaluator is not None and parts["rules"] is None:
            parts["rules"] = self._rules_problem()
        return parts

    def outside(self) -> Mapping[str, str | None]:
        """What others run and this process asks, each with None when it answers, or one line that says why not."""
        return {} if self.store_probe is None else {"store": self.store_probe.problem()}

    def _rules_problem(self) -> str | None:
        failing = self.evaluator.failing()
        if failing:
            names = ", ".join(sorted(failing)[:3]) + (" …" if len(failing) > 3 else "")
            return f"{len(failing)} give no answer, so what they watch is unknown: {names}"
        if self.evaluator.last is None:
            return None  # the first pass is under way
        late = self._extras.clock() - self.evaluator.last
        limit = max(60.0, 10 * float(self.settings.evaluation_interval))
        return None if late < limit else f"no evaluation for {late:.0f} s"


def _make_directory(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be made: {error.strerror}: set `data` to a directory that can be written"
        ) from None


def _dsn(target: Target) -> Any:
    """A function that gives the target's connection string with the password as it is now."""

    def dsn() -> str:
        from urllib.parse import quote, urlsplit, urlunsplit

        parts = urlsplit(target.url)
        user = quote(target.user or parts.username or "", safe="")
        password = f":{quote(target.password.resolve(), safe='')}" if target.password is not None else ""
        host = parts.netloc.rpartition("@")[2]
        netloc = f"{user}{password}@{host}" if user else host
        return urlunsplit((parts.scheme, netloc, parts.path, parts.query, ""))

    return dsn
