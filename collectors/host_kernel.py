"""Host: what the kernel says of itself: processors, memory, pressure, clock, distribution."""

from __future__ import annotations

import contextlib
import os
import struct
import time
from collections.abc import Callable

from collectors.host_files import Files, Found, Source, pressure, single
from watchkeeper.clock import now
from watchkeeper.signals import Signal
from watchkeeper.systems import host_signals as s

__all__ = ["KERNEL_SOURCES", "clock", "machine"]

_TICKS = float(os.sysconf("SC_CLK_TCK"))
_MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
_STAT = {
    "ctxt": s.NODE_CONTEXT_SWITCHES_TOTAL,
    "btime": s.NODE_BOOT_TIME_SECONDS,
    "processes": s.NODE_FORKS_TOTAL,
    "procs_running": s.NODE_PROCS_RUNNING,
    "procs_blocked": s.NODE_PROCS_BLOCKED,
    "intr": s.NODE_INTR_TOTAL,
}


def _stat(text: str) -> Found:
    for line in text.splitlines():
        key, _, rest = line.partition(" ")
        if key.startswith("cpu"):
            if key == "cpu":
                continue
            words = rest.split()
            cpu = key[3:]
            for mode, ticks in zip(_MODES, words, strict=False):
                yield s.NODE_CPU_SECONDS_TOTAL, (cpu, mode), float(ticks) / _TICKS
            for mode, ticks in zip(("user", "nice"), words[8:], strict=False):
                yield s.NODE_CPU_GUEST_SECONDS_TOTAL, (cpu, mode), float(ticks) / _TICKS
        elif key in _STAT:
            # The line of interrupts has thousands of numbers: the sum comes first.
            yield _STAT[key], (), float(rest.partition(" ")[0])


def _loadavg(text: str) -> Found:
    for signal, word in zip((s.NODE_LOAD1, s.NODE_LOAD5, s.NODE_LOAD15), text.split(), strict=False):
        yield signal, (), float(word)


def _meminfo(text: str) -> Found:
    for line in text.splitlines():
        key, _, rest = line.partition(":")
        words = rest.split()
        in_bytes = words[1:] == ["kB"]
        # node_exporter writes `Active(anon)` as `Active_anon`.
        key = key.replace("(", "_").rstrip(")")
        signal = s.MEMORY.get(key) or s.memory(key, in_bytes)
        yield signal, (), float(words[0]) * (1024.0 if in_bytes else 1.0)


def _vmstat(text: str) -> Found:
    # Seven of two hundred lines: looked for, not split.
    for key, signal in s.VMSTAT.items():
        at = text.find(f"\n{key} ")
        if at >= 0:
            yield signal, (), float(text[at + len(key) + 2 : text.index("\n", at + 1)])


def _pressure(waiting: Signal, stalled: Signal | None) -> Callable[[str], Found]:
    signals = {"some": waiting, "full": stalled}

    def parse(text: str) -> Found:
        for kind, seconds in pressure(text):
            signal = signals.get(kind)
            if signal is not None:
                yield signal, (), seconds

    return parse


def _file_nr(text: str) -> Found:
    words = text.split()
    yield s.NODE_FILEFD_ALLOCATED, (), float(words[0])
    yield s.NODE_FILEFD_MAXIMUM, (), float(words[2])


def _schedstat(text: str) -> Found:
    for line in text.splitlines():
        words = line.split()
        if words[0].startswith("cpu") and len(words) >= 10:
            cpu = (words[0][3:],)
            yield s.NODE_SCHEDSTAT_RUNNING_SECONDS_TOTAL, cpu, float(words[7]) / 1e9
            yield s.NODE_SCHEDSTAT_WAITING_SECONDS_TOTAL, cpu, float(words[8]) / 1e9
            yield s.NODE_SCHEDSTAT_TIMESLICES_TOTAL, cpu, float(words[9])


def _softnet(text: str) -> Found:
    for number, line in enumerate(text.splitlines()):
        words = line.split()
        # Newer kernels say which processor a line is for; those that are switched off have none.
        cpu = (str(int(words[12], 16)) if len(words) > 12 else str(number),)
        yield s.NODE_SOFTNET_PROCESSED_TOTAL, cpu, float(int(words[0], 16))
        yield s.NODE_SOFTNET_DROPPED_TOTAL, cpu, float(int(words[1], 16))
        yield s.NODE_SOFTNET_TIMES_SQUEEZED_TOTAL, cpu, float(int(words[2], 16))


KERNEL_SOURCES = (
    Source("proc/stat", _stat, required=True),
    Source("proc/loadavg", _loadavg),
    Source("proc/meminfo", _meminfo, required=True),
    Source("proc/vmstat", _vmstat),
    Source("proc/pressure/cpu", _pressure(s.NODE_PRESSURE_CPU_WAITING_SECONDS_TOTAL, None)),
    Source(
        "proc/pressure/io",
        _pressure(s.NODE_PRESSURE_IO_WAITING_SECONDS_TOTAL, s.NODE_PRESSURE_IO_STALLED_SECONDS_TOTAL),
    ),
    Source(
        "proc/pressure/memory",
        _pressure(s.NODE_PRESSURE_MEMORY_WAITING_SECONDS_TOTAL, s.NODE_PRESSURE_MEMORY_STALLED_SECONDS_TOTAL),
    ),
    Source("proc/sys/fs/file-nr", _file_nr),
    Source("proc/schedstat", _schedstat),
    Source("proc/net/softnet_stat", _softnet),
    single("proc/sys/kernel/random/entropy_avail", s.NODE_ENTROPY_AVAILABLE_BITS),
    single("proc/sys/kernel/random/poolsize", s.NODE_ENTROPY_POOL_SIZE_BITS),
)

