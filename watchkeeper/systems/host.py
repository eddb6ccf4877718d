"""Host: names, kinds and labels as node_exporter has them, read from /proc and /sys of a Linux machine.

node_exporter leaves `node_vmstat_*` and `node_netstat_*` untyped; those that only grow are counters here.
"""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import NamedQuery, System
from watchkeeper.signals import Counter, Gauge, Info, Polarity, Signal, is_not, matches, matches_not
from watchkeeper.units import BYTES, ONE, SECONDS, UNIX_TIME, Unit

__all__ = ["QUERIES", "SIGNALS", "SYSTEM"]

_ORIGIN = "node_exporter"
_HIGH, _LOW, _NEUTRAL = Polarity.HIGH_IS_BAD, Polarity.LOW_IS_BAD, Polarity.NEUTRAL

_DEVICE = ("device",)
_FILESYSTEM = ("device", "fstype", "mountpoint")
_PRESSURE = "a kernel with pressure stall information (psi=1)"
_CONNTRACK = "the kernel module nf_conntrack"
_SPEED = "a network device that knows its speed"
_SYSFS = "sysfs, which a bare chroot does not have"


def _gauge(
    name: str,
    help: str,
    unit: Unit = ONE,
    polarity: Polarity = _NEUTRAL,
    labels: tuple[str, ...] = (),
    requires: str | None = None,
) -> Gauge:
    return Gauge(f"node_{name}", help, unit, labels, polarity, requires, _ORIGIN)


def _counter(
    name: str,
    help: str,
    unit: Unit = ONE,
    polarity: Polarity = _NEUTRAL,
    labels: tuple[str, ...] = (),
    requires: str | None = None,
) -> Counter:
    return Counter(f"node_{name}", help, unit, labels, polarity, requires, _ORIGIN)


# Machine
NODE_UNAME_INFO = Info(
    "node_uname_info",
    "Name and kernel of the machine.",
    labels=("domainname", "machine", "nodename", "release", "sysname", "version"),
    origin=_ORIGIN,
)
NODE_BOOT_TIME_SECONDS = _gauge("boot_time_seconds", "When the machine started.", UNIX_TIME)
NODE_TIME_SECONDS = _gauge("time_seconds", "The machine's clock.", UNIX_TIME)

# Processor, processes
NODE_CPU_SECONDS_TOTAL = _counter("cpu_seconds_total", "Time by processor and mode.", SECONDS, _HIGH, ("cpu", "mode"))
NODE_CONTEXT_SWITCHES_TOTAL = _counter("context_switches_total", "Context switches.")
NODE_FORKS_TOTAL = _counter("forks_total", "Processes created.")
NODE_INTR_TOTAL = _counter("intr_total", "Interrupts served.")
NODE_LOAD1 = _gauge("load1", "Load average over one minute.", ONE, _HIGH)
NODE_LOAD5 = _gauge("load5", "Load average over five minutes.", ONE, _HIGH)
NODE_LOAD15 = _gauge("load15", "Load average over fifteen minutes.", ONE, _HIGH)
NODE_PROCS_RUNNING = _gauge("procs_running", "Processes that are runnable.", ONE, _HIGH)
NODE_PROCS_BLOCKED = _gauge("procs_blocked", "Processes that wait for I/O.", ONE, _HIGH)
NODE_FILEFD_ALLOCATED = _gauge("filefd_allocated", "Open file handles.", ONE, _HIGH)
NODE_FILEFD_MAXIMUM = _gauge("filefd_maximum", "Largest number of open file handles.")

