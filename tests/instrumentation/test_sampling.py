"""Sampling of whole traces: errors and slow ones are always kept, ordinary ones by a ratio that all processes share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags, Tracer

from tests.instrumentation.conftest import Difference
from watchkeeper.errors import DefinitionError
from watchkeeper.instrumentation.sampling import Sampling, SamplingProcessor

SECOND = 1_000_000_000


@dataclass
class Sampled:
    tracer: Tracer
    exporter: InMemorySpanExporter
    provider: TracerProvider
    processor: SamplingProcessor = field(init=False)
    now: float = 0.0

    def names(self) -> list[str]:
        return sorted(span.name for span in self.exporter.get_finished_spans())


@pytest.fixture
def sampled() -> Iterator[Sampled]:
    """A tracer that keeps nothing but errors and traces of a second and more."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    found = Sampled(provider.get_tracer("test"), exporter, provider)
    processor = SamplingProcessor(SimpleSpanProcessor(exporter), Sampling(ratio=0, slow=1), clock=lambda: found.now)
    found.processor = processor
    provider.add_span_processor(processor)
    yield found
    provider.shutdown()


def _trace(sampled: Sampled, *, seconds: float = 0.1, error: bool = False, parent: object = None) -> None:
    context = trace.set_span_in_context(parent) if isinstance(parent, NonRecordingSpan) else None
    root = sampled.tracer.start_span("root", context, start_time=SECOND)
    child = sampled.tracer.start_span("child", trace.set_span_in_context(root), start_time=SECOND)
    if error:
        child.set_status(Status(StatusCode.ERROR))
    child.end(end_time=int(1.05 * SECOND))
    root.end(end_time=int((1 + seconds) * SECOND))


def test_an_ordinary_trace_is_dropped(sampled: Sampled, difference: Difference) -> None:
    _trace(sampled)
    assert sampled.names() == []
    assert difference("watchkeeper_trace_decisions_total", decision="dropped", reason="ratio") == 1


def test_a_trace_with_an_error_anywhere_is_kept_whole(sampled: Sampled, difference: Difference) -> None:
    _trace(sampled, error=True)
    assert sampled.names() == ["child", "root"]
    assert difference("watchkeeper_trace_decisions_total", decision="kept", reason="error") == 1


def test_a_slow_trace_is_kept_whole(sampled: Sampled) -> None:
    _trace(sampled, seconds=1.0)
    assert sampled.names() == ["child", "root"]


def test_a_slow_part_of_somebody_elses_trace_is_kept(sampled: Sampled) -> None:
    remote = NonRecordingSpan(SpanContext(7, 8, is_remote=True, trace_flags=TraceFlags(1)))
    _trace(sampled, seconds=2.0, parent=remote)
    assert sampled.names() == ["child", "root"]


def test_the_ratio_is_drawn_from_the_traces_id() -> None:
    half = Sampling(ratio=0.5)
    decisions = [half.decide(number << 40, [])[0] for number in range(2**16)]
    assert sum(decisions) == 2**15
    assert all(Sampling(ratio=1).decide(number, [])[0] for number in (0, 2**128 - 1))
    assert not any(Sampling(ratio=0).decide(number, [])[0] for number in (0, 2**128 - 1))


def test_kept_are_the_trace_ids_that_the_specification_keeps() -> None:
    # R >= T: with a tenth, the last 56 bits are at least 0.9 of their range. What stands before them does not matter.
    threshold = int(0.9 * 2**56)
    tenth = Sampling(ratio=0.1)
    assert tenth.decide(threshold + 2**16, [])[0]
    assert not tenth.decide((0xFF << 56) + threshold - 2**16, [])[0]


def test_what_begins_after_the_end_of_its_trace_follows_it(sampled: Sampled, difference: Difference) -> None:
    root = sampled.tracer.start_span("root")
    around = trace.set_span_in_context(root)
    root.set_status(Status(StatusCode.ERROR))
    root.end()
    sampled.tracer.start_span("background", around).end()
    assert sampled.names() == ["background", "root"]
    assert difference("watchkeeper_trace_decisions_total", decision="kept", reason="error") == 1


def test_an_error_after_its_trace_was_dropped_is_kept_with_what_follows(sampled: Sampled) -> None:
    root = sampled.tracer.start_span("root")
    around = trace.set_span_in_context(root)
    root.end()
    late = sampled.tracer.start_span("late", around)
    late.set_status(Status(StatusCode.ERROR))
    late.end()
    sampled.tracer.start_span("later", around).end()
    assert sampled.names() == ["late", "later"]


def test_a_span_that_ends_in_another_thread_closes_its_trace(sampled: Sampled) -> None:
    spans = [sampled.tracer.start_span("root")]
    spans[0].set_status(Status(StatusCode.ERROR))
    around = trace.set_span_in_context(spans[0])
    spans += [sampled.tracer.start_span("part", around) for _ in range(200)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda span: span.end(), spans))
    assert len(sampled.names()) == 201
    assert not sampled.processor._open


def test_a_span_that_ends_while_another_is_being_noted_does_not_lock() -> None:
    """The garbage collector closes generators, and with them spans, wherever memory is taken."""
    provider = TracerProvider(shutdown_on_exit=False)
    inner: list[trace.Span] = []

    def collected() -> float:
        if inner:
            inner.pop().end()
        return 0.0

    provider.add_span_processor(SamplingProcessor(SimpleSpanProcessor(InMemorySpanExporter()), clock=collected))
    tracer = provider.get_tracer("test")
    inner.append(tracer.start_span("inner"))
    done = threading.Event()

    def outer() -> None:
        tracer.start_span("outer").end()
        done.set()

    threading.Thread(target=outer, daemon=True).start()
    assert done.wait(10)


def test_a_late_span_follows_its_trace(sampled: Sampled) -> None:
    root = sampled.tracer.start_span("root", start_time=SECOND)
    late = sampled.tracer.start_span("late", trace.set_span_in_context(root), start_time=SECOND)
    root.set_status(Status(StatusCode.ERROR))
    root.end(end_time=2 * SECOND)
    assert sampled.names() == []
    late.end(end_time=3 * SECOND)
    assert sampled.names() == ["late", "root"]


def test_a_trace_that_never_ends_is_decided_by_the_clock(sampled: Sampled) -> None:
    root = sampled.tracer.start_span("root")
    child = sampled.tracer.start_span("child", trace.set_span_in_context(root))
    child.set_status(Status(StatusCode.ERROR))
    child.end()
    sampled.now = 1000.0
    sampled.tracer.start_span("another").end()
    assert sampled.names() == ["child"]


def test_memory_is_bounded(sampled: Sampled) -> None:
    for _ in range(3000):
        sampled.tracer.start_span("never ends")
    assert len(sampled.processor._open) <= 2001
    assert len(sampled.processor._decided) <= 10_001


def test_a_flush_decides_what_is_open(sampled: Sampled) -> None:
    root = sampled.tracer.start_span("root")
    child = sampled.tracer.start_span("child", trace.set_span_in_context(root))
    child.set_status(Status(StatusCode.ERROR))
    child.end()
    sampled.provider.force_flush()
    assert sampled.names() == ["child"]


def test_a_ratio_that_is_none_is_refused() -> None:
    with pytest.raises(DefinitionError, match="not between 0 and 1"):
        Sampling(ratio=2)
    with pytest.raises(DefinitionError, match="no number of seconds"):
        Sampling(slow=float("nan"))
