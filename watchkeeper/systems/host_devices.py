"""Host: the signals of its devices: disks, file systems, network, processors' hardware, sensors."""

from __future__ import annotations

from watchkeeper.signals import Counter, Gauge, Polarity, Signal
from watchkeeper.systems.host_signals import HIGH, LOW, NEUTRAL, counter, gauge, info
from watchkeeper.units import BYTES, CELSIUS, ONE, SECONDS, Unit

__all__ = [
    "CPUFREQ",
    "DEVICES",
    "DEVICE_MAPPER_FIELDS",
    "DISKSTATS",
    "DISK_FIELDS",
    "FILESYSTEM_FIELDS",
    "HWMON",
    "NETCLASS",
    "NETDEV",
]

_DEVICE = ("device",)
_FILESYSTEM = ("device", "fstype", "mountpoint")
_SYSFS = "sysfs, which a bare chroot does not have"
_UDEV = "udev, which a container does not have"
_SPEED = "a network device that knows its speed"
_CARRIER = "a network device that is up"
_CPUFREQ = "a processor whose frequency the kernel governs"
_THROTTLE = "an Intel processor, not a virtual one"
_HWMON = "a sensor (hwmon)"
_THERMAL = "a thermal zone or a cooling device"
_EDAC = "memory with error correction and its driver (EDAC)"

# File systems
NODE_FILESYSTEM_SIZE_BYTES = gauge("filesystem_size_bytes", "Size of a file system.", BYTES, NEUTRAL, _FILESYSTEM)
NODE_FILESYSTEM_FREE_BYTES = gauge("filesystem_free_bytes", "Free space of a file system.", BYTES, LOW, _FILESYSTEM)
NODE_FILESYSTEM_AVAIL_BYTES = gauge(
    "filesystem_avail_bytes", "Free space for users other than root.", BYTES, LOW, _FILESYSTEM
)
NODE_FILESYSTEM_FILES = gauge("filesystem_files", "Inodes of a file system.", ONE, NEUTRAL, _FILESYSTEM)
NODE_FILESYSTEM_FILES_FREE = gauge("filesystem_files_free", "Free inodes of a file system.", ONE, LOW, _FILESYSTEM)
NODE_FILESYSTEM_READONLY = gauge("filesystem_readonly", "Whether a file system is read-only.", ONE, HIGH, _FILESYSTEM)
NODE_FILESYSTEM_DEVICE_ERROR = gauge(
    "filesystem_device_error", "Whether the statistics of a file system could not be read.", ONE, HIGH, _FILESYSTEM
)

