"""A bounded queue of byte records on disk that survives a crash: what `put` has accepted is synced.

Records stand in numbered segment files, first in, first out. The file `position` says up to where they were
acknowledged; it is written beside and renamed. A segment is removed once all of it is acknowledged, except the last
one: the newest record is always there to be read (`newest`), so that it can hold the state of whoever wrote it.

Delivery is at least once: after a crash between a delivery and its `ack` the record comes again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from watchkeeper.clock import Clock, now
from watchkeeper.disk import locked, sync_directory, write_all
from watchkeeper.spool_files import (
    HEADER,
    OVERHEAD,
    Entry,
    Position,
    SpoolError,
    framed,
    next_entry,
    read_position,
    write_position,
)

__all__ = ["Entry", "Position", "Spool", "SpoolError", "SpoolFull"]

_log = logging.getLogger(__name__)

_SEGMENT = re.compile(r"(\d{10})\.spool")
# A segment is the unit in which space is given back: an eighth of the limit, within reason.
_LEAST_SEGMENT, _MOST_SEGMENT = 4096, 8 * 2**20


class SpoolFull(SpoolError):  # noqa: N818  it says what the queue is, like Python's queue.Full
    """The queue has no room for a record until others are delivered."""


class _Ticket:
    """A record on its way to the disk."""

    __slots__ = ("done", "error", "frame")

    def __init__(self, frame: bytes) -> None:
        self.frame = frame
        self.done = False
        self.error: str | None = None


class Spool:
    """The queue of a directory, for one process and any number of its threads.

    `limit` bounds the bytes that wait; the files hold at most one segment (an eighth of it, 8 MiB at most) or one
    record more.
    `accepted`, `full` and `failed` count what became of records given to `put`; `lost` the bytes that were unreadable.
    Raises SpoolError when the directory cannot be used, or another process uses it.
    """

    def __init__(self, directory: str | Path, limit: int, *, clock: Clock = now) -> None:
        self.directory = Path(directory)
        self.limit = limit
        self.accepted = self.full = self.failed = self.lost = 0
        self._clock = clock
        self._segment_bytes = _LEAST_SEGMENT
        self._pid = os.getpid()
        self._lock = threading.Condition()  # guards what follows
        self._commit = threading.Lock()  # held by the thread that writes; taken before `_lock`
        self._waiting: list[_Ticket] = []
        self._ends: dict[int, int] = {}  # segment: up to where it is synced
        self._bytes = self._records = self._coming = 0
        self._head = self._tail = Position(0, 0)
        self._newest: Position | None = None  # where the newest record begins
        self._oldest: float | None = None
        self._file: int | None = None
        self._torn = self._forgetful = self._closed = False
        self._peeked: list[tuple[Position, int]] = []
        self._position = self.directory / "position"
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            # On a small disk as on a small limit: segments that are delivered must make room for others.
            disk = os.statvfs(self.directory)
            room = min(limit, disk.f_bavail * disk.f_frsize)
            self._segment_bytes = min(_MOST_SEGMENT, max(_LEAST_SEGMENT, room // 8))
            self._flock = locked(self.directory / "lock", mode=0o600)
        except BlockingIOError:
            raise SpoolError(
                f"{self.directory}: another process has this queue open: stop it, or name another directory"
            ) from None
        except OSError as error:
            raise SpoolError(f"{self.directory}: cannot be used as a queue: {error.strerror}") from None
        try:
            self._open()
        except OSError as error:
            os.close(self._flock)
            raise SpoolError(f"{self.directory}: cannot be used as a queue: {error.strerror}") from None
        except BaseException:
            os.close(self._flock)
            raise

    @property
    def size(self) -> int:
        """Bytes that wait, with what frames them."""
        return self._bytes

    def __len__(self) -> int:
        """How many records wait."""
        return self._records

    @property
    def oldest(self) -> float | None:
        """When the oldest record that waits was accepted, in Unix seconds; None when none waits."""
        with self._lock:
            if self._oldest is None and self._records and not self._closed:
                with contextlib.suppress(OSError):  # whoever peeks is told
                    self._oldest = next((entry.accepted for entry in self._entries()), None)
            return self._oldest

    def put(self, record: bytes) -> None:
        """Accept a record: it is synced to the disk when this returns. Records of several threads share a sync.

        Raises SpoolFull when there is no room, SpoolError when the disk refuses; the record is not in the queue then.
        """
        ticket = _Ticket(framed(record, self._clock()))
        size = len(ticket.frame)
        with self._lock:
            self._check_usable()
            if self._bytes + self._coming + size > self.limit:
                self.full += 1
                raise SpoolFull(
                    f"{self.directory}: the queue is full: {self._bytes} of {self.limit} bytes wait, "
                    f"a record of {size} has no room"
                )
            self._coming += size
            self._waiting.append(ticket)
        with self._commit:
            while not ticket.done:
                self._write_waiting()
        if ticket.error is not None:
            raise SpoolError(f"{self.directory}: a record was not accepted: {ticket.error}")

    def peek(self, records: int = 1, room: int = 2**20) -> list[Entry]:
        """The oldest records that wait, at most `records` and about `room` bytes of them; at least one if any waits.

        Raises SpoolError when they cannot be read.
        """
        found: list[Entry] = []
        with self._lock:
            self._check_usable()
            try:
                for entry in self._entries():
                    if found and (room < len(entry.record) or len(found) >= records):
                        break
                    found.append(entry)
                    room -= len(entry.record)
                self._peeked = [(entry.after, OVERHEAD + len(entry.record)) for entry in found]
            except OSError as error:
                raise SpoolError(f"{self.directory}: cannot be read: {error.strerror}") from None
            if self._records and not found:
                self._give_up_unreadable()
        return found

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until a record waits or the queue is closed; whether one does."""
        with self._lock:
            self._lock.wait_for(lambda: self._records or self._closed, seconds)
            return self._records > 0 and not self._closed

    def ack(self, after: Position) -> None:
        """Acknowledge all records up to a position that the last `peek` gave; for one reader.

        It is not lost when the disk refuses: then the records come again after a restart. That is logged.
        """
        with self._lock:
            self._check_usable()
            if after not in [end for end, _ in self._peeked]:
                raise SpoolError(f"{self.directory}: {after} is not in what the last peek gave")
            while self._head < after:
                self._head, size = self._peeked.pop(0)
                self._records -= 1
                self._bytes -= size
            self._oldest = None
            # First the segments: they make the room that the position may need.
            self._remove_before(after.segment)
            try:
                write_position(self._position, self._head)
                self._forgetful = False
            except OSError as error:
                if not self._forgetful:
                    _log.error("%s: the position cannot be written: %s", self.directory, error.strerror)
                self._forgetful = True

    def newest(self) -> bytes | None:
        """The record that was accepted last, whether it waits or not; None when there was none."""
        with self._lock:
            if self._newest is None:
                return None
            try:
                found = self._read(self._newest)
            except OSError as error:
                raise SpoolError(f"{self.directory}: cannot be read: {error.strerror}") from None
            return None if found is None else found.record

    def close(self) -> None:
        """Let others have the directory; what waits stays."""
        with self._commit, self._lock:
            if self._closed:
                return
            self._closed = True
            self._lock.notify_all()
            self._close_file()
            os.close(self._flock)

    # Reading. The lock is held.

    def _entries(self) -> Iterator[Entry]:
        """What waits, from the head on."""
        at = self._head
        for segment in sorted(self._ends):
            if segment < at.segment:
                continue
            at = Position(segment, max(at.offset if at.segment == segment else 0, len(HEADER)))
            end = self._ends[segment]
            if at.offset >= end:
                continue
            with self._path(segment).open("rb") as file:
                file.seek(at.offset)
                while (entry := next_entry(file, at, end)) is not None:
                    yield entry
                    at = entry.after

    def _read(self, at: Position) -> Entry | None:
        with self._path(at.segment).open("rb") as file:
            file.seek(at.offset)
            return next_entry(file, at, self._ends[at.segment])

    def _give_up_unreadable(self) -> None:
        _log.error("%s: %d records (%d bytes) are unreadable: left out", self.directory, self._records, self._bytes)
        self.lost += self._bytes
        self._records = self._bytes = 0
        self._head, self._oldest = self._tail, None

    # Writing. `_commit` is held.

    def _write_waiting(self) -> None:
        # A batch goes into one segment: it is written and synced, or none of it is accepted.
        with self._lock:
            count, room = 1, self._segment_bytes - len(self._waiting[0].frame)
            while count < len(self._waiting) and (room := room - len(self._waiting[count].frame)) >= 0:
                count += 1
            batch, self._waiting = self._waiting[:count], self._waiting[count:]
        error: str | None = None
        begins: list[Position] = []
        data = b"".join([ticket.frame for ticket in batch])
        try:
            if self._closed:
                raise OSError(0, "the queue is closed")
            file = self._prepare(len(data))
            offset = self._tail.offset
            for ticket in batch:
                begins.append(Position(self._tail.segment, offset))
                offset += len(ticket.frame)
            write_all(file, data)
            os.fsync(file)
        except OSError as problem:
            error = problem.strerror or str(problem)
            self._cut()
        with self._lock:
            self._coming -= len(data)
            for ticket in batch:
                ticket.done, ticket.error = True, error
            if error is not None:
                self.failed += len(batch)
                return
            self._tail = Position(self._tail.segment, self._tail.offset + len(data))
            self._ends[self._tail.segment] = self._tail.offset
            self._newest = begins[-1]
            self._bytes += len(data)
            self._records += len(batch)
            self.accepted += len(batch)
            self._remove_before(self._head.segment)
            self._lock.notify_all()

    def _prepare(self, size: int) -> int:
        """A file with room for `size` bytes, a new one if need be."""
        if self._torn:
            raise OSError(0, "an earlier record is torn and cannot be cut off")
        full = self._tail.offset > len(HEADER) and self._tail.offset + size > self._segment_bytes
        if self._file is not None and not full:
            return self._file
        self._close_file()
        if self._tail.segment in self._ends and not full:
            self._file = os.open(self._path(self._tail.segment), os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            return self._file
        number = self._tail.segment + 1
        path = self._path(number)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            write_all(self._file, HEADER)
            os.fsync(self._file)
            sync_directory(self.directory)
        except OSError:
            self._close_file()
            with contextlib.suppress(OSError):
                path.unlink()
            raise
        with self._lock:
            self._tail = Position(number, len(HEADER))
            self._ends[number] = len(HEADER)
            if not self._records:
                self._head = self._tail
        return self._file

    def _cut(self) -> None:
        """Take back what was written and not accepted: a torn record would hide those after it."""
        self._torn = False
        if self._file is None:
            return
        try:
            os.ftruncate(self._file, self._tail.offset)
            os.fsync(self._file)
        except OSError as error:
            self._torn = True  # tried again with the next record
            _log.error("%s: a torn record cannot be cut off: %s", self.directory, error.strerror)

    # Opening and keeping house

    def _open(self) -> None:
        numbers = sorted(int(match[1]) for path in self.directory.iterdir() if (match := _SEGMENT.fullmatch(path.name)))
        head = read_position(self._position)
        if head is None:
            _log.warning("%s: the position is unreadable: what is there is delivered again", self.directory)
        self._head = head or Position(0, 0)
        # A number that the position knows is not used again, even if its file was removed by hand.
        self._tail = Position(self._head.segment, 0)
        for number in numbers:
            self._scan(number, last=number == numbers[-1])
        self._remove_before(self._head.segment)

    def _scan(self, number: int, *, last: bool) -> None:
        """Take up a segment: count its records and cut off a torn end."""
        path = self._path(number)
        size = path.stat().st_size
        with path.open("rb") as file:
            header = file.read(len(HEADER))
            if header != HEADER[: len(header)]:
                raise SpoolError(f"{path}: no queue of this format version: open it with the version that wrote it")
            if len(header) < len(HEADER):
                path.unlink()  # the process died when it made the file
                self._tail = max(self._tail, Position(number, 0))
                return
            at = Position(number, len(HEADER))
            ends = [at]
            while (entry := next_entry(file, at, size)) is not None:
                self._newest = at
                at = entry.after
                ends.append(at)
        if at.offset < size:
            self.lost += 0 if last else size - at.offset
            level = logging.WARNING if last else logging.ERROR
            left = size - at.offset
            _log.log(level, "%s: unreadable from byte %d, the last %d bytes are left out", path, at.offset, left)
        if last:
            # What a killed process wrote and did not sync is delivered too, so it must not vanish later.
            with path.open("r+b") as file:
                file.truncate(at.offset)
                os.fsync(file.fileno())
        self._ends[number] = at.offset
        self._tail = max(self._tail, at)
        if self._head.segment == number and self._head not in ends:
            _log.warning("%s: the position is in no record of it: all of it is delivered again", path)
            self._head = ends[0]
        for begin, end in pairwise(ends):
            if begin >= self._head:
                self._records += 1
                self._bytes += end.offset - begin.offset

    def _remove_before(self, segment: int) -> None:
        """Remove segments that are acknowledged; the one with the newest record stays."""
        keep = min(segment, self._newest.segment if self._newest else segment)
        for number in [number for number in self._ends if number < keep]:
            try:
                self._path(number).unlink(missing_ok=True)
            except OSError as error:
                _log.warning("%s: cannot be removed: %s", self._path(number), error.strerror)
            del self._ends[number]

    def _check_usable(self) -> None:
        if self._closed:
            raise SpoolError(f"{self.directory}: the queue is closed")
        if self._pid != os.getpid():
            raise SpoolError(f"{self.directory}: the queue was opened before a fork: open one in each process")

    def _path(self, segment: int) -> Path:
        return self.directory / f"{segment:010d}.spool"

    def _close_file(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
