"""What the tests of the probes share: one probe of an address, and what it found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from collectors.description import check_target
from collectors.exposition import Parser
from collectors.families import Family
from collectors.probes import COLLECTOR
from collectors.runtime import Sidecar
from tests.collectors.helpers import by_name, target
from watchkeeper.clock import monotonic
from watchkeeper.settings import Target

__all__ = ["RECORDS", "labels_of", "probe", "probed", "reason_of", "up", "values_of"]

RECORDS = {
    ("example.test", "A"): ["192.0.2.1", "192.0.2.2"],
    ("example.test", "AAAA"): ["2001:db8::1"],
    ("example.test", "MX"): ["10 mail.@"],
    ("example.test", "TXT"): ["v=spf1 -all"],
    ("example.test", "SOA"): ["ns.@ admin.@ 2024010101 3600 600 86400 300"],
    ("example.test", "NS"): ["ns.example.net"],
    ("_sip._tcp.example.test", "SRV"): ["1 2 5060 sip.@"],
    ("www.example.test", "CNAME"): ["example.test"],
}


def probed(url: str, timeout: float = 5, **options: Any) -> Target:
    """A target to probe, over IPv4."""
    made = target("p", "probes", url, options={"ip_protocol": "ip4", **options}, timeout=timeout)
    check_target(COLLECTOR, made)
    return made


def probe(url: str, seconds: float = 5.0, **options: Any) -> Sequence[Family]:
    """What one probe finds."""
    session = COLLECTOR.open(probed(url, **options))
    try:
        return session.read(monotonic() + seconds)
    finally:
        session.close()


def values_of(families: Sequence[Family]) -> dict[str, float]:
    """The series without labels, by name."""
    return {name: value for family in families for name, pairs, value in family.points if not pairs}


def labels_of(families: Sequence[Family], name: str, label: str) -> list[str]:
    """The values of a label of a family; none when it is not there."""
    found = by_name(families).get(name)
    return [] if found is None else [dict(pairs)[label] for _, pairs, _ in found.points]


def reason_of(families: Sequence[Family]) -> str:
    """Why a probe failed; empty when it succeeded."""
    reasons = labels_of(families, "probe_failure_info", "reason")
    assert values_of(families)["probe_success"] == float(not reasons)
    return reasons[0] if reasons else ""


def up(url: str, timeout: float = 5, **options: Any) -> tuple[float, str]:
    """`watchkeeper_target_up` of a sidecar with one probe, and why that failed."""
    sidecar = Sidecar([probed(url, timeout, **options)])
    try:
        families = by_name(Parser().parse(sidecar.scrape().decode()))
    finally:
        sidecar.close()
    reason = families.get("probe_failure_info")
    state = families["watchkeeper_target_up"].points[0][2]
    return state, "" if reason is None else dict(reason.points[0][1])["reason"]
