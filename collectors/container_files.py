"""Container: the files of one cgroup (v2); a controller that is not enabled has none, and its signals are left out."""

from __future__ import annotations

import os
from collections.abc import Iterator

from watchkeeper.clock import now
from watchkeeper.signals import Signal
from watchkeeper.systems import container as s

__all__ = ["Cgroup", "Found", "network"]

Found = Iterator[tuple[Signal, tuple[str, ...], float]]
"""Samples: signal, label values in the order of its labels, value."""

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
        self._path = path
        self._labels = labels
        self._devices = devices

    def read(self) -> Found:
        """All that it says; nothing when it ends meanwhile."""
        try:
            made = os.stat(self._path).st_ctime  # noqa: PTH116  texts all the way
        except OSError:
            return
        yield s.CONTAINER_START_TIME_SECONDS, self._labels, made
        yield s.CONTAINER_LAST_SEEN, self._labels, now()
        yield from self._processor()
        yield from self._memory()
        yield from self._processes()
        yield from self._disks()
        yield from self._pressure()

    def _text(self, file: str) -> str | None:
        try:
            with open(f"{self._path}/{file}", "rb", buffering=0) as opened:  # noqa: PTH123
                return opened.read().decode(errors="replace")
        except OSError:
            return None

    def _number(self, file: str) -> float | None:
        """The number in a file; None when it cannot be read, or says `max`: there is no limit."""
        text = self._text(file)
        return float(text) if text is not None and text.strip().isdigit() else None

    def _table(self, file: str) -> dict[str, float]:
        rows = [line.split() for line in (self._text(file) or "").splitlines()]
        return {row[0]: float(row[1]) for row in rows if len(row) == 2}

    def _processor(self) -> Found:
        stat = self._table("cpu.stat")
        if "usage_usec" in stat:
            yield s.CONTAINER_CPU_USAGE_SECONDS_TOTAL, ("total", *self._labels), stat["usage_usec"] * _MICRO
        for key, signal, factor in _CPU:
            if key in stat:
                yield signal, self._labels, stat[key] * factor
        quota, _, period = (self._text("cpu.max") or "").strip().partition(" ")
        if period.isdigit():
            yield s.CONTAINER_SPEC_CPU_PERIOD, self._labels, float(period)
        if quota.isdigit():
            yield s.CONTAINER_SPEC_CPU_QUOTA, self._labels, float(quota)
        weight = self._number("cpu.weight")
        if weight is not None:
            # The way back from systemd's and the runtimes' conversion of shares (2 to 262144) to weights (1 to 10000).
            yield s.CONTAINER_SPEC_CPU_SHARES, self._labels, float(int(2 + (weight - 1) * 262_142 / 9_999))

    def _memory(self) -> Found:
        labels = self._labels
        used, stat = self._number("memory.current"), self._table("memory.stat")
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
        events = self._table("memory.events")
        if "oom_kill" in events:
            yield s.CONTAINER_OOM_EVENTS_TOTAL, labels, events["oom_kill"]
            yield s.CONTAINER_MEMORY_FAILCNT, labels, events.get("max", 0.0)
        limit, swap_limit = self._number("memory.max"), self._number("memory.swap.max")
        for signal, value in (
            (s.CONTAINER_MEMORY_SWAP, self._number("memory.swap.current")),
            (s.CONTAINER_MEMORY_MAX_USAGE_BYTES, self._number("memory.peak")),
            (s.CONTAINER_SPEC_MEMORY_LIMIT_BYTES, limit),
        ):
            if value is not None:
                yield signal, labels, value
        if limit is not None and swap_limit is not None:
            yield s.CONTAINER_SPEC_MEMORY_SWAP_LIMIT_BYTES, labels, limit + swap_limit

    def _processes(self) -> Found:
        processes = self._text("cgroup.procs")
        if processes is not None:
            yield s.CONTAINER_PROCESSES, self._labels, float(processes.count("\n"))
        for file, signal in (("pids.current", s.CONTAINER_THREADS), ("pids.max", s.CONTAINER_THREADS_MAX)):
            value = self._number(file)
            if value is not None:
                yield signal, self._labels, value

    def _disks(self) -> Found:
        for line in (self._text("io.stat") or "").splitlines():
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
            try:
                with open(f"/sys/dev/block/{number}/uevent", encoding="utf-8") as file:  # noqa: PTH123
                    for line in file:
                        if line.startswith("DEVNAME="):
                            known = "/dev/" + line[8:].strip()
            except OSError:
                pass
            self._devices[number] = known
        return known

    def _pressure(self) -> Found:
        for resource, waiting, stalled in _PRESSURE:
            for line in (self._text(f"{resource}.pressure") or "").splitlines():
                kind, *_, total = line.split()
                seconds = float(total.removeprefix("total=")) * _MICRO
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


def network(labels: tuple[str, str], file: str = "/proc/net/dev") -> Found:
    """What the network of this process, and so of its pod, carried; without the loopback."""
    try:
        with open(file, encoding="utf-8") as opened:  # noqa: PTH123
            lines = opened.readlines()[2:]
    except OSError:
        return
    for line in lines:
        interface, _, rest = line.rpartition(":")
        interface = interface.strip()
        if interface == "lo":
            continue
        values = rest.split()
        for column, signal in _TRAFFIC:
            yield signal, (labels[0], interface, labels[1]), float(values[column])
