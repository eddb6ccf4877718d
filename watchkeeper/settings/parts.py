"""The parts of the settings: targets, stores, overrides of what is shipped, runbooks, addresses."""

from __future__ import annotations

import math
from typing import Any, Literal, Self

import msgspec

from watchkeeper.errors import SettingsError
from watchkeeper.settings.receivers import PrometheusReceiver, Receiver
from watchkeeper.settings.values import Seconds, Secret, check_durations, check_url

__all__ = [
    "AlertOverride",
    "AlertmanagerSettings",
    "DaskTls",
    "DetectSettings",
    "DetectorOverride",
    "Listener",
    "Prometheus",
    "RunbookSettings",
    "StoreSettings",
    "Target",
]


class Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One instance of a system. `timeout` is in seconds; `options` belong to the system's collector."""

    name: str
    system: str
    url: str = ""
    user: str = ""
    password: Secret | None = None
    labels: dict[str, str] = {}
    timeout: Seconds = Seconds(5)
    max_series: int = 10_000
    options: dict[str, Any] = {}

    def __post_init__(self) -> None:
        check_url(self.url, any_scheme=True)


class Prometheus(PrometheusReceiver, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A metrics store that speaks the Prometheus HTTP API."""


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The embedded store's retention, or the store that is used in its place."""

    retention: Seconds = Seconds(15 * 86_400)
    prometheus: Prometheus | None = None


class AlertmanagerSettings(Receiver, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where deviations are delivered; without it they go straight to the run engine."""


class Override(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an installation may change of whatever is shipped that speaks up."""

    enabled: bool = True
    hold: str | None = None
    severity: Literal["info", "warning", "critical"] | None = None
    owner: str | None = None
    runbook: str | None = None

    def __post_init__(self) -> None:
        check_durations(self.hold)


class AlertOverride(Override, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an installation changes of a shipped alert or SLO, by its name."""

    threshold: float | None = None


class DetectorOverride(Override, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an installation changes of a shipped detector, by its key."""

    minimum_relative: float | None = None
    minimum_absolute: float | None = None


class DaskTls(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The certificates by which a Dask cluster and who uses it know each other."""

    ca_file: str
    cert_file: str
    key_file: str


class DetectSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where long histories are worked through: `workers` processes here (0: one a core), or the workers of the Dask
    scheduler at `dask`. `alert_budget`: how many deviations of healthy series a week may cost; with a `limit`, in
    standard deviations, that is what a deviation takes instead.
    """

    workers: int = 0
    dask: str = ""
    tls: DaskTls | None = None
    alert_budget: float = 2.0
    limit: float | None = None

    def __post_init__(self) -> None:
        if self.workers < 0:
            raise ValueError(f"workers is {self.workers}: write 0 for one a core, or how many")
        if not 0 < self.alert_budget < math.inf:
            raise ValueError(f"alert_budget is {self.alert_budget:g}: write how many alerts a week, above 0")
        if self.limit is not None and not 1.0 <= self.limit <= 100.0:
            raise ValueError(f"limit is {self.limit:g}: write standard deviations between 1 and 100, or leave it out")
        scheme, mark, place = self.dask.partition("://")
        if self.dask and (scheme not in {"tcp", "tls"} or not mark or not place):
            raise ValueError(f"dask: {self.dask!r} is no scheduler: write tcp://HOST:8786 or tls://HOST:8786")
        if (scheme == "tls") != (self.tls is not None):
            raise ValueError("tls goes with a dask address that begins with tls://, and such an address with tls")


class RunbookSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where runbooks come from and what their steps may reach.

    `http_hosts` are `host` or `host:port` that http steps may ask; `endpoints` maps the names that they use to base
    URLs; `commands` are programs (or python files) that sh and python steps may start on their own; `logs` maps a
    service to its log file; `sql` maps a name to a PostgreSQL target's name.
    """

    library: tuple[str, ...] = ()
    http_hosts: tuple[str, ...] = ()
    endpoints: dict[str, str] = {}
    commands: tuple[str, ...] = ()
    logs: dict[str, str] = {}
    approval_expires: Seconds = Seconds(900)
    journal: str = ""


class Listener(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An address to listen on."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """`HOST:PORT`; raises SettingsError."""
        host, colon, port = text.rpartition(":")
        if not colon or not host or not port.isdecimal() or int(port) > 65_535:
            raise SettingsError(f"listen: {text!r} is not HOST:PORT, for example 127.0.0.1:8787")
        return cls(host=host.strip("[]"), port=int(port))
