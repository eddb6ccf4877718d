"""The command line of `collect` where it is written plainly, as manifests do: understood without click."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

__all__ = ["Options", "plain"]


class Options(TypedDict):
    """The options of `collect`."""

    config: str | None
    listen: str | None
    once: bool
    names: tuple[str, ...]


def plain(words: Sequence[str]) -> Options | None:
    """The options of a command line that is written plainly; None where click has to look at it."""
    found = Options(config=None, listen=None, once=False, names=())
    rest = iter(words)
    for word in rest:
        if word == "--once":
            found["once"] = True
            continue
        value = next(rest, "-")
        if value.startswith("-"):
            return None
        if word in {"--config", "-c"}:
            found["config"] = value
        elif word == "--listen":
            found["listen"] = value
        elif word == "--target":
            found["names"] += (value,)
        else:
            return None
    return found
