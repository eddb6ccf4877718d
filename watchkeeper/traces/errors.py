"""What can go wrong with traces, as branches of the one exception tree."""

from __future__ import annotations

from watchkeeper.errors import StoreError, WatchkeeperError

__all__ = ["NotOtlp", "TooLarge", "TraceNotFound", "TracesOverloaded"]


class NotOtlp(WatchkeeperError):  # noqa: N818  it says what the body is
    """A body is not OTLP traces; sending it again does not help."""


class TooLarge(WatchkeeperError):  # noqa: N818  it says what the body is
    """A body is larger than what is accepted, as sent or once unpacked."""


class TraceNotFound(WatchkeeperError):  # noqa: N818  it says what happened
    """No trace, or more than one, is what was asked for."""


class TracesOverloaded(StoreError):  # noqa: N818  it says how the store is
    """Too many spans wait to be written; the sender should come back."""
