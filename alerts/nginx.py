"""Alerts of NGINX."""

from __future__ import annotations

from watchkeeper.declarations import Alert

__all__ = ["ALERTS"]

ALERTS: tuple[Alert, ...] = (
    Alert(
        name="NginxDown",
        system="nginx",
        query="nginx.up",
        op="==",
        threshold=0,
        hold="1m",
        severity="critical",
        summary="{{ $labels.instance }}: the status page cannot be read",
        description="NGINX does not run, has no worker left to answer, or its status page was taken out.",
        runbook="nginx/down",
        panel="nginx/up",
        source="nginx_up is 0 when a scrape fails; one minute spans a restart, and a reload needs none",
    ),
    Alert(
        name="NginxConnectionsDropped",
        system="nginx",
        query="nginx.dropped_rate",
        # Rates of two equal counters differ by the rounding of their division.
        threshold=0.001,
        hold="2m",
        severity="critical",
        summary="{{ $labels.instance }} drops {{ $value }} connections per second",
        description="worker_connections, or the limit of open files, is reached: clients are turned away.",
        runbook="nginx/connections-dropped",
        panel="nginx/dropped-rate",
        source="nginx documentation, stub_status: handled is less than accepts only where a resource limit was reached",
    ),
    Alert(
        name="NginxConnectionsBusy",
        system="nginx",
        query="nginx.busy_ratio",
        threshold=0.9,
        hold="10m",
        severity="warning",
        summary="{{ $labels.instance }}: {{ $value }} of its connections wait for their answer",
        description="Usually most connections are idle and kept alive. The servers behind it are slow, or hang.",
        runbook="nginx/slow-upstream",
        panel="nginx/connections",
        source="Nine in ten for ten minutes: with keep-alive, browsers hold connections far longer than requests take; "
        "fewer than 100 connections are left out",
    ),
)
