"""The agent platform: what `watchkeeper.instrumentation` exposes from inside an agentic application.

Names follow the OTel GenAI and HTTP conventions in Prometheus form (dots become underscores, the unit is a suffix). An
empty `error_type` means success, as the missing attribute does in the conventions. The buckets stand here and nowhere
else: the instrumentation takes names, labels and buckets from these values.
"""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import NamedQuery, System
from watchkeeper.queries import Query
from watchkeeper.signals import Counter, Gauge, Histogram, Polarity, Signal, is_not, matches
from watchkeeper.systems.process import (
    PROCESS_CPU_SECONDS_TOTAL,
    PROCESS_MAX_FDS,
    PROCESS_OPEN_FDS,
    PROCESS_RESIDENT_MEMORY_BYTES,
    PROCESS_START_TIME_SECONDS,
    PROCESS_VIRTUAL_MEMORY_BYTES,
)
from watchkeeper.units import HOURS, ONE, SECONDS, TOKENS, USD

__all__ = ["QUERIES", "SIGNALS", "SYSTEM"]

_GEN_AI = "OTel GenAI semantic conventions"
_HTTP = "OTel HTTP semantic conventions"
_CLIENT = "prometheus_client"

# The bounds that the conventions advise, with a few between them where a factor of five would make quantiles useless:
# bounds in common still add up with programs that keep to the advice.
_TOKEN_BUCKETS = (1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0)
_CALL_BUCKETS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_AGENT_BUCKETS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6)
_WORKFLOW_BUCKETS = (0.5, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0)
_HTTP_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)

_MODEL = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "gen_ai_agent_name")

GEN_AI_CLIENT_TOKEN_USAGE = Histogram(
    "gen_ai_client_token_usage",
    help="Billable tokens of one call of a model. gen_ai_token_type input and output are the totals; cache_read and "
    "cache_write are parts of input and reasoning is part of output, counted apart: do not add them to the totals.",
    unit=TOKENS,
    labels=(*_MODEL, "gen_ai_token_type"),
    polarity=Polarity.HIGH_IS_BAD,
    origin=_GEN_AI,
    buckets=_TOKEN_BUCKETS,
)
GEN_AI_CLIENT_OPERATION_DURATION_SECONDS = Histogram(
    "gen_ai_client_operation_duration_seconds",
    help="Duration of one call of a model, as the caller sees it.",
    unit=SECONDS,
    labels=(*_MODEL, "error_type"),
    polarity=Polarity.HIGH_IS_BAD,
    origin=_GEN_AI,
    buckets=_CALL_BUCKETS,
)
GEN_AI_CLIENT_OPERATION_TIME_TO_FIRST_CHUNK_SECONDS = Histogram(
    "gen_ai_client_operation_time_to_first_chunk_seconds",
    help="Time from sending a streaming call of a model to the first chunk of its answer.",
    unit=SECONDS,
    labels=_MODEL,
    polarity=Polarity.HIGH_IS_BAD,
    origin=_GEN_AI,
    buckets=_CALL_BUCKETS,
)
GEN_AI_INVOKE_AGENT_DURATION_SECONDS = Histogram(
    "gen_ai_invoke_agent_duration_seconds",
    help="Duration of one run of an agent, from its start to the end of its answer or its error.",
    unit=SECONDS,
    labels=("gen_ai_agent_name", "error_type"),
    polarity=Polarity.HIGH_IS_BAD,
    origin=_GEN_AI,
    buckets=_AGENT_BUCKETS,
)
GEN_AI_EXECUTE_TOOL_DURATION_SECONDS = Histogram(
    "gen_ai_execute_tool_duration_seconds",
    help="Duration of one execution of a tool by an agent.",
    unit=SECONDS,
    labels=("gen_ai_tool_name", "gen_ai_agent_name", "error_type"),
    polarity=Polarity.HIGH_IS_BAD,
    origin=_GEN_AI,
    buckets=_CALL_BUCKETS,
)
GEN_AI_WORKFLOW_DURATION_SECONDS = Histogram(
    "gen_ai_workflow_duration_seconds",
    help="Duration of one instance of a workflow, rework included, without the time that its task waited in a queue.",
    unit=SECONDS,
    labels=("gen_ai_workflow_name", "error_type"),
    polarity=Polarity.HIGH_IS_BAD,
    origin=_GEN_AI,
    buckets=_WORKFLOW_BUCKETS,
)

