"""Errors of the network, of TLS and of drivers in the words of a person, once for all collectors.

Nothing is imported for it: a sidecar that speaks no TLS does not load OpenSSL for its errors.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from watchkeeper.errors import SettingsError

if TYPE_CHECKING:
    import ssl

__all__ = ["client_certificates", "in_words", "unusable"]

# What OpenSSL calls an answer that is none of TLS: the bytes of another protocol, where a record should begin.
_NO_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"}


def in_words(error: BaseException, host: str = "") -> str:
    """What an error means, on one line; `host` is the name that was asked for, where there is one."""
    if isinstance(error, socket.gaierror):
        return f"its name {host} cannot be resolved" if host else "its name cannot be resolved"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, ModuleNotFoundError):
        return f"the Python package {error.name} is not installed: pip install {error.name}"
    if verified := getattr(error, "verify_message", ""):
        return f"its certificate is refused: certificate verify failed: {verified}"
    if isinstance(error, OSError):
        if getattr(error, "reason", None) in _NO_TLS:
            return "it does not speak TLS"
        said = error.strerror or str(error) or type(error).__name__
        return f"{error.filename}: {said}" if isinstance(error.filename, str) else said
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def client_certificates(
    ca_file: str | None,
    cert_file: str | None = None,
    key_file: str | None = None,
    names: tuple[str, str, str] = ("ca_file", "cert_file", "key_file"),
) -> ssl.SSLContext:
    """TLS of a client with the files of its options, which have these names. Raises SettingsError, with the file."""
    from watchkeeper.tls import client_context

    for option, path in zip(names, (ca_file, cert_file, key_file), strict=True):
        if path and not os.access(path, os.R_OK):
            found = "cannot be read" if os.path.exists(path) else "no such file"  # noqa: PTH110
            raise SettingsError(f"option {option}: {path}: {found}")
    try:
        context = client_context(ca_file)
    except (OSError, ValueError):
        raise SettingsError(f"option {names[0]}: {ca_file} holds no certificates: expected is PEM text") from None
    if cert_file:
        try:
            # A key with a passphrase would be asked for at the terminal.
            context.load_cert_chain(cert_file, key_file, password=lambda: b"")
        except (OSError, ValueError) as error:
            raise SettingsError(unusable(error, f"option {names[1]}: {cert_file}", key_file)) from None
    return context


def unusable(error: Exception, certificate: str, key_file: str | None) -> str:
    """Why a certificate and its key cannot be used, and what is expected in which file."""
    if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
        return f"{certificate} is not the certificate of the key in {key_file or 'it'}"
    key = f"and {key_file} its private key" if key_file else "with its private key"
    return f"{certificate} cannot be used: expected is a certificate {key}, both PEM text, the key without passphrase"
