"""A small real agent platform: several instrumented processes, HTTP and a queue between them, faults to inject.

    with launch(directory, pace=20, seed=1) as platform:
        print(platform.targets)
        platform.inject("tool-latency")

`python -m examples.agent_platform` runs it alone.
"""

from __future__ import annotations

from examples.agent_platform.bills import Anomaly, write_bills
from examples.agent_platform.history import Series, history
from examples.agent_platform.launcher import FAULTS, INSTANCES, Platform, PlatformError, launch

__all__ = [
    "FAULTS",
    "INSTANCES",
    "Anomaly",
    "Platform",
    "PlatformError",
    "Series",
    "history",
    "launch",
    "write_bills",
]
