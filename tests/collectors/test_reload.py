from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from collectors import reload
from collectors.reload import Reloader
from collectors.runtime import Sidecar
from tests.collectors.helpers import Application, application, parsed, target
from tests.servers import wait_until
from watchkeeper.errors import SettingsError
from watchkeeper.settings import Settings, load


class _Taken:
    """Takes settings, or refuses them."""

    def __init__(self) -> None:
        self.settings: list[Settings] = []
        self.refuse = False

    def __call__(self, settings: Settings) -> None:
        if self.refuse:
            raise SettingsError("two targets are the same")
        self.settings.append(settings)

    @property
    def names(self) -> list[list[str]]:
        return [[one.name for one in settings.targets] for settings in self.settings]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "watchkeeper.yaml"
    _write(path, "one")
    return path


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reload, "_SETTLE_SECONDS", 0.01)


def _write(path: Path, *names: str) -> None:
    path.write_text("targets:\n" + "".join(f"  - {{name: {name}, system: host}}\n" for name in names))


def _reloader(path: Path, taken: _Taken) -> Reloader:
    return Reloader(path, taken, poll=0.01, clock=lambda: 1000.0 + len(taken.settings))


def _values(reloader: Reloader) -> list[float]:
    return [family.points[0][2] for family in reloader.families()]


def test_a_changed_file_is_taken(path: Path) -> None:
    taken = _Taken()
    reloader = _reloader(path, taken)
    _write(path, "one", "two")
    reloader.check()
    assert taken.names == [["one", "two"]]
    assert _values(reloader) == [1.0, 1001.0]


def test_a_file_that_says_the_same_is_left(path: Path) -> None:
    taken = _Taken()
    reloader = _reloader(path, taken)
    os.utime(path, (1.0, 1.0))
    reloader.check()
    assert taken.names == []


