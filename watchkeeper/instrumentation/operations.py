"""The operations of an agentic application: workflows, agent runs, model calls and tool calls.

Each is a context manager and a decorator of plain and async functions, and makes one span and its metrics:

    with agent_run("analyst"):
        with llm_call("claude-sonnet-4-5", provider="anthropic") as call:
            answer = client.messages.create(...)
            call.tokens(input=answer.usage.input_tokens, output=answer.usage.output_tokens)

    @tool_call("search_documents")
    async def search(query: str) -> list[str]: ...
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import logging
from collections.abc import Callable
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, cast

from watchkeeper.clock import monotonic
from watchkeeper.errors import DefinitionError
from watchkeeper.instrumentation import conventions as names
from watchkeeper.instrumentation import metrics
from watchkeeper.instrumentation.prices import Cost, Tokens, price
from watchkeeper.instrumentation.tracing import OpenSpan, SpanKind, open_span

__all__ = [
    "AgentRun",
    "LlmCall",
    "Operation",
    "ToolCall",
    "Workflow",
    "agent_run",
    "current_agent",
    "current_llm_call",
    "error_type",
    "llm_call",
    "tool_call",
    "workflow",
]

_log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

_agent: ContextVar[str] = ContextVar("watchkeeper_agent", default="")
_call: ContextVar[LlmCall | None] = ContextVar("watchkeeper_llm_call", default=None)


def error_type(error: BaseException) -> str:
    """The value of error.type for an exception: its own `error_type` when it has one, else the name of its class."""
    own = getattr(error, "error_type", None)
    return own if isinstance(own, str) and own else type(error).__qualname__


class Operation:
    """What all operations have in common; each object is entered once, a decorator makes a new one for each call."""

    __slots__ = ("_aside", "_error_type", "_span", "_started", "attributes")
    kind: SpanKind = "internal"

    def __init__(self) -> None:
        self.attributes: dict[str, str | int | float] = {}
        self._error_type = ""
        self._started = 0.0
        self._aside = 0.0  # seconds of our own work within it, which are not the operation's
        self._span: OpenSpan | None = None

    @property
    def span_name(self) -> str:
        """The name of its span, by the conventions."""
        raise NotImplementedError

    def set(self, attribute: str, value: str | int | float) -> None:
        """Set an attribute of the span; it does not reach the metrics."""
        if self._span is None:
            self.attributes[attribute] = value
        else:
            self._span.set(attribute, value)

    def fail(self, error_type: str) -> None:
        """Mark it as failed without an exception; use few different values, since they become a label."""
        self._error_type = error_type

    def again(self) -> Self:
        """A fresh operation with the same description."""
        raise NotImplementedError

    def _ended(self, seconds: float, error_type: str) -> None:
        raise NotImplementedError

    def _seconds(self) -> float:
        return max(0.0, monotonic() - self._started - self._aside)

    def _exemplar(self) -> dict[str, str] | None:
        return None if self._span is None else self._span.exemplar()

    def __enter__(self) -> Self:
        self._span = open_span(self.span_name, self.kind, self.attributes)
        self._started = monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        seconds = self._seconds()
        if error is not None:
            self._error_type = error_type(error)
        self._ended(seconds, self._error_type)
        if self._span is not None:
            self._span.close(self._error_type, error, seconds if self._aside else None)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Decorate a function or coroutine function.

        Raises DefinitionError for a generator, whose body runs between the calls of others: use `with` inside it.
        """
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise DefinitionError(
                f"{function.__qualname__} is a generator: write `with` and the operation inside it, "
                "instead of decorating it"
            )
        if inspect.iscoroutinefunction(function):
            coroutine = cast(Callable[P, Any], function)

            @functools.wraps(function)
            async def asynchronous(*args: P.args, **kwargs: P.kwargs) -> Any:
                with self.again():
                    return await coroutine(*args, **kwargs)

            return cast(Callable[P, R], asynchronous)

        @functools.wraps(function)
        def synchronous(*args: P.args, **kwargs: P.kwargs) -> R:
            with self.again():
                return function(*args, **kwargs)

        return synchronous


