from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from detectors.crews import Cluster, Local, crew_of
from detectors.history import History
from detectors.seasonal import DetectionError, Tick
from detectors.shards import opening_of, run
from tests.conftest import need
from tests.detectors.engines import AGE
from tests.detectors.series import STEP
from tests.detectors.shard_work import (
    FAULTY,
    GONE,
    LATE,
    SERIES,
    TICKS,
    Counting,
    asked,
    bytes_of,
    deadly,
    filled,
    job,
    opened,
)
from tests.servers import dask
from tests.servers.prometheus import PrometheusServer
from watchkeeper import queries as q
from watchkeeper.errors import SettingsError, StoreError
from watchkeeper.settings import parse
from watchkeeper.stores import Store
from watchkeeper.stores.embedded import EmbeddedStore


@pytest.fixture(scope="module")
def store() -> Iterator[EmbeddedStore]:
    with filled() as made:
        yield made


@pytest.fixture(scope="module")
def whole(store: EmbeddedStore) -> bytes:
    """What one process finds in one piece."""
    return bytes_of(run(job(), store, shards=1))


@pytest.fixture(autouse=True, scope="module")
def _no_process_stays() -> Iterator[None]:
    yield
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=True, kill_workers=True)


@pytest.mark.parametrize("shards", [2, 5])
def test_any_number_of_shards_finds_the_same(store: EmbeddedStore, whole: bytes, shards: int) -> None:
    assert bytes_of(run(job(), store, shards=shards)) == whole


def test_the_length_of_the_blocks_changes_nothing(store: EmbeddedStore, whole: bytes) -> None:
    assert bytes_of(run(job(cells=17 * SERIES), store, shards=2)) == whole


def test_the_outcome_says_what_was_found(store: EmbeddedStore) -> None:
    found = run(job(), store, shards=3)
    assert [one.labels["tool"] for one in found.deviations] == [f"tool-{FAULTY}"]
    assert list(found.keys) == sorted(found.keys)
    judged = {labels["tool"]: int(count) for labels, count in zip(found.labels, found.judged, strict=True)}
    assert judged["tool-0"] == TICKS and judged[f"tool-{LATE}"] == TICKS - 77
    # An instant query finds the last value for five minutes more, which is no step here.
    assert judged[f"tool-{GONE}"] == 61
    assert np.array_equal(found.scores.sum(axis=1), found.judged)
    assert all(array.shape[-1] == SERIES for array in found.arrays.values())


def test_a_detector_goes_on_from_the_outcome(store: EmbeddedStore) -> None:
    found = run(job(), store, shards=4)
    detector = job().make(len(found.keys))
    for name, array in found.arrays.items():
        detector.put(name, array)
    verdict = detector.tick(found.last + STEP, np.ones(len(found.keys)))
    assert isinstance(verdict, Tick)
    expected = verdict.expected
    there = [labels["tool"] != f"tool-{GONE}" for labels in found.labels]
    assert np.isfinite(expected).all()
    assert np.allclose(expected[there], 1.0, atol=0.8)


def test_no_block_is_larger_than_allowed(store: EmbeddedStore, tmp_path: Path) -> None:
    log = tmp_path / "log"
    cells = 10 * SERIES
    run(job(cells=cells), Counting(store, log), shards=2)
    asks = asked(log)
    assert sum(ask.steps for ask in asks) == TICKS
    assert max(ask.series * ask.steps for ask in asks) <= cells


def test_few_series_are_worked_through_here(store: EmbeddedStore, whole: bytes) -> None:
    class Nobody:
        alone = False

        def run(self, work: object, tasks: object) -> dict[str, object]:
            raise AssertionError("another process is asked")

    assert bytes_of(run(job(), store, crew=Nobody(), shards=2)) == whole


def test_local_workers_find_the_same_in_blocks_that_are_sent_to_them(store: EmbeddedStore, whole: bytes) -> None:
    assert bytes_of(run(job(cells=70 * SERIES), store, crew=Local(2), shards=3, few=0)) == whole


