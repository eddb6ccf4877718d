"""The options of a target, each read with its type: `"false"` is not true, and `"5"` is no number.

Every function raises SettingsError that names the target and the option, and says what was found and what is allowed.
A collector reads its options in one function, which both `Collector.check` and its session use: so wrong ones are
refused by `config check` and by a reload, not at the first read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from watchkeeper.durations import parse_duration
from watchkeeper.errors import DefinitionError, SettingsError

if TYPE_CHECKING:
    from watchkeeper.settings import Target

__all__ = ["duration", "flag", "one_of", "pattern", "text", "texts", "whole", "wrong"]


def wrong(target: Target, name: str, allowed: str) -> SettingsError:
    """The error to raise for an option; `allowed` completes its sentence, as in "write true or false"."""
    found = f"{target.options.get(name)!r:.80}"
    return SettingsError(f"target {target.name}: option {name} is {found}: {allowed}", place=("options", name))


def whole(target: Target, name: str, default: int, *, least: int = 1) -> int:
    """A whole number, `least` or more."""
    value = target.options.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        words = {0: "write a whole number, 0 for none", 1: "write a whole number above 0"}
        raise wrong(target, name, words.get(least, f"write a whole number, {least} or more"))
    return value


def flag(target: Target, name: str, default: bool = False) -> bool:
    """True or false."""
    value = target.options.get(name, default)
    if not isinstance(value, bool):
        raise wrong(target, name, "write true or false")
    return value


def text(target: Target, name: str, default: str = "", *, example: str = "") -> str:
    """A text."""
    value = target.options.get(name, default)
    if not isinstance(value, str):
        raise wrong(target, name, f"write a text{f' such as {example}' if example else ''}")
    return value


def one_of(target: Target, name: str, allowed: Sequence[str], default: str | None = None) -> str:
    """One of some words; the first when there is no default."""
    value = target.options.get(name, allowed[0] if default is None else default)
    if value not in allowed:
        raise wrong(target, name, f"allowed: {', '.join(filter(None, allowed))}")
    return str(value)


def texts(
    target: Target, name: str, default: Sequence[str] = (), *, example: str = "one, two", alone: bool = False
) -> tuple[str, ...]:
    """A list of texts; with `alone`, one text is a list, too."""
    value: Any = target.options.get(name, list(default))
    if alone and isinstance(value, str):
        return (value,)
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise wrong(target, name, f"write a list of texts such as [{example}]")
    return tuple(value)


def duration(target: Target, name: str, default: str) -> float:
    """A length of time in seconds."""
    try:
        return parse_duration(text(target, name, default, example=default))
    except DefinitionError:
        raise wrong(target, name, f"write a duration with a unit, such as {default}") from None


def pattern(target: Target, name: str) -> re.Pattern[str] | None:
    """A regular expression; None when the option is left out."""
    if target.options.get(name) is None:
        return None
    try:
        return re.compile(text(target, name, example="ok|ready"))
    except re.error as error:
        raise wrong(target, name, f"it is no regular expression: {error}") from None
