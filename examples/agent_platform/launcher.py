"""Starting, striking and stopping the example platform."""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Any

from watchkeeper.errors import WatchkeeperError

if TYPE_CHECKING:
    from watchkeeper.settings import Target

__all__ = ["FAULTS", "INSTANCES", "Platform", "PlatformError", "launch"]

FAULTS: Mapping[str, str] = MappingProxyType(
    {
        "tool-latency": "one tool takes 4 to 10 times as long",
        "token-blowup": "the prompt of one agent grows to 3 to 8 times its size, and its cost with it",
        "error-burst": "25 to 60 % of the calls of tools and models fail",
        "queue-backlog": "the consumer of the task queue takes 3 to 8 times too long for each task",
        "memory-leak": "the agent worker leaks 3 to 6 MB of memory a second, up to 600 MB",
        "load-surge": "1.6 to 2.2 times as many tasks arrive, which the platform can bear",
    }
)
_MAGNITUDES = {
    "tool-latency": (4.0, 10.0),
    "token-blowup": (3.0, 8.0),
    "error-burst": (0.25, 0.60),
    "queue-backlog": (3.0, 8.0),
    "memory-leak": (3.0, 6.0),
    "load-surge": (1.6, 2.2),
}

INSTANCES = ("gateway", "orchestrator", "worker", "tools", "llm")
"""The processes that expose metrics: the names of their targets and the values of their `instance` label."""

_ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 60.0
_STOP_SECONDS = 5.0


class PlatformError(WatchkeeperError):
    """The example platform cannot be started, or there is no such fault."""


class Platform:
    """The running platform; `launch` starts it."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.directory = directory
        self.targets: tuple[Target, ...] = ()
        self.gateway_url = ""
        self._random = random.Random(f"{seed}/faults")  # noqa: S311 - repeatable on purpose
        self._processes: dict[str, subprocess.Popen[str]] = {}

    def inject(self, fault: str, magnitude: float | None = None) -> float:
        """Switch a fault on in place of the one before, and give its magnitude; random by the seed when None.

        Raises PlatformError for an unknown fault.
        """
        if fault not in FAULTS:
            raise PlatformError(f"no fault {fault!r}: choose one of {', '.join(FAULTS)}")
        strength = self._random.uniform(*_MAGNITUDES[fault])
        choice = self._random.random()
        strength = strength if magnitude is None else magnitude
        self._tell({"fault": {"name": fault, "magnitude": strength, "choice": choice}})
        return strength

    def clear(self) -> None:
        """Switch the fault off."""
        self._tell({"fault": None})

    def trace_to(self, otlp_endpoint: str) -> str:
        """Let the observed processes send their spans to an OTLP/HTTP endpoint; why they cannot, empty when they can.

        Returns when they are ready to. Raises PlatformError when one has ended.
        """
        deadline = time.monotonic() + _START_SECONDS
        for name in INSTANCES:
            self._write(name, {"otlp_endpoint": otlp_endpoint})
        return max(self._answer(name, deadline).get("problem", "") for name in INSTANCES)

    def alive(self) -> dict[str, bool]:
        """Which processes run, by name."""
        return {name: process.poll() is None for name, process in self._processes.items()}

    def resident(self) -> dict[str, float]:
        """The resident memory of the observed processes by instance, in bytes, where the system tells it (Linux)."""
        found = {}
        for name in INSTANCES:
            with contextlib.suppress(OSError, KeyError):
                pages = Path(f"/proc/{self._processes[name].pid}/statm").read_text().split()[1]
                found[name] = float(pages) * os.sysconf("SC_PAGE_SIZE")
        return found

    def stop(self) -> None:
        """End all processes, by force those that do not go."""
        for process in self._processes.values():
            with contextlib.suppress(OSError):
                _pipe(process.stdin).close()
        deadline = time.monotonic() + _STOP_SECONDS
        for process in self._processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            _pipe(process.stdout).close()

    def __enter__(self) -> Platform:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self, name: str, settings: Mapping[str, Any]) -> None:
        with (self.directory / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
                [sys.executable, "-m", f"examples.agent_platform.{name}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=self.directory,
                env=os.environ | _environment(),
                process_group=0,
            )
        self._processes[name] = process
        self._write(name, settings)

    def _write(self, name: str, message: Mapping[str, Any]) -> None:
        stream = _pipe(self._processes[name].stdin)
        stream.write(json.dumps(message) + "\n")
        stream.flush()

    def _tell(self, message: Mapping[str, Any]) -> None:
        # All are told alike, so that not even the traffic says whom it concerns.
        for name in self._processes:
            with contextlib.suppress(OSError, ValueError):
                self._write(name, message)

    def _answer(self, name: str, deadline: float) -> dict[str, str]:
        process = self._processes[name]
        stream = _pipe(process.stdout)
        ready, _, _ = select.select([stream], [], [], max(0.0, deadline - time.monotonic()))
        line = stream.readline() if ready else ""
        if not line:
            log = self.directory / f"{name}.log"
            tail = " ".join(log.read_text(errors="replace").splitlines()[-1:]) or "it wrote nothing"
            raise PlatformError(f"{name} did not start: {tail} (see {log})")
        answer: dict[str, str] = json.loads(line)
        return answer


def _environment() -> dict[str, str]:
    return {
        "PYTHONPATH": os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
        # One pool of memory for all threads: with the usual one each, a process with many grows for no reason.
        "MALLOC_ARENA_MAX": "1",
    }


def _pipe(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise PlatformError("a process of the platform has no control channel")
    return stream


def launch(
    directory: Path,
    *,
    pace: float,
    seed: int,
    redis_url: str | None = None,
    postgresql_dsn: str | None = None,
    otlp_endpoint: str | None = None,
) -> Platform:
    """Start the platform and wait until all of it answers; logs go to `directory`.

    Tasks wait in Redis when there is a URL of one, in a process of ours otherwise; their records are kept in PostgreSQL
    when there is a DSN, in memory otherwise. Raises PlatformError when a process does not start.
    """
    from watchkeeper.settings import Seconds, Target

    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    platform = Platform(directory, seed)
    settings = {
        "seed": seed,
        "pace": pace,
        "redis_url": redis_url,
        "postgresql_dsn": postgresql_dsn,
        "otlp_endpoint": otlp_endpoint,
    }
    names = (*(() if redis_url else ("broker",)), *INSTANCES, "loadgen")
    deadline = time.monotonic() + _START_SECONDS
    try:
        for name in names:
            platform._start(name, settings)
        addresses = {name: platform._answer(name, deadline) for name in names}
        peers = {name: found["http"] for name, found in addresses.items() if "http" in found}
        # One after the other, the users last: whoever is asked is ready to answer.
        for name in names:
            platform._write(name, {"peers": peers})
            platform._answer(name, deadline)
    except BaseException:
        platform.stop()
        raise
    platform.gateway_url = f"http://{peers['gateway']}"
    platform.targets = tuple(
        Target(name=name, system="agent_platform", url=addresses[name]["metrics"], timeout=Seconds(5))
        for name in INSTANCES
    )
    return platform
