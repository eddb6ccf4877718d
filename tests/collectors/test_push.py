"""The pusher: what targets say arrives, once each interval, whatever happens to the receiver and the process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from collectors.push import Pusher
from collectors.runtime import Sidecar
from tests.collectors.helpers import Application, application, by_name, check_declared, parsed, target
from tests.servers import disk, otlp, wait_until
from tests.servers.otlp import OtlpReceiver
from watchkeeper.errors import SettingsError
from watchkeeper.settings import OtlpPush, PushSettings, RemoteWrite, Seconds, Secret, Target, parse
from watchkeeper.spool import SpoolError
from watchkeeper.systems.watchkeeper_signals import SIGNALS


@pytest.fixture
def app() -> Iterator[Application]:
    with application(text="# TYPE orders_total counter\norders_total 3\n# TYPE jobs gauge\njobs 5\n") as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    with otlp.run() as running:
        yield running


def _settings(receiver: OtlpReceiver, **fields: Any) -> PushSettings:
    fields.setdefault("timeout", Seconds(5))
    return PushSettings(interval=Seconds(0.1), otlp=OtlpPush(url=receiver.url, **fields))


def _shop(app: Application) -> Target:
    return target("shop-1", "shop", app.url, labels={"zone": "a"})


def test_what_targets_say_arrives_with_their_labels(app: Application, receiver: OtlpReceiver, tmp_path: Path) -> None:
    pusher = Pusher(Sidecar([_shop(app)]), _settings(receiver), tmp_path)
    pusher.start()
    wait_until(lambda: receiver.points("orders_total"), seconds=10)
    pusher.stop()
    labels, point = receiver.points("orders_total")[0]
    assert labels == {"service.name": "shop", "service.instance.id": "shop-1", "zone": "a"}
    assert point.as_double == 3.0
    assert receiver.points("up")[0][1].as_double == 1.0
    assert receiver.points("watchkeeper_target_up")[0][0]["target"] == "shop-1"
    assert receiver.points("watchkeeper_build_info")[0][0]["service.name"] == "watchkeeper"
    assert receiver.requests[0].path == "/v1/metrics"
    assert receiver.requests[0].headers["content-encoding"] == "gzip"


def test_rounds_come_each_interval(app: Application, receiver: OtlpReceiver, tmp_path: Path) -> None:
    pusher = Pusher(Sidecar([_shop(app)]), _settings(receiver), tmp_path)
    pusher.start()
    wait_until(lambda: len(receiver.points("jobs")) >= 4, seconds=10)
    pusher.stop(ended=False)
    times = [point.time_unix_nano / 1e9 for _, point in receiver.points("jobs")]
    assert times == sorted(times)
    assert min(b - a for a, b in pairwise(times)) > 0.05


def test_a_round_that_waits_out_an_outage_keeps_its_time(
    app: Application, receiver: OtlpReceiver, tmp_path: Path
) -> None:
    pusher = Pusher(Sidecar([_shop(app)]), _settings(receiver), tmp_path)
    receiver.stop()
    pusher.start()
    wait_until(lambda: _value(pusher, "watchkeeper_push_records_accepted_total") >= 5, seconds=10)
    assert _value(pusher, "watchkeeper_push_records_sent_total") == 0
    receiver.start()
    wait_until(lambda: len(receiver.points("jobs")) >= 6, seconds=10)
    pusher.stop(ended=False)
    times = [point.time_unix_nano for _, point in receiver.points("jobs")]
    accepted = int(_value(pusher, "watchkeeper_push_records_accepted_total"))
    assert len(times) == accepted
    assert len(set(times)) == accepted and times == sorted(times)


def test_a_target_that_is_down_is_marked_and_said_so(app: Application, receiver: OtlpReceiver, tmp_path: Path) -> None:
    pusher = Pusher(Sidecar([_shop(app)]), _settings(receiver), tmp_path)
    pusher.start()
    wait_until(lambda: receiver.points("jobs"), seconds=10)
    app.status = 500
    wait_until(lambda: receiver.points("jobs")[-1][1].flags == 1, seconds=10)
    wait_until(lambda: receiver.points("up")[-1][1].as_double == 0.0, seconds=10)
    pusher.stop()


def test_the_series_end_with_the_sidecar(app: Application, receiver: OtlpReceiver, tmp_path: Path) -> None:
    pusher = Pusher(Sidecar([_shop(app)]), _settings(receiver), tmp_path)
    pusher.start()
    wait_until(lambda: receiver.points("jobs"), seconds=10)
    pusher.stop()
    assert receiver.points("jobs")[-1][1].flags == 1
    assert receiver.points("up")[-1][1].flags == 1


def test_targets_may_be_replaced(app: Application, receiver: OtlpReceiver, tmp_path: Path) -> None:
    sidecar = Sidecar([_shop(app)])
    pusher = Pusher(sidecar, _settings(receiver), tmp_path)
    pusher.start()
    wait_until(lambda: receiver.points("jobs"), seconds=10)
    sidecar.replace([target("shop-2", "shop", app.url)])

    def instances() -> set[tuple[str, int]]:
        return {(labels["service.instance.id"], point.flags) for labels, point in receiver.points("jobs")}

    wait_until(lambda: instances() == {("shop-1", 0), ("shop-1", 1), ("shop-2", 0)}, seconds=10)
    pusher.stop(ended=False)


def test_secrets_are_sent_and_read_again(app: Application, receiver: OtlpReceiver, tmp_path: Path) -> None:
    token, key = tmp_path / "token", tmp_path / "key"
    token.write_text("one")
    key.write_text("k")
    settings = _settings(receiver, bearer=Secret(file=str(token)), headers={"X-Api-Key": Secret(file=str(key))})
    pusher = Pusher(Sidecar([_shop(app)]), settings, tmp_path / "queue")
    pusher.start()
    wait_until(lambda: receiver.requests, seconds=10)
    assert receiver.requests[0].headers["authorization"] == "Bearer one"
    assert receiver.requests[0].headers["x-api-key"] == "k"
    token.write_text("two")
    wait_until(lambda: receiver.requests[-1].headers["authorization"] == "Bearer two", seconds=10)
    pusher.stop()


def test_a_full_queue_costs_rounds_and_no_gain(app: Application, receiver: OtlpReceiver, tmp_path: Path) -> None:
    settings = _settings(receiver, temporality="delta")
    pusher = Pusher(Sidecar([_shop(app)]), settings, tmp_path)
    pusher._destinations[0]._outbox.spool.limit = 5_000  # type: ignore[attr-defined]  # smaller than settings allow
    receiver.stop()
    pusher.start()
    wait_until(lambda: _value(pusher, "watchkeeper_push_records_dropped_total", reason="full") >= 3, seconds=20)
    app.text = app.text.replace("orders_total 3", "orders_total 9")
    seen = app.requests
    wait_until(lambda: app.requests >= seen + 2, seconds=10)
    receiver.start()
    wait_until(lambda: _gained(receiver) == 6.0, seconds=10)
    pusher.stop()
    assert _gained(receiver) == 6.0


def test_a_full_disk_costs_rounds_and_no_gain(app: Application, receiver: OtlpReceiver, tmp_path: Path) -> None:
    try:
        with disk.mounted(tmp_path / "disk", "256k") as directory:
            _fill_and_free(app, receiver, directory)
    except disk.DiskError as error:
        pytest.skip(str(error))


def _fill_and_free(app: Application, receiver: OtlpReceiver, directory: Path) -> None:
    pusher = Pusher(Sidecar([_shop(app)]), _settings(receiver, temporality="delta"), directory)
    pusher.start()
    wait_until(lambda: _value(pusher, "watchkeeper_push_records_sent_total") >= 2, seconds=10)
    ballast = directory / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1024))
    wait_until(lambda: _value(pusher, "watchkeeper_push_records_dropped_total", reason="disk") >= 2, seconds=20)
    app.text = app.text.replace("orders_total 3", "orders_total 9")
    seen = app.requests
    wait_until(lambda: app.requests >= seen + 2, seconds=10)  # the targets are read all the same
    ballast.unlink()
    wait_until(lambda: _gained(receiver) == 6.0, seconds=10)
    pusher.stop()


def test_two_pushers_cannot_share_a_directory(app: Application, receiver: OtlpReceiver, tmp_path: Path) -> None:
    pusher = Pusher(Sidecar([_shop(app)]), _settings(receiver), tmp_path)
    with pytest.raises(SpoolError, match="another process has this queue open"):
        Pusher(Sidecar([_shop(app)]), _settings(receiver), tmp_path)
    pusher.stop(0)
    Pusher(Sidecar([_shop(app)]), _settings(receiver), tmp_path).stop(0)


def test_without_opentelemetry_the_settings_say_what_to_install(tmp_path: Path) -> None:
    script = f"""
        import sys
        class Missing:
            def find_spec(self, name, path=None, target=None):
                if name.split(".")[0] == "opentelemetry":
                    raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
        sys.meta_path.insert(0, Missing())
        from pathlib import Path
        from collectors.push import Pusher
        from collectors.runtime import Sidecar
        from watchkeeper.settings import *
        from watchkeeper.errors import SettingsError
        try:
            Pusher(Sidecar([]), PushSettings(otlp=OtlpPush(url="http://127.0.0.1:1")), Path({str(tmp_path)!r}))
        except SettingsError as error:
            print(error)
        text = PushSettings(textfile={str(tmp_path / "x.prom")!r})
        Pusher(Sidecar([]), text, Path({str(tmp_path)!r})).stop(0)
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "push.otlp needs opentelemetry-proto" in done.stdout
    assert "pip install 'watchkeeper[otel]'" in done.stdout


