"""The dashboard of containers."""

from __future__ import annotations

from watchkeeper.declarations import Dashboard, Panel, Row

__all__ = ["DASHBOARD"]

_EACH = "{{instance}} {{name}}"
_INTERFACE = "{{instance}} {{interface}}"

DASHBOARD = Dashboard(
    key="container",
    title="Containers",
    system="container",
    description="The containers of a pod: what holds them up, what they use of their limits, what they move.",
    links=("overview",),
    rows=(
        Row(
            title="Do they get what they need",
            panels=(
                Panel(
                    key="cpu-throttled-ratio",
                    title="Standing still at the limit",
                    queries=("container.cpu_throttled_ratio",),
                    description="Share of the periods in which the processor time was used up before the end.",
                    legend=_EACH,
                    threshold_of="ContainerThrottled",
                ),
                Panel(
                    key="cpu-pressure-ratio",
                    title="Waiting for processor",
                    queries=("container.cpu_pressure_ratio",),
                    description="Share of time that some task waited, for its limit or for others.",
                    legend=_EACH,
                ),
                Panel(
                    key="memory-pressure-ratio",
                    title="Waiting for memory",
                    queries=("container.memory_pressure_ratio",),
                    description="More than a few percent: memory is short, whatever the use says.",
                    legend=_EACH,
                    threshold_of="ContainerMemoryPressure",
                ),
                Panel(
                    key="io-pressure-ratio",
                    title="Waiting for I/O",
                    queries=("container.io_pressure_ratio",),
                    description="Share of time that some task waited for a disk.",
                    legend=_EACH,
                ),
                Panel(
                    key="oom-events",
                    title="Processes killed",
                    queries=("container.oom_events",),
                    description="For want of memory, in the last hour.",
                    legend=_EACH,
                ),
            ),
        ),
        Row(
            title="What they use",
            panels=(
                Panel(
                    key="cpu-used",
                    title="Processors in use",
                    queries=("container.cpu_used",),
                    description="One is a processor that is busy all the time.",
                    legend=_EACH,
                ),
                Panel(
                    key="cpu-used-ratio",
                    title="Share of the processor limit",
                    queries=("container.cpu_used_ratio",),
                    description="Containers without a limit are left out.",
                    legend=_EACH,
                ),
                Panel(
                    key="memory-working-set",
                    title="Memory",
                    queries=("container.memory_working_set",),
                    description="Without page cache that can go.",
                    legend=_EACH,
                ),
                Panel(
                    key="memory-used-ratio",
                    title="Share of the memory limit",
                    queries=("container.memory_used_ratio",),
                    description="The kernel kills at 100%. Containers without a limit are left out.",
                    legend=_EACH,
                    threshold_of="ContainerMemoryNearLimit",
                ),
                Panel(
                    key="threads-used-ratio",
                    title="Share of the thread limit",
                    queries=("container.threads_used_ratio",),
                    description="Containers without a limit are left out.",
                    legend=_EACH,
                    threshold_of="ContainerThreadsNearLimit",
                ),
            ),
        ),
        Row(
            title="What they move",
            panels=(
                Panel(
                    key="disk-read-rate",
                    title="Read from disks",
                    queries=("container.disk_read_rate",),
                    description="Bytes per second that did not come from the page cache.",
                    legend=_EACH,
                ),
                Panel(
                    key="disk-write-rate",
                    title="Written to disks",
                    queries=("container.disk_write_rate",),
                    description="Bytes per second.",
                    legend=_EACH,
                ),
                Panel(
                    key="network-receive-rate",
                    title="Received by the pod",
                    queries=("container.network_receive_rate",),
                    description="All containers of a pod share its network.",
                    legend=_INTERFACE,
                ),
                Panel(
                    key="network-transmit-rate",
                    title="Sent by the pod",
                    queries=("container.network_transmit_rate",),
                    description="All containers of a pod share its network.",
                    legend=_INTERFACE,
                ),
            ),
        ),
    ),
)
