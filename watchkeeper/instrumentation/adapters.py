"""Frameworks and clients through the ecosystem's own instrumentations: they make the spans, we count them.

    configure_tracing("shop", "http://127.0.0.1:4318")       # adds what counts spans: RED, tokens, cost
    instrument_fastapi(app)
    instrument_celery()
    instrument_openai()
    instrument_anthropic()

Prompts and answers stay out of the spans, as is these instrumentations' default: they are the users' data
(OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT decides).
"""

from __future__ import annotations

import importlib
from typing import Any

from watchkeeper.instrumentation.tracing import TracingError

__all__ = [
    "instrument_anthropic",
    "instrument_asgi",
    "instrument_celery",
    "instrument_fastapi",
    "instrument_openai",
]


def instrument_fastapi(app: Any, *, tracer_provider: Any = None) -> None:
    """Make a server span of every request of a FastAPI application, named by its route.

    Raises TracingError when opentelemetry-instrumentation-fastapi is not installed.
    """
    found = _instrumentation("fastapi", "fastapi").FastAPIInstrumentor
    # The spans of each ASGI message say nothing that the request's does not, and are two thirds of all.
    found.instrument_app(app, tracer_provider=tracer_provider, exclude_spans=["receive", "send"])


def instrument_asgi(app: Any, *, tracer_provider: Any = None) -> Any:
    """An ASGI application (Starlette, Quart, …) that makes a server span of every request; serve it in its place.
    One that does so already is given back as it is.

    Raises TracingError when opentelemetry-instrumentation-asgi is not installed.
    """
    middleware = _instrumentation("asgi", "asgi").OpenTelemetryMiddleware
    if isinstance(app, middleware):
        return app
    return middleware(app, tracer_provider=tracer_provider, exclude_spans=["receive", "send"])


def instrument_celery(*, tracer_provider: Any = None) -> None:
    """Make producer and consumer spans of Celery's tasks, with the trace carried across the broker.

    Call it in the worker too, after it has forked (`worker_process_init`). Raises TracingError when
    opentelemetry-instrumentation-celery is not installed.
    """
    _instrumentation("celery", "celery").CeleryInstrumentor().instrument(tracer_provider=tracer_provider)


def instrument_openai(*, tracer_provider: Any = None) -> None:
    """Make a span of every call of the OpenAI client, with its tokens.

    Raises TracingError when opentelemetry-instrumentation-genai-openai is not installed.
    """
    _instrumentation("genai.openai", "openai").OpenAIInstrumentor().instrument(tracer_provider=tracer_provider)


def instrument_anthropic(*, tracer_provider: Any = None) -> None:
    """Make a span of every call of the Anthropic client, with its tokens.

    Raises TracingError when opentelemetry-instrumentation-genai-anthropic is not installed.
    """
    _instrumentation("genai.anthropic", "anthropic").AnthropicInstrumentor().instrument(tracer_provider=tracer_provider)


def _instrumentation(module: str, extra: str) -> Any:
    try:
        return importlib.import_module(f"opentelemetry.instrumentation.{module}")
    except ImportError as error:
        raise TracingError(
            f"{error.name} is not installed, which makes the spans: pip install 'watchkeeper[{extra}]'"
        ) from None
