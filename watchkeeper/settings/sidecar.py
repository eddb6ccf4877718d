"""What the sidecar's settings have beside its targets: who may scrape it, how it logs, where it pushes."""

from __future__ import annotations

from typing import Literal

import msgspec

from watchkeeper.settings.receivers import PrometheusReceiver, Receiver
from watchkeeper.settings.values import Seconds, Secret

__all__ = ["Access", "LogSettings", "OtlpPush", "PushSettings", "RemoteWrite", "Tls", "TraceSettings"]


class Tls(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The certificate that a listener shows; with `client_ca_file` a client must show one that this CA has signed."""

    cert_file: str
    key_file: str
    client_ca_file: str = ""


class Access(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may read `/metrics` and `/probe`: TLS, and basic (user and password) or bearer authentication."""

    tls: Tls | None = None
    user: str = ""
    password: Secret | None = None
    bearer: Secret | None = None

    def __post_init__(self) -> None:
        if bool(self.user) != (self.password is not None):
            raise ValueError("basic authentication takes both user and password")
        if self.password is not None and self.bearer is not None:
            raise ValueError("either user and password, or bearer: not both")


class LogSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How logs are written to standard error: for people (`console`) or one JSON object a line (`json`)."""

    format: Literal["console", "json"] = "console"
    level: Literal["debug", "info", "warning", "error"] = "info"


class OtlpPush(Receiver, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An OTLP/HTTP receiver; `url` is its base (`/v1/metrics` is added), `headers` hold secrets such as API keys."""

    headers: dict[str, Secret] = msgspec.field(default_factory=dict)
    temporality: Literal["cumulative", "delta"] = "cumulative"

    def credentials(self) -> dict[str, str]:
        """Those of every receiver, and its own headers."""
        return super().credentials() | {name: secret.resolve() for name, secret in self.headers.items()}


class RemoteWrite(PrometheusReceiver, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A receiver of Prometheus's remote-write protocol; `url` is the whole address."""


class PushSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a sidecar sends what it reads each `interval`, beside being scraped.

    What a receiver has not taken waits in a queue on disk (under `data`), of `queue_bytes` for each receiver.
    """

    interval: Seconds = Seconds(15)
    queue_bytes: int = 256 * 2**20
    otlp: OtlpPush | None = None
    remote_write: RemoteWrite | None = None
    textfile: str = ""

    def __post_init__(self) -> None:
        if self.otlp is None and self.remote_write is None and not self.textfile:
            raise ValueError("push goes nowhere: write otlp, remote_write or textfile")
        if self.queue_bytes < 2**20:
            raise ValueError(f"queue_bytes is {self.queue_bytes}: it is at least 1048576 (1 MiB)")


class TraceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The store behind `/v1/traces` of `up` and `serve`: bounded in bytes and age.

    `keep_ratio` is the share of ordinary traces that is kept; those with an error, and slow ones, are always kept.
    """

    enabled: bool = True
    retention: Seconds = Seconds(2 * 86_400)
    limit_bytes: int = 512 * 2**20
    keep_ratio: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.keep_ratio <= 1:
            raise ValueError(f"keep_ratio is {self.keep_ratio:g}: it is between 0 and 1")
        if self.limit_bytes < 2**20:
            raise ValueError(f"limit_bytes is {self.limit_bytes}: it is at least 1048576 (1 MiB)")
