"""Instrumentation of an agentic application: spans and metrics by the OTel GenAI conventions, tokens and cost.

    from watchkeeper.instrumentation import agent_run, expose, llm_call, tool_call, workflow

    expose(9464)                                    # /metrics for Prometheus or `watchkeeper collect`
    configure_tracing("planner", "http://127.0.0.1:4318")   # optional: spans over OTLP/HTTP

It needs prometheus-client. Spans are made when OpenTelemetry is installed, costs are known when genai-prices is (the
`otel` extra has both); both are loaded when first used.

What not every program needs is imported from its own module, and loads nothing before:

    resilience   retries, circuit breakers, bulkheads, timeouts and fallbacks as metrics
    adapters     FastAPI, ASGI, Celery, OpenAI and Anthropic through the ecosystem's own instrumentations
    vitals       web vitals of browsers, received by an ASGI application
    spans        the span processors that count spans and calls of models, for a provider of your own
    sampling     sampling of whole traces that keeps errors and slow ones
"""

from __future__ import annotations

from watchkeeper.instrumentation.metrics import (
    REGISTRY,
    Exposition,
    QueueState,
    WatchedQueue,
    expose,
    register,
    watch_queue,
)
from watchkeeper.instrumentation.operations import (
    AgentRun,
    LlmCall,
    Operation,
    ToolCall,
    Workflow,
    agent_run,
    current_agent,
    current_llm_call,
    llm_call,
    tool_call,
    workflow,
)
from watchkeeper.instrumentation.prices import Cost, Tokens, load_prices, price
from watchkeeper.instrumentation.tracing import TracingError, configure_tracing, continue_trace, inject
from watchkeeper.instrumentation.web import ClientRequest, ServerRequest, http_client, http_server

__all__ = [
    "REGISTRY",
    "AgentRun",
    "ClientRequest",
    "Cost",
    "Exposition",
    "LlmCall",
    "Operation",
    "QueueState",
    "ServerRequest",
    "Tokens",
    "ToolCall",
    "TracingError",
    "WatchedQueue",
    "Workflow",
    "agent_run",
    "configure_tracing",
    "continue_trace",
    "current_agent",
    "current_llm_call",
    "expose",
    "http_client",
    "http_server",
    "inject",
    "llm_call",
    "load_prices",
    "price",
    "register",
    "tool_call",
    "watch_queue",
    "workflow",
]
