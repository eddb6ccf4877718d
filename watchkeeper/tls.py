"""TLS of everything that connects somewhere: certificates are checked alike on every Python."""

from __future__ import annotations

import ssl

__all__ = ["client_context"]


def client_context(ca_file: str | None = None) -> ssl.SSLContext:
    """Trust the authorities of a file, those of the system without one, and check the name. Raises OSError.

    Python 3.13 began to refuse authorities whose certificate lacks a key usage (VERIFY_X509_STRICT), as many do that
    people made for their own network; libpq, redis-cli and the exporters accept them, and so do we.
    """
    context = ssl.create_default_context(cafile=ca_file or None)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