# Memory
NODE_MEMORY_MEMTOTAL_BYTES = _gauge("memory_MemTotal_bytes", "Memory of the machine.", BYTES)
NODE_MEMORY_MEMFREE_BYTES = _gauge("memory_MemFree_bytes", "Memory not used for anything.", BYTES, _LOW)
NODE_MEMORY_MEMAVAILABLE_BYTES = _gauge(
    "memory_MemAvailable_bytes", "Memory that programs can have without swapping.", BYTES, _LOW
)
NODE_MEMORY_BUFFERS_BYTES = _gauge("memory_Buffers_bytes", "Buffers of block devices.", BYTES)
NODE_MEMORY_CACHED_BYTES = _gauge("memory_Cached_bytes", "Page cache.", BYTES)
NODE_MEMORY_SWAPTOTAL_BYTES = _gauge("memory_SwapTotal_bytes", "Swap space.", BYTES)
NODE_MEMORY_SWAPFREE_BYTES = _gauge("memory_SwapFree_bytes", "Swap space that is free.", BYTES, _LOW)
NODE_MEMORY_SWAPCACHED_BYTES = _gauge("memory_SwapCached_bytes", "Swapped pages also in memory.", BYTES)
NODE_MEMORY_ACTIVE_BYTES = _gauge("memory_Active_bytes", "Memory used recently.", BYTES)
NODE_MEMORY_INACTIVE_BYTES = _gauge("memory_Inactive_bytes", "Memory not used recently.", BYTES)
NODE_MEMORY_ANONPAGES_BYTES = _gauge("memory_AnonPages_bytes", "Memory of processes, without files.", BYTES, _HIGH)
NODE_MEMORY_MAPPED_BYTES = _gauge("memory_Mapped_bytes", "Files mapped into memory.", BYTES)
NODE_MEMORY_SHMEM_BYTES = _gauge("memory_Shmem_bytes", "Shared memory and tmpfs.", BYTES)
NODE_MEMORY_SLAB_BYTES = _gauge("memory_Slab_bytes", "Kernel structures.", BYTES, _HIGH)
NODE_MEMORY_SRECLAIMABLE_BYTES = _gauge("memory_SReclaimable_bytes", "Kernel structures that can go.", BYTES)
NODE_MEMORY_SUNRECLAIM_BYTES = _gauge("memory_SUnreclaim_bytes", "Kernel structures that must stay.", BYTES, _HIGH)
NODE_MEMORY_DIRTY_BYTES = _gauge("memory_Dirty_bytes", "Memory to be written to disk.", BYTES, _HIGH)
NODE_MEMORY_WRITEBACK_BYTES = _gauge("memory_Writeback_bytes", "Memory being written to disk.", BYTES, _HIGH)
NODE_MEMORY_COMMITTED_AS_BYTES = _gauge("memory_Committed_AS_bytes", "Memory promised to processes.", BYTES, _HIGH)
NODE_MEMORY_COMMITLIMIT_BYTES = _gauge("memory_CommitLimit_bytes", "Memory that can be promised.", BYTES)
NODE_MEMORY_HUGEPAGES_TOTAL = _gauge("memory_HugePages_Total", "Huge pages reserved.")
NODE_MEMORY_HUGEPAGES_FREE = _gauge("memory_HugePages_Free", "Huge pages that are free.")
NODE_VMSTAT_OOM_KILL = _counter("vmstat_oom_kill", "Processes killed for want of memory.", ONE, _HIGH)
NODE_VMSTAT_PGFAULT = _counter("vmstat_pgfault", "Page faults.")
NODE_VMSTAT_PGMAJFAULT = _counter("vmstat_pgmajfault", "Page faults that read from disk.", ONE, _HIGH)
NODE_VMSTAT_PSWPIN = _counter("vmstat_pswpin", "Pages read from swap.", ONE, _HIGH)
NODE_VMSTAT_PSWPOUT = _counter("vmstat_pswpout", "Pages written to swap.", ONE, _HIGH)

