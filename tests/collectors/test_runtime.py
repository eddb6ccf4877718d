from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from collectors import once
from collectors.breaker import THRESHOLD
from collectors.families import Family
from collectors.lanes import Flight
from collectors.runtime import Sidecar, check_labels
from tests.collectors.helpers import application, parsed, silent_port, target
from tests.servers import wait_until
from watchkeeper.errors import SettingsError
from watchkeeper.settings import Seconds, Secret, Target


@pytest.fixture
def sidecars() -> Iterator[list[Sidecar]]:
    opened: list[Sidecar] = []
    yield opened
    for sidecar in opened:
        sidecar.close()


def _open(sidecars: list[Sidecar], *targets: Target) -> Sidecar:
    sidecars.append(Sidecar(targets))
    return sidecars[-1]


def _value(text: bytes, line: str) -> float:
    return float(next(found for found in text.decode().splitlines() if found.startswith(line + " ")).split()[-1])


def test_concurrent_scrapes_share_one_read(sidecars: list[Sidecar], monkeypatch: pytest.MonkeyPatch) -> None:
    with application() as app:
        sidecar = _open(sidecars, target("app", "shop", app.url))
        lane, joined = sidecar.lane("app"), []
        begin = lane.begin

        def counted(timeout: float | None = None, *, here: bool = False) -> Flight:
            joined.append(begin(timeout, here=here))
            return joined[-1]

        monkeypatch.setattr(lane, "begin", counted)
        app.gate.clear()
        answers: list[bytes] = []
        threads = [threading.Thread(target=lambda: answers.append(sidecar.scrape())) for _ in range(20)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(joined) == 20, seconds=5)
        app.gate.set()
        for thread in threads:
            thread.join()
        assert app.requests == 1
        assert len(answers) == 20 and all(b"requests_total 1.0" in answer for answer in answers)


def test_each_scrape_reads_afresh(sidecars: list[Sidecar]) -> None:
    with application() as app:
        sidecar = _open(sidecars, target("app", "shop", app.url))
        sidecar.scrape()
        app.text = "requests_total 2\n"
        assert b"requests_total 2.0" in sidecar.scrape()


def test_a_hanging_target_costs_the_others_nothing(sidecars: list[Sidecar]) -> None:
    with silent_port() as port, application() as app:
        sick = target("sick", "redis", f"redis://127.0.0.1:{port}", timeout=Seconds(60))
        sidecar = _open(sidecars, sick, target("app", "shop", app.url))
        begun = time.monotonic()
        text = sidecar.scrape(timeout=0.5)
        assert time.monotonic() - begun < 1.5
        assert b"requests_total 1.0" in text
        assert _value(text, "redis_up") == 0
        assert _value(text, 'watchkeeper_target_up{target="sick",target_system="redis"}') == 0
        assert _value(text, 'watchkeeper_target_up{target="app",target_system="shop"}') == 1


def test_a_target_has_a_timeout_of_its_own(sidecars: list[Sidecar]) -> None:
    with silent_port() as port:
        sidecar = _open(sidecars, target("sick", "redis", f"redis://127.0.0.1:{port}", timeout=Seconds(0.2)))
        reading = sidecar.read("sick")
        assert not reading.up and reading.seconds < 2
        assert reading.error is not None and "answer" in reading.error


def test_a_sick_targets_series_are_left_out(sidecars: list[Sidecar]) -> None:
    with application() as app:
        sidecar = _open(sidecars, target("app", "shop", app.url))
        assert b"requests_total" in sidecar.scrape()
        app.status = 500
        text = sidecar.scrape()
        assert b"requests_total" not in text
        assert _value(text, 'watchkeeper_target_up{target="app",target_system="shop"}') == 0


def test_the_breaker_leaves_a_failing_target_alone(sidecars: list[Sidecar]) -> None:
    with application(status=500) as app:
        sidecar = _open(sidecars, target("app", "shop", app.url))
        for _ in range(THRESHOLD + 5):
            sidecar.scrape()
        text = sidecar.scrape()
        assert app.requests == THRESHOLD
        assert _value(text, 'watchkeeper_target_breaker_open{target="app",target_system="shop"}') == 1
        error = sidecar.read("app").error
        assert error is not None and "left alone" in error and "500" in error


