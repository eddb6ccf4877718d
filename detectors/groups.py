"""Groups: one delivery for what moves together, with a leader and its members.

A deviation joins a group when its series belongs to the same service or place as one of the group's, or to one that
calls it or is called by it, and began about when that one did; or when it is known to be the same problem. Whoever is
called owns all of it: a group has one owner, and nothing joins a group of lower severity, which would hide it.

A group keeps its leader, and so the labels and the fingerprint of its deliveries, until its last member has ended: for
Alertmanager it is one alert, whoever comes and goes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from detectors.components import place_of, service_of
from detectors.deviations import Deviation
from detectors.texts import clock_time, series_name
from watchkeeper.deliveries import Delivery

__all__ = ["WINDOW", "Group", "Groups", "Relation"]

WINDOW = 600.0
"""Seconds between the onsets of two deviations of one problem: the hold of most detectors is 5 minutes and a window
of rates 5 more, so that one fault is seen by a fast and a slow detector up to 10 minutes apart."""
# A cascade goes on for longer than one window, and not for ever: then it is another problem.
_WINDOWS = 4.0
_SEVERITIES = ("info", "warning", "critical")
_NAMED = 5
_LISTED = 50


@dataclass(frozen=True, slots=True)
class Relation:
    """Which components belong together: the same name, or an edge between two, whichever calls the other."""

    near: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, edges: Iterable[tuple[str, str]] = ()) -> Relation:
        """The relation of (caller, callee) pairs, as traces, a mesh or the settings know them."""
        near: dict[str, set[str]] = {}
        for a, b in edges:
            near.setdefault(a, set()).add(b)
            near.setdefault(b, set()).add(a)
        return cls({name: frozenset(others) for name, others in near.items()})

    def nodes(self, labels: Mapping[str, str], system: str) -> frozenset[str]:
        """The components of a series: its service and its place; the system for one that has neither."""
        return frozenset(one for one in (service_of(labels), place_of(labels)) if one) or frozenset(
            {f"system {system}"}
        )

    def around(self, nodes: Iterable[str]) -> frozenset[str]:
        """These components and those that they are related to."""
        own = frozenset(nodes)
        return own.union(*(self.near.get(node, frozenset()) for node in own))


@dataclass(slots=True)
class Group:
    """One problem: its leader, and every deviation that was ever of it, by key, in the order in which they joined.

    `leader` is the key of the first: the most severe of those that were found at once, the earliest of these, the
    strongest of these. `ended` is None while a member lasts. `sent_at` belongs to who delivers.
    """

    leader: str
    members: dict[str, Deviation]
    since: float
    ended: float | None = None
    sent_at: float | None = None
    joined_at: float = 0.0
    onsets: dict[str, tuple[float, float]] = field(default_factory=dict)
    lasting: set[str] = field(default_factory=set)

    @property
    def head(self) -> Deviation:
        """The leader's deviation, as it is or last was."""
        return self.members[self.leader]

    def others(self) -> list[Deviation]:
        """The members that last, without the leader: the earliest first, the strongest of these first."""
        found = [d for key, d in self.members.items() if key in self.lasting and key != self.leader]
        return sorted(found, key=lambda d: (d.since, -d.score, d.detector.key, sorted(d.labels.items())))

    def text(self, now: float) -> str:
        """What the leader says, and who is with it."""
        text, others = self.head.text(now), self.others()
        if others:
            named = ", ".join(_said(one, now) for one in others[:_NAMED])
            rest = f", and {len(others) - _NAMED} others" if len(others) > _NAMED else ""
            joint = "Still out" if self.leader not in self.lasting else "With it"
            text += f" {joint}: {named}{rest}."
        if gone := len(self.members) - len(self.lasting | {self.leader}):
            text += f" {gone} more deviated with it and no longer {'does' if gone == 1 else 'do'}."
        return text

    def delivery(self, now: float) -> Delivery:
        """Its arrival: the leader's, firing as long as any member lasts, with `members` (JSON) and their number."""
        head = self.head.delivery(now)
        others = self.others()
        annotations = dict(head.annotations)
        if len(self.members) > 1:
            listed = [
                {
                    "detector": d.detector.key,
                    "labels": dict(d.labels),
                    "since": d.since,
                    "direction": _direction(d),
                    "score": round(d.score, 3),
                }
                for d in others[:_LISTED]
            ]
            count = str(len(self.members) - 1)
            annotations |= {"description": self.text(now), "members": json.dumps(listed), "members_count": count}
        return replace(
            head,
            status="firing" if self.ended is None else "resolved",
            annotations=annotations,
            starts_at=min(self.since, head.starts_at),
            ends_at=self.ended,
        )


