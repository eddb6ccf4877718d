"""Host: the files of the kernel, kept open, and the formats that more than one part of a collector reads.

To open a file of /proc costs more than to read it. A kept descriptor gives the present contents when it is read from
its beginning again.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from watchkeeper.signals import Signal

__all__ = ["LOOPBACK", "Files", "Found", "Source", "net_dev", "pressure", "single"]

Found = Iterator[tuple[Signal, tuple[str, ...], float]]
"""Samples: signal, label values in the order of its labels, value."""

LOOPBACK = "lo"

_CHUNK = 64 * 1024
# A machine with hundreds of network devices has thousands of small files: the rest is opened anew each time.
_KEPT = 256


@dataclass(frozen=True, slots=True)
class Source:
    """A file and the parser of its text; it is left out where the kernel does not have it, unless `required`."""

    path: str
    parse: Callable[[str], Found]
    required: bool = False


class Files:
    """Reads files below a root, and keeps at most `keep` of them open. The paths are relative; used by one thread."""

    def __init__(self, root: str, keep: int = _KEPT) -> None:
        self.root = root.rstrip("/")
        self._keep = keep
        self._open: dict[str, int] = {}

    def text(self, path: str) -> str:
        """What a file says now. Raises OSError when it cannot be read."""
        kept = self._open.get(path)
        if kept is not None:
            try:
                return _read(kept)
            except OSError:  # a device that went away, and perhaps came back under the same name
                os.close(self._open.pop(path))
        descriptor = os.open(f"{self.root}/{path}", os.O_RDONLY | os.O_CLOEXEC)
        keep = len(self._open) < self._keep
        try:
            text = _read(descriptor)
        except OSError:
            keep = False
            raise
        finally:
            if keep:
                self._open[path] = descriptor
            else:
                os.close(descriptor)
        return text

    def word(self, path: str) -> str | None:
        """What a file says now, without white space around it; None when it cannot be read."""
        try:
            return self.text(path).strip()
        except OSError:
            return None

    def number(self, path: str) -> float | None:
        """The number in a file, also a hexadecimal one; None when there is none, or it cannot be read."""
        word = self.word(path)
        if word is None:
            return None
        try:
            return float(int(word, 0)) if word.startswith("0x") else float(word)
        except ValueError:
            return None

    def table(self, path: str) -> dict[str, float]:
        """The lines of a key and a number; none when the file cannot be read."""
        rows = [line.split() for line in (self.word(path) or "").splitlines()]
        return {row[0]: float(row[1]) for row in rows if len(row) == 2}

    def names(self, path: str) -> list[str]:
        """The sorted names in a directory; none when it cannot be read."""
        try:
            return sorted(os.listdir(f"{self.root}/{path}"))  # noqa: PTH208  a tenth of the cost
        except OSError:
            return []

    def close(self) -> None:
        """Close everything."""
        for descriptor in self._open.values():
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._open.clear()


def single(path: str, signal: Signal) -> Source:
    """A file that is one number."""

    def parse(text: str) -> Found:
        yield signal, (), float(text)

    return Source(path, parse)


def pressure(text: str) -> Iterator[tuple[str, float]]:
    """Pressure stall information: `some` or `full`, and for how many seconds in all."""
    for line in text.splitlines():
        kind, *_, total = line.split()
        yield kind, float(total.removeprefix("total=")) / 1e6


def net_dev(text: str) -> Iterator[tuple[str, list[str]]]:
    """/proc/net/dev without the loopback: device and its sixteen numbers, of what was received and then transmitted."""
    for line in text.splitlines()[2:]:
        device, _, rest = line.rpartition(":")
        device = device.strip()
        if device != LOOPBACK:
            yield device, rest.split()


def _read(descriptor: int) -> str:
    data = os.pread(descriptor, _CHUNK, 0)
    # The kernel may give a long file of /proc in pieces; one of sysfs fits into a page.
    if len(data) > 1024:
        pieces = [data]
        size = len(data)
        while piece := os.pread(descriptor, _CHUNK, size):
            pieces.append(piece)
            size += len(piece)
        data = b"".join(pieces)
    return data.decode(errors="replace")
