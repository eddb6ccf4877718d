"""What people do through forms, without JavaScript."""

from __future__ import annotations

from urllib.parse import unquote

import pytest

from tests.runbooks.console.support import Client, Running


def path_of(console: Running, incident: str, step: str, action: str) -> str:
    return f"/incidents/{incident}/runs/{console.engine.journal.runs(incident)[0].id}/{step}/{action}"


def test_an_approved_step_runs_and_its_answer_is_shown(console: Running) -> None:
    incident = console.open()
    step = console.until_step(incident, "shift", "waiting_approval")
    answer = console.client.post(
        path_of(console, incident, "shift", "approve"), {"by": "Ada", "hash": step.command_hash}
    )
    assert (answer.status, answer.headers["location"]) == (303, f"/incidents/{incident}#step-shift")
    console.until_step(incident, "shift", "succeeded")
    words = console.client.get(f"/incidents/{incident}").words
    assert "routed search to the replica" in words
    assert "Approved by Ada" in words


def test_an_approval_of_another_command_is_refused_with_the_page_as_it_is(console: Running) -> None:
    incident = console.open()
    console.until_step(incident, "shift", "waiting_approval")
    answer = console.client.post(path_of(console, incident, "shift", "approve"), {"by": "Ada", "hash": "0" * 64})
    assert answer.status == 409
    assert "look at it again" in answer.words
    assert "Approve and run" in answer.words
    assert console.step(incident, "shift").status == "waiting_approval"


def test_the_second_approval_must_come_from_somebody_else(console: Running) -> None:
    incident = console.open(name="QueueBacklog", runbook="agent_platform/queue-backlog")
    step = console.until_step(incident, "drop", "waiting_approval")
    path, fields = path_of(console, incident, "drop", "approve"), {"hash": step.command_hash}
    assert console.client.post(path, {**fields, "by": "Ada"}).status == 303
    assert console.client.post(path, {**fields, "by": "Ada"}).status == 409
    assert "Approved by Ada" in console.client.get(f"/incidents/{incident}").words
    assert console.client.post(path, {**fields, "by": "Grace"}).status == 303
    console.until_step(incident, "drop", "succeeded")


def test_a_rejected_step_is_skipped_and_the_next_one_asks(console: Running) -> None:
    incident = console.open()
    console.until_step(incident, "shift", "waiting_approval")
    console.client.post(path_of(console, incident, "shift", "reject"), {"by": "Ada"})
    console.until_step(incident, "tell", "waiting_approval")
    words = console.client.get(f"/incidents/{incident}").words
    assert "Next: Tell the users" in words
    assert "Rejected by Ada" in words


def test_a_manual_step_is_confirmed_with_a_note(console: Running) -> None:
    incident = console.open()
    console.until_step(incident, "shift", "waiting_approval")
    console.client.post(path_of(console, incident, "shift", "reject"), {"by": "Ada"})
    console.until_step(incident, "tell", "waiting_approval")
    console.client.post(path_of(console, incident, "tell", "confirm"), {"text": "told <b>all</b>"})
    console.until_step(incident, "tell", "succeeded")
    text = console.client.get(f"/incidents/{incident}").text
    assert "told &lt;b&gt;all&lt;/b&gt;" in text


def test_deciding_a_step_whose_outcome_is_known_is_refused(console: Running) -> None:
    incident = console.open()
    console.until_step(incident, "shift", "waiting_approval")
    answer = console.client.post(path_of(console, incident, "shift", "decide"), {"by": "Ada", "outcome": "succeeded"})
    assert answer.status == 409
    assert "there is nothing to decide" in answer.words


def test_acknowledging_says_who_has_it(console: Running) -> None:
    incident = console.open()
    assert console.client.post(f"/incidents/{incident}/acknowledge", {"by": "Ada"}).status == 303
    words = console.client.get(f"/incidents/{incident}").words
    assert "Acknowledged Critical" in words and "Ada has it" in words
    assert "I have it" not in words


def test_a_note_stands_in_the_timeline(console: Running) -> None:
    incident = console.open()
    console.client.post(f"/incidents/{incident}/note", {"by": "Ada", "text": "  the network is fine "})
    assert "Note Ada the network is fine" in console.client.get(f"/incidents/{incident}").words


def test_an_empty_note_is_refused(console: Running) -> None:
    incident = console.open()
    answer = console.client.post(f"/incidents/{incident}/note", {"by": "Ada", "text": " "})
    assert answer.status == 400
    assert "The note is empty" in answer.words


def test_resolving_by_hand_names_the_person(console: Running) -> None:
    incident = console.open()
    console.client.post(f"/incidents/{incident}/resolve", {"by": "Ada"})
    assert console.engine.journal.incident(incident).resolved_by == "Ada"
    assert "by Ada, after" in console.client.get(f"/incidents/{incident}").words


def test_a_runbook_can_be_chosen_for_an_incident_that_has_none(console: Running) -> None:
    incident = console.open(runbook="nothing/here")
    fields = {"by": "Ada", "runbook": "agent_platform/tool-slow"}
    assert console.client.post(f"/incidents/{incident}/rerun", fields).status == 303
    console.until_step(incident, "shift", "waiting_approval")


def test_the_name_is_asked_once_and_kept(console: Running) -> None:
    incident = console.open()
    assert console.client.post(f"/incidents/{incident}/acknowledge").status == 400
    console.client.post("/name", {"by": "Zoë  K", "back": f"/incidents/{incident}"})
    assert unquote(console.client.cookies["watchkeeper_name"]) == "Zoë K"
    assert "You are Zoë K" in console.client.get("/").words
    assert console.client.post(f"/incidents/{incident}/acknowledge").status == 303
    assert console.engine.journal.incident(incident).acknowledged_by == "Zoë K"


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil.example"])
def test_after_giving_a_name_nobody_is_sent_elsewhere(shared: Running, back: str) -> None:
    answer = shared.client.post("/name", {"by": "Ada", "back": back})
    assert answer.status == 303
    assert answer.headers["location"] == "/"


def test_the_switch_turns_a_fault_on_and_off(console: Running) -> None:
    assert console.client.post("/demo", {"fault": "tool-latency"}).status == 303
    assert console.switch.on == "tool-latency"
    assert "tool-latency is on." in console.client.get("/demo").words
    console.client.post("/demo", {"action": "clear"})
    assert console.switch.on is None


def test_an_unknown_fault_is_refused(shared: Running) -> None:
    assert shared.client.post("/demo", {"fault": "flood"}).status == 400


@pytest.mark.parametrize("path", ["/incidents/20260101-0001/acknowledge", "/incidents/20260101-0001/dance"])
def test_an_action_on_nothing_is_404(shared: Running, path: str) -> None:
    assert shared.client.post(path, {"by": "Ada"}).status == 404


def test_a_form_without_the_token_of_this_browser_does_nothing(console: Running) -> None:
    incident = console.open()
    other = Client(console.client.port)
    other.get("/")
    for token in ("", "x", other.cookies["watchkeeper_token"]):
        answer = console.client.post(f"/incidents/{incident}/acknowledge", {"by": "Ada"}, token=token)
        assert answer.status == 403
    assert console.engine.journal.incident(incident).status == "open"
