"""Relative paths in the settings: they begin at the file that names them, wherever the program is started."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_plus

__all__ = ["RECEIVERS", "anchored"]

Place = tuple[str, ...]

# Servers beside the targets; each is a `Receiver`.
RECEIVERS: tuple[Place, ...] = (
    ("store", "prometheus"),
    ("alertmanager",),
    ("elasticsearch",),
    ("push", "otlp"),
    ("push", "remote_write"),
)

# Where the settings name files and directories; the values of a list or mapping there are paths too;
# `*` stands for every key.
_PATHS: tuple[Place, ...] = (
    ("data",),
    ("definitions",),
    ("bills",),
    ("runbooks", "library"),
    ("runbooks", "logs"),
    ("runbooks", "journal"),
    ("access", "tls", "cert_file"),
    ("access", "tls", "key_file"),
    ("access", "tls", "client_ca_file"),
    ("access", "password", "file"),
    ("access", "bearer", "file"),
    *(("detect", "tls", name) for name in ("ca_file", "cert_file", "key_file")),
    ("push", "textfile"),
    ("push", "otlp", "headers", "*", "file"),
    *((*place, *path) for place in RECEIVERS for path in (("ca_file",), ("password", "file"), ("bearer", "file"))),
    ("elasticsearch", "api_key", "file"),
)
# Whatever the system: an option that is one of these is a path.
_OPTIONS = ("ca_file", "cert_file", "key_file", "root", "state")
_PATHS_OF_A_TARGET: tuple[Place, ...] = (("password", "file"), *(("options", name) for name in _OPTIONS))
# Drivers take files in the query of an address, some with names in any case.
_PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "postgresql": ("sslrootcert", "sslcert", "sslkey"),
    "postgres": ("sslrootcert", "sslcert", "sslkey"),
    "mongodb": ("tlscafile", "tlscertificatekeyfile", "tlscrlfile"),
}


def anchored(value: Mapping[str, Any], base: Path, data: str) -> Mapping[str, Any]:
    """The plain settings with relative paths made relative to `base`; `data` is the default of that key."""
    if base == Path():
        return value
    found: dict[str, Any] = {"data": data, **value}
    for place in _PATHS:
        found = _at(found, place, base)
    targets = found.get("targets")
    if isinstance(targets, list):
        for place in _PATHS_OF_A_TARGET:
            targets = [_at(target, place, base) for target in targets]
        found["targets"] = [_with_address(target, base) for target in targets]
    return found


def _with_address(target: Any, base: Path) -> Any:
    url = target.get("url") if isinstance(target, Mapping) else None
    if not isinstance(url, str) or "?" not in url:
        return target
    address, _, query = url.partition("?")
    names = _PARAMETERS.get(address.partition(":")[0].lower(), ())
    # Only what is a path is written anew: the rest stays as it is, encoded in whatever way.
    pairs = [_parameter(pair, base) if pair.partition("=")[0].lower() in names else pair for pair in query.split("&")]
    return {**target, "url": f"{address}?{'&'.join(pairs)}"}


def _parameter(pair: str, base: Path) -> str:
    name, _, value = pair.partition("=")
    path = unquote_plus(value)
    return f"{name}={quote(str(base / path))}" if path and not path.startswith("/") else pair


def _at(value: Any, place: Place, base: Path) -> Any:
    if place:
        if isinstance(value, Mapping) and place[0] == "*":
            return {key: _at(item, place[1:], base) for key, item in value.items()}
        if not isinstance(value, Mapping) or place[0] not in value:
            return value
        return {**value, place[0]: _at(value[place[0]], place[1:], base)}
    if isinstance(value, str):
        # A database URL is no path; `base / value` leaves an absolute path as it is.
        return str(base / value) if value and "://" not in value else value
    if isinstance(value, list):
        return [_at(item, (), base) for item in value]
    return {key: _at(item, (), base) for key, item in value.items()} if isinstance(value, dict) else value
