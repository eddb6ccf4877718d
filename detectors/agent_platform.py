"""The agent platform: what it takes longer, costs more, holds or leaves lying than it used to at this hour."""

from __future__ import annotations

from watchkeeper.declarations import Detector
from watchkeeper.signals import Polarity

__all__ = ["DETECTORS"]

_HIGH = Polarity.HIGH_IS_BAD

DETECTORS: tuple[Detector, ...] = (
    Detector(
        key="agent_platform.tool_latency",
        system="agent_platform",
        title="p95 tool latency",
        query="agent_platform.tool_latency_p95",
        polarity=_HIGH,
        hold="5m",
        # A percentile of few calls jumps; slow calls raise it at once however long the window is.
        window="10m",
        minimum_relative=1.0,
        minimum_absolute=0.25,
        summary="Tool {{ $labels.gen_ai_tool_name }} takes {{ $value }} (p95), far more than usual",
        runbook="agent_platform/tool-latency",
        panel="agent_platform/tool-latency-p95",
        source="Twice the usual duration and 0.25 s more: a task calls several tools one after the "
        "other, so that less is not "
        "seen by its user (measured on the example platform); the band is learned from the series' own past.",
    ),
    Detector(
        key="agent_platform.llm_latency",
        system="agent_platform",
        title="p95 model latency",
        query="agent_platform.llm_latency_p95",
        polarity=_HIGH,
        hold="5m",
        window="10m",
        minimum_relative=1.0,
        minimum_absolute=0.5,
        summary="Model {{ $labels.gen_ai_request_model }} takes {{ $value }} (p95), far more than usual",
        runbook="agent_platform/llm-latency",
        panel="agent_platform/llm-latency-p95",
        source="Twice the usual duration and 0.5 s more: providers' latencies vary by less within a day "
        "(measured on the example "
        "platform); the band is learned from the series' own past.",
    ),
    Detector(
        key="agent_platform.cost_per_task",
        system="agent_platform",
        title="Cost of model calls per finished task",
        query="agent_platform.cost_per_task",
        polarity=_HIGH,
        hold="5m",
        window="10m",
        minimum_relative=0.5,
        minimum_absolute=0.0,
        summary="A task costs {{ $value }}, far more than usual",
        runbook="agent_platform/token-cost",
        panel="agent_platform/cost-per-task",
        source="Half more than usual: the mix of tasks changes the mean by less within ten minutes. Per "
        "finished task, so that a "
        "surge of load, which costs more in all and the same for each, is none.",
    ),
    Detector(
        key="agent_platform.cost_per_run",
        system="agent_platform",
        title="Cost of a run",
        query="agent_platform.cost_per_run",
        polarity=_HIGH,
        hold="5m",
        window="10m",
        minimum_relative=0.35,
        minimum_absolute=0.0,
        summary="A run of {{ $labels.gen_ai_agent_name }} costs {{ $value }}, far more than usual",
        runbook="agent_platform/token-cost",
        panel="agent_platform/cost-per-run",
        source="A third more than usual: chance moves the mean cost of an agent's runs within ten minutes by less than "
        "a fifth, and three times the prompt makes a call with a long answer only half dearer (measured on the example "
        "platform, simulated). By agent, because a cheap one hardly shows in the cost of a task; per run, so that a "
        "surge of load is none.",
    ),
    Detector(
        key="agent_platform.tokens_per_task",
        system="agent_platform",
        title="Tokens per finished task",
        query="agent_platform.tokens_per_task",
        polarity=_HIGH,
        hold="5m",
        window="10m",
        minimum_relative=0.5,
        minimum_absolute=0.0,
        severity="info",
        summary="A task uses {{ $value }} tokens, far more than usual",
        runbook="agent_platform/token-cost",
        panel="agent_platform/tokens-per-task",
        source="Half more than usual, as of the cost of a task. It tells of a model of unknown price, and a longer "
        "prompt from a dearer model; it calls nobody, because the cost of a task does.",
    ),
    Detector(
        key="agent_platform.memory",
        system="agent_platform",
        title="Resident memory",
        query="agent_platform.memory",
        polarity=_HIGH,
        hold="5m",
        minimum_relative=0.4,
        minimum_absolute=48 * 2**20,
        summary="{{ $labels.instance }} holds {{ $value }} of memory, more than it ever did at this load",
        runbook="agent_platform/memory-growth",
        panel="agent_platform/memory",
        source="Two fifths and 48 MiB above the expectation: caches and allocator arenas of a Python "
        "service move by less once it is "
        "warm (measured on the example platform under 2.2 times its load).",
    ),
    Detector(
        key="agent_platform.queue_age",
        system="agent_platform",
        title="Age of the oldest waiting message",
        query="agent_platform.queue_oldest_age",
        polarity=_HIGH,
        hold="5m",
        minimum_relative=1.0,
        minimum_absolute=5.0,
        summary="The oldest message of queue {{ $labels.queue }} has waited {{ $value }}",
        runbook="agent_platform/queue-backlog",
        panel="agent_platform/queue-oldest-age",
        source="Twice the usual age and 5 s more: shorter waits end by themselves when a burst is over; "
        "age and not depth, because a surge "
        "that is worked off makes the queue longer and nobody wait.",
    ),
    Detector(
        key="agent_platform.tool_errors",
        system="agent_platform",
        title="Failed share of tool calls",
        query="agent_platform.tool_error_ratio",
        polarity=_HIGH,
        hold="5m",
        window="10m",
        minimum_relative=1.0,
        minimum_absolute=0.1,
        summary="{{ $value }} of the calls of tool {{ $labels.gen_ai_tool_name }} fail",
        runbook="agent_platform/error-burst",
        panel="agent_platform/tool-error-ratio",
        source="Ten of a hundred calls more than usual: agents try a call twice, so that one in a "
        "hundred of the tasks would notice.",
    ),
    Detector(
        key="agent_platform.llm_errors",
        system="agent_platform",
        title="Failed share of model calls",
        query="agent_platform.llm_error_ratio",
        polarity=_HIGH,
        hold="5m",
        window="10m",
        minimum_relative=1.0,
        minimum_absolute=0.1,
        summary="{{ $value }} of the calls of model {{ $labels.gen_ai_request_model }} fail",
        runbook="agent_platform/error-burst",
        panel="agent_platform/llm-error-ratio",
        source="Ten of a hundred calls more than usual: agents try a call twice, so that one in a "
        "hundred of the tasks would notice.",
    ),
)
