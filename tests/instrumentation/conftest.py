"""Spans in memory, and differences of metrics: both the tracer provider and the registry are the process's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from watchkeeper.instrumentation import REGISTRY

Difference = Callable[..., float]


@pytest.fixture(scope="session")
def exporter() -> InMemorySpanExporter:
    found = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(found))
    trace.set_tracer_provider(provider)
    return found


@pytest.fixture
def spans(exporter: InMemorySpanExporter) -> Iterator[InMemorySpanExporter]:
    exporter.clear()
    yield exporter
    exporter.clear()


@pytest.fixture
def difference() -> Difference:
    """What a series has gained since the test began: `difference("name_count", label="value")`."""
    before = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in REGISTRY.collect()
        for sample in family.samples
    }

    def gained(name: str, **labels: str) -> float:
        value = REGISTRY.get_sample_value(name, labels)
        return (value or 0.0) - before.get((name, tuple(sorted(labels.items()))), 0.0)

    return gained
