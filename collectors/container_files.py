"""Container: the files of one cgroup (v2); a controller that is not enabled has none, and its signals are left out."""

from __future__ import annotations

import os

from collectors.host_files import Files, Found, net_dev, pressure
from watchkeeper.clock import now
from watchkeeper.systems import container as s

__all__ = ["Cgroup", "network"]

_MACHINE = Files("/", keep=0)
_MICRO = 1e-6
_CPU = (
    ("user_usec", s.CONTAINER_CPU_USER_SECONDS_TOTAL, _MICRO),
    ("system_usec", s.CONTAINER_CPU_SYSTEM_SECONDS_TOTAL, _MICRO),
    ("nr_periods", s.CONTAINER_CPU_CFS_PERIODS_TOTAL, 1.0),
    ("nr_throttled", s.CONTAINER_CPU_CFS_THROTTLED_PERIODS_TOTAL, 1.0),
    ("throttled_usec", s.CONTAINER_CPU_CFS_THROTTLED_SECONDS_TOTAL, _MICRO),
)
_MEMORY = (
    ("anon", s.CONTAINER_MEMORY_RSS),
    ("file", s.CONTAINER_MEMORY_CACHE),
    ("file_mapped", s.CONTAINER_MEMORY_MAPPED_FILE),
    ("kernel", s.CONTAINER_MEMORY_KERNEL_USAGE),
)
_PRESSURE = (
    ("cpu", s.CONTAINER_PRESSURE_CPU_WAITING_SECONDS_TOTAL, s.CONTAINER_PRESSURE_CPU_STALLED_SECONDS_TOTAL),
    ("memory", s.CONTAINER_PRESSURE_MEMORY_WAITING_SECONDS_TOTAL, s.CONTAINER_PRESSURE_MEMORY_STALLED_SECONDS_TOTAL),
    ("io", s.CONTAINER_PRESSURE_IO_WAITING_SECONDS_TOTAL, s.CONTAINER_PRESSURE_IO_STALLED_SECONDS_TOTAL),
)
_IO = (
    ("rbytes", s.CONTAINER_FS_READS_BYTES_TOTAL),
    ("wbytes", s.CONTAINER_FS_WRITES_BYTES_TOTAL),
    ("rios", s.CONTAINER_FS_READS_TOTAL),
    ("wios", s.CONTAINER_FS_WRITES_TOTAL),
)


