"""The overview: one row for each system, its state first and then its golden signals."""

from __future__ import annotations

from dataclasses import replace

from dashboards import (
    container,
    elasticsearch,
    falkordb,
    logs,
    mongodb,
    neo4j,
    nginx,
    pinecone,
    probes,
    prometheus,
    rabbitmq,
    resilience,
    traces,
    victoriametrics,
    web_vitals,
)
from watchkeeper.declarations import Dashboard, Panel, Row

__all__ = ["DASHBOARD"]


def _on_demand(dashboard: Dashboard, *keys: str) -> Row:
    """A row that is opened by hand, of panels of a system's own page: not everybody has every system."""
    known = {panel.key: panel for panel in dashboard.panels()}
    prefix = dashboard.system.replace("_", "-")
    width = 24 // len(keys)
    panels = tuple(replace(known[key], key=f"{prefix}-{key}", width=width, height=6) for key in keys)
    return Row(title=dashboard.title, panels=panels, collapsed=True)


# Of each its state, then latency, traffic, errors and saturation, as far as it has them.
_ON_DEMAND = (
    _on_demand(traces.DASHBOARD, "duration-p95", "calls-rate", "error-ratio", "busy"),
    _on_demand(web_vitals.DASHBOARD, "lcp", "inp", "cls", "loads-rate"),
    _on_demand(probes.DASHBOARD, "success", "duration", "success-ratio", "certificate-time-left"),
    _on_demand(logs.DASHBOARD, "errors-rate", "new-error-templates", "records-rate", "unread-bytes"),
    _on_demand(resilience.DASHBOARD, "breaker-open", "exhausted-rate", "timeouts-rate", "bulkhead-used-ratio"),
    _on_demand(container.DASHBOARD, "cpu-used-ratio", "cpu-throttled-ratio", "memory-used-ratio", "oom-events"),
    _on_demand(nginx.DASHBOARD, "up", "requests-rate", "dropped-rate", "busy-ratio"),
    _on_demand(rabbitmq.DASHBOARD, "alarms", "received-rate", "messages-ready", "memory-used-ratio"),
    _on_demand(mongodb.DASHBOARD, "up", "latency", "operations-rate", "connections-used-ratio"),
    _on_demand(elasticsearch.DASHBOARD, "red", "search-seconds", "search-rate", "disk-available-ratio"),
    _on_demand(pinecone.DASHBOARD, "index-ready", "query-seconds", "query-rate", "fullness"),
    _on_demand(falkordb.DASHBOARD, "up", "query-duration", "query-rate", "threads-used-ratio"),
    _on_demand(neo4j.DASHBOARD, "up", "query-p95", "query-rate", "failure-ratio"),
    _on_demand(prometheus.DASHBOARD, "config-good", "rule-failures", "samples-rate", "head-series"),
    _on_demand(victoriametrics.DASHBOARD, "read-only", "inserted-rate", "request-errors", "free-disk-ratio"),
)

