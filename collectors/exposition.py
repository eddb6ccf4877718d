"""Exposition: the `/metrics` of any application or exporter, read with its names, kinds and labels as they are.

The parser is our own: prometheus-client's renames counters without `_total`, and is eight times slower. What stands
before a value is understood once a series and remembered.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from collectors.description import Collector
from collectors.families import Family, Pairs, Point
from collectors.http import CA_FILE, HttpReader
from watchkeeper.errors import TargetError

if TYPE_CHECKING:
    from watchkeeper.settings import Target

__all__ = ["COLLECTOR", "ExpositionSession", "Parser"]

_HEADERS = {"Accept": "text/plain;version=0.0.4;q=1,*/*;q=0.1"}
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(,|$)')
_ESCAPED = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", '"': '"', "\\": "\\"}
_KINDS = frozenset({"counter", "gauge", "histogram", "summary", "untyped"})
# What OpenMetrics calls the kinds that the text format does not have.
_OTHER_KINDS = {"info": "gauge", "stateset": "gauge", "gaugehistogram": "histogram", "unknown": "untyped"}
_SUFFIXES = {
    "counter": ("_total", "_created"),
    "histogram": ("_bucket", "_count", "_sum", "_created"),
    "summary": ("_count", "_sum", "_created"),
}


def _unescape(text: str) -> str:
    return _ESCAPED.sub(lambda m: _ESCAPES.get(m[1], m[0]), text) if "\\" in text else text


class Parser:
    """Parses the text format (0.0.4) and remembers series from one text to the next."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, Pairs]] = {}

    def parse(self, text: str) -> list[Family]:
        """The families of a text; timestamps and exemplars are dropped. Raises TargetError with the line."""
        known, seen = self._known, {}
        kinds: dict[str, str] = {}
        helps: dict[str, str] = {}
        points: dict[str, list[Point]] = {}
        owner = ""
        for number, line in enumerate(text.split("\n"), 1):
            if not line or line.isspace():
                continue
            if line[0] == "#":
                words = line.split(None, 3)
                if len(words) >= 3 and words[1] == "TYPE":
                    owner = words[2]
                    kind = words[3].strip() if len(words) > 3 else "untyped"
                    kinds[owner] = kind if kind in _KINDS else _OTHER_KINDS.get(kind, "untyped")
                elif len(words) >= 3 and words[1] == "HELP":
                    helps[words[2]] = _unescape(words[3]) if len(words) > 3 else ""
                continue
            # A brace in a label value does no harm: neither a value nor a timestamp has one. An exemplar does.
            end = line.find(" # ") if " # {" in line else len(line)
            brace = line.rfind("}", 0, end) + 1
            if brace:
                head, rest = line[:brace], line[brace:end].split()
            else:
                head, _, tail = line[:end].partition(" ")
                rest = tail.split()
            series = known.get(head)
            if series is None:
                series = _series(head, number)
            seen[head] = series
            try:
                value = float(rest[0])
            except (IndexError, ValueError):
                raise TargetError(f"line {number} of the exposition has no value: {line[:80]!r}") from None
            name = series[0]
            if name != owner and not (
                name.startswith(owner) and name[len(owner) :] in _SUFFIXES.get(kinds.get(owner, ""), ())
            ):
                owner = name
            found = points.get(owner)
            if found is None:
                found = points[owner] = []
            found.append((name, series[1], value))
        self._known = seen
        return [Family(name, kinds.get(name, "untyped"), helps.get(name, ""), of) for name, of in points.items()]


def _series(head: str, number: int) -> tuple[str, Pairs]:
    name, brace, body = head.partition("{")
    name = name.strip()
    if not _NAME.fullmatch(name):
        raise TargetError(f"line {number} of the exposition does not begin with a metric name: {head[:80]!r}")
    pairs = []
    if brace:
        body, place = body[:-1], 0
        while body[place:].strip():
            match = _LABEL.match(body, place)
            if match is None:
                raise TargetError(f"line {number} of the exposition has labels that cannot be read: {head[:80]!r}")
            pairs.append((match[1], _unescape(match[2])))
            place = match.end()
    # An empty label is the same as none.
    return name, tuple([pair for pair in pairs if pair[1]])


class ExpositionSession:
    """One GET a read, and what its text says."""

    def __init__(self, target: Target) -> None:
        self._http = HttpReader(target)
        self._parser = Parser()
        url = self._http.url
        self._path = (url.path or "/metrics") + (f"?{url.query}" if url.query else "")

    def read(self, deadline: float) -> Sequence[Family]:
        """The families of the text. Raises TargetError."""
        text = self._http.get(self._path, deadline, headers=_HEADERS).decode("utf-8", errors="replace")
        return self._parser.parse(text)

    def abort(self) -> None:
        """Make a read in another thread fail."""
        self._http.abort()

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()


COLLECTOR = Collector(
    system="exposition",
    open=ExpositionSession,
    schemes=("http", "https"),
    options=(CA_FILE,),
)
