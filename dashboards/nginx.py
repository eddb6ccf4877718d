"""The dashboard of NGINX."""

from __future__ import annotations

from watchkeeper.declarations import Dashboard, Panel, Row

__all__ = ["DASHBOARD"]

_EACH = "{{instance}}"

DASHBOARD = Dashboard(
    key="nginx",
    title="NGINX",
    system="nginx",
    description="Is it up, is anybody turned away, how much is asked, how many wait for an answer.",
    links=("overview", "host"),
    rows=(
        Row(
            title="Now",
            panels=(
                Panel(
                    key="up",
                    title="Up",
                    queries=("nginx.up",),
                    kind="stat",
                    description="Whether the status page can be read.",
                    legend=_EACH,
                    width=6,
                    height=5,
                ),
                Panel(
                    key="busy-ratio",
                    title="Connections that are answered",
                    queries=("nginx.busy_ratio",),
                    kind="gauge",
                    description="Of all open ones. Servers with fewer than 100 connections are left out.",
                    legend=_EACH,
                    threshold_of="NginxConnectionsBusy",
                    width=6,
                    height=5,
                ),
                Panel(
                    key="active",
                    title="Open connections",
                    queries=("nginx.connections_active",),
                    kind="stat",
                    description="Read, answered or idle.",
                    legend=_EACH,
                    width=6,
                    height=5,
                ),
                Panel(
                    key="requests-per-connection",
                    title="Requests for each connection",
                    queries=("nginx.requests_per_connection",),
                    kind="stat",
                    description="1 means that keep-alive is off, or that a proxy before it does not use it.",
                    legend=_EACH,
                    width=6,
                    height=5,
                ),
            ),
        ),
        Row(
            title="Traffic",
            panels=(
                Panel(
                    key="requests-rate",
                    title="Requests",
                    queries=("nginx.requests_rate",),
                    description="Requests per second; those for the status page are among them.",
                    legend=_EACH,
                ),
                Panel(
                    key="connections-rate",
                    title="Connections accepted",
                    queries=("nginx.connections_rate",),
                    description="New connections per second.",
                    legend=_EACH,
                ),
                Panel(
                    key="dropped-rate",
                    title="Connections dropped",
                    queries=("nginx.dropped_rate",),
                    description="Accepted and not handled: worker_connections or the limit of open files was reached.",
                    legend=_EACH,
                    threshold_of="NginxConnectionsDropped",
                ),
            ),
        ),
        Row(
            title="Connections",
            panels=(
                Panel(
                    key="connections",
                    title="Requests under way",
                    queries=("nginx.connections_writing",),
                    description="Answers being written or waited for. It rises when the servers behind get slow.",
                    legend=_EACH,
                ),
                Panel(
                    key="reading",
                    title="Requests being read",
                    queries=("nginx.connections_reading",),
                    description="Many for long: slow clients, or an attack that sends its headers drop by drop.",
                    legend=_EACH,
                ),
                Panel(
                    key="waiting",
                    title="Idle connections",
                    queries=("nginx.connections_waiting",),
                    description="Kept alive for the next request. They count against worker_connections.",
                    legend=_EACH,
                ),
            ),
        ),
    ),
)
