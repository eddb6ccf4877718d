"""The settings: one `watchkeeper.yaml`, decoded into typed, frozen structs.

`load(path)` gives `Settings`. An error names path, line, what was found and what is allowed. Durations are written
with a unit (`15s`) and are seconds here. Secrets stand in files or the environment, never in the settings.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

import msgspec

from watchkeeper.durations import parse_duration
from watchkeeper.errors import DefinitionError, SettingsError
from watchkeeper.paths import anchored
from watchkeeper.yaml import Document, Place, read_document

__all__ = [
    "AlertOverride",
    "DetectorOverride",
    "Listener",
    "Prometheus",
    "RunbookSettings",
    "Seconds",
    "Secret",
    "Settings",
    "StoreSettings",
    "Target",
    "load",
    "parse",
    "secrets_of",
]


class Seconds(float):
    """A duration: a text with a unit in the file, seconds in the program."""


class Secret(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A reference to a secret: the first line of a file, or an environment variable."""

    file: str | None = None
    env: str | None = None

    def __post_init__(self) -> None:
        if (self.file is None) == (self.env is None):
            raise ValueError("a secret is either {file: PATH} or {env: NAME}")

    def resolve(self) -> str:
        """The secret as it is now; called at every connection, so that a rotated one is picked up.

        Raises SettingsError when it is missing; the message never holds the secret.
        """
        if self.file is None:
            try:
                return os.environ[self.env or ""]
            except KeyError:
                raise SettingsError(f"secret: environment variable {self.env} is not set") from None
        try:
            text = Path(self.file).read_text(encoding="utf-8")
        except OSError as error:
            raise SettingsError(f"secret: cannot read {self.file}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise SettingsError(f"secret: {self.file} is not UTF-8 text: its first line is the secret") from None
        first = text.partition("\n")[0].rstrip("\r")
        if not first or not first.isprintable():
            raise SettingsError(f"secret: the first line of {self.file} is empty or holds control characters")
        return first


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
        _check_url(self.url, any_scheme=True)


class Prometheus(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A metrics store that speaks the Prometheus HTTP API."""

    url: str
    user: str = ""
    password: Secret | None = None
    bearer: Secret | None = None
    tenant: str = ""
    ca_file: str = ""
    timeout: Seconds = Seconds(30)

    def __post_init__(self) -> None:
        _check_url(self.url)


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The embedded store's retention, or the store that is used in its place."""

    retention: Seconds = Seconds(15 * 86_400)
    prometheus: Prometheus | None = None


class AlertmanagerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where deviations are delivered; without it they go straight to the run engine."""

    url: str
    user: str = ""
    password: Secret | None = None
    bearer: Secret | None = None
    timeout: Seconds = Seconds(10)

    def __post_init__(self) -> None:
        _check_url(self.url)


class AlertOverride(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an installation changes of a shipped alert or SLO, by its name."""

    enabled: bool = True
    threshold: float | None = None
    hold: str | None = None
    severity: Literal["info", "warning", "critical"] | None = None
    owner: str | None = None
    runbook: str | None = None

    def __post_init__(self) -> None:
        _check_durations(self.hold)


class DetectorOverride(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an installation changes of a shipped detector, by its key."""

    enabled: bool = True
    minimum_relative: float | None = None
    minimum_absolute: float | None = None
    hold: str | None = None
    severity: Literal["info", "warning", "critical"] | None = None
    owner: str | None = None
    runbook: str | None = None

    def __post_init__(self) -> None:
        _check_durations(self.hold)


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


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that an installation decides.

    `console_url` and `grafana_url` are where links in alerts lead; `dead_man_url` is a service outside that calls
    somebody when the dead-man's switch falls silent.
    """

    listen: str = "127.0.0.1:8787"
    data: str = "watchkeeper-data"
    scrape_interval: Seconds = Seconds(15)
    evaluation_interval: Seconds = Seconds(15)
    target_labels: tuple[str, ...] = ("job", "instance")
    targets: tuple[Target, ...] = ()
    store: StoreSettings = StoreSettings()
    alertmanager: AlertmanagerSettings | None = None
    definitions: str = ""
    alerts: dict[str, AlertOverride] = {}
    slos: dict[str, AlertOverride] = {}
    detectors: dict[str, DetectorOverride] = {}
    runbooks: RunbookSettings = RunbookSettings()
    bills: tuple[str, ...] = ()
    console_url: str = ""
    grafana_url: str = ""
    dead_man_url: str = ""
    pace: float = 1.0

    def __post_init__(self) -> None:
        names = [target.name for target in self.targets]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two targets are named {name!r}: every target needs a name of its own")
        if not 1 <= self.pace < math.inf:
            raise ValueError(f"pace is {self.pace:g}: it is at least 1")

    @property
    def listener(self) -> Listener:
        """The address of `listen`."""
        return Listener.parse(self.listen)


def _check_url(url: str, *, any_scheme: bool = False) -> None:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  a port that is none is found when it is asked for
    except ValueError as error:
        raise ValueError(f"{url!r} is not a URL: {error}") from None
    if not any_scheme and (parts.scheme not in {"http", "https"} or not parts.hostname):
        raise ValueError(f"{url!r} is not a URL: write http://HOST:PORT or https://HOST:PORT")


def _check_durations(*texts: str | None) -> None:
    for text in texts:
        if text is not None:
            try:
                parse_duration(text)
            except DefinitionError as error:
                raise ValueError(str(error)) from None


def load(path: str | Path) -> Settings:
    """The settings of a file. Raises SettingsError."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such file: write one with `watchkeeper config example > {path}`") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from None
    return parse(text, str(path))


def secrets_of(settings: Settings) -> list[Secret]:
    """Every secret that the settings name."""
    places = (*settings.targets, settings.store.prometheus, settings.alertmanager)
    found = [getattr(place, name, None) for place in places for name in ("password", "bearer")]
    return [secret for secret in found if secret is not None]


def parse(text: str, path: str = "watchkeeper.yaml") -> Settings:
    """The settings of a YAML text; relative paths in it are relative to the directory of `path`. Raises
    SettingsError.
    """
    document = read_document(text, path)
    value = {} if document.value is None else document.value
    if not isinstance(value, Mapping):
        raise SettingsError(f"{path}:1: expected settings such as `targets:`, found {_shown(value)}")
    try:
        settings = msgspec.convert(anchored(value, Path(path).parent, Settings().data), Settings, dec_hook=_decode)
        settings.listener  # noqa: B018  an address that cannot be read must fail here, with its line
    except msgspec.ValidationError as error:
        raise SettingsError(_located(str(error), document)) from None
    except SettingsError as error:
        raise SettingsError(f"{path}:{document.line(('listen',))}: {error}") from None
    return settings


def _decode(kind: type, value: object) -> object:
    if kind is Seconds:
        if not isinstance(value, str):
            raise ValueError(f"expected a duration with a unit, such as {value}s or 5m, found {_shown(value)}")
        try:
            seconds = parse_duration(value)
        except DefinitionError as error:
            raise ValueError(str(error)) from None
        if seconds <= 0:
            raise ValueError(f"expected a duration longer than 0, found {value!r}")
        return Seconds(seconds)
    raise NotImplementedError(kind)


def _located(message: str, document: Document) -> str:
    """One line of msgspec's message: path:line, the place in the file, what was found, what is allowed."""
    text, _, where = message.partition(" - at `")
    steps = _steps(where.rstrip("`"), document)
    if text.startswith(("Object contains unknown field", "Object missing required field")):
        name = text.split("`")[1]
        owner = _struct_at(steps)
        fields = owner.__struct_fields__ if owner else ()
        place = _place((*steps, name))
        if "unknown" in text:
            from difflib import get_close_matches

            near = get_close_matches(name, fields, n=1, cutoff=0.6)
            hint = f" Did you mean {near[0]}?" if near else ""
            line = document.line((*steps, name))
            return f"{document.path}:{line}: unknown key {place}; allowed: {', '.join(fields)}.{hint}"
        return f"{document.path}:{document.line(steps)}: {place} is missing: it is required"
    found = document.at(steps)
    place = _place(steps) or "the settings"
    text = text.replace("`", "")
    if text.startswith("Expected"):
        text = f"e{text[1:]}".partition(", got")[0] + f", found {_shown(found)}"
    elif text.startswith("Invalid enum value"):
        text = f"{_shown(found)} is not allowed here: allowed are {', '.join(_literals(steps)) or 'others'}"
    return f"{document.path}:{document.line(steps)}: {place}: {text}"


def _shown(value: object) -> str:
    return f"{type(value).__name__} {value!r}" if not isinstance(value, dict | list) else f"a {type(value).__name__}"


def _place(steps: Place) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).lstrip(".")


def _steps(path: str, document: Document) -> Place:
    """`$.targets[0].name` as ("targets", 0, "name").

    For a key of a dictionary msgspec says `[...]`: the entry that fails by itself is looked for.
    """
    steps: Place = ()
    for part in path.removeprefix("$").replace("[", ".[").split("."):
        if part == "[":  # the first third of "[...]"
            entries = document.at(steps)
            kind = _field_type((*steps, "*"))
            steps = (*steps, next((key for key, value in entries.items() if not _converts(value, kind)), "*"))
        elif part.startswith("["):
            steps = (*steps, int(part[1:-1]))
        elif part and part != "]":
            steps = (*steps, part)
    return steps


def _converts(value: object, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind, dec_hook=_decode)
    except msgspec.ValidationError:
        return False
    return True


def _field_type(steps: Place) -> Any:
    import typing

    kind: Any = Settings
    for step in steps:
        options = [option for option in typing.get_args(kind) if option is not type(None) and option is not Ellipsis]
        if isinstance(step, int):
            kind = options[0] if options else object
        elif typing.get_origin(kind) is dict:
            kind = options[-1]
        else:
            struct = next((k for k in (kind, *options) if isinstance(k, type) and issubclass(k, msgspec.Struct)), None)
            if struct is not None:
                kind = typing.get_type_hints(struct).get(step, object)
            else:
                kind = options[-1] if options else object
    return kind


def _struct_at(steps: Place) -> type[msgspec.Struct] | None:
    import typing

    kind = _field_type(steps)
    candidates = (kind, *typing.get_args(kind))
    return next((k for k in candidates if isinstance(k, type) and issubclass(k, msgspec.Struct)), None)


def _literals(steps: Place) -> list[str]:
    import typing

    kind = _field_type(steps)
    found = [value for option in (kind, *typing.get_args(kind)) for value in typing.get_args(option)]
    return [str(value) for value in found if isinstance(value, str)]
