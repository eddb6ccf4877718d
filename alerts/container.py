"""Alerts of containers: what slows them down, and what kills them."""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import Alert
from watchkeeper.signals import is_not
from watchkeeper.systems.container import CONTAINER_OOM_EVENTS_TOTAL

__all__ = ["ALERTS"]

_BY = ("job", "instance", "name")

ALERTS: tuple[Alert, ...] = (
    Alert(
        name="ContainerThrottled",
        system="container",
        query="container.cpu_throttled_ratio",
        threshold=0.25,
        hold="15m",
        severity="warning",
        summary="{{ $labels.instance }}: {{ $labels.name }} stands still in {{ $value }} of its periods",
        description="It has used up its processor time before the period ends; each request of it may wait that long.",
        runbook="container/throttled",
        panel="container/cpu-throttled-ratio",
        source="kubernetes-mixin CPUThrottlingHigh: 25 % of the periods, 15 min",
    ),
    Alert(
        name="ContainerMemoryNearLimit",
        system="container",
        query="container.memory_used_ratio",
        threshold=0.9,
        hold="5m",
        severity="warning",
        summary="{{ $labels.instance }}: {{ $labels.name }} uses {{ $value }} of its memory",
        description="At the limit the kernel kills a process of it. Page cache that can go is not counted.",
        runbook="container/memory-near-limit",
        panel="container/memory-used-ratio",
        source="awesome-prometheus-alerts Container high memory usage: 80 %; 90 % because limits are set close to use",
    ),
    Alert(
        name="ContainerOomKilled",
        system="container",
        query=q.sum_by(q.increase(CONTAINER_OOM_EVENTS_TOTAL.where(name=is_not("")), "15m"), *_BY),
        threshold=0,
        hold="0s",
        severity="critical",
        summary="{{ $labels.instance }}: a process of {{ $labels.name }} was killed for want of memory",
        description="It reached its limit within the last quarter of an hour. What it was doing is lost.",
        runbook="container/memory-near-limit",
        panel="container/oom-events",
        source="Linux kernel documentation, cgroup v2, memory.events: oom_kill counts processes killed, each a failure",
    ),
    Alert(
        name="ContainerMemoryPressure",
        system="container",
        query="container.memory_pressure_ratio",
        threshold=0.1,
        hold="10m",
        severity="warning",
        summary="{{ $labels.instance }}: {{ $labels.name }} waits for memory {{ $value }} of the time",
        description="It reads its own pages again and again from disk: slow long before it is killed.",
        runbook="container/memory-near-limit",
        panel="container/memory-pressure-ratio",
        source="Linux kernel documentation, PSI: time lost to memory; a tenth is lost throughput that users notice",
    ),
    Alert(
        name="ContainerThreadsNearLimit",
        system="container",
        query="container.threads_used_ratio",
        threshold=0.9,
        hold="5m",
        severity="warning",
        summary="{{ $labels.instance }}: {{ $labels.name }} has {{ $value }} of the threads that it may have",
        description="At the limit fork fails with `Resource temporarily unavailable`; often threads leak.",
        runbook="container/threads-near-limit",
        panel="container/threads-used-ratio",
        source="90 %, as for every limit whose end is a refusal: time to act before fork fails (cgroup v2, pids.max)",
    ),
)