def test_a_target_that_is_back_is_read_after_the_pause(sidecars: list[Sidecar]) -> None:
    with application(status=500) as app:
        sidecar = _open(sidecars, target("app", "shop", app.url))
        for _ in range(THRESHOLD):
            sidecar.scrape()
        app.status = 200
        wait_until(lambda: sidecar.read("app").up, seconds=10)


def test_series_beyond_the_limit_are_dropped_and_counted(sidecars: list[Sidecar]) -> None:
    with application(text="".join(f'a{{n="{n}"}} 1\n' for n in range(50)) + "b 1\n") as app:
        sidecar = _open(sidecars, target("app", "shop", app.url, max_series=20))
        sidecar.scrape()
        text = sidecar.scrape()
        assert len(parsed(text)["a"].points) == 20 and b"\nb " not in text
        assert _value(text, 'watchkeeper_target_dropped_series_total{target="app",target_system="shop"}') == 62


def test_errors_hold_no_password(sidecars: list[Sidecar], caplog: pytest.LogCaptureFixture) -> None:
    url = "postgresql://me:s3cret%21@127.0.0.1:1/s3cret!"
    reading = _open(sidecars, target("db", "postgresql", url)).read("db")
    assert reading.error is not None and "refused" in reading.error
    assert "s3cret" not in reading.error + caplog.text


def test_a_missing_secret_is_that_targets_own_trouble(sidecars: list[Sidecar]) -> None:
    with application() as app:
        bad = target("bad", "redis", password=Secret(file="/nonexistent/secret"))
        sidecar = _open(sidecars, bad, target("app", "shop", app.url))
        assert sidecar.read("app").up
        error = sidecar.read("bad").error
        assert error is not None and "cannot read /nonexistent/secret" in error


def test_two_targets_of_a_system_need_labels_on_one_page() -> None:
    with pytest.raises(SettingsError, match="targets one and two would expose the same series"):
        check_labels([target("one", "redis"), target("two", "redis")])
    check_labels([target("one", "redis"), target("two", "redis", labels={"instance": "two"}), target("h", "host")])


