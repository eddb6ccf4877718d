"""A small file system of its own, to be filled; needs the right to mount."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

__all__ = ["DiskError", "mounted"]


class DiskError(Exception):
    """A file system cannot be mounted here."""


@contextlib.contextmanager
def mounted(directory: Path, size: str) -> Iterator[Path]:
    """A new directory with a file system of `size` (`64k`) in memory; raises DiskError without the right to mount."""
    directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(directory)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, timeout=30, check=False).returncode:
        raise DiskError("a small file system cannot be mounted here (needs root)")
    try:
        yield directory
    finally:
        # Lazily: what a failed test has left open must not hide why it failed.
        subprocess.run(["umount", "--lazy", str(directory)], timeout=30, check=True)
