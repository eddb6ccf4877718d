"""The directory of an embedded store: which files there are, in what order they come and go, and who may use them.

Blocks and segments are numbered together. A block holds all samples of the segments up to its number, so these are
removed once it is there; whatever is left of them after a crash is removed when the directory is opened.
"""

from __future__ import annotations

import io
import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from watchkeeper.disk import locked, replacing, sync_directory
from watchkeeper.errors import StoreError
from watchkeeper.stores.blocks import Block, write_block
from watchkeeper.stores.cache import Column
from watchkeeper.stores.segments import Columns, Segment, replay

__all__ = ["Files"]

log = logging.getLogger(__name__)

_FILE = re.compile(r"(?:segment-(?P<segment>\d+)\.wal|block-(?P<block>\d+)\.wkb)")

Known = Callable[[Mapping[str, str]], int]


class Files:
    """The files of a store; without a path blocks are kept in memory and there are no segments."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._segment: Segment | None = None
        self._number = 0
        self._lock: int | None = None
        self._blocks: dict[int, Path] = {}
        self._segments: dict[int, Path] = {}
        if path is None:
            return
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = locked(path / "lock")
            self._scan(path)
        except BlockingIOError:
            raise StoreError(
                f"{path}: another process has this store open: stop it, or name another directory"
            ) from None
        except OSError as error:
            self.close()
            raise StoreError(f"{path}: cannot be used as a store: {error.strerror}") from None

    def _scan(self, path: Path) -> None:
        for file in path.iterdir():
            if file.suffix == ".tmp":
                file.unlink()
            elif match := _FILE.fullmatch(file.name):
                if match["block"]:
                    self._blocks[int(match["block"])] = file
                else:
                    self._segments[int(match["segment"])] = file
        self._number = max([*self._blocks, *self._segments], default=-1) + 1

    def blocks(self, known: Known) -> Iterator[Block]:
        """All blocks in the order of their numbers; a damaged one is renamed and logged, so that it costs no other."""
        for number in sorted(self._blocks):
            path = self._blocks[number]
            try:
                yield Block.open(path, known)
            except StoreError as error:
                log.error("%s: left out", error)
                path.rename(path.with_suffix(".damaged"))

    def replay(self) -> Iterator[tuple[dict[int, dict[str, str]], Columns]]:
        """The batches of all segments that no block holds, oldest first; see `segments.replay`."""
        newest = max(self._blocks, default=-1)
        for number in sorted(self._segments):
            if number <= newest:
                _unlink(self._segments.pop(number))
            else:
                yield from replay(self._segments[number])

    @property
    def segment(self) -> Segment | None:
        """The segment that is written to, a new one if need be; None without a path. Raises StoreError."""
        if self._segment is None and self._path is not None:
            path = self._path / f"segment-{self._number}.wal"
            self._segment = Segment(path)
            sync_directory(self._path)
            self._segments[self._number] = path
            self._number += 1
        return self._segment

    def pack(self, columns: Iterable[tuple[Mapping[str, str], list[Column]]], known: Known) -> Block:
        """Write a block that holds all samples of the segments so far, and remove these. Raises StoreError."""
        if self._path is None:
            memory = io.BytesIO()
            write_block(memory, columns)
            return Block(memory.getvalue(), known)
        number = max(self._segments, default=self._number)
        self._number = max(self._number, number + 1)
        path = self._path / f"block-{number}.wkb"
        try:
            with replacing(path) as file:
                write_block(file, columns)
            sync_directory(self._path)
        except OSError as error:
            raise StoreError(f"{path}: cannot be written: {error.strerror}") from None
        if self._segment is not None:
            self._segment.close()
            self._segment = None
        for number in list(self._segments):
            _unlink(self._segments.pop(number))
        return Block.open(path, known)

    def remove(self, blocks: Iterable[Block]) -> None:
        """Remove the files of blocks; who reads one may go on."""
        for block in blocks:
            if block.path is not None:
                _unlink(block.path)

    def close(self) -> None:
        """Sync the segment and let others have the directory."""
        if self._segment is not None:
            self._segment.close()
            self._segment = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _unlink(path: Path) -> None:
    """Remove a file that is not needed any more; one that cannot be removed costs space, not samples."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        log.warning("%s: cannot be removed: %s", path, error.strerror)
