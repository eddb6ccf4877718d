from __future__ import annotations

import re
import socket
import threading
import urllib.parse
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from collectors.description import check_target
from collectors.exposition import Parser
from collectors.families import Family
from collectors.probes import COLLECTOR
from collectors.probes_net import Probe, Resolver
from collectors.runtime import Sidecar
from tests.collectors.helpers import by_name, check_declared, compare, silent_port, target
from tests.collectors.probing import RECORDS, labels_of, probe, probed, reason_of, up, values_of
from tests.conftest import need
from tests.servers import dns, exporters, http, tls
from tests.servers.exporters import Exporter
from tests.servers.tls import Authority, Page
from watchkeeper.clock import monotonic, now
from watchkeeper.errors import SettingsError
from watchkeeper.settings import Secret

PAGES = {
    "/": Page(headers={"Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}),
    "/moved": Page(b"", 302, {"Location": "/"}),
    "/far": Page(b"", 301, {"Location": "gopher://nowhere/"}),
    "/circle": Page(b"", 302, {"Location": "/circle"}),
    "/odd": Page(b"", 302, {"Location": "/with space?x=\u00e4".encode().decode("latin-1")}),
    "/with%20space?x=%C3%83%C2%A4": Page(),
    "/broken": Page(b"oops", 500),
    "/chunks": Page(b"some pieces", chunked=True),
    "/slow": Page(b"x" * 1000, drip=0.05),
}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    need(tls.available())
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def plain() -> Iterator[tls.Site]:
    with tls.serve(PAGES) as site:
        yield site


@pytest.fixture(scope="module")
def secure(authority: Authority) -> Iterator[tls.Site]:
    with tls.serve(PAGES, authority.issue("DNS:localhost", "DNS:example.test", "IP:127.0.0.1")) as site:
        yield site


@pytest.fixture(scope="module")
def names() -> Iterator[dns.NameServer]:
    with dns.serve(records=RECORDS) as server:
        yield server


# The declarations


def test_everything_declared_is_emitted_and_nothing_else(
    plain: tls.Site, secure: tls.Site, names: dns.NameServer, authority: Authority
) -> None:
    scenarios = [
        probe(plain.url("/moved")),
        probe(plain.url("/broken")),
        probe(secure.url(), ca_file=str(authority.file)),
        probe(f"tcp://localhost:{plain.port}"),
        probe(f"dns://127.0.0.1:{names.port}/example.test?type=SOA"),
    ]
    emitted: set[str] = set()
    for families in scenarios:
        check_declared(families, COLLECTOR.signals)
        emitted |= by_name(families).keys()
    assert {signal.name for signal in COLLECTOR.signals} - emitted == set()


# Parity with blackbox_exporter


@pytest.fixture(scope="module")
def blackbox(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exporter]:
    need(exporters.available("blackbox"))
    modules = tmp_path_factory.mktemp("blackbox") / "blackbox.yml"
    trust = f"tls_config: {{ca_file: {authority.file}}}"
    modules.write_text(
        "modules:\n"
        f"  http: {{prober: http, http: {{preferred_ip_protocol: ip4, {trust}}}}}\n"
        f"  refused: {{prober: http, http: {{preferred_ip_protocol: ip4, fail_if_body_matches_regexp: [hello]}}}}\n"
        f"  tcp: {{prober: tcp, tcp: {{preferred_ip_protocol: ip4}}}}\n"
        f"  tls: {{prober: tcp, tcp: {{preferred_ip_protocol: ip4, tls: true, {trust}}}}}\n"
        "  any: {prober: tcp, tcp: {preferred_ip_protocol: ip4, tls: true, tls_config: {insecure_skip_verify: true}}}\n"
        "  dns: {prober: dns, dns: {preferred_ip_protocol: ip4, query_name: example.test, query_type: SOA}}\n"
    )
    with exporters.run_blackbox(modules) as exporter:
        yield exporter


def _theirs(blackbox: Exporter, module: str, of: str) -> str:
    query = urllib.parse.urlencode({"module": module, "target": of})
    return http.get_text(f"{blackbox.url.removesuffix('/metrics')}/probe?{query}")


def _compare(ours: Sequence[Family], theirs: str, *, missing: frozenset[str] = frozenset()) -> None:
    """Same names, kinds, labels, and values where they do not measure time."""
    compare(ours, theirs, newer=frozenset({"probe_failure_info"}))
    known = by_name(Parser().parse(theirs))
    assert known.keys() - by_name(ours).keys() == missing
    for family in ours:
        if "_duration_" not in family.name and family.name in known and "_lookup_" not in family.name:
            pairs = [({*labels}, value) for _, labels, value in family.points]
            assert pairs == [({*labels}, value) for _, labels, value in known[family.name].points], family.name
    for name in ("probe_http_duration_seconds", "probe_dns_duration_seconds"):
        if name in known and not missing:
            assert set(labels_of(ours, name, "phase")) == {dict(labels)["phase"] for _, labels, _ in known[name].points}


@pytest.mark.server
@pytest.mark.parametrize("path", ["/", "/moved", "/broken"])
def test_http_is_as_blackbox_exporter_has_it(blackbox: Exporter, plain: tls.Site, path: str) -> None:
    _compare(probe(plain.url(path)), _theirs(blackbox, "http", plain.url(path)))


@pytest.mark.server
def test_https_is_as_blackbox_exporter_has_it(blackbox: Exporter, secure: tls.Site, authority: Authority) -> None:
    _compare(probe(secure.url(), ca_file=str(authority.file)), _theirs(blackbox, "http", secure.url()))


@pytest.mark.server
def test_a_rejected_page_is_as_blackbox_exporter_has_it(blackbox: Exporter, plain: tls.Site) -> None:
    _compare(probe(plain.url(), reject="hello"), _theirs(blackbox, "refused", plain.url()))


@pytest.mark.server
def test_tcp_is_as_blackbox_exporter_has_it(blackbox: Exporter, plain: tls.Site) -> None:
    _compare(probe(f"tcp://localhost:{plain.port}"), _theirs(blackbox, "tcp", f"localhost:{plain.port}"))


@pytest.mark.server
def test_tls_is_as_blackbox_exporter_has_it(blackbox: Exporter, secure: tls.Site, authority: Authority) -> None:
    ours = probe(f"tls://localhost:{secure.port}", ca_file=str(authority.file))
    _compare(ours, _theirs(blackbox, "tls", f"localhost:{secure.port}"))


@pytest.mark.server
def test_a_certificate_that_is_not_verified_is_as_blackbox_exporter_has_it(
    blackbox: Exporter, secure: tls.Site
) -> None:
    ours = probe(f"tls://localhost:{secure.port}", verify=False)
    missing = frozenset({"probe_ssl_last_chain_expiry_timestamp_seconds"})
    _compare(ours, _theirs(blackbox, "any", f"localhost:{secure.port}"), missing=missing)


@pytest.mark.server
def test_dns_is_as_blackbox_exporter_has_it(blackbox: Exporter, names: dns.NameServer) -> None:
    ours = probe(f"dns://127.0.0.1:{names.port}/example.test?type=SOA")
    _compare(ours, _theirs(blackbox, "dns", f"127.0.0.1:{names.port}"))


@pytest.mark.server
def test_what_was_not_measured_is_left_out_where_blackbox_exporter_says_zero(blackbox: Exporter) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    unknown = ("status_code", "version", "ssl", "redirects", "content_length", "uncompressed_body_length")
    missing = frozenset(f"probe_http_{name}" for name in unknown)
    url = f"http://localhost:{port}/"
    _compare(probe(url), _theirs(blackbox, "http", url), missing=missing)


# HTTP


def test_the_phases_add_up_to_the_duration(plain: tls.Site) -> None:
    families = probe(plain.url("/moved"))
    phases = sum(value for _, _, value in by_name(families)["probe_http_duration_seconds"].points)
    assert 0 < phases <= values_of(families)["probe_duration_seconds"]


@pytest.mark.parametrize(
    "path, options, reason",
    [
        ("/", {}, ""),
        ("/", {"status": [204]}, "status"),
        ("/broken", {}, "status"),
        ("/broken", {"status": [500]}, ""),
        ("/moved", {"follow_redirects": False}, "status"),
        ("/moved", {"follow_redirects": False, "status": [302]}, ""),
        ("/circle", {}, "redirect"),
        ("/far", {}, "redirect"),
        ("/odd", {}, ""),
        ("/", {"expect": "hello w.rld"}, ""),
        ("/", {"expect": "goodbye"}, "answer"),
        ("/", {"reject": "hello"}, "answer"),
        ("/", {"method": "HEAD"}, ""),
        ("/chunks", {"expect": "^some pieces$"}, ""),
    ],
)
def test_a_page_is_judged_by_status_redirects_and_text(
    plain: tls.Site, path: str, options: dict[str, Any], reason: str
) -> None:
    families = probe(plain.url(path), **options)
    assert reason_of(families) == reason
    assert values_of(families)["probe_failed_due_to_regex"] == float(reason == "answer")


def test_method_body_headers_and_password_are_sent(plain: tls.Site, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret-token\n")
    options = {"method": "post", "body": "x=1", "headers": {"Accept": "text/html"}}
    made = target("p", "probes", plain.url(), password=Secret(file=str(tmp_path / "token")), options=options)
    COLLECTOR.open(made).read(monotonic() + 5)
    method, _, headers = plain.requests[-1]
    assert method == "POST"
    assert {
        "Accept": "text/html",
        "Content-Length": "3",
        "Authorization": "Bearer secret-token",
    }.items() <= headers.items()


def test_a_redirect_to_another_server_gets_no_password(plain: tls.Site, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret-token\n")
    headers = {"Cookie": "session=hush", "X-Api-Key": "hush"}
    pages = {"/": Page(b"", 302, {"Location": "/next"}), "/next": Page(b"", 302, {"Location": plain.url()})}
    with tls.serve(pages) as first:
        secret = Secret(file=str(tmp_path / "token"))
        made = target("p", "probes", first.url(), password=secret, options={"headers": headers})
        assert values_of(COLLECTOR.open(made).read(monotonic() + 5))["probe_success"] == 1
        assert [path for _, path, _ in first.requests] == ["/", "/next"]
        for _, _, sent in first.requests:
            assert {"Authorization": "Bearer secret-token", **headers}.items() <= sent.items()
    assert not {"Authorization", *headers} & plain.requests[-1][2].keys()


# Faults: each is a result with a reason, and the sidecar says that the target was read


def test_an_expired_certificate_fails_and_says_when_it_expired(authority: Authority) -> None:
    with tls.serve(PAGES, authority.issue("DNS:localhost", days=-1)) as site:
        families = probe(site.url(), ca_file=str(authority.file))
    assert reason_of(families) == "certificate_expired"
    values = values_of(families)
    assert 1_600_000_000 < values["probe_ssl_earliest_cert_expiry"] < now()
    assert "probe_ssl_last_chain_expiry_timestamp_seconds" not in values


def test_a_certificate_for_another_host_fails(authority: Authority) -> None:
    with tls.serve(PAGES, authority.issue("DNS:other.test")) as site:
        trust = str(authority.file)
        assert up(site.url(), ca_file=trust) == (1, "certificate_wrong_host")
        assert up(f"tls://localhost:{site.port}", ca_file=trust) == (1, "certificate_wrong_host")
        assert up(site.url(), ca_file=trust, server_name="other.test") == (1, "")


def test_a_certificate_that_nobody_trusts_fails_unless_any_is_taken(secure: tls.Site) -> None:
    assert up(secure.url()) == (1, "certificate_untrusted")
    families = probe(secure.url(), verify=False)
    assert reason_of(families) == ""
    assert "probe_ssl_last_chain_expiry_timestamp_seconds" not in by_name(families)


def test_a_server_without_tls_fails(plain: tls.Site) -> None:
    assert up(f"tls://localhost:{plain.port}") == (1, "tls")


@pytest.mark.parametrize("scheme", ["http", "https", "tcp", "tls", "dns"])
def test_a_refused_connection_fails(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert up(f"{scheme}://127.0.0.1:{port}/x") == (1, "refused")


def test_a_name_that_does_not_exist_fails() -> None:
    assert up("http://no-such-host.invalid/") == (1, "name_not_found")
    assert up("http://" + "x" * 70 + ".test/") == (1, "name_not_found")


@pytest.mark.parametrize("scheme", ["http", "https", "tls"])
def test_a_server_that_hangs_is_a_failure_of_the_probe_and_not_of_the_sidecar(scheme: str) -> None:
    with silent_port() as port:
        assert up(f"{scheme}://127.0.0.1:{port}/", timeout=1) == (1, "timeout")


def test_a_page_that_drips_ends_at_the_deadline(plain: tls.Site) -> None:
    begun = monotonic()
    assert up(plain.url("/slow"), timeout=1) == (1, "timeout")
    assert monotonic() - begun < 3


def test_garbage_and_a_reply_that_is_cut_off_fail() -> None:
    for reply, reason in (
        (b"garbage\r\n\r\n", "protocol"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", "reset"),
    ):
        with _says(reply) as port:
            assert up(f"http://127.0.0.1:{port}/") == (1, reason)


def test_a_banner_is_compared() -> None:
    with _says(b"220 mail.example.test ESMTP\r\n") as port:
        assert up(f"tcp://127.0.0.1:{port}", expect="^220 .*ESMTP") == (1, "")
        assert up(f"tcp://127.0.0.1:{port}", expect="^421", send="QUIT\r\n") == (1, "answer")


class _says:  # noqa: N801  used as a function
    """A port that answers every connection with the same bytes and closes it."""

    def __init__(self, reply: bytes) -> None:
        self._reply = reply
        self._listener = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> int:
        threading.Thread(target=self._run, daemon=True).start()
        port: int = self._listener.getsockname()[1]
        return port

    def _run(self) -> None:
        try:
            while True:
                sock, _ = self._listener.accept()
                with sock:
                    sock.sendall(self._reply)
                    sock.shutdown(socket.SHUT_WR)
                    while sock.recv(1024):
                        pass
        except OSError:
            pass

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def test_a_resolver_that_hangs_does_not_hold_the_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    gate, questions = threading.Event(), []

    def slow(*words: Any) -> list[Any]:
        questions.append(words)
        gate.wait(10)
        return [(socket.AF_INET, 0, 0, "", ("127.0.0.1", 80))]

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    resolver = Resolver(target("p", "probes"))
    for _ in range(2):
        with Probe(monotonic() + 0.05) as probe, pytest.raises(TimeoutError):
            resolver.resolve(probe, "slow.test", 80)
    assert len(questions) == 1
    gate.set()


# Settings


@pytest.mark.parametrize(
    "url, options, message",
    [
        ("", {}, "give what to probe, for example url: https://example.com/"),
        ("tcp://localhost", {}, "the url names no port: tcp://HOST:PORT"),
        ("http:///x", {}, "the url names no host"),
        ("dns:///example.test", {}, "the url names no server"),
        ("dns://127.0.0.1/a?type=NAPTR", {}, "asks for type 'NAPTR': allowed: A, NS"),
        ("dns://127.0.0.1/" + "x" * 64, {}, "is no domain name"),
        ("http://localhost/", {"expect": "("}, "option expect is '('"),
        ("http://localhost/", {"status": ["ok"]}, "option status is"),
        ("http://localhost/", {"method": "STEAL"}, "option method is 'STEAL'"),
        ("http://localhost/", {"headers": "x"}, "option headers is a str: it is a mapping"),
        ("http://localhost/", {"ip_protocol": "4"}, "option ip_protocol is '4'"),
        ("dns://127.0.0.1/a", {"transport": "quic"}, "option transport is 'quic'"),
        ("http://localhost/", {"follow_redirects": "false"}, "option follow_redirects is 'false': write true or false"),
        ("https://localhost/", {"verify": "false"}, "option verify is 'false': write true or false"),
        ("http://localhost/", {"body": 1}, "option body is 1: write a text"),
        ("tcp://localhost:1", {"send": ["QUIT"]}, "option send is"),
        ("tcp://localhost:1", {"expect": "("}, "option expect is '('"),
        ("tcp://localhost:1", {"expect": r"\u00e9"}, "it is no regular expression for bytes: bad escape"),
        ("tcp://localhost:1", {"expect": "(?u)ok"}, "it is no regular expression for bytes: bad inline flags"),
        ("dns://127.0.0.1/a", {"rcodes": ["OK"]}, "option rcodes has 'OK'"),
        ("dns://127.0.0.1/a", {"recursion": "no"}, "option recursion is 'no': write true or false"),
    ],
)
def test_settings_that_cannot_be_meant_so_are_said(url: str, options: dict[str, Any], message: str) -> None:
    made = target("p", "probes", url, options=options)
    for use in (COLLECTOR.open, partial(check_target, COLLECTOR)):
        with pytest.raises(SettingsError, match="target p: .*" + re.escape(message)):
            use(made)


def test_a_header_that_is_no_mapping_is_not_shown() -> None:
    made = target("p", "probes", "http://localhost/", options={"headers": "Authorization: Bearer hush"})
    with pytest.raises(SettingsError, match="option headers is a str") as caught:
        check_target(COLLECTOR, made)
    assert "hush" not in str(caught.value)


def test_a_file_of_certificates_that_is_missing_makes_the_target_sick(secure: tls.Site) -> None:
    sidecar = Sidecar([probed(secure.url(), ca_file="/no/such.pem")])
    text = sidecar.scrape().decode()
    sidecar.close()
    assert "\nprobe_success 0" in text
    assert "option ca_file: cannot read /no/such.pem" in sidecar.errors()["p"]