def test_a_file_that_node_exporter_would_not_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="reads only files that end in"):
        Pusher(Sidecar([]), PushSettings(textfile=str(tmp_path / "x.txt")), tmp_path)


def test_the_text_file_holds_what_metrics_shows(app: Application, tmp_path: Path) -> None:
    path = tmp_path / "watchkeeper.prom"
    settings = PushSettings(interval=Seconds(0.1), textfile=str(path))
    pusher = Pusher(Sidecar([_shop(app)]), settings, tmp_path)
    pusher.start()
    wait_until(path.exists, seconds=10)
    found = parsed(path.read_bytes())
    assert found["orders_total"].points == [("orders_total", (("zone", "a"),), 3.0)]
    assert "up" not in found
    assert found["watchkeeper_target_up"].points[0][2] == 1.0
    pusher.stop()
    assert not path.exists()


def test_what_a_pusher_says_of_itself_is_declared(app: Application, receiver: OtlpReceiver, tmp_path: Path) -> None:
    path = tmp_path / "x.prom"
    settings = PushSettings(
        interval=Seconds(0.1),
        otlp=OtlpPush(url=receiver.url),
        remote_write=RemoteWrite(url=f"{receiver.url}/nowhere", timeout=Seconds(1)),
        textfile=str(path),
    )
    pusher = Pusher(Sidecar([_shop(app)]), settings, tmp_path)
    pusher.start()
    wait_until(lambda: receiver.points("jobs") and path.exists(), seconds=10)
    wait_until(lambda: _value(pusher, "watchkeeper_push_last_success_timestamp_seconds", "otlp") > 0, seconds=10)
    pusher.stop()
    declared = [signal for signal in SIGNALS if signal.name.startswith("watchkeeper_push_")]
    families = pusher.families()
    check_declared(families, declared)
    assert by_name(families).keys() == {signal.name for signal in declared}
    assert {pairs[0][1] for one in families for _, pairs, _ in one.points} == {"otlp", "remote_write", "textfile"}


