"""Host: the signals of the kernel itself: processor, memory, pressure, time, network protocols.

Where a file of the kernel has many values of one sort, a table says what each is called there.
"""

from __future__ import annotations

from watchkeeper.borrowed import Borrowed
from watchkeeper.signals import Counter, Gauge, Polarity, Signal
from watchkeeper.units import BYTES, ONE, SECONDS, UNIX_TIME, Unit

__all__ = [
    "CONNTRACK",
    "KERNEL",
    "MEMORY",
    "NETSTAT",
    "SOCKSTAT",
    "TIMEX",
    "VMSTAT",
    "counter",
    "gauge",
    "info",
    "memory",
]

_ORIGIN = "node_exporter"
HIGH, LOW, NEUTRAL = Polarity.HIGH_IS_BAD, Polarity.LOW_IS_BAD, Polarity.NEUTRAL

_PRESSURE = "a kernel with pressure stall information (psi=1)"
_CONNTRACK = "the kernel module nf_conntrack"
_IPV6 = "IPv6 in the kernel"
_SELINUX = "SELinux"
_SCHEDSTAT = "a kernel with scheduler statistics"
_RELEASE = "an os-release file"
_SYSFS = "sysfs, which a bare chroot does not have"
_OPTIONAL_MEMORY = "a kernel that has it, on a processor that has it"


_names = Borrowed("node_", _ORIGIN)
gauge, counter, info = _names.gauge, _names.counter, _names.info


# Machine and time
NODE_UNAME_INFO = info(
    "uname_info",
    "Name and kernel of the machine.",
    ("domainname", "machine", "nodename", "release", "sysname", "version"),
)
NODE_OS_INFO = info(
    "os_info",
    "The distribution, as its os-release file has it.",
    (
        *("build_id", "id", "id_like", "image_id", "image_version", "name", "pretty_name", "variant", "variant_id"),
        *("version", "version_codename", "version_id"),
    ),
    _RELEASE,
)
NODE_OS_VERSION = gauge(
    "os_version", "Major and minor version of the distribution.", labels=("id", "id_like", "name"), requires=_RELEASE
)
NODE_BOOT_TIME_SECONDS = gauge("boot_time_seconds", "When the machine started.", UNIX_TIME)
NODE_TIME_SECONDS = gauge("time_seconds", "The machine's clock.", UNIX_TIME)
NODE_TIME_ZONE_OFFSET_SECONDS = gauge(
    "time_zone_offset_seconds", "How far local time is ahead of UTC.", SECONDS, labels=("time_zone",)
)
NODE_TIME_CLOCKSOURCE_AVAILABLE_INFO = info(
    "time_clocksource_available_info", "A clock that the kernel could use.", ("clocksource", "device"), _SYSFS
)
NODE_TIME_CLOCKSOURCE_CURRENT_INFO = info(
    "time_clocksource_current_info", "The clock that the kernel uses.", ("clocksource", "device"), _SYSFS
)
NODE_ENTROPY_AVAILABLE_BITS = gauge("entropy_available_bits", "Entropy that the kernel has.", ONE, LOW)
NODE_ENTROPY_POOL_SIZE_BITS = gauge("entropy_pool_size_bits", "Size of the kernel's entropy pool.")
NODE_SELINUX_ENABLED = gauge("selinux_enabled", "Whether SELinux is in force or watches.")
NODE_SELINUX_CONFIG_MODE = gauge(
    "selinux_config_mode", "Mode of SELinux at the next start: 1 enforcing, 0 permissive.", requires=_SELINUX
)
NODE_SELINUX_CURRENT_MODE = gauge(
    "selinux_current_mode", "Mode of SELinux now: 1 enforcing, 0 permissive.", requires=_SELINUX
)