# Disks: the columns of /proc/diskstats after the name, in their order, and what makes base units of them.
_SECTOR = 512.0  # the kernel counts in these, whatever the device has
_MILLISECOND = 1e-3
_IO_NOW = "io_now"  # the one column that does not grow
_REQUESTS: tuple[tuple[str, str, Unit, Polarity, float], ...] = (
    ("reads_completed_total", "Reads completed by a disk.", ONE, NEUTRAL, 1.0),
    ("reads_merged_total", "Reads merged with a neighbour.", ONE, NEUTRAL, 1.0),
    ("read_bytes_total", "Bytes read from a disk.", BYTES, NEUTRAL, _SECTOR),
    ("read_time_seconds_total", "Time that reads took, added up.", SECONDS, HIGH, _MILLISECOND),
    ("writes_completed_total", "Writes completed by a disk.", ONE, NEUTRAL, 1.0),
    ("writes_merged_total", "Writes merged with a neighbour.", ONE, NEUTRAL, 1.0),
    ("written_bytes_total", "Bytes written to a disk.", BYTES, NEUTRAL, _SECTOR),
    ("write_time_seconds_total", "Time that writes took, added up.", SECONDS, HIGH, _MILLISECOND),
    (_IO_NOW, "", ONE, HIGH, 1.0),
    ("io_time_seconds_total", "Time with a request in progress.", SECONDS, HIGH, _MILLISECOND),
    ("io_time_weighted_seconds_total", "Time of requests, weighted by their number.", SECONDS, HIGH, _MILLISECOND),
    ("discards_completed_total", "Discards completed by a disk.", ONE, NEUTRAL, 1.0),
    ("discards_merged_total", "Discards merged with a neighbour.", ONE, NEUTRAL, 1.0),
    ("discarded_sectors_total", "Sectors discarded.", ONE, NEUTRAL, 1.0),
    ("discard_time_seconds_total", "Time that discards took, added up.", SECONDS, NEUTRAL, _MILLISECOND),
    ("flush_requests_total", "Flushes completed by a disk.", ONE, NEUTRAL, 1.0),
    ("flush_requests_time_seconds_total", "Time that flushes took, added up.", SECONDS, HIGH, _MILLISECOND),
)
_DISK: dict[str, Counter] = {
    name: counter(f"disk_{name}", help, unit, bad, _DEVICE) for name, help, unit, bad, _ in _REQUESTS if name != _IO_NOW
}
NODE_DISK_IO_NOW = gauge(f"disk_{_IO_NOW}", "Requests that a disk is working on.", ONE, HIGH, _DEVICE)
NODE_DISK_IO_TIME_SECONDS_TOTAL = _DISK["io_time_seconds_total"]
NODE_DISK_IO_TIME_WEIGHTED_SECONDS_TOTAL = _DISK["io_time_weighted_seconds_total"]
DISKSTATS: tuple[tuple[Signal, float], ...] = tuple(
    (_DISK.get(name, NODE_DISK_IO_NOW), factor) for name, _, _, _, factor in _REQUESTS
)

# What udev knows of a disk: the label, and what its data base calls it.
DISK_FIELDS = (
    ("model", "ID_MODEL"),
    ("path", "ID_PATH"),
    ("revision", "ID_REVISION"),
    ("serial", "ID_SERIAL_SHORT"),
    ("wwn", "ID_WWN"),
)
FILESYSTEM_FIELDS = (
    ("type", "ID_FS_TYPE"),
    ("usage", "ID_FS_USAGE"),
    ("uuid", "ID_FS_UUID"),
    ("version", "ID_FS_VERSION"),
)
DEVICE_MAPPER_FIELDS = (
    ("lv_layer", "DM_LV_LAYER"),
    ("lv_name", "DM_LV_NAME"),
    ("name", "DM_NAME"),
    ("uuid", "DM_UUID"),
    ("vg_name", "DM_VG_NAME"),
)
NODE_DISK_INFO = info(
    "disk_info",
    "Numbers, model and serial number of a disk.",
    ("device", "major", "minor", *(k for k, _ in DISK_FIELDS)),
)
NODE_DISK_FILESYSTEM_INFO = info(
    "disk_filesystem_info", "The file system on a disk.", ("device", *(k for k, _ in FILESYSTEM_FIELDS)), _UDEV
)
NODE_DISK_DEVICE_MAPPER_INFO = info(
    "disk_device_mapper_info",
    "The logical volume of a disk.",
    ("device", *(k for k, _ in DEVICE_MAPPER_FIELDS)),
    "a logical volume, and udev",
)

