"""Container: names and kinds as cAdvisor has them, read from a tree of cgroups v2.

`id` is the path of the cgroup, `name` that of the container; as with cAdvisor, a cgroup that only holds others (the
pod's) has an empty name, so that `name!=""` selects what may be added up.
"""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.borrowed import Borrowed
from watchkeeper.declarations import NamedQuery, System
from watchkeeper.signals import Counter, Polarity, Signal, is_not
from watchkeeper.units import BYTES, ONE, SECONDS, UNIX_TIME, Unit

__all__ = ["QUERIES", "SIGNALS", "SYSTEM"]

_ORIGIN = "cadvisor"
_HIGH, _NEUTRAL = Polarity.HIGH_IS_BAD, Polarity.NEUTRAL
_ID = ("id", "name")
_DEVICE = ("device", "id", "name")
_INTERFACE = ("id", "interface", "name")

_CPU = "the cpu controller"
_CPU_LIMIT = "a limit of processor time"
_MEMORY = "the memory controller"
_MEMORY_LIMIT = "a limit of memory"
_SWAP_LIMIT = "a limit of swap"
_PEAK = "the memory controller, and Linux 5.19"
_IO = "the io controller, and a disk that was used"
_PIDS = "the pids controller"
_PIDS_LIMIT = "a limit of threads"
_PRESSURE = "a kernel with pressure stall information (psi=1)"
_OWN = "the sidecar's own cgroup as the root: it shares the network of its pod"


_names = Borrowed("container_", _ORIGIN, _ID)
_gauge, _counter = _names.gauge, _names.counter


# Processor
CONTAINER_CPU_USAGE_SECONDS_TOTAL = _counter(
    "cpu_usage_seconds_total", "Processor time used.", SECONDS, _HIGH, ("cpu", *_ID)
)
CONTAINER_CPU_USER_SECONDS_TOTAL = _counter("cpu_user_seconds_total", "Processor time of programs.", SECONDS)
CONTAINER_CPU_SYSTEM_SECONDS_TOTAL = _counter("cpu_system_seconds_total", "Processor time of the kernel.", SECONDS)
CONTAINER_CPU_CFS_PERIODS_TOTAL = _counter(
    "cpu_cfs_periods_total", "Periods in which a limit of processor time was enforced.", requires=_CPU
)
CONTAINER_CPU_CFS_THROTTLED_PERIODS_TOTAL = _counter(
    "cpu_cfs_throttled_periods_total", "Periods in which the limit was reached.", ONE, _HIGH, _ID, _CPU
)
CONTAINER_CPU_CFS_THROTTLED_SECONDS_TOTAL = _counter(
    "cpu_cfs_throttled_seconds_total", "Time that tasks stood still at the limit.", SECONDS, _HIGH, _ID, _CPU
)
CONTAINER_SPEC_CPU_PERIOD = _gauge("spec_cpu_period", "Period of the limit, in microseconds.", requires=_CPU)
CONTAINER_SPEC_CPU_QUOTA = _gauge("spec_cpu_quota", "Processor time in a period, in microseconds.", requires=_CPU_LIMIT)
CONTAINER_SPEC_CPU_SHARES = _gauge("spec_cpu_shares", "Share of processor time when it is short.", requires=_CPU)

# Memory
CONTAINER_MEMORY_USAGE_BYTES = _gauge(
    "memory_usage_bytes", "Memory in use, with page cache.", BYTES, _NEUTRAL, _ID, _MEMORY
)
CONTAINER_MEMORY_WORKING_SET_BYTES = _gauge(
    "memory_working_set_bytes", "Memory that cannot be reclaimed at once.", BYTES, _HIGH, _ID, _MEMORY
)
CONTAINER_MEMORY_RSS = _gauge("memory_rss", "Memory of processes, without files.", BYTES, _HIGH, _ID, _MEMORY)
CONTAINER_MEMORY_CACHE = _gauge("memory_cache", "Page cache.", BYTES, _NEUTRAL, _ID, _MEMORY)
CONTAINER_MEMORY_MAPPED_FILE = _gauge("memory_mapped_file", "Files mapped into memory.", BYTES, _NEUTRAL, _ID, _MEMORY)
CONTAINER_MEMORY_KERNEL_USAGE = _gauge("memory_kernel_usage", "Memory of the kernel.", BYTES, _NEUTRAL, _ID, _MEMORY)
CONTAINER_MEMORY_SWAP = _gauge("memory_swap", "Swap in use.", BYTES, _HIGH, _ID, "swap")
CONTAINER_MEMORY_MAX_USAGE_BYTES = _gauge(
    "memory_max_usage_bytes", "Most memory in use so far.", BYTES, _HIGH, _ID, _PEAK
)
CONTAINER_MEMORY_FAILCNT = _counter("memory_failcnt", "Times that memory reached its limit.", ONE, _HIGH, _ID, _MEMORY)
CONTAINER_MEMORY_FAILURES_TOTAL = _counter(
    "memory_failures_total", "Page faults, by kind.", ONE, _NEUTRAL, ("failure_type", "id", "name", "scope"), _MEMORY
)
CONTAINER_OOM_EVENTS_TOTAL = _counter(
    "oom_events_total", "Processes killed for want of memory.", ONE, _HIGH, _ID, _MEMORY
)
CONTAINER_SPEC_MEMORY_LIMIT_BYTES = _gauge(
    "spec_memory_limit_bytes", "Limit of memory.", BYTES, _NEUTRAL, _ID, _MEMORY_LIMIT
)
CONTAINER_SPEC_MEMORY_SWAP_LIMIT_BYTES = _gauge(
    "spec_memory_swap_limit_bytes", "Limit of memory and swap together.", BYTES, _NEUTRAL, _ID, _SWAP_LIMIT
)

