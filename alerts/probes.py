"""Alerts of probes: what users cannot reach, what is slow, and certificates that end."""

from __future__ import annotations

from watchkeeper import queries as q
from watchkeeper.declarations import Alert
from watchkeeper.systems.probes import PROBE_DURATION_SECONDS

__all__ = ["ALERTS"]

_DAY = 86_400.0

ALERTS: tuple[Alert, ...] = (
    Alert(
        name="ProbeFailing",
        system="probes",
        query="probes.success",
        op="==",
        threshold=0,
        hold="2m",
        severity="critical",
        summary="{{ $labels.instance }} cannot be used",
        description="The probe does what a user does, and has failed for two minutes. probe_failure_info says why.",
        runbook="probes/failing",
        panel="probes/success",
        source="Google SRE book: page on symptoms that users see. Two minutes are several probes: not one lost packet",
    ),
    Alert(
        name="ProbeFlapping",
        system="probes",
        query="probes.success_ratio",
        op="<",
        threshold=0.9,
        hold="10m",
        severity="warning",
        summary="{{ $labels.instance }}: {{ $value }} of the probes of an hour succeed",
        description="It comes and goes: one of several servers, an overload, a name that resolves now and then.",
        runbook="probes/failing",
        panel="probes/success-ratio",
        source="A tenth of an hour is six bad minutes: an objective of 99.9 % has 43 in a month (Google SRE workbook)",
    ),
    Alert(
        name="ProbeSlow",
        system="probes",
        query=q.max_by(q.avg_over_time(PROBE_DURATION_SECONDS, "10m"), "job", "instance"),
        threshold=3,
        hold="5m",
        severity="warning",
        summary="{{ $labels.instance }} takes {{ $value }} to answer",
        description="From finding the address to the last byte, on average over ten minutes.",
        runbook="probes/slow",
        panel="probes/duration",
        source="Google, The need for mobile speed (2016): half of the visits end when a page takes longer than 3 s",
    ),
    Alert(
        name="CertificateExpiresSoon",
        system="probes",
        query="probes.certificate_time_left",
        op="<",
        threshold=14 * _DAY,
        hold="1h",
        severity="warning",
        summary="{{ $labels.instance }}: its certificate expires in {{ $value }}",
        description="Whatever renews certificates should have done so: it fails, or the new one is not in use.",
        runbook="probes/certificate",
        panel="probes/certificate-time-left",
        source=(
            "Let's Encrypt: renew 30 days before the end of 90; cert-manager: after two thirds of the lifetime, 15.7 "
            "days before the end of 47. At 14 days both have failed"
        ),
    ),
    Alert(
        name="CertificateExpiresNow",
        system="probes",
        query="probes.certificate_time_left",
        op="<",
        threshold=3 * _DAY,
        hold="5m",
        severity="critical",
        summary="{{ $labels.instance }}: its certificate expires in {{ $value }}",
        description="From then on every client refuses the connection. Negative: it has expired.",
        runbook="probes/certificate",
        panel="probes/certificate-time-left",
        source="Three days span a weekend: the last working day on which somebody can renew it by hand",
    ),
)