# Processor, processes
NODE_CPU_SECONDS_TOTAL = counter("cpu_seconds_total", "Time by processor and mode.", SECONDS, HIGH, ("cpu", "mode"))
NODE_CPU_GUEST_SECONDS_TOTAL = counter(
    "cpu_guest_seconds_total",
    "Time given to virtual machines, by processor and mode.",
    SECONDS,
    NEUTRAL,
    ("cpu", "mode"),
)
NODE_CONTEXT_SWITCHES_TOTAL = counter("context_switches_total", "Context switches.")
NODE_FORKS_TOTAL = counter("forks_total", "Processes created.")
NODE_INTR_TOTAL = counter("intr_total", "Interrupts served.")
NODE_LOAD1 = gauge("load1", "Load average over one minute.", ONE, HIGH)
NODE_LOAD5 = gauge("load5", "Load average over five minutes.", ONE, HIGH)
NODE_LOAD15 = gauge("load15", "Load average over fifteen minutes.", ONE, HIGH)
NODE_PROCS_RUNNING = gauge("procs_running", "Processes that are runnable.", ONE, HIGH)
NODE_PROCS_BLOCKED = gauge("procs_blocked", "Processes that wait for I/O.", ONE, HIGH)
NODE_FILEFD_ALLOCATED = gauge("filefd_allocated", "Open file handles.", ONE, HIGH)
NODE_FILEFD_MAXIMUM = gauge("filefd_maximum", "Largest number of open file handles.")
NODE_SCHEDSTAT_RUNNING_SECONDS_TOTAL = counter(
    "schedstat_running_seconds_total", "Time that a processor ran tasks.", SECONDS, NEUTRAL, ("cpu",), _SCHEDSTAT
)
NODE_SCHEDSTAT_WAITING_SECONDS_TOTAL = counter(
    "schedstat_waiting_seconds_total", "Time that tasks waited for a processor.", SECONDS, HIGH, ("cpu",), _SCHEDSTAT
)
NODE_SCHEDSTAT_TIMESLICES_TOTAL = counter(
    "schedstat_timeslices_total", "Turns that tasks had on a processor.", ONE, NEUTRAL, ("cpu",), _SCHEDSTAT
)
NODE_SOFTNET_PROCESSED_TOTAL = counter(
    "softnet_processed_total", "Packets that a processor took from devices.", labels=("cpu",)
)
NODE_SOFTNET_DROPPED_TOTAL = counter(
    "softnet_dropped_total", "Packets dropped because a processor's queue was full.", ONE, HIGH, ("cpu",)
)
NODE_SOFTNET_TIMES_SQUEEZED_TOTAL = counter(
    "softnet_times_squeezed_total",
    "Times that a processor had more packets than its turn allowed.",
    ONE,
    HIGH,
    ("cpu",),
)


# Pressure
def _pressure(resource: str, what: str) -> tuple[Counter, Counter]:
    waiting = f"Time that some task waited for {what}."
    stalled = f"Time that all tasks waited for {what}."
    return (
        counter(f"pressure_{resource}_waiting_seconds_total", waiting, SECONDS, HIGH, (), _PRESSURE),
        counter(f"pressure_{resource}_stalled_seconds_total", stalled, SECONDS, HIGH, (), _PRESSURE),
    )


# That all tasks wait for the processor has no meaning for a whole machine: the kernel says 0.
NODE_PRESSURE_CPU_WAITING_SECONDS_TOTAL = _pressure("cpu", "processor")[0]
NODE_PRESSURE_IO_WAITING_SECONDS_TOTAL, NODE_PRESSURE_IO_STALLED_SECONDS_TOTAL = _pressure("io", "I/O")
NODE_PRESSURE_MEMORY_WAITING_SECONDS_TOTAL, NODE_PRESSURE_MEMORY_STALLED_SECONDS_TOTAL = _pressure("memory", "memory")

