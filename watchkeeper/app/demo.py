"""The demo: `up` with the example platform, real Redis and PostgreSQL where they are installed, bills and a
simulated past.

It uses the shipped definitions. One factor, `pace`, divides windows, hold times and seasons, so that a day passes in
86,400 / pace seconds; nothing else is different from an installation.
"""

from __future__ import annotations

import contextlib
import importlib.util
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from watchkeeper.app.load import load_everything, package
from watchkeeper.app.loop import Extras, Loop
from watchkeeper.clock import now
from watchkeeper.errors import SettingsError
from watchkeeper.settings import RunbookSettings, Seconds, Settings, Target

__all__ = ["PACE", "RUNBOOKS", "Demo", "Faults", "open_demo"]

PACE = 20.0
HISTORY_DAYS = 3
BILL_DAYS = 90
_SCRAPE_SECONDS = 1.0
# Detectors learn their past before the demo is said to be ready; a machine that takes longer goes on learning.
_WARM_SECONDS = 60.0

RUNBOOKS: Mapping[str, str] = {
    "tool-latency": "agent_platform/tool-latency",
    "token-blowup": "agent_platform/token-cost",
    "error-burst": "agent_platform/error-burst",
    "queue-backlog": "agent_platform/queue-backlog",
    "memory-leak": "agent_platform/memory-growth",
}
"""The runbook that a fault must lead to; `load-surge` must lead to none."""


class Faults:
    """The switch of the demo page: the platform's faults, one at a time."""

    def __init__(self, platform: Any, known: Mapping[str, str]) -> None:
        self._platform = platform
        self._known = known
        self._active: str | None = None
        self._lock = threading.Lock()

    def faults(self) -> Mapping[str, str]:
        """Names with one-line descriptions."""
        return self._known

    def active(self) -> str | None:
        """The fault that is switched on."""
        return self._active

    def inject(self, name: str) -> float:
        """Switch a fault on in place of the one before, and give its magnitude, which is random by the seed."""
        with self._lock:
            magnitude: float = self._platform.inject(name)
            self._active = name
            return magnitude

    def clear(self) -> None:
        """Switch the fault off."""
        with self._lock:
            self._platform.clear()
            self._active = None


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo."""

    loop: Loop
    faults: Faults
    platform: Any
    pace: float
    settings: Settings


@contextlib.contextmanager
def open_demo(
    directory: Path, *, listen: str, seed: int, pace: float = PACE, say: Callable[[str], None] = lambda _: None
) -> Iterator[Demo]:
    """Start everything, and stop it at the end.

    Raises SettingsError when the example platform is not there (it is part of a checkout, not of the package).
    """
    if not _here("examples.agent_platform"):
        raise SettingsError(
            "the demo's example platform is no part of the package: clone the repository and type `make demo` there"
        )
    example = package("examples.agent_platform")
    servers = package("examples.servers")
    with contextlib.ExitStack() as stack:
        data_services = stack.enter_context(servers.data_services(directory))
        for line in data_services.notes:
            say(line)
        bills = example.write_bills(directory / "bills", days=BILL_DAYS, until=datetime.now(UTC).date(), seed=seed)
        say("starting the agent platform: gateway, orchestrator, worker, tools, model, load generator")
        platform = example.launch(
            directory / "platform",
            pace=pace,
            seed=seed,
            redis_url=data_services.redis_url,
            postgresql_dsn=data_services.postgresql_dsn,
        )
        stack.callback(platform.stop)
        targets = (*platform.targets, *data_services.targets)
        settings = _settings(directory, listen, pace, targets, bills, {"agent_gateway": platform.gateway_url})
        faults = Faults(platform, example.FAULTS)
        extras = Extras(
            faults=faults,
            notice=(
                f"Demo: the platform is real and runs here, its past of {HISTORY_DAYS} days and its bills are "
                f"simulated; a day passes in {86_400 / pace / 60:.0f} minutes (pace {pace:g})."
            ),
            logs=directory / "platform",
        )
        loop = Loop(load_everything(settings), extras=extras)
        stack.callback(loop.stop)
        # Before its memory is measured, which the library of traces is a part of.
        if problem := platform.trace_to(loop.url):
            say(f"no traces: {problem}")
        say(f"simulating {HISTORY_DAYS} days of its past")
        _write_history(example, loop, platform, seed=seed, pace=pace)
        loop.start()
        loop.detection.wait_until_warm(_WARM_SECONDS)
        yield Demo(loop, faults, platform, pace, settings)


def _here(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # the package around it is not there
        return False


def _settings(
    directory: Path,
    listen: str,
    pace: float,
    targets: tuple[Target, ...],
    bills: Sequence[Path],
    endpoints: dict[str, str],
) -> Settings:
    return Settings(
        listen=listen,
        data=str(directory / "data"),
        scrape_interval=Seconds(_SCRAPE_SECONDS),
        evaluation_interval=Seconds(_SCRAPE_SECONDS),
        targets=targets,
        bills=tuple(str(path) for path in bills),
        pace=pace,
        runbooks=RunbookSettings(endpoints=endpoints),
    )


def _write_history(example: Any, loop: Loop, platform: Any, *, seed: int, pace: float) -> None:
    """The past of the platform, made by the workload model that its live processes follow."""
    step = 60.0 / pace
    end = now()
    start = end - HISTORY_DAYS * 86_400 / pace
    # Memory depends on the machine, and the past should meet the present.
    resident = platform.resident()
    for series in example.history(start, end, step, seed=seed, pace=pace, resident=resident):
        loop.writer.write_columns(series.name, series.labels, series.times, series.values)