WATCHKEEPER_GEN_AI_COST_USD_TOTAL = Counter(
    "watchkeeper_gen_ai_cost_usd_total",
    help="Cost of calls of models at list price; calls without a known price are not in it (see the unpriced calls).",
    unit=USD,
    labels=("gen_ai_provider_name", "gen_ai_request_model", "gen_ai_agent_name"),
    polarity=Polarity.HIGH_IS_BAD,
)
WATCHKEEPER_GEN_AI_UNPRICED_CALLS_TOTAL = Counter(
    "watchkeeper_gen_ai_unpriced_calls_total",
    help="Calls of models whose cost is unknown: no price for the model, or no token counts from the provider.",
    unit=ONE,
    labels=("gen_ai_provider_name", "gen_ai_request_model"),
    polarity=Polarity.HIGH_IS_BAD,
)
WATCHKEEPER_GEN_AI_REWORK_LOOPS_TOTAL = Counter(
    "watchkeeper_gen_ai_rework_loops_total",
    help="Times that a workflow sent its result back to be done again.",
    unit=ONE,
    labels=("gen_ai_workflow_name",),
    polarity=Polarity.HIGH_IS_BAD,
)

WATCHKEEPER_QUEUE_DEPTH = Gauge(
    "watchkeeper_queue_depth",
    help="Messages that wait in the queue, as its consumer sees it.",
    unit=ONE,
    labels=("queue",),
    polarity=Polarity.HIGH_IS_BAD,
)
WATCHKEEPER_QUEUE_OLDEST_MESSAGE_AGE_SECONDS = Gauge(
    "watchkeeper_queue_oldest_message_age_seconds",
    help="How long the oldest waiting message has waited; 0 when the queue is empty.",
    unit=SECONDS,
    labels=("queue",),
    polarity=Polarity.HIGH_IS_BAD,
)
WATCHKEEPER_QUEUE_ENQUEUED_TOTAL = Counter(
    "watchkeeper_queue_enqueued_total",
    help="Messages put into the queue by this process.",
    unit=ONE,
    labels=("queue",),
)
WATCHKEEPER_QUEUE_PROCESSED_TOTAL = Counter(
    "watchkeeper_queue_processed_total",
    help="Messages taken from the queue whose handling has ended; error_type is empty for success.",
    unit=ONE,
    labels=("queue", "error_type"),
)

HTTP_SERVER_REQUEST_DURATION_SECONDS = Histogram(
    "http_server_request_duration_seconds",
    help="Duration of HTTP requests that this process answered.",
    unit=SECONDS,
    labels=("http_request_method", "http_route", "http_response_status_code", "error_type"),
    polarity=Polarity.HIGH_IS_BAD,
    origin=_HTTP,
    buckets=_HTTP_BUCKETS,
)
HTTP_CLIENT_REQUEST_DURATION_SECONDS = Histogram(
    "http_client_request_duration_seconds",
    help="Duration of HTTP requests that this process sent; server_address is the logical name of the service.",
    unit=SECONDS,
    labels=("http_request_method", "server_address", "http_response_status_code", "error_type"),
    polarity=Polarity.HIGH_IS_BAD,
    origin=_HTTP,
    buckets=_HTTP_BUCKETS,
)

SIGNALS: tuple[Signal, ...] = (
    GEN_AI_CLIENT_TOKEN_USAGE,
    GEN_AI_CLIENT_OPERATION_DURATION_SECONDS,
    GEN_AI_CLIENT_OPERATION_TIME_TO_FIRST_CHUNK_SECONDS,
    GEN_AI_INVOKE_AGENT_DURATION_SECONDS,
    GEN_AI_EXECUTE_TOOL_DURATION_SECONDS,
    GEN_AI_WORKFLOW_DURATION_SECONDS,
    WATCHKEEPER_GEN_AI_COST_USD_TOTAL,
    WATCHKEEPER_GEN_AI_UNPRICED_CALLS_TOTAL,
    WATCHKEEPER_GEN_AI_REWORK_LOOPS_TOTAL,
    WATCHKEEPER_QUEUE_DEPTH,
    WATCHKEEPER_QUEUE_OLDEST_MESSAGE_AGE_SECONDS,
    WATCHKEEPER_QUEUE_ENQUEUED_TOTAL,
    WATCHKEEPER_QUEUE_PROCESSED_TOTAL,
    HTTP_SERVER_REQUEST_DURATION_SECONDS,
    HTTP_CLIENT_REQUEST_DURATION_SECONDS,
    PROCESS_RESIDENT_MEMORY_BYTES,
    PROCESS_VIRTUAL_MEMORY_BYTES,
    PROCESS_CPU_SECONDS_TOTAL,
    PROCESS_START_TIME_SECONDS,
    PROCESS_OPEN_FDS,
    PROCESS_MAX_FDS,
)

