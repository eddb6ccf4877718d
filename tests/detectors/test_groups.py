"""What moves together is one delivery: who joins whom, and that a group stays the one it is."""

from __future__ import annotations

import json
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.deviations import Deviation
from detectors.groups import Group, Groups, Relation
from tests.detectors.engines import START, declare
from watchkeeper.deliveries import fingerprint
from watchkeeper.signals import Polarity
from watchkeeper.units import SECONDS

MINUTE = 60.0


def deviation(
    labels: dict[str, str], *, since: float = 0.0, score: float = 0.9, key: str = "test.latency", **changes: object
) -> Deviation:
    declared = declare(key=key, polarity=Polarity.HIGH_IS_BAD, **changes)
    found = Deviation(declared, labels, SECONDS, "test", 60.0, START + since)
    found.observe(START + since + 300.0, 4.0, 0.5, 0.3, 0.6, score, 2)
    return found


def keyed(*deviations: Deviation) -> dict[str, Deviation]:
    return {fingerprint({**d.labels, "detector": d.detector.key}): d for d in deviations}


def test_an_outage_over_thirty_series_is_one_delivery_with_members() -> None:
    signals = [f"test.signal_{i}" for i in range(10)]
    outage = [
        deviation({"service": service, "instance": f"{service}-0"}, key=key, since=i * 10.0)
        for service in ("gateway", "worker", "database")
        for i, key in enumerate(signals)
    ]
    groups = Groups(Relation.of([("gateway", "worker"), ("worker", "database")]))
    groups.update(START + 600, keyed(*outage))
    (group,) = groups.open
    told = group.delivery(START + 600)
    assert told.status == "firing" and told.annotations["members_count"] == "29"
    assert len(json.loads(told.annotations["members"])) == 29
    assert "and 24 others" in told.annotations["description"]


def test_services_that_have_nothing_to_do_with_each_other_stay_apart() -> None:
    groups = Groups(Relation.of([("gateway", "worker")]))
    groups.update(START + 600, keyed(deviation({"service": "gateway"}), deviation({"service": "billing"})))
    assert len(groups.open) == 2


def test_what_begins_much_later_is_another_problem() -> None:
    groups = Groups(window=600.0)
    first, later = deviation({"service": "a"}), deviation({"service": "a"}, key="test.errors", since=3_000.0)
    groups.update(START + 600, keyed(first))
    groups.update(START + 3_600, keyed(first, later))
    assert len(groups.open) == 2


def test_a_cascade_of_short_steps_is_one_problem_and_does_not_go_on_for_ever() -> None:
    groups = Groups(window=600.0)
    chain = [deviation({"service": "a"}, key=f"test.s{i:02}", since=500.0 * i) for i in range(8)]
    groups.update(START + 10_000, keyed(*chain))
    assert sorted(len(group.members) for group in groups.open) == [3, 5]


def test_the_leader_is_the_earliest_and_of_these_the_strongest() -> None:
    groups = Groups()
    late = deviation({"service": "a"}, key="test.a", since=60.0, score=0.99)
    weak = deviation({"service": "a"}, key="test.b", score=0.6)
    strong = deviation({"service": "a"}, key="test.c", score=0.8)
    groups.update(START + 600, keyed(late, weak, strong))
    assert groups.open[0].head is strong


def test_a_critical_deviation_does_not_hide_in_a_group_of_warnings() -> None:
    groups = Groups()
    mild, grave = deviation({"service": "a"}), deviation({"service": "a"}, key="test.down", severity="critical")
    groups.update(START + 600, keyed(mild))
    groups.update(START + 660, keyed(mild, grave))
    assert [group.head.detector.severity for group in groups.open] == ["warning", "critical"]


def test_found_at_once_the_critical_one_leads() -> None:
    groups = Groups()
    mild = deviation({"service": "a"})
    grave = deviation({"service": "a"}, key="test.down", severity="critical", since=30.0)
    groups.update(START + 600, keyed(mild, grave))
    (group,) = groups.open
    assert group.head is grave


def test_each_owner_is_called_for_what_is_theirs() -> None:
    groups = Groups()
    ours, theirs = deviation({"service": "a"}), deviation({"service": "a"}, key="test.db", owner="databases")
    groups.update(START + 600, keyed(ours, theirs))
    assert len(groups.open) == 2


def test_a_group_fires_on_when_its_leader_is_well_and_others_are_not() -> None:
    groups = Groups()
    leader, other = deviation({"service": "a"}), deviation({"service": "a"}, key="test.errors", since=30.0)
    groups.update(START + 600, keyed(leader, other))
    before = groups.open[0].delivery(START + 600)
    leader.ended = START + 900
    groups.update(START + 900, keyed(other))
    after = groups.open[0].delivery(START + 900)
    assert (after.status, after.fingerprint, after.labels) == ("firing", before.fingerprint, before.labels)
    assert "Still out" in after.annotations["description"]