def test_the_settings_of_the_documentation_are_settings() -> None:
    page = Path(__file__).parents[2] / "docs" / "push.md"
    text = page.read_text(encoding="utf-8").partition("```yaml\n")[2].partition("```")[0]
    push = parse(text).push
    assert push is not None
    assert push.otlp is not None and push.otlp.url == "https://otel.example.com:4318"
    assert push.remote_write is not None and push.remote_write.tenant == "platform"
    assert push.textfile.endswith(".prom")


def _value(pusher: Pusher, name: str, destination: str = "otlp", **labels: str) -> float:
    wanted = {"destination": destination, **labels}
    found = [value for _, pairs, value in by_name(pusher.families())[name].points if dict(pairs) == wanted]
    return found[0] if found else 0.0


def _gained(receiver: OtlpReceiver) -> float:
    """The gains of orders_total, each interval once: a record may arrive twice after a crash."""
    gains = {
        (point.start_time_unix_nano, point.time_unix_nano): point.as_double
        for _, point in receiver.points("orders_total")
    }
    return float(sum(gains.values()))


# SIGKILL

_PUSHER = """
    import sys, time
    from pathlib import Path
    from collectors.push import Pusher
    from collectors.runtime import Sidecar
    from watchkeeper.settings import *

    url, app, directory = sys.argv[1:]
    settings = PushSettings(interval=Seconds(0.05), otlp=OtlpPush(url=url, temporality="delta"))
    targets = [Target(name="shop-1", system="shop", url=app)]
    Pusher(Sidecar(targets), settings, Path(directory)).start()
    time.sleep(600)
"""


