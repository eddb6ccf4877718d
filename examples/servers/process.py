"""Starting, waiting for and reliably stopping a server process."""

from __future__ import annotations

import atexit
import contextlib
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from watchkeeper.errors import WatchkeeperError

__all__ = [
    "ServerError",
    "ServerProcess",
    "find_program",
    "free_port",
    "unprivileged_user",
    "wait_until",
    "workdir",
]

_T = TypeVar("_T")

START_SECONDS = 30.0
STOP_SECONDS = 10.0
_POLL_SECONDS = 0.02

# Below the kernel's range for outgoing connections, so that no client can take a port between choice and use.
_PORTS = range(15_000, 32_000)
_handed_out: set[int] = set()


class ServerError(WatchkeeperError):
    """A server did not start, or did not answer in time."""


def find_program(*names: str, under: Sequence[str] = ()) -> Path | None:
    """The first program of these names on the search path, else in one of the directories `under`."""
    for name in names:
        found = shutil.which(name)
        if found is not None:
            return Path(found)
    for directory in under:
        for name in names:
            candidate = Path(directory) / name
            if os.access(candidate, os.X_OK):
                return candidate
    return None


def free_port() -> int:
    """A loopback TCP port that nobody listens on and that this process has not handed out before."""
    for port in random.SystemRandom().sample(_PORTS, 200):
        if port in _handed_out:
            continue
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _handed_out.add(port)
        return port
    raise ServerError(f"no free loopback port found in {_PORTS.start}-{_PORTS.stop - 1}")


def wait_until(
    condition: Callable[[], _T | None], *, seconds: float = START_SECONDS, what: str = "the condition"
) -> _T:
    """Poll until `condition` returns something truthy and return it; `ServerError` after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() >= deadline:
            raise ServerError(f"waited {seconds:g} s for {what}, last saw {result!r}")
        time.sleep(_POLL_SECONDS)


def unprivileged_user() -> str | None:
    """The account for servers that refuse to run as root, or None when we are not root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    return None


@contextlib.contextmanager
def workdir(name: str, *, owner: str | None = None) -> Iterator[Path]:
    """A temporary directory for one server, owned by `owner`, removed afterwards.

    Not pytest's `tmp_path`: that lies below a directory that only its creator may enter.
    """
    with tempfile.TemporaryDirectory(prefix=f"watchkeeper-{name}-", ignore_cleanup_errors=True) as directory:
        path = Path(directory)
        if owner is not None:
            shutil.chown(path, owner)
        yield path


class ServerProcess:
    """One server in a process group of its own: `start`, `stop`, `kill`, and `start` again on the same port.

    `ready` is asked until it returns True; exceptions of the socket and HTTP layers count as "not yet".
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        ready: Callable[[], bool],
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name = name
        self.log = log
        self._command = [str(part) for part in command]
        self._ready = ready
        self._env = {**os.environ, **env} if env else None
        self._user = user
        self._stop_signal = stop_signal
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the running server; `ServerError` when it is not running."""
        if self._popen is None:
            raise ServerError(f"{self.name} is not running")
        return self._popen.pid

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._popen is not None and self._popen.poll() is None

    def start(self, *, seconds: float = START_SECONDS) -> None:
        """Start and wait until the server answers; `ServerError` with the end of its log otherwise."""
        if self.running:
            return
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(
                [*self._launcher(), *self._command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._env,
                cwd=self.log.parent,
                start_new_session=True,
            )
        _RUNNING.add(self)
        try:
            wait_until(self._answers, seconds=seconds, what=f"{self.name} to answer")
        except ServerError as error:
            self.kill()
            raise ServerError(f"{error}; the end of its log:\n{self.log_tail()}") from None

    def stop(self, *, seconds: float = STOP_SECONDS) -> None:
        """Ask the server to end, wait, and end what is left of its process group by force."""
        if self._popen is None:
            return
        if self._popen.poll() is None:
            self._popen.send_signal(self._stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(seconds)
        self.kill()

    def kill(self) -> None:
        """End the whole process group at once, as a crash would."""
        if self._popen is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()
        self._popen = None
        _RUNNING.discard(self)

    def log_tail(self, lines: int = 15) -> str:
        """The last lines that the server wrote."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:]) or "(empty)"

    def _launcher(self) -> list[str]:
        """`setpriv` drops the privileges, and ties the server's life to ours even when we are killed."""
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            if self._user is not None:
                raise ServerError(f"{self.name} must not run as root and setpriv (util-linux) is missing")
            return []
        launcher = [setpriv, "--pdeathsig", self._stop_signal.name.removeprefix("SIG")]
        if self._user is not None:
            launcher += [
                "--reuid",
                self._user,
                "--regid",
                str(pwd.getpwnam(self._user).pw_gid),
                "--init-groups",
            ]
        return [*launcher, "--"]

    def _answers(self) -> bool:
        assert self._popen is not None
        code = self._popen.poll()
        if code is not None:
            raise ServerError(f"{self.name} ended with exit code {code} before it answered")
        try:
            return self._ready()
        except OSError:
            return False


_RUNNING: set[ServerProcess] = set()


@atexit.register
def _kill_all() -> None:
    for process in list(_RUNNING):
        process.kill()
