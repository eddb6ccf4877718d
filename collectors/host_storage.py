"""Host: disks and file systems."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from collectors.host_files import Files, Found
from watchkeeper.clock import monotonic
from watchkeeper.errors import TargetError
from watchkeeper.signals import Info
from watchkeeper.systems import host_devices as d

__all__ = ["Storage", "mounts"]

# Whole devices: partitions, ram disks and loops are left out, as node_exporter does.
_NO_DISK = re.compile(r"(ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+")

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

Mount = tuple[str, str, str, bool]
"""Device, type, mount point, whether it is read-only."""


def mounts(text: str, network: bool) -> Iterator[Mount]:
    """The mounts worth asking, from /proc/mounts."""
    seen = set()
    for line in text.splitlines():
        device, point, kind, flags = (_OCTAL.sub(lambda m: chr(int(m[1], 8)), word) for word in line.split()[:4])
        if kind in _VIRTUAL or (kind in _NETWORK and not network) or _NO_MOUNT.fullmatch(point) or point in seen:
            continue
        seen.add(point)
        yield device, kind, point, "ro" in flags.split(",")


class Storage:
    """Reads disks and file systems; remembers what the mounts and udev's data base say while they stay as they are."""

    def __init__(self, files: Files, network: bool) -> None:
        self._files = files
        self._network = network
        self._mounts: tuple[str, list[Mount]] = ("", [])
        self._udev: dict[str, tuple[float, dict[str, str]]] = {}

    def disks(self) -> Found:
        """The whole disks, from /proc/diskstats."""
        try:
            text = self._files.text("proc/diskstats")
        except OSError:
            return
        for line in text.splitlines():
            major, minor, device, *values = line.split()
            if _NO_DISK.fullmatch(device):
                continue
            labels = (device,)
            for (signal, factor), value in zip(d.DISKSTATS, values, strict=False):
                yield signal, labels, float(value) * factor
            known = self._properties(major, minor)
            yield d.NODE_DISK_INFO, (device, major, minor, *(known.get(key, "") for _, key in d.DISK_FIELDS)), 1.0
            if known.get("ID_FS_TYPE"):
                yield _described(d.NODE_DISK_FILESYSTEM_INFO, device, known, d.FILESYSTEM_FIELDS)
            if known.get("DM_NAME"):
                yield _described(d.NODE_DISK_DEVICE_MAPPER_INFO, device, known, d.DEVICE_MAPPER_FIELDS)

    def _properties(self, major: str, minor: str) -> dict[str, str]:
        path = f"{self._files.root}/run/udev/data/b{major}:{minor}"
        try:
            changed = os.stat(path).st_mtime  # noqa: PTH116  hot
        except OSError:
            return {}
        kept = self._udev.get(path)
        if kept is not None and kept[0] == changed:
            return kept[1]
        try:
            with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123  udev replaces the file
                rows = [line[2:].rstrip("\n").partition("=") for line in file if line.startswith("E:")]
        except OSError:
            return {}
        found = {key: value for key, _, value in rows}
        self._udev[path] = (changed, found)
        return found

    def filesystems(self, deadline: float) -> Found:
        """The file systems with storage of their own. Raises TargetError when the deadline passes."""
        text = self._files.word("proc/1/mounts") or self._files.word("proc/mounts") or ""
        if text != self._mounts[0]:
            self._mounts = (text, list(mounts(text, self._network)))
        for device, kind, point, read_only in self._mounts[1]:
            if monotonic() >= deadline:
                raise TargetError(f"host: the file system at {point} was not reached in time")
            yield from self._filesystem((device, kind, point), read_only)

    def _filesystem(self, labels: tuple[str, str, str], read_only: bool) -> Found:
        try:
            seen = os.statvfs(f"{self._files.root}{labels[2]}")
        except OSError:
            yield d.NODE_FILESYSTEM_DEVICE_ERROR, labels, 1.0
            return
        if not seen.f_blocks:
            return  # no storage behind it
        yield d.NODE_FILESYSTEM_DEVICE_ERROR, labels, 0.0
        yield d.NODE_FILESYSTEM_READONLY, labels, float(read_only)
        yield d.NODE_FILESYSTEM_SIZE_BYTES, labels, float(seen.f_blocks * seen.f_frsize)
        yield d.NODE_FILESYSTEM_FREE_BYTES, labels, float(seen.f_bfree * seen.f_frsize)
        yield d.NODE_FILESYSTEM_AVAIL_BYTES, labels, float(seen.f_bavail * seen.f_frsize)
        yield d.NODE_FILESYSTEM_FILES, labels, float(seen.f_files)
        yield d.NODE_FILESYSTEM_FILES_FREE, labels, float(seen.f_ffree)


def _described(
    signal: Info, device: str, known: dict[str, str], fields: tuple[tuple[str, str], ...]
) -> tuple[Info, tuple[str, ...], float]:
    return signal, (device, *(known.get(key, "") for _, key in fields)), 1.0
