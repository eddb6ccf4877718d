"""The dashboard of the agent platform: what its users get, what it waits for, what it costs."""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import Dashboard, Panel, Row
from watchkeeper.systems.agent_platform import GEN_AI_EXECUTE_TOOL_DURATION_SECONDS

__all__ = ["DASHBOARD"]

_PROCESS = "{{job}} {{instance}}"

DASHBOARD = Dashboard(
    key="agent_platform",
    title="Agent platform",
    system="agent_platform",
    description="What its users get, what it waits for, what it costs.",
    links=("overview", "bills", "redis", "postgresql"),
    rows=(
        Row(
            title="Tasks",
            panels=(
                Panel(
                    key="task-error-ratio",
                    title="Tasks that fail",
                    queries=("agent_platform.task_error_ratio",),
                    description="Failed share of all tasks, after their retries.",
                    legend="failed",
                ),
                Panel(
                    key="task-duration-p95",
                    title="Duration of a task (95th percentile)",
                    queries=("agent_platform.task_duration_p95",),
                    description="From the orchestrator's start to the end, without the time in the queue.",
                    legend="p95",
                ),
                Panel(
                    key="task-rate",
                    title="Tasks finished",
                    queries=("agent_platform.task_rate",),
                    description="Per second, by error; no error is success.",
                    legend="{{error_type}}",
                    stacked=True,
                ),
            ),
        ),
        Row(
            title="Queue",
            panels=(
                Panel(
                    key="queue-oldest-age",
                    title="Oldest message",
                    queries=("agent_platform.queue_oldest_age",),
                    description="How long a task waits before anybody looks at it.",
                    legend="{{queue}}",
                    threshold_of="AgentQueueOld",
                ),
                Panel(
                    key="queue-depth",
                    title="Messages waiting",
                    queries=("agent_platform.queue_depth",),
                    description="Rising with a steady inflow: the consumers are too few, or hang.",
                    legend="{{queue}}",
                ),
                Panel(
                    key="queue-flow",
                    title="Messages in and out",
                    queries=("agent_platform.queue_in_rate", "agent_platform.queue_out_rate"),
                    description="The two lines lie upon each other when the queue keeps up.",
                    legend="{{queue}}",
                ),
            ),
        ),
        Row(
            title="Tools",
            panels=(
                Panel(
                    key="tool-latency-p95",
                    title="Duration of a tool call (95th percentile)",
                    queries=("agent_platform.tool_latency_p95",),
                    description="By tool. Agents wait for it, and so do their tasks.",
                    legend="{{gen_ai_tool_name}}",
                ),
                Panel(
                    key="tool-error-ratio",
                    title="Tool calls that fail",
                    queries=("agent_platform.tool_error_ratio",),
                    description="By tool, before retries.",
                    legend="{{gen_ai_tool_name}}",
                    threshold_of="AgentToolErrors",
                ),
                Panel(
                    key="tool-rate",
                    title="Tool calls",
                    queries=("agent_platform.tool_rate",),
                    description="Per second. More calls for as many tasks: agents loop or retry.",
                    legend="{{gen_ai_tool_name}}",
                ),
                Panel(
                    key="tool-durations",
                    title="Durations of tool calls",
                    queries=(q.sum_by(q.rate(GEN_AI_EXECUTE_TOOL_DURATION_SECONDS.bucket), "le"),),
                    kind="heatmap",
                    description="Two bands: some calls are slow and others not, so ask which.",
                    legend="{{le}}",
                    width=24,
                ),
            ),
        ),
        Row(
            title="Models",
            panels=(
                Panel(
                    key="llm-latency-p95",
                    title="Duration of a model call (95th percentile)",
                    queries=("agent_platform.llm_latency_p95",),
                    description="By model, as the caller sees it.",
                    legend="{{gen_ai_request_model}}",
                ),
                Panel(
                    key="llm-error-ratio",
                    title="Model calls that fail",
                    queries=("agent_platform.llm_error_ratio",),
                    description="By model, before retries: rate limits, timeouts, outages.",
                    legend="{{gen_ai_request_model}}",
                    threshold_of="AgentModelErrors",
                ),
                Panel(
                    key="llm-rate",
                    title="Model calls",
                    queries=("agent_platform.llm_rate",),
                    description="Per second, by model.",
                    legend="{{gen_ai_request_model}}",
                ),
                Panel(
                    key="token-rate",
                    title="Tokens",
                    queries=("agent_platform.token_rate",),
                    description="By type. Cached and reasoning tokens are part of input and output: do not add them.",
                    legend="{{gen_ai_token_type}}",
                ),
                Panel(
                    key="tokens-per-task",
                    title="Tokens per task",
                    queries=("agent_platform.tokens_per_task",),
                    description="Input and output. A rise is a larger prompt or a loop.",
                    legend="tokens",
                ),
                Panel(
                    key="rework-per-task",
                    title="Rework per task",
                    queries=("agent_platform.rework_per_task",),
                    description="How often a result was sent back.",
                    legend="rework",
                ),
            ),
        ),
        Row(
            title="Cost",
            panels=(
                Panel(
                    key="cost-per-task",
                    title="Cost of a successful task",
                    queries=("agent_platform.cost_per_task",),
                    description=(
                        "Model calls at list price, the failed tasks' included. Calls of unknown cost are not in it."
                    ),
                    legend="cost",
                ),
                Panel(
                    key="cost-per-run",
                    title="Cost of a run",
                    queries=("agent_platform.cost_per_run",),
                    description=(
                        "By agent; of a model call, for an agent without runs. A rise is a larger prompt or a loop."
                    ),
                    legend="{{gen_ai_agent_name}}",
                ),
                Panel(
                    key="cost-rate",
                    title="Cost per hour",
                    queries=("agent_platform.cost_rate",),
                    description="By agent, at list price.",
                    legend="{{gen_ai_agent_name}}",
                    stacked=True,
                ),
                Panel(
                    key="unpriced-rate",
                    title="Calls of unknown cost",
                    queries=("agent_platform.unpriced_rate",),
                    description=(
                        "No price is known for the model, or it gave no token counts: the real cost is higher than "
                        "shown."
                    ),
                    legend="{{gen_ai_request_model}}",
                ),
            ),
        ),
        Row(
            title="Processes",
            panels=(
                Panel(
                    key="up",
                    title="Up",
                    queries=("agent_platform.up",),
                    kind="stat",
                    description="Processes that exposed themselves in the last hour.",
                    legend=_PROCESS,
                ),
                Panel(
                    key="memory",
                    title="Resident memory",
                    queries=("agent_platform.memory",),
                    description="A rise that does not end is a leak.",
                    legend=_PROCESS,
                ),
                Panel(
                    key="cpu",
                    title="Processors used",
                    queries=("agent_platform.cpu",),
                    description="100% is one processor; a Python process rarely uses more.",
                    legend=_PROCESS,
                ),
            ),
        ),
    ),
)
