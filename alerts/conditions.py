"""Rules: alerts and SLOs in the one form that is rendered, tested and evaluated."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from alerts.slos import Burn, burns, over
from watchkeeper.declarations import SLO, Alert, Severity
from watchkeeper.durations import parse_duration
from watchkeeper.queries import Query, combine
from watchkeeper.queries.nodes import Number
from watchkeeper.units import RATIO, Unit

__all__ = ["Lookup", "Rule", "rules_of"]

Lookup = Callable[[Query | str], Query]
"""Gives the query of a key, and a query as it is; raises DefinitionError for an unknown key (`Catalogue.query`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule that can fire.

    `condition` keeps the series for which it fires, and their values; every window in it is set. `recorded` is the same
    over recorded series, where there are some. `hold` is in seconds. `labels` are added to those of the series.
    """

    name: str
    system: str
    condition: Query
    recorded: Query | None = None
    unit: Unit
    hold: float
    severity: Severity
    owner: str
    summary: str
    description: str
    runbook: str
    panel: str
    source: str
    labels: tuple[tuple[str, str], ...] = ()

    @property
    def all_labels(self) -> dict[str, str]:
        """What the rule adds to the labels of a series."""
        own = {"severity": self.severity, "system": self.system, "owner": self.owner}
        return {"alertname": self.name, **own, **dict(self.labels)}


def rules_of(alerts: Iterable[Alert], slos: Iterable[SLO], lookup: Lookup) -> tuple[Rule, ...]:
    """The rules of alerts and SLOs, sorted by system and name.

    Raises DefinitionError when a query key is unknown.
    """
    rules = [_of_alert(alert, lookup) for alert in alerts]
    rules += [_of_burn(burn) for slo in slos for burn in burns(slo)]
    return tuple(sorted(rules, key=lambda rule: (rule.system, rule.name)))


def _of_alert(alert: Alert, lookup: Lookup) -> Rule:
    query = over(lookup(alert.query), alert.window)
    condition = query
    if alert.threshold is not None:
        condition = combine(alert.op, query, Number(float(alert.threshold)))
    return Rule(
        name=alert.name,
        system=alert.system,
        condition=condition,
        unit=query.unit if alert.threshold is not None else condition.unit,
        hold=parse_duration(alert.hold),
        severity=alert.severity,
        owner=alert.owner,
        summary=alert.summary,
        description=alert.description,
        runbook=alert.runbook,
        panel=alert.panel,
        source=alert.source,
    )


def _of_burn(burn: Burn) -> Rule:
    slo, window = burn.slo, burn.window
    factor = window.factor(slo.period)
    return Rule(
        name=burn.name,
        system=slo.system,
        condition=burn.direct,
        recorded=burn.recorded,
        unit=RATIO,
        hold=parse_duration(window.hold),
        severity=window.severity,
        owner=slo.owner,
        summary=f"{slo.title}: the error budget burns {factor:g} times too fast",
        description=(
            f"{{{{ $value }}}} of the last {window.long} was bad, more than {burn.threshold:.4g} (a ratio); "
            f"it still is over the last {window.short}. The objective is {slo.objective:.6g} over {slo.period}: "
            f"{window.share:.0%} of its budget went in {window.long}."
        ),
        runbook=slo.runbook,
        panel=slo.panel,
        source=f"{slo.source}; SRE workbook, chapter 5, table 5-8",
        labels=(("slo", slo.name),),
    )
