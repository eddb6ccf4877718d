"""Pinecone: its list of indexes, describe_index_stats of each, and its metrics endpoint where the plan has one.

A paid API: it is asked at an interval and at most so often a day, whoever scrapes how often. In between the last values
are exposed, and a signal says how old they are.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from collectors.description import Collector, Cost
from collectors.exposition import Parser
from collectors.families import Family, Pairs, family, single
from collectors.http import CA_FILE, HttpReader, ca_file
from collectors.options import duration, text, whole
from watchkeeper.clock import Clock, monotonic, now
from watchkeeper.errors import SettingsError, TargetError
from watchkeeper.systems import pinecone as s

if TYPE_CHECKING:
    from watchkeeper.settings import Target

__all__ = ["COLLECTOR", "Ledger", "PineconeSession"]

T = TypeVar("T")

_log = logging.getLogger("watchkeeper.collectors")

_DEFAULT_URL = "https://api.pinecone.io"
_API_VERSION = "2026-04"
# The key goes to hosts that the list of indexes names: to Pinecone's own and to no other.
_DOMAIN = "pinecone.io"
_DAY = 86_400.0
_FULLNESS = (
    ("indexFullness", s.PINECONE_DB_INDEX_FULLNESS),
    ("memoryFullness", s.PINECONE_DB_INDEX_MEMORY_FULLNESS),
    ("storageFullness", s.PINECONE_DB_INDEX_STORAGE_FULLNESS),
)
_DECLARED = {signal.name: signal for signal in s.SIGNALS if signal.name.startswith("pinecone_db_")}


class SpentError(TargetError):
    """The limit of calls a day is reached; the values that there are stay."""


@dataclass
class Ledger:
    """What a target was asked and what it said; outlives sessions, so that a failure does not buy another question.

    `interval` is in seconds, `limit` in calls a day (UTC). Not for several threads: a target has one.
    """

    interval: float
    limit: int
    clock: Clock = now
    ticks: Clock = monotonic
    families: Sequence[Family] | None = None
    error: str = ""
    read_at: float = 0.0
    calls: int = 0
    readings: int = 0
    asked_at: float | None = None
    _day: int = -1
    _today: int = 0

    @property
    def left(self) -> int:
        """How many calls the limit leaves for today."""
        day = int(self.clock() // _DAY)
        if day != self._day:
            self._day, self._today = day, 0
        return max(0, self.limit - self._today)

    def due(self) -> float:
        """Seconds until the next question, 0 when it may be asked now."""
        if self.asked_at is None:
            return 0.0
        return max(0.0, self.asked_at + self.interval - self.ticks())

    def spend(self) -> None:
        """Book a call. Raises SpentError when none is left."""
        if self.left < 1:
            raise SpentError(f"the limit of {self.limit} calls a day (option calls_per_day) is reached")
        self._today += 1
        self.calls += 1


_LEDGERS: dict[tuple[str, str], Ledger] = {}


def _ledger(target: Target) -> Ledger:
    """The ledger of a target, with the interval and the limit that the settings have now."""
    options = _options(target)
    known = _LEDGERS.setdefault((target.name, target.url), Ledger(options.interval, options.calls_per_day))
    known.interval, known.limit = options.interval, options.calls_per_day
    return known


@dataclass(frozen=True, slots=True)
class Options:
    """How often to ask (seconds, and calls a day at most), and for what beside the indexes."""

    interval: float
    calls_per_day: int
    project: str
    namespaces: int


def _options(target: Target) -> Options:
    if target.password is None:
        raise SettingsError(f"target {target.name}: Pinecone wants an API key: set password: {{file: PATH}}")
    ca_file(target)  # the readers use it
    return Options(
        interval=duration(target, "interval", "5m"),
        calls_per_day=whole(target, "calls_per_day", 3000),
        project=text(target, "project_id"),
        namespaces=whole(target, "namespaces", 0, least=0),
    )


# What a reading asks is none of the operations that the guide bills (query, fetch, list of record ids). It does not say
# that they are free either, and it bills egress by plan: so the price is unknown, which is not zero.
_PRICES = (
    "docs.pinecone.io, Understand cost, read in November 2026: it bills query, fetch and list by read units, and names "
    "no price for list indexes, describe_index_stats and metrics"
)


def _cost(target: Target, scrape_interval: float) -> Cost:
    """What a target costs: its calls as the readings so far had them, the limit of the day where there was none."""
    book = _ledger(target)
    readings = _DAY / max(book.interval, scrape_interval)
    calls = readings * book.calls / book.readings if book.readings else float(book.limit)
    return Cost(min(calls, float(book.limit)), None, _PRICES)


@dataclass(frozen=True, slots=True)
class Index:
    """An index as the list of indexes has it; `dedicated` says that it has room that can run out."""

    name: str
    host: str
    ready: bool
    labels: tuple[str, ...]
    dedicated: bool

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Index:
        """From an entry of the list: until 2026-04 the place is under `spec`, since then under `deployment`."""
        spec = entry.get("spec") or {}
        kind = next((key for key in ("serverless", "byoc", "pod") if key in spec), "serverless")
        place = spec.get(kind) or entry.get("deployment") or {}
        if place.get("deployment_type") == "byoc":
            kind = "byoc"
        capacity = place.get("read_capacity") or entry.get("read_capacity") or {}
        region = str(place.get("region") or place.get("environment") or "")
        return cls(
            name=str(entry["name"]),
            host=str(entry.get("host", "")),
            ready=bool((entry.get("status") or {}).get("ready")),
            labels=(kind, str(place.get("cloud", "")), str(entry["name"]), region),
            dedicated=kind == "pod" or capacity.get("mode") == "Dedicated",
        )


@dataclass
class PineconeSession:
    """Asks when the ledger says that it may, and repeats the last answer otherwise."""

    target: Target
    ledger: Ledger | None = None
    _readers: list[HttpReader] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._options = _options(self.target)
        self._book = self.ledger or _ledger(self.target)
        self._base = self.target.url or _DEFAULT_URL

    def read(self, deadline: float) -> Sequence[Family]:
        book = self._book
        if not (wait := book.due()):
            book.asked_at = book.ticks()
            book.readings += 1
            try:
                book.families, book.error = self._ask(deadline), ""
                book.read_at = book.clock()
            except SpentError as error:
                # What was read before stays, and grows old for all to see.
                book.error = "" if book.families is not None else str(error)
            except TargetError as error:
                book.error = str(error)
            wait = 0.0
        if book.error or book.families is None:
            again = f" (the API is asked again in {wait:.0f} s)" if wait else ""
            raise TargetError(f"{book.error or 'not asked yet'}{again}")
        return [
            single(s.PINECONE_UP, 1.0),
            single(s.PINECONE_LAST_READ_TIMESTAMP_SECONDS, book.read_at),
            single(s.PINECONE_API_CALLS_TOTAL, float(book.calls)),
            single(s.PINECONE_API_CALLS_LEFT, float(book.left)),
            *book.families,
        ]

    def abort(self) -> None:
        for reader in tuple(self._readers):
            reader.abort()

    def close(self) -> None:
        # An idle connection would be closed by the other side long before the interval is over.
        for reader in self._readers:
            reader.close()
        self._readers.clear()

    def _ask(self, deadline: float) -> list[Family]:
        try:
            listed = self._json(self._base, "/indexes", deadline)
            indexes = [Index.of(entry) for entry in listed["indexes"]]
            return self._of(indexes, deadline)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise TargetError(f"{self._base}: it does not answer like Pinecone ({type(error).__name__})") from None
        finally:
            self.close()

    def _of(self, indexes: Sequence[Index], deadline: float) -> list[Family]:
        success: dict[str, float] = {}
        metrics: dict[str, Family] = {}
        if self._options.project:
            found = self._tried("metrics", lambda: dict(self._metrics(deadline)), deadline, success)
            metrics = found or {}
        records = metrics.get(s.PINECONE_DB_RECORD_TOTAL.name)
        measured = {dict(pairs).get("index_name") for _, pairs, _ in (records.points if records else ())}
        # The metrics endpoint has what describe_index_stats says: an index is asked for only what it lacks.
        stats = {}
        for one in indexes:
            if one.ready and (self._options.namespaces or one.name not in measured):
                reply = self._tried("stats", partial(self._stats, one, deadline), deadline, success)
                if reply is not None:
                    stats[one] = reply
        own = _families(indexes, stats, measured, self._options.namespaces)
        own.append(family(s.PINECONE_PART_SUCCESS, [((part,), value) for part, value in success.items()]))
        merged: dict[str, Family] = {}
        for each in (*own, *metrics.values()):
            before = merged.get(each.name)
            merged[each.name] = each if before is None else before._replace(points=[*before.points, *each.points])
        return list(merged.values())

    def _tried(self, part: str, ask: Callable[[], T], deadline: float, success: dict[str, float]) -> T | None:
        """What a part answers, None when it fails: one index, or a plan without metrics, costs itself alone."""
        try:
            found = ask()
        except SpentError:
            raise
        except TargetError as error:
            if monotonic() >= deadline:
                raise
            _log.warning("target %s: %s: %s", self.target.name, part, error)
            success[part] = 0.0
            return None
        success.setdefault(part, 1.0)
        return found

    def _stats(self, index: Index, deadline: float) -> Mapping[str, Any]:
        base = f"{urlsplit(self._base).scheme}://{index.host}"
        self._check_host(base)
        self._book.spend()
        reply: Mapping[str, Any] = self._at(base).post_json(
            "/describe_index_stats", {}, deadline, headers=self._headers()
        )
        return reply

    def _metrics(self, deadline: float) -> Iterator[tuple[str, Family]]:
        """The families of the metrics endpoint, found as Prometheus finds it: by HTTP service discovery."""
        bearer = {"Authorization": f"Bearer {self._key()}"}
        path = f"/prometheus/projects/{self._options.project}/metrics/discovery"
        found: dict[str, list[Any]] = {}
        for group in self._json(self._base, path, deadline, bearer):
            labels = group.get("labels", {})
            scheme = labels.get("__scheme__", urlsplit(self._base).scheme)
            for host in group["targets"]:
                base = f"{scheme}://{host}"
                self._check_host(base)
                self._book.spend()
                body = self._at(base).get(labels.get("__metrics_path__", "/metrics"), deadline, headers=bearer)
                for one in Parser().parse(body.decode("utf-8", errors="replace")):
                    found.setdefault(one.name, []).extend(
                        (name, _apart(pairs), value) for name, pairs, value in one.points
                    )
        for name, signal in _DECLARED.items():
            if points := found.get(name):
                yield name, Family(name, signal.kind, signal.help, points)

    def _json(self, base: str, path: str, deadline: float, headers: Mapping[str, str] | None = None) -> Any:
        self._book.spend()
        return self._at(base).get_json(path, deadline, headers=headers or self._headers())

    def _at(self, base: str) -> HttpReader:
        # The key is not the password of a basic or bearer login: the reader is not to send it by itself.
        import msgspec

        reader = HttpReader(msgspec.structs.replace(self.target, password=None, user=""), base)
        self._readers.append(reader)
        return reader

    def _headers(self) -> dict[str, str]:
        return {"Api-Key": self._key(), "X-Pinecone-Api-Version": _API_VERSION}

    def _key(self) -> str:
        password = self.target.password
        return password.resolve() if password is not None else ""

    def _check_host(self, base: str) -> None:
        host, own = urlsplit(base).hostname or "", urlsplit(self._base).hostname
        if host != own and host != _DOMAIN and not host.endswith(f".{_DOMAIN}"):
            raise TargetError(f"{self._base}: it names the host {host!r}, which is not Pinecone's: the key stays here")


def _apart(pairs: Pairs) -> Pairs:
    """Labels in order; Pinecone's `instance` is a server of theirs, and the label of that name is the target's."""
    return tuple(sorted(("exported_instance" if name == "instance" else name, value) for name, value in pairs))


def _families(
    indexes: Sequence[Index], stats: Mapping[Index, Mapping[str, Any]], measured: set[str | None], namespaces: int
) -> list[Family]:
    """The families of the list of indexes and of describe_index_stats."""
    found = [family(s.PINECONE_INDEX_READY, [(one.labels, float(one.ready)) for one in indexes])]
    asked = [(one, reply) for one, reply in stats.items() if one.name not in measured]
    found.append(
        family(s.PINECONE_DB_RECORD_TOTAL, [(one.labels, float(reply["totalVectorCount"])) for one, reply in asked])
    )
    for key, signal in _FULLNESS:
        # An index on demand grows by itself: the zero that it reports is not a share of anything.
        rows = [(one.labels, float(reply[key])) for one, reply in asked if one.dedicated and key in reply]
        found.append(family(signal, rows))
    counts = []
    for one, reply in stats.items():
        spaces = sorted((reply.get("namespaces") or {}).items(), key=lambda item: -item[1]["vectorCount"])
        counts += [((one.name, name), float(row["vectorCount"])) for name, row in spaces[:namespaces]]
    return [*found, family(s.PINECONE_NAMESPACE_RECORDS, counts)]


COLLECTOR = Collector(
    system="pinecone",
    open=PineconeSession,
    check=_options,
    login="key",
    stands="outside",
    up=s.PINECONE_UP,
    schemes=("https", "http"),
    default_url=_DEFAULT_URL,
    cost=_cost,
    options=(
        ("interval", "how often the API is asked at most, whoever scrapes (default: 5m)"),
        ("calls_per_day", "requests to the API a day (UTC) at most; then the last values grow old (default: 3000)"),
        ("project_id", "the project whose metrics endpoint to read, where the plan has it (default: none)"),
        ("namespaces", "records of at most so many namespaces an index, the largest first (default: 0)"),
        CA_FILE,
    ),
)
