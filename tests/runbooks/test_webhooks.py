"""Alertmanager webhooks: recorded bodies and hostile ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runbooks.errors import WebhookError
from runbooks.webhooks import MAX_BODY, alertmanager
from watchkeeper.deliveries import fingerprint

RECORDED = Path(__file__).resolve().parents[1] / "recorded" / "alertmanager"


def body(**changes: Any) -> bytes:
    alert = {
        "status": "firing",
        "labels": {"alertname": "RedisMemoryHigh", "instance": "r1"},
        "annotations": {"summary": "full"},
        "startsAt": "2026-01-02T03:04:05Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph",
        "fingerprint": "00ff",
    }
    return json.dumps({"version": "4", "status": "firing", "alerts": [alert | changes]}).encode()


def test_a_body_of_2018_without_status_and_fingerprint() -> None:
    found = alertmanager((RECORDED / "webhook-v4-firing-2018.json").read_bytes())
    assert len(found) == 1
    only = found[0]
    assert (only.source, only.kind, only.status, only.name) == ("alertmanager", "alert", "firing", "high_memory_load")
    assert only.starts_at == pytest.approx(1520422401.873078)
    assert only.ends_at is None
    assert only.fingerprint == fingerprint(only.labels)


def test_a_body_with_two_alerts_keeps_the_senders_fingerprints() -> None:
    found = alertmanager((RECORDED / "webhook-v4-firing-two-alerts.json").read_bytes())
    assert [one.fingerprint for one in found] == ["a1bc48475b20e73d", "c2ea85182f28cbd9"]
    assert found[0].generator_url.startswith("http://cobalt:9090/graph")


def test_a_resolved_alert_has_its_end() -> None:
    only = alertmanager(body(status="resolved", endsAt="2026-01-02T03:14:05Z"))[0]
    assert only.status == "resolved"
    assert only.ends_at == only.starts_at + 600


@pytest.mark.parametrize(
    "changes",
    [
        {"annotations": {"runbook": "redis/memory-high"}},
        {"labels": {"alertname": "A", "runbook": "redis/memory-high"}},
        {"annotations": {"runbook_url": "https://wk.example.org/library/redis/memory-high"}},
        {"annotations": {"runbook_url": "https://wk.example.org/library/redis/memory-high/#diagnosis"}},
    ],
)
def test_the_runbook_is_found(changes: dict[str, Any]) -> None:
    assert alertmanager(body(**changes))[0].annotations["runbook"] == "redis/memory-high"


def test_a_runbook_link_elsewhere_is_no_key() -> None:
    found = alertmanager(body(annotations={"runbook_url": "https://runbooks.example.org/redis"}))
    assert "runbook" not in found[0].annotations


def test_truncated_alerts_are_handed_on() -> None:
    plain = json.loads(body())
    found = alertmanager(json.dumps({**plain, "truncatedAlerts": 12}).encode())
    assert found[0].annotations["truncated_alerts"] == "12"


def test_a_deviation_that_came_through_alertmanager() -> None:
    only = alertmanager(body(labels={"alertname": "x", "watchkeeper_kind": "deviation"}))[0]
    assert only.kind == "deviation"
    assert only.labels == {"alertname": "x"}
    assert only.fingerprint == "00ff"


def test_an_alert_that_says_nothing_of_a_deviation_is_an_alert() -> None:
    assert alertmanager(body(labels={"alertname": "x", "watchkeeper_kind": "other"}))[0].kind == "alert"


def test_an_alert_without_status_takes_that_of_its_group() -> None:
    plain = json.loads(body(endsAt="2026-01-02T03:14:05Z"))
    del plain["alerts"][0]["status"]
    only = alertmanager(json.dumps({**plain, "status": "resolved"}).encode())[0]
    assert only.status == "resolved"
    assert only.ends_at == only.starts_at + 600


def test_a_runbook_url_that_is_none_costs_the_runbook_alone() -> None:
    plain = json.loads(body(annotations={"runbook_url": "https://[{{ wiki }}/redis"}))
    plain["alerts"].append({**plain["alerts"][0], "annotations": {"runbook": "redis/memory-high"}})
    first, second = alertmanager(json.dumps(plain).encode())
    assert "runbook" not in first.annotations
    assert first.annotations["runbook_url"] == "https://[{{ wiki }}/redis"
    assert second.annotations["runbook"] == "redis/memory-high"


@pytest.mark.parametrize(
    "data, message",
    [
        (b"hello", "the body is not JSON"),
        (b"", "the body is not JSON"),
        (b"\xff\xfe{}", "the body is not JSON"),
        (b"[]", "expected an object with version and alerts, found list"),
        (b'{"text": "hi"}', "expected an object with version and alerts, found text"),
        (b'{"version": "3", "alerts": []}', "version '3'"),
        (b'{"version": "4", "alerts": [{}]}', "labels"),
        (b'{"version": "4", "alerts": [{"labels": {"a": 1}}]}', "labels"),
        (body(startsAt="yesterday"), "alerts[0].startsAt is 'yesterday'"),
        (body(startsAt="2026-01-02T03:04:05"), "expected a time with its zone"),
        (body(startsAt=""), "alerts[0].startsAt is missing"),
        (body(status="maybe"), "expected firing or resolved"),
        (b" " * (MAX_BODY + 1), "lower max_alerts"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"version": "4", "alerts": [], "more": ' + b'{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_a_body_that_is_something_else_is_one_clear_line(data: bytes, message: str) -> None:
    with pytest.raises(WebhookError) as caught:
        alertmanager(data)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_characters_that_no_database_keeps_are_replaced() -> None:
    only = alertmanager(body(labels={"alertname": "a\0b"}))[0]
    assert only.labels == {"alertname": "a\ufffdb"}


def test_half_a_character_is_refused() -> None:
    with pytest.raises(WebhookError, match="not JSON"):
        alertmanager(
            b'{"version": "4", "alerts": [{"labels": {"alertname": "\\ud800"}, "startsAt": "2026-01-02T03:04:05Z"}]}'
        )
