"""The traces that an incident's page shows."""

from __future__ import annotations

from urllib.parse import urlencode

from runbooks.console.state import Console
from runbooks.records import Incident
from watchkeeper.errors import StoreError
from watchkeeper.traces.related import Related, related

__all__ = ["IncidentTraces", "incident_traces"]

# What led to an incident began before it was noticed: alerts hold for about five minutes.
_BEFORE_SECONDS = 600.0


class IncidentTraces:
    """The traces of an incident, and the address of the list that has the others."""

    __slots__ = ("address", "failed", "slowest", "told")

    def __init__(self, found: Related) -> None:
        asked = found.asked
        self.failed = found.failed
        self.slowest = found.slowest
        self.told = asked.operation or asked.service
        pairs = {"service": asked.service, "operation": asked.operation, "from": asked.start, "to": asked.end}
        query = {name: f"{value:.0f}" if isinstance(value, float) else value for name, value in pairs.items() if value}
        self.address = "/traces?" + urlencode({**query, "order": "slowest"})


def incident_traces(console: Console, incident: Incident) -> tuple[IncidentTraces | None, str]:
    """The slowest and failed traces of an incident's time for what its labels name, and why there are none."""
    source = console.traces
    if source is None:
        return None, ""
    start = incident.detected_at - _BEFORE_SECONDS / console.pace
    end = console.clock() if incident.resolved_at is None else incident.resolved_at
    try:
        found = console.patience.ask("traces", lambda: related(source, incident.labels, start, end))
    except StoreError as error:
        return None, str(error)
    return (None, "") if found is None else (IncidentTraces(found), "")
