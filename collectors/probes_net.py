"""Probes: what they have in common: time, names, connections, certificates, and why one failed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collectors import options
from collectors.http import ca_file
from collectors.problems import client_certificates
from watchkeeper.clock import monotonic
from watchkeeper.errors import SettingsError, WatchkeeperError
from watchkeeper.signals import Signal
from watchkeeper.systems import probes as s

if TYPE_CHECKING:
    from watchkeeper.settings import Target

__all__ = ["Probe", "ProbeError", "Resolver", "Tls", "failure"]


class ProbeError(WatchkeeperError):
    """The target did not answer as it should; `reason` is one of a closed list of words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


_CERTIFICATE_REASONS = {
    9: "certificate_not_yet_valid",
    10: "certificate_expired",
    62: "certificate_wrong_host",
    64: "certificate_wrong_host",  # an IP address that it does not name
}
_UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES, errno.EPERM, errno.EADDRNOTAVAIL}


def failure(error: Exception) -> str:
    """The word for an error of the network or of TLS."""
    if isinstance(error, ProbeError):
        return error.reason
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, ssl.SSLCertVerificationError):
        return _CERTIFICATE_REASONS.get(error.verify_code, "certificate_untrusted")
    if isinstance(error, ssl.SSLError):
        return "tls"
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, ConnectionError):
        return "reset"
    if isinstance(error, OSError) and error.errno in _UNREACHABLE:
        return "unreachable"
    return "protocol"


class Probe:
    """One probe under way: what it has found, how long it may take, and the socket that ends it when time is up."""

    def __init__(self, deadline: float) -> None:
        self.begun = monotonic()
        self.deadline = deadline
        self.found: dict[str, tuple[Signal, dict[tuple[str, ...], float]]] = {}
        self._socket: socket.socket | None = None
        self._over = False
        self._lock = threading.Lock()
        self._timer = threading.Timer(max(0.0, deadline - self.begun), self.end)
        self._timer.daemon = True

    def __enter__(self) -> Probe:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            if self._socket is not None:
                self._socket.close()

    @property
    def over(self) -> bool:
        """Whether it was ended."""
        return self._over

    def set(self, signal: Signal, value: float, *labels: str) -> None:
        """The value of a series; the last one counts."""
        self.found.setdefault(signal.name, (signal, {}))[1][labels] = float(value)

    def add(self, signal: Signal, value: float, *labels: str) -> None:
        """Add to the value of a series."""
        series = self.found.setdefault(signal.name, (signal, {}))[1]
        series[labels] = series.get(labels, 0.0) + value

    def left(self) -> float:
        """Seconds until the deadline. Raises TimeoutError when there are none."""
        seconds = self.deadline - monotonic()
        if seconds <= 0 or self._over:
            raise TimeoutError
        return seconds

    @contextlib.contextmanager
    def phase(self, signal: Signal, name: str) -> Iterator[None]:
        """Add the time that something takes to a phase, also when it fails."""
        begun = monotonic()
        try:
            yield
        finally:
            self.add(signal, monotonic() - begun, name)

    def holds(self, sock: socket.socket) -> None:
        """The socket to shut down when time is up; the one before is closed."""
        with self._lock:
            if self._socket is not None and self._socket is not sock:
                self._socket.close()
            self._socket = sock
            if self._over:
                raise TimeoutError

    def end(self) -> None:
        """Make what waits on the socket fail now; called by another thread."""
        with self._lock:
            self._over = True
            if self._socket is not None:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    def connect(self, address: tuple[Any, ...], kind: int = socket.SOCK_STREAM) -> socket.socket:
        """A socket that is connected to an address that `Resolver` gave."""
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        sock = socket.socket(family, kind)
        self.holds(sock)
        sock.settimeout(self.left())
        sock.connect(address)
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock


class Resolver:
    """Finds addresses within a deadline, though the system's resolver knows none: it asks in a thread of its own.

    Option: `ip_protocol`.
    """

    def __init__(self, target: Target) -> None:
        protocol = options.one_of(target, "ip_protocol", ("", "ip4", "ip6"))
        self._family = {"ip4": socket.AF_INET, "ip6": socket.AF_INET6}.get(protocol, socket.AF_UNSPEC)
        self._asking: dict[tuple[str, int], threading.Thread] = {}

    def resolve(self, probe: Probe, host: str, port: int) -> tuple[Any, ...]:
        """The socket address of a host, the system's first choice. Raises ProbeError, TimeoutError."""
        begun = monotonic()
        address = self._address(probe, host, port)
        probe.set(s.PROBE_DNS_LOOKUP_TIME_SECONDS, monotonic() - begun)
        ip = ipaddress.ip_address(address[0].partition("%")[0])
        probe.set(s.PROBE_IP_PROTOCOL, ip.version)
        probe.set(s.PROBE_IP_ADDR_HASH, _fnv1a(ip.packed))
        return address

    def _address(self, probe: Probe, host: str, port: int) -> tuple[Any, ...]:
        try:
            literal = ipaddress.ip_address(host)
        except ValueError:
            pass
        else:
            return (host, port) if literal.version == 4 else (host, port, 0, 0)
        if (earlier := self._asking.get((host, port))) is not None and earlier.is_alive():
            # The last probe's question is still open: a second one would only add to the heap.
            earlier.join(probe.left())
            if earlier.is_alive():
                raise TimeoutError
        answer: list[Any] = []
        thread = threading.Thread(target=self._ask, args=(host, port, answer), name="resolve", daemon=True)
        self._asking[host, port] = thread
        thread.start()
        thread.join(probe.left())
        if not answer:
            raise TimeoutError
        del self._asking[host, port]
        if isinstance(answer[0], Exception):
            raise ProbeError("name_not_found")
        found: tuple[Any, ...] = answer[0]
        return found

    def _ask(self, host: str, port: int, answer: list[Any]) -> None:
        try:
            found = socket.getaddrinfo(host, port, self._family, socket.SOCK_STREAM)
            answer.append(found[0][4])
        except (OSError, UnicodeError) as error:  # a name that cannot be one is a UnicodeError
            answer.append(error)


