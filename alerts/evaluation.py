"""The same rules, evaluated in process: pending, firing, resolved, for each series.

One pass asks the store for each rule's condition. A series that it gives is pending; once it was given throughout the
hold it fires, and is delivered again while it lasts; when it is no longer given it is resolved, and delivered once
more. A rule that gives no answer keeps its state (unknown is not resolved), is counted, and hurts no other.

With a writer, the state is recorded in `ALERTS` and `ALERTS_FOR_STATE` as Prometheus does, and taken up again after a
restart: a hold goes on where it was, and what ended meanwhile is delivered as resolved.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from alerts.conditions import Lookup, Rule, rules_of
from alerts.templates import render
from watchkeeper import queries as q
from watchkeeper.clock import Clock, monotonic, now
from watchkeeper.declarations import SLO, Alert
from watchkeeper.deliveries import Delivery, DeliverySink, fingerprint
from watchkeeper.errors import WatchkeeperError
from watchkeeper.queries import Query, metrics_of
from watchkeeper.signals import Gauge
from watchkeeper.stores import STALE_NAN, Labels, Sample, Store, Vector, Writer

__all__ = ["Active", "RuleEvaluator"]

_log = logging.getLogger(__name__)

_ALERTS = Gauge("ALERTS", "Alerts that are pending or firing.", labels=("alertname", "alertstate"), origin="Prometheus")
_STATE = Gauge("ALERTS_FOR_STATE", "Since when an alert is active.", labels=("alertname",), origin="Prometheus")
# Prometheus restores a hold after an outage of at most an hour (rules.alert.for-outage-tolerance).
_OUTAGE = "1h"
_RESEND = 60.0

_Key = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Active:
    """One series of a rule.

    `labels` are those of the alert, `series` those of the series itself, which its texts speak of. `active_at` says
    since when the condition holds, `fired_at` since when it fires (None: it is pending), `sent_at` when that was
    delivered last.
    """

    rule: Rule
    labels: Mapping[str, str]
    series: Mapping[str, str]
    active_at: float
    fired_at: float | None
    value: float
    sent_at: float | None = None

    @property
    def state(self) -> Literal["pending", "firing"]:
        """Where it is."""
        return "pending" if self.fired_at is None else "firing"


class RuleEvaluator:
    """Evaluates alerts and SLOs against a store and delivers what they say.

    `lookup` is `Catalogue.query`; times are seconds, and `interval` is already what it shall be (it is not divided by
    `pace`); windows, holds and the time between repeated deliveries are divided by `pace`. An alert without any signal
    (the dead man's switch) proves the way through Prometheus and Alertmanager, which is not taken here: it is left out.
    """

    def __init__(
        self,
        alerts: Iterable[Alert],
        slos: Iterable[SLO],
        lookup: Lookup,
        store: Store,
        sink: DeliverySink,
        *,
        pace: float = 1.0,
        interval: float = 15.0,
        clock: Clock = now,
        writer: Writer | None = None,
    ) -> None:
        rules = rules_of(alerts, slos, lookup)
        self._rules = tuple((rule, q.scaled(rule.condition, pace)) for rule in rules if metrics_of(rule.condition))
        self._store, self._sink, self._writer = store, sink, writer
        self._pace, self._interval, self._clock = pace, interval, clock
        self._active: dict[tuple[str, _Key], Active] = {}
        self._resolved: deque[Delivery] = deque()
        self._recorded: set[tuple[str, _Key]] = set()
        self._evaluations = dict.fromkeys((rule.name for rule, _ in self._rules), 0)
        self._failures = dict.fromkeys(self._evaluations, 0)
        self._failing: dict[str, str] = {}
        self._last = self._seconds = 0.0
        self._restored = writer is None
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    # --- the loop

    def start(self) -> None:
        """Evaluate every `interval` seconds until `stop`."""
        if self._thread is not None:
            return
        self._stopped.clear()
        self._thread = threading.Thread(target=self._run, name="rules", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the pass that runs, and evaluate no more."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(timeout=10.0)
            self._thread = None

    @property
    def alive(self) -> bool:
        """Whether its thread runs."""
        thread = self._thread
        return thread is not None and thread.is_alive()

    def _run(self) -> None:
        due = monotonic()
        while not self._stopped.is_set():
            try:
                self.evaluate()
            except Exception:  # noqa: BLE001
                # The loop is the last thing that may stop: the next pass may do better.
                _log.exception("rules: a pass failed")
            # A pass that was late is not made up for: the next one is on time.
            due = max(due + self._interval, monotonic())
            self._stopped.wait(max(0.0, due - monotonic()))

    # --- one pass

    def evaluate(self, at: float | None = None) -> None:
        """Evaluate every rule once, as of `at` (default: now), and deliver what is due."""
        with self._lock:
            time = self._clock() if at is None else at
            began = monotonic()
            if not self._restored:
                self._restore(time)
            for rule, condition in self._rules:
                self._one(rule, condition, time)
            self._deliver(time)
            self._last, self._seconds = time, monotonic() - began
            self._record(time)

    def _one(self, rule: Rule, condition: Query, time: float) -> None:
        self._evaluations[rule.name] += 1
        try:
            vector = self._store.instant(condition, time)
        except WatchkeeperError as error:
            self._failed(rule, str(error))
        except Exception as error:  # noqa: BLE001  whatever a store raises, the other rules are evaluated
            self._failed(rule, f"{type(error).__name__}: {error}")
        else:
            if self._failing.pop(rule.name, None) is not None:
                _log.info("rule %s gives an answer again", rule.name)
            self._apply(rule, vector, time)

    def _failed(self, rule: Rule, text: str) -> None:
        self._failures[rule.name] += 1
        if self._failing.get(rule.name) != text:
            self._failing[rule.name] = text
            _log.warning("rule %s gives no answer: %s", rule.name, text)

    def _apply(self, rule: Rule, vector: Vector, time: float) -> None:
        hold = rule.hold / self._pace
        given: set[tuple[str, _Key]] = set()
        for series, value in zip(vector.series, vector.values, strict=True):
            labels = _labelled(rule, series)
            key = (rule.name, _key(labels))
            given.add(key)
            known = self._active.get(key)
            active = known or Active(rule, labels, _without(series), time, None, value)
            fired_at = active.fired_at
            if fired_at is None and time - active.active_at >= hold:
                fired_at = time
            self._active[key] = replace(active, series=_without(series), value=value, fired_at=fired_at)
        for key in [key for key in self._active if key[0] == rule.name and key not in given]:
            gone = self._active.pop(key)
            # What was never delivered as firing needs no resolution.
            if gone.fired_at is not None and gone.sent_at is not None:
                self._resolved.append(self._delivery(gone, "resolved", time))

    # --- deliveries

    def _deliver(self, time: float) -> None:
        resend = _RESEND / self._pace
        due = [
            key
            for key, active in self._active.items()
            if active.fired_at is not None and (active.sent_at is None or time - active.sent_at >= resend)
        ]
        firing = [self._delivery(self._active[key], "firing", None) for key in due]
        if not firing and not self._resolved:
            return
        try:
            self._sink.deliver([*self._resolved, *firing])
        except Exception as error:  # noqa: BLE001  an overloaded or broken sink is asked again at the next pass
            _log.warning("rules: %d deliveries were not taken: %s", len(firing) + len(self._resolved), error)
            return
        self._resolved.clear()
        for key in due:
            self._active[key] = replace(self._active[key], sent_at=time)

    def _delivery(self, active: Active, status: Literal["firing", "resolved"], ends_at: float | None) -> Delivery:
        rule = active.rule
        return Delivery(
            source="rules",
            kind="alert",
            status=status,
            labels=dict(active.labels),
            annotations={
                "summary": render(rule.summary, active.series, active.value, rule.unit),
                "description": render(rule.description, active.series, active.value, rule.unit),
                "runbook": rule.runbook,
                "panel": rule.panel,
                "query": rule.condition.promql(),
                "value": repr(active.value),
                "unit": str(rule.unit),
                "source": rule.source,
            },
            starts_at=active.active_at if active.fired_at is None else active.fired_at,
            ends_at=ends_at,
            fingerprint=fingerprint(active.labels),
        )

    # --- state over restarts

    def _record(self, time: float) -> None:
        if self._writer is None:
            return
        samples: list[Sample] = []
        current: set[tuple[str, _Key]] = set()
        for active in self._active.values():
            states = {**active.labels, "alertstate": active.state}
            for name, labels, value in (("ALERTS", states, 1.0), ("ALERTS_FOR_STATE", active.labels, active.active_at)):
                current.add((name, _key(labels)))
                samples.append(Sample(name, dict(labels), value, time))
        for name, key in self._recorded - current:
            # A state of 0 tells the next process that this one has ended; Prometheus would only let it go stale.
            samples.append(Sample(name, dict(key), STALE_NAN if name == "ALERTS" else 0.0, time))
        try:
            self._writer.write([*samples, *self.samples(time)])
        except Exception as error:  # noqa: BLE001  a full disk must not stop the alerts
            _log.warning("rules: their state was not recorded: %s", error)
            return
        self._recorded = current

    def _restore(self, time: float) -> None:
        """Take up what was active when the last process ended."""
        self._restored = True
        try:
            since = self._store.instant(q.last_over_time(_STATE, _OUTAGE), time)
            before = self._store.instant(q.last_over_time(_ALERTS.where(alertstate="firing"), _OUTAGE), time)
        except WatchkeeperError as error:
            _log.warning("rules: the state of the last process cannot be read: %s", error)
            return
        firing = {_key(_without(labels, "alertstate")) for labels in before.series}
        rules = {rule.name: rule for rule, _ in self._rules}
        for series, active_at in zip(since.series, since.values, strict=True):
            labels = _without(series)
            rule = rules.get(labels.get("alertname", ""))
            if rule is None or not active_at:
                continue
            key = _key(labels)
            # Sent before, as far as is known: if the condition no longer holds, its end is delivered at this pass.
            fired: float | None = active_at + rule.hold / self._pace
            sent: float | None = time - _RESEND
            if key not in firing or (fired is not None and fired > time):
                fired = sent = None
            self._active[(rule.name, key)] = Active(rule, labels, labels, active_at, fired, float("nan"), sent)
            self._recorded |= {("ALERTS_FOR_STATE", key)}
            state = "pending" if fired is None else "firing"
            self._recorded |= {("ALERTS", _key({**labels, "alertstate": state}))}

    # --- what it says of itself

    def active(self) -> tuple[Active, ...]:
        """What is pending or firing now, sorted by rule and labels."""
        with self._lock:
            return tuple(self._active[key] for key in sorted(self._active))

    @property
    def last(self) -> float | None:
        """When all rules were last evaluated, in seconds since the epoch; None before the first time."""
        return self._last or None

    def failing(self) -> Mapping[str, str]:
        """Rules that gave no answer at the last pass, and why."""
        return dict(self._failing)

    def samples(self, time: float) -> list[Sample]:
        """Its own signals (see watchkeeper.systems.watchkeeper) as samples, for `/metrics` and for the store."""
        own = {"job": "watchkeeper", "instance": "watchkeeper"}
        found = []
        for name, counts in (
            ("watchkeeper_rule_evaluations_total", self._evaluations),
            ("watchkeeper_rule_evaluation_failures_total", self._failures),
        ):
            found += [Sample(name, {**own, "rule": rule}, float(count), time) for rule, count in counts.items()]
        found.append(Sample("watchkeeper_rule_last_evaluation_timestamp_seconds", own, self._last, time))
        found.append(Sample("watchkeeper_rule_evaluation_duration_seconds", own, self._seconds, time))
        return found


def _labelled(rule: Rule, series: Labels) -> dict[str, str]:
    """The labels of a series with those of the rule, which win, as in Prometheus."""
    return {**_without(series), **rule.all_labels}


def _without(labels: Labels, *drop: str) -> dict[str, str]:
    return {name: value for name, value in labels.items() if name != "__name__" and name not in drop and value}


def _key(labels: Mapping[str, str]) -> _Key:
    return tuple(sorted(labels.items()))
