"""Sampling of whole traces that keeps what matters: those with an error, slow ones, and a share of the others.

Spans wait until the last span of their trace in this process has ended; then the trace is kept or dropped as a whole.
The share is drawn from the trace's id, so that all processes with the same ratio keep the same ordinary traces. What a
process cannot know is that a trace was slow or failed elsewhere, or will fail after it was dropped: such a trace is
kept in part, from there on.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from watchkeeper.clock import monotonic
from watchkeeper.errors import DefinitionError
from watchkeeper.instrumentation import metrics

__all__ = ["Sampling", "SamplingProcessor"]

# Traces that are open at once, and spans of one that wait; beyond, the oldest is decided with what is known.
_TRACES = 2_000
_SPANS = 2_000
# Traces whose decision is remembered: what begins later in one of them (a background task, the next request of a caller
# that goes on) follows it.
_REMEMBERED = 10_000
# Seconds without a further span after which a trace whose root never ends (a crash, a leak) is decided.
_PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which traces are kept: with an error, with an entry span of at least `slow` seconds, and `ratio` of the others.

    Raises DefinitionError for a ratio or duration that is none.
    """

    ratio: float = 0.1
    slow: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.ratio <= 1:
            raise DefinitionError(f"sampling: ratio {self.ratio:g} is not between 0 and 1")
        if not self.slow >= 0:
            raise DefinitionError(f"sampling: slow {self.slow:g} is no number of seconds")

    def decide(self, trace_id: int, spans: list[ReadableSpan]) -> tuple[bool, str]:
        """Whether to keep the spans of a trace, and why: error, slow or ratio."""
        if any(span.status.status_code.name == "ERROR" for span in spans):
            return True, "error"
        # An entry span has no parent in this process: its duration is what the caller has waited for.
        if any(_seconds(span) >= self.slow for span in spans if span.parent is None or span.parent.is_remote):
            return True, "slow"
        # OTel's consistent probability sampling: the last 56 bits, random by W3C trace context level 2, are at least
        # the threshold. https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/
        return (trace_id & (2**56 - 1)) >= (1 - self.ratio) * 2**56, "ratio"


def _seconds(span: ReadableSpan) -> float:
    return ((span.end_time or 0) - (span.start_time or 0)) * 1e-9


@dataclass(slots=True)
class _Open:
    running: int = 0
    touched: float = 0.0
    spans: list[ReadableSpan] = field(default_factory=list)
    early: bool = False


class SamplingProcessor(SpanProcessor):
    """Hands the spans of kept traces to `next`, another processor, usually one that exports in batches."""

    def __init__(
        self, next: SpanProcessor, sampling: Sampling | None = None, clock: Callable[[], float] = monotonic
    ) -> None:
        self._next = next
        self._sampling = sampling or Sampling()
        self._clock = clock
        self._open: OrderedDict[int, _Open] = OrderedDict()
        self._decided: OrderedDict[int, bool] = OrderedDict()
        # A span may end in the middle of this, in the same thread: where the garbage collector closes a generator.
        self._lock = threading.RLock()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """A span has begun: its trace is open."""
        context: Any = span.get_span_context()
        with self._lock:
            trace = self._open.setdefault(context.trace_id, _Open())
            trace.running += 1
            trace.touched = self._clock()
            self._open.move_to_end(context.trace_id)
            ready = self._overdue()
        self._hand_on(ready)
        self._next.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        """A span has ended; with the last one of its trace the trace is decided."""
        context: Any = span.get_span_context()
        with self._lock:
            trace = self._open.setdefault(context.trace_id, _Open(running=1))
            trace.running -= 1
            trace.touched = self._clock()
            trace.spans.append(span)
            ready: list[ReadableSpan] = []
            if trace.running <= 0 or trace.early or len(trace.spans) >= _SPANS:
                ready = self._decide(context.trace_id, trace, "overflow" if trace.running > 0 else "")
            if trace.running <= 0:
                self._open.pop(context.trace_id, None)
        self._hand_on(ready)

    def shutdown(self) -> None:
        """Decide what is open, then shut the next one down."""
        self._hand_on(self._all())
        self._next.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Decide what is open, then flush the next one."""
        self._hand_on(self._all())
        return self._next.force_flush(timeout_millis)

    def _all(self) -> list[ReadableSpan]:
        with self._lock:
            return [span for number, trace in list(self._open.items()) for span in self._decide(number, trace, "")]

    def _overdue(self) -> list[ReadableSpan]:
        ready: list[ReadableSpan] = []
        now = self._clock()
        while self._open:
            number, oldest = next(iter(self._open.items()))
            if len(self._open) <= _TRACES and now - oldest.touched < _PATIENCE:
                break
            ready += self._decide(number, oldest, "overflow")
            self._open.pop(number, None)
        return ready

    def _decide(self, number: int, trace: _Open, otherwise: str) -> list[ReadableSpan]:
        """The spans to hand on; later ones of a kept trace follow it, and may still have a dropped one kept."""
        spans, trace.spans = trace.spans, []
        trace.early = trace.running > 0
        if not spans:
            return []
        keep, reason = self._sampling.decide(number, spans)
        before = self._decided.get(number)
        if before is None:
            decision = "kept" if keep else "dropped"
            metrics.TRACE_DECISIONS.child(decision, reason if keep else otherwise or reason).inc()
        keep = self._decided[number] = keep or bool(before)
        if before is None and len(self._decided) > _REMEMBERED:
            self._decided.popitem(last=False)
        return spans if keep else []

    def _hand_on(self, spans: list[ReadableSpan]) -> None:
        for span in spans:
            self._next.on_end(span)
