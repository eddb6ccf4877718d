"""How the collector of PostgreSQL connects: logins, TLS, addresses, and servers that are none."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from collectors.families import Family
from collectors.postgresql import COLLECTOR
from collectors.postgresql_address import Address, address_of
from collectors.postgresql_login import Scram
from examples.servers import postgresql
from examples.servers.postgresql import PostgreSQLServer
from tests.collectors.helpers import by_name, read_once, target
from tests.conftest import need
from tests.servers import free_port, wait_until
from watchkeeper.clock import monotonic
from watchkeeper.errors import TargetError


def _read(url: str, seconds: float = 5.0) -> Sequence[Family]:
    return read_once(COLLECTOR, target("p", "postgresql", url), seconds)


def _is_up(url: str) -> bool:
    return by_name(_read(url))["pg_up"].points[0][2] == 1


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with `ca.pem`, and a certificate of that authority for `localhost`: `server.pem`, `server.key`."""
    program = shutil.which("openssl")
    need(None if program else "openssl is not installed (Debian package openssl)")
    directory = tmp_path_factory.mktemp("tls")
    request = [program, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-batch"]
    commands = [
        [*request, "-x509", "-days", "2", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem"],
        [*request, "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr"],
        [program, "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2"],
    ]
    (directory / "names").write_text("subjectAltName = DNS:localhost")
    commands[2] += ["-CAcreateserial", "-extfile", "names", "-out", "server.pem"]
    for command in commands:
        subprocess.run([str(part) for part in command], cwd=directory, check=True, capture_output=True, timeout=30)
    return directory


@pytest.fixture(scope="module")
def secured(certificates: Path) -> Iterator[PostgreSQLServer]:
    """A server with TLS, and a role for each way to log in."""
    need(postgresql.available())
    with postgresql.run({"password_encryption": "md5"}) as server:
        data = Path(server.execute("SHOW data_directory"))
        owner = data.stat()
        for name in ("server.pem", "server.key"):
            copy = Path(shutil.copy(certificates / name, data / name))
            copy.chmod(0o600)
            shutil.chown(copy, owner.st_uid, owner.st_gid)
        server.execute("CREATE ROLE olden LOGIN PASSWORD 'old-secret'; CREATE ROLE plain LOGIN PASSWORD 'clear-secret'")
        server.execute("CREATE ROLE trusted LOGIN")
        rules = data / "pg_hba.conf"
        rules.write_text(
            "host all olden all md5\nhost all plain all password\nhost all trusted all trust\n"
            "host all refused all gss\n" + rules.read_text()
        )
        for name, value in {"ssl": "on", "ssl_cert_file": "server.pem", "ssl_key_file": "server.key"}.items():
            server.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        server.execute("SELECT pg_reload_conf()")
        wait_until(lambda: server.execute("SHOW ssl") == "on")
        yield server


@pytest.mark.server
@pytest.mark.parametrize("user", ["olden:old-secret", "plain:clear-secret", "trusted"])
def test_md5_password_and_trust_are_spoken_beside_scram(secured: PostgreSQLServer, user: str) -> None:
    assert _is_up(f"postgresql://{user}@127.0.0.1:{secured.port}/postgres")


@pytest.mark.server
def test_another_login_is_refused_in_words(secured: PostgreSQLServer) -> None:
    with pytest.raises(TargetError, match="asks for a login other than scram-sha-256"):
        _read(f"postgresql://refused:x@127.0.0.1:{secured.port}/postgres")


@pytest.mark.server
@pytest.mark.parametrize("mode", ["prefer", "require", "verify-ca", "verify-full"])
def test_the_connection_is_encrypted(secured: PostgreSQLServer, certificates: Path, mode: str) -> None:
    root = f"&sslrootcert={certificates / 'ca.pem'}" if mode.startswith("verify") else ""
    url = f"postgresql://trusted@localhost:{secured.port}/postgres?sslmode={mode}{root}"
    session = COLLECTOR.open(target("p", "postgresql", url))
    session.read(monotonic() + 5)
    asked = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'trusted'"
    assert secured.execute(asked) == "t"
    session.close()


@pytest.mark.server
def test_disable_is_not_encrypted(secured: PostgreSQLServer) -> None:
    session = COLLECTOR.open(
        target("p", "postgresql", f"postgresql://trusted@localhost:{secured.port}/x?sslmode=disable&dbname=postgres")
    )
    session.read(monotonic() + 5)
    asked = "SELECT bool_or(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'trusted'"
    assert secured.execute(asked) == "f"
    session.close()


@pytest.mark.server
def test_a_certificate_for_another_name_is_refused(secured: PostgreSQLServer, certificates: Path) -> None:
    root = certificates / "ca.pem"
    with pytest.raises(TargetError, match="certificate verify failed"):
        _read(f"postgresql://trusted@127.0.0.1:{secured.port}/postgres?sslmode=verify-full&sslrootcert={root}")


@pytest.mark.server
def test_an_unknown_authority_is_refused(secured: PostgreSQLServer) -> None:
    with pytest.raises(TargetError, match="certificate verify failed"):
        _read(f"postgresql://trusted@localhost:{secured.port}/postgres?sslmode=verify-full")


@pytest.mark.server
def test_a_server_without_tls_is_refused_where_it_is_required(postgresql_server: PostgreSQLServer) -> None:
    with pytest.raises(TargetError, match="offers no TLS, which sslmode=require wants"):
        _read(f"{postgresql_server.dsn}?sslmode=require")


@pytest.mark.server
def test_a_socket_directory_is_an_address(postgresql_factory: Callable[..., PostgreSQLServer]) -> None:
    # Not pytest's: the server runs as another user, who may not get there, and a socket's path is short.
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o777)
        server = postgresql_factory({"unix_socket_directories": directory})
        assert _is_up(f"postgresql://{server.user}:{server.password}@/postgres?host={directory}&port={server.port}")


@pytest.mark.server
def test_a_password_that_is_not_ascii_is_prepared(postgresql_server: PostgreSQLServer) -> None:
    postgresql_server.execute("CREATE ROLE accents LOGIN PASSWORD 'pä\u00a0ssw\u00f6rt\u2160'")
    # SASLprep makes a space of the hard one and an I of the Roman numeral (RFC 4013).
    url = postgresql_server.dsn_for(user="accents", password="pä sswörtI")
    assert _is_up(url)


@pytest.mark.server
def test_a_database_that_does_not_exist_is_named(postgresql_server: PostgreSQLServer) -> None:
    with pytest.raises(TargetError, match='database "nowhere" does not exist'):
        _read(postgresql_server.dsn_for(database="nowhere"))


@pytest.mark.parametrize(
    "url, fields",
    [
        ("postgresql://", ("127.0.0.1", 5432)),
        ("postgresql://h:1/d", ("h", 1)),
        ("postgresql://u%40x:p%2Fw@h/d%20b", ("h", 5432, "u@x", "d b", "p/w")),
        ("postgres:///d?host=/run/pg&port=7&user=u", ("/run/pg", 7, "u", "d")),
        ("postgresql://[::1]:9/d", ("::1", 9)),
    ],
)
def test_addresses_are_read_as_libpq_reads_them(url: str, fields: tuple[object, ...]) -> None:
    address = address_of(target("p", "postgresql", url), "")
    found = (address.host, address.port, address.user, address.database, address.password)
    assert found[: len(fields)] == fields


@pytest.mark.parametrize(
    "url, message",
    [
        ("postgresql://h/d?sslmode=perhaps", "sslmode=perhaps"),
        ("postgresql://h/d?target_session_attrs=any", "unknown parameter 'target_session_attrs'"),
        ("postgresql://a,b/d", "several servers"),
    ],
)
def test_an_address_that_cannot_be_used_says_why(url: str, message: str) -> None:
    with pytest.raises(TargetError, match=message):
        address_of(target("p", "postgresql", url), "")


def test_an_address_never_shows_its_password() -> None:
    assert "secret" not in repr(Address("h", 1, "u", "d", "secret"))


def _challenge(scram: Scram, password: str, *, iterations: int = 4096) -> tuple[bytes, bytes]:
    """The server's two messages, as RFC 5802 computes them."""
    nonce = scram.first().decode().rpartition("r=")[2] + "server"
    salt = b"salt" * 4
    first = f"r={nonce},s={base64.b64encode(salt).decode()},i={iterations}".encode()
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    message = b",".join([scram.first()[3:], first, f"c=biws,r={nonce}".encode()])
    proof = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), message, "sha256")
    return first, b"v=" + base64.b64encode(proof)


