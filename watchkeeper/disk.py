"""Files that survive a crash: replaced as a whole, written to the end, and locked against other processes."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

__all__ = ["locked", "replacing", "sync_directory", "write_all"]


@contextlib.contextmanager
def replacing(path: Path, *, mode: int = 0o666, beside: Path | None = None) -> Iterator[BinaryIO]:
    """A file to write, synced and put in the place of `path` when the block ends: who reads sees the old or the new.

    It stands `beside` the old one until then (`.NAME.tmp`, which one process at a time may write), and is removed when
    the block raises. `mode` is that of a new file, less the umask. `sync_directory` makes the change of names survive a
    power failure, too, where a step that follows depends on it. Raises OSError.
    """
    beside = beside or path.with_name(f".{path.name}.tmp")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(handle)
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


def sync_directory(path: Path) -> None:
    """Make the names in a directory survive a power failure. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_all(handle: int, data: bytes) -> None:
    """Write all of it, however much the system takes at a time. Raises OSError."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]


def locked(path: Path, *, mode: int = 0o666) -> int:
    """A handle that keeps other processes from locking a file, which is made if need be, until it is closed.

    The system lets go of it when the process dies. `mode` is that of a new file, less the umask. Raises BlockingIOError
    when another has it, and OSError.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(handle)
        raise
    return handle