DASHBOARD = Dashboard(
    key="overview",
    title="Overview",
    system="",
    description="One row for each system: its state, then latency, traffic, errors and saturation.",
    variables=(),
    links=(
        *("agent_platform", "redis", "postgresql", "host", "bills", "watchkeeper", "detectors"),
        *("traces", "web_vitals", "probes", "logs", "resilience", "container", "nginx", "rabbitmq", "mongodb"),
        *("elasticsearch", "pinecone", "falkordb", "neo4j", "prometheus", "victoriametrics"),
    ),
    rows=(
        Row(
            title="Agent platform",
            panels=(
                Panel(
                    key="agent-platform-up",
                    title="Processes",
                    queries=("agent_platform.up",),
                    kind="stat",
                    description="Processes that exposed themselves in the last hour.",
                    legend="{{job}} {{instance}}",
                    width=4,
                    height=6,
                ),
                Panel(
                    key="agent-platform-task-duration",
                    title="Latency: a task",
                    queries=("agent_platform.task_duration_p95",),
                    description="95th percentile.",
                    legend="p95",
                    width=4,
                    height=6,
                ),
                Panel(
                    key="agent-platform-task-rate",
                    title="Traffic: tasks",
                    queries=("agent_platform.task_rate",),
                    description="Finished per second, by error.",
                    legend="{{error_type}}",
                    stacked=True,
                    width=4,
                    height=6,
                ),
                Panel(
                    key="agent-platform-task-errors",
                    title="Errors: tasks",
                    queries=("agent_platform.task_error_ratio",),
                    description="Failed share.",
                    legend="failed",
                    width=4,
                    height=6,
                ),
                Panel(
                    key="agent-platform-queue",
                    title="Saturation: oldest message",
                    queries=("agent_platform.queue_oldest_age",),
                    description="By queue.",
                    legend="{{queue}}",
                    threshold_of="AgentQueueOld",
                    width=4,
                    height=6,
                ),
                Panel(
                    key="agent-platform-cost",
                    title="Cost of a task",
                    queries=("agent_platform.cost_per_task",),
                    description="For each successful one, at list price.",
                    legend="cost",
                    width=4,
                    height=6,
                ),
            ),
        ),
        Row(
            title="Redis",
            panels=(
                Panel(
                    key="redis-up",
                    title="State",
                    queries=("redis.up",),
                    kind="stat",
                    description="Whether the servers answer.",
                    legend="{{instance}}",
                    width=4,
                    height=6,
                ),
                Panel(
                    key="redis-latency",
                    title="Latency: commands",
                    queries=("redis.command_duration",),
                    description="Mean time in the server by command.",
                    legend="{{cmd}}",
                    width=5,
                    height=6,
                ),
                Panel(
                    key="redis-commands",
                    title="Traffic: commands",
                    queries=("redis.commands_rate",),
                    description="Per second.",
                    legend="{{instance}}",
                    width=5,
                    height=6,
                ),
                Panel(
                    key="redis-errors",
                    title="Errors: replies",
                    queries=("redis.error_replies_rate", "redis.rejected_connections_rate"),
                    description="Error replies and refused connections per second.",
                    legend="{{instance}}",
                    width=5,
                    height=6,
                ),
                Panel(
                    key="redis-memory",
                    title="Saturation: memory",
                    queries=("redis.memory_used_ratio",),
                    description="Of maxmemory, where there is one.",
                    legend="{{instance}}",
                    threshold_of="RedisMemoryHigh",
                    width=5,
                    height=6,
                ),
            ),
        ),
        Row(
            title="PostgreSQL",
            panels=(
                Panel(
                    key="postgresql-up",
                    title="State",
                    queries=("postgresql.up",),
                    kind="stat",
                    description="Whether the servers answer.",
                    legend="{{instance}}",
                    width=4,
                    height=6,
                ),
                Panel(
                    key="postgresql-longest",
                    title="Latency: oldest transaction",
                    queries=("postgresql.longest_transaction",),
                    description="Open for so long.",
                    legend="{{instance}}",
                    threshold_of="PostgreSQLLongTransaction",
                    width=5,
                    height=6,
                ),
                Panel(
                    key="postgresql-commits",
                    title="Traffic: commits",
                    queries=("postgresql.commit_rate",),
                    description="Per second.",
                    legend="{{instance}}",
                    width=5,
                    height=6,
                ),
                Panel(
                    key="postgresql-rollbacks",
                    title="Errors: rollbacks",
                    queries=("postgresql.rollback_ratio",),
                    description="Share of transactions.",
                    legend="{{instance}}",
                    width=5,
                    height=6,
                ),
                Panel(
                    key="postgresql-connections",
                    title="Saturation: connections",
                    queries=("postgresql.connections_used_ratio",),
                    description="Of those that ordinary users may have.",
                    legend="{{instance}}",
                    threshold_of="PostgreSQLConnectionsHigh",
                    width=5,
                    height=6,
                ),
            ),
        ),
        Row(
            title="Hosts",
            panels=(
                Panel(
                    key="host-cpu",
                    title="Processor in use",
                    queries=("host.cpu_used_ratio",),
                    description="Mean over all processors.",
                    legend="{{instance}}",
                    threshold_of="HostCpuSaturated",
                    width=6,
                    height=6,
                ),
                Panel(
                    key="host-memory",
                    title="Memory available",
                    queries=("host.memory_available_ratio",),
                    description="What programs can have without swapping.",
                    legend="{{instance}}",
                    width=6,
                    height=6,
                ),
                Panel(
                    key="host-disk",
                    title="File systems in use",
                    queries=("host.filesystem_used_ratio",),
                    kind="bars",
                    description="By mount point.",
                    legend="{{instance}} {{mountpoint}}",
                    width=6,
                    height=6,
                ),
                Panel(
                    key="host-network",
                    title="Network: received",
                    queries=("host.network_receive_rate",),
                    description="Bytes per second by device.",
                    legend="{{instance}} {{device}}",
                    width=6,
                    height=6,
                ),
            ),
        ),
        Row(
            title="Bills and Watchkeeper",
            panels=(
                Panel(
                    key="bills-cost",
                    title="Cost of a day",
                    queries=("bills.daily_cost",),
                    description="Effective cost; the last two days are incomplete.",
                    legend="cost",
                    width=6,
                    height=6,
                ),
                Panel(
                    key="watchkeeper-target-up",
                    title="Targets",
                    queries=("watchkeeper.target_up",),
                    kind="stat",
                    description="Whether each target is read in time.",
                    legend="{{target_system}} {{target}}",
                    width=6,
                    height=6,
                ),
                Panel(
                    key="detectors-deviating",
                    title="Open deviations",
                    queries=("detectors.deviating",),
                    description="By detector.",
                    legend="{{detector}}",
                    width=6,
                    height=6,
                ),
                Panel(
                    key="watchkeeper-rule-failures",
                    title="Rules without an answer",
                    queries=("watchkeeper.rule_failures_rate",),
                    description="What they watch is unknown.",
                    legend="{{rule}}",
                    width=6,
                    height=6,
                ),
            ),
        ),
        *_ON_DEMAND,
    ),
)