def test_a_server_that_knows_the_password_is_believed() -> None:
    scram = Scram("pencil")
    first, last = _challenge(scram, "pencil")
    scram.final(first)
    scram.check(last)


def test_a_server_that_does_not_know_the_password_is_refused() -> None:
    scram = Scram("pencil")
    first, last = _challenge(scram, "other")
    scram.final(first)
    with pytest.raises(TargetError, match="could not prove that it knows the password"):
        scram.check(last)


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"r=NONCE,s=c2FsdA==,i=2147483647",
        b"r=NONCE,s=c2FsdA==,i=4096",
        b"r=other,s=c2FsdA==,i=4096",
        b"r=NONCE,s=c2FsdA==,i=99999999999",
        b"r=NONCE,s=?,i=1",
    ],
)
def test_a_challenge_that_is_none_is_refused(first: bytes) -> None:
    scram = Scram("pencil")
    nonce = scram.first().rpartition(b"r=")[2]
    with pytest.raises(TargetError, match="it sent a challenge"):
        scram.final(first.replace(b"NONCE", nonce))


@contextlib.contextmanager
def _impostor(*replies: bytes) -> Iterator[int]:
    """A server that answers the TLS request with N and everything else with the next of some replies, then closes."""

    def serve(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                connection.recv(8)
                connection.sendall(b"N")
                for reply in replies:
                    connection.recv(65_536)
                    connection.sendall(reply)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.close()
        thread.join(5)


_OK = b"R\0\0\0\x08\0\0\0\0"
_READY = b"Z\0\0\0\x05I"
_SASL = b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0"


@pytest.mark.parametrize(
    "replies, message",
    [
        ((), "closed the connection|reset by peer"),
        ((b"HTTP/1.1 400 Bad Request\r\n\r\n",), "no PostgreSQL message"),
        ((b"X\0\0\0\x04",), "does not speak PostgreSQL's protocol"),
        ((b"R\0\0\0\x08\0\0\0\x07",), "asks for a login other than"),
        ((_SASL, _READY), "does not speak PostgreSQL's protocol"),
        ((_SASL, _OK + _READY), "without proving that it knows the password"),
        ((_OK + b"S\0\0\0\x04" + _READY, b"D\x7f\xff\xff\xff"), "larger than 16 MiB"),
        ((_OK + _READY, b"T\0\0\0\x06\0\x01"), "closed the connection|cannot be read"),
        ((_OK + _READY, b"C\0\0\0\x04" * 40 + _READY), "cannot be read"),
    ],
)
def test_a_server_that_is_none_is_down_in_words(replies: tuple[bytes, ...], message: str) -> None:
    with _impostor(*replies) as port, pytest.raises(TargetError, match=message):
        _read(f"postgresql://u:secret@127.0.0.1:{port}/d", seconds=2)


def test_a_password_is_not_sent_in_the_clear_to_another_machine() -> None:
    from collectors.postgresql_protocol import Connection

    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"R" + struct.pack("!II", 8, 3))
        connection = Connection(ours, private=False)
        with pytest.raises(TargetError, match="asks for the password in the clear"):
            connection._login(Address("db", 5432, "u", "d", "secret"), monotonic() + 2, "test")
        theirs.setblocking(False)
        assert b"secret" not in theirs.recv(65_536)


def test_a_port_that_refuses_is_named_without_the_password() -> None:
    port = free_port()
    with pytest.raises(TargetError, match=f"PostgreSQL at 127.0.0.1:{port}: connection refused") as caught:
        _read(f"postgresql://u:secret@127.0.0.1:{port}/d")
    assert "secret" not in str(caught.value)


def test_a_host_that_does_not_resolve_is_named() -> None:
    with pytest.raises(
        TargetError, match=r"PostgreSQL at nowhere\.invalid:5432: its name nowhere\.invalid cannot be resolved"
    ):
        _read("postgresql://u@nowhere.invalid/d")
