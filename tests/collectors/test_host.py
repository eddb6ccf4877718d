from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from collectors.families import Family
from collectors.host import COLLECTOR, mounts
from tests.collectors.helpers import by_name, check_declared, compare, target
from tests.servers.exporters import Exporter
from watchkeeper.clock import monotonic
from watchkeeper.errors import TargetError

FILES = {
    "proc/stat": "cpu  1 2 3 4\ncpu0 100 0 50 800 7 0 1 2 0 0\nintr 9 1 2\nctxt 11\nbtime 1700000000\nprocesses 5\n"
    "procs_running 2\nprocs_blocked 1\n",
    "proc/meminfo": "MemTotal:  1000 kB\nMemAvailable:  400 kB\nActive(anon): 5 kB\nHugePages_Total: 3\n",
    "proc/diskstats": "8 0 sda 10 0 4 1500 20 0 8 2500 1 3000 4000 0 0\n8 1 sda1 1 1 1 1 1 1 1 1 1 1 1\n",
    "proc/net/snmp": "Tcp: CurrEstab RetransSegs\nTcp: 4 7\nUdp: NoPorts\nUdp: 1\n",
    "proc/net/dev": "head\nhead\n  eth0: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n    lo: 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9\n",
    "proc/pressure/io": "some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\nfull avg10=0 total=500000\n",
    "sys/class/net/eth0/operstate": "up\n",
    "sys/class/net/eth0/speed": "1000\n",
    "sys/class/net/eth1/operstate": "down\n",
    "sys/class/net/eth1/speed": "-1\n",
    "proc/mounts": "/dev/sda1 / ext4 rw 0 0\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def _read(root: Path | None = None) -> Sequence[Family]:
    options = {} if root is None else {"root": str(root)}
    return COLLECTOR.open(target("h", "host", options=options)).read(monotonic() + 5)


def _value(families: Sequence[Family], name: str, **labels: str) -> float:
    return next(value for _, pairs, value in by_name(families)[name].points if labels.items() <= dict(pairs).items())


def test_everything_declared_is_emitted_and_nothing_else() -> None:
    check_declared(_read(), COLLECTOR.signals)


def test_names_kinds_and_labels_are_those_of_node_exporter(node_exporter: Exporter) -> None:
    compare(_read(), node_exporter.metrics())


def test_slow_values_are_those_of_node_exporter(node_exporter: Exporter) -> None:
    ours, theirs = _read(), node_exporter.metrics()
    for name in ("node_memory_MemTotal_bytes", "node_boot_time_seconds", "node_filefd_maximum"):
        assert float(next(line for line in theirs.splitlines() if line.startswith(name + " ")).split()[1]) == _value(
            ours, name
        )


@pytest.mark.parametrize(
    "name, labels, value",
    [
        ("node_cpu_seconds_total", {"cpu": "0", "mode": "idle"}, 8.0),
        ("node_intr_total", {}, 9.0),
        ("node_memory_MemAvailable_bytes", {}, 409_600.0),
        ("node_memory_HugePages_Total", {}, 3.0),
        ("node_disk_read_bytes_total", {"device": "sda"}, 2048.0),
        ("node_disk_write_time_seconds_total", {"device": "sda"}, 2.5),
        ("node_disk_io_time_weighted_seconds_total", {"device": "sda"}, 4.0),
        ("node_netstat_Tcp_RetransSegs", {}, 7.0),
        ("node_network_transmit_drop_total", {"device": "eth0"}, 8.0),
        ("node_pressure_io_stalled_seconds_total", {}, 0.5),
        ("node_network_speed_bytes", {"device": "eth0"}, 125e6),
        ("node_network_up", {"device": "eth1"}, 0.0),
    ],
)
def test_the_files_of_the_kernel_are_understood(root: Path, name: str, labels: dict[str, str], value: float) -> None:
    assert _value(_read(root), name, **labels) == value


def test_partitions_loopback_and_unknown_speeds_are_left_out(root: Path) -> None:
    families = by_name(_read(root))
    assert {dict(pairs)["device"] for _, pairs, _ in families["node_disk_io_now"].points} == {"sda"}
    assert {dict(pairs)["device"] for _, pairs, _ in families["node_network_receive_bytes_total"].points} == {"eth0"}
    assert {dict(pairs)["device"] for _, pairs, _ in families["node_network_speed_bytes"].points} == {"eth0"}


def test_a_file_that_the_kernel_does_not_have_costs_its_signals_alone(root: Path) -> None:
    (root / "proc/pressure/io").unlink()
    families = by_name(_read(root))
    assert "node_pressure_io_waiting_seconds_total" not in families and "node_intr_total" in families


def test_a_root_without_proc_is_said(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=f"cannot read {tmp_path}/proc/stat: No such file"):
        _read(tmp_path)


def test_mounts_with_storage_of_their_own_are_asked() -> None:
    text = "proc /proc proc rw\n/dev/a / ext4 ro,noatime\ntmpfs /tmp\\040x tmpfs rw\ntmpfs /run/lock tmpfs rw\n"
    text += "nas:/x /mnt nfs rw\n"
    assert list(mounts(text, network=False)) == [("/dev/a", "ext4", "/", True), ("tmpfs", "tmpfs", "/tmp x", False)]
    assert ("nas:/x", "nfs", "/mnt", False) in mounts(text, network=True)
