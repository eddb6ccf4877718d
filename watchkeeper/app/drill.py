"""A drill without a browser: inject one fault into the demo, and see that it leads where it should."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from watchkeeper.app.demo import RUNBOOKS, Demo
from watchkeeper.clock import monotonic, now

__all__ = ["HARMLESS", "Report", "run_drill"]

HARMLESS = ("none", "load-surge")
"""What must open no incident."""

DETECTION_SECONDS = 60.0
WHOLE_SECONDS = 300.0
_POLL_SECONDS = 0.2


@dataclass(slots=True)
class Report:
    """What a drill found; times are seconds since the epoch, `reason` is empty when all went as it should."""

    fault: str
    pace: float
    seed: int
    magnitude: float | None = None
    injected_at: float | None = None
    detected_at: float | None = None
    incident_id: str | None = None
    runbook: str | None = None
    steps: list[dict[str, Any]] = field(default_factory=list)
    resolved_at: float | None = None
    other_incidents: list[str] = field(default_factory=list)
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


class _Failed(Exception):  # noqa: N818  a verdict, not an error
    pass


def run_drill(demo: Demo, fault: str, seed: int, say: Callable[[str], None] = lambda _: None) -> Report:
    """Inject a fault after a random while, and wait for incident, answers and resolution; five minutes in all."""
    report = Report(fault=fault, pace=demo.pace, seed=seed)
    begin = monotonic()
    try:
        if fault in HARMLESS:
            _nothing_happens(demo, report, begin, say)
        else:
            _fault_is_handled(demo, report, begin, say)
    except _Failed as failure:
        report.reason = str(failure)
    finally:
        if demo.faults.active() is not None:
            demo.faults.clear()
    return report


def _nothing_happens(demo: Demo, report: Report, begin: float, say: Callable[[str], None]) -> None:
    _settle(demo, report)
    if report.fault != "none":
        say(f"injecting {report.fault}")
        _inject(demo, report)
    _wait(begin + WHOLE_SECONDS, lambda: bool(_incidents(demo)))
    _no_incident(demo)


def _fault_is_handled(demo: Demo, report: Report, begin: float, say: Callable[[str], None]) -> None:
    expected = RUNBOOKS[report.fault]
    _settle(demo, report)
    say(f"injecting {report.fault}")
    _inject(demo, report)

    def right() -> Any:
        return next((one for one in _incidents(demo) if one.runbook == expected), None)

    incident = _wait(monotonic() + DETECTION_SECONDS, right)
    if incident is None:
        opened = ", ".join(one.runbook or one.title for one in _incidents(demo)) or "none"
        raise _Failed(f"no incident with {expected} within {DETECTION_SECONDS:.0f} s; incidents: {opened}")
    report.incident_id, report.runbook = incident.id, incident.runbook
    report.detected_at = incident.detected_at
    say(f"incident {incident.id} after {report.detected_at - (report.injected_at or 0):.0f} s, runbook {expected}")
    journal = demo.loop.engine.journal
    _wait(begin + WHOLE_SECONDS / 2, lambda: _answered(_steps(demo, incident.id)))
    demo.faults.clear()
    say("fault cleared; waiting for the incident to resolve")
    if _wait(begin + WHOLE_SECONDS, lambda: journal.incident(incident.id).status == "resolved") is None:
        raise _Failed(f"incident {incident.id} did not resolve within {WHOLE_SECONDS:.0f} s")
    report.resolved_at = journal.incident(incident.id).resolved_at
    _wait(begin + WHOLE_SECONDS, lambda: all(one.status not in _LIVE for one in _steps(demo, incident.id)))
    steps = _steps(demo, incident.id)
    report.steps = [{"id": one.step_id, "status": one.status, "seconds": one.seconds} for one in steps]
    report.other_incidents = [one.runbook or one.title for one in _incidents(demo) if one.id != incident.id]
    unanswered = [
        one.step_id for one in steps if one.risk == "read" and one.kind != "manual" and one.status != "succeeded"
    ]
    if not steps:
        raise _Failed(f"incident {incident.id} has no run")
    if unanswered:
        raise _Failed(f"read steps without an answer: {', '.join(unanswered)}")


def _settle(demo: Demo, report: Report) -> None:
    """A random while in which nothing must happen."""
    pause = random.Random(f"{report.seed}/start").uniform(10, 25)  # noqa: S311  repeatable on purpose
    if _wait(monotonic() + pause, lambda: bool(_incidents(demo))):
        _no_incident(demo)


def _no_incident(demo: Demo) -> None:
    found = [f"{one.id} {one.title}" for one in _incidents(demo)]
    if found:
        raise _Failed(f"an incident opened without a fault: {'; '.join(found)}")


def _inject(demo: Demo, report: Report) -> None:
    report.injected_at = now()
    report.magnitude = demo.faults.inject(report.fault)


def _incidents(demo: Demo) -> list[Any]:
    found: list[Any] = demo.loop.engine.journal.incidents(limit=100)
    return found


_LIVE = ("pending", "running")


def _steps(demo: Demo, incident_id: str) -> list[Any]:
    journal = demo.loop.engine.journal
    runs = journal.runs(incident_id)
    found: list[Any] = journal.steps(runs[0].id) if runs else []
    return found


def _answered(steps: list[Any]) -> bool:
    """Whether the run has come as far as it can without a person."""
    return bool(steps) and (
        any(one.status == "waiting_approval" for one in steps) or all(one.status not in _LIVE for one in steps)
    )


def _wait(deadline: float, condition: Callable[[], Any]) -> Any:
    """The first true answer of a condition, None at the deadline."""
    while True:
        answer = condition()
        if answer:
            return answer
        if monotonic() >= deadline:
            return None
        time.sleep(_POLL_SECONDS)
