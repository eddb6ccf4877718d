"""What is deployed, whatever the form: image, settings, secret, port, user, resources."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import Any
from urllib.parse import urlsplit

import watchkeeper
import watchkeeper.systems
from collectors.description import Collector
from collectors.forms import Discovery, Form
from watchkeeper.errors import SettingsError
from watchkeeper.findings import suggestion
from watchkeeper.yaml import dump

__all__ = ["CONFIG_DIR", "SECRET_DIR", "Plan", "collected", "plan_for"]

CONFIG_DIR = "/etc/watchkeeper"
SECRET_DIR = "/etc/watchkeeper-secrets"  # noqa: S105  a directory
# Prometheus comes from outside the pod.
ALL_ADDRESSES = "0.0.0.0"  # noqa: S104
# As the documentation of the systems grants its rights to.
_USER = "watchkeeper"
# What people call them, where it is not near enough to be guessed.
_ALIASES = {
    "elastic": "elasticsearch",
    "mongo": "mongodb",
    "node": "host",
    "pg": "postgresql",
    "postgres": "postgresql",
}
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,40}[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One sidecar for the targets of one system.

    `secret` is the name of the Secret (or secret file) with the key `password`, empty when the target needs none;
    `groups` and `keeps_state` are as its collector says.
    Memory is in MiB: the request is what one target takes (docs/benchmarks.md), the limit twice that. There is no CPU
    limit on purpose: throttling makes scrapes late, and a request is enough for a fair share.
    """

    system: str
    name: str
    url: str
    user: str = ""
    secret: str = ""
    namespace: str = ""
    image: str = field(default_factory=lambda: f"watchkeeper:{watchkeeper.__version__}")
    form: Form = "native-sidecar"
    discovery: Discovery = "podmonitor"
    port: int = 9464
    uid: int = 65532  # the `nonroot` user of distroless images
    memory_request: int = 48
    memory_limit: int = 96
    cpu_request: str = "10m"
    groups: tuple[str, ...] = ()
    keeps_state: bool = False

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise SettingsError(
                f"--name {self.name!r}: lower case letters, digits and hyphens, at most 42, as Kubernetes wants names"
            )

    @property
    def object_name(self) -> str:
        """The name of everything that is made for it."""
        return f"watchkeeper-{self.name}"

    def settings(self, *, host: str = ALL_ADDRESSES, secret_file: str = f"{SECRET_DIR}/password") -> str:
        """The text of its watchkeeper.yaml."""
        target: dict[str, Any] = {"name": self.name, "system": self.system}
        if self.url:
            target["url"] = self.url
        if self.user:
            target["user"] = self.user
        if self.secret:
            target["password"] = {"file": secret_file}
        return dump({"listen": f"{host}:{self.port}", "targets": [target]})


def _check_form(collector: Collector, form: Form, *, beside: bool) -> None:
    system = collector.system
    if collector.stands == "machine" and form not in {"systemd", "prometheus"}:
        raise SettingsError(
            f"--for {system}: it reads the machine that it runs on: --as systemd (there is no {form} of it); in "
            f"Kubernetes it takes a DaemonSet with the machine's directories (docs/systems/{system}.md)"
        )
    if collector.stands == "outside" and beside:
        raise SettingsError(
            f"--for {system}: it is read from outside, there is no pod to stand beside: --as deployment"
        )


def plan_for(
    system: str, form: Form = "native-sidecar", *, name: str = "", url: str = "", secret: str = "", **others: Any
) -> Plan:
    """The plan for one target of a system in one form; `others` are further fields of it.

    Raises SettingsError for a system that Watchkeeper does not read itself, or not in this form, and says what to do
    then.
    """
    collector = _collector(system)
    beside = form not in {"deployment", "helm"}  # they do not share the network of their target
    _check_form(collector, form, beside=beside)  # before an address is asked for that would be of no use
    if not url and collector.default_url:
        url = collector.default_url if beside else _elsewhere(collector.default_url, system)
    if not url and collector.schemes:
        raise SettingsError(f"--for {system}: give the address with --url, for example {collector.schemes[0]}://HOST")
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  a port that is none is found when it is asked for
    except ValueError:
        raise SettingsError(f"--url: it is no URL: write {(*collector.schemes, 'http')[0]}://HOST:PORT") from None
    if url and collector.schemes and parts.scheme not in collector.schemes:
        allowed = ", ".join(f"{one}://" for one in collector.schemes)
        raise SettingsError(
            f"--url: {system} is read by {allowed} not by {parts.scheme or 'an address without scheme'}"
        )
    if parts.password:
        raise SettingsError("--url: a password does not belong into a manifest: it comes from the secret")
    return Plan(
        system=system,
        name=name or system,
        url=url,
        user=_USER if collector.login == "user" and not parts.username else "",
        secret=secret if collector.login == "none" else secret or f"watchkeeper-{name or system}",
        form=form,
        groups=collector.groups,
        keeps_state=collector.keeps_state,
        **others,
    )


def _collector(system: str) -> Collector:
    found = _own(system)
    if found is not None:
        return found
    if system.isidentifier() and find_spec(f"watchkeeper.systems.{system}") is not None:
        raise SettingsError(
            f"--for {system}: it exposes its metrics itself and needs no sidecar: scrape it "
            f"(docs/systems/{system}.md says how)"
        )
    known = collected()
    raise SettingsError(
        f"--for {system}: no system has this key.{suggestion(_ALIASES.get(system.lower(), system), known)} "
        f"Systems: {', '.join(known)}"
    )


def _own(system: str) -> Collector | None:
    name = f"collectors.{system}"
    if not system.isidentifier() or find_spec(name) is None:
        return None
    found = getattr(import_module(name), "COLLECTOR", None)
    return found if isinstance(found, Collector) and found.system != "exposition" else None


def collected() -> list[str]:
    """The systems that Watchkeeper reads itself, in the order of their keys."""
    names = sorted(module.name for module in iter_modules(watchkeeper.systems.__path__))
    return [name for name in names if _own(name) is not None]


def _elsewhere(url: str, system: str) -> str:
    """The default address on a host that is named as its system: a service of that name."""
    for loopback in ("127.0.0.1", "localhost"):
        url = url.replace(loopback, system)
    return url
