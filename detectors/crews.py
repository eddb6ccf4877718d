"""Who does the work of the shards: processes on this machine (joblib's), or the workers of a Dask cluster.

A task has a name and gives the same result however often it is done, so one whose worker dies is done again elsewhere;
each result is handed out once. What dies again and again is named, and nobody waits for ever for workers that are gone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from typing import Any, Protocol

from detectors.seasonal import DetectionError
from watchkeeper.clock import Clock, monotonic
from watchkeeper.settings import DetectSettings

__all__ = ["Cluster", "Crew", "Local", "crew_of"]

Tasks = Mapping[str, tuple[Any, ...]]

ATTEMPTS = 3
"""How often a task may lose its worker. The last time it is alone, so that no other can be what killed it."""
PATIENCE = 60.0
"""Seconds that a cluster may be without any worker: a restarted one takes ten or so."""
_CONNECT = 10.0
_LOOK = 2.0

_log = logging.getLogger("watchkeeper.detectors")


class Crew(Protocol):
    """Does tasks somewhere else."""

    @property
    def alone(self) -> bool:
        """Whether there is nobody but this process."""
        ...

    def run(self, work: Callable[..., Any], tasks: Tasks) -> dict[str, Any]:
        """The result of `work` for the arguments of each task, by its name.

        What the work raises is raised here. Raises DetectionError when a task cannot be done.
        """
        ...


class Local:
    """Processes on this machine: `workers` of them, one for each core when that is 0."""

    def __init__(self, workers: int = 0, *, attempts: int = ATTEMPTS) -> None:
        from joblib import cpu_count

        self.workers = workers or int(cpu_count())
        self._attempts = attempts

    @property
    def alone(self) -> bool:
        """Whether there is but one worker, which is then this process itself."""
        return self.workers < 2

    def run(self, work: Callable[..., Any], tasks: Tasks) -> dict[str, Any]:
        """See Crew. A task that loses its worker again and again raises DetectionError, which names it."""
        found: dict[str, Any] = {}
        for attempt in range(1, self._attempts + 1):
            left = [name for name in tasks if name not in found]
            # A pool breaks as a whole: who is guilty shows when each is alone.
            last = attempt == self._attempts
            for group in [[name] for name in left] if last else [left]:
                try:
                    self._once(work, {name: tasks[name] for name in group}, found)
                except BrokenProcessPool:
                    if last:
                        raise DetectionError(
                            f"{group[0]}: its worker died {attempt} times, the last time with nothing else to do: look "
                            "for the kernel's out-of-memory killer, and take more shards (fewer series each)"
                        ) from None
                    _log.warning("a worker died: %d of %d shards are done again", len(left) - len(found), len(tasks))
            if len(found) == len(tasks):
                break
        return found

    def _once(self, work: Callable[..., Any], tasks: Tasks, found: dict[str, Any]) -> None:
        from joblib import Parallel, delayed

        # One job is done by joblib in this very process, which a task that kills its worker must not reach. Arrays are
        # copied to the workers: mapped into memory from files they would be read-only there.
        pool = Parallel(
            n_jobs=max(2, min(self.workers, len(tasks))),
            backend="loky",
            return_as="generator_unordered",
            batch_size=1,
            max_nbytes=None,
        )
        for name, result in pool(delayed(_named)(work, name, arguments) for name, arguments in tasks.items()):
            found[name] = result


class Cluster:
    """The workers of a Dask cluster, reached over its scheduler's address (`tcp://HOST:PORT`, `tls://…` with files).

    The workers need Watchkeeper in the same version, and whoever reaches the scheduler can run programs on them.
    `patience` is for how many seconds there may be no worker. Raises DetectionError where Dask is not installed.
    """

    alone = False

    def __init__(
        self,
        address: str,
        *,
        ca_file: str = "",
        cert_file: str = "",
        key_file: str = "",
        patience: float = PATIENCE,
        attempts: int = ATTEMPTS,
        clock: Clock = monotonic,
    ) -> None:
        try:
            import distributed
        except ImportError:
            raise DetectionError("detect.dask: Dask is not installed: pip install 'watchkeeper[dask]'") from None
        self.address = address
        self._distributed: Any = distributed
        self._files = {"tls_ca_file": ca_file, "tls_client_cert": cert_file, "tls_client_key": key_file}
        self._patience, self._attempts, self._clock = patience, attempts, clock

    def run(self, work: Callable[..., Any], tasks: Tasks) -> dict[str, Any]:
        """See Crew. Raises DetectionError for a cluster that cannot be reached, that stays without workers, or on which
        a task loses its worker again and again.
        """
        import dask

        client = self._client()
        try:
            # A shard carries its arguments with it: what was scattered among the workers would die with one of them.
            with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 GiB"}):
                return self._follow(client, work, tasks)
        finally:
            client.close()

    def _client(self) -> Any:
        files = {name: path for name, path in self._files.items() if path}
        security = self._distributed.Security(**files, require_encryption=True) if files else None
        try:
            return self._distributed.Client(
                self.address, timeout=_CONNECT, security=security, set_as_default=False, name="watchkeeper"
            )
        except (OSError, ValueError, TypeError) as error:
            raise DetectionError(
                f"detect.dask: no scheduler at {self.address} ({str(error).strip() or type(error).__name__}): "
                "start one with `dask scheduler`, or remove detect.dask to work on this machine"
            ) from None

    def _follow(self, client: Any, work: Callable[..., Any], tasks: Tasks) -> dict[str, Any]:
        found: dict[str, Any] = {}
        tried = dict.fromkeys(tasks, 0)
        waiting: dict[Any, str] = {}

        def submit(name: str) -> None:
            tried[name] += 1
            # Without a key of its own a task that was lost would be taken for one that is done.
            waiting[client.submit(_named, work, name, tasks[name], pure=False)] = name

        for name in tasks:
            submit(name)
        seen = self._clock()
        while waiting:
            done = self._done(client, list(waiting))
            for future in done:
                name = waiting.pop(future)
                if future.status == "finished":
                    found[name] = future.result()[1]
                elif future.status == "error":
                    raise self._failed(name, future.exception())
                elif tried[name] < self._attempts:
                    _log.warning("%s: lost by the cluster, sent again", name)
                    submit(name)
                else:
                    raise DetectionError(f"{name}: lost by the cluster at {self.address} {tried[name]} times")
            if done or self._workers(client):
                seen = self._clock()
            elif self._clock() - seen > self._patience:
                raise DetectionError(
                    f"{len(waiting)} shards wait, and the cluster at {self.address} has had no worker for "
                    f"{self._patience:g} s: start one with `dask worker {self.address}`"
                )
        return found

    def _done(self, client: Any, futures: list[Any]) -> list[Any]:
        with client.as_current(), suppress(TimeoutError, CancelledError):
            self._distributed.wait(futures, timeout=_LOOK, return_when="FIRST_COMPLETED")
        return [future for future in futures if future.status != "pending"]

    def _workers(self, client: Any) -> int:
        try:
            return len(client.nthreads())
        except (OSError, ValueError, TimeoutError):
            return 0

    def _failed(self, name: str, error: BaseException) -> BaseException:
        if isinstance(error, self._distributed.KilledWorker):
            return DetectionError(
                f"{name}: killed every worker of {self.address} that took it: look for their memory limits, and take "
                "more shards (fewer series each)"
            )
        if isinstance(error, ImportError):
            return DetectionError(
                f"{name}: a worker of {self.address} cannot load it ({error}): install Watchkeeper there"
            )
        return error


def _named(work: Callable[..., Any], name: str, arguments: tuple[Any, ...]) -> tuple[str, Any]:
    return name, work(*arguments)


def crew_of(settings: DetectSettings) -> Crew:
    """The crew that the settings name. Raises DetectionError where Dask is named and not installed."""
    if not settings.dask:
        return Local(settings.workers)
    tls = settings.tls
    if tls is None:
        return Cluster(settings.dask)
    return Cluster(settings.dask, ca_file=tls.ca_file, cert_file=tls.cert_file, key_file=tls.key_file)
