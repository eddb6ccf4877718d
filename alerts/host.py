"""Alerts of a host: what its users feel, and what stops it soon."""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import Alert
from watchkeeper.signals import matches_not
from watchkeeper.systems.host_devices import (
    NODE_EDAC_UNCORRECTABLE_ERRORS_TOTAL,
    NODE_FILESYSTEM_AVAIL_BYTES,
    NODE_FILESYSTEM_FILES,
    NODE_FILESYSTEM_FILES_FREE,
    NODE_FILESYSTEM_READONLY,
    NODE_FILESYSTEM_SIZE_BYTES,
)
from watchkeeper.systems.host_signals import (
    NODE_MEMORY_MEMAVAILABLE_BYTES,
    NODE_MEMORY_MEMTOTAL_BYTES,
    NODE_PRESSURE_MEMORY_WAITING_SECONDS_TOTAL,
    NODE_TIMEX_MAXERROR_SECONDS,
    NODE_TIMEX_SYNC_STATUS,
    NODE_VMSTAT_OOM_KILL,
)

__all__ = ["ALERTS"]

_TARGET = ("job", "instance")
_MOUNT = (*_TARGET, "mountpoint")
_REAL = {"fstype": matches_not("tmpfs|ramfs|devtmpfs|squashfs|iso9660|fuse[.].*|autofs")}
_AVAILABLE = NODE_FILESYSTEM_AVAIL_BYTES.where(**_REAL)
_FREE_SHARE = q.min_by(q.ratio(_AVAILABLE, NODE_FILESYSTEM_SIZE_BYTES.where(**_REAL)), *_MOUNT)
_WRITABLE = q.max_by(NODE_FILESYSTEM_READONLY.where(**_REAL), *_MOUNT).equals(0)
_MEMORY_SHARE = q.min_by(q.ratio(NODE_MEMORY_MEMAVAILABLE_BYTES, NODE_MEMORY_MEMTOTAL_BYTES), *_TARGET)
_MEMORY_WAIT = q.max_by(q.rate(NODE_PRESSURE_MEMORY_WAITING_SECONDS_TOTAL), *_TARGET)
_INODES_FREE = q.min_by(
    q.ratio(NODE_FILESYSTEM_FILES_FREE.where(**_REAL), q.value(NODE_FILESYSTEM_FILES.where(**_REAL)) > 0), *_MOUNT
)
_NOT_KEPT = q.max_by(NODE_TIMEX_SYNC_STATUS, *_TARGET).equals(0)

