"""Alerts of the agent platform: symptoms that its users feel, and what it costs.

Speed and cost differ from tool to tool and from task to task, so they are compared with their own past day. None of
them fires because there is more to do: each is a ratio, or a queue that is left behind.
"""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import SLO, Alert
from watchkeeper.queries import Query
from watchkeeper.signals import Histogram, is_not
from watchkeeper.systems.agent_platform import (
    GEN_AI_CLIENT_OPERATION_DURATION_SECONDS,
    GEN_AI_EXECUTE_TOOL_DURATION_SECONDS,
    GEN_AI_WORKFLOW_DURATION_SECONDS,
    WATCHKEEPER_GEN_AI_COST_USD_TOTAL,
    WATCHKEEPER_QUEUE_OLDEST_MESSAGE_AGE_SECONDS,
)
from watchkeeper.systems.process import PROCESS_RESIDENT_MEMORY_BYTES

__all__ = ["ALERTS", "SLOS"]

_TOOL, _MODEL = "gen_ai_tool_name", "gen_ai_request_model"
_TOOLS, _MODELS = GEN_AI_EXECUTE_TOOL_DURATION_SECONDS, GEN_AI_CLIENT_OPERATION_DURATION_SECONDS
_TASKS = GEN_AI_WORKFLOW_DURATION_SECONDS
# The day before the last hour: what happens now is not yet part of it.
_PAST, _AGO = "1d", "1h"


def _mean(histogram: Histogram, label: str, over: str, offset: str | None = None) -> Query:
    total = q.sum_by(q.rate(histogram.sum, over, offset=offset), label)
    return q.ratio(total, q.sum_by(q.rate(histogram.count, over, offset=offset), label))


def _slower(histogram: Histogram, label: str, least: float) -> Query:
    """How many times slower than in the past day, where it is slow enough and called often enough to matter."""
    now = _mean(histogram, label, "10m")
    often = q.sum_by(q.increase(histogram.count, "10m"), label) > 5
    return q.and_(q.and_(q.ratio(now, _mean(histogram, label, _PAST, _AGO)), now > least), often)


def _failing(histogram: Histogram, *labels: str) -> Query:
    """The failed share, of at least three failures: one or two among few calls are chance."""
    failures = histogram.count.where(error_type=is_not(""))
    share = q.ratio(q.sum_by(q.rate(failures), *labels), q.sum_by(q.rate(histogram.count), *labels))
    return q.and_(share, q.sum_by(q.increase(failures), *labels) > 2.5)


def _cost_per_task(over: str, offset: str | None = None) -> Query:
    cost = q.sum_by(q.rate(WATCHKEEPER_GEN_AI_COST_USD_TOTAL, over, offset=offset))
    return q.ratio(cost, q.sum_by(q.rate(_TASKS.count.where(error_type=""), over, offset=offset)))


_MEMORY = PROCESS_RESIDENT_MEMORY_BYTES.where(job=is_not("watchkeeper"))
_GROWN = q.max_by(q.ratio(q.value(_MEMORY), q.value(_MEMORY, offset=_AGO)), "job", "instance")
_GROWING = q.max_by(q.deriv(_MEMORY, "30m"), "job", "instance") > 0
_AGEING = q.max_by(q.deriv(WATCHKEEPER_QUEUE_OLDEST_MESSAGE_AGE_SECONDS, "10m"), "queue")
_OLD = q.max_by(WATCHKEEPER_QUEUE_OLDEST_MESSAGE_AGE_SECONDS, "queue")

