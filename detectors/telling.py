"""Telling: deviations in groups to a sink, as long as they last, and again until the sink has taken them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from detectors.deviations import Deviation
from detectors.groups import WINDOW, Group, Groups, Relation
from detectors.knowledge import Knowledge
from detectors.lately import Lately
from watchkeeper.deliveries import Delivery, DeliverySink

__all__ = ["RESEND", "Edges", "Teller"]

Edges = Callable[[], Iterable[tuple[str, str]]]
"""Who calls whom: pairs of the caller and the called."""

RESEND = 60.0
"""Seconds between deliveries of a deviation that lasts, divided by the pace: Prometheus' own resend delay."""
# How often is asked who calls whom: that changes with a deploy, and the answer may be dear.
_EDGES_EVERY = 300.0
_log = logging.getLogger("watchkeeper.detectors")


class Teller:
    """Groups what deviates and delivers each group; `edges` is asked in a thread of its own."""

    def __init__(
        self, sink: DeliverySink, *, pace: float = 1.0, knowledge: Knowledge | None = None, edges: Edges | None = None
    ) -> None:
        self._sink = sink
        self._resend = RESEND / pace
        self._knowledge = knowledge
        self._edges = None if edges is None else Lately(lambda: tuple(edges()), _EDGES_EVERY, "calls between services")
        self._known: tuple[tuple[str, str], ...] | None = None
        self._ended: list[Group] = []
        self.groups = Groups(window=WINDOW / pace)

    def tell(self, at: float, deviations: Mapping[str, Deviation], over: Sequence[Deviation]) -> None:
        """Deliver what is due of all open `deviations`, by key, and of those that have ended since the last time.

        What the sink refuses is logged, and sent again with the next.
        """
        if self._edges is not None and (newest := self._edges.newest(at)) != self._known and newest is not None:
            self._known, self.groups.relation = newest, Relation.of(newest)
        for group in self.groups.update(at, deviations):
            # It ended with the value that ended the last of it, however long ago that was judged.
            group.ended = max((one.ended for one in group.members.values() if one.ended is not None), default=at)
            self._ended.append(group)
        # What opened and closed before anybody was told needs no telling.
        self._ended = [group for group in self._ended if group.sent_at is not None]
        if self._knowledge is not None:
            self._knowledge.remember([one for one in over if one.sent_at is not None])
        due = [g for g in self.groups.open if g.sent_at is None or at - g.sent_at >= self._resend]
        if due or self._ended:
            self._send(at, due)

    def _send(self, at: float, due: Sequence[Group]) -> None:
        if self._knowledge is not None:
            for group in due:
                head = group.head
                if head.ended is None:
                    head.notes = self._knowledge.named(head.detector, head.labels, head.since, at)
        # One that came back after an end that nobody took is told last, so that it is the last word.
        deliveries: list[Delivery] = [group.delivery(at) for group in (*self._ended, *due)]
        try:
            self._sink.deliver(deliveries)
        except Exception as error:  # noqa: BLE001 - whatever the sink raises, it has not taken them: they are sent again
            _log.warning("%d deviations not delivered, will be tried again: %s", len(deliveries), error)
            return
        fresh = []
        for group in due:
            group.sent_at = at
            for key in group.lasting:
                one = group.members[key]
                fresh += [one] if one.sent_at is None else []
                one.sent_at = at
        self._ended = []
        if self._knowledge is not None:
            self._knowledge.remember(fresh)

    def restore(
        self, state: Sequence[Mapping[str, Any]], lasting: Mapping[str, Deviation], heads: Mapping[str, Deviation]
    ) -> None:
        """Put the groups back: those of the state, and new ones of what is in none of them; all were told before."""
        self.groups.restore(state, {**heads, **lasting})
        self.groups.update(max((one.at for one in lasting.values()), default=0.0), lasting)
        for group in self.groups.open:
            # At least once more is due soon, which tells the receiver that it still lasts.
            group.sent_at = group.head.at
