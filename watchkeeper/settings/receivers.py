"""What the settings say of an HTTP server that is asked or sent to: its address, and what it is shown of who asks."""

from __future__ import annotations

import msgspec

from watchkeeper.credentials import authorization
from watchkeeper.settings.values import Seconds, Secret, check_url

__all__ = ["PrometheusReceiver", "Receiver"]


class Receiver(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A server behind a URL; `ca_file` has the certificates that sign its own, `timeout` is in seconds."""

    url: str
    user: str = ""
    password: Secret | None = None
    bearer: Secret | None = None
    ca_file: str = ""
    timeout: Seconds = Seconds(10)

    def __post_init__(self) -> None:
        check_url(self.url)

    def credentials(self) -> dict[str, str]:
        """The headers that say who asks, with the secrets as they are now: ask for them at each request.

        Raises SettingsError when a secret is missing.
        """
        password = self.password.resolve() if self.password else ""
        return authorization(self.user, password, self.bearer.resolve() if self.bearer else "")


class PrometheusReceiver(Receiver, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A server that speaks one of Prometheus's own protocols; `tenant` is for those that keep tenants apart."""

    tenant: str = ""
    timeout: Seconds = Seconds(30)

    def credentials(self) -> dict[str, str]:
        """Those of every receiver, and the header by which Mimir, Loki and their kin tell tenants apart."""
        tenant = {"X-Scope-OrgID": self.tenant} if self.tenant else {}
        return super().credentials() | tenant
