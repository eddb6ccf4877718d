from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from collectors.container import COLLECTOR, own_cgroup
from collectors.families import Family
from tests.collectors.helpers import by_name, check_emitted, read_once, target
from watchkeeper.clock import monotonic
from watchkeeper.errors import SettingsError, TargetError

POD = "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1234.slice"
APP, SIDECAR = "a" * 64, "b" * 64

# As Linux 6.1 writes them for a container with limits.
LIMITED = {
    "cgroup.procs": "11\n12\n",
    "cpu.stat": "usage_usec 5000000\nuser_usec 3000000\nsystem_usec 2000000\nnr_periods 40\nnr_throttled 10\n"
    "throttled_usec 1500000\nnr_bursts 0\nburst_usec 0\n",
    "cpu.max": "50000 100000\n",
    "cpu.weight": "20\n",
    "memory.current": "1000\n",
    "memory.peak": "1500\n",
    "memory.max": "2000\n",
    "memory.swap.current": "0\n",
    "memory.swap.max": "500\n",
    "memory.stat": "anon 600\nfile 300\nkernel 90\nkernel_stack 16\nfile_mapped 40\ninactive_file 250\npgfault 70\n"
    "pgmajfault 7\n",
    "memory.events": "low 0\nhigh 0\nmax 3\noom 2\noom_kill 1\noom_group_kill 0\n",
    "io.stat": "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n9999:0 \n",
    "pids.current": "9\n",
    "pids.max": "100\n",
    "cpu.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=1000000\n"
    "full avg10=0 avg60=0 avg300=0 total=250000\n",
    "memory.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=2000000\n"
    "full avg10=0 avg60=0 avg300=0 total=500000\n",
    "io.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=3000000\nfull avg10=0 avg60=0 avg300=0 total=750000\n",
}
UNLIMITED = {
    **LIMITED,
    "cpu.max": "max 100000\n",
    "memory.max": "max\n",
    "memory.swap.max": "max\n",
    "pids.max": "max\n",
}