# Disks
CONTAINER_FS_READS_BYTES_TOTAL = _counter("fs_reads_bytes_total", "Bytes read.", BYTES, _NEUTRAL, _DEVICE, _IO)
CONTAINER_FS_WRITES_BYTES_TOTAL = _counter("fs_writes_bytes_total", "Bytes written.", BYTES, _NEUTRAL, _DEVICE, _IO)
CONTAINER_FS_READS_TOTAL = _counter("fs_reads_total", "Reads completed.", ONE, _NEUTRAL, _DEVICE, _IO)
CONTAINER_FS_WRITES_TOTAL = _counter("fs_writes_total", "Writes completed.", ONE, _NEUTRAL, _DEVICE, _IO)

# Processes
CONTAINER_PROCESSES = _gauge("processes", "Processes.")
CONTAINER_THREADS = _gauge("threads", "Threads.", ONE, _HIGH, _ID, _PIDS)
CONTAINER_THREADS_MAX = _gauge("threads_max", "Limit of threads.", ONE, _NEUTRAL, _ID, _PIDS_LIMIT)
CONTAINER_START_TIME_SECONDS = _gauge("start_time_seconds", "When the cgroup was made.", UNIX_TIME)
CONTAINER_LAST_SEEN = _gauge("last_seen", "When the cgroup was last read.", UNIX_TIME)


# Pressure
def _pressure(resource: str, what: str) -> tuple[Counter, Counter]:
    waiting, stalled = f"Time that some task waited for {what}.", f"Time that all tasks waited for {what}."
    return (
        _counter(f"pressure_{resource}_waiting_seconds_total", waiting, SECONDS, _HIGH, _ID, _PRESSURE),
        _counter(f"pressure_{resource}_stalled_seconds_total", stalled, SECONDS, _HIGH, _ID, _PRESSURE),
    )


CONTAINER_PRESSURE_CPU_WAITING_SECONDS_TOTAL, CONTAINER_PRESSURE_CPU_STALLED_SECONDS_TOTAL = _pressure(
    "cpu", "processor"
)
CONTAINER_PRESSURE_MEMORY_WAITING_SECONDS_TOTAL, CONTAINER_PRESSURE_MEMORY_STALLED_SECONDS_TOTAL = _pressure(
    "memory", "memory"
)
CONTAINER_PRESSURE_IO_WAITING_SECONDS_TOTAL, CONTAINER_PRESSURE_IO_STALLED_SECONDS_TOTAL = _pressure("io", "I/O")


# Network of the pod
def _traffic(name: str, help: str, unit: Unit = ONE, polarity: Polarity = _HIGH) -> Counter:
    return _counter(f"network_{name}_total", help, unit, polarity, _INTERFACE, _OWN)


CONTAINER_NETWORK_RECEIVE_BYTES_TOTAL = _traffic("receive_bytes", "Bytes received.", BYTES, _NEUTRAL)
CONTAINER_NETWORK_RECEIVE_PACKETS_TOTAL = _traffic("receive_packets", "Packets received.", ONE, _NEUTRAL)
CONTAINER_NETWORK_RECEIVE_ERRORS_TOTAL = _traffic("receive_errors", "Errors while receiving.")
CONTAINER_NETWORK_RECEIVE_PACKETS_DROPPED_TOTAL = _traffic("receive_packets_dropped", "Received packets dropped.")
CONTAINER_NETWORK_TRANSMIT_BYTES_TOTAL = _traffic("transmit_bytes", "Bytes sent.", BYTES, _NEUTRAL)
CONTAINER_NETWORK_TRANSMIT_PACKETS_TOTAL = _traffic("transmit_packets", "Packets sent.", ONE, _NEUTRAL)
CONTAINER_NETWORK_TRANSMIT_ERRORS_TOTAL = _traffic("transmit_errors", "Errors while sending.")
CONTAINER_NETWORK_TRANSMIT_PACKETS_DROPPED_TOTAL = _traffic("transmit_packets_dropped", "Packets dropped, not sent.")