# Network: the columns of /proc/net/dev in their order.
_NETDEV: tuple[tuple[str, str, Unit, Polarity], ...] = (
    ("receive_bytes_total", "Bytes received by a network device.", BYTES, NEUTRAL),
    ("receive_packets_total", "Packets received by a network device.", ONE, NEUTRAL),
    ("receive_errs_total", "Errors while receiving.", ONE, HIGH),
    ("receive_drop_total", "Received packets that were dropped.", ONE, HIGH),
    ("receive_fifo_total", "Received packets lost because a buffer was full.", ONE, HIGH),
    ("receive_frame_total", "Received packets with a broken frame.", ONE, HIGH),
    ("receive_compressed_total", "Compressed packets received.", ONE, NEUTRAL),
    ("receive_multicast_total", "Multicast packets received.", ONE, NEUTRAL),
    ("transmit_bytes_total", "Bytes sent by a network device.", BYTES, NEUTRAL),
    ("transmit_packets_total", "Packets sent by a network device.", ONE, NEUTRAL),
    ("transmit_errs_total", "Errors while sending.", ONE, HIGH),
    ("transmit_drop_total", "Packets dropped instead of sent.", ONE, HIGH),
    ("transmit_fifo_total", "Packets not sent because a buffer was full.", ONE, HIGH),
    ("transmit_colls_total", "Collisions while sending.", ONE, HIGH),
    ("transmit_carrier_total", "Times that the carrier was lost while sending.", ONE, HIGH),
    ("transmit_compressed_total", "Compressed packets sent.", ONE, NEUTRAL),
)
NETDEV: tuple[Counter, ...] = tuple(
    counter(f"network_{name}", help, unit, bad, _DEVICE) for name, help, unit, bad in _NETDEV
)
_NET = {signal.name: signal for signal in NETDEV}
NODE_NETWORK_RECEIVE_BYTES_TOTAL = _NET["node_network_receive_bytes_total"]
NODE_NETWORK_RECEIVE_PACKETS_TOTAL = _NET["node_network_receive_packets_total"]
NODE_NETWORK_RECEIVE_ERRS_TOTAL = _NET["node_network_receive_errs_total"]
NODE_NETWORK_RECEIVE_DROP_TOTAL = _NET["node_network_receive_drop_total"]
NODE_NETWORK_TRANSMIT_BYTES_TOTAL = _NET["node_network_transmit_bytes_total"]
NODE_NETWORK_TRANSMIT_PACKETS_TOTAL = _NET["node_network_transmit_packets_total"]
NODE_NETWORK_TRANSMIT_ERRS_TOTAL = _NET["node_network_transmit_errs_total"]
NODE_NETWORK_TRANSMIT_DROP_TOTAL = _NET["node_network_transmit_drop_total"]
NODE_NETWORK_RECEIVE_NOHANDLER_TOTAL = counter(
    "network_receive_nohandler_total", "Packets received that nobody wanted.", ONE, NEUTRAL, _DEVICE, _SYSFS
)

# The files of /sys/class/net/DEVICE that hold a number.
NETCLASS: dict[str, Signal] = {
    "addr_assign_type": gauge(
        "network_address_assign_type", "How a device came by its address.", ONE, NEUTRAL, _DEVICE, _SYSFS
    ),
    "carrier": gauge("network_carrier", "Whether a device has a link.", ONE, LOW, _DEVICE, _CARRIER),
    "carrier_changes": counter(
        "network_carrier_changes_total", "Times that a link came or went.", ONE, HIGH, _DEVICE, _SYSFS
    ),
    "carrier_up_count": counter(
        "network_carrier_up_changes_total", "Times that a link came.", ONE, NEUTRAL, _DEVICE, _SYSFS
    ),
    "carrier_down_count": counter(
        "network_carrier_down_changes_total", "Times that a link went.", ONE, HIGH, _DEVICE, _SYSFS
    ),
    "dev_id": gauge("network_device_id", "Number of a port among those of one adapter.", ONE, NEUTRAL, _DEVICE, _SYSFS),
    "dormant": gauge("network_dormant", "Whether a device waits for something else.", ONE, NEUTRAL, _DEVICE, _CARRIER),
    "flags": gauge("network_flags", "Flags of a device, as bits.", ONE, NEUTRAL, _DEVICE, _SYSFS),
    "ifindex": gauge("network_iface_id", "Number of a device.", ONE, NEUTRAL, _DEVICE, _SYSFS),
    "iflink": gauge("network_iface_link", "Number of the device beneath.", ONE, NEUTRAL, _DEVICE, _SYSFS),
    "link_mode": gauge(
        "network_iface_link_mode", "Policy of a link: 0 usual, 1 dormant.", ONE, NEUTRAL, _DEVICE, _SYSFS
    ),
    "mtu": gauge("network_mtu_bytes", "Largest packet of a network device.", BYTES, NEUTRAL, _DEVICE, _SYSFS),
    "name_assign_type": gauge(
        "network_name_assign_type", "How a device came by its name.", ONE, NEUTRAL, _DEVICE, _CARRIER
    ),
    "netdev_group": gauge("network_net_dev_group", "Group of a device.", ONE, NEUTRAL, _DEVICE, _SYSFS),
    "speed": gauge("network_speed_bytes", "Speed of a network device.", BYTES / SECONDS, NEUTRAL, _DEVICE, _SPEED),
    "tx_queue_len": gauge(
        "network_transmit_queue_length", "Packets that the queue of a device holds.", ONE, NEUTRAL, _DEVICE, _SYSFS
    ),
    "type": gauge(
        "network_protocol_type", "Kind of a device, as the kernel numbers them.", ONE, NEUTRAL, _DEVICE, _SYSFS
    ),
}
NODE_NETWORK_UP = gauge("network_up", "Whether the device is up.", ONE, LOW, _DEVICE, _SYSFS)
NODE_NETWORK_INFO = info(
    "network_info",
    "Addresses, mode and state of a network device.",
    ("address", "broadcast", "device", "duplex", "ifalias", "operstate"),
    _SYSFS,
)

