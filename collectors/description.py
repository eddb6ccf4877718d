"""What a module of `collectors` says of its system: a frozen description, and the session it opens."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from collectors.families import Family
from watchkeeper.errors import SettingsError, TargetError
from watchkeeper.signals import Signal

if TYPE_CHECKING:
    from watchkeeper.settings import Target

__all__ = ["Collector", "ConnectionEndedError", "Cost", "Session", "check_target", "collector_of", "redact"]


class ConnectionEndedError(TargetError):
    """A connection that was kept from an earlier read turned out dead before anything of this one was answered.

    That says nothing of the target, which closes idle connections, or was restarted: once the session is closed, it can
    be read again, and opens another connection.
    """


class Session(Protocol):
    """A connection to one target, used by one thread at a time.

    One that has an attribute `inline` which is true may be read in the thread of a scrape: it is connected, resolves no
    name and opens nothing in a read, and `abort` ends the read at once.
    """

    def read(self, deadline: float) -> Sequence[Family]:
        """Everything that the target says now. `deadline` is in seconds of `watchkeeper.clock.monotonic`.

        Raises TargetError, or what the driver raises; the session is closed then and a new one opened at the next read.
        After a ConnectionEndedError it is closed and read once more.
        """
        ...

    def abort(self) -> None:
        """Make a `read` in another thread fail soon: its deadline has passed."""
        ...

    def close(self) -> None:
        """Give everything back."""
        ...


@dataclass(frozen=True, slots=True)
class Cost:
    """What reading a paid API costs: calls a day, US dollars a call (None when that is not known), and who says so."""

    calls_per_day: float
    usd_per_call: float | None
    source: str

    @property
    def usd_per_month(self) -> float | None:
        """Dollars in 30 days; None when the price of a call is not known."""
        return None if self.usd_per_call is None else self.usd_per_call * self.calls_per_day * 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """How the targets of a system are read.

    `up` is the signal that says whether the target answered (None where the exporter has
    none); `schemes` are those of the target's url that it speaks, empty when it needs no url; `options` the keys of
    `target.options` with what they mean; `check` raises SettingsError when a target's options cannot be used;
    `cost` gives what a target costs that is scraped each so many seconds, for those who are paid for calls.

    For its deployment: `login` says whether targets usually want a user and a password, a key alone, or nothing;
    `stands` where a sidecar belongs: beside its target, on the `machine` that it reads (a pod would show it its own
    container), or outside, since there is no pod to stand beside. `groups` are those of the machine that may read what
    it reads, and `keeps_state` whether it can keep files over a restart.
    """

    system: str
    open: Callable[[Target], Session]
    login: Literal["none", "user", "key"]
    stands: Literal["beside", "machine", "outside"]
    up: Signal | None = None
    schemes: tuple[str, ...] = ()
    default_url: str = ""
    options: tuple[tuple[str, str], ...] = ()
    check: Callable[[Target], object] | None = None
    cost: Callable[[Target, float], Cost] | None = None
    groups: tuple[str, ...] = ()
    keeps_state: bool = False

    @property
    def signals(self) -> tuple[Signal, ...]:
        """What it can emit: the signals of its system, loaded when asked for, since a sidecar does without."""
        name = f"watchkeeper.systems.{self.system}"
        found: tuple[Signal, ...] = import_module(name).SIGNALS if find_spec(name) is not None else ()
        return found


_HTTP = ("http", "https")


def collector_of(target: Target) -> Collector:
    """The collector that reads a target: its system's own, or `exposition` for an http url that its own does not speak.

    Raises SettingsError when there is none, or the target does not fit it.
    """
    scheme = urlsplit(target.url).scheme
    own: Collector | None = _module(target.system) if target.system.isidentifier() else None
    if own is None or (scheme in _HTTP and scheme not in own.schemes):
        if scheme not in _HTTP:
            raise SettingsError(
                f"target {target.name}: system {target.system!r} has no collector of its own: give the url of its "
                f"metrics, for example url: http://127.0.0.1:8000/metrics",
                place=("system",),
            )
        own = import_module("collectors.exposition").COLLECTOR
    check_target(own, target)
    return own


def _module(system: str) -> Collector | None:
    name = f"collectors.{system}"
    if find_spec(name) is None:
        return None
    found = getattr(import_module(name), "COLLECTOR", None)
    return found if isinstance(found, Collector) else None


def check_target(collector: Collector, target: Target) -> None:
    """Raise SettingsError when the target's url or options do not fit the collector."""
    scheme = urlsplit(target.url).scheme  # that it is a URL, the settings have checked
    if collector.schemes and target.url and scheme not in collector.schemes:
        allowed = ", ".join(f"{one}://" for one in collector.schemes)
        raise SettingsError(
            f"target {target.name}: url begins with {scheme + '://' if scheme else 'no scheme'}: allowed: {allowed}",
            place=("url",),
        )
    known = [name for name, _ in collector.options]
    for name in target.options:
        if name not in known:
            allowed = f"allowed: {', '.join(known)}" if known else "it has none"
            raise SettingsError(
                f"target {target.name}: unknown option {name!r} of {collector.system}: {allowed}",
                place=("options", name),
            )
    if collector.check is not None:
        collector.check(target)


def redact(text: str, target: Target) -> str:
    """`text` on one printable line, without the target's password, wherever that comes from."""
    secrets: list[str] = []
    user = target.user
    if target.password is not None:
        with contextlib.suppress(SettingsError):
            secrets.append(target.password.resolve())
    try:
        parts = urlsplit(target.url)
        user = user or unquote(parts.username or "")
        if in_url := parts.password:
            secrets += [in_url, unquote(in_url)]
        # Drivers take it from the query, too.
        secrets += [value for name, value in parse_qsl(parts.query) if "password" in name.lower()]
    except ValueError:
        pass
    # As an exception quotes it, and as a server shows the header that it was sent in.
    secrets += [form for secret in secrets if secret for form in (repr(secret)[1:-1], _basic(user, secret))]
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    # A server's words must not steer the terminal of who reads the log.
    return "".join([letter if letter.isprintable() else "?" for letter in " ".join(text.split())])


def _basic(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode(errors="replace")).decode()
