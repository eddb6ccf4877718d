"""The declared signals and the names of the conventions agree."""

from __future__ import annotations

import pytest

from watchkeeper.instrumentation import conventions
from watchkeeper.signals import Signal
from watchkeeper.systems.agent_platform import SIGNALS

_ATTRIBUTES = {
    conventions.prometheus_name(value)
    for name, value in vars(conventions).items()
    if name in conventions.__all__ and isinstance(value, str) and "." in value and "@" not in value
} | {"gen_ai_token_type"}
_METRICS = {
    "gen_ai.client.token.usage": "",
    "gen_ai.client.operation.duration": "_seconds",
    "gen_ai.client.operation.time_to_first_chunk": "_seconds",
    "gen_ai.invoke_agent.duration": "_seconds",
    "gen_ai.execute_tool.duration": "_seconds",
    "gen_ai.workflow.duration": "_seconds",
    "http.server.request.duration": "_seconds",
    "http.client.request.duration": "_seconds",
}


def test_borrowed_metrics_have_the_names_of_the_conventions() -> None:
    borrowed = {signal.name for signal in SIGNALS if signal.origin and signal.origin.startswith("OTel")}
    assert borrowed == {conventions.prometheus_name(name) + suffix for name, suffix in _METRICS.items()}


@pytest.mark.parametrize(
    "signal", [s for s in SIGNALS if s.origin and s.origin.startswith("OTel")], ids=lambda s: s.name
)
def test_labels_of_borrowed_metrics_are_attributes_of_the_conventions(signal: Signal) -> None:
    assert set(signal.labels) <= _ATTRIBUTES
