"""Our series beside those of the official postgres_exporter, read from one server at rest.

`docs/parity/postgresql.md` says in words what the constants here say.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pytest

from collectors.families import Family
from collectors.postgresql import COLLECTOR
from examples.servers import postgresql
from examples.servers.postgresql import PostgreSQLServer
from tests.collectors.helpers import parsed, target
from tests.conftest import need
from tests.servers import exporters, wait_until
from watchkeeper.clock import monotonic

# What the exporter says of itself, of its process, and of its own scrapes.
_META = ("go_", "process_", "promhttp_", "postgres_exporter_", "pg_exporter_", "pg_scrape_collector_")

# Series that theirs has and ours has not, beside those whose value is NaN (unknown): with the reason.
MISSING = {
    "pg_settings_transaction_read_only": "it says whether the asking transaction is read-only, which ours is",
}
# Where label values differ, with the reason.
OTHER_LABELS = {
    "pg_stat_replication_": "theirs has the process id of the WAL sender in slot_name, ours the slot's name",
}
# Series whose values the scrapes themselves move: theirs lies between what ours said before and what it says after.
MOVING = {
    "pg_stat_bgwriter_buffers_alloc_total": "a scrape reads pages of the catalogue",
    "pg_stat_bgwriter_buffers_backend_total": "a scrape may write a page of the catalogue (hint bits)",
    "pg_stat_database_active_time": "scrapes are activity",
    "pg_stat_database_blks_hit": "scrapes read the catalogue",
    "pg_stat_database_blks_read": "scrapes read the catalogue",
    "pg_stat_database_session_time": "the sessions of both grow older",
    "pg_stat_database_tup_fetched": "scrapes read the catalogue",
    "pg_stat_database_tup_returned": "scrapes read the catalogue",
    "pg_stat_database_xact_commit": "each scrape commits",
    "pg_stat_archiver_last_archive_age": "an age",
}
# Series that differ because another session asks: by how much at most, with the reason.
OTHER_SESSION = {
    "pg_locks_count": (1, "a scrape holds locks on the views that it reads, ours on one more of them at once"),
    "pg_settings_extra_float_digits": (1, "the driver of theirs sets it for its own session"),
    "pg_replication_slots_pg_wal_lsn_diff": (65_536, "the standby confirms a moment later, in bytes"),
    "pg_stat_activity_count": (1, "each of the two is idle while the other asks"),
    "pg_stat_activity_max_tx_duration": (1, "the age of the transaction that asks, in seconds"),
}

Series = tuple[str, frozenset[tuple[str, str]]]


@dataclass(frozen=True)
class Sides:
    """The series of both with type and value: ours before theirs were read, theirs, and ours after."""

    before: dict[Series, tuple[str, float]]
    ours: dict[Series, tuple[str, float]]
    theirs: dict[Series, tuple[str, float]]


def _series(families: Iterable[Family]) -> dict[Series, tuple[str, float]]:
    return {
        (name, frozenset((label, text) for label, text in pairs if text)): (family.kind, value)
        for family in families
        for name, pairs, value in family.points
        if not name.startswith(_META)
    }


def _sides(server: PostgreSQLServer) -> Sides:
    session = COLLECTOR.open(target("p", "postgresql", server.create_monitor_role()))
    try:
        with exporters.run_postgres(server) as exporter:
            # Each has its connections open and has read once, so that both see the same sessions.
            exporter.metrics()
            session.read(monotonic() + 10)
            before = session.read(monotonic() + 10)
            theirs = exporter.metrics()
            ours = session.read(monotonic() + 10)
    finally:
        session.close()
    return Sides(_series(before), _series(ours), _series(parsed(theirs).values()))


@pytest.fixture(scope="module")
def plain() -> Iterator[Sides]:
    """A server as it comes."""
    need(postgresql.available())
    need(exporters.available("postgres"))
    with postgresql.run() as server:
        yield _sides(server)


@pytest.fixture(scope="module")
def furnished() -> Iterator[Sides]:
    """A server with checksums, an archive, a slot and a standby, and statistics that were reset."""
    need(postgresql.available())
    need(exporters.available("postgres"))
    settings = {"archive_mode": "on", "archive_command": "true"}
    with postgresql.run(settings, checksums=True) as server, postgresql.run_standby(server):
        server.execute("SELECT pg_stat_reset()")
        server.execute("SELECT pg_switch_wal()")
        wait_until(lambda: server.execute("SELECT archived_count > 0 FROM pg_stat_archiver") == "t")
        replayed = "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn = pg_current_wal_lsn()"
        wait_until(lambda: server.execute(replayed) == "1", seconds=20)
        yield _sides(server)


def _share(sides: Sides) -> float:
    return len(sides.theirs.keys() & sides.ours.keys()) / len(sides.theirs)


def test_at_least_95_of_100_series_of_the_exporter_are_ours(plain: Sides) -> None:
    print(f"{len(plain.theirs.keys() & plain.ours.keys())} of {len(plain.theirs)} series: {_share(plain):.1%}")
    assert len(plain.theirs) > 400
    assert _share(plain) >= 0.95


def test_so_they_are_with_a_standby_and_an_archive(furnished: Sides) -> None:
    print(f"{len(furnished.theirs.keys() & furnished.ours.keys())} of {len(furnished.theirs)}: {_share(furnished):.1%}")
    assert _share(furnished) >= 0.97


@pytest.mark.parametrize("which", ["plain", "furnished"])
def test_what_is_missing_is_unknown_or_explained(which: str, request: pytest.FixtureRequest) -> None:
    sides: Sides = request.getfixturevalue(which)
    missing = {series: value for series, (_, value) in sides.theirs.items() if series not in sides.ours}
    unexplained = {
        series
        for series, value in missing.items()
        if not math.isnan(value) and series[0] not in MISSING and not series[0].startswith(tuple(OTHER_LABELS))
    }
    assert unexplained == set()


@pytest.mark.parametrize("which", ["plain", "furnished"])
def test_types_are_the_same(which: str, request: pytest.FixtureRequest) -> None:
    sides: Sides = request.getfixturevalue(which)
    common = sides.theirs.keys() & sides.ours.keys()
    assert {
        one[0]: (sides.theirs[one][0], sides.ours[one][0])
        for one in common
        if sides.theirs[one][0] != sides.ours[one][0]
    } == {}


@pytest.mark.parametrize("which", ["plain", "furnished"])
def test_values_are_equal_on_a_server_at_rest(which: str, request: pytest.FixtureRequest) -> None:
    sides: Sides = request.getfixturevalue(which)
    moving = MOVING.keys() | OTHER_SESSION.keys()
    common = [one for one in sides.theirs.keys() & sides.ours.keys() if one[0] not in moving]
    different = {
        one: (sides.theirs[one][1], sides.ours[one][1]) for one in common if sides.theirs[one][1] != sides.ours[one][1]
    }
    assert different == {}
    assert len(common) > 300


@pytest.mark.parametrize("which", ["plain", "furnished"])
def test_values_that_scrapes_move_lie_between_ours_before_and_after(which: str, request: pytest.FixtureRequest) -> None:
    sides: Sides = request.getfixturevalue(which)
    wrong, seen = {}, set()
    for one in sides.theirs.keys() & sides.ours.keys() & sides.before.keys():
        if one[0] in MOVING or one[0] in OTHER_SESSION:
            seen.add(one[0])
            most = OTHER_SESSION.get(one[0], (0, ""))[0]
            before, theirs, after = (side[one][1] for side in (sides.before, sides.theirs, sides.ours))
            if not min(before, after) - most <= theirs <= max(before, after) + most:
                wrong[one] = (before, theirs, after)
    assert wrong == {}
    if which == "furnished":
        assert seen == MOVING.keys() | OTHER_SESSION.keys()


def test_replication_has_the_exporters_names_and_labels(furnished: Sides) -> None:
    names = {(name, frozenset(dict(labels))) for name, labels in furnished.theirs if "replication" in name}
    ours = {(name, frozenset(dict(labels))) for name, labels in furnished.ours}
    assert names and names <= ours
