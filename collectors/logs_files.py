"""Following files: what was written since the last look, across rotation, in bounded memory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from glob import glob
from typing import Any

__all__ = ["LINE_BYTES", "READ_BYTES", "Chunk", "Files"]

# What one scrape reads of one file: at 15 s that is 0.5 MB/s; the rest waits, and logs_unread_bytes says how much.
READ_BYTES = 8 * 2**20
# A longer line is cut off the record and counted.
LINE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole lines of one file, the bytes that they took, and how many were dropped for which reason."""

    path: str
    lines: list[bytes]
    size: int
    dropped: Mapping[str, int]


@dataclass
class _File:
    path: str
    handle: int
    inode: int
    offset: int
    rest: bytes = b""


class Files:
    """The files of a glob pattern; `state` says how far each was read."""

    def __init__(self, pattern: str, *, from_beginning: bool, state: Mapping[str, Any] | None = None) -> None:
        self._pattern = pattern
        self._from_beginning = from_beginning
        self._state = dict(state or {})
        self._open: dict[str, _File] = {}
        self._first = True
        self.unreadable: dict[str, str] = {}

    def read(self) -> Iterator[Chunk]:
        """What was appended to each file since the last call. A new file is read from its beginning, those that are
        there at first from their end, unless the state knows better.
        """
        paths = sorted(glob(self._pattern, recursive=True))  # noqa: PTH207  the pattern is absolute
        self.unreadable = {}
        for path in [path for path in self._open if path not in paths]:
            # Renamed or deleted: its end is still behind the open handle.
            yield from self._end(self._open[path])
            self._drop(path)
        for path in paths:
            try:
                file = self._current(path)
            except OSError as error:
                self.unreadable[path] = error.strerror or str(error)
                continue
            if isinstance(file, tuple):
                old, file = file
                yield from self._end(old)
                os.close(old.handle)
            yield from self._chunks(file)
        self._first = False

    def unread(self) -> dict[str, int]:
        """Bytes of each file that were written and not yet read."""
        return {path: max(0, os.fstat(file.handle).st_size - file.offset) for path, file in self._open.items()}

    def paths(self) -> list[str]:
        """The files that are followed."""
        return sorted(self._open)

    def state(self) -> dict[str, Any]:
        """How far each file was read: path to [inode, offset]."""
        return {path: [file.inode, file.offset - len(file.rest)] for path, file in self._open.items()}

    def close(self) -> None:
        """Let go of every file."""
        for path in list(self._open):
            self._drop(path)

    def _drop(self, path: str) -> None:
        os.close(self._open.pop(path).handle)

    def _current(self, path: str) -> _File | tuple[_File, _File]:
        """The file that has the path now; with the one that had it before when it was rotated."""
        file = self._open.get(path)
        status = os.stat(path)  # noqa: PTH116  fstat follows, the same call on a handle
        if file is not None and status.st_ino == file.inode:
            if status.st_size < file.offset:
                file.offset, file.rest = 0, b""  # truncated: copytruncate, or `> file`
            return file
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        status = os.fstat(handle)
        new = self._open[path] = _File(path, handle, status.st_ino, self._beginning(path, status, file))
        return new if file is None else (file, new)

    def _beginning(self, path: str, status: os.stat_result, before: _File | None) -> int:
        known = self._state.pop(path, None)
        if isinstance(known, list) and known[:1] == [status.st_ino] and 0 <= known[1] <= status.st_size:
            return int(known[1])
        if known is not None or before is not None or not self._first or self._from_beginning:
            return 0  # it is newer than the last look
        return status.st_size

    def _end(self, file: _File) -> Iterator[Chunk]:
        """All that is left of a file that is gone from its path."""
        while chunks := list(self._chunks(file)):
            yield from chunks

    def _chunks(self, file: _File) -> Iterator[Chunk]:
        data = os.pread(file.handle, READ_BYTES, file.offset)
        if not data:
            return
        file.offset += len(data)
        *lines, rest = (file.rest + data).split(b"\n")
        dropped: dict[str, int] = {}
        if len(rest) > LINE_BYTES:
            dropped["too_long"], rest = 1, b""
        long = [line for line in lines if len(line) > LINE_BYTES]
        if long:
            dropped["too_long"] = dropped.get("too_long", 0) + len(long)
            lines = [line for line in lines if len(line) <= LINE_BYTES]
        file.rest = rest
        yield Chunk(file.path, lines, len(data), dropped)
