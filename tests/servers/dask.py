"""A Dask scheduler and its workers, each a process of its own, without nannies: who is killed stays away."""

from __future__ import annotations

import contextlib
import importlib.util
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from examples.servers.process import ServerProcess, free_port, workdir

__all__ = ["available", "scheduler", "worker"]

ROOT = Path(__file__).parents[2]


def available() -> str | None:
    """Why there can be no cluster here, or None."""
    found = importlib.util.find_spec("distributed")
    return None if found else "Dask is not installed: pip install 'watchkeeper[dask]'"


@contextlib.contextmanager
def scheduler(*, allowed_failures: int = 3) -> Iterator[str]:
    """A scheduler without workers; its address. A task that kills more workers than allowed is given up."""
    with workdir("dask-scheduler") as directory:
        port = free_port()
        command = ["--host", "127.0.0.1", "--port", str(port), "--no-dashboard", "--no-show"]
        failures = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": str(allowed_failures)}
        process = _process("dask_scheduler", command, directory, port, failures)
        try:
            process.start(seconds=60)
            yield f"tcp://127.0.0.1:{port}"
        finally:
            process.stop()


@contextlib.contextmanager
def worker(address: str) -> Iterator[ServerProcess]:
    """A worker with one thread at a scheduler's address."""
    with workdir("dask-worker") as directory:
        port = free_port()
        command = [address, "--host", "127.0.0.1", "--worker-port", str(port), "--nthreads", "1", "--no-nanny"]
        command += ["--no-dashboard", "--local-directory", str(directory)]
        process = _process("dask_worker", command, directory, port)
        try:
            process.start(seconds=60)
            yield process
        finally:
            process.stop()


def _process(
    module: str, arguments: list[str], directory: Path, port: int, env: Mapping[str, str] | None = None
) -> ServerProcess:
    command = [sys.executable, "-m", f"distributed.cli.{module}", *arguments]
    log = directory / "log"
    # What the tests send there is found by its module's name.
    environment = {"PYTHONPATH": str(ROOT), "DASK_CONFIG": str(directory), **(env or {})}
    return ServerProcess(module, command, log=log, ready=lambda: _listens(port), env=environment)


def _listens(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
