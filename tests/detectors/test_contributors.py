"""Which label values explain a change, and how much of it each."""

from __future__ import annotations

from collections.abc import Callable

from detectors.contributors import Contributor, contributors
from tests.detectors.engines import COST
from tests.detectors.series import FakeStore
from watchkeeper import queries as q

CHANGE = 1_000.0
WHOLE = q.sum_by(q.rate(COST))


def step(before: float, after: float) -> Callable[[float], float]:
    """A series that changes its value once."""
    return lambda at: after if at >= CHANGE else before


def store(**steps: tuple[float, float]) -> FakeStore:
    """A series for each model, with its value before and after the change."""
    return FakeStore({(("model", name),): step(*values) for name, values in steps.items()})


def found(world: FakeStore) -> list[tuple[str, float]]:
    """Value and share of each contributor."""
    return [(c.value, round(c.share, 3)) for c in contributors(WHOLE, world, {}, 500.0, 1_500.0, auto=300.0)]


def test_the_largest_share_comes_first_and_shares_add_up() -> None:
    assert found(store(small=(1.0, 2.0), large=(1.0, 4.0), tiny=(1.0, 1.0))) == [("large", 0.75), ("small", 0.25)]


def test_a_fall_is_explained_by_what_fell() -> None:
    assert found(store(small=(5.0, 5.0), large=(9.0, 1.0))) == [("large", 1.0)]


def test_a_value_that_appears_is_all_of_what_it_brings() -> None:
    world = store(small=(1.0, 1.0))
    world.series_of[(("model", "new"),)] = lambda at: 3.0 if at >= CHANGE else None
    assert found(world) == [("new", 1.0)]


def test_who_moved_against_the_change_is_not_named_and_others_have_more_than_all() -> None:
    assert found(store(up=(1.0, 4.0), down=(3.0, 2.0))) == [("up", 1.5)]


def test_small_shares_are_left_out() -> None:
    assert found(store(most=(0.0, 95.0), least=(0.0, 5.0))) == [("most", 0.95)]


def test_no_change_and_no_sum_have_no_contributors() -> None:
    assert found(store(a=(1.0, 2.0), b=(2.0, 1.0))) == []
    world = store(a=(1.0, 5.0), b=(1.0, 1.0))
    assert contributors(q.rate(COST), world, {}, 500.0, 1_500.0, auto=300.0) == ()


def test_a_share_reads_as_a_percentage() -> None:
    assert str(Contributor("model", "large", 0.75)) == "model=large (75%)"
