"""The detectors of logs and traces over an Elasticsearch, from the commands as people type them."""

from __future__ import annotations

import json
import math
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.app.detect_stores import asked, write_store
from tests.app.test_detect_follow import following
from tests.app.test_loop import get, running
from tests.detectors.elastic_cluster import Cluster, Document, cluster
from tests.servers import free_port, http, wait_until
from tests.servers.prometheus import PrometheusServer
from watchkeeper.app.cli import main

MINUTE, HOUR = 60.0, 3_600.0
WRONG = 12
KEYS = [
    "logs.errors_in_elasticsearch",
    "logs.new_errors_in_elasticsearch",
    "logs.records_in_elasticsearch",
    "traces.errors_in_elasticsearch",
]
QUIET = {"logs": "logs-*", "traces": "traces-*"}


def records(end: float, wrong: int = WRONG, hours: int = 9) -> list[Document]:
    """Two records of info and, on average, half of one of error a minute; sixty errors of a new kind in the last
    `wrong` minutes.
    """
    found = []
    for minute in range(-60 * hours, 0):
        at = end + 60 * minute
        found += [_record(at + s, "INFO", f"took {s} ms") for s in range(0, 60, 2)]
        found += [_record(at + s, "error", f"cannot reach db-{s}") for s in range(1, 2 + minute % 3)]
        if minute >= -wrong:
            found += [_record(at + s, "error", f"disk sd{s} is full") for s in range(60)]
    return found


def _record(at: float, level: str, message: str) -> Document:
    return {"@timestamp": at, "service.name": "gateway", "log.level": level, "message": message}


@pytest.fixture
def end() -> float:
    """The end of what is searchable by now: a minute ago."""
    return 60.0 * (math.floor(time.time() / 60) - 1)


@pytest.fixture
def elastic(end: float) -> Iterator[Cluster]:
    with cluster(**{"logs-*": records(end), "traces-*": []}) as found:
        yield found


def settings(directory: Path, url: str, *more: str) -> str:
    path = directory / "watchkeeper.yaml"
    path.write_text(f"data: {json.dumps(str(directory / 'data'))}\n" + "\n".join([_key(url), *more]) + "\n")
    return str(path)


def _key(url: str, more: str = "") -> str:
    return f"elasticsearch: {{url: '{url}', history: 3h{more}}}"


