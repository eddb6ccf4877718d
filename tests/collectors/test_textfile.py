"""The text file for node_exporter, read by a real one."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from collectors.textfile import TextfileError, check_textfile, write_textfile
from tests.conftest import need
from tests.servers import exporters
from watchkeeper.errors import SettingsError


def test_the_file_is_replaced_as_a_whole_and_readable_for_all(tmp_path: Path) -> None:
    path = tmp_path / "watchkeeper.prom"
    write_textfile(path, b"a 1\n")
    with path.open("rb") as reader:
        write_textfile(path, b"b 2\n")
        assert reader.read() == b"a 1\n"
    assert path.read_bytes() == b"b 2\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none" / "x.prom"
    with pytest.raises(TextfileError, match=r"none/x\.prom: cannot be written: No such file or directory"):
        write_textfile(path, b"")


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.prom"
    write_textfile(path, b"a 1\n")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(TextfileError, match="No space left on device"):
        write_textfile(path, b"b 2\n")
    assert path.read_bytes() == b"a 1\n"
    assert list(tmp_path.iterdir()) == [path]


def test_another_ending_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"reads only files that end in \.prom: name x\.txt x\.prom"):
        check_textfile("x.txt")


@pytest.mark.server
def test_node_exporter_serves_it(tmp_path: Path) -> None:
    need(exporters.available("node"))
    tmp_path.chmod(0o755)
    text = b'# HELP orders_total Orders.\n# TYPE orders_total counter\norders_total{zone="a"} 3.0\n'
    write_textfile(tmp_path / "watchkeeper.prom", text)
    flags = ["--collector.disable-defaults", "--collector.textfile", f"--collector.textfile.directory={tmp_path}"]
    with exporters.run_node(flags=flags) as exporter:
        served = exporter.metrics()
        assert 'orders_total{zone="a"} 3' in served
        assert "node_textfile_scrape_error 0" in served
        write_textfile(tmp_path / "watchkeeper.prom", text.replace(b"3.0", b"4.0"))
        assert 'orders_total{zone="a"} 4' in exporter.metrics()