SYSTEM = System(
    key="agent_platform",
    title="Agent platform",
    summary="Agents, tools, models, workflows and queues of an application that uses watchkeeper.instrumentation.",
    collected="application",
    signals=SIGNALS,
    tested_against="the example platform in examples/agent_platform",
)

_FAILED = is_not("")
_TOTAL_TOKENS = matches("input|output")


def _calls(histogram: Histogram, *by: str, over: str | None = None) -> Query:
    """Operations per second, from the count of their durations."""
    return q.sum_by(q.rate(histogram.count, over), *by)


def _failures(histogram: Histogram, *by: str, over: str | None = None) -> Query:
    """Failed operations per second; where operations are known and none failed, that is zero and not unknown."""
    failed = q.sum_by(q.rate(histogram.count.where(error_type=_FAILED), over), *by)
    return q.or_(failed, 0 * _calls(histogram, *by, over=over))


_TOOL, _MODEL_NAME, _AGENT, _QUEUE = "gen_ai_tool_name", "gen_ai_request_model", "gen_ai_agent_name", "queue"
_TOOLS, _MODELS = GEN_AI_EXECUTE_TOOL_DURATION_SECONDS, GEN_AI_CLIENT_OPERATION_DURATION_SECONDS
_TASKS, _RUNS = GEN_AI_WORKFLOW_DURATION_SECONDS, GEN_AI_INVOKE_AGENT_DURATION_SECONDS
# Every Python process exposes the same names; Watchkeeper's own are in its own dashboard.
_OTHERS = {"job": is_not("watchkeeper")}
_MEMORY = PROCESS_RESIDENT_MEMORY_BYTES.where(**_OTHERS)
_DONE = q.sum_by(q.rate(_TASKS.count.where(error_type="")))
_COST = q.sum_by(q.rate(WATCHKEEPER_GEN_AI_COST_USD_TOTAL))
_COST_BY_AGENT = q.sum_by(q.rate(WATCHKEEPER_GEN_AI_COST_USD_TOTAL), _AGENT)
_TOKENS_USED = q.rate(GEN_AI_CLIENT_TOKEN_USAGE.sum.where(gen_ai_token_type=_TOTAL_TOKENS))

