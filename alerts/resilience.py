"""Alerts of resilience patterns: they protect, and somebody should know that they must."""

from __future__ import annotations

from watchkeeper.declarations import Alert

__all__ = ["ALERTS"]

ALERTS: tuple[Alert, ...] = (
    Alert(
        name="CircuitBreakerOpen",
        system="resilience",
        query="resilience.breaker_open",
        threshold=0,
        hold="5m",
        severity="warning",
        summary="{{ $labels.instance }}: the breaker {{ $labels.breaker }} stays open",
        description="What it guards has failed for minutes; calls fail at once or are answered by a fallback.",
        runbook="resilience/breaker-open",
        panel="resilience/breaker-open",
        source="Five minutes: several times the usual reset time of 30 to 60 s (pybreaker, Envoy, Resilience4j), so "
        "that it has tried and failed again",
    ),
    Alert(
        name="CircuitBreakerFlapping",
        system="resilience",
        query="resilience.breaker_trips",
        threshold=3,
        hold="0s",
        severity="info",
        summary="{{ $labels.instance }}: the breaker {{ $labels.breaker }} tripped {{ $value }} times in 30 minutes",
        description="It closes and opens again: what it guards answers a little and fails under load.",
        runbook="resilience/breaker-open",
        panel="resilience/breaker-trips",
        source="More than three in half an hour: one trip is an incident, a trip every ten minutes is a state",
    ),
    Alert(
        name="RetriesExhausted",
        system="resilience",
        query="resilience.exhausted_rate",
        threshold=0.1,
        hold="5m",
        severity="warning",
        summary="{{ $labels.instance }}: {{ $labels.operation }} fails in spite of its retries, {{ $value }}",
        description="Whoever asked for it sees the failure.",
        runbook="resilience/retries-exhausted",
        panel="resilience/exhausted-rate",
        source="Six a minute for five minutes: single ones are a restart of the other side",
    ),
    Alert(
        name="BulkheadRejects",
        system="resilience",
        query="resilience.bulkhead_rejected_rate",
        threshold=0,
        hold="5m",
        severity="warning",
        summary="{{ $labels.instance }}: the bulkhead {{ $labels.bulkhead }} rejects {{ $value }}",
        description="All its places are taken: what is inside is slow, or more is asked than it was made for.",
        runbook="resilience/bulkhead-full",
        panel="resilience/bulkhead-rejected-rate",
        source="Any for five minutes: a burst is what a bulkhead is for, minutes are overload",
    ),
)