def _fnv1a(data: bytes) -> int:
    """The 32-bit FNV-1a hash (RFC draft-eastlake-fnv)."""
    value = 0x811C9DC5
    for byte in data:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


# How Go, and so blackbox_exporter, shortens the parts of a name.
_SHORT = {
    "commonName": "CN",
    "countryName": "C",
    "localityName": "L",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "postalCode": "POSTALCODE",
    "serialNumber": "SERIALNUMBER",
    "stateOrProvinceName": "ST",
    "streetAddress": "STREET",
}


class Tls:
    """TLS to one target; the trusted certificates are read again when their file changes.

    Options: `ca_file`, `verify` (false takes any certificate), `server_name` (instead of the host's).
    """

    def __init__(self, target: Target) -> None:
        self._ca_file = ca_file(target) or ""
        self._verify = options.flag(target, "verify", True)
        self._server_name = options.text(target, "server_name", example="example.com")
        self._context: tuple[float, ssl.SSLContext] | None = None

    def wrap(self, probe: Probe, sock: socket.socket, host: str, again: Callable[[], socket.socket]) -> ssl.SSLSocket:
        """The same connection over TLS; what the certificates say is set. Raises what ssl does.

        When the certificate is refused, `again` makes a second connection, over which its dates are read.
        """
        name = self._server_name or host
        context = self._trusting()
        # The handshake as a whole has this long; the socket cannot be shut down from outside meanwhile.
        sock.settimeout(probe.left())
        try:
            secure = context.wrap_socket(sock, server_hostname=name)
        except ssl.SSLCertVerificationError:
            with contextlib.suppress(OSError, ProbeError):
                untrusted = again()
                untrusted.settimeout(probe.left())
                with _any_certificate().wrap_socket(untrusted, server_hostname=name) as opened:
                    probe.set(s.PROBE_SSL_EARLIEST_CERT_EXPIRY, _earliest(_chain(opened, verified=False)))
            raise
        probe.holds(secure)
        version = (secure.version() or "").replace("TLSv", "TLS ")
        probe.set(s.PROBE_TLS_VERSION_INFO, 1.0, version)
        shown = _chain(secure, verified=False)
        probe.set(s.PROBE_SSL_EARLIEST_CERT_EXPIRY, _earliest(shown))
        leaf = shown[0].get_info()
        names = [value for kind, value in leaf.get("subjectAltName", ()) if kind == "DNS"]
        fingerprint = hashlib.sha256(secure.getpeercert(binary_form=True) or b"").hexdigest()
        labels = (fingerprint, _name(leaf["issuer"]), _name(leaf["subject"]), ",".join(names))
        probe.set(s.PROBE_SSL_LAST_CHAIN_INFO, 1.0, *labels)
        if self._verify:
            probe.set(s.PROBE_SSL_LAST_CHAIN_EXPIRY_TIMESTAMP_SECONDS, _earliest(_chain(secure, verified=True)))
        return secure

    def _trusting(self) -> ssl.SSLContext:
        if not self._verify:
            return _any_certificate()
        try:
            changed = Path(self._ca_file).stat().st_mtime if self._ca_file else 0.0
            if self._context is None or self._context[0] != changed:
                self._context = changed, client_certificates(self._ca_file)
        except OSError as error:
            raise SettingsError(f"option ca_file: cannot read {self._ca_file}: {error.strerror or error}") from None
        return self._context[1]


def _any_certificate() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _chain(secure: ssl.SSLSocket, *, verified: bool) -> Sequence[Any]:
    """The certificates as objects: the public call, which Python 3.13 has, gives bytes that nothing here can read."""
    inner: Any = secure._sslobj  # type: ignore[attr-defined]
    chain = inner.get_verified_chain() if verified else inner.get_unverified_chain()
    return chain or ()


def _earliest(chain: Sequence[Any]) -> float:
    return float(min(ssl.cert_time_to_seconds(one.get_info()["notAfter"]) for one in chain))


def _name(parts: Sequence[Sequence[tuple[str, str]]]) -> str:
    """A distinguished name as RFC 2253 writes it, the last part first."""
    words = ["+".join(f"{_SHORT.get(key, key)}={_escaped(value)}" for key, value in part) for part in parts]
    return ",".join(reversed(words))


def _escaped(value: str) -> str:
    return "".join(f"\\{letter}" if letter in ',+"\\<>;' else letter for letter in value)