_CLOCKS = "sys/devices/system/clocksource"
_RELEASE_FILES = ("etc/os-release", "usr/lib/os-release")
_MODES_OF_SELINUX = {"enforcing": 1.0, "permissive": 0.0, "disabled": -1.0}


def machine(files: Files) -> Found:
    """What does not move: kernel, distribution, SELinux."""
    name = os.uname()
    # The names are those of the kernel's tree, not of the container that the sidecar runs in.
    node = files.word("proc/sys/kernel/hostname") if files.root else None
    domain = files.word("proc/sys/kernel/domainname")
    values = (domain or "(none)", name.machine, node or name.nodename, name.release, name.sysname, name.version)
    yield s.NODE_UNAME_INFO, values, 1.0
    for path in _RELEASE_FILES:
        text = files.word(path)
        if text is not None:
            yield from _release(text)
            break
    yield from _selinux(files)


def _release(text: str) -> Found:
    found = {}
    for line in text.splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith("#"):
            found[key.lower()] = value.strip("\"'")
    yield s.NODE_OS_INFO, tuple(found.get(label, "") for label in s.NODE_OS_INFO.labels), 1.0
    with contextlib.suppress(ValueError):
        # A version has at most one point here: 22.04, and 8.7 of 8.7.1.
        version = float(".".join(found.get("version_id", "").split(".")[:2]))
        yield s.NODE_OS_VERSION, tuple(found.get(label, "") for label in s.NODE_OS_VERSION.labels), version


def _selinux(files: Files) -> Found:
    current = files.number("sys/fs/selinux/enforce")
    yield s.NODE_SELINUX_ENABLED, (), float(current is not None)
    if current is None:
        return
    yield s.NODE_SELINUX_CURRENT_MODE, (), current
    for line in (files.word("etc/selinux/config") or "").splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "SELINUX" and value.strip() in _MODES_OF_SELINUX:
            yield s.NODE_SELINUX_CONFIG_MODE, (), _MODES_OF_SELINUX[value.strip()]


def clock(files: Files) -> Found:
    """The clock, what it is made of, and how well it is kept."""
    yield s.NODE_TIME_SECONDS, (), now()
    local = time.localtime()
    yield s.NODE_TIME_ZONE_OFFSET_SECONDS, (local.tm_zone,), float(local.tm_gmtoff)
    for device in files.names(_CLOCKS):
        number = device.removeprefix("clocksource")
        if number == device:
            continue
        for one in (files.word(f"{_CLOCKS}/{device}/available_clocksource") or "").split():
            yield s.NODE_TIME_CLOCKSOURCE_AVAILABLE_INFO, (one, number), 1.0
        if current := files.word(f"{_CLOCKS}/{device}/current_clocksource"):
            yield s.NODE_TIME_CLOCKSOURCE_CURRENT_INFO, (current, number), 1.0
    yield from _timex()


# adjtimex(2): struct timex of a 64-bit Linux, its fields in their order and in native alignment.
_TIMEX = struct.Struct("@I4qi8qi5qi")
_TIMEX_BYTES = 208
_NANOSECONDS = 0x2000  # of the status: offset and jitter are in nanoseconds
_ERROR = 5  # the clock is not kept
_PPM = 65_536.0 * 1e6


def _timex() -> Found:
    answer = _adjtimex()
    if answer is None:
        return
    state, fields = answer
    _, offset, frequency, largest, estimated, status, constant, _, _, _, _, tick, *pps = fields
    pps_frequency, jitter, shift, stability, jitters, calibrations, errors, exceeded, tai = pps
    unit = 1e-9 if status & _NANOSECONDS else 1e-6
    values = (
        offset * unit,
        largest / 1e6,
        float(state != _ERROR),
        1.0 + frequency / _PPM,
        estimated / 1e6,
        float(status),
        float(constant),
        tick / 1e6,
        pps_frequency / _PPM,
        jitter * unit,
        float(shift),
        stability / _PPM,
        float(jitters),
        float(calibrations),
        float(errors),
        float(exceeded),
        float(tai),
    )
    for signal, value in zip(s.TIMEX, values, strict=True):
        yield signal, (), value


def _adjtimex() -> tuple[int, tuple[int, ...]] | None:
    """The clock's state and the fields of struct timex; None where the call is not allowed or does not exist."""
    import ctypes  # 0.7 MB that only a host needs

    try:
        call = ctypes.CDLL(None).adjtimex
    except AttributeError:
        return None
    buffer = ctypes.create_string_buffer(_TIMEX_BYTES)  # its modes are 0: it reads and sets nothing
    state: int = call(buffer)
    return None if state < 0 else (state, _TIMEX.unpack_from(buffer.raw))
