"""Host: sensors, frequencies, throttling and memory errors: what only some machines have.

Which files there are is looked up once a minute; a scrape reads them alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from collectors.host_files import Files, Found
from watchkeeper.clock import monotonic
from watchkeeper.signals import Signal
from watchkeeper.systems import host_devices as d

__all__ = ["Hardware"]

_SECONDS = 60.0
_CPUS = "sys/devices/system/cpu"
_KHZ = 1000.0

Entry = tuple[str, Signal, tuple[str, ...], float]
"""A file with a number, the signal and label values that it is, and the factor to its base unit."""
Constant = tuple[Signal, tuple[str, ...]]


class Hardware:
    """The files worth reading, and the constant series beside them."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._until = 0.0
        self._entries: list[Entry] = []
        self._constants: list[Constant] = []

    def read(self) -> Found:
        """All of them; a sensor that does not answer is left out."""
        if monotonic() >= self._until:
            self._find()
        for signal, labels in self._constants:
            yield signal, labels, 1.0
        for path, signal, labels, factor in self._entries:
            value = self._files.number(path)
            if value is not None:
                yield signal, labels, value * factor

    def _find(self) -> None:
        self._until = monotonic() + _SECONDS
        files = self._files
        self._constants = []
        self._entries = [*_frequencies(files), *_throttles(files), *_thermal(files), *_memory_errors(files)]
        for chip in files.names("sys/class/hwmon"):
            self._chip(f"sys/class/hwmon/{chip}")

    def _chip(self, path: str) -> None:
        files = self._files
        name = files.word(f"{path}/name") or ""
        chip = _chip_name(files.root, path, name)
        if name:
            self._constants.append((d.NODE_HWMON_CHIP_NAMES, (chip, _clean(name))))
        for place in (path, f"{path}/device"):  # old drivers keep their files in the device
            for file in files.names(place):
                match = _SENSOR_FILE.fullmatch(file)
                if match is None:
                    continue
                kind, number, element = match.groups()
                sensor = f"{kind}{number}"
                if element == "label":
                    if label := files.word(f"{place}/{file}"):
                        self._constants.append((d.NODE_HWMON_SENSOR_LABEL, (chip, label, sensor)))
                elif found := d.HWMON.get((kind, element)):
                    self._entries.append((f"{place}/{file}", found[0], (chip, sensor), found[1]))


_SENSOR_FILE = re.compile(r"(temp|fan|in|curr|power)(\d+)_(\w+)")
_DIRTY = re.compile(r"[^a-z0-9:_]")


def _clean(name: str) -> str:
    return _DIRTY.sub("_", name.lower()).strip("_")


def _chip_name(root: str, path: str, name: str) -> str:
    """A name that stays over restarts: bus and device, where the chip has one."""
    link = f"{root}/{path}/device"
    if os.path.exists(link):  # noqa: PTH110  texts all the way
        bus, device = os.path.realpath(link).split("/")[-2:]
        return "_".join(filter(None, (_clean(bus), _clean(device))))
    own = os.path.basename(os.path.realpath(f"{root}/{path}"))  # noqa: PTH119
    return _clean(name) or _clean(own)


def _numbered(files: Files, path: str, prefix: str) -> Iterator[tuple[str, str]]:
    """The directories called PREFIX and a number: the number, and the path."""
    for name in files.names(path):
        number = name.removeprefix(prefix)
        if number != name and number.isdigit():
            yield number, f"{path}/{name}"


def _present(files: Files, path: str) -> bool:
    return os.path.exists(f"{files.root}/{path}")  # noqa: PTH110


def _frequencies(files: Files) -> Iterator[Entry]:
    for cpu, path in _numbered(files, _CPUS, "cpu"):
        for file, signal in d.CPUFREQ.items():
            if _present(files, f"{path}/cpufreq/{file}"):
                yield f"{path}/cpufreq/{file}", signal, (cpu,), _KHZ


def _throttles(files: Files) -> Iterator[Entry]:
    seen = set()
    for _, path in _numbered(files, _CPUS, "cpu"):
        package = files.word(f"{path}/topology/physical_package_id")
        core = files.word(f"{path}/topology/core_id")
        if package is None or core is None or not _present(files, f"{path}/thermal_throttle"):
            continue
        # The threads of a core, and the cores of a package, all tell the same.
        for file, signal, labels in (
            ("core_throttle_count", d.NODE_CPU_CORE_THROTTLES_TOTAL, (core, package)),
            ("package_throttle_count", d.NODE_CPU_PACKAGE_THROTTLES_TOTAL, (package,)),
        ):
            if (file, labels) not in seen:
                seen.add((file, labels))
                yield f"{path}/thermal_throttle/{file}", signal, labels, 1.0


def _thermal(files: Files) -> Iterator[Entry]:
    for zone, path in _numbered(files, "sys/class/thermal", "thermal_zone"):
        yield f"{path}/temp", d.NODE_THERMAL_ZONE_TEMP, (files.word(f"{path}/type") or "", zone), 1e-3
    for name, path in _numbered(files, "sys/class/thermal", "cooling_device"):
        labels = (name, files.word(f"{path}/type") or "")
        yield f"{path}/cur_state", d.NODE_COOLING_DEVICE_CUR_STATE, labels, 1.0
        yield f"{path}/max_state", d.NODE_COOLING_DEVICE_MAX_STATE, labels, 1.0


def _memory_errors(files: Files) -> Iterator[Entry]:
    for controller, path in _numbered(files, "sys/devices/system/edac/mc", "mc"):
        yield f"{path}/ce_count", d.NODE_EDAC_CORRECTABLE_ERRORS_TOTAL, (controller,), 1.0
        yield f"{path}/ue_count", d.NODE_EDAC_UNCORRECTABLE_ERRORS_TOTAL, (controller,), 1.0
        # What could not be told to belong to a row.
        for row, file, signal in (
            ("unknown", f"{path}/ce_noinfo_count", d.NODE_EDAC_CSROW_CORRECTABLE_ERRORS_TOTAL),
            ("unknown", f"{path}/ue_noinfo_count", d.NODE_EDAC_CSROW_UNCORRECTABLE_ERRORS_TOTAL),
        ):
            yield file, signal, (controller, row), 1.0
        for row, place in _numbered(files, path, "csrow"):
            yield f"{place}/ce_count", d.NODE_EDAC_CSROW_CORRECTABLE_ERRORS_TOTAL, (controller, row), 1.0
            yield f"{place}/ue_count", d.NODE_EDAC_CSROW_UNCORRECTABLE_ERRORS_TOTAL, (controller, row), 1.0