# Memory: what /proc/meminfo calls it, what it is, which direction is bad.
_MEMINFO: tuple[tuple[str, str, Polarity], ...] = (
    ("MemTotal", "Memory of the machine.", NEUTRAL),
    ("MemFree", "Memory not used for anything.", LOW),
    ("MemAvailable", "Memory that programs can have without swapping.", LOW),
    ("Buffers", "Buffers of block devices.", NEUTRAL),
    ("Cached", "Page cache.", NEUTRAL),
    ("SwapTotal", "Swap space.", NEUTRAL),
    ("SwapFree", "Swap space that is free.", LOW),
    ("SwapCached", "Swapped pages also in memory.", NEUTRAL),
    ("Active", "Memory used recently.", NEUTRAL),
    ("Inactive", "Memory not used recently.", NEUTRAL),
    ("Active_anon", "Memory of processes used recently.", NEUTRAL),
    ("Inactive_anon", "Memory of processes not used recently.", NEUTRAL),
    ("Active_file", "Page cache used recently.", NEUTRAL),
    ("Inactive_file", "Page cache not used recently.", NEUTRAL),
    ("Unevictable", "Memory that cannot be reclaimed.", HIGH),
    ("Mlocked", "Memory that processes locked.", HIGH),
    ("AnonPages", "Memory of processes, without files.", HIGH),
    ("Mapped", "Files mapped into memory.", NEUTRAL),
    ("Shmem", "Shared memory and tmpfs.", NEUTRAL),
    ("KReclaimable", "Kernel memory that can go under pressure.", NEUTRAL),
    ("Slab", "Kernel structures.", HIGH),
    ("SReclaimable", "Kernel structures that can go.", NEUTRAL),
    ("SUnreclaim", "Kernel structures that must stay.", HIGH),
    ("KernelStack", "Stacks of tasks in the kernel.", HIGH),
    ("PageTables", "Page tables of processes.", HIGH),
    ("Dirty", "Memory to be written to disk.", HIGH),
    ("Writeback", "Memory being written to disk.", HIGH),
    ("WritebackTmp", "Memory of FUSE being written.", NEUTRAL),
    ("NFS_Unstable", "Pages sent to an NFS server and not yet stored.", NEUTRAL),
    ("Bounce", "Buffers of devices that reach low memory alone.", NEUTRAL),
    ("Committed_AS", "Memory promised to processes.", HIGH),
    ("CommitLimit", "Memory that can be promised.", NEUTRAL),
    ("VmallocTotal", "Address space of the kernel's vmalloc.", NEUTRAL),
    ("VmallocUsed", "Address space that vmalloc uses.", NEUTRAL),
    ("VmallocChunk", "Largest free piece of vmalloc's address space.", NEUTRAL),
    ("Percpu", "Memory of structures that each processor has.", NEUTRAL),
)
_MEMINFO_OPTIONAL: tuple[tuple[str, str, Polarity], ...] = (
    ("SecPageTables", "Page tables of virtual machines and devices.", NEUTRAL),
    ("Zswap", "Memory that compressed swap takes.", NEUTRAL),
    ("Zswapped", "Memory that compressed swap holds.", NEUTRAL),
    ("AnonHugePages", "Memory of processes in huge pages.", NEUTRAL),
    ("ShmemHugePages", "Shared memory in huge pages.", NEUTRAL),
    ("ShmemPmdMapped", "Shared memory mapped with huge pages.", NEUTRAL),
    ("FileHugePages", "Page cache in huge pages.", NEUTRAL),
    ("FilePmdMapped", "Page cache mapped with huge pages.", NEUTRAL),
    ("HardwareCorrupted", "Memory that was found faulty.", HIGH),
    ("CmaTotal", "Memory kept for contiguous allocations.", NEUTRAL),
    ("CmaFree", "Memory kept for contiguous allocations that is free.", NEUTRAL),
    ("Hugepagesize", "Size of a huge page.", NEUTRAL),
    ("Hugetlb", "Memory of huge pages of all sizes.", NEUTRAL),
    ("DirectMap4k", "Memory that the kernel maps in pages of 4 KiB.", NEUTRAL),
    ("DirectMap2M", "Memory that the kernel maps in pages of 2 MiB.", NEUTRAL),
    ("DirectMap1G", "Memory that the kernel maps in pages of 1 GiB.", NEUTRAL),
)
_HUGE_PAGES = (
    ("HugePages_Total", "Huge pages reserved."),
    ("HugePages_Free", "Huge pages that are free."),
    ("HugePages_Rsvd", "Huge pages promised and not yet used."),
    ("HugePages_Surp", "Huge pages above the reserve."),
)


def memory(key: str, in_bytes: bool) -> Gauge:
    """The signal of a line of /proc/meminfo that no table has: the kernel adds some with every release."""
    suffix = "_bytes" if in_bytes else ""
    return gauge(f"memory_{key}{suffix}", f"What /proc/meminfo calls {key}.", BYTES if in_bytes else ONE)


