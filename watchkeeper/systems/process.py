"""Signals of a process, by the names that every Prometheus client uses; the agent platform owns them.

They stand apart because a sidecar says them of itself, and has no use for anybody's queries.
"""

from __future__ import annotations

from watchkeeper.signals import Counter, Gauge, Polarity
from watchkeeper.units import BYTES, ONE, SECONDS, UNIX_TIME

__all__ = [
    "PROCESS_CPU_SECONDS_TOTAL",
    "PROCESS_MAX_FDS",
    "PROCESS_OPEN_FDS",
    "PROCESS_RESIDENT_MEMORY_BYTES",
    "PROCESS_START_TIME_SECONDS",
    "PROCESS_VIRTUAL_MEMORY_BYTES",
]

_CLIENT = "prometheus_client"

PROCESS_RESIDENT_MEMORY_BYTES = Gauge(
    "process_resident_memory_bytes",
    help="Resident memory of the process.",
    unit=BYTES,
    polarity=Polarity.HIGH_IS_BAD,
    origin=_CLIENT,
)
PROCESS_VIRTUAL_MEMORY_BYTES = Gauge(
    "process_virtual_memory_bytes", help="Virtual memory of the process.", unit=BYTES, origin=_CLIENT
)
PROCESS_CPU_SECONDS_TOTAL = Counter(
    "process_cpu_seconds_total",
    help="CPU time of the process, user and system.",
    unit=SECONDS,
    polarity=Polarity.HIGH_IS_BAD,
    origin=_CLIENT,
)
PROCESS_START_TIME_SECONDS = Gauge(
    "process_start_time_seconds", help="When the process started.", unit=UNIX_TIME, origin=_CLIENT
)
PROCESS_OPEN_FDS = Gauge(
    "process_open_fds",
    help="Open file descriptors of the process.",
    unit=ONE,
    polarity=Polarity.HIGH_IS_BAD,
    origin=_CLIENT,
)
PROCESS_MAX_FDS = Gauge(
    "process_max_fds", help="How many file descriptors the process may open.", unit=ONE, origin=_CLIENT
)
