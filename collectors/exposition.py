"""Exposition: the `/metrics` of any application or exporter, read with its names, kinds and labels as they are.

The parser is our own: prometheus-client's renames counters without `_total`, and is eight times slower. What stands
before a value is understood once a series and remembered.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING

from collectors.description import Collector
from collectors.families import Exemplar, Family, Pairs, Point
from collectors.http import CA_FILE, HttpReader, ca_file
from watchkeeper.errors import TargetError

if TYPE_CHECKING:
    from watchkeeper.settings import Target

__all__ = ["COLLECTOR", "ExpositionSession", "Parser"]

# As Prometheus asks: OpenMetrics alone has exemplars.
_HEADERS = {
    "Accept": "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
}
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(,|$)')
# Head, value with timestamp, labels of the exemplar, its value, its time. Quoted text may hold anything.
_INSIDE = r'(?:[^"}]++|"(?:[^"\\]++|\\.)*")*'
_WITH_EXEMPLAR = re.compile(
    rf"([^{{\s]++\s*(?:\{{{_INSIDE}\}})?)\s*((?!\{{)[^\s#]++(?: [^\s#]++)?) # \{{({_INSIDE})\}} (\S++)(?: (\S++))?\s*$"
)
_EXEMPLAR_LENGTH = 128
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
    """Parses the text format (0.0.4) and OpenMetrics (1.0), and remembers series from one text to the next."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, Pairs]] = {}

    def parse(self, text: str, *, openmetrics: bool = False) -> list[Family]:
        """The families of a text, those of OpenMetrics under the names that they have in the text format.

        Timestamps of samples are dropped, exemplars stay beside them. Raises TargetError with the line, and for
        OpenMetrics without its end.
        """
        known, seen = self._known, {}
        kinds: dict[str, str] = {}
        helps: dict[str, str] = {}
        points: dict[str, list[Point]] = {}
        exemplars: dict[str, list[Exemplar]] = {}
        # By the name of a family here, its name in the text.
        given: dict[str, str] = {}
        suffixes: tuple[str, ...] = ()
        owner = of = last = ""
        found: list[Point] = []
        for number, line in enumerate(text.split("\n"), 1):
            if not line or line.isspace():
                continue
            if line[0] == "#":
                words = line.split(None, 3)
                if len(words) >= 3 and words[1] == "TYPE":
                    kind = words[3].strip() if len(words) > 3 else "untyped"
                    last = ""
                    if openmetrics:
                        owner, suffixes = _owner(words[2], kind, kinds, given)
                        continue
                    owner = words[2]
                    kind = kinds[owner] = kind if kind in _KINDS else _OTHER_KINDS.get(kind, "untyped")
                    suffixes = _SUFFIXES.get(kind, ())
                elif len(words) >= 3 and words[1] == "HELP":
                    helps[words[2]] = _unescape(words[3]) if len(words) > 3 else ""
                elif openmetrics and line.rstrip() == "# EOF":
                    break
                continue
            match = _WITH_EXEMPLAR.match(line) if " # {" in line else None
            if match is not None:
                head, rest = match[1], match[2].split()
            else:
                # A brace in a label value does no harm: neither a value nor a timestamp has one.
                brace = line.rfind("}") + 1
                if brace:
                    head, rest = line[:brace], line[brace:].split()
                else:
                    head, _, tail = line.partition(" ")
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
            if name != last:
                last = name
                if name != owner and not (name.startswith(owner) and name[len(owner) :] in suffixes):
                    owner, suffixes = (owner, suffixes) if openmetrics else (name, ())
                    of = name
                else:
                    of = owner
                found = points.setdefault(of, [])
            found.append((name, series[1], value))
            if match is not None and (exemplar := _exemplar(series, match)) is not None:
                exemplars.setdefault(of, []).append(exemplar)
        else:
            if openmetrics:
                raise TargetError("the exposition ends without # EOF: it was cut off")
        self._known = seen
        return [
            Family(name, kinds.get(name, "untyped"), helps.get(given.get(name, name), ""), its, exemplars.get(name, ()))
            for name, its in points.items()
        ]


def _owner(name: str, kind: str, kinds: dict[str, str], given: dict[str, str]) -> tuple[str, tuple[str, ...]]:
    """Note the kinds of the names that a family of OpenMetrics has in the text format, and how it was `given`; gives
    its own name there, and the endings of its samples.

    A counter is called by its sample, and the times of creation are a gauge of their own, as prometheus-client does.
    """
    if kind == "counter":
        owner = f"{name.removesuffix('_total')}_total"
        others = {f"{name}_created": "gauge", name: "counter"}
    elif kind == "info":
        owner, others = f"{name.removesuffix('_info')}_info", {}
    elif kind == "gaugehistogram":
        owner, others = name, {f"{name}_gcount": "gauge", f"{name}_gsum": "gauge"}
    else:
        owner = name
        others = {f"{name}_created": "gauge"} if kind in ("histogram", "summary") else {}
    kinds[owner] = kind = kind if kind in _KINDS else _OTHER_KINDS.get(kind, "untyped")
    for other, its in others.items():
        kinds.setdefault(other, its)
    for called in (owner, *others):
        given[called] = name
    suffixes = _SUFFIXES.get(kind, ()) if kind != "counter" else ()
    return owner, tuple([one for one in suffixes if one != "_created"])


def _series(head: str, number: int) -> tuple[str, Pairs]:
    name, brace, body = head.partition("{")
    name = name.strip()
    if not _NAME.fullmatch(name):
        raise TargetError(f"line {number} of the exposition does not begin with a metric name: {head[:80]!r}")
    pairs = _pairs(body[:-1]) if brace else ()
    if pairs is None:
        raise TargetError(f"line {number} of the exposition has labels that cannot be read: {head[:80]!r}")
    return name, pairs


def _pairs(body: str) -> Pairs | None:
    """The labels between two braces, None where they cannot be read."""
    pairs, place = [], 0
    while body[place:].strip():
        match = _LABEL.match(body, place)
        if match is None:
            return None
        pairs.append((match[1], _unescape(match[2])))
        place = match.end()
    # An empty label is the same as none.
    return tuple([pair for pair in pairs if pair[1]])


def _exemplar(series: tuple[str, Pairs], match: re.Match[str]) -> Exemplar | None:
    """What the end of a line says; None where that cannot be read, or is longer than OpenMetrics allows."""
    labels = _pairs(match[3])
    if not labels or sum([len(name) + len(value) for name, value in labels]) > _EXEMPLAR_LENGTH:
        return None
    try:
        value, at = float(match[4]), float(match[5]) if match[5] else None
    except ValueError:
        return None
    if not isfinite(value) or (at is not None and not isfinite(at)):
        return None
    return Exemplar(*series, labels, value, at)


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
        openmetrics = self._http.content_type.lower().startswith("application/openmetrics-text")
        return self._parser.parse(text, openmetrics=openmetrics)

    def abort(self) -> None:
        """Make a read in another thread fail."""
        self._http.abort()

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()


COLLECTOR = Collector(
    system="exposition",
    open=ExpositionSession,
    login="none",
    stands="beside",
    check=ca_file,
    schemes=("http", "https"),
    options=(CA_FILE,),
)