def test_workers_that_open_a_store_read_their_own_series_alone(
    store: EmbeddedStore, whole: bytes, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    opening = partial(opened, log)
    cells = 20 * SERIES
    found = run(job(cells=cells), store, crew=Local(2), opening=opening, shards=2, few=0, chapter=90)
    assert bytes_of(found) == whole
    asks = asked(log)
    # Each value is read once: the series that begins late or ends early is not asked for where it is not.
    assert max(ask.series for ask in asks) < SERIES
    assert sum(ask.series * ask.steps for ask in asks) <= SERIES * TICKS
    assert max(ask.series * ask.steps for ask in asks) <= cells


def test_a_local_worker_that_is_killed_in_the_middle_costs_nothing(
    store: EmbeddedStore, whole: bytes, tmp_path: Path
) -> None:
    opening = partial(deadly, tmp_path / "log", tmp_path, 1)
    found = run(job(cells=20 * SERIES), store, crew=Local(2), opening=opening, shards=2, few=0)
    assert (tmp_path / "0").exists()
    assert bytes_of(found) == whole


def test_a_shard_that_kills_every_worker_is_named(store: EmbeddedStore, tmp_path: Path) -> None:
    opening = partial(deadly, tmp_path / "log", tmp_path, 100)
    with pytest.raises(DetectionError, match=r"^shard \d of 2, steps 1 to 200: its worker died 2 times"):
        run(job(cells=20 * SERIES), store, crew=Local(2, attempts=2), opening=opening, shards=2, few=0)


def test_what_a_worker_raises_is_raised_here(store: EmbeddedStore) -> None:
    with pytest.raises(StoreError, match="the store is away"):
        run(job(), store, crew=Local(2), opening=_away, shards=2, few=0)


def _away() -> AbstractContextManager[Store]:
    raise StoreError("the store is away")


def test_a_worker_of_another_version_refuses(store: EmbeddedStore) -> None:
    with pytest.raises(DetectionError, match=r"who sent the shard has 0\.0\.1: install the same"):
        run(job(version="0.0.1"), store, shards=1)


def test_a_history_without_steps_is_refused(store: EmbeddedStore) -> None:
    empty = History(q.value(AGE), STEP, 10, 9)
    with pytest.raises(DetectionError, match="from step 10 to 9 has no steps"):
        run(replace(job(), history=empty), store)


def test_a_history_without_series_has_an_empty_outcome() -> None:
    with EmbeddedStore(None) as nothing:
        found = run(job(), nothing)
    assert found.keys == () and found.deviations == () and found.scores.shape == (0, 100)


def test_the_state_is_left_out_on_request(store: EmbeddedStore) -> None:
    found = run(job(state=False), store, shards=2)
    assert found.arrays == {} and len(found.keys) == SERIES and len(found.deviations) == 1


def test_a_query_that_cannot_be_divided_is_read_here_once(store: EmbeddedStore, tmp_path: Path) -> None:
    log = tmp_path / "log"
    made = replace(job(), history=History(q.topk(20, q.value(AGE)), STEP, 1, 40))
    apart = run(made, store, crew=Local(2), opening=partial(opened, log), shards=2, few=0)
    assert asked(log) == []
    assert bytes_of(apart) == bytes_of(run(made, store, shards=1))


def test_workers_read_a_real_prometheus_themselves(
    store: EmbeddedStore, whole: bytes, prometheus_server: Callable[..., PrometheusServer], tmp_path: Path
) -> None:
    answer = store.range(q.value(AGE), STEP, TICKS * STEP, STEP)
    lines = ["# TYPE test_age_seconds gauge", "# UNIT test_age_seconds seconds"]
    for labels, row in zip(answer.series, answer.values, strict=True):
        mine = [(at, value) for at, value in zip(answer.times.tolist(), row.tolist(), strict=True) if value == value]
        lines += [f'test_age_seconds{{tool="{labels["tool"]}"}} {value!r} {at!r}' for at, value in mine]
    server = prometheus_server(backfill=["\n".join([*lines, "# EOF", ""])])
    settings = parse(f"store: {{prometheus: {{url: {server.url}}}}}")
    opening = opening_of(settings.store)
    assert opening is not None
    with opening() as prometheus:
        found = run(job(cells=70 * SERIES), prometheus, crew=Local(2), opening=opening, shards=2, few=0)
    assert bytes_of(found) == whole


def test_the_embedded_store_is_read_by_one_process() -> None:
    assert opening_of(parse("").store) is None


# -- the crew of the settings --


def test_the_settings_say_who_does_the_work() -> None:
    crew = crew_of(parse("detect: {workers: 3}").detect)
    assert isinstance(crew, Local) and crew.workers == 3 and not crew.alone
    assert Local(1).alone
    assert Local().workers >= 1


def test_the_settings_name_a_cluster() -> None:
    need(dask.available())
    crew = crew_of(parse("detect: {dask: 'tcp://scheduler:8786'}").detect)
    assert isinstance(crew, Cluster) and crew.address == "tcp://scheduler:8786" and not crew.alone


@pytest.mark.parametrize(
    "text,message",
    [
        ("detect: {workers: -1}", "detect.workers: workers is -1: write 0"),
        ("detect: {dask: 'http://scheduler:8786'}", "is no scheduler: write tcp://HOST:8786"),
        ("detect: {dask: 'tls://scheduler:8786'}", "tls goes with a dask address"),
        ("detect: {dask: 'tcp://scheduler:8786', tls: {ca_file: a, cert_file: b, key_file: c}}", "tls goes with"),
    ],
)
def test_settings_of_a_crew_that_cannot_be_are_refused(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=f"^watchkeeper.yaml:1: .*{message}"):
        parse(text)


# -- a Dask cluster --


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    need(dask.available())
    with dask.scheduler() as address:
        yield address


@pytest.mark.server
def test_a_cluster_without_workers_is_not_waited_for_for_ever(store: EmbeddedStore, scheduler: str) -> None:
    with pytest.raises(DetectionError, match=rf"2 shards wait.* no worker for 0 s: .*dask worker {scheduler}"):
        run(job(), store, crew=Cluster(scheduler, patience=0.0), shards=2, few=0)


@pytest.mark.server
@pytest.mark.long
def test_of_two_dask_workers_one_is_killed_in_the_middle_and_nothing_is_lost_or_found_twice(
    store: EmbeddedStore, whole: bytes, scheduler: str, tmp_path: Path
) -> None:
    opening = partial(deadly, tmp_path / "log", tmp_path, 1)
    with dask.worker(scheduler) as one, dask.worker(scheduler) as other:
        found = run(job(cells=20 * SERIES), store, crew=Cluster(scheduler), opening=opening, shards=4, few=0)
        assert sorted([one.running, other.running]) == [False, True]
    assert bytes_of(found) == whole


@pytest.mark.server
def test_a_dask_worker_is_sent_blocks_of_a_store_that_it_cannot_open(
    store: EmbeddedStore, whole: bytes, scheduler: str
) -> None:
    with dask.worker(scheduler):
        assert bytes_of(run(job(cells=70 * SERIES), store, crew=Cluster(scheduler), shards=2, few=0)) == whole


@pytest.mark.server
@pytest.mark.long
def test_a_shard_that_kills_more_workers_than_the_scheduler_allows_is_named(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    need(dask.available())
    opening = partial(deadly, tmp_path / "log", tmp_path, 1)
    message = r"^shard \d of 2, steps 1 to 200: killed every worker of tcp://"
    with (
        dask.scheduler(allowed_failures=0) as address,
        dask.worker(address),
        pytest.raises(DetectionError, match=message),
    ):
        run(job(cells=20 * SERIES), store, crew=Cluster(address), opening=opening, shards=2, few=0)


@pytest.mark.server
@pytest.mark.long
def test_a_dask_worker_without_what_it_needs_says_so(store: EmbeddedStore, scheduler: str) -> None:
    with (
        dask.worker(scheduler),
        pytest.raises(DetectionError, match=r"cannot load it .*nowhere.*: install Watchkeeper"),
    ):
        run(job(), store, crew=Cluster(scheduler), opening=_unknown, shards=2, few=0)


def _unknown() -> AbstractContextManager[Store]:
    raise ModuleNotFoundError("No module named 'nowhere'")


@pytest.mark.server
def test_an_address_without_a_scheduler_is_named(store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    need(dask.available())
    monkeypatch.setattr("detectors.crews._CONNECT", 0.5)
    with pytest.raises(DetectionError, match=r"no scheduler at tcp://127\.0\.0\.1:9 .*start one with `dask scheduler`"):
        run(job(), store, crew=Cluster("tcp://127.0.0.1:9"), shards=2, few=0)
