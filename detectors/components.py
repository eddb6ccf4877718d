"""Components: whose a series is, and under which name a graph of calls knows it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from detectors.rootcause.graph import node_of
from detectors.texts import series_name

__all__ = ["PLACE", "SERVICE", "component_of", "place_of", "service_of"]

SERVICE = ("service_name", "service", "app", "deployment", "statefulset", "daemonset", "job")
"""Labels that name a service, the one that says most first."""
PLACE = ("pod", "instance")
"""Labels that name one of its processes or servers."""


def service_of(labels: Mapping[str, str]) -> str:
    """The service of a series; empty where none is named."""
    return _first(labels, SERVICE)


def place_of(labels: Mapping[str, str]) -> str:
    """The process or server of a series; empty where none is named."""
    return _first(labels, PLACE)


def component_of(labels: Mapping[str, str], system: str, nodes: Collection[str] = ()) -> str:
    """The component that a series is of: the one of `nodes` that it goes by, else its service where it names one by a
    label of its own, else its place, else whatever its labels name, else its system.

    A node such as `postgresql/shop` is a database as its callers know it: it is that of the series whose system and
    whose further labels say the same, or the only one of its system.
    """
    own = {name: value for name, value in labels.items() if value and name != "__name__"}
    place = place_of(own)
    called = [*(own[name] for name in SERVICE if name in own), *(own[name] for name in PLACE if name in own)]
    called += [value.rpartition(":")[0] for value in (place,) if ":" in value]
    for name in called:
        if (node := node_of(name, nodes)) is not None:
            return node
    of_system = [node for node in nodes if node.partition("/")[0] == system]
    named = [node for node in of_system if node.partition("/")[2] in own.values()]
    if len(of_system) == 1 or len(named) == 1:
        return (named or of_system)[0]
    # The job of a scrape is the name of many: where a server is named, it is that server.
    service = _first(own, SERVICE[:-1])
    return service or place or _first(own, SERVICE) or series_name(own) or system


def _first(labels: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((labels[name] for name in names if labels.get(name)), "")