def _reset(variable: ContextVar[Any], token: Token[Any] | None) -> None:
    # A generator may be closed in another context than it was started in; then there is nothing to take back.
    if token is not None:
        with contextlib.suppress(ValueError):
            variable.reset(token)


class AgentRun(Operation):
    """One run of an agent; model and tool calls inside it carry the agent's name."""

    __slots__ = ("_token", "name")

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.attributes = {names.OPERATION_NAME: names.INVOKE_AGENT, names.AGENT_NAME: name}
        self._token: Token[str] | None = None

    @property
    def span_name(self) -> str:
        return f"{names.INVOKE_AGENT} {self.name}"

    def again(self) -> AgentRun:
        return AgentRun(self.name)

    def __enter__(self) -> Self:
        self._token = _agent.set(self.name)
        return Operation.__enter__(self)

    def _ended(self, seconds: float, error_type: str) -> None:
        _reset(_agent, self._token)
        metrics.AGENT_DURATION.child(self.name, error_type).observe(seconds, self._exemplar())


class ToolCall(Operation):
    """One execution of a tool."""

    __slots__ = ("agent", "name", "tool_type")

    def __init__(self, name: str, tool_type: str, agent: str) -> None:
        super().__init__()
        self.name = name
        self.tool_type = tool_type
        self.agent = agent
        self.attributes = {names.OPERATION_NAME: names.EXECUTE_TOOL, names.TOOL_NAME: name, names.TOOL_TYPE: tool_type}

    @property
    def span_name(self) -> str:
        return f"{names.EXECUTE_TOOL} {self.name}"

    def again(self) -> ToolCall:
        return ToolCall(self.name, self.tool_type, self.agent)

    def __enter__(self) -> Self:
        self.agent = self.agent or _agent.get()
        if self.agent:
            self.attributes[names.AGENT_NAME] = self.agent
        return Operation.__enter__(self)

    def _ended(self, seconds: float, error_type: str) -> None:
        metrics.TOOL_DURATION.child(self.name, self.agent, error_type).observe(seconds, self._exemplar())


