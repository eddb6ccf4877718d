"""PromQL text that a user brings: parsed when it is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from watchkeeper.errors import QueryError
from watchkeeper.queries.nodes import AUTO, Query
from watchkeeper.signals import Signal
from watchkeeper.units import ONE, Unit

__all__ = ["PromQL", "metric_names"]

# Grafana's variables stand where PromQL wants a duration; any duration does for parsing.
_VARIABLE = re.compile(r"\$__(?:rate_interval|interval|range)|\$\{__(?:rate_interval|interval|range)\}")


@dataclass(frozen=True, slots=True)
class PromQL(Query):
    """Text that a user brings: parsed when built.

    `metrics` are found in the text; each must be a signal of the catalogue or stand in `declares`. Unit and labels
    are what the user says they are. The embedded store refuses it. Raises QueryError when the text is not PromQL.
    """

    text: str
    text_unit: Unit = ONE
    text_labels: frozenset[str] = frozenset()
    declares: tuple[Signal, ...] = ()
    metrics: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.metrics:
            object.__setattr__(self, "metrics", metric_names(self.text))

    @property
    def unit(self) -> Unit:
        return self.text_unit

    @property
    def loose(self) -> bool:
        return True

    @property
    def labels(self) -> frozenset[str]:
        return self.text_labels

    def promql(self, auto: str = AUTO) -> str:
        return self.text.replace(AUTO, auto)


def metric_names(text: str) -> tuple[str, ...]:
    """The metric names in a PromQL text, sorted.

    Raises QueryError when the text is not PromQL, or selects series without a name.
    """
    try:
        import promql_parser
    except ModuleNotFoundError:
        raise QueryError("PromQL text needs the parser: pip install 'watchkeeper[build]'") from None
    try:
        tree = promql_parser.parse(_VARIABLE.sub("5m", text))
    except ValueError as error:
        raise QueryError(f"PromQL({text!r}): {' '.join(str(error).split())}") from None
    names = set()
    for selector in _selectors(tree, promql_parser.VectorSelector):
        if not selector.name:
            raise QueryError(
                f"PromQL({text!r}): a selector without a metric name: name the metric, so that it can be resolved"
            )
        names.add(selector.name)
    return tuple(sorted(names))


def _selectors(node: Any, kind: type) -> Iterator[Any]:
    if isinstance(node, kind):
        yield node
        return
    for name in ("expr", "lhs", "rhs", "vector_selector", "param"):
        child = getattr(node, name, None)
        if child is not None:
            yield from _selectors(child, kind)
    for child in getattr(node, "args", None) or ():
        yield from _selectors(child, kind)
