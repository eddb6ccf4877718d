"""The text of metric families: Prometheus's format 0.0.4, and OpenMetrics 1.0.

This is the hot path of a scrape, so the encoder is our own. What stands before a value is escaped, sorted and joined
once, and kept for as long as the target gives the same series; a scrape fills in the values, all of a target at once.
The output is byte for byte that of prometheus-client.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter

import msgspec

from collectors.families import Family, Pairs, format_value, with_labels

__all__ = ["OPENMETRICS_TYPE", "TEXT_TYPE", "Encoder", "encode", "merge"]

TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_NAME, _PAIRS, _VALUE = itemgetter(0), itemgetter(1), itemgetter(2)
# Between the first two, msgspec writes a float as Go does, six times faster than repr; up to the third it writes no
# exponent.
_SMALL, _LARGE, _HUGE = 1e-4, 1e6, 1e15
# What ends the line of a whole number, by the length of its text with ".0\n".
_EXPONENTS = tuple([f"e+{length - 4:02d}\n" for length in range(24)])
_floats = msgspec.json.Encoder().encode
_FLOATS = {float}


class _Plan:
    """What a target's text was made of when it was last written: all that a scrape need not make again."""

    __slots__ = ("layout", "names", "pairs", "parts", "prefixes", "taken")

    def __init__(self) -> None:
        self.names: list[str] = []
        self.pairs: list[Pairs] = []
        # What stands before each value, without and with the heading of the family.
        self.prefixes: list[str] = []
        self.parts: list[str] = []
        # Name, kind, help and number of samples of each family, and the names in the whole text.
        self.layout: list[tuple[str, str, str, int]] = []
        self.taken: frozenset[str] = frozenset()


class Encoder:
    """Writes the families of one target, with `extra` labels on every series; remembers the series of the last text.

    May be used by several threads: what one has learned, another may learn again.
    """

    __slots__ = ("_plans", "extra")

    def __init__(self, extra: Pairs = ()) -> None:
        self.extra = extra
        self._plans = {False: _Plan(), True: _Plan()}

    def text(
        self, families: Sequence[Family], taken: frozenset[str] = frozenset(), *, openmetrics: bool = False
    ) -> str:
        """The text of families of different names, all with samples; `taken` are all names that the scrape gives."""
        return "".join(self._filled(families, taken, openmetrics))

    def blocks(
        self, families: Sequence[Family], taken: frozenset[str] = frozenset(), *, openmetrics: bool = False
    ) -> list[tuple[str, str]]:
        """The text of each family: its heading, and its sample lines."""
        parts = self._filled(families, taken, openmetrics)
        found, begin = [], 0
        for one in families:
            end = begin + 2 * len(one.points)
            head = _head(one.name, one.kind, one.help, taken, openmetrics)
            found.append((head, "".join(parts[begin:end])[len(head) :]))
            begin = end
        return found

    def _filled(self, families: Sequence[Family], taken: frozenset[str], openmetrics: bool) -> list[str]:
        points = [point for one in families for point in one.points]
        if not points:
            return []
        names, pairs, values = list(map(_NAME, points)), list(map(_PAIRS, points)), list(map(_VALUE, points))
        layout = [(one.name, one.kind, one.help, len(one.points)) for one in families]
        plan = self._plans[openmetrics]
        # The strings of a series are new in each read: comparing them costs less than hashing them.
        if plan.pairs != pairs or plan.names != names or plan.layout != layout or (openmetrics and plan.taken != taken):
            plan = self._plans[openmetrics] = self._learn(plan, names, pairs)
            plan.layout, plan.taken = layout, taken
            plan.parts, at = plan.prefixes.copy(), 0
            for name, kind, help_, count in layout:
                plan.parts[at] = _head(name, kind, help_, taken, openmetrics) + plan.parts[at]
                at += count
        filled = [""] * (2 * len(values))
        filled[::2] = plan.parts
        filled[1::2] = _line_ends(values)
        if openmetrics and any(one.exemplars for one in families):
            _add_exemplars(filled, families, taken)
        return filled

    def _learn(self, old: _Plan, names: list[str], pairs: list[Pairs]) -> _Plan:
        known = dict(zip(zip(old.names, old.pairs, strict=True), old.prefixes, strict=True))
        plan = _Plan()
        plan.names, plan.pairs = names, pairs
        for key in zip(names, pairs, strict=True):
            prefix = known.get(key)
            plan.prefixes.append(_prefix(*key, self.extra) if prefix is None else prefix)
        return plan