def test_a_change_that_keeps_time_and_size_is_seen(path: Path) -> None:
    """As when a file may be read again."""
    taken = _Taken()
    before = path.stat()
    reloader = _reloader(path, taken)
    _write(path, "two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    reloader.check()
    assert taken.names == [["two"]]


def test_a_file_that_is_being_written_is_waited_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = _Taken()
    reloader = _reloader(path, taken)
    names = ["two", "three", "four"]
    path.write_text("targets:\n")

    def write(seconds: float) -> None:
        if names:
            with path.open("a") as file:
                file.write(f"  - {{name: {names.pop(0)}, system: host}}\n")

    monkeypatch.setattr(reload, "time", SimpleNamespace(sleep=write))
    reloader.check()
    assert taken.names == [["two", "three", "four"]]


def test_a_request_reads_the_file_in_any_case(path: Path) -> None:
    taken = _Taken()
    reloader = _reloader(path, taken)
    reloader.request()
    reloader.check()
    assert taken.names == [["one"]]


def test_a_link_that_leads_elsewhere_is_a_change(path: Path, tmp_path: Path) -> None:
    """A ConfigMap is mounted as a link to a directory that is replaced as a whole."""
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    _write(tmp_path / "first" / "watchkeeper.yaml", "one")
    _write(tmp_path / "second" / "watchkeeper.yaml", "two")
    link = tmp_path / "data"
    link.symlink_to("first")
    taken = _Taken()
    reloader = _reloader(link / "watchkeeper.yaml", taken)
    (tmp_path / "new").symlink_to("second")
    (tmp_path / "new").rename(link)
    reloader.check()
    assert taken.names == [["two"]]


@pytest.mark.parametrize("text", ["targets: [", "targest: []\n", "listen: here\n", None])
def test_bad_settings_leave_the_old_ones_and_say_so_once(
    path: Path, text: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    taken = _Taken()
    reloader = _reloader(path, taken)
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    for _ in range(3):
        reloader.check()
    assert taken.names == [] and _values(reloader) == [0.0, 1000.0]
    lines = [record.message for record in caplog.records if "old ones stay" in record.message]
    assert len(lines) == 1 and "\n" not in lines[0] and path.name in lines[0]


def test_settings_that_cannot_be_used_are_bad_too_and_good_ones_end_that(path: Path) -> None:
    taken = _Taken()
    reloader = _reloader(path, taken)
    taken.refuse = True
    _write(path, "one", "one-too")
    reloader.check()
    assert _values(reloader)[0] == 0.0
    taken.refuse = False
    _write(path, "one", "three")
    reloader.check()
    assert _values(reloader) == [1.0, 1001.0]


def test_it_watches_by_itself(path: Path) -> None:
    taken = _Taken()
    reloader = _reloader(path, taken)
    reloader.start()
    _write(path, "one", "two")
    wait_until(lambda: taken.names == [["one", "two"]], seconds=5)
    reloader.stop()


# What a sidecar makes of it


@pytest.fixture
def app() -> Iterator[Application]:
    with application() as running:
        yield running


def _reads(sidecar: Sidecar) -> dict[str, float]:
    family = parsed(sidecar.scrape())["watchkeeper_target_reads_total"]
    return {dict(pairs)["target"]: value for _, pairs, value in family.points}


def test_targets_that_stay_keep_their_counters(app: Application) -> None:
    same, other = target("same", "shop", app.url), target("other", "shop", app.url, labels={"instance": "b"})
    sidecar = Sidecar([same, other])
    sidecar.scrape()
    lane = sidecar.lane("same")
    changed = target("other", "shop", app.url, labels={"instance": "c"})
    sidecar.replace([changed, same, target("new", "shop", app.url, labels={"instance": "d"})])
    assert sidecar.lane("same") is lane
    assert _reads(sidecar) == {"same": 2.0, "other": 1.0, "new": 1.0}
    assert [one.name for one in sidecar.targets] == ["other", "same", "new"]
    sidecar.close()


def test_a_target_that_is_gone_gives_its_connection_back(app: Application) -> None:
    sidecar = Sidecar([target("gone", "shop", app.url), target("stays", "shop", app.url, labels={"instance": "b"})])
    sidecar.scrape()
    gone = sidecar.lane("gone")
    sidecar.replace([sidecar.lane("stays").target])
    wait_until(lambda: gone._session is None and gone._thread is None, seconds=5)
    assert b'instance="b"' in sidecar.scrape()
    sidecar.close()


def test_targets_that_are_wrong_change_nothing(app: Application) -> None:
    sidecar = Sidecar([target("one", "shop", app.url)])
    with pytest.raises(SettingsError):
        sidecar.replace([target("two", "shop", app.url), target("bad", "nonsense")])
    assert [one.name for one in sidecar.targets] == ["one"]
    sidecar.close()


@pytest.mark.parametrize(
    "system, option", [("redis", "key_limit: many"), ("container", "names: app"), ("host", "root: 5")]
)
def test_an_option_that_cannot_be_used_keeps_the_good_settings(
    path: Path, system: str, option: str, caplog: pytest.LogCaptureFixture
) -> None:
    sidecar = Sidecar(load(path).targets)
    reloader = Reloader(path, lambda settings: sidecar.replace(settings.targets))
    path.write_text(f"targets:\n  - {{name: new, system: {system}, options: {{{option}}}}}\n")
    reloader.check()
    assert _values(reloader)[0] == 0.0
    assert [one.name for one in sidecar.targets] == ["one"]
    assert f"target new: option {option.partition(':')[0]} is " in caplog.text
    sidecar.close()


def test_a_scrape_during_the_change_is_answered(app: Application) -> None:
    sidecar = Sidecar([target("app", "shop", app.url)])
    app.gate.clear()
    answers: list[bytes] = []
    scrape = threading.Thread(target=lambda: answers.append(sidecar.scrape()))
    scrape.start()
    wait_until(lambda: app.requests == 1)
    sidecar.replace([target("app", "shop", app.url, labels={"instance": "new"})])
    app.gate.set()
    scrape.join()
    assert b"requests_total 1.0" in answers[0]
    assert b'requests_total{instance="new"} 1.0' in sidecar.scrape()
    sidecar.close()


def test_no_scrape_fails_while_targets_change_all_the_time(app: Application) -> None:
    sidecar = Sidecar([target("app", "shop", app.url)])
    stop = threading.Event()
    failed: list[bytes] = []

    def scrape() -> None:
        while not stop.is_set():
            text = sidecar.scrape()
            if b'watchkeeper_target_up{target="app",target_system="shop"} 1.0' not in text:
                failed.append(text)

    threads = [threading.Thread(target=scrape) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(60):
        sidecar.replace([target("app", "shop", app.url, labels={"n": str(number)})])
    stop.set()
    for thread in threads:
        thread.join()
    assert not failed
    assert sum(thread.name == "lane-app" for thread in threading.enumerate()) <= 4
    sidecar.close()
