"""What this process says of itself, by the names that every Prometheus client uses: memory, CPU, descriptors, start."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Sequence
from pathlib import Path

from collectors.families import Family, single
from watchkeeper.clock import now
from watchkeeper.systems.process import (
    PROCESS_CPU_SECONDS_TOTAL,
    PROCESS_MAX_FDS,
    PROCESS_OPEN_FDS,
    PROCESS_RESIDENT_MEMORY_BYTES,
    PROCESS_START_TIME_SECONDS,
    PROCESS_VIRTUAL_MEMORY_BYTES,
)

__all__ = ["process_families"]

_PAGE = resource.getpagesize()


def _started() -> float:
    """When this process was started, in seconds since the epoch; without /proc, when this module was imported."""
    try:
        # The name of the program may hold spaces and parentheses: what follows it is counted from the last one.
        ticks = float(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        return round(now() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / os.sysconf("SC_CLK_TCK"), 2)
    except (OSError, AttributeError):
        return now()


_STARTED = _started()


def process_families() -> Sequence[Family]:
    """The families of this process; without /proc, those that can be had otherwise."""
    found = [
        single(PROCESS_CPU_SECONDS_TOTAL, time.process_time()),
        single(PROCESS_START_TIME_SECONDS, _STARTED),
        single(PROCESS_MAX_FDS, float(resource.getrlimit(resource.RLIMIT_NOFILE)[0])),
    ]
    try:
        with open("/proc/self/statm", "rb", buffering=0) as file:  # noqa: PTH123  in the hot path
            virtual, resident = file.read().split()[:2]
        # The descriptor that lists the others is none of ours.
        descriptors = len(os.listdir("/proc/self/fd")) - 1  # noqa: PTH208  in the hot path
    except OSError:
        return found
    return [
        *found,
        single(PROCESS_RESIDENT_MEMORY_BYTES, float(int(resident) * _PAGE)),
        single(PROCESS_VIRTUAL_MEMORY_BYTES, float(int(virtual) * _PAGE)),
        single(PROCESS_OPEN_FDS, float(descriptors)),
    ]
