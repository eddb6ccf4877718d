"""Everything that Prometheus and Alertmanager read, made from definitions: the same input gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterable

from alerts.conditions import Lookup, rules_of
from alerts.routing import Routing, alertmanager_file
from alerts.rule_tests import test_files
from alerts.rules import Links, rule_files
from watchkeeper.declarations import SLO, Alert

__all__ = ["Links", "Routing", "files"]


def files(
    alerts: Iterable[Alert],
    slos: Iterable[SLO],
    lookup: Lookup,
    *,
    links: Links | None = None,
    routing: Routing | None = None,
) -> dict[str, bytes]:
    """Rule files, their tests and the Alertmanager configuration, by path below the output directory.

    `lookup` is `Catalogue.query`; overrides of the settings are applied by the caller (`Catalogue.with_settings`).
    Raises DefinitionError for an unknown query key, or for a condition whose test cannot be generated.
    """
    objectives = tuple(slos)
    rules = rules_of(alerts, objectives, lookup)
    return {
        **rule_files(rules, objectives, links or Links()),
        **test_files(rules),
        **alertmanager_file(routing or Routing()),
    }