class Cgroup:
    """One directory of the tree. `labels` are its id and name; `devices` remembers what numbers of disks are called."""

    def __init__(self, path: str, labels: tuple[str, str], devices: dict[str, str]) -> None:
        # Containers come and go: what is kept open of one that is gone would be in the way of the next. A limit that
        # is `max` is no number.
        self._files = Files(path, keep=0)
        self._labels = labels
        self._devices = devices

    def read(self) -> Found:
        """All that it says; nothing when it ends meanwhile."""
        try:
            made = os.stat(self._files.root).st_ctime  # noqa: PTH116  texts all the way
        except OSError:
            return
        yield s.CONTAINER_START_TIME_SECONDS, self._labels, made
        yield s.CONTAINER_LAST_SEEN, self._labels, now()
        yield from self._processor()
        yield from self._memory()
        yield from self._processes()
        yield from self._disks()
        yield from self._pressure()

    def _processor(self) -> Found:
        stat = self._files.table("cpu.stat")
        if "usage_usec" in stat:
            yield s.CONTAINER_CPU_USAGE_SECONDS_TOTAL, ("total", *self._labels), stat["usage_usec"] * _MICRO
        for key, signal, factor in _CPU:
            if key in stat:
                yield signal, self._labels, stat[key] * factor
        quota, _, period = (self._files.word("cpu.max") or "").partition(" ")
        if period.isdigit():
            yield s.CONTAINER_SPEC_CPU_PERIOD, self._labels, float(period)
        if quota.isdigit():
            yield s.CONTAINER_SPEC_CPU_QUOTA, self._labels, float(quota)
        weight = self._files.number("cpu.weight")
        if weight is not None:
            # The way back from systemd's and the runtimes' conversion of shares (2 to 262144) to weights (1 to 10000).
            yield s.CONTAINER_SPEC_CPU_SHARES, self._labels, float(int(2 + (weight - 1) * 262_142 / 9_999))

    def _memory(self) -> Found:
        labels = self._labels
        used, stat = self._files.number("memory.current"), self._files.table("memory.stat")
        if used is not None:
            yield s.CONTAINER_MEMORY_USAGE_BYTES, labels, used
            if "inactive_file" in stat:
                yield s.CONTAINER_MEMORY_WORKING_SET_BYTES, labels, max(0.0, used - stat["inactive_file"])
        for key, signal in _MEMORY:
            if key in stat:
                yield signal, labels, stat[key]
        for key in ("pgfault", "pgmajfault"):
            if key in stat:
                yield s.CONTAINER_MEMORY_FAILURES_TOTAL, (key, *labels, "hierarchy"), stat[key]
        events = self._files.table("memory.events")
        if "oom_kill" in events:
            yield s.CONTAINER_OOM_EVENTS_TOTAL, labels, events["oom_kill"]
            yield s.CONTAINER_MEMORY_FAILCNT, labels, events.get("max", 0.0)
        limit, swap_limit = self._files.number("memory.max"), self._files.number("memory.swap.max")
        for signal, value in (
            (s.CONTAINER_MEMORY_SWAP, self._files.number("memory.swap.current")),
            (s.CONTAINER_MEMORY_MAX_USAGE_BYTES, self._files.number("memory.peak")),
            (s.CONTAINER_SPEC_MEMORY_LIMIT_BYTES, limit),
        ):
            if value is not None:
                yield signal, labels, value
        if limit is not None and swap_limit is not None:
            yield s.CONTAINER_SPEC_MEMORY_SWAP_LIMIT_BYTES, labels, limit + swap_limit

    def _processes(self) -> Found:
        processes = self._files.word("cgroup.procs")
        if processes is not None:
            yield s.CONTAINER_PROCESSES, self._labels, float(len(processes.split()))
        for file, signal in (("pids.current", s.CONTAINER_THREADS), ("pids.max", s.CONTAINER_THREADS_MAX)):
            value = self._files.number(file)
            if value is not None:
                yield signal, self._labels, value

    def _disks(self) -> Found:
        for line in (self._files.word("io.stat") or "").splitlines():
            number, *fields = line.split()
            found = dict(field.partition("=")[::2] for field in fields)
            labels = (self._device(number), *self._labels)
            for key, signal in _IO:
                if found.get(key, "").isdigit():
                    yield signal, labels, float(found[key])

    def _device(self, number: str) -> str:
        """What a disk with a number such as 8:0 is called; the number itself where sysfs does not say."""
        known = self._devices.get(number)
        if known is None:
            known = number
            for line in (_MACHINE.word(f"sys/dev/block/{number}/uevent") or "").splitlines():
                if line.startswith("DEVNAME="):
                    known = "/dev/" + line[8:].strip()
            self._devices[number] = known
        return known

    def _pressure(self) -> Found:
        for resource, waiting, stalled in _PRESSURE:
            for kind, seconds in pressure(self._files.word(f"{resource}.pressure") or ""):
                yield (waiting if kind == "some" else stalled), self._labels, seconds


_TRAFFIC = (
    (0, s.CONTAINER_NETWORK_RECEIVE_BYTES_TOTAL),
    (1, s.CONTAINER_NETWORK_RECEIVE_PACKETS_TOTAL),
    (2, s.CONTAINER_NETWORK_RECEIVE_ERRORS_TOTAL),
    (3, s.CONTAINER_NETWORK_RECEIVE_PACKETS_DROPPED_TOTAL),
    (8, s.CONTAINER_NETWORK_TRANSMIT_BYTES_TOTAL),
    (9, s.CONTAINER_NETWORK_TRANSMIT_PACKETS_TOTAL),
    (10, s.CONTAINER_NETWORK_TRANSMIT_ERRORS_TOTAL),
    (11, s.CONTAINER_NETWORK_TRANSMIT_PACKETS_DROPPED_TOTAL),
)


def network(labels: tuple[str, str]) -> Found:
    """What the network of this process, and so of its pod, carried; without the loopback."""
    for interface, words in net_dev(_MACHINE.word("proc/net/dev") or ""):
        for column, signal in _TRAFFIC:
            yield signal, (labels[0], interface, labels[1]), float(words[column])