def test_a_group_is_resolved_once_all_have_ended() -> None:
    groups = Groups()
    leader, other = deviation({"service": "a"}), deviation({"service": "a"}, key="test.errors", since=30.0)
    groups.update(START + 600, keyed(leader, other))
    leader.ended = other.ended = START + 900
    (ended,) = groups.update(START + 900, {})
    told = ended.delivery(START + 900)
    assert (told.status, told.ends_at) == ("resolved", START + 900)
    assert groups.open == ()


def test_a_member_that_comes_back_is_the_same_members_again() -> None:
    groups = Groups()
    leader, other = deviation({"service": "a"}), deviation({"service": "a"}, key="test.errors", since=30.0)
    groups.update(START + 600, keyed(leader, other))
    groups.update(START + 900, keyed(leader))
    again = deviation({"service": "a"}, key="test.errors", since=9_000.0)
    groups.update(START + 9_300, keyed(leader, again))
    (group,) = groups.open
    assert len(group.members) == 2


def test_a_series_without_service_or_place_belongs_to_its_system() -> None:
    groups = Groups()
    groups.update(
        START + 600, keyed(deviation({"tool": "search"}), deviation({"model": "large"}, key="test.cost", since=60.0))
    )
    assert len(groups.open) == 1


def test_one_alone_is_delivered_as_it_would_be_without_groups() -> None:
    groups = Groups()
    alone = deviation({"service": "a"})
    groups.update(START + 600, keyed(alone))
    assert groups.open[0].delivery(START + 600) == alone.delivery(START + 600)


def test_groups_go_on_after_a_restart() -> None:
    groups = Groups()
    both = keyed(deviation({"service": "a"}), deviation({"service": "a"}, key="test.errors", since=30.0))
    groups.update(START + 600, both)
    again = Groups()
    again.restore(json.loads(json.dumps(groups.state())), both)
    third = deviation({"service": "a"}, key="test.memory", since=60.0)
    assert again.update(START + 660, {**both, **keyed(third)}) == ()
    (group,) = again.open
    assert group.leader == groups.open[0].leader and len(group.members) == 3


def test_a_group_whose_leader_is_well_goes_on_after_a_restart() -> None:
    groups, again = Groups(), Groups()
    leader, other = deviation({"service": "a"}), deviation({"service": "a"}, key="test.errors", since=30.0)
    groups.update(START + 600, keyed(leader, other))
    leader.ended = START + 900
    groups.update(START + 900, keyed(other))
    again.restore(groups.state(), {**keyed(other), **groups.heads()})
    assert again.update(START + 960, keyed(other)) == ()
    (group,) = again.open
    assert group.delivery(START + 960).fingerprint == groups.open[0].delivery(START + 960).fingerprint
    assert group.lasting == groups.open[0].lasting


SERVICES = st.sampled_from(["a", "b", "c", "d"])
EVENTS = st.lists(st.tuples(SERVICES, st.integers(0, 4), st.integers(0, 40), st.integers(1, 30)), max_size=15)


@settings(max_examples=40, deadline=None)
@given(EVENTS, st.randoms(use_true_random=False))
def test_groups_are_stable_whatever_comes_and_goes(
    events: list[tuple[str, int, int, int]], shuffle: random.Random
) -> None:
    groups, other = (Groups(Relation.of([("a", "b"), ("b", "c")]), window=5 * MINUTE) for _ in range(2))
    told_as: list[tuple[Group, str, str]] = []
    for minute in range(0, 75, 3):
        at = START + minute * MINUTE
        open_now = keyed(
            *(
                deviation(
                    {"service": service},
                    key=f"test.s{signal}",
                    since=begin * MINUTE,
                    severity="info" if signal % 2 else "warning",
                )
                for service, signal, begin, length in sorted(events)
                if begin <= minute < begin + length
            )
        )
        ended = groups.update(at, open_now)
        # Each open deviation is in exactly one open group, and no group is empty.
        members = [key for group in groups.open for key in group.lasting]
        assert sorted(members) == sorted(open_now)
        assert all(group.lasting for group in groups.open)
        assert all(group.ended == at for group in ended)
        # The delivery's identity never changes, and no two open groups share one.
        for group in groups.open:
            told = group.delivery(at)
            assert told.status == "firing"
            before = next((one for one in told_as if one[0] is group), None)
            if before is None:
                told_as.append((group, group.leader, told.fingerprint))
            else:
                assert before[1:] == (group.leader, told.fingerprint)
        assert len({group.leader for group in groups.open}) == len(groups.open)
        # The order in which detectors are evaluated changes nothing.
        items = list(open_now.items())
        shuffle.shuffle(items)
        other.update(at, dict(items))
        assert [(g.leader, g.lasting) for g in groups.open] == [(g.leader, g.lasting) for g in other.open]
