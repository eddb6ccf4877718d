"""Webhooks, JSON, events, health and metrics."""

from __future__ import annotations

import http.client
import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from runbooks.engine import EngineSettings
from runbooks.errors import Overloaded
from tests.runbooks.console.support import Client, Running, alert, running
from watchkeeper.errors import JournalError


def test_a_webhook_is_answered_after_it_is_stored(console: Running) -> None:
    answer = console.client.webhook(alert(), alert(tool="sql"))
    assert (answer.status, answer.text) == (200, "stored 2\n")
    assert len(console.engine.journal.incidents()) == 2


def test_too_many_at_once_are_told_to_come_again(tmp_path: Path) -> None:
    with running(tmp_path, settings=EngineSettings(tick=0.02, waiting_requests=1)) as console:
        with ThreadPoolExecutor(2) as threads:
            with console.engine.journal.writing():  # the disk is busy
                sent = [threads.submit(console.client.webhook, alert(tool=tool)) for tool in ("search", "sql")]
                first = next(as_completed(sent)).result()
            answers = sorted(one.result().status for one in sent)
        assert first.status == 503
        assert answers == [200, 503]
        assert len(console.engine.journal.incidents()) == 1


@pytest.mark.parametrize("error", [Overloaded("too many wait"), JournalError("the disk is full")])
def test_what_cannot_be_stored_is_to_be_sent_again(
    console: Running, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(deliveries: object) -> None:
        raise error

    monkeypatch.setattr(console.engine, "deliver", refuse)
    answer = console.client.webhook(alert())
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.text == f"{error}\n"


@pytest.mark.parametrize("body", [b"not json", b"", b"[]", b'{"version": "3", "alerts": []}', b"\xff\xfe"])
def test_a_body_that_is_no_webhook_is_one_line(shared: Running, body: bytes) -> None:
    answer = shared.client.ask("POST", "/webhooks/alertmanager", body)
    assert answer.status == 400
    assert answer.text.count("\n") == 1
    assert shared.engine.journal.incidents() == []


def test_a_body_that_is_too_large_is_413_before_it_is_read(shared: Running) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", shared.client.port, timeout=10)
    connection.putrequest("POST", "/webhooks/alertmanager")
    connection.putheader("content-length", str(100 * 1024 * 1024))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_a_large_body_that_hides_its_length_is_413(shared: Running) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", shared.client.port, timeout=10)
    pieces = (b"x" * 1024 * 1024 for _ in range(9))
    connection.request(
        "POST", "/webhooks/alertmanager", pieces, encode_chunked=True, headers={"transfer-encoding": "chunked"}
    )
    assert connection.getresponse().status == 413
    connection.close()


def test_incidents_as_json(console: Running) -> None:
    incident = console.open()
    console.until_step(incident, "shift", "waiting_approval")
    found = console.client.get("/api/incidents?status=open").json["incidents"]
    assert [(one["id"], one["severity"], one["waits"]) for one in found] == [(incident, "critical", True)]
    assert console.client.get("/api/incidents?status=resolved").json["incidents"] == []


def test_an_incident_as_json_has_its_steps(console: Running) -> None:
    incident = console.open()
    console.until_step(incident, "shift", "waiting_approval")
    found = console.client.get(f"/api/incidents/{incident}").json
    steps = {step["step_id"]: step for step in found["runs"][0]["steps"]}
    assert steps["latency"]["status"] == "succeeded"
    assert steps["latency"]["seconds"] >= 0
    assert steps["latency"]["result"]["series"][0]["points"][-1][1] == 1.9
    assert found["alerts"][0]["name"] == "AgentToolSlow"
    assert found["timeline"][0]["kind"] == "opened"


def test_errors_of_the_api_are_json(console: Running) -> None:
    answer = console.client.get("/api/incidents/20260101-0001")
    assert answer.status == 404
    assert "20260101-0001" in answer.json["error"]
    assert console.client.get("/api/incidents?limit=many").status == 400


class Events:
    """A reader of server-sent events."""

    def __init__(self, console: Running, path: str = "/events", **headers: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", console.client.port, timeout=15)
        self.connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        self.answer = self.connection.getresponse()
        assert self.answer.getheader("content-type", "").startswith("text/event-stream")
        assert self.block() == {"retry": "2000"}

    def block(self) -> dict[str, str]:
        """The next block; empty at the end of the stream."""
        found: dict[str, str] = {}
        while line := self.answer.readline().decode().rstrip("\n"):
            name, _, value = line.partition(": ")
            found[name] = value
        return found

    def close(self) -> None:
        self.connection.close()


def test_a_change_is_told_at_once(console: Running) -> None:
    events = Events(console)
    incident = console.open()
    block = events.block()
    assert block["event"] == "change"
    assert json.loads(block["data"])["incident"] == incident
    assert json.loads(block["data"])["kind"] == "opened"
    events.close()


def test_what_was_missed_is_told_after_coming_back(console: Running) -> None:
    incident = console.open()
    console.until_step(incident, "shift", "waiting_approval")
    seen = console.engine.journal.timeline(incident)
    events = Events(console, last_event_id=str(seen[0].id))
    ids = [events.block()["id"] for _ in seen[1:]]
    assert ids == [str(event.id) for event in seen[1:]]
    console.engine.note(incident, "news", "Ada")
    assert json.loads(events.block()["data"])["kind"] == "note"
    events.close()


def test_a_page_begins_its_events_where_it_was_made(console: Running) -> None:
    incident = console.open()
    console.until_step(incident, "shift", "waiting_approval")
    text = console.client.get(f"/incidents/{incident}").text
    console.engine.note(incident, "before the stream was open", "Ada")
    after = re.search(r'data-after="(\d+)"', text)
    assert after is not None
    events = Events(console, f"/events?incident={incident}&after={after[1]}")
    assert json.loads(events.block()["data"])["kind"] == "note"
    events.close()


def test_events_of_one_incident_alone(console: Running) -> None:
    first = console.open()
    console.client.webhook(alert("Other", tool="sql", runbook=""))
    other = next(one.id for one in console.engine.journal.incidents() if one.id != first)
    events = Events(console, f"/events?incident={other}")
    console.engine.note(first, "not for you", "Ada")
    console.engine.note(other, "for you", "Ada")
    assert json.loads(events.block()["data"])["incident"] == other
    events.close()


def test_a_page_that_left_is_forgotten(console: Running) -> None:
    events = Events(console)
    hub = console.server.app.state.console.hub
    assert hub.listeners == 1
    events.close()
    incident = console.open()  # the next write finds the connection closed
    console.until(lambda: _noted(console, incident) and hub.listeners == 0)


def _noted(console: Running, incident: str) -> bool:
    console.engine.note(incident, "is anybody there?", "Ada")
    return True


def test_the_process_is_alive_and_ready(shared: Running) -> None:
    assert shared.client.get("/healthz").text == "ok\n"
    answer = shared.client.get("/readyz")
    assert (answer.status, answer.text) == (200, "journal: ok\n")


def test_pages_that_hang_do_not_hold_up_those_who_ask_for_the_health(tmp_path: Path) -> None:
    go, pages, waiting = threading.Event(), 45, threading.Semaphore(0)  # a page has one of 40 threads

    def hang(alert: object, at: float) -> None:
        waiting.release()
        go.wait(30)

    with running(tmp_path, band=hang) as console:
        incident = console.open()
        with ThreadPoolExecutor(pages) as threads:
            try:
                sent = [threads.submit(Client(console.client.port).get, f"/incidents/{incident}") for _ in range(pages)]
                for _ in range(40):
                    assert waiting.acquire(timeout=15)
                health = [console.client.get(path).status for path in ("/healthz", "/readyz", "/metrics")]
                assert not any(one.done() for one in sent)
            finally:
                go.set()
            assert {one.result().status for one in sent} == {200}
    assert health == [200, 200, 200]


def test_a_part_that_is_not_well_is_named(tmp_path: Path) -> None:
    with running(tmp_path, health=lambda: {"rules": "no evaluation for 90 s", "collection": None}) as console:
        answer = console.client.get("/readyz")
    assert answer.status == 503
    assert answer.text == "collection: ok\njournal: ok\nrules: no evaluation for 90 s\n"


def test_what_others_run_is_named_and_leaves_it_ready(tmp_path: Path) -> None:
    outside = {"store": "http://prometheus:9090: cannot be reached"}
    with running(tmp_path, watched=None, outside=lambda: outside) as console:
        answer = console.client.get("/readyz")
        words = console.client.get("/").words
    assert (answer.status, answer.text) == (200, "journal: ok\nstore: http://prometheus:9090: cannot be reached\n")
    assert "http://prometheus:9090: cannot be reached: what it would say is unknown." in words


def test_the_metrics_can_be_parsed_and_count_what_happened(tmp_path: Path) -> None:
    own = (
        b"# HELP watchkeeper_own Ours.\n# TYPE watchkeeper_own gauge\nwatchkeeper_own 1\n"
        b"# TYPE watchkeeper_runs_unfinished gauge\nwatchkeeper_runs_unfinished 7\n"
    )
    with running(tmp_path, metrics=lambda: own) as console:
        console.open()
        console.client.ask("POST", "/webhooks/alertmanager", b"x")
        text = console.client.get("/metrics").text
    assert text.count("# TYPE watchkeeper_runs_unfinished ") == 1, "what the application exposes is not exposed twice"
    found = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert found["watchkeeper_own", ()] == 1
    assert found["watchkeeper_webhooks_total", (("outcome", "accepted"),)] == 1
    assert found["watchkeeper_webhooks_total", (("outcome", "refused"),)] == 1
    assert found["watchkeeper_deliveries_total", ()] == 1
    assert found["watchkeeper_incidents", (("status", "open"),)] == 1
    assert found["watchkeeper_console_requests_total", (("code", "400"), ("method", "POST"))] == 1