QUERIES: tuple[NamedQuery, ...] = (
    NamedQuery(
        key="agent_platform.task_rate",
        title="Tasks finished per second, by error (none for success)",
        query=_calls(_TASKS, "error_type"),
    ),
    NamedQuery(
        key="agent_platform.task_error_ratio",
        title="Failed share of all tasks",
        query=q.ratio(_failures(_TASKS), _calls(_TASKS)),
    ),
    NamedQuery(
        key="agent_platform.task_duration_p95",
        title="Duration of a task, 95th percentile",
        query=q.quantile(0.95, _TASKS, by=()),
    ),
    NamedQuery(
        key="agent_platform.tool_latency_p95",
        title="Duration of a tool call by tool, 95th percentile",
        query=q.quantile(0.95, _TOOLS, by=(_TOOL,)),
    ),
    NamedQuery(
        key="agent_platform.tool_rate",
        title="Tool calls per second, by tool",
        query=_calls(_TOOLS, _TOOL),
    ),
    NamedQuery(
        key="agent_platform.tool_error_ratio",
        title="Failed share of tool calls, by tool",
        query=q.ratio(_failures(_TOOLS, _TOOL), _calls(_TOOLS, _TOOL)),
    ),
    NamedQuery(
        key="agent_platform.llm_latency_p95",
        title="Duration of a model call by model, 95th percentile",
        query=q.quantile(0.95, _MODELS, by=(_MODEL_NAME,)),
    ),
    NamedQuery(
        key="agent_platform.llm_rate",
        title="Model calls per second, by model",
        query=_calls(_MODELS, _MODEL_NAME),
    ),
    NamedQuery(
        key="agent_platform.llm_error_ratio",
        title="Failed share of model calls, by model",
        query=q.ratio(_failures(_MODELS, _MODEL_NAME), _calls(_MODELS, _MODEL_NAME)),
    ),
    NamedQuery(
        key="agent_platform.token_rate",
        title="Tokens per second, by type",
        query=q.sum_by(q.rate(GEN_AI_CLIENT_TOKEN_USAGE.sum), "gen_ai_token_type"),
    ),
    NamedQuery(
        key="agent_platform.tokens_per_task",
        title="Tokens (input and output) per finished task",
        query=q.ratio(q.sum_by(_TOKENS_USED), _calls(_TASKS)),
    ),
    NamedQuery(
        key="agent_platform.cost_rate",
        title="Cost of model calls per hour, by agent",
        query=q.convert(_COST_BY_AGENT, USD / HOURS),
    ),
    NamedQuery(
        key="agent_platform.cost_per_task",
        title="Cost of model calls per successful task",
        query=q.ratio(_COST, _DONE),
    ),
    # An agent that exposes no runs, such as one that is a single call, is counted by its calls.
    NamedQuery(
        key="agent_platform.cost_per_run",
        title="Cost of a run by agent (of a model call, for an agent without runs of its own)",
        query=q.or_(q.ratio(_COST_BY_AGENT, _calls(_RUNS, _AGENT)), q.ratio(_COST_BY_AGENT, _calls(_MODELS, _AGENT))),
    ),
    NamedQuery(
        key="agent_platform.unpriced_rate",
        title="Model calls of unknown cost per second, by model",
        query=q.sum_by(q.rate(WATCHKEEPER_GEN_AI_UNPRICED_CALLS_TOTAL), _MODEL_NAME),
    ),
    NamedQuery(
        key="agent_platform.rework_per_task",
        title="Times that a finished task was sent back",
        query=q.ratio(q.sum_by(q.rate(WATCHKEEPER_GEN_AI_REWORK_LOOPS_TOTAL)), _calls(_TASKS)),
    ),
    NamedQuery(
        key="agent_platform.queue_depth",
        title="Messages waiting, by queue",
        query=q.max_by(WATCHKEEPER_QUEUE_DEPTH, _QUEUE),
    ),
    NamedQuery(
        key="agent_platform.queue_oldest_age",
        title="Age of the oldest waiting message, by queue",
        query=q.max_by(WATCHKEEPER_QUEUE_OLDEST_MESSAGE_AGE_SECONDS, _QUEUE),
    ),
    NamedQuery(
        key="agent_platform.queue_in_rate",
        title="Messages put per second, by queue",
        query=q.sum_by(q.rate(WATCHKEEPER_QUEUE_ENQUEUED_TOTAL), _QUEUE),
    ),
    NamedQuery(
        key="agent_platform.queue_out_rate",
        title="Messages handled per second, by queue",
        query=q.sum_by(q.rate(WATCHKEEPER_QUEUE_PROCESSED_TOTAL), _QUEUE),
    ),
    NamedQuery(
        key="agent_platform.memory",
        title="Resident memory of a process",
        query=q.max_by(_MEMORY, "job", "instance"),
    ),
    NamedQuery(
        key="agent_platform.cpu",
        title="Processors used by a process",
        query=q.sum_by(q.rate(PROCESS_CPU_SECONDS_TOTAL.where(**_OTHERS)), "job", "instance"),
    ),
    # 0 for what exposed itself in the last hour and no longer does: `up` would show every target of the installation.
    NamedQuery(
        key="agent_platform.up",
        title="Whether a process still exposes its signals",
        query=q.or_(
            q.max_by(q.truth(q.value(_MEMORY) >= 0), "job", "instance"),
            q.max_by(q.truth(q.max_over_time(_MEMORY, "1h") < 0), "job", "instance"),
        ),
    ),
)