def _push_through_kills(app: Application, receiver: OtlpReceiver, directory: Path, *, lives: int, away: float) -> None:
    """Kill a pusher several times, in the middle of an outage of the receiver of `away` seconds among others."""
    count = 100
    for life in range(lives):
        command = [sys.executable, "-c", textwrap.dedent(_PUSHER), receiver.url, app.url, str(directory)]
        process = subprocess.Popen(command)
        seen = app.requests
        if life == 1:
            receiver.stop()
        for step in range(6):
            count += life + step
            app.text = f"# TYPE orders_total counter\norders_total {count}\n"
            reads = app.requests
            wait_until(lambda: app.requests > reads + 1, seconds=30)  # noqa: B023
        assert app.requests > seen
        os.kill(process.pid, signal.SIGKILL)
        process.wait(30)
        if life == lives - 2:
            threading.Event().wait(away)  # the time itself is what is tested
            receiver.start()
    pusher = Pusher(Sidecar([target("shop-1", "shop", app.url)]), _settings(receiver, temporality="delta"), directory)
    pusher.start()
    wait_until(lambda: _gained(receiver) == count - 100, seconds=90)
    pusher.stop()
    _check_intervals(receiver)


def _check_intervals(receiver: OtlpReceiver) -> None:
    """The intervals of the gains meet: none overlaps another, and none is missing."""
    spans = sorted({(point.start_time_unix_nano, point.time_unix_nano) for _, point in receiver.points("orders_total")})
    assert len(spans) > 5
    assert all(end == start for (_, end), (start, _) in pairwise(spans))


def test_kills_and_an_outage_lose_no_gain_and_count_none_twice(receiver: OtlpReceiver, tmp_path: Path) -> None:
    with application(text="# TYPE orders_total counter\norders_total 100\n") as app:
        _push_through_kills(app, receiver, tmp_path, lives=4, away=0.0)


@pytest.mark.long
def test_a_minute_without_the_receiver_loses_no_gain(receiver: OtlpReceiver, tmp_path: Path) -> None:
    with application(text="# TYPE orders_total counter\norders_total 100\n") as app:
        _push_through_kills(app, receiver, tmp_path, lives=5, away=60.0)