# Processors' hardware
NODE_CPU_CORE_THROTTLES_TOTAL = counter(
    "cpu_core_throttles_total", "Times that a core was slowed down for heat.", ONE, HIGH, ("core", "package"), _THROTTLE
)
NODE_CPU_PACKAGE_THROTTLES_TOTAL = counter(
    "cpu_package_throttles_total",
    "Times that a processor was slowed down for heat.",
    ONE,
    HIGH,
    ("package",),
    _THROTTLE,
)
_FREQUENCIES = (
    ("cpuinfo_cur_freq", "cpu_frequency_hertz", "Frequency of a processor, as its hardware says."),
    ("cpuinfo_min_freq", "cpu_frequency_min_hertz", "Lowest frequency of a processor."),
    ("cpuinfo_max_freq", "cpu_frequency_max_hertz", "Highest frequency of a processor."),
    ("scaling_cur_freq", "cpu_scaling_frequency_hertz", "Frequency of a processor, as the governor has it."),
    ("scaling_min_freq", "cpu_scaling_frequency_min_hertz", "Lowest frequency that the governor may set."),
    ("scaling_max_freq", "cpu_scaling_frequency_max_hertz", "Highest frequency that the governor may set."),
)
CPUFREQ: dict[str, Gauge] = {
    file: gauge(name, help, ONE, NEUTRAL, ("cpu",), _CPUFREQ) for file, name, help in _FREQUENCIES
}

# Sensors: the kind and element that a file of hwmon is named for, and what makes base units of it.
_SENSOR = ("chip", "sensor")
_VOLT, _AMPERE, _WATT = (ONE, 1e-3, "volts"), (ONE, 1e-3, "amps"), (ONE, 1e-6, "watt")
_DEGREE, _TURNS, _FLAG = (CELSIUS, 1e-3, "celsius"), (ONE, 1.0, "rpm"), (ONE, 1.0, "")
_SENSORS: tuple[tuple[str, str, tuple[Unit, float, str], str, Polarity], ...] = (
    ("temp", "input", _DEGREE, "Temperature at a sensor.", HIGH),
    ("temp", "min", _DEGREE, "Lowest usual temperature of a sensor.", NEUTRAL),
    ("temp", "max", _DEGREE, "Highest usual temperature of a sensor.", NEUTRAL),
    ("temp", "crit", _DEGREE, "Temperature at which harm is done.", NEUTRAL),
    ("temp", "crit_alarm", _DEGREE, "Whether the critical temperature is reached.", HIGH),
    ("temp", "alarm", _FLAG, "Whether a sensor gives an alarm of its temperature.", HIGH),
    ("fan", "input", _TURNS, "Turns of a fan per minute.", LOW),
    ("fan", "min", _TURNS, "Fewest usual turns of a fan per minute.", NEUTRAL),
    ("fan", "max", _TURNS, "Most usual turns of a fan per minute.", NEUTRAL),
    ("fan", "alarm", _FLAG, "Whether a fan gives an alarm.", HIGH),
    ("in", "input", _VOLT, "Voltage at a sensor.", NEUTRAL),
    ("in", "min", _VOLT, "Lowest usual voltage of a sensor.", NEUTRAL),
    ("in", "max", _VOLT, "Highest usual voltage of a sensor.", NEUTRAL),
    ("in", "alarm", _FLAG, "Whether a sensor gives an alarm of its voltage.", HIGH),
    ("curr", "input", _AMPERE, "Current at a sensor.", NEUTRAL),
    ("curr", "max", _AMPERE, "Highest usual current of a sensor.", NEUTRAL),
    ("power", "input", _WATT, "Power at a sensor.", NEUTRAL),
    ("power", "average", _WATT, "Mean power at a sensor.", NEUTRAL),
    ("power", "cap", _WATT, "Largest power that a sensor's device may draw.", NEUTRAL),
)