ALERTS: tuple[Alert, ...] = (
    Alert(
        name="AgentToolSlow",
        system="agent_platform",
        query=_slower(_TOOLS, _TOOL, 0.25),
        threshold=3,
        hold="5m",
        severity="warning",
        summary="The tool {{ $labels.gen_ai_tool_name }} takes {{ $value }} of its usual time",
        description=(
            "Its mean duration over ten minutes, against the day before. Agents wait for it, and so do their tasks."
        ),
        runbook="agent_platform/tool-latency",
        panel="agent_platform/tool-latency-p95",
        source=(
            "Three times the own past is beyond what a busy hour does to a tool that is not saturated; override it by"
            " key"
        ),
    ),
    Alert(
        name="AgentToolErrors",
        system="agent_platform",
        query=_failing(_TOOLS, _TOOL),
        threshold=0.1,
        hold="5m",
        severity="warning",
        summary="{{ $value }} of the calls of the tool {{ $labels.gen_ai_tool_name }} fail",
        description="Agents retry and work around a failing tool: tasks become slower and dearer before they fail.",
        runbook="agent_platform/error-burst",
        panel="agent_platform/tool-error-ratio",
        source="Agents work around single failures; above a tenth the retries themselves become load",
    ),
    Alert(
        name="AgentModelErrors",
        system="agent_platform",
        query=_failing(_MODELS, _MODEL),
        threshold=0.1,
        hold="5m",
        severity="warning",
        summary="{{ $value }} of the calls of the model {{ $labels.gen_ai_request_model }} fail",
        description="Rate limits, timeouts or an outage of the provider. No agent works without its model.",
        runbook="agent_platform/error-burst",
        panel="agent_platform/llm-error-ratio",
        source="Providers promise 99.9 %: a tenth is an incident of theirs, or a limit of ours",
    ),
    Alert(
        name="AgentModelSlow",
        system="agent_platform",
        query=_slower(_MODELS, _MODEL, 0.5),
        threshold=3,
        hold="5m",
        severity="warning",
        summary="The model {{ $labels.gen_ai_request_model }} takes {{ $value }} of its usual time",
        description=(
            "The mean duration of its calls over ten minutes, against the day before: the provider is slow, or "
            "prompts have grown."
        ),
        runbook="agent_platform/llm-latency",
        panel="agent_platform/llm-latency-p95",
        source="As for tools: three times the own past; override it by key",
    ),
    Alert(
        name="AgentQueueOld",
        system="agent_platform",
        query="agent_platform.queue_oldest_age",
        threshold=600,
        hold="2m",
        severity="critical",
        summary="A message waits for {{ $value }} in the queue {{ $labels.queue }}",
        description="Users wait as long for an answer. Nothing consumes, or far less than arrives.",
        runbook="agent_platform/queue-backlog",
        panel="agent_platform/queue-oldest-age",
        source="Ten minutes: longer than people wait for an interactive task; override it for queues of batches",
    ),
    Alert(
        name="AgentQueueFallsBehind",
        system="agent_platform",
        query=q.and_(_AGEING, _OLD > 30),
        threshold=0.5,
        hold="5m",
        severity="warning",
        summary="The queue {{ $labels.queue }} falls behind: its oldest message ages at {{ $value }} of the clock",
        description="Its consumers do less than half of what waits. A full 100% means that nothing is taken at all.",
        runbook="agent_platform/queue-backlog",
        panel="agent_platform/queue-oldest-age",
        source=(
            "The age of the oldest message rises by one second a second when nothing is consumed; a minute is more "
            "than a burst"
        ),
    ),
    Alert(
        name="AgentTaskCostHigh",
        system="agent_platform",
        query=q.and_(
            q.ratio(_cost_per_task("15m"), _cost_per_task(_PAST, _AGO)), q.sum_by(q.increase(_TASKS.count, "15m")) > 10
        ),
        threshold=2,
        hold="5m",
        severity="warning",
        summary="A task costs {{ $value }} of what it usually does",
        description=(
            "Cost of model calls for each successful task over a quarter of an hour, "
            "against the day before: larger prompts, loops, or a dearer model."
        ),
        runbook="agent_platform/token-cost",
        panel="agent_platform/cost-per-task",
        source="Twice the own past: a bill that doubles is what FinOps practice calls an anomaly; override it by key",
    ),
    Alert(
        name="AgentMemoryGrows",
        system="agent_platform",
        query=q.and_(_GROWN, _GROWING),
        threshold=1.5,
        hold="10m",
        severity="warning",
        summary="{{ $labels.job }} {{ $labels.instance }}: memory is {{ $value }} of what it was an hour ago",
        description="It still grows. The process is killed at its limit, and what it was doing is lost.",
        runbook="agent_platform/memory-growth",
        panel="agent_platform/memory",
        source="A process that ran an hour ago has warmed up: half as much again within an hour, and no end, is a leak",
    ),
)

_EVERY_TASK = q.sum_by(q.rate(_TASKS.count))
_FAILED_TASKS = q.or_(q.sum_by(q.rate(_TASKS.count.where(error_type=is_not("")))), 0 * _EVERY_TASK)

SLOS: tuple[SLO, ...] = (
    SLO(
        name="AgentTaskSuccess",
        system="agent_platform",
        title="Tasks of the agent platform succeed",
        bad=_FAILED_TASKS,
        total=_EVERY_TASK,
        objective=0.99,
        minimum_rate=0.01,
        runbook="agent_platform/error-burst",
        panel="agent_platform/task-error-ratio",
        source=(
            "99 of 100 tasks, each of which retries its calls: a start, until your users' own objective stands in the"
            " settings"
        ),
    ),
)
