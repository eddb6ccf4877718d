"""The dashboard of probes."""

from __future__ import annotations

from watchkeeper.declarations import Dashboard, Panel, Row

__all__ = ["DASHBOARD"]

_EACH = "{{instance}}"
_PHASE = "{{instance}} {{phase}}"

DASHBOARD = Dashboard(
    key="probes",
    title="Probes",
    system="probes",
    description="What a user finds: whether it answers, how fast, and until when its certificate holds.",
    links=("overview",),
    rows=(
        Row(
            title="Does it answer",
            panels=(
                Panel(
                    key="success",
                    title="Succeeds",
                    queries=("probes.success",),
                    kind="stat",
                    description="1 when the last probe got what it expects.",
                    legend=_EACH,
                    threshold_of="ProbeFailing",
                ),
                Panel(
                    key="success-ratio",
                    title="Share of probes that succeed",
                    queries=("probes.success_ratio",),
                    description="Over the last hour.",
                    legend=_EACH,
                    threshold_of="ProbeFlapping",
                ),
                Panel(
                    key="failures",
                    title="Why it fails",
                    queries=("probes.failures",),
                    description="The reason of the last probe; empty when it succeeded.",
                    legend="{{instance}} {{reason}}",
                ),
                Panel(
                    key="status-code",
                    title="Status",
                    queries=("probes.status_code",),
                    description="Of the last HTTP answer; none when there was no answer.",
                    legend=_EACH,
                ),
            ),
        ),
        Row(
            title="How fast",
            panels=(
                Panel(
                    key="duration",
                    title="Duration",
                    queries=("probes.duration",),
                    description="From finding the address to the last byte.",
                    legend=_EACH,
                    threshold_of="ProbeSlow",
                ),
                Panel(
                    key="http-phases",
                    title="Where the time goes",
                    queries=("probes.http_phases",),
                    description="resolve: the name. connect: the network. tls: the handshake. processing: the server "
                    "until its first byte. transfer: the page.",
                    legend=_PHASE,
                    stacked=True,
                ),
                Panel(
                    key="lookup-time",
                    title="Finding the address",
                    queries=("probes.lookup_time",),
                    description="As the resolver of the probe's machine does it.",
                    legend=_EACH,
                ),
                Panel(
                    key="dns-phases",
                    title="Name servers",
                    queries=("probes.dns_phases",),
                    description="How long name servers that are probed themselves take.",
                    legend=_PHASE,
                    stacked=True,
                ),
            ),
        ),
        Row(
            title="Certificates and changes",
            panels=(
                Panel(
                    key="certificate-time-left",
                    title="Until a certificate expires",
                    queries=("probes.certificate_time_left",),
                    description="Of the first of the server's certificates to expire. Negative: it has.",
                    legend=_EACH,
                    threshold_of="CertificateExpiresSoon",
                ),
                Panel(
                    key="redirects",
                    title="Redirects",
                    queries=("probes.redirects",),
                    description="That were followed to the last answer.",
                    legend=_EACH,
                ),
                Panel(
                    key="address",
                    title="Address",
                    queries=("probes.address",),
                    description="A hash: a step is another address, such as a failover.",
                    legend=_EACH,
                ),
            ),
        ),
    ),
)
