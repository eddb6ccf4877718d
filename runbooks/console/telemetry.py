"""What the run engine and the console say of themselves, as samples and as exposition text."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping

from watchkeeper.stores import Sample

__all__ = ["HELP", "Counters", "engine_samples", "exposition"]

HELP: Mapping[str, str] = {
    "watchkeeper_console_requests_total": "Answers of the console.",
    "watchkeeper_deliveries_overloaded_total": "Requests refused because too many waited to be stored.",
    "watchkeeper_deliveries_total": "Deliveries that were stored.",
    "watchkeeper_incident_events_total": "Entries of timelines by kind.",
    "watchkeeper_incidents": "Incidents that are not resolved.",
    "watchkeeper_runs_unfinished": "Runs that are under way.",
    "watchkeeper_steps_waiting": "Steps that wait for a person.",
    "watchkeeper_webhooks_total": "Webhook requests by what became of them.",
}
_PLAIN = {
    "deliveries": "watchkeeper_deliveries_total",
    "overloaded": "watchkeeper_deliveries_overloaded_total",
    "runs_unfinished": "watchkeeper_runs_unfinished",
    "steps_waiting": "watchkeeper_steps_waiting",
}


class Counters:
    """What the console counts of itself; any thread may."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._webhooks: Counter[str] = Counter({"accepted": 0, "refused": 0, "overloaded": 0})

    def request(self, method: str, status: int) -> None:
        """Count an answer."""
        with self._lock:
            self._requests[method if method in ("GET", "HEAD", "POST") else "other", status] += 1

    def webhook(self, outcome: str) -> None:
        """Count what became of a webhook: `accepted`, `refused` (not readable), `overloaded` (to be sent again)."""
        with self._lock:
            self._webhooks[outcome] += 1

    def samples(self, at: float) -> list[Sample]:
        """The counters at a time."""
        with self._lock:
            requests, webhooks = sorted(self._requests.items()), sorted(self._webhooks.items())
        name = "watchkeeper_console_requests_total"
        return [
            *(Sample(name, {"code": str(code), "method": method}, float(n), at) for (method, code), n in requests),
            *(Sample("watchkeeper_webhooks_total", {"outcome": outcome}, float(n), at) for outcome, n in webhooks),
        ]


def engine_samples(numbers: Mapping[str, float], at: float) -> list[Sample]:
    """The numbers of `Engine.statistics()` under their metric names; what has not happened yet is 0."""
    found = [Sample(name, {}, float(numbers.get(key, 0.0)), at) for key, name in _PLAIN.items()]
    for status in ("open", "acknowledged"):
        value = float(numbers.get(f"incidents_{status}", 0.0))
        found.append(Sample("watchkeeper_incidents", {"status": status}, value, at))
    for key in sorted(numbers):
        if key.startswith("events_"):
            labels = {"kind": key.removeprefix("events_")}
            found.append(Sample("watchkeeper_incident_events_total", labels, float(numbers[key]), at))
    return found


def exposition(samples: Iterable[Sample], *, without: bytes = b"") -> bytes:
    """The samples in Prometheus' text format, but for metrics that the exposition text `without` has already."""
    there = {line.split()[2].decode() for line in without.splitlines() if line.startswith(b"# TYPE ")}
    families: dict[str, list[str]] = {}
    for sample in samples:
        if sample.name not in there:
            # Names and values are ours or those of the journal: none needs escaping.
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            line = f"{sample.name}{{{labels}}} {sample.value!r}" if labels else f"{sample.name} {sample.value!r}"
            families.setdefault(sample.name, []).append(line)
    lines = []
    for name, values in sorted(families.items()):
        kind = "counter" if name.endswith("_total") else "gauge"
        lines += [f"# HELP {name} {HELP[name]}", f"# TYPE {name} {kind}", *values]
    return "".join(f"{line}\n" for line in lines).encode()