class Workflow(Operation):
    """One instance of a workflow: a process whose steps are agents, tools and models."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.attributes = {names.OPERATION_NAME: names.INVOKE_WORKFLOW, names.WORKFLOW_NAME: name}

    @property
    def span_name(self) -> str:
        return f"{names.INVOKE_WORKFLOW} {self.name}"

    def again(self) -> Workflow:
        return Workflow(self.name)

    def __enter__(self) -> Self:
        metrics.REWORK_LOOPS.child(self.name)  # there from the first instance on, so that a rate sees the first loop
        return Operation.__enter__(self)

    def rework(self) -> None:
        """Count that a result is sent back to be done again."""
        metrics.REWORK_LOOPS.child(self.name).inc()

    def _ended(self, seconds: float, error_type: str) -> None:
        metrics.WORKFLOW_DURATION.child(self.name, error_type).observe(seconds, self._exemplar())


class LlmCall(Operation):
    """One call of a model; tell it the tokens, and it knows the cost."""

    __slots__ = ("_token", "_usage", "agent", "cost", "model", "operation", "provider")
    kind = "client"

    def __init__(self, model: str, provider: str, operation: str, agent: str) -> None:
        super().__init__()
        self.model = model
        self.provider = provider
        self.operation = operation
        self.agent = agent
        self.cost: Cost | None = None
        self._usage: Tokens | None = None
        self._token: Token[LlmCall | None] | None = None
        self.attributes = {names.OPERATION_NAME: operation, names.PROVIDER_NAME: provider, names.REQUEST_MODEL: model}

    @property
    def span_name(self) -> str:
        return f"{self.operation} {self.model}"

    def again(self) -> LlmCall:
        return LlmCall(self.model, self.provider, self.operation, self.agent)

    def __enter__(self) -> Self:
        self.agent = self.agent or _agent.get()
        if self.agent:
            self.attributes[names.AGENT_NAME] = self.agent
        self._token = _call.set(self)
        return Operation.__enter__(self)

    def tokens(
        self, *, input: int, output: int, cache_read: int = 0, cache_write: int = 0, reasoning: int = 0
    ) -> Cost | None:
        """Tell the billable tokens, as the provider reported them, and get the cost, None when it is unknown.

        `input` and `output` are totals, the others their parts; the last call counts when it is called twice. Numbers
        that do not fit are logged and leave the tokens unknown: a report must not break what it reports on.
        """
        try:
            self._usage = Tokens(input, output, cache_read, cache_write, reasoning)
        except DefinitionError as error:
            _log.warning("call of %s: %s", self.model, error)
            self._usage = self.cost = None
            return None
        # The first look-up loads the price list, some 0.3 s that the model has not taken.
        asked = monotonic()
        self.cost = price(self.model, self._usage, self.provider)
        self._aside += monotonic() - asked
        return self.cost

    def first_chunk(self) -> None:
        """Tell that the first chunk of a streamed answer has arrived."""
        seconds = self._seconds()
        family = metrics.TIME_TO_FIRST_CHUNK.child(self.operation, self.provider, self.model, self.agent)
        family.observe(seconds, self._exemplar())
        self.set(names.TIME_TO_FIRST_CHUNK, seconds)

    def response_model(self, model: str) -> None:
        """Tell the exact model that answered; it goes to the span alone."""
        self.set(names.RESPONSE_MODEL, model)

    def _ended(self, seconds: float, error_type: str) -> None:
        _reset(_call, self._token)
        labels = (self.operation, self.provider, self.model, self.agent)
        metrics.OPERATION_DURATION.child(*labels, error_type).observe(seconds, self._exemplar())
        unpriced = metrics.UNPRICED_CALLS.child(self.provider, self.model)
        if self._usage is None:
            # A failed call is usually not billed; a good one without token counts costs something that nobody knows.
            unpriced.inc(0 if error_type else 1)
            return
        self._count(self._usage, labels)
        if self.cost is None:
            unpriced.inc()
        else:
            cost = metrics.COST_USD.child(self.provider, self.model, self.agent)
            cost.inc(float(self.cost.amount), self._exemplar())
            self.set(names.COST_AMOUNT, str(self.cost.amount))
            self.set(names.COST_CURRENCY, self.cost.currency)
            self.set(names.COST_PRICE_SOURCE, self.cost.source)
            self.set(names.COST_PRICE_DATE, self.cost.date.isoformat())

    def _count(self, usage: Tokens, labels: tuple[str, str, str, str]) -> None:
        family, exemplar = metrics.TOKEN_USAGE, self._exemplar()
        family.child(*labels, "input").observe(usage.input, exemplar)
        family.child(*labels, "output").observe(usage.output, exemplar)
        self.set(names.INPUT_TOKENS, usage.input)
        self.set(names.OUTPUT_TOKENS, usage.output)
        for kind, attribute, count in (
            ("cache_read", names.CACHE_READ_TOKENS, usage.cache_read),
            ("cache_write", names.CACHE_WRITE_TOKENS, usage.cache_write),
            ("reasoning", names.REASONING_TOKENS, usage.reasoning),
        ):
            if count:
                family.child(*labels, kind).observe(count, exemplar)
                self.set(attribute, count)


def agent_run(name: str) -> AgentRun:
    """A run of the agent `name`."""
    return AgentRun(name)


def tool_call(name: str, *, tool_type: str = "function", agent: str = "") -> ToolCall:
    """An execution of the tool `name` by the running agent, unless another is given.

    `tool_type` is function, extension or datastore.
    """
    return ToolCall(name, tool_type, agent)


def llm_call(model: str, *, provider: str, operation: str = names.CHAT, agent: str = "") -> LlmCall:
    """A call of `model`; `provider` (`openai`) and `operation` (`chat`) are values that the conventions list."""
    return LlmCall(model, provider, operation, agent)


def workflow(name: str) -> Workflow:
    """An instance of the workflow `name`."""
    return Workflow(name)


def current_llm_call() -> LlmCall | None:
    """The call around the running code, for functions that `llm_call` decorates."""
    return _call.get()


def current_agent() -> str:
    """The name of the agent around the running code, empty when there is none."""
    return _agent.get()
