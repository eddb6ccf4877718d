"""What the tests of the run engine share: documents, a store with fixed answers, deliveries, waiting on events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from runbooks.context import Context
from runbooks.documents import Document
from runbooks.engine import Engine, EngineSettings
from runbooks.journal import Journal
from runbooks.library import Library
from runbooks.parser import parse
from runbooks.records import StepRecord
from watchkeeper import queries as q
from watchkeeper.clock import monotonic
from watchkeeper.deliveries import Delivery
from watchkeeper.errors import StoreError
from watchkeeper.queries import Query
from watchkeeper.signals import Gauge, Polarity
from watchkeeper.stores import Labels, Matrix, Vector

DEPTH = Gauge("queue_depth", help="Messages waiting.", labels=("queue",), polarity=Polarity.HIGH_IS_BAD)

FRONT = """---
title: {title}
owner: platform
systems: [redis]
scope: [{scope}]
inputs:
  instance: '[A-Za-z0-9_.:-]{{1,60}}'
  queue: '[a-z]{{1,20}}'
---

What it is about.

## Diagnosis

"""


def document(
    steps: str, *, key: str = "redis/memory-high", scope: str = "instance", title: str = "Redis is full"
) -> Document:
    """A document of some steps."""
    return parse(FRONT.format(title=title, scope=scope) + steps, key=key, path=f"{key}.md")


def step(info: str, body: str) -> str:
    """A fenced step."""
    return f"```{info}\n{body}\n```\n\n"


READ = step("query {id=read}", "redis.depth")


@dataclass
class FixedStore:
    """A store whose answer a test sets: series by (labels, value), or an error; it remembers what it was asked."""

    answer: Sequence[tuple[Mapping[str, str], float]] = (({"queue": "tasks"}, 7.0),)
    error: StoreError | None = None
    asked: list[Query] = field(default_factory=list)

    def instant(self, query: Query, at: float, *, auto: float = 300.0) -> Vector:
        self.asked.append(query)
        if self.error is not None:
            raise self.error
        return Vector(at, tuple(labels for labels, _ in self.answer), tuple(value for _, value in self.answer))

    def range(self, query: Query, start: float, end: float, step: float, *, auto: float = 300.0) -> Matrix:
        self.asked.append(query)
        times = np.arange(start, end + step / 2, step)
        values = np.array([[value] * len(times) for _, value in self.answer])
        labels: tuple[Labels, ...] = tuple(labels for labels, _ in self.answer)
        return Matrix(times, labels, values, np.ones(values.shape, dtype=bool))

    def series(self, what: Any, start: float, end: float) -> Sequence[Labels]:
        return tuple(labels for labels, _ in self.answer)


class SetClock:
    """A clock that a test moves."""

    def __init__(self, at: float = 1_800_000_000.0) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


def lookup(key: str) -> Query:
    """The named queries of these tests."""
    return {"redis.depth": q.value(DEPTH)}[key]


def firing(
    labels: Mapping[str, str] | None = None,
    *,
    name: str = "RedisMemoryHigh",
    runbook: str = "redis/memory-high",
    **changes: Any,
) -> Delivery:
    """A firing alert."""
    values: dict[str, Any] = {
        "source": "rules",
        "kind": "alert",
        "status": "firing",
        "labels": {"alertname": name, "severity": "warning", "instance": "r1", **(labels or {})},
        "annotations": {"summary": "Redis r1 is full", "runbook": runbook},
        "starts_at": 1_799_999_990.0,
    }
    return Delivery(**{**values, **changes})


def resolved(delivery: Delivery, at: float = 1_800_000_100.0) -> Delivery:
    """The end of an alert."""
    return replace(delivery, status="resolved", ends_at=at)


OPENED: list[Journal] = []
"""Journals that a test opened; they are closed when it is over."""


def new_engine(
    directory: Path,
    *documents: Document,
    store: FixedStore | None = None,
    clock: SetClock | None = None,
    settings: EngineSettings | None = None,
    **context: Any,
) -> Engine:
    """An engine over a new or an existing journal in a directory; it is not started."""
    ticks = clock or SetClock()
    library = Library({one.key: one for one in documents})
    made = Context(store=store or FixedStore(), lookup=lookup, clock=ticks, **context)
    journal = Journal(directory / "journal.db", clock=ticks)
    OPENED.append(journal)
    return Engine(journal, library, made, clock=ticks, settings=settings or EngineSettings(tick=0.02))


@contextmanager
def started(engine: Engine) -> Iterator[Engine]:
    """The engine, running; stopped and closed at the end."""
    try:
        engine.start()
        yield engine
    finally:
        engine.stop()
        engine.journal.close()


def until(engine: Engine, condition: Callable[[], bool], seconds: float = 15.0) -> None:
    """Wait for a condition, looking again at every event of the engine."""
    deadline = monotonic() + seconds
    with engine.subscribe() as events:
        while not condition():
            left = deadline - monotonic()
            assert left > 0, "the condition did not come true in time"
            events.get(min(left, 0.2))


def only_incident(engine: Engine) -> str:
    """The id of the one incident that exists."""
    found = engine.journal.incidents()
    assert len(found) == 1, found
    return found[0].id


def step_of(engine: Engine, step_id: str) -> StepRecord:
    """A step of the newest run of the one incident."""
    return engine.journal.step(engine.journal.runs(only_incident(engine))[0].id, step_id)


def until_step(engine: Engine, step_id: str, status: str) -> StepRecord:
    """Wait until a step of the newest run has a status."""
    until(engine, lambda: step_of(engine, step_id).status == status)
    return step_of(engine, step_id)


def until_run(engine: Engine, status: str) -> None:
    """Wait until the newest run has a status."""
    until(engine, lambda: engine.journal.runs(only_incident(engine))[0].status == status)
