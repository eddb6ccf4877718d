"""The dashboard of Watchkeeper itself."""

from __future__ import annotations

from watchkeeper.declarations import Dashboard, Panel, Row

__all__ = ["DASHBOARD"]

DASHBOARD = Dashboard(
    key="watchkeeper",
    title="Watchkeeper",
    system="watchkeeper",
    description="Is the watcher well: are its targets read in time, are its rules evaluated.",
    links=("overview", "detectors"),
    variables=(),
    rows=(
        Row(
            title="Targets",
            panels=(
                Panel(
                    key="target-up",
                    title="Targets",
                    queries=("watchkeeper.target_up",),
                    kind="stat",
                    description=(
                        "Whether the collector read its target in time; 0 also while it leaves a sick one alone."
                    ),
                    legend="{{target_system}} {{target}}",
                    width=12,
                    height=6,
                ),
                Panel(
                    key="up",
                    title="Scrapes",
                    queries=("watchkeeper.up",),
                    kind="stat",
                    description="Whether the last scrape of each address succeeded.",
                    legend="{{job}} {{instance}}",
                    width=12,
                    height=6,
                ),
                Panel(
                    key="target-scrape-duration",
                    title="Duration of a read",
                    queries=("watchkeeper.target_scrape_duration",),
                    description="A slow target is a sick one, or has too many series.",
                    legend="{{target_system}} {{target}}",
                ),
                Panel(
                    key="target-failures-rate",
                    title="Reads that failed",
                    queries=("watchkeeper.target_failures_rate",),
                    description="Failed or late, per second.",
                    legend="{{target_system}} {{target}}",
                ),
                Panel(
                    key="target-series",
                    title="Series",
                    queries=("watchkeeper.target_series",),
                    description="What a read gave. A jump is a label with too many values.",
                    legend="{{target_system}} {{target}}",
                ),
                Panel(
                    key="dropped-series-rate",
                    title="Series left out",
                    queries=("watchkeeper.dropped_series_rate",),
                    description="The target gave more than max_series.",
                    legend="{{target_system}} {{target}}",
                ),
            ),
        ),
        Row(
            title="Sidecars",
            panels=(
                Panel(
                    key="config-reload-successful",
                    title="Settings taken",
                    queries=("watchkeeper.config_reload_successful",),
                    kind="stat",
                    description="0 while older settings are in force than those that stand in the file.",
                    legend="{{job}} {{instance}}",
                    width=8,
                    height=6,
                ),
                Panel(
                    key="scrapes-rejected-rate",
                    title="Scrapes refused",
                    queries=("watchkeeper.scrapes_rejected_rate",),
                    description="Per second: 32 were under way.",
                    legend="{{job}} {{instance}}",
                    width=8,
                    height=6,
                ),
                Panel(
                    key="scrapes-in-flight",
                    title="Scrapes under way",
                    queries=("watchkeeper.scrapes_in_flight",),
                    description="More than one for each Prometheus says that targets are slow.",
                    legend="{{job}} {{instance}}",
                    width=8,
                    height=6,
                ),
            ),
        ),
        Row(
            title="Push",
            panels=(
                Panel(
                    key="push-queue-age",
                    title="Oldest reading that waits",
                    queries=("watchkeeper.push_queue_age",),
                    description="Readings that a receiver has not taken wait on the disk of the sidecar.",
                    legend="{{instance}} {{destination}}",
                    threshold_of="PushStalled",
                ),
                Panel(
                    key="push-queue-ratio",
                    title="Queue in use",
                    queries=("watchkeeper.push_queue_ratio",),
                    description="When it is full, new readings are dropped.",
                    legend="{{instance}} {{destination}}",
                    threshold_of="PushQueueFilling",
                ),
                Panel(
                    key="push-sent-rate",
                    title="Readings taken",
                    queries=("watchkeeper.push_sent_rate",),
                    description="By each receiver, per second; one an interval, and more after an outage.",
                    legend="{{instance}} {{destination}}",
                ),
                Panel(
                    key="push-failures-rate",
                    title="Attempts that failed",
                    queries=("watchkeeper.push_failures_rate",),
                    description="Per second. What they held is sent again.",
                    legend="{{instance}} {{destination}}",
                ),
                Panel(
                    key="push-dropped-rate",
                    title="Readings lost",
                    queries=("watchkeeper.push_dropped_rate",),
                    description="Per second: the queue was full, the disk refused, or the receiver did for good.",
                    legend="{{instance}} {{destination}} {{reason}}",
                ),
                Panel(
                    key="push-items-rejected-rate",
                    title="Points not taken",
                    queries=("watchkeeper.push_items_rejected_rate",),
                    description="Data points that an OTLP receiver left out of readings that it took, per second.",
                    legend="{{instance}} {{destination}}",
                ),
            ),
        ),
        Row(
            title="Rules",
            panels=(
                Panel(
                    key="rule-failures-rate",
                    title="Rules without an answer",
                    queries=("watchkeeper.rule_failures_rate",),
                    description="What such a rule watches is unknown, not well.",
                    legend="{{rule}}",
                ),
                Panel(
                    key="rule-evaluations-rate",
                    title="Rules evaluated",
                    queries=("watchkeeper.rule_evaluations_rate",),
                    description="Per second, in process.",
                    legend="rules",
                ),
                Panel(
                    key="rule-age",
                    title="Last evaluation",
                    queries=("watchkeeper.rule_age",),
                    kind="stat",
                    description="Time since all rules were evaluated.",
                    legend="age",
                    threshold_of="RulesStalled",
                ),
                Panel(
                    key="deliveries-rate",
                    title="Deliveries",
                    queries=("watchkeeper.deliveries_rate",),
                    description="Alerts and deviations stored per second. None for hours may be a dead webhook.",
                    legend="deliveries",
                ),
                Panel(
                    key="incidents-open",
                    title="Incidents",
                    queries=("watchkeeper.incidents_open",),
                    description="Not resolved, by status.",
                    legend="{{status}}",
                    stacked=True,
                ),
                Panel(
                    key="memory",
                    title="Resident memory",
                    queries=("watchkeeper.memory",),
                    description="Of Watchkeeper's own processes.",
                    legend="{{instance}}",
                ),
            ),
        ),
    ),
)