class Groups:
    """The groups that are open.

    `window` is in seconds, already divided by the pace. `update` is called once a tick with all open deviations by
    their keys, so that the order in which detectors are evaluated does not matter.
    """

    def __init__(self, relation: Relation | None = None, *, window: float = WINDOW) -> None:
        self.relation = relation or Relation()
        self.window = window
        self._open: list[Group] = []
        self._of: dict[str, Group] = {}

    @property
    def open(self) -> tuple[Group, ...]:
        """Those with a member that lasts, the oldest first."""
        return tuple(self._open)

    def of(self, key: str) -> Group | None:
        """The open group of a deviation."""
        return self._of.get(key)

    def update(self, at: float, deviations: Mapping[str, Deviation]) -> tuple[Group, ...]:
        """Take in what deviates at a time, by key; the groups that have ended with it."""
        for group in self._open:
            group.lasting = {key for key in group.members if key in deviations}
            for key in group.lasting:
                group.members[key] = deviations[key]
        fresh = [(key, d) for key, d in deviations.items() if key not in self._of]
        for key, deviation in sorted(fresh, key=_order):
            self._join(key, deviation, at)
        ended = tuple(group for group in self._open if not group.lasting)
        for group in ended:
            group.ended = at
            for key in group.members:
                del self._of[key]
        self._open = [group for group in self._open if group.lasting]
        return ended

    def _join(self, key: str, deviation: Deviation, at: float) -> None:
        nodes = self.relation.nodes(deviation.labels, deviation.detector.system)
        around = self.relation.around(nodes)
        group = next((one for one in self._open if _together(one, key, deviation)), None)
        if group is None:
            group = next((one for one in self._open if self._fits(one, deviation, around)), None)
        if group is None:
            group = Group(key, {}, deviation.since)
            self._open.append(group)
        group.members[key] = deviation
        group.lasting.add(key)
        group.joined_at = at
        self._of[key] = group
        for node in nodes:
            first, last = group.onsets.get(node, (deviation.since, deviation.since))
            group.onsets[node] = (min(first, deviation.since), max(last, deviation.since))

    def _fits(self, group: Group, deviation: Deviation, around: frozenset[str]) -> bool:
        if not _belongs(deviation, group):
            return False
        since = deviation.since
        if abs(since - group.since) > _WINDOWS * self.window:
            return False
        met = (group.onsets[node] for node in around if node in group.onsets)
        return any(first - self.window <= since <= last + self.window for first, last in met)

    # -- saved and restored --

    def state(self) -> list[dict[str, Any]]:
        """What a restart needs, as plain values: beside the deviations themselves, who is whose."""
        return [
            {
                "leader": g.leader,
                "members": sorted(g.lasting | {g.leader}),
                "since": g.since,
                "onsets": {node: list(span) for node, span in g.onsets.items()},
            }
            for g in self._open
        ]

    def heads(self) -> dict[str, Deviation]:
        """The leaders that have ended while their groups last, by key: to be saved with the open deviations."""
        return {g.leader: g.head for g in self._open if g.leader not in g.lasting}

    def restore(self, state: Sequence[Mapping[str, Any]], deviations: Mapping[str, Deviation]) -> None:
        """Put the groups back from the restored deviations and `heads`; what is left over is grouped anew."""
        self._open, self._of = [], {}
        for entry in state:
            leader = str(entry["leader"])
            members = {str(key): deviations[key] for key in entry["members"] if key in deviations}
            lasting = {key for key, one in members.items() if one.ended is None}
            if leader not in members or not lasting:
                continue
            onsets = {str(node): (float(span[0]), float(span[1])) for node, span in entry["onsets"].items()}
            self._open.append(Group(leader, members, float(entry["since"]), onsets=onsets, lasting=lasting))
            self._of |= dict.fromkeys(members, self._open[-1])


def _belongs(deviation: Deviation, group: Group) -> bool:
    own, theirs = deviation.detector, group.head.detector
    return own.owner == theirs.owner and _SEVERITIES.index(own.severity) <= _SEVERITIES.index(theirs.severity)


def _together(group: Group, key: str, deviation: Deviation) -> bool:
    """Whether a deviation is known to be the same problem as one that lasts in a group, whoever said so."""
    known = any(name in deviation.goes_with or key in group.members[name].goes_with for name in group.lasting)
    return known and _belongs(deviation, group)


def _order(item: tuple[str, Deviation]) -> tuple[int, float, float, str]:
    key, d = item
    return -_SEVERITIES.index(d.detector.severity), d.since, -d.score, key


def _direction(deviation: Deviation) -> str:
    return "up" if deviation.observed >= deviation.expected else "down"


def _said(deviation: Deviation, now: float) -> str:
    name = series_name(deviation.labels)
    title = f"{deviation.detector.title}{f' of {name}' if name else ''}"
    return f"{title} ({_direction(deviation)} since {clock_time(deviation.since, now)})"
