"""Following files: what was written since the last look, across rotation, in bounded memory, time and open files.

A file is known by its device and inode, so that a renamed one is the same and two links to one are one.
"""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from glob import glob
from typing import Any

from watchkeeper.clock import monotonic

__all__ = ["CHUNK_BYTES", "HELD_FILES", "LINE_BYTES", "READ_BYTES", "Chunk", "Files"]

# What one scrape reads of one file: at 15 s that is 0.5 MB/s; the rest waits, and logs_unread_bytes says how much.
READ_BYTES = 8 * 2**20
# What is in memory at once, and how much may be read after the time is over.
CHUNK_BYTES = 128 * 1024
# A longer line is left out and counted.
LINE_BYTES = 64 * 1024
# Files that are held open, so that what was written last is read after they were renamed or deleted; of 1,024 that a
# process may usually open. Further ones are opened for each read, and lose that.
HELD_FILES = 256
# Seconds. A rotated file is followed until nobody has written to it for so long; a deleted one is held no longer than
# that, since the disk has its space back only then.
_GRACE = 60.0

_Identity = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole lines of one file, the bytes that they took, how many were dropped for which reason, and the bytes that
    were gone before they could be read.
    """

    path: str
    lines: list[bytes]
    size: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    lost: int = 0


@dataclass(slots=True)
class _File:
    path: str
    identity: _Identity
    size: int
    offset: int
    handle: int | None = None
    rest: bytes = b""
    # In the middle of a line that is too long: all until its end is left out.
    skipping: bool = False
    # Since when it has no path any more, and when something was last found in it without one.
    gone: float = math.inf
    written: float = 0.0
    lost: int = 0


class Files:
    """The files of a glob pattern; `state` says how far each was read."""

    def __init__(
        self,
        pattern: str,
        *,
        from_beginning: bool,
        state: Mapping[str, Any] | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._pattern = pattern
        self._state = {path: known for path, known in (state or {}).items() if _is_position(known)}
        self._from_beginning = from_beginning or bool(self._state)
        self._clock = clock
        self._files: dict[_Identity, _File] = {}
        self._leaving: list[_File] = []
        self._held = 0
        self._first = True
        # Where a read ended for want of time: the next one begins there.
        self._turn = ""
        self.unreadable: dict[str, str] = {}

    def read(self, until: float = math.inf) -> Iterator[Chunk]:
        """What was appended to each file since the last call, until that time of `clock`. A new file is read from its
        beginning, those that are there at first from their end, unless the state knows better.
        """
        self._look()
        files = sorted(self._files.values(), key=lambda file: file.path)
        order = [*(f for f in files if f.path >= self._turn), *(f for f in files if f.path < self._turn)]
        self._turn = ""
        for file in [*self._leaving, *order]:
            if self._clock() >= until:
                self._turn = file.path
                break
            yield from self._chunks(file, until)
        yield from self._farewell()

    def unread(self) -> dict[str, int]:
        """Bytes of each file that were written at the last look and are not yet read."""
        found: dict[str, int] = {}
        for file in (*self._files.values(), *self._leaving):
            found[file.path] = found.get(file.path, 0) + max(0, file.size - file.offset)
        return found

    def paths(self) -> list[str]:
        """The files that are followed."""
        return sorted(file.path for file in self._files.values())

    def state(self) -> dict[str, Any]:
        """How far each file was read: path to [inode, offset]."""
        return {file.path: [file.identity[1], file.offset - len(file.rest)] for file in self._files.values()}

    def close(self) -> None:
        """Let go of every file."""
        for file in (*self._files.values(), *self._leaving):
            self._release(file)
        self._files.clear()
        self._leaving.clear()

    def _look(self) -> None:
        """Find which files there are now."""
        found: dict[_Identity, tuple[str, int]] = {}
        self.unreadable = {}
        for path in sorted(glob(self._pattern, recursive=True)):  # noqa: PTH207  the pattern is absolute
            try:
                status = os.stat(path)  # noqa: PTH116  fstat follows, the same call on a handle
            except OSError as error:
                self.unreadable[path] = error.strerror or str(error)
                continue
            if stat.S_ISREG(status.st_mode):
                found.setdefault((status.st_dev, status.st_ino), (path, status.st_size))
            elif not stat.S_ISDIR(status.st_mode):
                self.unreadable[path] = "it is no file"  # to open a pipe or device may wait, or do something
        for identity in [identity for identity in self._files if identity not in found]:
            file = self._files.pop(identity)
            file.gone = file.written = self._clock()
            self._leaving.append(file)
        for identity, (path, size) in found.items():
            file_ = self._files.get(identity)
            if file_ is None:
                self._begin(identity, path, size)
                continue
            file_.path = path
            if size < file_.offset:  # truncated: copytruncate, or `> file`
                file_.lost += max(0, file_.size - file_.offset)
                file_.offset, file_.rest, file_.skipping = 0, b"", False
            file_.size = size
        self._first = False

    def _begin(self, identity: _Identity, path: str, size: int) -> None:
        known = self._state.get(path)
        offset = 0 if self._from_beginning or not self._first else size
        if known is not None and known[0] == identity[1] and known[1] <= size:
            offset = known[1]
        file = _File(path, identity, size, offset)
        if self._hold(file):
            self._files[identity] = file
            self._state.pop(path, None)
            if self._held > HELD_FILES:
                self._release(file)

    def _hold(self, file: _File) -> bool:
        """Have the file open; False when it is unreadable now."""
        if file.handle is not None:
            return True
        try:
            handle = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError as error:
            self.unreadable[file.path] = error.strerror or str(error)
            return False
        status = os.fstat(handle)
        if (status.st_dev, status.st_ino) != file.identity:
            os.close(handle)  # it was replaced since the look: the next one finds the new one
            return False
        file.handle = handle
        self._held += 1
        return True

    def _release(self, file: _File) -> None:
        if file.handle is not None:
            os.close(file.handle)
            file.handle = None
            self._held -= 1

    def _chunks(self, file: _File, until: float) -> Iterator[Chunk]:
        left = READ_BYTES
        if file.lost:
            yield Chunk(file.path, [], lost=file.lost)
            file.lost = 0
        if file.offset >= file.size and file.gone == math.inf:
            return
        if file.gone != math.inf and file.handle is None:
            return
        while left > 0 and self._hold(file) and file.handle is not None:
            try:
                data = os.pread(file.handle, min(left, CHUNK_BYTES), file.offset)
            except OSError as error:
                self.unreadable[file.path] = error.strerror or str(error)
                break
            if not data:
                break
            left -= len(data)
            file.offset += len(data)
            file.written = self._clock()
            file.size = max(file.size, file.offset)
            yield _lines(file, data)
            if self._clock() >= until:
                break
        if self._held > HELD_FILES:
            self._release(file)

    def _farewell(self) -> Iterator[Chunk]:
        """Let go of the files without a path that are read to their end, or deleted for too long."""
        at = self._clock()
        for file in list(self._leaving):
            deleted = file.handle is None
            if file.handle is not None:
                status = os.fstat(file.handle)
                file.size, deleted = status.st_size, status.st_nlink == 0
            unread = max(0, file.size - file.offset)
            waits = at - file.gone < _GRACE if deleted else bool(unread) or at - file.written < _GRACE
            if file.handle is not None and waits:
                continue
            lines = [file.rest] if file.rest and not unread else []
            self._release(file)
            self._leaving.remove(file)
            if lines or unread:
                yield Chunk(file.path, lines, lost=unread)


def _lines(file: _File, data: bytes) -> Chunk:
    *lines, rest = (file.rest + data).split(b"\n")
    dropped = 0
    if file.skipping and lines:
        del lines[0]
        file.skipping = False
    if file.skipping:
        rest = b""
    elif len(rest) > LINE_BYTES:
        dropped, rest, file.skipping = 1, b"", True
    if len(data) + len(file.rest) > LINE_BYTES:
        kept = [line for line in lines if len(line) <= LINE_BYTES]
        dropped += len(lines) - len(kept)
        lines = kept
    file.rest = rest
    return Chunk(file.path, lines, len(data), {"too_long": dropped} if dropped else {})


def _is_position(known: object) -> bool:
    return isinstance(known, list) and len(known) == 2 and all(isinstance(one, int) and one >= 0 for one in known)