ALERTS: tuple[Alert, ...] = (
    Alert(
        name="HostCpuSaturated",
        system="host",
        query="host.cpu_used_ratio",
        threshold=0.95,
        hold="30m",
        severity="warning",
        summary="{{ $labels.instance }}: processors {{ $value }} in use for half an hour",
        description="What runs there waits for processor time; latency rises before anything fails.",
        runbook="host/cpu-saturated",
        panel="host/cpu-used-ratio",
        source="Utilisation alone is no fault (USE method): hence high, long, and never at night",
    ),
    Alert(
        name="HostMemoryLow",
        system="host",
        query=q.and_(_MEMORY_SHARE, _MEMORY_WAIT > 0.1),
        op="<",
        threshold=0.1,
        hold="5m",
        severity="critical",
        summary="{{ $labels.instance }}: {{ $value }} of its memory is available",
        description="Tasks wait for memory more than a tenth of the time: the kernel soon kills a process.",
        runbook="host/memory-low",
        panel="host/memory-available-ratio",
        source=(
            "10 % available is the usual bound; the pressure (kernel documentation, PSI) tells a full cache from a "
            "shortage"
        ),
    ),
    Alert(
        name="HostOutOfMemoryKill",
        system="host",
        query=q.sum_by(q.increase(NODE_VMSTAT_OOM_KILL, "15m"), *_TARGET),
        threshold=0,
        hold="0s",
        severity="warning",
        summary="{{ $labels.instance }}: the kernel killed a process for want of memory",
        description=(
            "It happened within a quarter of an hour. What was killed, and what ate the memory, stands in the "
            "kernel's log."
        ),
        runbook="host/memory-low",
        panel="host/oom-kill-rate",
        source="Every kill is a failure of somebody's program",
    ),
    Alert(
        name="HostDiskFillsUp",
        system="host",
        query=q.and_(q.and_(q.min_by(q.predict_linear(_AVAILABLE, "6h", "1d"), *_MOUNT), _FREE_SHARE < 0.2), _WRITABLE),
        op="<",
        threshold=0,
        hold="1h",
        severity="warning",
        summary="{{ $labels.instance }}: {{ $labels.mountpoint }} is full within a day",
        description="At the pace of the last six hours it lacks {{ $value }} by then; less than a fifth is free now.",
        runbook="host/disk-full",
        panel="host/filesystem-used-ratio",
        source=(
            "node-mixin NodeFilesystemSpaceFillingUp (6 h of trend, 24 h ahead), with 20 % as kube-prometheus has it"
        ),
    ),
    Alert(
        name="HostDiskFull",
        system="host",
        query=q.and_(_FREE_SHARE, _WRITABLE),
        op="<",
        threshold=0.03,
        hold="30m",
        severity="critical",
        summary="{{ $labels.instance }}: {{ $value }} of {{ $labels.mountpoint }} is free",
        description="Writes fail when it is full: databases stop, logs are lost.",
        runbook="host/disk-full",
        panel="host/filesystem-used-ratio",
        source="node-mixin NodeFilesystemAlmostOutOfSpace: 3 % critical, 30 min",
    ),
    Alert(
        name="HostInodesLow",
        system="host",
        query=q.and_(_INODES_FREE, _WRITABLE),
        op="<",
        threshold=0.03,
        hold="1h",
        severity="warning",
        summary="{{ $labels.instance }}: {{ $value }} of the inodes of {{ $labels.mountpoint }} are free",
        description="No file can be made when they are gone, however much space there is.",
        runbook="host/disk-full",
        panel="host/inodes-free-ratio",
        source="node-mixin NodeFilesystemAlmostOutOfFiles: 3 %, 1 h",
    ),
    Alert(
        name="HostClockSkewed",
        system="host",
        query="host.clock_offset",
        threshold=0.05,
        hold="10m",
        severity="warning",
        summary="{{ $labels.instance }}: its clock is {{ $value }} from its reference",
        description="Certificates, tokens, leases and the order of log lines depend on clocks that agree.",
        runbook="host/clock",
        panel="host/clock-offset",
        source="node-mixin NodeClockSkewDetected: 50 ms, 10 min",
    ),
    Alert(
        name="HostClockNotKept",
        system="host",
        query=q.and_(q.max_by(NODE_TIMEX_MAXERROR_SECONDS, *_TARGET), _NOT_KEPT),
        op=">=",
        threshold=16,
        hold="10m",
        severity="warning",
        summary="{{ $labels.instance }}: nothing keeps its clock",
        description="The kernel has had no word of a time server for so long that it calls the clock unreliable.",
        runbook="host/clock",
        panel="host/clock-largest-error",
        source="node-mixin NodeClockNotSynchronising: sync status 0 and 16 s, the kernel's largest error",
    ),
    Alert(
        name="HostNetworkErrors",
        system="host",
        query="host.network_error_ratio",
        threshold=0.01,
        hold="1h",
        severity="warning",
        window="10m",
        summary="{{ $labels.instance }}: {{ $value }} of the packets of {{ $labels.device }} have errors",
        description="A cable, a port, a driver or the machine beneath: retries make everything over it slow.",
        runbook="host/network-errors",
        panel="host/network-error-ratio",
        source="node-mixin NodeNetworkReceiveErrs and TransmitErrs: 1 % of the packets, 1 h",
    ),
    Alert(
        name="HostConntrackHigh",
        system="host",
        query="host.conntrack_used_ratio",
        threshold=0.75,
        hold="5m",
        severity="warning",
        summary="{{ $labels.instance }}: {{ $value }} of the table of tracked connections is used",
        description="When it is full the kernel drops packets of new connections, and logs `table full`.",
        runbook="host/limit-reached",
        panel="host/conntrack-used-ratio",
        source="node-mixin NodeHighNumberConntrackEntriesUsed: 75 %",
    ),
    Alert(
        name="HostFileHandlesHigh",
        system="host",
        query="host.file_handles_used_ratio",
        threshold=0.7,
        hold="15m",
        severity="warning",
        summary="{{ $labels.instance }}: {{ $value }} of the file handles are in use",
        description="At the limit every program of the machine fails to open files and sockets.",
        runbook="host/limit-reached",
        panel="host/file-handles-used-ratio",
        source="node-mixin NodeFileDescriptorLimit: 70 %, 15 min",
    ),
    Alert(
        name="HostMemoryFaulty",
        system="host",
        query=q.sum_by(q.increase(NODE_EDAC_UNCORRECTABLE_ERRORS_TOTAL, "15m"), *_TARGET, "controller"),
        threshold=0,
        hold="0s",
        severity="critical",
        summary="{{ $labels.instance }}: controller {{ $labels.controller }} has memory that lost data",
        description="An error that could not be corrected: what stood there is gone, and the module is failing.",
        runbook="host/memory-faulty",
        panel="host/memory-errors-uncorrected",
        source="Linux kernel documentation, EDAC: uncorrectable errors (ue_count) are lost data, each of them",
    ),
)