def _cgroup(root: Path, path: str, files: dict[str, str]) -> Path:
    directory = root / path
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / name).write_text(text)
    return directory


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The tree of a machine with one pod of two containers."""
    _cgroup(tmp_path, ".", {"cgroup.controllers": "cpu io memory pids\n"})
    _cgroup(tmp_path, POD, {name: text for name, text in LIMITED.items() if name != "cgroup.procs"})
    _cgroup(tmp_path, f"{POD}/cri-containerd-{APP}.scope", LIMITED)
    _cgroup(tmp_path, f"{POD}/cri-containerd-{SIDECAR}.scope", UNLIMITED)
    _cgroup(tmp_path, "system.slice/ssh.service", {"cgroup.procs": "1\n", "cpu.stat": "usage_usec 1\n"})
    return tmp_path


def _read(root: Path, **options: Any) -> Sequence[Family]:
    return read_once(COLLECTOR, target("c", "container", options={"root": str(root), **options}))


def _values(families: Sequence[Family], name: str, label: str = "name") -> dict[str, float]:
    return {dict(pairs)[label]: value for _, pairs, value in by_name(families)[name].points}


def test_everything_declared_is_emitted_and_nothing_else(root: Path) -> None:
    for name, text in LIMITED.items():
        (root / name).write_text(text)  # the sidecar's own cgroup, as it sees it inside of its container
    assert check_emitted(_read(root), COLLECTOR.signals) == {signal.name for signal in COLLECTOR.signals}
    check_emitted(_read(root, path=POD), COLLECTOR.signals)


def test_a_pod_and_its_containers_are_told_apart(root: Path) -> None:
    families = _read(root, path=POD)
    assert _values(families, "container_memory_usage_bytes") == {"": 1000, "a" * 12: 1000, "b" * 12: 1000}
    assert set(_values(families, "container_memory_usage_bytes", "id")) == {
        f"/{POD}",
        f"/{POD}/cri-containerd-{APP}.scope",
        f"/{POD}/cri-containerd-{SIDECAR}.scope",
    }


def test_a_pod_is_found_by_a_pattern(root: Path) -> None:
    families = _read(root, path="kubepods.slice/*/*pod1234.slice")
    assert set(_values(families, "container_memory_usage_bytes")) == {"", "a" * 12, "b" * 12}


def test_a_whole_machine_is_walked_from_its_root(root: Path) -> None:
    families = _read(root, path="/")
    assert set(_values(families, "container_cpu_usage_seconds_total")) == {"", "a" * 12, "b" * 12, "ssh"}


def test_containers_are_named_by_settings(root: Path) -> None:
    families = _read(root, path=POD, names={f"*{APP}*": "app", f"/{POD}/*{SIDECAR}.scope": "watchkeeper"})
    assert set(_values(families, "container_processes")) == {"app", "watchkeeper"}


@pytest.mark.parametrize(
    "name, value",
    [
        ("container_cpu_usage_seconds_total", 5.0),
        ("container_cpu_cfs_throttled_periods_total", 10.0),
        ("container_cpu_cfs_throttled_seconds_total", 1.5),
        ("container_spec_cpu_quota", 50_000.0),
        ("container_spec_cpu_period", 100_000.0),
        ("container_spec_cpu_shares", 500.0),
        ("container_memory_working_set_bytes", 750.0),
        ("container_memory_rss", 600.0),
        ("container_memory_cache", 300.0),
        ("container_memory_failcnt", 3.0),
        ("container_oom_events_total", 1.0),
        ("container_spec_memory_limit_bytes", 2000.0),
        ("container_spec_memory_swap_limit_bytes", 2500.0),
        ("container_processes", 2.0),
        ("container_threads", 9.0),
        ("container_threads_max", 100.0),
        ("container_pressure_memory_waiting_seconds_total", 2.0),
        ("container_pressure_io_stalled_seconds_total", 0.75),
        ("container_fs_writes_bytes_total", 8192.0),
    ],
)
def test_the_files_of_a_cgroup_are_understood(root: Path, name: str, value: float) -> None:
    assert _values(_read(root, path=POD), name)["a" * 12] == pytest.approx(value)


def test_no_limit_is_left_out(root: Path) -> None:
    families = _read(root, path=POD)
    limits = ("spec_cpu_quota", "spec_memory_limit_bytes", "spec_memory_swap_limit_bytes", "threads_max")
    for name in limits:
        assert "b" * 12 not in _values(families, f"container_{name}"), name


def test_a_controller_that_is_not_enabled_costs_its_signals_alone(root: Path) -> None:
    families = by_name(_read(root, path="system.slice/ssh.service"))
    assert "container_cpu_usage_seconds_total" in families
    assert not any(name.startswith(("container_memory_", "container_oom_", "container_threads")) for name in families)


def test_what_is_below_a_container_belongs_to_it(root: Path) -> None:
    _cgroup(root, f"{POD}/cri-containerd-{APP}.scope/init.scope", LIMITED)
    assert set(_values(_read(root, path=POD), "container_processes")) == {"a" * 12, "b" * 12}


def test_the_network_is_that_of_the_pod_and_only_where_it_is_shared(root: Path) -> None:
    assert "container_network_receive_bytes_total" in by_name(_read(root))
    assert "container_network_receive_bytes_total" not in by_name(_read(root, path=POD))


@pytest.mark.parametrize(
    "text, path",
    [
        ("0::/system.slice/ssh.service\n", "/system.slice/ssh.service"),
        ("4:memory:/elsewhere\n0::/\n", "/"),
        ("0::/../other\n", "/"),
        ("0::/gone\n", "/"),
        ("", "/"),
    ],
)
def test_the_own_cgroup_is_found(root: Path, text: str, path: str) -> None:
    assert own_cgroup(str(root), text) == path


def test_a_tree_of_version_1_is_said(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="is no tree of cgroups v2: mount one there, or name it with option root"):
        _read(tmp_path)


def test_a_path_that_does_not_exist_is_said(root: Path) -> None:
    with pytest.raises(TargetError, match=r"there is no cgroup .*/nowhere: see option path"):
        _read(root, path="nowhere")


def test_names_are_a_mapping(root: Path) -> None:
    with pytest.raises(SettingsError, match="target c: option names is 'app': it is a mapping"):
        _read(root, names="app")


def test_a_deadline_that_passes_ends_the_walk(root: Path) -> None:
    session = COLLECTOR.open(target("c", "container", options={"root": str(root), "path": "/"}))
    with pytest.raises(TargetError, match="was not walked in time"):
        session.read(monotonic() - 1)


def test_no_file_of_a_container_is_kept_open(root: Path) -> None:
    session = COLLECTOR.open(target("c", "container", options={"root": str(root), "path": POD}))
    assert session.read(monotonic() + 5)
    opened = [str(one.readlink()) for one in Path("/proc/self/fd").iterdir() if one.is_symlink()]
    session.close()
    assert [one for one in opened if one.startswith(str(root))] == []


_REAL = next(
    (path for path in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified") if Path(path, "cgroup.controllers").exists()), ""
)


@pytest.mark.skipif(not _REAL, reason="no tree of cgroups v2 is mounted here")
def test_the_tree_of_this_machine_is_read() -> None:
    families = _read(Path(_REAL))
    assert check_emitted(families, COLLECTOR.signals)
    assert all(value > 0 for value in _values(families, "container_start_time_seconds").values())