MEMORY: dict[str, Gauge] = {
    **{key: gauge(f"memory_{key}_bytes", help, BYTES, bad) for key, help, bad in _MEMINFO},
    **{
        key: gauge(f"memory_{key}_bytes", help, BYTES, bad, (), _OPTIONAL_MEMORY)
        for key, help, bad in _MEMINFO_OPTIONAL
    },
    **{key: gauge(f"memory_{key}", help, requires=_OPTIONAL_MEMORY) for key, help in _HUGE_PAGES},
}
NODE_MEMORY_MEMTOTAL_BYTES = MEMORY["MemTotal"]
NODE_MEMORY_MEMAVAILABLE_BYTES = MEMORY["MemAvailable"]
NODE_MEMORY_SWAPTOTAL_BYTES = MEMORY["SwapTotal"]
NODE_MEMORY_SWAPFREE_BYTES = MEMORY["SwapFree"]

_VMSTAT: tuple[tuple[str, str, Polarity], ...] = (
    ("oom_kill", "Processes killed for want of memory.", HIGH),
    ("pgfault", "Page faults.", NEUTRAL),
    ("pgmajfault", "Page faults that read from disk.", HIGH),
    ("pgpgin", "KiB read from block devices.", NEUTRAL),
    ("pgpgout", "KiB written to block devices.", NEUTRAL),
    ("pswpin", "Pages read from swap.", HIGH),
    ("pswpout", "Pages written to swap.", HIGH),
)
VMSTAT: dict[str, Counter] = {
    key: counter(f"vmstat_{key}", help, ONE, bad, exposed_as="untyped") for key, help, bad in _VMSTAT
}
NODE_VMSTAT_OOM_KILL = VMSTAT["oom_kill"]
NODE_VMSTAT_PSWPIN, NODE_VMSTAT_PSWPOUT = VMSTAT["pswpin"], VMSTAT["pswpout"]
NODE_VMSTAT_PGMAJFAULT = VMSTAT["pgmajfault"]

# Protocols: node_exporter's default selection of /proc/net/{netstat,snmp,snmp6}, untyped there.
_NETSTAT: tuple[tuple[str, str, Polarity], ...] = (
    ("Icmp_InErrors", "ICMP messages with errors.", HIGH),
    ("Icmp_InMsgs", "ICMP messages received.", NEUTRAL),
    ("Icmp_OutMsgs", "ICMP messages sent.", NEUTRAL),
    ("IpExt_InOctets", "Bytes received over IPv4.", NEUTRAL),
    ("IpExt_OutOctets", "Bytes sent over IPv4.", NEUTRAL),
    ("TcpExt_ListenDrops", "Connections that a listening socket dropped.", HIGH),
    ("TcpExt_ListenOverflows", "Connections lost because a listen queue was full.", HIGH),
    ("TcpExt_SyncookiesFailed", "SYN cookies that did not fit.", HIGH),
    ("TcpExt_SyncookiesRecv", "SYN cookies received.", NEUTRAL),
    ("TcpExt_SyncookiesSent", "SYN cookies sent: a listen queue was full.", HIGH),
    ("TcpExt_TCPSynRetrans", "SYN segments sent again.", HIGH),
    ("TcpExt_TCPTimeouts", "TCP segments that no answer came for in time.", HIGH),
    ("Tcp_ActiveOpens", "TCP connections opened from here.", NEUTRAL),
    ("Tcp_InErrs", "TCP segments received with errors.", HIGH),
    ("Tcp_InSegs", "TCP segments received.", NEUTRAL),
    ("Tcp_OutRsts", "TCP resets sent.", HIGH),
    ("Tcp_OutSegs", "TCP segments sent.", NEUTRAL),
    ("Tcp_PassiveOpens", "TCP connections opened from elsewhere.", NEUTRAL),
    ("Tcp_RetransSegs", "TCP segments sent again.", HIGH),
    ("Udp_InDatagrams", "UDP datagrams received.", NEUTRAL),
    ("Udp_InErrors", "UDP datagrams that could not be delivered.", HIGH),
    ("Udp_NoPorts", "UDP datagrams to a port that nobody listens on.", HIGH),
    ("Udp_OutDatagrams", "UDP datagrams sent.", NEUTRAL),
    ("Udp_RcvbufErrors", "UDP datagrams lost because a receive buffer was full.", HIGH),
    ("Udp_SndbufErrors", "UDP datagrams not sent because a send buffer was full.", HIGH),
    ("UdpLite_InErrors", "UDP-Lite datagrams that could not be delivered.", HIGH),
)
_NETSTAT6: tuple[tuple[str, str, Polarity], ...] = (
    ("Icmp6_InErrors", "ICMPv6 messages with errors.", HIGH),
    ("Icmp6_InMsgs", "ICMPv6 messages received.", NEUTRAL),
    ("Icmp6_OutMsgs", "ICMPv6 messages sent.", NEUTRAL),
    ("Ip6_InOctets", "Bytes received over IPv6.", NEUTRAL),
    ("Ip6_OutOctets", "Bytes sent over IPv6.", NEUTRAL),
    ("Udp6_InDatagrams", "UDP datagrams received over IPv6.", NEUTRAL),
    ("Udp6_InErrors", "UDP datagrams over IPv6 that could not be delivered.", HIGH),
    ("Udp6_NoPorts", "UDP datagrams over IPv6 to a port that nobody listens on.", HIGH),
    ("Udp6_OutDatagrams", "UDP datagrams sent over IPv6.", NEUTRAL),
    ("Udp6_RcvbufErrors", "UDP datagrams over IPv6 lost because a receive buffer was full.", HIGH),
    ("Udp6_SndbufErrors", "UDP datagrams over IPv6 not sent because a send buffer was full.", HIGH),
    ("UdpLite6_InErrors", "UDP-Lite datagrams over IPv6 that could not be delivered.", HIGH),
)
NETSTAT: dict[str, Signal] = {
    **{key: counter(f"netstat_{key}", help, ONE, bad, exposed_as="untyped") for key, help, bad in _NETSTAT},
    **{key: counter(f"netstat_{key}", help, ONE, bad, (), _IPV6, "untyped") for key, help, bad in _NETSTAT6},
    "Tcp_CurrEstab": gauge("netstat_Tcp_CurrEstab", "TCP connections established.", ONE, HIGH, exposed_as="untyped"),
    "Ip_Forwarding": gauge(
        "netstat_Ip_Forwarding", "Whether packets are forwarded: 1 yes, 2 no.", exposed_as="untyped"
    ),
}

