"""Relative paths in the settings: they begin at the file that names them, wherever the program is started."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["anchored"]

Place = tuple[str, ...]

# Where the settings name files and directories; the values of a list or mapping there are paths too;
# `*` stands for every key.
_PATHS: tuple[Place, ...] = (
    ("data",),
    ("definitions",),
    ("bills",),
    ("runbooks", "library"),
    ("runbooks", "logs"),
    ("runbooks", "journal"),
    ("store", "prometheus", "ca_file"),
    ("store", "prometheus", "password", "file"),
    ("store", "prometheus", "bearer", "file"),
    ("access", "tls", "cert_file"),
    ("access", "tls", "key_file"),
    ("access", "tls", "client_ca_file"),
    ("access", "password", "file"),
    ("access", "bearer", "file"),
    ("push", "textfile"),
    ("push", "otlp", "ca_file"),
    ("push", "otlp", "password", "file"),
    ("push", "otlp", "headers", "*", "file"),
    ("push", "otlp", "bearer", "file"),
    ("push", "remote_write", "ca_file"),
    ("push", "remote_write", "password", "file"),
    ("push", "remote_write", "bearer", "file"),
    ("alertmanager", "password", "file"),
    ("alertmanager", "bearer", "file"),
)
_PATHS_OF_A_TARGET: tuple[Place, ...] = (("password", "file"), ("options", "ca_file"))


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
        found["targets"] = targets
    return found


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
