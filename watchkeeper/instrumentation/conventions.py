"""The names that we take from the OTel GenAI and HTTP conventions, in one place and with their version.

All GenAI conventions are in development: names change upstream, and change here when we decide it, not when a library
is updated. Taken from open-telemetry/semantic-conventions-genai at commit 004902b (which builds on semantic
conventions 1.42.0). Its release 0.1.0 later merged workflows into `invoke_agent`; we keep them apart, since a workflow
and the agents in it answer different questions.
"""

from __future__ import annotations

__all__ = [
    "AGENT_NAME",
    "CACHE_READ_TOKENS",
    "CACHE_WRITE_TOKENS",
    "CHAT",
    "CONVENTIONS",
    "COST_AMOUNT",
    "COST_CURRENCY",
    "COST_PRICE_DATE",
    "COST_PRICE_SOURCE",
    "ERROR_TYPE",
    "EXECUTE_TOOL",
    "HTTP_METHOD",
    "HTTP_ROUTE",
    "HTTP_STATUS",
    "INPUT_TOKENS",
    "INVOKE_AGENT",
    "INVOKE_WORKFLOW",
    "OPERATION_NAME",
    "OUTPUT_TOKENS",
    "PRICE_PROVIDERS",
    "PROVIDER_NAME",
    "REASONING_TOKENS",
    "REQUEST_MODEL",
    "RESPONSE_MODEL",
    "SERVER_ADDRESS",
    "TIME_TO_FIRST_CHUNK",
    "TOKEN_TYPES",
    "TOOL_CALL_ID",
    "TOOL_NAME",
    "TOOL_TYPE",
    "WORKFLOW_NAME",
    "prometheus_name",
]

CONVENTIONS = "semantic-conventions-genai@004902b"
"""Which state of the conventions the names below are; sent as the version of the instrumentation scope."""

# Values of gen_ai.operation.name, which also begin the names of spans.
CHAT = "chat"
EXECUTE_TOOL = "execute_tool"
INVOKE_AGENT = "invoke_agent"
INVOKE_WORKFLOW = "invoke_workflow"

OPERATION_NAME = "gen_ai.operation.name"
PROVIDER_NAME = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
RESPONSE_MODEL = "gen_ai.response.model"
TIME_TO_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
AGENT_NAME = "gen_ai.agent.name"
TOOL_NAME = "gen_ai.tool.name"
TOOL_TYPE = "gen_ai.tool.type"
TOOL_CALL_ID = "gen_ai.tool.call.id"
WORKFLOW_NAME = "gen_ai.workflow.name"
ERROR_TYPE = "error.type"

INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE_TOKENS = "gen_ai.usage.cache_creation.input_tokens"
REASONING_TOKENS = "gen_ai.usage.reasoning.output_tokens"

TOKEN_TYPES = ("input", "output", "cache_read", "cache_write", "reasoning")
"""Values of gen_ai.token.type: the conventions know the first two; the others are parts of them, billed apart."""

# The conventions have no cost. These are ours, and say so by their prefix.
COST_AMOUNT = "watchkeeper.gen_ai.cost.amount"
COST_CURRENCY = "watchkeeper.gen_ai.cost.currency"
COST_PRICE_SOURCE = "watchkeeper.gen_ai.cost.price_source"
COST_PRICE_DATE = "watchkeeper.gen_ai.cost.price_date"

HTTP_METHOD = "http.request.method"
HTTP_ROUTE = "http.route"
HTTP_STATUS = "http.response.status_code"
SERVER_ADDRESS = "server.address"

PRICE_PROVIDERS = {
    "aws.bedrock": "aws",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "x_ai": "x-ai",
}
"""gen_ai.provider.name as genai-prices calls it, where the two differ."""


def prometheus_name(name: str) -> str:
    """An attribute or metric name of the conventions in Prometheus form, without the suffix of its unit.

    >>> prometheus_name("gen_ai.agent.name")
    'gen_ai_agent_name'
    """
    return name.replace(".", "_")