def _add_exemplars(filled: list[str], families: Sequence[Family], taken: frozenset[str]) -> None:
    """Write the exemplars behind the values of buckets and counters, the only samples that may have some."""
    at = 1
    for one in families:
        if one.exemplars and (one.kind == "histogram" or _called(one.name, one.kind, taken)[1] == "counter"):
            known = {(exemplar.name, exemplar.pairs): exemplar for exemplar in one.exemplars}
            for place, (name, pairs, _) in enumerate(one.points):
                exemplar = known.get((name, pairs))
                if exemplar is not None and name.endswith(("_bucket", "_total")):
                    told = "" if exemplar.time is None else f" {exemplar.time!r}"
                    what = _prefix("", exemplar.labels, ())[:-1]
                    text = f" # {what} {format_value(exemplar.value)}{told}\n"
                    filled[at + 2 * place] = filled[at + 2 * place][:-1] + text
        at += 2 * len(one.points)


def _line_ends(values: list[float]) -> list[str]:
    """Each value as it is written, with the end of its line."""
    if set(map(type, values)) != _FLOATS:
        # Whole numbers of Python, or numbers of a kind that msgspec does not know, such as numpy.float64.
        values = list(map(float, values))
    texts = _floats(values).decode()[1:-1].replace(",", "\n,").split(",")
    texts[-1] += "\n"
    for at in [at for at, value in enumerate(values) if not (_SMALL <= value < _LARGE or value == 0.0)]:
        texts[at] = _other(values[at], texts[at])
    return texts


def _other(value: float, text: str) -> str:
    if _LARGE <= value < _HUGE and text[-3:] == ".0\n":
        # A large whole number, such as bytes: its digits are there, only the point moves.
        digits = text[:-3].rstrip("0")
        return (f"{digits[0]}.{digits[1:]}" if len(digits) > 1 else digits) + _EXPONENTS[len(text)]
    return format_value(value) + "\n"


def _prefix(name: str, pairs: Pairs, extra: Pairs) -> str:
    labels = sorted(with_labels(pairs, extra))
    if not labels:
        return f"{name} "
    inside = ",".join([f'{label}="{_quote(value)}"' for label, value in labels])
    return f"{name}{{{inside}}} "


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _quote(value: str) -> str:
    return _escape(value).replace('"', r"\"")


def merge(parts: Iterable[tuple[Sequence[Family], Encoder]], *, openmetrics: bool = False) -> bytes:
    """The exposition of several targets, each with its encoder: one block for each family name, in order of appearance.

    In OpenMetrics a counter's family is named without `_total`. One whose name does not end so is exposed as `unknown`,
    and so is one whose shorter name is taken: series are called the same in both formats.
    """
    given = [([one for one in families if one.points], encoder) for families, encoder in parts]
    names = [one.name for families, _ in given for one in families]
    taken = frozenset(names)
    if len(taken) == len(names):
        texts = [encoder.text(families, taken, openmetrics=openmetrics) for families, encoder in given]
    else:
        blocks: dict[str, list[str]] = {}
        for families, encoder in given:
            written = encoder.blocks(families, taken, openmetrics=openmetrics)
            for one, (head, text) in zip(families, written, strict=True):
                # The first of a name gives the heading.
                blocks.setdefault(one.name, [head]).append(text)
        texts = [text for block in blocks.values() for text in block]
    if openmetrics:
        texts.append("# EOF\n")
    return "".join(texts).encode()


def _head(name: str, kind: str, help_: str, taken: frozenset[str], openmetrics: bool) -> str:
    if not openmetrics:
        return f"# HELP {name} {_escape(help_)}\n# TYPE {name} {kind}\n"
    name, kind = _called(name, kind, taken)
    return f"# HELP {name} {_quote(help_)}\n# TYPE {name} {kind}\n"


def _called(name: str, kind: str, taken: frozenset[str]) -> tuple[str, str]:
    """Name and kind of a family in OpenMetrics."""
    if kind == "untyped":
        return name, "unknown"
    if kind == "counter":
        stem = name.removesuffix("_total")
        return (name, "unknown") if stem == name or stem in taken or f"{stem}_created" in taken else (stem, kind)
    return name, kind


def encode(families: Sequence[Family], extra: Pairs = (), *, openmetrics: bool = False) -> bytes:
    """The exposition of families that are written once."""
    return merge([(families, Encoder(extra))], openmetrics=openmetrics)
