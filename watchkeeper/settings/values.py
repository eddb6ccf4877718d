"""What settings are made of: durations, secrets by reference, and the checks of addresses."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from watchkeeper.durations import parse_duration
from watchkeeper.errors import DefinitionError, SettingsError

__all__ = ["Seconds", "Secret", "check_durations", "check_url"]


class Seconds(float):
    """A duration: a text with a unit in the file, seconds in the program."""


class Secret(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A reference to a secret: the first line of a file, or of an environment variable."""

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
                # As of a file, the first line: a line end that came along would be part of no password.
                return os.environ[self.env or ""].partition("\n")[0].rstrip("\r")
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


def check_url(url: str, *, any_scheme: bool = False) -> None:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  a port that is none is found when it is asked for
    except ValueError as error:
        # What is wrong may be the password: a slash in it makes the rest of it the port.
        why = "percent-encode what is special in user and password" if "@" in url else str(error)
        raise ValueError(f"{_public(url)!r} is not a URL: {why}") from None
    if not any_scheme and (parts.scheme not in {"http", "https"} or not parts.hostname):
        raise ValueError(f"{_public(url)!r} is not a URL: write http://HOST:PORT or https://HOST:PORT")


def _public(url: str) -> str:
    """An address that may be none, without anything that may be a password."""
    scheme, mark, rest = url.rpartition("@")[0].partition("://") if "@" in url else ("", "", "")
    return f"{scheme if mark else ''}{mark}***@{url.rpartition('@')[2]}" if scheme or rest else url


def check_durations(*texts: str | None) -> None:
    for text in texts:
        if text is not None:
            try:
                parse_duration(text)
            except DefinitionError as error:
                raise ValueError(str(error)) from None
