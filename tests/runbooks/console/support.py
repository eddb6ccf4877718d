"""A console over a real engine, journal and embedded store, served on a free port; and a client that keeps cookies."""

from __future__ import annotations

import http.client
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from runbooks.console import Band, ConsoleServer, TargetStatus, Watched, create_app, serve
from runbooks.context import Context
from runbooks.engine import Engine, EngineSettings
from runbooks.journal import Journal
from runbooks.library import load
from runbooks.records import AlertRecord, StepRecord
from watchkeeper import queries as q
from watchkeeper.clock import monotonic, now
from watchkeeper.queries import Query
from watchkeeper.signals import Gauge, Polarity
from watchkeeper.stores import Sample
from watchkeeper.stores.embedded import EmbeddedStore
from watchkeeper.units import SECONDS

LATENCY = Gauge(
    "tool_latency_seconds",
    help="How long the tool takes.",
    unit=SECONDS,
    labels=("tool",),
    polarity=Polarity.HIGH_IS_BAD,
)
QUERIES: Mapping[str, Query] = {"agent_platform.tool_latency": q.value(LATENCY)}

TOOL_SLOW = """---
title: A tool answers slowly
owner: platform
systems: [agent_platform]
alerts: [AgentToolSlow]
version: 3
scope: [tool]
inputs:
  tool: '[a-z_]{1,40}'
---

Calls to a tool take longer than its users expect.

## Diagnosis

How slow is **{{ labels.tool }}**, and since when?

```query {id=latency title="How slow is the tool?"}
agent_platform.tool_latency
where tool = {{ labels.tool }}
range 10m
```

```query {id=all-tools title="Which tools are slow?"}
agent_platform.tool_latency
```

## Mitigation

Send its calls to the replica.

```sh {id=shift risk=change verify=after timeout=10s title="Send calls of the tool to the replica"}
echo routed {{ labels.tool }} to the replica
```

```manual {id=tell title="Tell the users"}
Write **two sentences** into the status page.
```

## Verification

```query {id=after title="How slow is it now?"}
agent_platform.tool_latency
where tool = {{ labels.tool }}
```

## Escalation

The owners are in `#team-tools`.
"""

TWO_PERSONS = """---
title: The queue grows
owner: platform
systems: [agent_platform]
alerts: [QueueBacklog]
---

## Mitigation

```sh {id=drop risk=destructive title="Drop the queue"}
echo dropped
```
"""


@dataclass
class Answer:
    """What the console answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def words(self) -> str:
        """The text that a reader sees, in one line."""
        reader = _Words()
        reader.feed(self.text)
        return " ".join(" ".join(reader.found).split())


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found.append(data)


@dataclass
class Client:
    """Asks one console and keeps its cookies, as a browser does."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """One request; `sec_fetch_site="cross-site"` is the header Sec-Fetch-Site."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            if self.cookies:
                sent.setdefault("cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            for name, value in answer.getheaders():
                if name.lower() == "set-cookie":
                    key, _, rest = value.partition("=")
                    self.cookies[key] = rest.partition(";")[0]
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, None, **headers)

    def post(
        self, path: str, fields: Mapping[str, str] | None = None, *, token: str | None = None, **headers: str
    ) -> Answer:
        """Send a form with the token of this browser, unless another one is given."""
        if "watchkeeper_token" not in self.cookies:
            self.get("/")
        values = {"token": self.cookies["watchkeeper_token"] if token is None else token, **(fields or {})}
        headers.setdefault("content_type", "application/x-www-form-urlencoded")
        return self.ask("POST", path, urlencode(values).encode(), **headers)

    def webhook(self, *alerts: Mapping[str, Any]) -> Answer:
        """Send what Alertmanager sends."""
        body = {"version": "4", "status": "firing", "alerts": list(alerts)}
        return self.ask("POST", "/webhooks/alertmanager", json.dumps(body).encode(), content_type="application/json")