def test_once_finds_the_errors_of_a_cluster_without_any_metrics(
    tmp_path: Path, elastic: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = asked(capsys, "detect", "--once", "--config", settings(tmp_path, elastic.url))
    assert code == 1
    told = {one["detector"] for one in found["deviations"]}
    assert {"logs.errors_in_elasticsearch", "logs.new_errors_in_elasticsearch"} <= told <= set(KEYS)
    assert found["not_evaluated"] == []


@pytest.mark.long
def test_once_of_a_past_time_knows_nothing_of_what_came_later(
    tmp_path: Path, elastic: Cluster, end: float, capsys: pytest.CaptureFixture[str]
) -> None:
    before = str(end - (WRONG + 1) * MINUTE)
    code, found = asked(capsys, "detect", "--once", "--at", before, "--config", settings(tmp_path, elastic.url))
    assert (code, found["deviations"]) == (0, [])
    assert max(body["query"]["bool"]["filter"][0]["range"]["@timestamp"]["lt"] for _, body in elastic.asked) <= (
        1_000 * (float(before) + MINUTE)
    )


@pytest.mark.long
def test_explain_says_what_was_expected_of_a_service(
    tmp_path: Path, elastic: Cluster, end: float, capsys: pytest.CaptureFixture[str]
) -> None:
    config = settings(tmp_path, elastic.url)
    code, found = asked(capsys, "explain", "logs.errors_in_elasticsearch", "service=gateway", "--config", config)
    assert code == 1
    assert found["since"] == pytest.approx(end - WRONG * MINUTE, abs=3 * MINUTE)


@pytest.mark.long
def test_backtest_tells_the_same_of_the_past(
    tmp_path: Path, elastic: Cluster, end: float, capsys: pytest.CaptureFixture[str]
) -> None:
    config = settings(tmp_path, elastic.url)
    words = ["--from", str(end - HOUR), "--to", str(end), "--learn", "3h"]
    code, found = asked(capsys, "backtest", *words, "--config", config)
    rows = {one["detector"]: one for one in found["detectors"]}
    assert (code, list(rows)) == (0, [key for key in rows if key in KEYS])
    for key in ("logs.errors_in_elasticsearch", "logs.new_errors_in_elasticsearch"):
        (one,) = rows[key]["deviations"]
        assert one["since"] == pytest.approx(end - WRONG * MINUTE, abs=3 * MINUTE)


def test_without_the_key_they_are_off(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = write_store(tmp_path, wrong=0)
    code, found = asked(capsys, "backtest", "--from", "1h", "--learn", "1h", "--config", world.config)
    assert code == 0
    assert not {one["detector"] for one in found["detectors"]} & set(KEYS)


def test_one_that_is_asked_for_without_the_key_says_what_to_write(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = write_store(tmp_path, minutes=2, wrong=0)
    assert _failed("detect", "--once", "logs.errors_in_elasticsearch", "--config", world.config) == 3
    assert "write `elasticsearch` in the settings" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [("detect", "--once"), ("explain", KEYS[0]), ("backtest", "--from", "1h", "--learn", "1h")]
)
def test_a_cluster_that_is_away_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert _failed(*words, "--config", settings(tmp_path, url)) == 3
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert url in lines[0] and "connection refused" in lines[0]


def test_metrics_are_judged_while_the_cluster_is_away(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    world = write_store(tmp_path, settings=f"{_key(url)}\n")
    with pytest.raises(SystemExit) as ended:
        main(["detect", "--once", "--json", "--config", world.config])
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert ended.value.code == 1
    assert {one["detector"] for one in found["deviations"]} == {"redis.memory"}
    assert set(KEYS) <= set(found["not_evaluated"])
    assert len(said.err.splitlines()) == 1


def test_all_well_but_a_cluster_that_is_away_is_not_all_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = write_store(tmp_path, wrong=0, settings=f"{_key(f'http://127.0.0.1:{free_port()}')}\n")
    assert _failed("detect", "--once", "--config", world.config) == 3
    assert "not evaluated, so that nobody knows whether all is well" in capsys.readouterr().err


def _failed(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main([*words])
    return int(ended.value.code or 0)


def told(elastic: Cluster) -> dict[str, dict[str, Any]]:
    """The documents of deviations that were written, by detector."""
    found = elastic.written.get("watchkeeper-deviations", {}).values()
    return {one["rule"]["name"]: one for one in found}


def _metrics_of_one_that_told(address: str) -> str:
    """What a process says of itself once it has put a document into the queue."""
    text = ""

    def has_told() -> bool:
        nonlocal text
        text = http.get_text(f"http://{address}/metrics")
        accepted = re.search(r'push_records_accepted_total\{destination="elasticsearch"\} (\S+)', text)
        return accepted is not None and float(accepted[1]) > 0

    wait_until(has_told, seconds=60, what="a document")
    return text


def test_follow_writes_documents_and_a_restart_writes_no_others(tmp_path: Path, elastic: Cluster) -> None:
    (tmp_path / "watchkeeper.yaml").write_text(
        f"data: data\n{_key(elastic.url, ', deviations: {}')}\nconsole_url: https://watch\n"
    )
    ids: list[list[str]] = []
    metrics = []
    for _ in range(2):
        address = f"127.0.0.1:{free_port()}"
        with following(tmp_path / "watchkeeper.yaml", address, detectors=KEYS) as process:
            metrics.append(_metrics_of_one_that_told(address))
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 0
            assert process.stderr is not None
            assert "Traceback" not in process.stderr.read()
        ids.append(sorted(elastic.written["watchkeeper-deviations"]))
    # The second one goes on where the first has ended, and may have nothing to judge for a minute.
    assert 'watchkeeper_detector_up{detector="logs.errors_in_elasticsearch"} 1.0' in metrics[0]
    assert ids[0] == ids[1] and len(ids[0]) == 1
    (one,) = told(elastic).values()
    assert one["service"] == {"name": "gateway"}
    assert one["event"]["reference"].startswith("https://watch/library/logs/")


@pytest.mark.long
def test_follow_goes_on_beside_a_cluster_that_is_away(tmp_path: Path) -> None:
    write_store(tmp_path, minutes=120, wrong=30, settings=f"{_key(f'http://127.0.0.1:{free_port()}')}\n")
    address = f"127.0.0.1:{free_port()}"
    with following(tmp_path / "watchkeeper.yaml", address, detectors=[*KEYS, "redis.memory"]) as process:
        text = ""

        def judged() -> bool:
            nonlocal text
            text = http.get_text(f"http://{address}/metrics")
            return 'watchkeeper_detector_up{detector="redis.memory"} 1.0' in text

        wait_until(judged, seconds=60)
        assert 'watchkeeper_detector_deviating{detector="redis.memory",exported_instance="a:6379"' in text
        for key in KEYS:
            assert f'watchkeeper_detector_up{{detector="{key}"}} 0.0' in text
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
        assert process.stderr is not None
        errors = process.stderr.read()
        assert "Traceback" not in errors
        assert errors.count("not evaluated: http") == 1


@pytest.mark.long
def test_up_judges_the_cluster_and_writes_documents(tmp_path: Path, elastic: Cluster) -> None:
    (tmp_path / "watchkeeper.yaml").write_text(
        f"data: data\nscrape_interval: 1s\n{_key(elastic.url, ', deviations: {index: mine}')}\n"
    )
    address = f"127.0.0.1:{free_port()}"
    with running("up", cwd=tmp_path, address=address) as process:
        wait_until(lambda: elastic.written.get("mine"), seconds=90, what="documents")
        wait_until(lambda: 'detector="logs.errors_in_elasticsearch"' in get(f"http://{address}/metrics"), seconds=60)
        wait_until(lambda: "in_elasticsearch" in get(f"http://{address}/api/incidents"), seconds=30)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    assert "mine" in elastic.templates


@pytest.mark.long
def test_serve_judges_the_cluster_beside_a_prometheus(
    tmp_path: Path, elastic: Cluster, prometheus_server: Callable[..., PrometheusServer]
) -> None:
    prometheus = prometheus_server("global: {scrape_interval: 1s}\n")
    (tmp_path / "watchkeeper.yaml").write_text(
        f"data: data\nstore: {{prometheus: {{url: '{prometheus.url}'}}}}\n{_key(elastic.url, ', deviations: {}')}\n"
    )
    address = f"127.0.0.1:{free_port()}"
    with running("serve", cwd=tmp_path, address=address) as process:
        wait_until(lambda: told(elastic), seconds=90, what="documents")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    assert set(told(elastic)) <= set(KEYS)
