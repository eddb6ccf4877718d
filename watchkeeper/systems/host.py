"""Host: names, kinds and labels as node_exporter has them, read from /proc and /sys of a Linux machine.

The signals stand in `host_signals` (the kernel) and `host_devices`. What node_exporter leaves untyped is exposed so,
and has its kind here. Every line of /proc/meminfo becomes a signal, also those of a kernel newer than this list.
"""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import NamedQuery, System
from watchkeeper.signals import Signal, is_not, matches, matches_not
from watchkeeper.systems.host_devices import (
    DEVICES,
    NODE_DISK_IO_TIME_SECONDS_TOTAL,
    NODE_EDAC_CORRECTABLE_ERRORS_TOTAL,
    NODE_EDAC_UNCORRECTABLE_ERRORS_TOTAL,
    NODE_FILESYSTEM_AVAIL_BYTES,
    NODE_FILESYSTEM_SIZE_BYTES,
    NODE_HWMON_TEMP_CELSIUS,
    NODE_NETWORK_RECEIVE_BYTES_TOTAL,
    NODE_NETWORK_RECEIVE_DROP_TOTAL,
    NODE_NETWORK_RECEIVE_ERRS_TOTAL,
    NODE_NETWORK_RECEIVE_PACKETS_TOTAL,
    NODE_NETWORK_TRANSMIT_BYTES_TOTAL,
    NODE_NETWORK_TRANSMIT_DROP_TOTAL,
    NODE_NETWORK_TRANSMIT_ERRS_TOTAL,
    NODE_NETWORK_TRANSMIT_PACKETS_TOTAL,
)
from watchkeeper.systems.host_signals import (
    KERNEL,
    NODE_CPU_SECONDS_TOTAL,
    NODE_FILEFD_ALLOCATED,
    NODE_FILEFD_MAXIMUM,
    NODE_LOAD5,
    NODE_MEMORY_MEMAVAILABLE_BYTES,
    NODE_MEMORY_MEMTOTAL_BYTES,
    NODE_MEMORY_SWAPFREE_BYTES,
    NODE_MEMORY_SWAPTOTAL_BYTES,
    NODE_NF_CONNTRACK_ENTRIES,
    NODE_NF_CONNTRACK_ENTRIES_LIMIT,
    NODE_PRESSURE_CPU_WAITING_SECONDS_TOTAL,
    NODE_PRESSURE_IO_WAITING_SECONDS_TOTAL,
    NODE_PRESSURE_MEMORY_WAITING_SECONDS_TOTAL,
    NODE_TIMEX_MAXERROR_SECONDS,
    NODE_TIMEX_OFFSET_SECONDS,
    NODE_TIMEX_SYNC_STATUS,
    NODE_VMSTAT_OOM_KILL,
)

__all__ = ["QUERIES", "SIGNALS", "SYSTEM"]

SIGNALS: tuple[Signal, ...] = tuple({signal.name: signal for signal in (*KERNEL, *DEVICES)}.values())

SYSTEM = System(
    key="host",
    title="Host",
    summary="A Linux machine: processor, memory, pressure, file systems, disks, network.",
    collected="both",
    signals=SIGNALS,
    open_prefixes=("node_memory_",),
    exporter="node_exporter",
    tested_against="Linux 6, node_exporter 1.5.0",
)

_TARGET = ("job", "instance")
# Shares of every processor's time; steal and guest count as used, iowait does not (the processor is free then).
_IDLE = q.avg_by(q.sum_without(q.rate(NODE_CPU_SECONDS_TOTAL.where(mode=matches("idle|iowait"))), "mode"), *_TARGET)
_CPUS = q.count_by(q.rate(NODE_CPU_SECONDS_TOTAL.where(mode="idle")), *_TARGET)
# File systems of packages and memory are full by design or by nature.
_REAL = {"fstype": matches_not("tmpfs|ramfs|devtmpfs|squashfs|iso9660|fuse[.].*|autofs")}
_SIZE, _AVAILABLE = NODE_FILESYSTEM_SIZE_BYTES.where(**_REAL), NODE_FILESYSTEM_AVAIL_BYTES.where(**_REAL)
_SWAP_USED = q.value(NODE_MEMORY_SWAPTOTAL_BYTES) - q.value(NODE_MEMORY_SWAPFREE_BYTES)
_PACKETS = q.rate(NODE_NETWORK_RECEIVE_PACKETS_TOTAL) + q.rate(NODE_NETWORK_TRANSMIT_PACKETS_TOTAL)
_ERRORS = q.rate(NODE_NETWORK_RECEIVE_ERRS_TOTAL) + q.rate(NODE_NETWORK_TRANSMIT_ERRS_TOTAL)
_DROPS = q.rate(NODE_NETWORK_RECEIVE_DROP_TOTAL) + q.rate(NODE_NETWORK_TRANSMIT_DROP_TOTAL)

