"""Logs and traces of Elasticsearch as series: what detectors of `logs` and `traces` watch, without a sidecar that reads
the files.

The cluster counts (records by service and level, spans by service, name and outcome) in buckets of time, page by page;
of the errors a bounded sample is read for templates, or the cluster makes categories of them (`categorize_text`). The
counts become the counters that the sidecar's collector would expose, in a store in memory, so that every query and
detector of those systems is evaluated as it stands.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from detectors.elastic_client import Searcher
from detectors.elastic_fields import ECS_SPANS, LogFields, SpanFields, at_path, first_of, span_of_time
from watchkeeper.clock import Clock, monotonic, now
from watchkeeper.errors import StoreError
from watchkeeper.queries import Query
from watchkeeper.signals import Selection, Signal
from watchkeeper.stores import Labels, Matrix, Sample, Vector
from watchkeeper.stores.embedded import EmbeddedStore
from watchkeeper.systems.logs import ERROR_LEVELS, LEVELS, LOGS_NEW_TEMPLATES_TOTAL, LOGS_RECORDS_TOTAL
from watchkeeper.systems.traces import TRACES_SPAN_METRICS_CALLS_TOTAL

__all__ = ["ElasticStore", "Novelty", "Templating"]

# What one page holds, of the 65,536 buckets that a cluster allows at most (search.max_buckets).
_PAGE = 1_000
# How long one refresh may take in all, and how much time one search is about: a backfill goes on at the next refresh.
_REFRESH_SECONDS = 5.0
_WINDOW = 3_600.0
# A cluster that did not answer is left alone for so long, and twice as long each time that it does not: who waits for
# it evaluates the detectors of all else, too.
_REST, _LONGEST_REST = 10.0, 120.0
_ERRORS = frozenset(ERROR_LEVELS.split("|"))

_KEPT = 1_000
# How many times as many messages are read of a window, at about.
_PARTS = 6

_Text = tuple[str, str, str, float]
"""Service, level, message, and the end of its bucket."""
_Bucket = tuple[float, Mapping[str, str | None], Mapping[str, Any]]
"""The end of its time, its terms, itself."""

_log = logging.getLogger("watchkeeper.detectors")


class Templating(Protocol):
    """What makes templates of texts: `collectors.logs_templates.Templates`, which the front door hands in."""

    def add(self, text: str) -> tuple[Any, bool]:
        """The template of a text (with a `text` of its own), and whether it is new."""


@dataclass(frozen=True, slots=True)
class Novelty:
    """A template, or a failing span, that was never seen before: at the end of which bucket it was first seen."""

    kind: Literal["template", "span"]
    service: str
    text: str
    first_seen: float


@dataclass(frozen=True, slots=True)
class _Category:
    text: str


class _Exact:
    """Each text its own template: for the categories of the cluster, which are templates already."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def add(self, text: str) -> tuple[_Category, bool]:
        new = text not in self._seen and len(self._seen) < _KEPT
        self._seen |= {text} if new else set()
        return _Category(text), new


@dataclass(slots=True)
class _Counts:
    """What one window of time counted: by the end of a bucket and the labels of a series."""

    by_time: dict[float, dict[tuple[str, ...], int]] = field(default_factory=dict)

    def add(self, at: float, key: tuple[str, ...], number: int) -> None:
        own = self.by_time.setdefault(at, {})
        own[key] = own.get(key, 0) + number


