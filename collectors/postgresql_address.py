"""Where a PostgreSQL target is and how it is secured: its url, as libpq reads it."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from collectors.problems import client_certificates
from watchkeeper.clock import monotonic
from watchkeeper.errors import SettingsError, TargetError

if TYPE_CHECKING:
    import ssl

    from watchkeeper.settings import Target

__all__ = ["Address", "address_of", "connect"]

_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_PARAMETERS = ("sslmode", "sslrootcert", "sslcert", "sslkey", "host", "port", "user", "password", "dbname")
# Parameters that are ours to set, or that change nothing here.
_IGNORED = ("application_name", "connect_timeout", "fallback_application_name", "keepalives", "client_encoding")

# The code of an SSLRequest message (PostgreSQL manual, Message Formats).
_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"


@dataclass(frozen=True, slots=True)
class Address:
    """One server and database. `host` is a directory when it begins with a slash; `password` is never shown."""

    host: str
    port: int
    user: str
    database: str
    password: str
    mode: str = "prefer"
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""

    @property
    def name(self) -> str:
        """`host:port`, as the label `server` and messages have it."""
        return f"{self.host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether what is sent stays on this machine."""
        return self.host.startswith("/") or self.host in {"127.0.0.1", "::1", "localhost"}

    def __repr__(self) -> str:
        return f"Address({self.name}/{self.database})"


def address_of(target: Target, default_url: str) -> Address:
    """The address of a target, with its password as it is now. Raises TargetError, and SettingsError for the secret."""
    parts = urlsplit(target.url or default_url)
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name in given:
        if name not in _PARAMETERS and name not in _IGNORED:
            raise TargetError(f"the url has the unknown parameter {name!r}: allowed are {', '.join(_PARAMETERS)}")
    mode = given.get("sslmode", "prefer")
    if mode not in _MODES:
        raise TargetError(f"the url has sslmode={mode}: allowed are {', '.join(_MODES)}")
    host, port = given.get("host") or unquote(parts.hostname or "") or "127.0.0.1", given.get("port") or parts.port
    if "," in parts.netloc or "," in host:
        raise TargetError("the url names several servers: make each a target of its own")
    user = target.user or given.get("user") or unquote(parts.username or "") or _login_name()
    if target.password is not None:
        password = target.password.resolve()
    else:
        password = given.get("password") or unquote(parts.password or "")
    return Address(
        host=host,
        port=int(port or 5432),
        user=user,
        database=given.get("dbname") or unquote(parts.path.removeprefix("/")) or user,
        password=password,
        mode=mode,
        ca_file=given.get("sslrootcert", ""),
        cert_file=given.get("sslcert", ""),
        key_file=given.get("sslkey", ""),
    )


def _login_name() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        raise TargetError("no user to log in as: set user: NAME for the target") from None


def connect(address: Address, deadline: float) -> tuple[socket.socket, bool]:
    """A connected socket, and whether it is encrypted. Raises OSError and TargetError."""
    timeout = max(0.001, deadline - monotonic())
    if address.host.startswith("/"):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(timeout)
        try:
            sock.connect(f"{address.host}/.s.PGSQL.{address.port}")
        except OSError:
            sock.close()
            raise
        return sock, False
    sock = socket.create_connection((address.host, address.port), timeout)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return _secured(sock, address, deadline)
    except BaseException:
        sock.close()
        raise


def _secured(sock: socket.socket, address: Address, deadline: float) -> tuple[socket.socket, bool]:
    if address.mode == "disable":
        return sock, False
    sock.settimeout(max(0.001, deadline - monotonic()))
    sock.sendall(_SSL_REQUEST)
    answer = sock.recv(1)
    if answer == b"S":
        return _context(address).wrap_socket(sock, server_hostname=address.host), True
    if answer != b"N":
        raise TargetError("it does not speak PostgreSQL's protocol" if answer else "it closed the connection")
    if address.mode in {"allow", "prefer"}:
        return sock, False
    raise TargetError(f"it offers no TLS, which sslmode={address.mode} wants")


def _context(address: Address) -> ssl.SSLContext:
    """TLS as libpq means it: only verify-ca and verify-full (and require with a CA) check who answers."""
    import ssl

    verified = address.mode.startswith("verify") or bool(address.ca_file)
    try:
        context = client_certificates(
            address.ca_file, address.cert_file, address.key_file or None, ("sslrootcert", "sslcert", "sslkey")
        )
    except SettingsError as error:
        raise TargetError(str(error)) from None
    context.check_hostname = address.mode == "verify-full"
    context.verify_mode = ssl.CERT_REQUIRED if verified else ssl.CERT_NONE
    return context