QUERIES: tuple[NamedQuery, ...] = (
    NamedQuery(key="host.cpu_used_ratio", title="Share of processor time in use", query=1 - _IDLE),
    NamedQuery(
        key="host.load_per_cpu",
        title="Load (5 min) per processor",
        query=q.ratio(q.max_by(NODE_LOAD5, *_TARGET), _CPUS),
    ),
    NamedQuery(
        key="host.memory_available_ratio",
        title="Share of memory that is available",
        query=q.min_by(q.ratio(NODE_MEMORY_MEMAVAILABLE_BYTES, NODE_MEMORY_MEMTOTAL_BYTES), *_TARGET),
    ),
    NamedQuery(
        key="host.memory_available_bytes",
        title="Memory that is available",
        query=q.min_by(NODE_MEMORY_MEMAVAILABLE_BYTES, *_TARGET),
    ),
    NamedQuery(key="host.swap_used_bytes", title="Swap in use", query=q.max_by(_SWAP_USED, *_TARGET)),
    NamedQuery(
        key="host.filesystem_used_ratio",
        title="Share of a file system in use",
        query=q.max_by(1 - q.ratio(_AVAILABLE, _SIZE), *_TARGET, "mountpoint"),
    ),
    NamedQuery(
        key="host.filesystem_free_bytes",
        title="Free space of a file system",
        query=q.min_by(_AVAILABLE, *_TARGET, "mountpoint"),
    ),
    NamedQuery(
        key="host.disk_io_utilization",
        title="Share of time that a disk was busy",
        query=q.max_by(q.rate(NODE_DISK_IO_TIME_SECONDS_TOTAL), *_TARGET, "device"),
    ),
    NamedQuery(
        key="host.cpu_pressure_ratio",
        title="Share of time that some task waited for processor",
        query=q.max_by(q.rate(NODE_PRESSURE_CPU_WAITING_SECONDS_TOTAL), *_TARGET),
    ),
    NamedQuery(
        key="host.memory_pressure_ratio",
        title="Share of time that some task waited for memory",
        query=q.max_by(q.rate(NODE_PRESSURE_MEMORY_WAITING_SECONDS_TOTAL), *_TARGET),
    ),
    NamedQuery(
        key="host.io_pressure_ratio",
        title="Share of time that some task waited for I/O",
        query=q.max_by(q.rate(NODE_PRESSURE_IO_WAITING_SECONDS_TOTAL), *_TARGET),
    ),
    NamedQuery(
        key="host.network_receive_rate",
        title="Bytes received per second, by device",
        query=q.sum_by(q.rate(NODE_NETWORK_RECEIVE_BYTES_TOTAL.where(device=is_not("lo"))), *_TARGET, "device"),
    ),
    NamedQuery(
        key="host.network_transmit_rate",
        title="Bytes sent per second, by device",
        query=q.sum_by(q.rate(NODE_NETWORK_TRANSMIT_BYTES_TOTAL.where(device=is_not("lo"))), *_TARGET, "device"),
    ),
    NamedQuery(
        key="host.oom_kill_rate",
        title="Processes killed for want of memory, per second",
        query=q.sum_by(q.rate(NODE_VMSTAT_OOM_KILL), *_TARGET),
    ),
    NamedQuery(
        key="host.network_error_ratio",
        title="Share of packets with errors, by device",
        query=q.max_by(q.ratio(_ERRORS, _PACKETS > 0), *_TARGET, "device"),
    ),
    NamedQuery(
        key="host.network_drop_rate",
        title="Packets dropped per second, by device",
        query=q.max_by(_DROPS, *_TARGET, "device"),
    ),
    NamedQuery(
        key="host.clock_offset",
        title="Clock's distance from its reference",
        query=q.max_by(q.absolute(NODE_TIMEX_OFFSET_SECONDS), *_TARGET),
    ),
    NamedQuery(
        key="host.clock_largest_error",
        title="Largest possible error of the clock",
        query=q.max_by(NODE_TIMEX_MAXERROR_SECONDS, *_TARGET),
    ),
    NamedQuery(
        key="host.clock_synchronised",
        title="Whether the clock is kept by a server",
        query=q.min_by(NODE_TIMEX_SYNC_STATUS, *_TARGET),
    ),
    NamedQuery(
        key="host.conntrack_used_ratio",
        title="Share of the table of tracked connections in use",
        query=q.max_by(q.ratio(NODE_NF_CONNTRACK_ENTRIES, NODE_NF_CONNTRACK_ENTRIES_LIMIT), *_TARGET),
    ),
    NamedQuery(
        key="host.file_handles_used_ratio",
        title="Share of the file handles in use",
        query=q.max_by(q.ratio(NODE_FILEFD_ALLOCATED, NODE_FILEFD_MAXIMUM), *_TARGET),
    ),
    NamedQuery(
        key="host.memory_errors_corrected",
        title="Errors of memory that were corrected, in an hour",
        query=q.sum_by(q.increase(NODE_EDAC_CORRECTABLE_ERRORS_TOTAL, "1h"), *_TARGET, "controller"),
    ),
    NamedQuery(
        key="host.memory_errors_uncorrected",
        title="Errors of memory that could not be corrected, in an hour",
        query=q.sum_by(q.increase(NODE_EDAC_UNCORRECTABLE_ERRORS_TOTAL, "1h"), *_TARGET, "controller"),
    ),
    NamedQuery(
        key="host.temperature",
        title="Temperature of the hottest sensor",
        query=q.max_by(NODE_HWMON_TEMP_CELSIUS, *_TARGET),
    ),
)
