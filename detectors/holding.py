"""Who writes a state file: one process at a time, which says who it is in a lock file beside it."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

from watchkeeper.disk import locked, write_all
from watchkeeper.errors import StoreError

__all__ = ["Holding"]


class Holding:
    """The right to write a state file, until `release` or the end of the process; `who` is told to others.

    Raises StoreError, which names the holder, when another has it, and when the lock cannot be made.
    """

    def __init__(self, path: Path, who: str) -> None:
        lock = path.with_name(f"{path.name}.lock")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._handle: int | None = locked(lock)
        except BlockingIOError:
            raise StoreError(
                f"{path}: {_holder(lock)} keeps what its detectors learn there: stop that one, or give this one a "
                "`data` directory of its own"
            ) from None
        except OSError as error:
            raise StoreError(
                f"{lock}: cannot be locked: {error.strerror}: set `data` to a directory that can be written"
            ) from None
        with contextlib.suppress(OSError):  # a full disk: who holds it is not said, and it is held all the same
            os.ftruncate(self._handle, 0)
            write_all(self._handle, f"{who} (process {os.getpid()} on {socket.gethostname()})\n".encode())

    def release(self) -> None:
        """Let another process write; may be called twice."""
        if self._handle is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._handle, 0)
            os.close(self._handle)
            self._handle = None


def _holder(lock: Path) -> str:
    try:
        lines = lock.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    return lines[0][:200] if lines and lines[0].isprintable() else "another process"
