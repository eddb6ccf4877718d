"""The info string of a step: `KIND {id=… name=value name="value with spaces"}`, parsed exactly."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from runbooks.templates import Source

__all__ = ["COMMON", "Annotations", "is_step", "parse_info"]

COMMON = (
    "id",
    "title",
    "risk",
    "approve",
    "timeout",
    "retries",
    "wait",
    "max_targets",
    "on_failure",
    "verify",
    "undo",
    "critical",
    "end",
    "expect",
)
_INFO = re.compile(r"\s*([^\s{]*)\s*\{(.*)\}\s*")
_PAIR = re.compile(r'([a-z_]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s"{}=]+))(?=\s|$)')


@dataclass(frozen=True, slots=True)
class Annotations:
    """The kind of a step and what its braces say."""

    kind: str
    values: Mapping[str, str]


def is_step(info: str) -> bool:
    """Whether a fence is a step: its info string has braces."""
    return "{" in info or "}" in info


def parse_info(source: Source, kinds: Mapping[str, frozenset[str]]) -> Annotations:
    """The parsed info string; `kinds` maps each kind to the annotations that it adds. Raises DocumentError."""
    match = _INFO.fullmatch(source.text)
    if match is None:
        raise source.error(f"found {source.text.strip()!r}: write KIND {{id=… name=value}}")
    kind, rest = match.groups()
    if kind not in kinds:
        near = get_close_matches(kind, kinds, n=1, cutoff=0.6)
        hint = f". Did you mean {near[0]}?" if near else ""
        raise source.error(f"unknown kind of step {kind!r}; allowed: {', '.join(kinds)}{hint}")
    allowed = (*COMMON, *sorted(kinds[kind]))
    values: dict[str, str] = {}
    position = 0
    rest = rest.strip()
    while position < len(rest):
        pair = _PAIR.match(rest, position)
        if pair is None:
            found = rest[position:].split(maxsplit=1)[0]
            raise source.error(f'found {found!r}: annotations are name=value or name="value with spaces"')
        name = pair[1]
        if name not in allowed:
            near = get_close_matches(name, allowed, n=1, cutoff=0.6)
            hint = f". Did you mean {near[0]}?" if near else ""
            raise source.error(f"unknown annotation {name!r} of a {kind} step; allowed: {', '.join(allowed)}{hint}")
        if name in values:
            raise source.error(f"the annotation {name} stands twice")
        values[name] = pair[3] if pair[3] is not None else re.sub(r"\\(.)", r"\1", pair[2])
        position = pair.end()
        while position < len(rest) and rest[position].isspace():
            position += 1
    return Annotations(kind, values)
