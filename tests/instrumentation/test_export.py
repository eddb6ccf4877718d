"""Durable export of spans: what was accepted arrives, whatever happens to the receiver and the process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from tests.servers import otlp, wait_until
from tests.servers.otlp import OtlpReceiver, attributes
from watchkeeper.instrumentation.export import SpooledSpanExporter
from watchkeeper.spool import Spool, SpoolError


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    with otlp.run() as running:
        yield running


def _provider(exporter: SpooledSpanExporter) -> TracerProvider:
    provider = TracerProvider(resource=Resource({"service.name": "planner"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))  # type: ignore[arg-type]
    return provider


def _spans(provider: TracerProvider, *names: str) -> None:
    for name in names:
        provider.get_tracer("test").start_span(name, attributes={"step": name}).end()


def test_spans_arrive_with_their_attributes_and_resource(receiver: OtlpReceiver, tmp_path: Path) -> None:
    exporter = SpooledSpanExporter(receiver.url, tmp_path)
    provider = _provider(exporter)
    _spans(provider, "a", "b")
    assert exporter.force_flush()
    provider.shutdown()
    assert [(span.name, attributes(span.attributes)) for span in receiver.spans()] == [
        ("a", {"step": "a"}),
        ("b", {"step": "b"}),
    ]
    resource = receiver.taken[0].resource_spans[0].resource
    assert attributes(resource.attributes) == {"service.name": "planner"}
    assert receiver.requests[0].path == "/v1/traces"


@pytest.mark.parametrize("suffix", ["", "/", "/v1/traces"])
def test_the_endpoint_may_name_the_signal(receiver: OtlpReceiver, tmp_path: Path, suffix: str) -> None:
    exporter = SpooledSpanExporter(receiver.url + suffix, tmp_path)
    provider = _provider(exporter)
    _spans(provider, "a")
    assert exporter.force_flush()
    provider.shutdown()
    assert receiver.requests[0].path == "/v1/traces"


def test_an_outage_costs_no_span_and_no_order(receiver: OtlpReceiver, tmp_path: Path) -> None:
    receiver.stop()
    exporter = SpooledSpanExporter(receiver.url, tmp_path)
    provider = _provider(exporter)
    names = [f"s{number}" for number in range(50)]
    _spans(provider, *names)
    wait_until(lambda: exporter.outbox.failures, seconds=10)
    receiver.start()
    wait_until(lambda: exporter.force_flush(100), seconds=30)
    provider.shutdown()
    assert [span.name for span in receiver.spans()] == names


def test_a_receiver_that_hangs_delays_no_application(receiver: OtlpReceiver, tmp_path: Path) -> None:
    receiver.gate.clear()
    exporter = SpooledSpanExporter(receiver.url, tmp_path)
    provider = _provider(exporter)
    _spans(provider, *"abc")  # returns while nothing is answered
    assert exporter.outbox.spool.accepted == 3
    assert not exporter.force_flush(10)
    receiver.gate.set()
    wait_until(lambda: exporter.force_flush(100), seconds=30)
    provider.shutdown()


def test_partial_success_is_counted(receiver: OtlpReceiver, tmp_path: Path) -> None:
    receiver.rejected = 2
    exporter = SpooledSpanExporter(receiver.url, tmp_path)
    provider = _provider(exporter)
    _spans(provider, "a")
    assert exporter.force_flush()
    assert exporter.outbox.rejected_items == 2
    provider.shutdown()


def test_a_full_queue_is_a_failure_of_the_export(receiver: OtlpReceiver, tmp_path: Path) -> None:
    receiver.stop()
    exporter = SpooledSpanExporter(receiver.url, tmp_path, limit=2_000)
    provider = _provider(exporter)
    _spans(provider, *[f"s{number}" for number in range(50)])
    assert exporter.outbox.spool.full > 0
    provider.shutdown()
    with contextlib.closing(Spool(tmp_path, 2_000)) as spool:
        assert len(spool) == exporter.outbox.spool.accepted


def test_two_processes_cannot_share_a_queue(receiver: OtlpReceiver, tmp_path: Path) -> None:
    exporter = SpooledSpanExporter(receiver.url, tmp_path)
    with pytest.raises(SpoolError, match="another process has this queue open"):
        SpooledSpanExporter(receiver.url, tmp_path)
    exporter.shutdown()


def test_configure_tracing_takes_a_queue(receiver: OtlpReceiver, tmp_path: Path) -> None:
    script = f"""
        from watchkeeper.instrumentation import configure_tracing, workflow
        close = configure_tracing("planner", {receiver.url!r}, queue={str(tmp_path)!r})
        with workflow("review"):
            pass
        close()
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, timeout=60)
    (span,) = receiver.spans()
    assert "review" in span.name
    assert list(tmp_path.glob("*.spool"))


# SIGKILL

# An application of two threads that tells of every span whose export was accepted.
_APPLICATION = """
    import sys, threading
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
    from watchkeeper.instrumentation.export import SpooledSpanExporter

    class Telling(SpooledSpanExporter):
        def export(self, spans):
            result = super().export(spans)
            if result is SpanExportResult.SUCCESS:
                sys.stdout.write("".join(f"{span.context.span_id:016x}\\n" for span in spans))
                sys.stdout.flush()
            return result

    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(Telling(sys.argv[1], sys.argv[2])))
    tracer = provider.get_tracer("test")
    def work():
        while True:
            tracer.start_span("work").end()
    for _ in range(2):
        threading.Thread(target=work).start()
"""


def _accepted_through_kills(receiver: OtlpReceiver, directory: Path, *, lives: int, away: float) -> set[str]:
    """What an application accepted that is killed several times in its work, with an outage of `away` seconds."""
    accepted: set[str] = set()
    for life in range(lives):
        if life == 1:
            receiver.stop()
        path = directory / f"out{life}"
        with path.open("wb") as out:
            command = [sys.executable, "-c", textwrap.dedent(_APPLICATION), receiver.url, str(directory / "queue")]
            process = subprocess.Popen(command, stdout=out)
            wait_until(lambda: path.stat().st_size > 17 * (20 + 30 * life), seconds=60)  # noqa: B023
            if life == 1 and away:
                threading.Event().wait(away)  # the time itself is what is tested; spans go on being made
            os.kill(process.pid, signal.SIGKILL)
            process.wait(30)
        # A line that the kill has torn is not counted as told.
        accepted |= set(path.read_text().split("\n")[:-1])
        if life == 2:
            receiver.start()
    return accepted


def _check_all_arrive(receiver: OtlpReceiver, queue: Path, accepted: set[str]) -> None:
    exporter = SpooledSpanExporter(receiver.url, queue)
    wait_until(lambda: exporter.force_flush(1000), seconds=120)
    exporter.shutdown()
    arrived = {span.span_id.hex() for span in receiver.spans()}
    assert len(accepted) > 100
    assert not accepted - arrived


def test_kills_and_an_outage_lose_no_span_that_was_accepted(receiver: OtlpReceiver, tmp_path: Path) -> None:
    accepted = _accepted_through_kills(receiver, tmp_path, lives=4, away=0.0)
    _check_all_arrive(receiver, tmp_path / "queue", accepted)


@pytest.mark.long
def test_a_minute_without_the_receiver_loses_no_span(receiver: OtlpReceiver, tmp_path: Path) -> None:
    accepted = _accepted_through_kills(receiver, tmp_path, lives=4, away=60.0)
    _check_all_arrive(receiver, tmp_path / "queue", accepted)