# Pressure
NODE_PRESSURE_CPU_WAITING_SECONDS_TOTAL = _counter(
    "pressure_cpu_waiting_seconds_total",
    "Time that some task waited for processor.",
    SECONDS,
    _HIGH,
    (),
    _PRESSURE,
)
NODE_PRESSURE_IO_WAITING_SECONDS_TOTAL = _counter(
    "pressure_io_waiting_seconds_total", "Time that some task waited for I/O.", SECONDS, _HIGH, (), _PRESSURE
)
NODE_PRESSURE_IO_STALLED_SECONDS_TOTAL = _counter(
    "pressure_io_stalled_seconds_total", "Time that all tasks waited for I/O.", SECONDS, _HIGH, (), _PRESSURE
)
NODE_PRESSURE_MEMORY_WAITING_SECONDS_TOTAL = _counter(
    "pressure_memory_waiting_seconds_total",
    "Time that some task waited for memory.",
    SECONDS,
    _HIGH,
    (),
    _PRESSURE,
)
NODE_PRESSURE_MEMORY_STALLED_SECONDS_TOTAL = _counter(
    "pressure_memory_stalled_seconds_total",
    "Time that all tasks waited for memory.",
    SECONDS,
    _HIGH,
    (),
    _PRESSURE,
)

# File systems
NODE_FILESYSTEM_SIZE_BYTES = _gauge("filesystem_size_bytes", "Size of a file system.", BYTES, _NEUTRAL, _FILESYSTEM)
NODE_FILESYSTEM_FREE_BYTES = _gauge("filesystem_free_bytes", "Free space of a file system.", BYTES, _LOW, _FILESYSTEM)
NODE_FILESYSTEM_AVAIL_BYTES = _gauge(
    "filesystem_avail_bytes", "Free space for users other than root.", BYTES, _LOW, _FILESYSTEM
)
NODE_FILESYSTEM_FILES = _gauge("filesystem_files", "Inodes of a file system.", ONE, _NEUTRAL, _FILESYSTEM)
NODE_FILESYSTEM_FILES_FREE = _gauge("filesystem_files_free", "Free inodes of a file system.", ONE, _LOW, _FILESYSTEM)
NODE_FILESYSTEM_READONLY = _gauge("filesystem_readonly", "Whether a file system is read-only.", ONE, _HIGH, _FILESYSTEM)
NODE_FILESYSTEM_DEVICE_ERROR = _gauge(
    "filesystem_device_error",
    "Whether the statistics of a file system could not be read.",
    ONE,
    _HIGH,
    _FILESYSTEM,
)

# Disks
NODE_DISK_READS_COMPLETED_TOTAL = _counter(
    "disk_reads_completed_total", "Reads completed by a disk.", ONE, _NEUTRAL, _DEVICE
)
NODE_DISK_WRITES_COMPLETED_TOTAL = _counter(
    "disk_writes_completed_total", "Writes completed by a disk.", ONE, _NEUTRAL, _DEVICE
)
NODE_DISK_READ_BYTES_TOTAL = _counter("disk_read_bytes_total", "Bytes read from a disk.", BYTES, _NEUTRAL, _DEVICE)
NODE_DISK_WRITTEN_BYTES_TOTAL = _counter(
    "disk_written_bytes_total", "Bytes written to a disk.", BYTES, _NEUTRAL, _DEVICE
)
NODE_DISK_READ_TIME_SECONDS_TOTAL = _counter(
    "disk_read_time_seconds_total", "Time that reads took, added up.", SECONDS, _HIGH, _DEVICE
)
NODE_DISK_WRITE_TIME_SECONDS_TOTAL = _counter(
    "disk_write_time_seconds_total", "Time that writes took, added up.", SECONDS, _HIGH, _DEVICE
)
NODE_DISK_IO_NOW = _gauge("disk_io_now", "Requests that a disk is working on.", ONE, _HIGH, _DEVICE)
NODE_DISK_IO_TIME_SECONDS_TOTAL = _counter(
    "disk_io_time_seconds_total", "Time with a request in progress.", SECONDS, _HIGH, _DEVICE
)
NODE_DISK_IO_TIME_WEIGHTED_SECONDS_TOTAL = _counter(
    "disk_io_time_weighted_seconds_total",
    "Time of requests, weighted by their number.",
    SECONDS,
    _HIGH,
    _DEVICE,
)

