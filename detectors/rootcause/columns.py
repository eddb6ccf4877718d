"""Which part of a column's name is the component and which the signal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

__all__ = ["split_names"]

_MARK = "_"


def split_names(names: Sequence[str], components: Iterable[str] = ()) -> tuple[tuple[str, str], ...]:
    """Component and signal of each `component_signal`, where either may have underscores of its own.

    A name that begins with one of the known `components` is split there, the longest first. Else the split counts
    that repeats most: a component has several signals, a signal several components, so of all underscores that one
    wins whose left side is met with many right sides and the other way round. A name without an underscore is a
    component with the signal `value`.
    """
    known = sorted(set(components), key=len, reverse=True)
    cuts = [[i for i, sign in enumerate(name) if sign == _MARK and 0 < i < len(name) - 1] for name in names]
    rights: dict[str, set[str]] = defaultdict(set)
    lefts: dict[str, set[str]] = defaultdict(set)
    for name, places in zip(names, cuts, strict=True):
        for place in places:
            rights[name[:place]].add(name[place + 1 :])
            lefts[name[place + 1 :]].add(name[:place])

    def worth(name: str, place: int) -> tuple[int, int, int, int]:
        signals, components = len(rights[name[:place]]), len(lefts[name[place + 1 :]])
        # Between equals: the signal that more components have, then the shorter component.
        return min(signals, components), signals * components, components, -place

    found = []
    for name, places in zip(names, cuts, strict=True):
        owner = next((c for c in known if name == c or name.startswith(c + _MARK)), None)
        if owner is not None:
            found.append((owner, name[len(owner) + 1 :] or "value"))
        elif places:
            place = max(places, key=lambda p: worth(name, p))
            found.append((name[:place], name[place + 1 :]))
        else:
            found.append((name, "value"))
    return tuple(found)