class ElasticStore:
    """A `watchkeeper.stores.Store` over the indices `logs` and `traces` of a cluster; an empty name is not read.

    `templates` and `levels` are those of the logs collector; with `categories` the cluster makes the templates.
    `bucket` is the spacing of what is counted, `lateness` how long a record may take to be searchable, `history` how
    far back the first refresh reaches, in seconds; what is new within it is not novel, or what is new before `learned`.
    At most `most_series` series are kept, `most_messages` messages read at once (six times as many of an hour that is
    full of them), and `most_seconds` taken by a refresh. All of it is read again after a restart.
    """

    def __init__(
        self,
        searcher: Searcher,
        *,
        logs: str = "",
        traces: str = "",
        templates: Callable[[], Templating] | None = None,
        levels: Mapping[str, str] | None = None,
        log_fields: LogFields | None = None,
        span_fields: SpanFields = ECS_SPANS,
        categories: bool = False,
        bucket: float = 60.0,
        lateness: float = 60.0,
        history: float = 86_400.0,
        most_series: int = 2_000,
        most_messages: int = 500,
        most_seconds: float = _REFRESH_SECONDS,
        learned: float | None = None,
        clock: Clock = now,
    ) -> None:
        self._searcher, self._logs, self._traces = searcher, logs, traces
        self._templates, self._levels = templates, levels or {}
        self._fields, self._span_fields = log_fields or LogFields(), span_fields
        self._categories = categories
        self._bucket, self._lateness, self._history = bucket, lateness, history
        self._most_series, self._most_messages = most_series, most_messages
        self._most_seconds = most_seconds
        self._clock = clock
        self._inner = EmbeddedStore(None, retention=2 * history + 86_400.0, clock=clock)
        self._lock = threading.RLock()
        self._until: float | None = None
        self._learned = learned
        self._totals: dict[tuple[str, ...], float] = {}
        self._known: dict[str, Templating] = {}
        self._failing: set[tuple[str, str]] = set()
        self._novelties: list[Novelty] = []
        self._failed: StoreError | None = None
        self._rest_until = self._rest = 0.0
        self._full = self._caught_up = False

    # -- the protocol of a store --

    def complete_until(self, at: float) -> float | None:
        """Until when everything is counted that was searchable at `at`, the same for all who ask of one time; `at` when
        the cluster does not answer, so that who asks is told so; None while history is read for the first time: in
        parts it would be told like news.
        """
        try:
            counted = self.refresh()
        except StoreError:
            return at
        return min(self._searchable(at), counted) if self._caught_up else None

    def instant(self, query: Query, at: float, *, auto: float = 300.0) -> Vector:
        self.refresh()
        return self._inner.instant(query, at, auto=auto)

    def range(self, query: Query, start: float, end: float, step: float, *, auto: float = 300.0) -> Matrix:
        self.refresh()
        return self._inner.range(query, start, end, step, auto=auto)

    def series(self, what: Signal | Selection[Signal], start: float, end: float) -> Sequence[Labels]:
        self.refresh()
        return self._inner.series(what, start, end)

    def novelties(self, since: float) -> tuple[Novelty, ...]:
        """What was new since a time, the newest first; the last thousand are kept."""
        return tuple(
            sorted((n for n in self._novelties if n.first_seen >= since), key=lambda n: (-n.first_seen, n.text))
        )

    def close(self) -> None:
        """Give the connections and the memory back."""
        self._searcher.close()
        self._inner.close()

    # -- reading --

    def refresh(self) -> float:
        """Count what is new; until when all is counted then. Raises StoreError when the cluster does not answer; what
        was counted before stays.
        """
        with self._lock:
            end = self._searchable(self._clock())
            if self._until is None:
                self._until = end - math.floor(self._history / self._bucket) * self._bucket
                self._learned = end if self._learned is None else self._learned
            if self._failed is not None and monotonic() < self._rest_until:
                raise self._failed
            enough = monotonic() + self._most_seconds
            try:
                while self._until < end:
                    upto = min(end, self._until + max(_WINDOW, self._bucket))
                    self._count(self._until, upto)
                    self._until = upto
                    if monotonic() >= enough:
                        break
            except StoreError as error:
                self._failed, self._rest = error, min(_LONGEST_REST, max(_REST, 2 * self._rest))
                self._rest_until = monotonic() + self._rest
                raise
            self._failed, self._rest = None, 0.0
            self._caught_up = self._caught_up or self._until >= end
            return self._until

    def _searchable(self, at: float) -> float:
        return math.floor((at - self._lateness) / self._bucket) * self._bucket

    def _count(self, start: float, end: float) -> None:
        """Count one window; nothing of it is kept when any of its searches fails."""
        counts = _Counts()
        texts: list[_Text] = []
        spans: list[_Bucket] = []
        if self._logs:
            raw = self._records(start, end, counts)
            if raw and (self._categories or self._templates):
                texts = [text for part in self._parts(start, end, counts) for text in self._errors(*part, raw)]
        if self._traces:
            f = self._span_fields
            terms, failed = {"service": f.service, "name": f.name}, {"failed": {"filter": f.failed}}
            spans = list(self._pages(self._traces, f.time, terms, start, end, f.entries, failed))
        new = [*self._spans(spans, counts), *self._new_templates(texts, counts)]
        self._write(start, end, counts)
        self._novelties = [*self._novelties, *new][-_KEPT:]

    def _records(self, start: float, end: float, counts: _Counts) -> set[str]:
        """Records by service and level; the levels of errors, as the documents call them."""
        f, raw = self._fields, set()
        for at, key, bucket in self._pages(self._logs, f.time, {"service": f.service, "level": f.level}, start, end):
            said = key["level"] or ""
            level = self._level(said)
            if level in _ERRORS:
                raw.add(said)
            service = key["service"] or "unknown"
            counts.add(at, (LOGS_RECORDS_TOTAL.name, service, level), int(bucket["doc_count"]))
            # Known from the start, at nought: the first new template is then an increase.
            counts.add(at, (LOGS_NEW_TEMPLATES_TOTAL.name, service, level), 0)
        return raw

    def _new_templates(self, texts: Sequence[_Text], counts: _Counts) -> list[Novelty]:
        found = []
        for service, level, text, at in texts:
            if service not in self._known:
                self._known[service] = self._templates() if self._templates else _Exact()
            template, is_new = self._known[service].add(text)
            if is_new and at > (self._learned or 0.0):
                found.append(Novelty("template", service, template.text, at))
                counts.add(at, (LOGS_NEW_TEMPLATES_TOTAL.name, service, level), 1)
        return found

    def _parts(self, start: float, end: float, counts: _Counts) -> Iterator[tuple[float, float]]:
        """A window in parts, where it has more errors than are read at once: what is new in it must not be found as
        late as the newest of them.
        """
        name = LOGS_RECORDS_TOTAL.name
        errors = {
            at: sum(n for key, n in own.items() if key[0] == name and key[2] in _ERRORS)
            for at, own in sorted(counts.by_time.items())
        }
        most = max(self._most_messages, sum(errors.values()) / _PARTS)
        begin, held = start, 0
        for at, number in errors.items():
            before = at - self._bucket
            if held and held + number > most:
                yield begin, before
                begin, held = before, 0
            held += number
        yield begin, end

    def _errors(self, start: float, end: float, raw: set[str]) -> Iterator[_Text]:
        return (self._categorised if self._categories else self._messages)(start, end, raw)

    def _messages(self, start: float, end: float, raw: set[str]) -> Iterator[_Text]:
        """The newest errors of a window: service, level, text, end of the bucket."""
        f = self._fields
        reply = self._searcher.search(
            self._logs,
            size=self._most_messages,
            track_total_hits=False,
            source=False,
            fields=[f.service, f.level, f.message, {"field": f.time, "format": "epoch_millis"}],
            sort=[{f.time: "desc"}],
            query=span_of_time(f.time, start, end, {"terms": {f.level: sorted(raw)}}),
        )
        for hit in reversed(at_path(reply, "hits", "hits")):
            values = hit.get("fields", {})
            if text := first_of(values, f.message):
                at = float(first_of(values, f.time) or 1_000 * start) / 1_000
                end_of_bucket = (math.floor(at / self._bucket) + 1) * self._bucket
                service = first_of(values, f.service) or "unknown"
                yield service, self._level(first_of(values, f.level)), text, min(end_of_bucket, end)

    def _categorised(self, start: float, end: float, raw: set[str]) -> Iterator[_Text]:
        """The same as the cluster's own categories, for a window as a whole."""
        f = self._fields
        categories = {"categories": {"categorize_text": {"field": f.message, "size": 50}}}
        by_level = {"levels": {"terms": {"field": f.level, "size": 10}, "aggs": categories}}
        reply = self._searcher.search(
            self._logs,
            size=0,
            track_total_hits=False,
            query=span_of_time(f.time, start, end, {"terms": {f.level: sorted(raw)}}),
            aggs={"services": {"terms": {"field": f.service, "size": 100}, "aggs": by_level}},
        )
        for service in at_path(reply, "aggregations", "services", "buckets"):
            for level in at_path(service, "levels", "buckets"):
                for category in at_path(level, "categories", "buckets"):
                    yield str(service["key"]), self._level(str(level["key"])), str(category["key"]), end

    def _spans(self, buckets: Sequence[_Bucket], counts: _Counts) -> list[Novelty]:
        """Entry spans by service, name and outcome; a span that had never failed before counts as a new template of
        its service, too.
        """
        found = []
        for at, key, bucket in buckets:
            service, name = key["service"] or "unknown", key["name"] or "unknown"
            bad = int(at_path(bucket, "failed")["doc_count"])
            called = (TRACES_SPAN_METRICS_CALLS_TOTAL.name, service, name)
            counts.add(at, (*called, "STATUS_CODE_UNSET"), int(bucket["doc_count"]) - bad)
            counts.add(at, (*called, "STATUS_CODE_ERROR"), bad)
            new_template = (LOGS_NEW_TEMPLATES_TOTAL.name, service, "error")
            counts.add(at, new_template, 0)
            if bad and (service, name) not in self._failing and len(self._failing) < self._most_series:
                self._failing.add((service, name))
                if at > (self._learned or 0.0):
                    found.append(Novelty("span", service, name, at))
                    counts.add(at, new_template, 1)
        return found

    def _pages(
        self,
        index: str,
        time: str,
        terms: Mapping[str, str],
        start: float,
        end: float,
        query: Mapping[str, Any] | None = None,
        parts: Mapping[str, Any] | None = None,
    ) -> Iterator[_Bucket]:
        """Each bucket of a composite aggregation: the end of its time, its terms, itself."""
        interval = f"{round(self._bucket * 1_000)}ms"
        sources: list[dict[str, Any]] = [{"at": {"date_histogram": {"field": time, "fixed_interval": interval}}}]
        sources += [{name: {"terms": {"field": of, "missing_bucket": True}}} for name, of in terms.items()]
        composite: dict[str, Any] = {"size": _PAGE, "sources": sources}
        while True:
            reply = self._searcher.search(
                index,
                size=0,
                track_total_hits=False,
                query=span_of_time(time, start, end, query),
                aggs={"counts": {"composite": composite, **({"aggs": parts} if parts else {})}},
            )
            # An index that does not exist yet has nothing to aggregate.
            counted = reply.get("aggregations", {}).get("counts", {})
            for bucket in counted.get("buckets", ()):
                key = at_path(bucket, "key")
                yield float(key["at"]) / 1_000 + self._bucket, {name: key.get(name) for name in terms}, bucket
            if not (after := counted.get("after_key")) or len(counted["buckets"]) < _PAGE:
                return
            composite = {**composite, "after": after}

    def _level(self, said: str) -> str:
        name = said.lower()
        return self._levels.get(name, name if name in LEVELS else "unknown")

    def _write(self, start: float, end: float, counts: _Counts) -> None:
        """Add what was counted to the counters, and write all of them at the end of each bucket."""
        samples = []
        fresh = {key for own in counts.by_time.values() for key in own} - self._totals.keys()
        for key in sorted(fresh):
            if len(self._totals) >= self._most_series:
                if not self._full:
                    self._full = True
                    _log.warning(
                        "%s: more than %d series: the others are left out", self._searcher.where, self._most_series
                    )
                break
            self._totals[key] = 0.0
            samples.append(Sample(key[0], _labels(key), 0.0, start))
        for n in range(1, round((end - start) / self._bucket) + 1):
            at = start + n * self._bucket
            for key, number in counts.by_time.get(at, {}).items():
                if key in self._totals:
                    self._totals[key] += number
            samples += [Sample(key[0], _labels(key), total, at) for key, total in self._totals.items()]
        self._inner.write(samples)


def _labels(key: tuple[str, ...]) -> dict[str, str]:
    if key[0] == TRACES_SPAN_METRICS_CALLS_TOTAL.name:
        return {
            "service_name": key[1],
            "span_name": key[2],
            "span_kind": "SPAN_KIND_SERVER",
            "status_code": key[3],
        }
    return {"service": key[1], "level": key[2]}
