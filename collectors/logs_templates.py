"""Templates: records without the words that vary.

What is variable by its looks (numbers, addresses, identifiers, quoted text) is masked first; templates of the same
length and beginning that differ in a few words are then one, as in Drain (He et al., ICWS 2017). Other than there, what
is masked and the level do not make texts alike: most lines begin with a time and a level, and would all be one.

Time and memory are bounded whatever a line says: its beginning alone is looked at, every pattern takes time in
proportion to it, and the template that was seen longest ago gives way.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from collectors.logs_records import LEVEL_NAMES

__all__ = ["Template", "Templates", "masked"]

WILDCARD = "<*>"
# Characters and words beyond are not looked at: a template is known by its beginning.
MAX_CHARACTERS = 512
MAX_WORDS = 40
# Templates must be alike in more than this share of their words; 0.5 is Drain's for most of the data sets of its paper.
SIMILAR = 0.5
# Of one length and beginning, the newest templates are compared.
_COMPARED = 100
# The texts that were masked lately, of all services together, so that a repeated line costs one look-up.
_CACHE = 8192

# Each with a text without which it cannot match, which is quick to look for. They take time in proportion to the text:
# each begins where the one before it cannot have been, and gives nothing back once it has matched (`++`).
_VARIABLE = (
    ('"', re.compile(r'(?<!\w)"[^"]*+"')),
    ("'", re.compile(r"(?<!\w)'[^']*+'(?!\w)")),  # the ' of "can't" is no quote
    ("://", re.compile(r"\b\w++://[^\s,;]++")),
    ("@", re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]++\.[\w.]++")),
    ("/", re.compile(r"(?<![\w/])(?:/[\w.@:+-]++)+/?")),
    ("-", re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b")),  # UUID
    ("", re.compile(r"\b(?=[^\W\d]*+\d)\w++")),  # number, hexadecimal, a word with a digit in it
)
# Texts that differ in this alone are masked alike: most records of a kind cost one look-up.
_DIGITS = re.compile(r"\d\w*+")
_LETTER = re.compile(r"[^\W\d_]")
_PUNCTUATION = "[](){}<>|:,;=\"'"

_Cache = dict[tuple[int, str], int]
_Key = tuple[int, str, str]


def masked(text: str) -> str:
    """The text with what varies by its looks as `<*>`."""
    for needed, pattern in _VARIABLE:
        if needed in text:
            text = pattern.sub(WILDCARD, text)
    return text


@dataclass(slots=True)
class Template:
    """A template: its words, and how often it was seen."""

    words: list[str]
    key: _Key
    count: int = 0
    telling: list[bool] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The words, with `<*>` where they vary."""
        return " ".join(self.words)


@dataclass
class Templates:
    """The templates of one service, at most `limit` of them; `cache` may be shared by several."""

    limit: int = 1000
    cache: _Cache = field(default_factory=dict)
    _known: OrderedDict[int, Template] = field(default_factory=OrderedDict)
    _groups: dict[_Key, list[int]] = field(default_factory=dict)
    _next: int = 0
    _serial: int = field(default_factory=count().__next__)

    def __len__(self) -> int:
        return len(self._known)

    def add(self, text: str) -> tuple[Template, bool]:
        """The template of a text, and whether it is new."""
        shape = _DIGITS.sub("0", text[:MAX_CHARACTERS])
        number = self.cache.get((self._serial, shape))
        if number is None or number not in self._known:
            words = masked(text[:MAX_CHARACTERS]).split(None, MAX_WORDS)[:MAX_WORDS]
            key = _key(words)
            number = self._similar(key, words)
            if number is None:
                return self._insert(key, words, shape), True
            template = self._known[number]
            template.words = [a if a == b else WILDCARD for a, b in zip(template.words, words, strict=True)]
            self._remember(shape, number)
        template = self._known[number]
        template.count += 1
        self._known.move_to_end(number)
        return template, False

    def state(self) -> list[tuple[str, int]]:
        """Texts and counts, oldest first, to be restored."""
        return [(template.text, template.count) for template in self._known.values()]

    def restore(self, state: Iterable[Any]) -> None:
        """Know what `state` gave. Raises ValueError or TypeError for something else."""
        for text, number in state:
            words = str(text)[: 2 * MAX_CHARACTERS].split(None, MAX_WORDS)[:MAX_WORDS]
            self._insert(_key(words), words, str(text)).count = int(number)

    def _similar(self, key: _Key, words: list[str]) -> int | None:
        best, found = SIMILAR, None
        for number in self._groups.get(key, ())[-_COMPARED:]:
            template = self._known[number]
            same = other = 0
            for a, tells, b in zip(template.words, template.telling, words, strict=True):
                if a == b:
                    same += tells
                elif a != WILDCARD:  # a word that is known to vary says nothing
                    other += 1
            alike = same / (same + other) if same + other else 1.0
            if alike > best:
                best, found = alike, number
        return found

    def _insert(self, key: _Key, words: list[str], shape: str) -> Template:
        while len(self._known) >= self.limit:
            number, old = self._known.popitem(last=False)
            group = self._groups[old.key]
            group.remove(number)
            if not group:
                del self._groups[old.key]
        template = self._known[self._next] = Template(words, key, 1, [_tells(word) for word in words])
        self._groups.setdefault(key, []).append(self._next)
        self._remember(shape, self._next)
        self._next += 1
        return template

    def _remember(self, shape: str, number: int) -> None:
        if len(self.cache) >= _CACHE:
            self.cache.clear()
        self.cache[self._serial, shape] = number


def _tells(word: str) -> bool:
    """Whether a word says something: not one that is masked, nor a level."""
    return bool(_LETTER.search(word)) and word.strip(_PUNCTUATION).lower() not in LEVEL_NAMES


def _key(words: list[str]) -> _Key:
    """Templates of one length, level and first telling word are compared."""
    level = next((name for word in words if (name := word.strip(_PUNCTUATION).lower()) in LEVEL_NAMES), "")
    return len(words), LEVEL_NAMES.get(level, ""), next(filter(_tells, words), "")