def alert(
    name: str = "AgentToolSlow",
    *,
    tool: str = "search",
    status: str = "firing",
    runbook: str = "agent_platform/tool-slow",
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """One alert of an Alertmanager webhook."""
    return {
        "status": status,
        "labels": {"alertname": name, "severity": "critical", "tool": tool, **(labels or {})},
        "annotations": {"summary": f"Tool {tool} answers slowly", "runbook": runbook, **(annotations or {})},
        "startsAt": "2026-11-23T03:12:00Z",
        "endsAt": "2026-11-23T03:30:00Z" if status == "resolved" else "0001-01-01T00:00:00Z",
    }


class Switch:
    """A fault switch that only remembers."""

    def __init__(self) -> None:
        self.on: str | None = None

    def faults(self) -> Mapping[str, str]:
        return {"tool-latency": "The search tool answers slowly."}

    def active(self) -> str | None:
        return self.on

    def inject(self, name: str) -> None:
        self.on = name

    def clear(self) -> None:
        self.on = None


@dataclass
class Running:
    """A console that is being served, with what stands behind it."""

    engine: Engine
    store: EmbeddedStore
    server: ConsoleServer
    client: Client
    switch: Switch

    def open(self, **changes: Any) -> str:
        """Open an incident through the webhook; its id."""
        assert self.client.webhook(alert(**changes)).status == 200
        return self.engine.journal.incidents()[0].id

    def until(self, condition: Callable[[], bool], seconds: float = 15.0) -> None:
        """Wait for a condition, looking again at every event."""
        deadline = monotonic() + seconds
        with self.engine.subscribe() as events:
            while not condition():
                left = deadline - monotonic()
                assert left > 0, "the condition did not come true in time"
                events.get(min(left, 0.2))

    def step(self, incident: str, step: str) -> StepRecord:
        """A step of the newest run of an incident."""
        return self.engine.journal.step(self.engine.journal.runs(incident)[0].id, step)

    def until_step(self, incident: str, step: str, status: str) -> StepRecord:
        """Wait until a step has a status."""
        self.until(lambda: self.step(incident, step).status == status)
        return self.step(incident, step)


def search_band(alert: AlertRecord, at: float) -> Band | None:
    """A band for alerts that have a tool: 0.4 s expected, 1.9 s observed in the last quarter."""
    if "tool" not in alert.labels:
        return None
    times = [at - 3600 + 60 * number for number in range(60)]
    return Band(
        title=f"95th percentile of calls of {alert.labels['tool']}",
        unit="seconds",
        times=times,
        observed=[0.4 + 0.03 * math.sin(number) if number < 45 else 1.9 for number in range(60)],
        expected=[0.4] * 60,
        lower=[0.3] * 60,
        upper=[0.55] * 60,
        threshold=1.5,
    )


def write_latency(store: EmbeddedStore, tool: str = "search", value: float = 1.9, minutes: int = 12) -> None:
    """Samples of the last minutes, one in ten seconds."""
    end = now()
    store.write(
        [Sample(LATENCY.name, {"tool": tool}, value, end - 10 * number) for number in reversed(range(minutes * 6))]
    )


@contextmanager
def running(directory: Path, *, settings: EngineSettings | None = None, **changes: Any) -> Iterator[Running]:
    """A console in front of a started engine."""
    folder = directory / "library" / "agent_platform"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tool-slow.md").write_text(TOOL_SLOW)
    (folder / "queue-backlog.md").write_text(TWO_PERSONS)
    store = EmbeddedStore(None)
    write_latency(store, "search", 1.9)
    write_latency(store, "sql", 0.12)
    context = Context(store=store, lookup=QUERIES.__getitem__)
    journal = Journal(directory / "journal.db")
    engine = Engine(journal, load([directory / "library"]), context, settings=settings or EngineSettings(tick=0.02))
    switch = Switch()
    watched = Watched(
        targets=(TargetStatus(name="redis-1", system="redis", up=True, seconds=0.012, at=now()),),
        alerts=34,
        detectors=9,
        evaluated_at=now(),
    )
    values: dict[str, Any] = {
        "band": search_band,
        "watched": lambda: watched,
        "store": store,
        "lookup": QUERIES.__getitem__,
        "trends": (("agent_platform.tool_latency", "Tool latency"),),
        "faults": switch,
        "notice": "Simulated data",
        **changes,
    }
    engine.start()
    try:
        with serve(create_app(engine, **values), "127.0.0.1", 0) as server:
            yield Running(engine, store, server, Client(server.port), switch)
    finally:
        engine.stop()
        journal.close()
        store.close()


def hidden(text: str, name: str) -> str:
    """The value of a hidden field of a page."""
    found = re.search(rf'name="{name}" value="([^"]*)"', text)
    assert found is not None, name
    return found[1]
