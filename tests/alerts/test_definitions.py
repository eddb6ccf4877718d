"""The shipped alerts: what they must not do."""

from __future__ import annotations

import pytest

from alerts.conditions import Rule
from alerts.templates import labels_in
from tests.alerts.shipped import catalogue, rules
from watchkeeper.stores import Sample
from watchkeeper.stores.embedded import EmbeddedStore
from watchkeeper.systems.agent_platform import GEN_AI_EXECUTE_TOOL_DURATION_SECONDS

PLATFORM = [rule for rule in rules() if rule.system == "agent_platform"]
QUIET, SURGE = 5.0 * 3600.0, 3600.0


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.name)
def test_the_texts_name_labels_that_the_series_have(rule: Rule) -> None:
    named = {*labels_in(rule.summary), *labels_in(rule.description)}
    assert named <= rule.condition.labels


@pytest.mark.parametrize("name", sorted(catalogue().alerts))
def test_an_alert_explains_its_threshold_and_leads_to_a_panel(name: str) -> None:
    alert = catalogue().alerts[name]
    assert len(alert.source) > 20
    assert alert.panel in catalogue().panels
    assert alert.runbook.partition("/")[0] in catalogue().systems


@pytest.fixture(scope="module")
def surging() -> EmbeddedStore:
    """A platform that runs evenly, and then has 2.2 times as much to do, a little slower, with a longer queue."""
    store = EmbeddedStore(None, clock=lambda: QUIET + SURGE)
    where = {"job": "agent_platform", "instance": "worker"}
    tool = {**where, "gen_ai_tool_name": "run_tests", "gen_ai_agent_name": "tester"}
    model = {
        **where,
        "gen_ai_request_model": "gpt-4.1",
        "gen_ai_agent_name": "tester",
        "gen_ai_operation_name": "chat",
        "gen_ai_provider_name": "openai",
    }
    task = {**where, "gen_ai_workflow_name": "review"}
    price = {
        **where,
        "gen_ai_provider_name": "openai",
        "gen_ai_request_model": "gpt-4.1",
        "gen_ai_agent_name": "tester",
    }
    totals: dict[str, float] = dict.fromkeys(("calls", "failed", "slow"), 0.0)
    bounds = GEN_AI_EXECUTE_TOOL_DURATION_SECONDS.buckets
    time = 0.0
    while time <= QUIET + SURGE:
        surge = time > QUIET
        calls = 60.0 * (2.2 if surge else 1.0)
        totals["calls"] += calls
        totals["failed"] += 0.005 * calls
        totals["slow"] += calls * (0.6 if surge else 0.5)
        samples = [
            Sample("gen_ai_execute_tool_duration_seconds_count", tool, totals["calls"], time),
            Sample(
                "gen_ai_execute_tool_duration_seconds_count", {**tool, "error_type": "timeout"}, totals["failed"], time
            ),
            Sample("gen_ai_execute_tool_duration_seconds_sum", tool, totals["slow"], time),
            Sample("gen_ai_client_operation_duration_seconds_count", model, totals["calls"], time),
            Sample("gen_ai_client_operation_duration_seconds_sum", model, totals["slow"], time),
            Sample("gen_ai_workflow_duration_seconds_count", task, totals["calls"], time),
            Sample("gen_ai_workflow_duration_seconds_count", {**task, "error_type": "timeout"}, totals["failed"], time),
            Sample("watchkeeper_gen_ai_cost_usd_total", price, 0.01 * totals["calls"], time),
            Sample(
                "watchkeeper_queue_oldest_message_age_seconds",
                {**where, "queue": "tasks"},
                25.0 if surge else 0.2,
                time,
            ),
            Sample("process_resident_memory_bytes", where, 6.2e7 if surge else 5e7, time),
        ]
        samples += [
            Sample(
                "gen_ai_execute_tool_duration_seconds_bucket",
                {**tool, "le": f"{b:g}"},
                totals["calls"] * (b > 0.5),
                time,
            )
            for b in (*bounds, float("inf"))
        ]
        store.write(samples)
        time += 60.0
    return store


@pytest.mark.parametrize("rule", PLATFORM, ids=lambda rule: rule.name)
def test_a_harmless_surge_of_load_makes_nothing_fire(rule: Rule, surging: EmbeddedStore) -> None:
    for minutes in (1, 2, 5, 10, 20, 40, 59):
        vector = surging.instant(rule.condition, QUIET + 60.0 * minutes)
        assert vector.values == ()


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.name)
def test_what_a_rule_says_of_itself_overwrites_no_label_of_the_series(rule: Rule) -> None:
    assert not rule.condition.labels & {"system", "severity", "owner", "alertname"}
