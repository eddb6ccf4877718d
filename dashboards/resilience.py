"""The dashboard of resilience patterns."""

from __future__ import annotations

from watchkeeper.declarations import Dashboard, Panel, Row

__all__ = ["DASHBOARD"]

DASHBOARD = Dashboard(
    key="resilience",
    title="Resilience patterns",
    system="resilience",
    description="What protects the application is at work: breakers, retries, bulkheads, timeouts, fallbacks.",
    links=("overview", "traces"),
    rows=(
        Row(
            title="Now",
            panels=(
                Panel(
                    key="breaker-open",
                    title="Open circuit breakers",
                    queries=("resilience.breaker_open",),
                    description="1 while the breaker lets no call through.",
                    legend="{{instance}} {{breaker}}",
                    threshold_of="CircuitBreakerOpen",
                ),
                Panel(
                    key="exhausted-rate",
                    title="Out of retries",
                    queries=("resilience.exhausted_rate",),
                    description="Operations that failed although they were tried again as often as allowed.",
                    legend="{{instance}} {{operation}}",
                    threshold_of="RetriesExhausted",
                ),
                Panel(
                    key="bulkhead-used-ratio",
                    title="Places of bulkheads in use",
                    queries=("resilience.bulkhead_used_ratio",),
                    description="At 100% the next caller waits, or is refused.",
                    legend="{{instance}} {{bulkhead}}",
                ),
            ),
        ),
        Row(
            title="How much they do",
            panels=(
                Panel(
                    key="retries-rate",
                    title="Retries",
                    queries=("resilience.retries_rate",),
                    description="Each one is load that the caller did not ask for.",
                    legend="{{instance}} {{operation}}",
                ),
                Panel(
                    key="timeouts-rate",
                    title="Timeouts",
                    queries=("resilience.timeouts_rate",),
                    description="Operations given up for time.",
                    legend="{{instance}} {{operation}}",
                ),
                Panel(
                    key="fallbacks-rate",
                    title="Fallbacks",
                    queries=("resilience.fallbacks_rate",),
                    description="Answers that are not the real ones: users see less than they should.",
                    legend="{{instance}} {{operation}}",
                ),
                Panel(
                    key="breaker-rejected-rate",
                    title="Rejected by breakers",
                    queries=("resilience.breaker_rejected_rate",),
                    description="Calls that an open breaker did not let through.",
                    legend="{{instance}} {{breaker}}",
                ),
                Panel(
                    key="bulkhead-rejected-rate",
                    title="Rejected by bulkheads",
                    queries=("resilience.bulkhead_rejected_rate",),
                    description="Calls that found no place.",
                    legend="{{instance}} {{bulkhead}}",
                    threshold_of="BulkheadRejects",
                ),
                Panel(
                    key="retry-waiting",
                    title="Waiting between attempts",
                    queries=("resilience.retry_waiting",),
                    description="Operations that wait for their next attempt, on average; they hold what they hold.",
                    legend="{{instance}} {{operation}}",
                ),
                Panel(
                    key="breaker-trips",
                    title="Trips within 30 minutes",
                    queries=("resilience.breaker_trips",),
                    description="A breaker that trips every few minutes guards something that does not get well.",
                    legend="{{instance}} {{breaker}}",
                    threshold_of="CircuitBreakerFlapping",
                ),
            ),
        ),
    ),
)
