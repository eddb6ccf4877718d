"""The dashboard of traces: services as others see them."""

from __future__ import annotations

from watchkeeper.declarations import Dashboard, Panel, Row

__all__ = ["DASHBOARD"]

_EACH = "{{service_name}} {{span_name}}"
_CALL = "{{client}} → {{server}}"

DASHBOARD = Dashboard(
    key="traces",
    title="Services",
    system="traces",
    description="Rate, errors and duration of every operation, from the spans of the services themselves.",
    links=("overview",),
    rows=(
        Row(
            title="What others ask",
            panels=(
                Panel(
                    key="calls-rate",
                    title="Calls",
                    queries=("traces.calls_rate",),
                    description="Calls that services answer: server and consumer spans.",
                    legend=_EACH,
                ),
                Panel(
                    key="error-ratio",
                    title="Share that fails",
                    queries=("traces.error_ratio",),
                    description="Spans with an error, of all calls.",
                    legend=_EACH,
                    threshold_of="ServiceErrorsHigh",
                ),
                Panel(
                    key="duration-p95",
                    title="Duration, 95th percentile",
                    queries=("traces.duration_p95",),
                    description="The points lead to a trace of that duration (exemplars).",
                    legend=_EACH,
                    threshold_of="ServiceSlow",
                ),
            ),
        ),
        Row(
            title="What it waits for",
            panels=(
                Panel(
                    key="client-duration-p95",
                    title="Duration of calls to others, 95th percentile",
                    queries=("traces.client_duration_p95",),
                    description="A slow service whose calls to others are slow too is a victim.",
                    legend=_EACH,
                    width=12,
                ),
                Panel(
                    key="busy",
                    title="Calls in progress",
                    queries=("traces.busy",),
                    description="Seconds of work a second: the mean number of calls in progress (Little's law).",
                    legend="{{service_name}}",
                    width=12,
                ),
            ),
        ),
        Row(
            title="Who calls whom",
            panels=(
                Panel(
                    key="graph-calls-rate",
                    title="Calls between services",
                    queries=("traces.graph_calls_rate",),
                    description="Out of the spans that were sent to Watchkeeper; `user` is somebody outside.",
                    legend=_CALL,
                ),
                Panel(
                    key="graph-error-ratio",
                    title="Share of them that fails",
                    queries=("traces.graph_error_ratio",),
                    description="The called side failed, or the caller gave up.",
                    legend=_CALL,
                ),
                Panel(
                    key="graph-duration-p95",
                    title="Their duration, 95th percentile",
                    queries=("traces.graph_duration_p95",),
                    description="As the called side saw it; of databases and others without spans, as the caller did.",
                    legend=_CALL,
                ),
            ),
        ),
        Row(
            title="Sampling",
            panels=(
                Panel(
                    key="decisions-rate",
                    title="Traces kept and dropped",
                    queries=("traces.decisions_rate",),
                    description="Errors and slow traces are always kept; overflow means that traces never end.",
                    legend="{{decision}} {{reason}}",
                    width=24,
                ),
            ),
            collapsed=True,
        ),
    ),
)