SIGNALS: tuple[Signal, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Signal))

SYSTEM = System(
    key="container",
    title="Container",
    summary="The containers of a pod or of a machine, by their cgroups (v2).",
    collected="both",
    signals=SIGNALS,
    exporter="cAdvisor",
    tested_against="cgroup v2 trees as Linux 6 writes them",
)

_BY = ("job", "instance", "name")
_NAMED = {"name": is_not("")}
_QUOTA = q.ratio(CONTAINER_SPEC_CPU_QUOTA.where(**_NAMED), CONTAINER_SPEC_CPU_PERIOD.where(**_NAMED))
_USAGE = q.rate(CONTAINER_CPU_USAGE_SECONDS_TOTAL.where(**_NAMED))

QUERIES: tuple[NamedQuery, ...] = (
    NamedQuery(key="container.cpu_used", title="Processors that a container uses", query=q.sum_by(_USAGE, *_BY)),
    NamedQuery(
        key="container.cpu_used_ratio",
        title="Share of its limit of processor time that a container uses",
        query=q.ratio(q.sum_by(_USAGE, *_BY), q.sum_by(_QUOTA, *_BY)),
    ),
    NamedQuery(
        key="container.cpu_throttled_ratio",
        title="Share of periods in which a container stood still at its limit",
        query=q.ratio(
            q.sum_by(q.rate(CONTAINER_CPU_CFS_THROTTLED_PERIODS_TOTAL.where(**_NAMED)), *_BY),
            # No period passes while a container sleeps.
            q.sum_by(q.rate(CONTAINER_CPU_CFS_PERIODS_TOTAL.where(**_NAMED)), *_BY) > 0,
        ),
    ),
    NamedQuery(
        key="container.memory_working_set",
        title="Memory that a container cannot give back at once",
        query=q.sum_by(CONTAINER_MEMORY_WORKING_SET_BYTES.where(**_NAMED), *_BY),
    ),
    NamedQuery(
        key="container.memory_used_ratio",
        title="Share of its limit of memory that a container uses",
        query=q.max_by(
            q.ratio(
                CONTAINER_MEMORY_WORKING_SET_BYTES.where(**_NAMED), CONTAINER_SPEC_MEMORY_LIMIT_BYTES.where(**_NAMED)
            ),
            *_BY,
        ),
    ),
    NamedQuery(
        key="container.oom_events",
        title="Processes of a container killed for want of memory, in an hour",
        query=q.sum_by(q.increase(CONTAINER_OOM_EVENTS_TOTAL.where(**_NAMED), "1h"), *_BY),
    ),
    NamedQuery(
        key="container.cpu_pressure_ratio",
        title="Share of time that a task of a container waited for processor",
        query=q.max_by(q.rate(CONTAINER_PRESSURE_CPU_WAITING_SECONDS_TOTAL.where(**_NAMED)), *_BY),
    ),
    NamedQuery(
        key="container.memory_pressure_ratio",
        title="Share of time that a task of a container waited for memory",
        query=q.max_by(q.rate(CONTAINER_PRESSURE_MEMORY_WAITING_SECONDS_TOTAL.where(**_NAMED)), *_BY),
    ),
    NamedQuery(
        key="container.io_pressure_ratio",
        title="Share of time that a task of a container waited for I/O",
        query=q.max_by(q.rate(CONTAINER_PRESSURE_IO_WAITING_SECONDS_TOTAL.where(**_NAMED)), *_BY),
    ),
    NamedQuery(
        key="container.threads_used_ratio",
        title="Share of its limit of threads that a container has",
        query=q.max_by(q.ratio(CONTAINER_THREADS.where(**_NAMED), CONTAINER_THREADS_MAX.where(**_NAMED)), *_BY),
    ),
    NamedQuery(
        key="container.disk_read_rate",
        title="Bytes that a container reads per second",
        query=q.sum_by(q.rate(CONTAINER_FS_READS_BYTES_TOTAL.where(**_NAMED)), *_BY),
    ),
    NamedQuery(
        key="container.disk_write_rate",
        title="Bytes that a container writes per second",
        query=q.sum_by(q.rate(CONTAINER_FS_WRITES_BYTES_TOTAL.where(**_NAMED)), *_BY),
    ),
    NamedQuery(
        key="container.network_receive_rate",
        title="Bytes that the pod receives per second",
        query=q.sum_by(q.rate(CONTAINER_NETWORK_RECEIVE_BYTES_TOTAL), "job", "instance", "interface"),
    ),
    NamedQuery(
        key="container.network_transmit_rate",
        title="Bytes that the pod sends per second",
        query=q.sum_by(q.rate(CONTAINER_NETWORK_TRANSMIT_BYTES_TOTAL), "job", "instance", "interface"),
    ),
)
