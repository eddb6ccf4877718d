"""Who calls whom, between the components that have signals."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

__all__ = ["Graph", "node_of"]

_MARKS = "-._/@"


@dataclass(frozen=True, slots=True)
class Graph:
    """The callees and callers of each component, which may be empty; see `of`."""

    callees: Mapping[str, frozenset[str]]
    callers: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, edges: Iterable[tuple[str, str]], components: Iterable[str]) -> Graph:
        """The graph between these components from (caller, callee) pairs of names.

        A node stands for the component of its name, else for all whose names begin with it (`cart` for the pods
        `cart-5f66-x2v`). A node without a component is looked through: its callers call what it calls.
        """
        pairs = {(a, b) for a, b in edges if a != b}
        nodes = {node for pair in pairs for node in pair}
        owners: dict[str, set[str]] = {}
        for component in components:
            node = node_of(component, nodes)
            if node is not None:
                owners.setdefault(node, set()).add(component)
        calls: dict[str, set[str]] = {}
        for a, b in pairs:
            calls.setdefault(a, set()).add(b)
        callees: dict[str, frozenset[str]] = {}
        callers: dict[str, set[str]] = {}
        for node, own in owners.items():
            met = frozenset().union(*(owners[other] for other in _next_known(node, calls, owners)))
            for component in own:
                callees[component] = met - {component}
                for other in callees[component]:
                    callers.setdefault(other, set()).add(component)
        return cls(callees, {name: frozenset(found) for name, found in callers.items()})

    def __bool__(self) -> bool:
        return any(self.callees.values())

    def below(self, component: str) -> frozenset[str]:
        """The component and all that it calls, directly or not."""
        return _closure(component, self.callees)

    def above(self, component: str) -> frozenset[str]:
        """The component and all that call it, directly or not."""
        return _closure(component, self.callers)


def node_of(component: str, nodes: Collection[str]) -> str | None:
    """The name among `nodes` that a component goes by: its own, else the longest that it begins with."""
    if component in nodes:
        return component
    fits = [n for n in nodes if component.startswith(n) and component[len(n) : len(n) + 1] in _MARKS]
    return max(fits, key=len, default=None)


def _next_known(node: str, calls: Mapping[str, set[str]], owners: Mapping[str, object]) -> set[str]:
    found, seen, todo = set(), {node}, list(calls.get(node, ()))
    while todo:
        other = todo.pop()
        if other in seen:
            continue
        seen.add(other)
        if other in owners:
            found.add(other)
        else:
            todo += calls.get(other, ())
    return found


def _closure(start: str, next_of: Mapping[str, Iterable[str]]) -> frozenset[str]:
    seen, todo = {start}, [start]
    while todo:
        for other in next_of.get(todo.pop(), ()):
            if other not in seen:
                seen.add(other)
                todo.append(other)
    return frozenset(seen)
