"""Metrics out of spans, in process: rate, errors and duration of all of them, tokens and cost of calls of models.

Both are span processors of the OpenTelemetry SDK; `configure_tracing` adds them. A program with a provider of its own
adds them itself:

    provider.add_span_processor(RedProcessor())
    provider.add_span_processor(GenAiProcessor())

They see every span that is recorded, before a sampling of whole traces drops any (a sampler of the SDK that does not
record, such as TraceIdRatioBased, hides spans from them).
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.trace import get_current_span

from watchkeeper.errors import DefinitionError
from watchkeeper.instrumentation import conventions as names
from watchkeeper.instrumentation import metrics
from watchkeeper.instrumentation.prices import Tokens, price
from watchkeeper.instrumentation.tracing import SCOPE

__all__ = ["OTHER", "GenAiProcessor", "RedProcessor"]

OTHER = "_other"
"""The name under which spans are counted once there are too many different names."""

# What other instrumentations call the tokens, where they do not follow the conventions of `conventions.CONVENTIONS`.
_INPUT = (names.INPUT_TOKENS, "gen_ai.usage.prompt_tokens", "llm.usage.prompt_tokens")
_OUTPUT = (names.OUTPUT_TOKENS, "gen_ai.usage.completion_tokens", "llm.usage.completion_tokens")
_CACHE_READ = (names.CACHE_READ_TOKENS, "gen_ai.usage.cache_read_input_tokens")
_CACHE_WRITE = (names.CACHE_WRITE_TOKENS, "gen_ai.usage.cache_creation_input_tokens")
_REASONING = (names.REASONING_TOKENS, "gen_ai.usage.reasoning_tokens")
_PROVIDER = (names.PROVIDER_NAME, "gen_ai.system")
_MODEL_CALLS = frozenset({names.CHAT, "generate_content", "text_completion", "embeddings", "completion"})
_NANO = 1e-9
# Calls within a call that are under way at once; a span that never ends is forgotten beyond.
_NESTED = 10_000

_log = logging.getLogger(__name__)


class RedProcessor(SpanProcessor):
    """Counts and times every span by service, name, kind and status, with its trace as exemplar.

    Of more than `limit` different names the further ones are counted as `_other`: names made of paths or identifiers
    would cost the process its memory.
    """

    def __init__(self, limit: int = 500) -> None:
        self._limit = limit
        self._names: set[str] = set()

    def on_end(self, span: ReadableSpan) -> None:
        """Count a span."""
        started, ended = span.start_time, span.end_time
        if started is None or ended is None:
            return
        name = span.name
        if name not in self._names:
            if len(self._names) < self._limit:
                self._names.add(name)
            else:
                name = OTHER
        service = str(span.resource.attributes.get("service.name", ""))
        labels = (service, name, f"SPAN_KIND_{span.kind.name}", f"STATUS_CODE_{span.status.status_code.name}")
        # A clock that was set back in between makes a negative duration: the call counts, as one without duration.
        seconds = max(0, ended - started) * _NANO
        metrics.SPAN_CALLS.child(*labels).inc()
        metrics.SPAN_DURATION.child(*labels).observe(seconds, _exemplar(span))

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing waits."""
        return True


def _exemplar(span: ReadableSpan) -> dict[str, str] | None:
    context = span.get_span_context()
    sampled = context is not None and context.trace_flags.sampled
    return {"trace_id": f"{context.trace_id:032x}"} if context is not None and sampled else None


class GenAiProcessor(SpanProcessor):
    """Tokens, duration and cost of the calls of models that other instrumentations have made spans of.

    Our own spans are left out: `llm_call` has counted them already. So is a call directly within a call: a framework
    and the client that it uses both make a span of it, and it is paid for once. Within `llm_call`, what that was told
    counts.
    """

    def __init__(self) -> None:
        self._nested: OrderedDict[int, None] = OrderedDict()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Note a span that begins within a call of a model."""
        parent: Any = get_current_span(parent_context)
        around = getattr(parent, "attributes", None)
        if not around or around.get(names.OPERATION_NAME) not in _MODEL_CALLS:
            return
        context = span.get_span_context()
        if context is not None:
            self._nested[context.span_id] = None
            if len(self._nested) > _NESTED:
                self._nested.popitem(last=False)

    def on_end(self, span: ReadableSpan) -> None:
        """Count a span if it is a call of a model. What others have written into it cannot fail the program."""
        try:
            context = span.get_span_context()
            nested = context is not None and self._nested.pop(context.span_id, _ABSENT) is None
            if not nested:
                self._count(span)
        except Exception as error:  # noqa: BLE001  the SDK hands it to whoever ends the span
            _log.warning("span %r cannot be counted: %s: %s", span.name, type(error).__name__, error)

    def _count(self, span: ReadableSpan) -> None:
        scope = span.instrumentation_scope
        attributes: Mapping[str, Any] = span.attributes or {}
        operation = str(attributes.get(names.OPERATION_NAME, ""))
        if operation not in _MODEL_CALLS or (scope is not None and scope.name == SCOPE):
            return
        if span.start_time is None or span.end_time is None:
            return
        model = str(attributes.get(names.REQUEST_MODEL, ""))
        provider = str(_first(attributes, _PROVIDER) or "").lower()
        labels = (operation, provider, model, str(attributes.get(names.AGENT_NAME, "")))
        failed = span.status.status_code.name == "ERROR"
        error = str(attributes.get(names.ERROR_TYPE, "")) or ("_OTHER" if failed else "")
        seconds = max(0, span.end_time - span.start_time) * _NANO
        exemplar = _exemplar(span)
        metrics.OPERATION_DURATION.child(*labels, error).observe(seconds, exemplar)
        unpriced = metrics.UNPRICED_CALLS.child(provider, model)
        tokens = _tokens(attributes)
        if tokens is None:
            unpriced.inc(0 if error else 1)
            return
        for kind in names.TOKEN_TYPES:
            count = getattr(tokens, kind)
            if count or kind in ("input", "output"):
                metrics.TOKEN_USAGE.child(*labels, kind).observe(count, exemplar)
        cost = price(str(attributes.get(names.RESPONSE_MODEL, "")) or model, tokens, provider)
        cost = cost or price(model, tokens, provider)
        if cost is None:
            unpriced.inc()
        else:
            metrics.COST_USD.child(provider, model, labels[3]).inc(float(cost.amount), exemplar)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing waits."""
        return True


_ABSENT = object()


def _first(attributes: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    return next((attributes[key] for key in keys if key in attributes), None)


def _tokens(attributes: Mapping[str, Any]) -> Tokens | None:
    """The tokens of a span, None when they are not there or do not fit: then the cost is unknown."""
    inputs, output = _first(attributes, _INPUT), _first(attributes, _OUTPUT)
    if not isinstance(inputs, int) or not isinstance(output, int | None):
        return None
    parts = [_first(attributes, keys) or 0 for keys in (_CACHE_READ, _CACHE_WRITE, _REASONING)]
    try:
        return Tokens(inputs, output or 0, *(int(part) for part in parts))
    except (DefinitionError, ValueError, TypeError):
        return None
