"""Templates: records without the words that vary.

What is variable by its looks (numbers, addresses, identifiers, quoted text) is masked first; templates of the same
length and beginning that differ in a few words are then one, as in Drain (He et al., ICWS 2017). Memory is bounded: the
template that was seen longest ago gives way.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Template", "Templates", "masked"]

WILDCARD = "<*>"
# Words beyond are not looked at: a template is known by its beginning.
MAX_WORDS = 40
# Drain's similarity threshold; 0.5 is that of its paper for most of the data sets.
SIMILAR = 0.5
# The texts that were masked lately, so that a repeated line costs one look-up.
_CACHE = 4096

_VARIABLE = re.compile(
    r""""[^"]*"|'[^']*'"""  # quoted
    r"|\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b"  # UUID
    r"|\b\w+://[^\s,;]+"  # URL
    r"|\b[\w.+-]+@[\w-]+\.[\w.]+\b"  # e-mail
    r"|(?<![\w/])(?:/[\w.@:+-]+)+/?"  # path
    r"|\b(?:0x)?[0-9a-fA-F]*[0-9][0-9a-fA-F]*\b"  # number, or hexadecimal with a digit
    r"|\b\w*\d\w*\b"  # a word with a digit in it
)


def masked(text: str) -> str:
    """The text with what varies by its looks as `<*>`."""
    return _VARIABLE.sub(WILDCARD, text)


@dataclass(slots=True)
class Template:
    """A template: its words, and how often it was seen."""

    words: list[str]
    count: int = 0

    @property
    def text(self) -> str:
        """The words, with `<*>` where they vary."""
        return " ".join(self.words)


@dataclass
class Templates:
    """The templates of one service, at most `limit` of them."""

    limit: int = 1000
    _known: OrderedDict[int, Template] = field(default_factory=OrderedDict)
    _groups: dict[tuple[int, str], list[int]] = field(default_factory=dict)
    _seen: dict[str, int] = field(default_factory=dict)
    _next: int = 0

    def __len__(self) -> int:
        return len(self._known)

    def add(self, text: str) -> tuple[Template, bool]:
        """The template of a text, and whether it is new."""
        form = masked(text)
        number = self._seen.get(form)
        if number is None or number not in self._known:
            words = form.split(None, MAX_WORDS)[:MAX_WORDS]
            number = self._similar(words)
            if number is None:
                return self._insert(words, form), True
            template = self._known[number]
            template.words = [a if a == b else WILDCARD for a, b in zip(template.words, words, strict=True)]
            self._remember(form, number)
        template = self._known[number]
        template.count += 1
        self._known.move_to_end(number)
        return template, False

    def state(self) -> list[tuple[str, int]]:
        """Texts and counts, oldest first, to be restored."""
        return [(template.text, template.count) for template in self._known.values()]

    def restore(self, state: Iterable[Any]) -> None:
        """Know what `state` gave."""
        for text, count in state:
            words = str(text).split()
            self._insert(words, str(text)).count = int(count)

    def _similar(self, words: list[str]) -> int | None:
        best, found = SIMILAR, None
        for number in self._groups.get(_group(words), ()):
            template = self._known[number].words
            same = sum(a == b for a, b in zip(template, words, strict=True))
            if words and same / len(words) >= best:
                best, found = same / len(words), number
        return found

    def _insert(self, words: list[str], form: str) -> Template:
        while len(self._known) >= self.limit:
            number, old = self._known.popitem(last=False)
            group = self._groups[_group(old.words)]
            group.remove(number)
            if not group:
                del self._groups[_group(old.words)]
        template = self._known[self._next] = Template(words, 1)
        self._groups.setdefault(_group(words), []).append(self._next)
        self._remember(form, self._next)
        self._next += 1
        return template

    def _remember(self, form: str, number: int) -> None:
        if len(self._seen) >= _CACHE:
            self._seen.clear()
        self._seen[form] = number


def _group(words: list[str]) -> tuple[int, str]:
    """Templates of one length and first word are compared; the first word of a merged one never varies."""
    return len(words), words[0] if words else ""