def _sensor(kind: str, element: str, unit: tuple[Unit, float, str], help: str, bad: Polarity) -> tuple[Gauge, float]:
    words = ("hwmon", kind, "" if element == "input" else element, unit[2])
    return gauge("_".join(filter(None, words)), help, unit[0], bad, _SENSOR, _HWMON), unit[1]


HWMON: dict[tuple[str, str], tuple[Gauge, float]] = {(row[0], row[1]): _sensor(*row) for row in _SENSORS}
NODE_HWMON_TEMP_CELSIUS = HWMON["temp", "input"][0]
NODE_HWMON_CHIP_NAMES = info(
    "hwmon_chip_names", "What a chip with sensors calls itself.", ("chip", "chip_name"), _HWMON
)
NODE_HWMON_SENSOR_LABEL = info("hwmon_sensor_label", "What a chip calls a sensor.", ("chip", "label", "sensor"), _HWMON)
NODE_THERMAL_ZONE_TEMP = gauge("thermal_zone_temp", "Temperature of a zone.", CELSIUS, HIGH, ("type", "zone"), _THERMAL)
NODE_COOLING_DEVICE_CUR_STATE = gauge(
    "cooling_device_cur_state", "How hard a cooling device works.", ONE, HIGH, ("name", "type"), _THERMAL
)
NODE_COOLING_DEVICE_MAX_STATE = gauge(
    "cooling_device_max_state", "How hard a cooling device can work.", ONE, NEUTRAL, ("name", "type"), _THERMAL
)

# Errors of memory
NODE_EDAC_CORRECTABLE_ERRORS_TOTAL = counter(
    "edac_correctable_errors_total", "Errors of memory that were corrected.", ONE, HIGH, ("controller",), _EDAC
)
NODE_EDAC_UNCORRECTABLE_ERRORS_TOTAL = counter(
    "edac_uncorrectable_errors_total",
    "Errors of memory that could not be corrected.",
    ONE,
    HIGH,
    ("controller",),
    _EDAC,
)
NODE_EDAC_CSROW_CORRECTABLE_ERRORS_TOTAL = counter(
    "edac_csrow_correctable_errors_total", "Corrected errors by row.", ONE, HIGH, ("controller", "csrow"), _EDAC
)
NODE_EDAC_CSROW_UNCORRECTABLE_ERRORS_TOTAL = counter(
    "edac_csrow_uncorrectable_errors_total", "Uncorrected errors by row.", ONE, HIGH, ("controller", "csrow"), _EDAC
)

DEVICES: tuple[Signal, ...] = (
    *(value for value in list(globals().values()) if isinstance(value, Signal)),
    *(signal for signal, _ in DISKSTATS),
    *NETDEV,
    *NETCLASS.values(),
    *CPUFREQ.values(),
    *(signal for signal, _ in HWMON.values()),
)
"""All of them, some twice (a constant for one of a table)."""
