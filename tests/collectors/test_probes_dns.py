from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.collectors.probing import RECORDS, probe, reason_of, up, values_of
from tests.servers import dns


@pytest.fixture(scope="module")
def names() -> Iterator[dns.NameServer]:
    with dns.serve(records=RECORDS) as server:
        yield server


@pytest.mark.parametrize(
    "path, options, reason",
    [
        ("example.test?type=A", {"expect": r"\t192\.0\.2\.2$"}, ""),
        ("example.test", {"expect": r"192\.0\.2\.9"}, "answer"),
        ("example.test", {"reject": r"192\.0\.2\."}, "answer"),
        ("example.test?type=aaaa", {"expect": r"^example\.test\.\t300\tIN\tAAAA\t2001:db8::1$"}, ""),
        ("example.test?type=MX", {"expect": r"\t10 mail\.example\.test\.$"}, ""),
        ("example.test?type=TXT", {"expect": r'"v=spf1 -all"'}, ""),
        ("example.test?type=NS", {"expect": r"ns\.example\.net\.$"}, ""),
        ("_sip._tcp.example.test?type=SRV", {"expect": r"1 2 5060 sip\._sip\._tcp\.example\.test\."}, ""),
        ("www.example.test?type=CNAME", {"expect": r"CNAME\texample\.test\.$"}, ""),
        ("example.test", {"transport": "tcp"}, ""),
        ("gone.test", {}, "status"),
        ("gone.test", {"rcodes": ["NXDOMAIN"]}, ""),
    ],
)
def test_a_name_server_is_judged_by_its_answer(
    names: dns.NameServer, path: str, options: dict[str, Any], reason: str
) -> None:
    families = probe(f"dns://127.0.0.1:{names.port}/{path}", **options)
    assert reason_of(families) == reason
    assert values_of(families)["probe_dns_query_succeeded"] == 1


def test_the_records_of_an_answer_are_counted(names: dns.NameServer) -> None:
    values = values_of(probe(f"dns://127.0.0.1:{names.port}/example.test"))
    assert values["probe_dns_answer_rrs"] == 2
    soa = values_of(probe(f"dns://127.0.0.1:{names.port}/example.test?type=SOA"))
    assert soa["probe_dns_serial"] == 2024010101


def test_an_answer_that_does_not_fit_is_asked_for_over_tcp() -> None:
    with dns.serve(records={("a.test", "A"): ["192.0.2.1"]}, truncate=True) as server:
        values = values_of(probe(f"dns://127.0.0.1:{server.port}/a.test"))
        assert values["probe_success"] == values["probe_dns_answer_rrs"] == 1
        assert [transport for transport, _, _ in server.asked] == ["udp", "tcp"]


def test_a_name_server_that_is_silent_fails() -> None:
    with dns.serve(silent=True) as server:
        assert up(f"dns://127.0.0.1:{server.port}/a.test", timeout=0.5) == (1, "timeout")


@pytest.mark.parametrize(
    "raw", [b"", b"\x81\x80", b"\x81\x80\0\1\0\1\0\0\0\0\xc0\x0c", b"\x81\x80\0\0\0\1\0\0\0\0\x05ab"]
)
def test_garbage_from_a_name_server_fails(raw: bytes) -> None:
    with dns.serve(raw=raw) as server:
        assert up(f"dns://127.0.0.1:{server.port}/a.test", timeout=1) == (1, "protocol")