# Network
NODE_NETWORK_RECEIVE_BYTES_TOTAL = _counter(
    "network_receive_bytes_total", "Bytes received by a network device.", BYTES, _NEUTRAL, _DEVICE
)
NODE_NETWORK_RECEIVE_PACKETS_TOTAL = _counter(
    "network_receive_packets_total", "Packets received by a network device.", ONE, _NEUTRAL, _DEVICE
)
NODE_NETWORK_RECEIVE_ERRS_TOTAL = _counter("network_receive_errs_total", "Errors while receiving.", ONE, _HIGH, _DEVICE)
NODE_NETWORK_RECEIVE_DROP_TOTAL = _counter(
    "network_receive_drop_total", "Received packets that were dropped.", ONE, _HIGH, _DEVICE
)
NODE_NETWORK_TRANSMIT_BYTES_TOTAL = _counter(
    "network_transmit_bytes_total", "Bytes sent by a network device.", BYTES, _NEUTRAL, _DEVICE
)
NODE_NETWORK_TRANSMIT_PACKETS_TOTAL = _counter(
    "network_transmit_packets_total", "Packets sent by a network device.", ONE, _NEUTRAL, _DEVICE
)
NODE_NETWORK_TRANSMIT_ERRS_TOTAL = _counter("network_transmit_errs_total", "Errors while sending.", ONE, _HIGH, _DEVICE)
NODE_NETWORK_TRANSMIT_DROP_TOTAL = _counter(
    "network_transmit_drop_total", "Packets dropped instead of sent.", ONE, _HIGH, _DEVICE
)
NODE_NETWORK_UP = _gauge("network_up", "Whether the device is up.", ONE, _LOW, _DEVICE, _SYSFS)
NODE_NETWORK_MTU_BYTES = _gauge(
    "network_mtu_bytes", "Largest packet of a network device.", BYTES, _NEUTRAL, _DEVICE, _SYSFS
)
NODE_NETWORK_SPEED_BYTES = _gauge(
    "network_speed_bytes", "Speed of a network device.", BYTES / SECONDS, _NEUTRAL, _DEVICE, _SPEED
)
NODE_NETSTAT_TCP_RETRANSSEGS = _counter("netstat_Tcp_RetransSegs", "TCP segments sent again.", ONE, _HIGH)
NODE_NETSTAT_TCP_OUTSEGS = _counter("netstat_Tcp_OutSegs", "TCP segments sent.")
NODE_NETSTAT_TCP_INSEGS = _counter("netstat_Tcp_InSegs", "TCP segments received.")
NODE_NETSTAT_TCP_CURRESTAB = _gauge("netstat_Tcp_CurrEstab", "TCP connections established.", ONE, _HIGH)
NODE_NETSTAT_TCPEXT_LISTENOVERFLOWS = _counter(
    "netstat_TcpExt_ListenOverflows", "Connections lost because a listen queue was full.", ONE, _HIGH
)
NODE_NETSTAT_TCPEXT_LISTENDROPS = _counter(
    "netstat_TcpExt_ListenDrops", "Connections that a listening socket dropped.", ONE, _HIGH
)
NODE_SOCKSTAT_TCP_ALLOC = _gauge("sockstat_TCP_alloc", "TCP sockets allocated.", ONE, _HIGH)
NODE_SOCKSTAT_TCP_TW = _gauge("sockstat_TCP_tw", "TCP sockets that wait after closing.", ONE, _HIGH)
NODE_NF_CONNTRACK_ENTRIES = _gauge("nf_conntrack_entries", "Tracked connections.", ONE, _HIGH, (), _CONNTRACK)
NODE_NF_CONNTRACK_ENTRIES_LIMIT = _gauge(
    "nf_conntrack_entries_limit", "Largest number of tracked connections.", ONE, _NEUTRAL, (), _CONNTRACK
)

SIGNALS: tuple[Signal, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Signal))

SYSTEM = System(
    key="host",
    title="Host",
    summary="A Linux machine: processor, memory, pressure, file systems, disks, network.",
    collected="both",
    signals=SIGNALS,
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
)
