"""The shipped definitions, loaded once for the tests of alerts."""

from __future__ import annotations

from functools import cache

from alerts.conditions import Rule, rules_of
from watchkeeper.catalogue import Catalogue
from watchkeeper.loading import load_definitions

__all__ = ["catalogue", "rules"]


@cache
def catalogue() -> Catalogue:
    """The shipped systems, dashboards and alerts."""
    loaded = load_definitions(("watchkeeper.systems", "dashboards", "alerts"))
    assert not loaded.findings
    return Catalogue.of(loaded.definitions)


@cache
def rules() -> tuple[Rule, ...]:
    """The rules of the shipped alerts and SLOs."""
    shipped = catalogue()
    return rules_of(shipped.alerts.values(), shipped.slos.values(), shipped.query)
