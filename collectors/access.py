"""Who may read the listener: TLS with a certificate that may be renewed, basic and bearer authentication."""

from __future__ import annotations

import base64
import binascii
import logging
import os
from typing import TYPE_CHECKING

from collectors.problems import unusable
from watchkeeper.errors import SettingsError

if TYPE_CHECKING:
    import ssl

    from watchkeeper.settings import Access, Secret, Tls

__all__ = ["Guard", "is_loopback"]

_log = logging.getLogger("watchkeeper.collectors")


class Guard:
    """Applies `access` of the settings. Certificate, key, CA and secrets are read anew when their files change.

    Raises SettingsError when a certificate cannot be used or a secret cannot be read.
    """

    def __init__(self, access: Access | None = None) -> None:
        self._access = access
        self._context: ssl.SSLContext | None = None
        self._stamps: tuple[object, ...] = ()
        if access is not None:
            for name, secret in (("password", access.password), ("bearer", access.bearer)):
                if secret is not None:
                    _resolved(secret, name)
            if access.tls is not None:
                self._stamps = _stamps(access.tls)
                self._context = _tls_context(access.tls)

    @property
    def tls(self) -> bool:
        """Whether connections are encrypted."""
        return self._context is not None

    @property
    def open(self) -> bool:
        """Whether anybody may read."""
        access = self._access
        if access is None:
            return True
        client_ca = access.tls is not None and bool(access.tls.client_ca_file)
        return access.password is None and access.bearer is None and not client_ca

    @property
    def challenge(self) -> str:
        """What the answer to a request without credentials asks for."""
        bearer = self._access is not None and self._access.bearer is not None
        return "Bearer" if bearer else 'Basic realm="watchkeeper", charset="UTF-8"'

    def context(self) -> ssl.SSLContext | None:
        """What the next connection is encrypted with; None without TLS. A new certificate that is bad is not taken."""
        tls = self._access.tls if self._access is not None else None
        if tls is None:
            return None
        stamps = _stamps(tls)
        if stamps != self._stamps:
            self._stamps = stamps
            try:
                self._context = _tls_context(tls)
                _log.info("the certificate of the listener was read anew")
            except SettingsError as error:
                _log.error("the listener keeps its certificate: %s", error)
        return self._context

    def allows(self, authorization: str) -> bool:
        """Whether the Authorization header of a request is the right one; compared in constant time."""
        access = self._access
        if access is None or (access.password is None and access.bearer is None):
            return True
        scheme, _, given = authorization.partition(" ")
        given = given.strip()
        try:
            if access.bearer is not None:
                return scheme.lower() == "bearer" and _equal(
                    given.encode("latin-1"), _resolved(access.bearer, "bearer")
                )
            if access.password is None or scheme.lower() != "basic":
                return False
            pair = base64.b64decode(given, validate=True)
            return _equal(pair, f"{access.user}:{_resolved(access.password, 'password')}")
        except SettingsError as error:
            # A secret that is away for a moment, as during its rotation, must not open the door.
            _log.error("the listener lets nobody in: %s", error)
            return False
        except (binascii.Error, ValueError):
            return False


def _resolved(secret: Secret, name: str) -> str:
    found = secret.resolve()
    if not found:
        # An environment variable may be empty, and whoever sends nothing would know it.
        raise SettingsError(f"access: the secret in {secret.env or secret.file} is empty", place=("access", name))
    return found


def _equal(given: bytes, wanted: str) -> bool:
    import hmac  # brings OpenSSL along, which a listener without access has no need of

    return hmac.compare_digest(given, wanted.encode())


def _stamps(tls: Tls) -> tuple[object, ...]:
    """What changes when one of the files does; a file that is away for a moment has not."""
    found: list[object] = []
    for path in (tls.cert_file, tls.key_file, tls.client_ca_file):
        try:
            status = os.stat(path) if path else None  # noqa: PTH116  at every connection
        except OSError:
            found.append(None)
        else:
            found.append(status and (status.st_mtime_ns, status.st_size, status.st_ino))
    return tuple(found)


def _tls_context(tls: Tls) -> ssl.SSLContext:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    path = tls.cert_file
    try:
        # A key with a passphrase would be asked for at the terminal.
        context.load_cert_chain(tls.cert_file, tls.key_file, password=lambda: b"")
        if tls.client_ca_file:
            path = tls.client_ca_file
            context.load_verify_locations(path)
            context.verify_mode = ssl.CERT_REQUIRED
    except FileNotFoundError:
        named = [one for one in (tls.cert_file, tls.key_file, tls.client_ca_file) if one and not os.path.exists(one)]  # noqa: PTH110
        raise SettingsError(f"access.tls: {', '.join(named) or path}: no such file", place=("access", "tls")) from None
    except (OSError, ValueError) as error:
        if path == tls.cert_file:
            why = unusable(error, str(path), tls.key_file)
        else:
            why = f"{path} holds no certificates: expected is PEM text"
        raise SettingsError(f"access.tls: {why}", place=("access", "tls")) from None
    return context


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    return host in {"localhost", "::1"} or host.startswith("127.")
