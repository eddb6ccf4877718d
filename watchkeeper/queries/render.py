"""The PromQL text of the parts that a query is made of."""

from __future__ import annotations

import math

from watchkeeper.durations import format_duration
from watchkeeper.signals import Matcher, Selection, Signal

__all__ = ["call_text", "number_text", "offset_text", "selector_text", "window_text"]


def selector_text(selection: Selection[Signal]) -> str:
    """The PromQL text of a selection."""
    if not selection.matchers:
        return selection.signal.name
    return f"{selection.signal.name}{{{', '.join(_matcher(m) for m in selection.matchers)}}}"


def _matcher(matcher: Matcher) -> str:
    value = matcher.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{matcher.label}{matcher.op}"{value}"'


def number_text(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return "NaN" if math.isnan(value) else repr(value)


def call_text(function: str, inner: str, parameter: float | None) -> str:
    if parameter is None:
        return f"{function}({inner})"
    if function == "predict_linear":
        return f"{function}({inner}, {number_text(parameter)})"
    return f"{function}({number_text(parameter)}, {inner})"


def offset_text(seconds: float) -> str:
    return f" offset {format_duration(seconds)}" if seconds else ""


def window_text(seconds: float | None, auto: str) -> str:
    return auto if seconds is None else format_duration(seconds)