_SOCKSTAT: tuple[tuple[str, str, Unit, Polarity], ...] = (
    ("sockets_used", "Sockets of all kinds.", ONE, HIGH),
    ("TCP_inuse", "TCP sockets in use.", ONE, HIGH),
    ("TCP_orphan", "TCP sockets that no process holds.", ONE, HIGH),
    ("TCP_tw", "TCP sockets that wait after closing.", ONE, HIGH),
    ("TCP_alloc", "TCP sockets allocated.", ONE, HIGH),
    ("TCP_mem", "Pages of memory that TCP uses.", ONE, HIGH),
    ("TCP_mem_bytes", "Memory that TCP uses.", BYTES, HIGH),
    ("UDP_inuse", "UDP sockets in use.", ONE, NEUTRAL),
    ("UDP_mem", "Pages of memory that UDP uses.", ONE, HIGH),
    ("UDP_mem_bytes", "Memory that UDP uses.", BYTES, HIGH),
    ("UDPLITE_inuse", "UDP-Lite sockets in use.", ONE, NEUTRAL),
    ("RAW_inuse", "Raw sockets in use.", ONE, NEUTRAL),
    ("FRAG_inuse", "Packets being put together from fragments.", ONE, NEUTRAL),
    ("FRAG_memory", "Memory of fragments.", BYTES, NEUTRAL),
)
_SOCKSTAT6 = (
    ("TCP6_inuse", "TCP sockets over IPv6 in use.", ONE),
    ("UDP6_inuse", "UDP sockets over IPv6 in use.", ONE),
    ("UDPLITE6_inuse", "UDP-Lite sockets over IPv6 in use.", ONE),
    ("RAW6_inuse", "Raw sockets over IPv6 in use.", ONE),
    ("FRAG6_inuse", "IPv6 packets being put together from fragments.", ONE),
    ("FRAG6_memory", "Memory of fragments of IPv6.", BYTES),
)
SOCKSTAT: dict[str, Gauge] = {
    **{key: gauge(f"sockstat_{key}", help, unit, bad) for key, help, unit, bad in _SOCKSTAT},
    **{key: gauge(f"sockstat_{key}", help, unit, NEUTRAL, (), _IPV6) for key, help, unit in _SOCKSTAT6},
}