@pytest.mark.parametrize(
    "bad, message",
    [
        (target("x", "shop"), "no collector of its own"),
        (target("x", "redis", "mongodb://a"), "allowed: redis://, rediss://, unix://"),
        (target("x", "redis", options={"rot": 1}), "unknown option 'rot' of redis"),
        (target("x", "../redis"), "no collector of its own"),
    ],
)
def test_a_target_that_is_set_up_wrongly_is_refused(bad: Target, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Sidecar([bad])


def test_an_exporter_may_stand_in_for_our_collector(sidecars: list[Sidecar]) -> None:
    with application(text="redis_up 1\n") as app:
        assert _open(sidecars, target("r", "redis", app.url)).read("r").families[0].name == "redis_up"


def test_errors_say_why_targets_are_down(sidecars: list[Sidecar]) -> None:
    with application(status=500) as app, application() as other:
        sidecar = _open(sidecars, target("app", "shop", app.url), target("other", "shop", other.url))
        sidecar.scrape()
        assert list(sidecar.errors()) == ["app"] and "it answered 500" in sidecar.errors()["app"]


def test_once_gives_what_a_scrape_would_expose() -> None:
    with application() as app:
        assert b"requests_total 1.0" in once([target("app", "shop", app.url)])


def test_the_sidecar_emits_what_its_system_declares(sidecars: list[Sidecar]) -> None:
    from watchkeeper.systems.watchkeeper_signals import SIGNALS

    with application() as app:
        emitted = parsed(_open(sidecars, target("app", "shop", app.url)).scrape())
    own = {
        signal.name: signal
        for signal in SIGNALS
        if signal.name.startswith(("watchkeeper_target_", "watchkeeper_build"))
    }
    assert own.keys() == {name for name in emitted if name.startswith("watchkeeper_")}
    for name, signal in own.items():
        assert {label for _, pairs, _ in emitted[name].points for label, _ in pairs} == set(signal.labels)


def test_the_process_says_what_it_takes_unless_a_target_says_the_same(sidecars: list[Sidecar]) -> None:
    text = "# TYPE process_open_fds gauge\nprocess_open_fds 7\n"
    with application(text=text) as app:
        families = parsed(_open(sidecars, target("app", "shop", app.url)).scrape())
    assert [value for _, _, value in families["process_open_fds"].points] == [7.0]
    assert families["process_resident_memory_bytes"].points[0][2] > 1e6
    assert families["process_cpu_seconds_total"].kind == "counter"
    assert abs(families["process_start_time_seconds"].points[0][2] - time.time()) < 86_400


class _Session:
    """A session that notes the threads in which it is read."""

    inline = True

    def __init__(self) -> None:
        self.threads: list[str] = []

    def read(self, deadline: float) -> Sequence[Family]:
        self.threads.append(threading.current_thread().name)
        return []

    def abort(self) -> None:
        pass

    def close(self) -> None:
        self.threads.append("closed")


def test_a_connected_session_is_read_in_the_thread_of_the_scrape(sidecars: list[Sidecar]) -> None:
    sidecar = _open(sidecars, target("this-host", "host"), target("other", "host", labels={"instance": "other"}))
    sessions = {}
    for name in ("this-host", "other"):
        lane = sidecar.lane(name)
        sessions[name] = _Session()
        lane.collector = replace(lane.collector, open=lambda one: sessions[one.name])
    for _ in range(2):
        sidecar.scrape()
    # Nothing is connected at first; then one of them, for the others must be read meanwhile.
    assert sessions["this-host"].threads == ["lane-this-host", threading.current_thread().name]
    assert sessions["other"].threads == ["lane-other", "lane-other"]


class _Closing(_Session):
    """A session that takes its time to close, and notes whether it is aborted meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.closing, self.go_on = threading.Event(), threading.Event()

    def read(self, deadline: float) -> Sequence[Family]:
        raise OSError("it broke")

    def abort(self) -> None:
        self.threads.append("aborted")

    def close(self) -> None:
        self.closing.set()
        self.go_on.wait(10)


def test_a_session_that_is_being_closed_is_not_aborted(sidecars: list[Sidecar]) -> None:
    """What it shuts down could be the descriptor of another's socket by then."""
    lane = _open(sidecars, target("this-host", "host")).lane("this-host")
    session = _Closing()
    lane.collector = replace(lane.collector, open=lambda _: session)
    lane.begin(0.05)
    assert session.closing.wait(5)
    with lane._lock:
        lane._session = session  # as the watchdog saw it a moment before
    flight = lane._flight
    assert flight is not None
    wait_until(lambda: time.monotonic() > flight.deadline)
    lane.expire(flight)
    assert flight.overdue and session.threads == []
    session.go_on.set()


def test_a_late_read_of_a_target_that_is_gone_leaves_no_thread(sidecars: list[Sidecar]) -> None:
    sidecar = _open(sidecars, target("gone-host", "host"))
    lane = sidecar.lane("gone-host")
    sidecar.scrape()
    sidecar.replace([])
    wait_until(lambda: not _threads("lane-gone-host"))
    assert lane.result(lane.begin()).up  # by a scrape that began before
    wait_until(lambda: not _threads("lane-gone-host"))


def _threads(name: str) -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == name]


def test_a_session_that_fails_to_abort_does_not_end_the_watchdog(sidecars: list[Sidecar]) -> None:
    class Failing(_Session):
        def __init__(self) -> None:
            super().__init__()
            self.release = threading.Event()

        def read(self, deadline: float) -> Sequence[Family]:
            self.release.wait(10)
            return []

        def abort(self) -> None:
            self.release.set()
            raise ValueError("a mistake of ours")

    sidecar = _open(sidecars, target("this-host", "host"))
    lane = sidecar.lane("this-host")
    for _ in range(2):
        lane._session = Failing()
        assert b'watchkeeper_target_up{target="this-host",target_system="host"} 0.0' in sidecar.scrape(timeout=0.1)
    assert lane.failures == 2


def test_giving_up_answers_those_who_wait(sidecars: list[Sidecar]) -> None:
    with application() as app:
        app.gate.clear()
        sidecar = _open(sidecars, target("app", "shop", app.url, timeout=60.0))
        answers: list[bytes] = []
        scrape = threading.Thread(target=lambda: answers.append(sidecar.scrape()))
        scrape.start()
        wait_until(lambda: app.requests == 1)
        sidecar.give_up()
        scrape.join(5)
    assert b'watchkeeper_target_up{target="app",target_system="shop"} 0.0' in answers[0]
