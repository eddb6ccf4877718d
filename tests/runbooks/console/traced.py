"""A console with a trace store, and traces of the last minute in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.runbooks.console.support import Running, running
from tests.traces.support import AT, TRACE, span
from watchkeeper.clock import now
from watchkeeper.traces import Span, TraceStore

__all__ = ["EVIL", "OTHER", "TRACE", "example", "lately", "traced"]

EVIL = "\"><script>window.evil = 1</script><img src=x onerror='window.evil = 2'>"
OTHER = "b" * 32


def lately(name: str = "work", start: float = 0.0, seconds: float = 1.0, **more: Any) -> Span:
    """A span that began half a minute ago, and `start` seconds later."""
    return span(name, now() - AT - 30 + start, seconds, **more)


def example() -> list[Span]:
    """A task that is slow for a tool that failed, and a quick one."""
    chat = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4.1",
        "gen_ai.usage.input_tokens": 1200,
        "gen_ai.usage.output_tokens": 80,
        "prompt": EVIL,
    }
    return [
        lately("POST /tasks", 0, 4, id=1, kind="server"),
        lately("invoke_agent planner", 0.1, 3.8, id=2, parent=1, service="worker"),
        lately("chat gpt-4.1", 0.2, 1.0, id=3, parent=2, service="worker", attributes=chat),
        lately("execute_tool search", 1.3, 2.5, id=4, parent=2, service="worker", error="tools answered 503"),
        lately("POST /tools/search", 1.4, 2.3, id=5, parent=4, service="tools", kind="server", error="503"),
        lately(EVIL, 1.5, 0.1, id=6, parent=5, service=EVIL),
        lately("GET /tasks", 5, 0.02, id=7, kind="server", trace_id=OTHER),
    ]


@contextmanager
def traced(directory: Path, **changes: Any) -> Iterator[tuple[Running, TraceStore]]:
    """A served console, and the store behind it."""
    store = TraceStore(directory / "traces.sqlite")
    store.start()
    store.add(example())
    try:
        with running(directory, trace_source=store, **changes) as console:
            yield console, store
    finally:
        store.stop()