NODE_UDP_QUEUES = gauge(
    "udp_queues", "Bytes that wait in the queues of UDP sockets, by IP version and queue.", BYTES, HIGH, ("ip", "queue")
)
NODE_ARP_ENTRIES = gauge("arp_entries", "Entries of the ARP table, by device.", ONE, NEUTRAL, ("device",))
NODE_NF_CONNTRACK_ENTRIES = gauge("nf_conntrack_entries", "Tracked connections.", ONE, HIGH, (), _CONNTRACK)
NODE_NF_CONNTRACK_ENTRIES_LIMIT = gauge(
    "nf_conntrack_entries_limit", "Largest number of tracked connections.", ONE, NEUTRAL, (), _CONNTRACK
)
# These grow, and node_exporter says gauge.
_CONNTRACK_STAT = (
    ("found", "Entries looked up and found.", NEUTRAL),
    ("invalid", "Packets that could not be tracked.", HIGH),
    ("ignore", "Packets of entries that are tracked already.", NEUTRAL),
    ("insert", "Entries inserted.", NEUTRAL),
    ("insert_failed", "Entries that could not be inserted.", HIGH),
    ("drop", "Packets dropped because an entry could not be made.", HIGH),
    ("early_drop", "Entries dropped to make room for new ones.", HIGH),
    ("search_restart", "Searches begun anew because the table was resized.", NEUTRAL),
)
CONNTRACK: dict[str, Gauge] = {
    key: gauge(f"nf_conntrack_stat_{key}", help, ONE, bad, (), _CONNTRACK) for key, help, bad in _CONNTRACK_STAT
}

# The kernel's clock discipline (adjtimex(2)), in the order in which it is read.
NODE_TIMEX_OFFSET_SECONDS = gauge(
    "timex_offset_seconds", "Clock's distance from its reference.", SECONDS, Polarity.BOTH_ARE_BAD
)
NODE_TIMEX_MAXERROR_SECONDS = gauge("timex_maxerror_seconds", "Largest possible error of the clock.", SECONDS, HIGH)
NODE_TIMEX_SYNC_STATUS = gauge("timex_sync_status", "Whether the clock is kept by a reliable server.", ONE, LOW)
TIMEX: tuple[Signal, ...] = (
    NODE_TIMEX_OFFSET_SECONDS,
    NODE_TIMEX_MAXERROR_SECONDS,
    NODE_TIMEX_SYNC_STATUS,
    gauge("timex_frequency_adjustment_ratio", "Speed of the clock, 1 as built.", ONE),
    gauge("timex_estimated_error_seconds", "Estimated error of the clock.", SECONDS, HIGH),
    gauge("timex_status", "Status bits of the clock."),
    gauge("timex_loop_time_constant", "Time constant of the phase-locked loop."),
    gauge("timex_tick_seconds", "Time between two ticks.", SECONDS),
    gauge("timex_pps_frequency_hertz", "Frequency of the pulse per second."),
    gauge("timex_pps_jitter_seconds", "Jitter of the pulse per second.", SECONDS),
    gauge("timex_pps_shift_seconds", "Interval of the pulse per second.", SECONDS),
    gauge("timex_pps_stability_hertz", "Wander of the pulse per second."),
    counter("timex_pps_jitter_total", "Pulses beyond the limit of jitter."),
    counter("timex_pps_calibration_total", "Calibration intervals of the pulse per second."),
    counter("timex_pps_error_total", "Calibration errors of the pulse per second."),
    counter("timex_pps_stability_exceeded_total", "Pulses beyond the limit of wander."),
    gauge("timex_tai_offset_seconds", "International Atomic Time less UTC.", SECONDS),
)

KERNEL: tuple[Signal, ...] = (
    *(value for value in list(globals().values()) if isinstance(value, Signal)),
    *MEMORY.values(),
    *VMSTAT.values(),
    *NETSTAT.values(),
    *SOCKSTAT.values(),
    *CONNTRACK.values(),
    *TIMEX,
)
"""All of them, some twice (a constant for one of a table)."""
