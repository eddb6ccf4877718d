"""Host: /proc and /sys of a Linux machine.

`options: {root: /host}` reads the host's trees where a container has them mounted. One file is one description; what it
says goes through a small parser that knows its format.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from collectors import options
from collectors.description import Collector
from collectors.families import Family, Pairs, Point, family
from collectors.host_files import Files, Found
from collectors.host_hardware import Hardware
from collectors.host_kernel import KERNEL_SOURCES, clock, machine
from collectors.host_network import NETWORK_SOURCES, network_devices
from collectors.host_storage import Storage
from watchkeeper.errors import TargetError

if TYPE_CHECKING:
    from watchkeeper.settings import Target

__all__ = ["COLLECTOR"]

_SOURCES = (*KERNEL_SOURCES, *NETWORK_SOURCES)


class HostSession:
    """Reads files, and keeps most of them open."""

    def __init__(self, target: Target) -> None:
        root, network = _options(target)
        self._files = Files(root)
        self._heads: dict[str, Family] = {}
        # Kept from read to read, so that the encoder finds the series of the last one again.
        self._pairs: dict[tuple[tuple[str, ...], tuple[str, ...]], Pairs] = {}
        self._hardware = Hardware(self._files)
        self._storage = Storage(self._files, network)

    def read(self, deadline: float) -> Sequence[Family]:
        # By name: the hash of a signal is made of all it says.
        found: dict[str, list[Point]] = {}
        heads, kept = self._heads, self._pairs
        pairs: dict[tuple[tuple[str, ...], tuple[str, ...]], Pairs] = {}
        for part in self._parts(deadline):
            for signal, values, value in part:
                name = signal.name
                points = found.get(name)
                if points is None:
                    points = found[name] = []
                    if name not in heads:
                        heads[name] = family(signal, ())
                if not values:
                    points.append((name, (), value))
                    continue
                key = signal.labels, values
                labels = pairs.get(key)
                if labels is None:
                    labels = pairs[key] = kept.get(key) or tuple(zip(signal.labels, values, strict=True))
                points.append((name, labels, value))
        self._pairs = pairs
        return [Family(name, heads[name].kind, heads[name].help, points) for name, points in found.items()]

    def abort(self) -> None:
        """A read of a file cannot be broken off; the lane answers without it."""

    def close(self) -> None:
        self._files.close()

    def _parts(self, deadline: float) -> Iterator[Found]:
        for source in _SOURCES:
            try:
                text = self._files.text(source.path)
            except OSError as error:
                if source.required:
                    where = f"{self._files.root}/{source.path}"
                    raise TargetError(f"host: cannot read {where}: {error.strerror}") from None
                continue
            yield source.parse(text)
        yield network_devices(self._files)
        yield machine(self._files)
        yield clock(self._files)
        yield self._hardware.read()
        yield self._storage.disks()
        yield self._storage.filesystems(deadline)


def _options(target: Target) -> tuple[str, bool]:
    """The options `root` and `network_filesystems`."""
    return options.text(target, "root", "/", example="/host"), options.flag(target, "network_filesystems")


COLLECTOR = Collector(
    system="host",
    open=HostSession,
    login="none",
    stands="machine",
    check=_options,
    options=(
        ("root", "directory below which the host's /proc, /sys and file systems are mounted"),
        ("network_filesystems", "true asks network file systems too; one whose server is gone hangs the target"),
    ),
)
