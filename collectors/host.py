"""Host: /proc and /sys of a Linux machine.

`options: {root: /host}` reads the host's trees where a container has them mounted. One file is one description; what it
says goes through a small parser that knows its format.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from collectors.description import Collector
from collectors.families import Family, family
from watchkeeper.clock import monotonic, now
from watchkeeper.errors import TargetError
from watchkeeper.signals import Signal
from watchkeeper.systems import host as s

if TYPE_CHECKING:
    from watchkeeper.settings import Target

__all__ = ["COLLECTOR"]

Found = Iterator[tuple[Signal, tuple[str, ...], float]]


@dataclass(frozen=True, slots=True)
class Source:
    """A file and the parser of its text; it is left out where the kernel does not have it, unless `required`."""

    path: str
    parse: Callable[[str], Found]
    required: bool = False


_TICKS = float(os.sysconf("SC_CLK_TCK"))
_MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
_STAT = {
    "ctxt": s.NODE_CONTEXT_SWITCHES_TOTAL,
    "btime": s.NODE_BOOT_TIME_SECONDS,
    "processes": s.NODE_FORKS_TOTAL,
    "procs_running": s.NODE_PROCS_RUNNING,
    "procs_blocked": s.NODE_PROCS_BLOCKED,
    "intr": s.NODE_INTR_TOTAL,
}
_BY_NAME = {signal.name: signal for signal in s.SIGNALS}


def _named(prefix: str) -> dict[str, Signal]:
    """The signals whose names begin with a prefix, by the rest, which is what the file calls them."""
    return {name.removeprefix(prefix): signal for name, signal in _BY_NAME.items() if name.startswith(prefix)}


_VMSTAT = _named("node_vmstat_")
_MEMORY = {name.removesuffix("_bytes"): signal for name, signal in _named("node_memory_").items()}
_NETSTAT = _named("node_netstat_")
_SOCKSTAT = _named("node_sockstat_")


def _stat(text: str) -> Found:
    for line in text.splitlines():
        words = line.split()
        if words[0] in _STAT:
            yield _STAT[words[0]], (), float(words[1])
        elif words[0].startswith("cpu") and words[0] != "cpu":
            for mode, ticks in zip(_MODES, words[1:], strict=False):
                yield s.NODE_CPU_SECONDS_TOTAL, (words[0][3:], mode), float(ticks) / _TICKS


def _loadavg(text: str) -> Found:
    for signal, word in zip((s.NODE_LOAD1, s.NODE_LOAD5, s.NODE_LOAD15), text.split(), strict=False):
        yield signal, (), float(word)


def _meminfo(text: str) -> Found:
    for line in text.splitlines():
        key, _, rest = line.partition(":")
        # node_exporter writes `Active(anon)` as `Active_anon`.
        signal = _MEMORY.get(key.replace("(", "_").rstrip(")"))
        if signal is not None:
            words = rest.split()
            yield signal, (), float(words[0]) * (1024.0 if words[1:] == ["kB"] else 1.0)


def _vmstat(text: str) -> Found:
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        if key in _VMSTAT:
            yield _VMSTAT[key], (), float(value)


def _pressure(resource: str) -> Callable[[str], Found]:
    kinds = {"some": f"node_pressure_{resource}_waiting_seconds_total"}
    kinds["full"] = f"node_pressure_{resource}_stalled_seconds_total"

    def parse(text: str) -> Found:
        for line in text.splitlines():
            words = line.split()
            signal = _BY_NAME.get(kinds.get(words[0], ""))
            if signal is not None:
                yield signal, (), float(words[-1].removeprefix("total=")) / 1e6

    return parse


def _file_nr(text: str) -> Found:
    words = text.split()
    yield s.NODE_FILEFD_ALLOCATED, (), float(words[0])
    yield s.NODE_FILEFD_MAXIMUM, (), float(words[2])


# Whole devices: partitions, ram disks and loops are left out, as node_exporter does.
_NO_DISK = re.compile(r"(ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+")
_SECTOR = 512.0  # the kernel counts in these, whatever the device has
_DISK_COLUMNS = (
    (3, s.NODE_DISK_READS_COMPLETED_TOTAL, 1.0),
    (5, s.NODE_DISK_READ_BYTES_TOTAL, _SECTOR),
    (6, s.NODE_DISK_READ_TIME_SECONDS_TOTAL, 1e-3),
    (7, s.NODE_DISK_WRITES_COMPLETED_TOTAL, 1.0),
    (9, s.NODE_DISK_WRITTEN_BYTES_TOTAL, _SECTOR),
    (10, s.NODE_DISK_WRITE_TIME_SECONDS_TOTAL, 1e-3),
    (11, s.NODE_DISK_IO_NOW, 1.0),
    (12, s.NODE_DISK_IO_TIME_SECONDS_TOTAL, 1e-3),
    (13, s.NODE_DISK_IO_TIME_WEIGHTED_SECONDS_TOTAL, 1e-3),
)


def _diskstats(text: str) -> Found:
    for line in text.splitlines():
        words = line.split()
        if len(words) < 14 or _NO_DISK.fullmatch(words[2]):
            continue
        for column, signal, factor in _DISK_COLUMNS:
            yield signal, (words[2],), float(words[column]) * factor


_NETWORK_COLUMNS = (
    (0, s.NODE_NETWORK_RECEIVE_BYTES_TOTAL),
    (1, s.NODE_NETWORK_RECEIVE_PACKETS_TOTAL),
    (2, s.NODE_NETWORK_RECEIVE_ERRS_TOTAL),
    (3, s.NODE_NETWORK_RECEIVE_DROP_TOTAL),
    (8, s.NODE_NETWORK_TRANSMIT_BYTES_TOTAL),
    (9, s.NODE_NETWORK_TRANSMIT_PACKETS_TOTAL),
    (10, s.NODE_NETWORK_TRANSMIT_ERRS_TOTAL),
    (11, s.NODE_NETWORK_TRANSMIT_DROP_TOTAL),
)


def _net_dev(text: str) -> Found:
    for line in text.splitlines()[2:]:
        device, _, rest = line.rpartition(":")
        device = device.strip()
        if device == "lo":
            continue
        words = rest.split()
        for column, signal in _NETWORK_COLUMNS:
            yield signal, (device,), float(words[column])


def _netstat(text: str) -> Found:
    """Pairs of lines: names, then values, both behind `Tcp:`."""
    rows = text.splitlines()
    for names, values in zip(rows[::2], rows[1::2], strict=False):
        group = names.partition(":")[0]
        for name, value in zip(names.split()[1:], values.split()[1:], strict=False):
            signal = _NETSTAT.get(f"{group}_{name}")
            if signal is not None:
                yield signal, (), float(value)


def _sockstat(text: str) -> Found:
    for line in text.splitlines():
        words = line.replace(":", "").split()
        for name, value in zip(words[1::2], words[2::2], strict=False):
            signal = _SOCKSTAT.get(f"{words[0]}_{name}")
            if signal is not None:
                yield signal, (), float(value)


def _single(signal: Signal) -> Callable[[str], Found]:
    def parse(text: str) -> Found:
        yield signal, (), float(text)

    return parse


SOURCES = (
    Source("proc/stat", _stat, required=True),
    Source("proc/loadavg", _loadavg),
    Source("proc/meminfo", _meminfo, required=True),
    Source("proc/vmstat", _vmstat),
    Source("proc/pressure/cpu", _pressure("cpu")),
    Source("proc/pressure/io", _pressure("io")),
    Source("proc/pressure/memory", _pressure("memory")),
    Source("proc/sys/fs/file-nr", _file_nr),
    Source("proc/diskstats", _diskstats),
    Source("proc/net/dev", _net_dev),
    Source("proc/net/netstat", _netstat),
    Source("proc/net/snmp", _netstat),
    Source("proc/net/sockstat", _sockstat),
    Source("proc/sys/net/netfilter/nf_conntrack_count", _single(s.NODE_NF_CONNTRACK_ENTRIES)),
    Source("proc/sys/net/netfilter/nf_conntrack_max", _single(s.NODE_NF_CONNTRACK_ENTRIES_LIMIT)),
)

# node_exporter's exclusions: file systems without storage of their own.
_VIRTUAL = frozenset(
    (
        *("autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "fusectl"),
        *("hugetlbfs", "iso9660", "mqueue", "nsfs", "overlay", "proc", "procfs", "pstore", "rpc_pipefs", "securityfs"),
        *("selinuxfs", "squashfs", "sysfs", "tracefs"),
    )
)
# Asking a network file system whose server is gone hangs for ever: only when the option says so.
_NETWORK = frozenset(("nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs", "fuse.sshfs", "fuse.s3fs", "9p"))
_NO_MOUNT = re.compile(r"/(dev|proc|run|sys|var/lib/docker/.+|var/lib/containers/storage/.+|run/.+)($|/.*)")
_OCTAL = re.compile(r"\\([0-7]{3})")


def mounts(text: str, network: bool) -> Iterator[tuple[str, str, str, bool]]:
    """The mounts worth asking, from /proc/mounts: device, type, mount point, whether it is read-only."""
    seen = set()
    for line in text.splitlines():
        device, point, kind, flags = (_OCTAL.sub(lambda m: chr(int(m[1], 8)), word) for word in line.split()[:4])
        if kind in _VIRTUAL or (kind in _NETWORK and not network) or _NO_MOUNT.fullmatch(point) or point in seen:
            continue
        seen.add(point)
        yield device, kind, point, "ro" in flags.split(",")


class HostSession:
    """Reads files; there is nothing to keep open."""

    def __init__(self, target: Target) -> None:
        self._root = str(target.options.get("root", "/")).rstrip("/")
        self._network = bool(target.options.get("network_filesystems", False))

    def read(self, deadline: float) -> Sequence[Family]:
        # By name: the hash of a signal is made of all it says.
        found: dict[str, list[tuple[tuple[str, ...], float]]] = {}
        for signal, labels, value in self._all(deadline):
            found.setdefault(signal.name, []).append((labels, value))
        return [family(_BY_NAME[name], samples) for name, samples in found.items()]

    def _text(self, path: str) -> str:
        with open(f"{self._root}/{path}", "rb", buffering=0) as file:  # noqa: PTH123  as above
            return file.read().decode(errors="replace")

    def abort(self) -> None:
        """A read of a file cannot be broken off; the lane answers without it."""

    def close(self) -> None:
        """Nothing is open."""

    def _all(self, deadline: float) -> Found:
        for source in SOURCES:
            try:
                text = self._text(source.path)
            except OSError as error:
                if source.required:
                    raise TargetError(f"host: cannot read {self._root}/{source.path}: {error.strerror}") from None
                continue
            yield from source.parse(text)
        yield from self._devices()
        yield from self._machine()
        yield from self._filesystems(deadline)

    def _devices(self) -> Found:
        try:
            devices = sorted(os.listdir(f"{self._root}/sys/class/net"))  # noqa: PTH208  a tenth of the cost
        except OSError:
            return
        for device in devices:
            if device == "lo":
                continue
            state = self._word(device, "operstate")
            if state is not None:
                yield s.NODE_NETWORK_UP, (device,), float(state == "up")
            mtu, speed = self._word(device, "mtu"), self._word(device, "speed")
            if mtu is not None:
                yield s.NODE_NETWORK_MTU_BYTES, (device,), float(mtu)
            # The kernel says -1 for a device that does not know: unknown is left out.
            if speed is not None and int(speed) >= 0:
                yield s.NODE_NETWORK_SPEED_BYTES, (device,), int(speed) * 125_000.0

    def _word(self, device: str, name: str) -> str | None:
        try:
            return self._text(f"sys/class/net/{device}/{name}").strip()
        except OSError:
            return None

    def _machine(self) -> Found:
        name = os.uname()
        domain = "(none)"
        with contextlib.suppress(OSError):
            domain = self._text("proc/sys/kernel/domainname").strip()
        values = (domain, name.machine, name.nodename, name.release, name.sysname, name.version)
        yield s.NODE_UNAME_INFO, values, 1.0
        yield s.NODE_TIME_SECONDS, (), now()

    def _filesystems(self, deadline: float) -> Found:
        for path in ("proc/1/mounts", "proc/mounts"):
            try:
                text = self._text(path)
            except OSError:
                continue
            break
        else:
            return
        for device, kind, point, read_only in mounts(text, self._network):
            if monotonic() >= deadline:
                raise TargetError(f"host: the file system at {point} was not reached in time")
            yield from self._filesystem((device, kind, point), read_only)

    def _filesystem(self, labels: tuple[str, str, str], read_only: bool) -> Found:
        try:
            seen = os.statvfs(f"{self._root}{labels[2]}")
        except OSError:
            yield s.NODE_FILESYSTEM_DEVICE_ERROR, labels, 1.0
            return
        if not seen.f_blocks:
            return  # no storage behind it
        yield s.NODE_FILESYSTEM_DEVICE_ERROR, labels, 0.0
        yield s.NODE_FILESYSTEM_READONLY, labels, float(read_only)
        yield s.NODE_FILESYSTEM_SIZE_BYTES, labels, float(seen.f_blocks * seen.f_frsize)
        yield s.NODE_FILESYSTEM_FREE_BYTES, labels, float(seen.f_bfree * seen.f_frsize)
        yield s.NODE_FILESYSTEM_AVAIL_BYTES, labels, float(seen.f_bavail * seen.f_frsize)
        yield s.NODE_FILESYSTEM_FILES, labels, float(seen.f_files)
        yield s.NODE_FILESYSTEM_FILES_FREE, labels, float(seen.f_ffree)


COLLECTOR = Collector(
    system="host",
    open=HostSession,
    signals=s.SIGNALS,
    options=(
        ("root", "directory below which the host's /proc, /sys and file systems are mounted"),
        ("network_filesystems", "true asks network file systems too; one whose server is gone hangs the target"),
    ),
)
