"""The pages as a reader without JavaScript gets them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from runbooks.console import TargetStatus, Watched
from tests.runbooks.console.support import QUERIES, Running, alert, running
from watchkeeper.clock import now
from watchkeeper.errors import StoreError

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
TARGET = TargetStatus(name="redis-1", system="redis", up=True, seconds=0.01, at=1.0)


def test_without_incidents_all_is_well(shared: Running) -> None:
    words = shared.client.get("/").words
    assert "All is well" in words
    assert "Watching 1 target with 34 alerts and 9 detectors" in words
    assert "Last evaluated" in words


def test_while_all_is_well_the_trends_are_shown(shared: Running) -> None:
    answer = shared.client.get("/")
    assert "Tool latency 1.9 s" in answer.words or "Tool latency 120 ms" in answer.words
    assert 'class="spark"' in answer.text


@pytest.mark.parametrize(
    "watched,doubt",
    [
        (Watched(targets=(replace(TARGET, up=False, error="refused"),), evaluated_at=0.0), "1 target does not answer"),
        (Watched(targets=(replace(TARGET, up=False, at=None),)), "not all targets have been read yet"),
        (Watched(targets=(TARGET,)), "nothing has been evaluated yet"),
        (Watched(evaluated_at=0.0), "nothing is watched"),
        (Watched(targets=(TARGET,), evaluated_at=0.0), "nothing was evaluated for"),
        (
            Watched(targets=(TARGET,), evaluated_at=4e9, problems=("3 rules give no answer: RedisDown, …", "p2")),
            "That is not to say that all is well: 3 rules give no answer: RedisDown, …; p2.",
        ),
    ],
)
def test_all_is_well_is_not_said_in_doubt(tmp_path: Path, watched: Watched, doubt: str) -> None:
    with running(tmp_path, watched=lambda: watched) as console:
        words = console.client.get("/").words
    assert "All is well" not in words
    assert doubt in words


def test_what_is_not_evaluated_is_named_beside_open_incidents(tmp_path: Path) -> None:
    watched = Watched(targets=(TARGET,), evaluated_at=4e9, problems=("1 rule gives no answer: RedisDown",))
    with running(tmp_path, watched=lambda: watched) as console:
        console.open()
        words = console.client.get("/").words
    assert "1 open incident" in words
    assert "1 rule gives no answer: RedisDown." in words


def test_where_prometheus_collects_the_console_says_that_it_waits(tmp_path: Path) -> None:
    with running(tmp_path, watched=None) as console:
        words = console.client.get("/").words
        assert "Prometheus collects" in console.client.get("/targets").words
    assert "No incident is open" in words
    assert "Prometheus collects and evaluates the rules; this console waits for the webhooks of Alertmanager" in words
    for wrong in ("All is well", "all is well", "Nothing has been evaluated", "nothing is watched"):
        assert wrong not in words


def test_the_list_says_what_waits(console: Running) -> None:
    incident = console.open()
    console.until_step(incident, "shift", "waiting_approval")
    words = console.client.get("/").words
    assert "1 open incident" in words
    assert "Critical Open Tool search answers slowly" in words
    assert "Since 03:12:00" in words
    assert "System agent_platform" in words
    assert "waits for you: Send calls of the tool to the replica" in words


def test_the_worst_stands_first(console: Running) -> None:
    console.client.webhook(alert("Later", tool="sql", runbook="", labels={"severity": "critical"}))
    console.client.webhook(alert("Slight", tool="fetch", runbook="", labels={"severity": "warning"}))
    titles = re.findall(r'class="title"[^>]*>([^<]*)<', console.client.get("/").text)
    assert titles == ["Tool sql answers slowly", "Tool fetch answers slowly"]


def test_an_incident_says_what_since_when_how_bad_and_what_next(console: Running) -> None:
    incident = console.open(annotations={"impact": "4 % of the budget an hour"})
    console.until_step(incident, "shift", "waiting_approval")
    words = console.client.get(f"/incidents/{incident}").words
    assert "Open Critical agent_platform Tool search answers slowly Since 03:12:00 UTC" in words
    assert "Now 1.9 s , expected 300 ms to 550 ms , alert when > 1.5 s . Impact: 4 % of the budget an hour" in words
    assert "Next: Send calls of the tool to the replica" in words


def test_an_incident_shows_the_chart_and_the_answers(console: Running) -> None:
    incident = console.open()
    console.until_step(incident, "shift", "waiting_approval")
    answer = console.client.get(f"/incidents/{incident}")
    assert 'class="band"' in answer.text and 'class="threshold"' in answer.text and 'class="span"' in answer.text
    assert "How slow is the tool? Answered" in answer.words
    assert "tool value search 1.9 s sql 120 ms" in answer.words
    assert "How slow is search , and since when?" in answer.words


def test_an_approval_shows_exactly_what_runs(console: Running) -> None:
    incident = console.open()
    step = console.until_step(incident, "shift", "waiting_approval")
    answer = console.client.get(f"/incidents/{incident}")
    assert "echo routed search to the replica" in answer.words
    assert "tool=search" in answer.words
    assert f'name="hash" value="{step.command_hash}"' in answer.text


def test_two_persons_are_asked_for_where_two_are_needed(console: Running) -> None:
    incident = console.open(name="QueueBacklog", runbook="agent_platform/queue-backlog")
    console.until_step(incident, "drop", "waiting_approval")
    assert "It takes 2 different persons" in console.client.get(f"/incidents/{incident}").words


def test_an_incident_without_runbook_offers_the_library(console: Running) -> None:
    incident = console.open(runbook="nothing/here")
    words = console.client.get(f"/incidents/{incident}").words
    assert "No runbook answers this" in words
    assert "A tool answers slowly (agent_platform/tool-slow)" in words


def test_hostile_labels_and_annotations_are_text(console: Running) -> None:
    incident = console.open(labels={"pod": EVIL}, annotations={"summary": EVIL, "description": EVIL, "impact": EVIL})
    for path in ("/", f"/incidents/{incident}"):
        text = console.client.get(path).text
        assert "<script>alert" not in text
        assert "<img" not in text
        assert "&lt;script&gt;alert(1)" in text


def test_a_hostile_value_of_an_input_is_refused_and_said(console: Running) -> None:
    incident = console.open(tool=EVIL)
    console.until(lambda: console.step(incident, "latency").status == "failed")
    text = console.client.get(f"/incidents/{incident}").text
    assert "<script>alert" not in text
    assert "tool:" in text


def test_a_store_that_does_not_answer_costs_the_chart_alone(tmp_path: Path) -> None:
    def broken(alert: object, at: float) -> None:
        raise StoreError("the store is away")

    with running(tmp_path, band=broken) as console:
        incident = console.open()
        answer = console.client.get(f"/incidents/{incident}")
    assert answer.status == 200
    assert "No chart: the store is away" in answer.words


def test_a_page_asks_a_store_that_does_not_answer_once(tmp_path: Path) -> None:
    asked: list[object] = []

    def broken(alert: object, at: float) -> None:
        asked.append(alert)
        raise StoreError("the store is away")

    with running(tmp_path, band=broken) as console:
        labels = [{"instance": f"r{number}"} for number in range(4)]
        console.client.webhook(*(alert(labels=one) for one in labels))
        incident = console.engine.journal.incidents()[0].id
        assert len(console.engine.journal.alerts(incident)) == 4
        words = [console.client.get(f"/incidents/{incident}").words for _ in range(3)]
    assert all("No chart: the store is away" in one for one in words)
    assert len(asked) == 1


def test_the_trends_ask_a_store_that_does_not_answer_once(tmp_path: Path) -> None:
    class Broken:
        asked = 0

        def range(self, *_: object, **__: object) -> None:
            self.asked += 1
            raise StoreError("the store is away")

    broken, query = Broken(), QUERIES["agent_platform.tool_latency"]
    trends = [("one", "One"), ("two", "Two"), ("three", "Three")]
    with running(tmp_path, store=broken, lookup=lambda key: query, trends=trends) as console:
        statuses = [console.client.get("/").status for _ in range(3)]
    assert statuses == [200, 200, 200]
    assert broken.asked == 1


def test_external_labels_of_prometheus_disturb_nothing(console: Running) -> None:
    incident = console.open(labels={"cluster": "eu", "prometheus": "monitoring/main", "replica": "0"})
    console.until_step(incident, "shift", "waiting_approval")
    latency = console.step(incident, "latency")
    assert latency.status == "succeeded"
    assert all("cluster" not in str(command) for command in latency.commands)
    answer = console.client.get(f"/incidents/{incident}")
    assert 'class="band"' in answer.text
    assert "cluster" in answer.words
    console.client.webhook(
        alert(status="resolved", labels={"cluster": "eu", "prometheus": "monitoring/main", "replica": "0"})
    )
    assert console.engine.journal.incident(incident).status == "resolved"


def test_an_older_run_is_kept_and_shown_without_buttons(console: Running) -> None:
    incident = console.open()
    console.until_step(incident, "shift", "waiting_approval")
    first = console.engine.journal.runs(incident)[0]
    console.engine.reject(first.id, "shift", "Ada")
    console.until_step(incident, "tell", "waiting_approval")
    console.engine.confirm(first.id, "tell", "Ada")
    console.until(lambda: console.engine.journal.run(first.id).ended_at is not None)
    console.engine.rerun(incident, "Ada")
    console.until_step(incident, "shift", "waiting_approval")
    answer = console.client.get(f"/incidents/{incident}?run={first.id}")
    assert f"run {first.id}" in answer.words
    assert "Rejected by Ada" in answer.words
    assert "Approve and run" not in answer.words


def test_a_resolved_incident_says_so(console: Running) -> None:
    incident = console.open()
    console.client.webhook(alert(status="resolved"))
    words = console.client.get(f"/incidents/{incident}").words
    assert "Resolved Critical" in words
    assert "Nothing to do" in words
    assert "Mark as resolved" not in words
    assert "Resolved lately" in console.client.get("/").words


def test_the_library_lists_and_shows_runbooks(shared: Running) -> None:
    words = shared.client.get("/library").words
    assert "A tool answers slowly" in words
    assert "5, 2 of them change something" in words
    words = shared.client.get("/library/agent_platform/tool-slow").words
    assert "echo routed {{ labels.tool }} to the replica" in words
    assert "Write two sentences into the status page." in words


def test_a_document_that_cannot_be_read_is_named_in_the_library(tmp_path: Path) -> None:
    folder = tmp_path / "library" / "redis"
    folder.mkdir(parents=True)
    (folder / "broken.md").write_text("no front matter\n")
    with running(tmp_path) as console:
        words = console.client.get("/library").words
    assert "broken.md:1: no front matter" in words


def test_the_sick_targets_stand_first(tmp_path: Path) -> None:
    sick = replace(TARGET, name="zz", up=False, error="connection refused", at=now())
    with running(tmp_path, watched=lambda: Watched(targets=(replace(TARGET, at=now()), sick))) as console:
        words = console.client.get("/targets").words
    assert words.index("Down zz") < words.index("Answers redis-1")
    assert "connection refused" in words


def test_the_switch_is_there_only_in_the_demo(tmp_path: Path) -> None:
    with running(tmp_path, faults=None) as console:
        assert console.client.get("/demo").status == 404
        assert "Demo" not in console.client.get("/").words


@pytest.mark.parametrize("path", ["/nothing", "/incidents/20260101-0001", "/library/no/such", "/static/none.css"])
def test_what_is_not_there_is_404_with_a_line(shared: Running, path: str) -> None:
    answer = shared.client.get(path)
    assert answer.status == 404
    assert "Traceback" not in answer.text


def test_the_notice_stands_on_every_page(shared: Running) -> None:
    for path in ("/", "/library", "/targets", "/demo"):
        assert "Simulated data" in shared.client.get(path).words
