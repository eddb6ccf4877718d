"""The dashboard of hosts."""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import Dashboard, Panel, Row
from watchkeeper.signals import matches_not
from watchkeeper.systems.host_devices import NODE_FILESYSTEM_FILES, NODE_FILESYSTEM_FILES_FREE

__all__ = ["DASHBOARD"]

_EACH = "{{instance}}"
_REAL = {"fstype": matches_not("tmpfs|ramfs|devtmpfs|squashfs|iso9660|fuse[.].*|autofs")}
_INODES = q.ratio(NODE_FILESYSTEM_FILES_FREE.where(**_REAL), q.value(NODE_FILESYSTEM_FILES.where(**_REAL)) > 0)

DASHBOARD = Dashboard(
    key="host",
    title="Host",
    system="host",
    description="Utilisation, saturation and errors of processor, memory, disks and network.",
    links=("overview",),
    rows=(
        Row(
            title="Saturation: does anything wait",
            panels=(
                Panel(
                    key="cpu-pressure-ratio",
                    title="Waiting for processor",
                    queries=("host.cpu_pressure_ratio",),
                    description="Share of time that some task waited. What users feel, unlike utilisation.",
                    legend=_EACH,
                ),
                Panel(
                    key="memory-pressure-ratio",
                    title="Waiting for memory",
                    queries=("host.memory_pressure_ratio",),
                    description="More than a few percent: memory is short, whatever the free memory says.",
                    legend=_EACH,
                ),
                Panel(
                    key="io-pressure-ratio",
                    title="Waiting for I/O",
                    queries=("host.io_pressure_ratio",),
                    description="Share of time that some task waited for a disk.",
                    legend=_EACH,
                ),
            ),
        ),
        Row(
            title="Processor and memory",
            panels=(
                Panel(
                    key="cpu-used-ratio",
                    title="Processor in use",
                    queries=("host.cpu_used_ratio",),
                    description="Mean over all processors; waiting for I/O counts as free.",
                    legend=_EACH,
                    threshold_of="HostCpuSaturated",
                ),
                Panel(
                    key="load-per-cpu",
                    title="Load per processor",
                    queries=("host.load_per_cpu",),
                    description="Tasks that run or wait, over five minutes. Above 1 some wait.",
                    legend=_EACH,
                ),
                Panel(
                    key="memory-available-ratio",
                    title="Memory available",
                    queries=("host.memory_available_ratio",),
                    description="What programs can have without swapping; the page cache counts as available.",
                    legend=_EACH,
                    threshold_of="HostMemoryLow",
                ),
                Panel(
                    key="memory-available-bytes",
                    title="Memory available",
                    queries=("host.memory_available_bytes",),
                    description="The same in bytes.",
                    legend=_EACH,
                ),
                Panel(
                    key="swap-used-bytes",
                    title="Swap in use",
                    queries=("host.swap_used_bytes",),
                    description="Steady is harmless; rising means that memory is short.",
                    legend=_EACH,
                ),
                Panel(
                    key="oom-kill-rate",
                    title="Processes killed",
                    queries=("host.oom_kill_rate",),
                    description="By the kernel, for want of memory.",
                    legend=_EACH,
                ),
            ),
        ),
        Row(
            title="Disks and network",
            panels=(
                Panel(
                    key="filesystem-used-ratio",
                    title="File systems in use",
                    queries=("host.filesystem_used_ratio",),
                    kind="bars",
                    description="What root keeps in reserve counts as used.",
                    legend="{{instance}} {{mountpoint}}",
                ),
                Panel(
                    key="filesystem-free-bytes",
                    title="Free space",
                    queries=("host.filesystem_free_bytes",),
                    description="A straight fall shows when it is full.",
                    legend="{{instance}} {{mountpoint}}",
                ),
                Panel(
                    key="inodes-free-ratio",
                    title="Inodes free",
                    queries=(q.min_by(_INODES, "job", "instance", "mountpoint"),),
                    description="No file can be made when they are gone.",
                    legend="{{instance}} {{mountpoint}}",
                    threshold_of="HostInodesLow",
                ),
                Panel(
                    key="disk-io-utilization",
                    title="Disk busy",
                    queries=("host.disk_io_utilization",),
                    description="Share of time with a request in progress. A modern disk can do more at 100%.",
                    legend="{{instance}} {{device}}",
                ),
                Panel(
                    key="network-receive-rate",
                    title="Received",
                    queries=("host.network_receive_rate",),
                    description="Bytes per second by device.",
                    legend="{{instance}} {{device}}",
                ),
                Panel(
                    key="network-transmit-rate",
                    title="Sent",
                    queries=("host.network_transmit_rate",),
                    description="Bytes per second by device.",
                    legend="{{instance}} {{device}}",
                ),
            ),
        ),
        Row(
            title="Errors and limits",
            collapsed=True,
            panels=(
                Panel(
                    key="network-error-ratio",
                    title="Packets with errors",
                    queries=("host.network_error_ratio",),
                    description="Share of all packets of a device. A sound link has none.",
                    legend="{{instance}} {{device}}",
                    threshold_of="HostNetworkErrors",
                ),
                Panel(
                    key="network-drop-rate",
                    title="Packets dropped",
                    queries=("host.network_drop_rate",),
                    description="Packets that the kernel had no room or no use for.",
                    legend="{{instance}} {{device}}",
                ),
                Panel(
                    key="conntrack-used-ratio",
                    title="Tracked connections",
                    queries=("host.conntrack_used_ratio",),
                    description="Share of the firewall's table. New connections fail when it is full.",
                    legend=_EACH,
                    threshold_of="HostConntrackHigh",
                ),
                Panel(
                    key="file-handles-used-ratio",
                    title="File handles",
                    queries=("host.file_handles_used_ratio",),
                    description="Share of what the machine allows.",
                    legend=_EACH,
                    threshold_of="HostFileHandlesHigh",
                ),
                Panel(
                    key="clock-offset",
                    title="Clock's distance",
                    queries=("host.clock_offset",),
                    description="From its reference, without the sign.",
                    legend=_EACH,
                    threshold_of="HostClockSkewed",
                ),
                Panel(
                    key="clock-largest-error",
                    title="Clock's largest error",
                    queries=("host.clock_largest_error",),
                    description="Grows while no time server answers, to 16 s.",
                    legend=_EACH,
                    threshold_of="HostClockNotKept",
                ),
                Panel(
                    key="memory-errors-uncorrected",
                    title="Faulty memory",
                    queries=("host.memory_errors_uncorrected", "host.memory_errors_corrected"),
                    description="Errors in an hour that could not be corrected, and those that could. "
                    "Machines without such memory show nothing.",
                    legend="{{instance}} {{controller}}",
                    threshold_of="HostMemoryFaulty",
                ),
                Panel(
                    key="temperature",
                    title="Hottest sensor",
                    queries=("host.temperature",),
                    description="Of all chips of the machine; virtual ones have none.",
                    legend=_EACH,
                ),
            ),
        ),
    ),
)
