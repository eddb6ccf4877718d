"""The trees of a machine that this one is not: sensors, throttling, memory with error correction, SELinux, udev."""

from __future__ import annotations

from pathlib import Path

__all__ = ["FILES", "build_tree"]

_CHIP = "sys/class/hwmon/hwmon0"
_OLD_CHIP = "sys/class/hwmon/hwmon1"
_CPU = "sys/devices/system/cpu"
_EDAC = "sys/devices/system/edac/mc/mc0"
_NET = "sys/class/net"

FILES = {
    "proc/stat": "cpu  1 2 3 4\ncpu0 100 0 50 800 7 0 1 2 30 4\nintr 9 1 2\nctxt 11\nbtime 1700000000\nprocesses 5\n"
    "procs_running 2\nprocs_blocked 1\nsoftirq 1 0 0 0 0 0 0 0 0 0 0\n",
    "proc/loadavg": "0.50 0.25 0.10 1/100 1234\n",
    "proc/meminfo": "MemTotal:  1000 kB\nMemAvailable:  400 kB\nActive(anon): 5 kB\nHugePages_Total: 3\n"
    "HardwareCorrupted:     4 kB\nCmaTotal: 8 kB\nCmaFree: 2 kB\nUnaccepted: 16 kB\n",
    "proc/vmstat": "nr_free_pages 1\npgpgin 10\npgpgout 20\npswpin 1\npswpout 2\n"
    "pgfault 30\npgmajfault 3\noom_kill 4\n",
    "proc/schedstat": "version 15\ntimestamp 1\ncpu0 1 2 3 4 5 6 7000000000 8000000000 9\n",
    "proc/diskstats": "8 0 sda 10 1 4 1500 20 2 8 2500 1 3000 4000 5 6 7 8000 9 10000\n"
    "8 1 sda1 1 1 1 1 1 1 1 1 1 1 1\n253 0 dm-0 1 0 8 10 2 0 16 20 0 30 30\n",
    "proc/net/snmp": "Tcp: CurrEstab RetransSegs\nTcp: 4 7\nUdp: NoPorts\nUdp: 1\n",
    "proc/net/netstat": "TcpExt: ListenDrops ListenOverflows\nTcpExt: 3 2\n",
    "proc/net/snmp6": "Ip6InOctets 11\nUdp6NoPorts 12\nIcmp6InMsgs 13\n",
    "proc/net/sockstat": "sockets: used 26\nTCP: inuse 8 orphan 0 tw 40 alloc 9 mem 2\n",
    "proc/net/dev": "Inter-|   Receive  |  Transmit\n face |bytes packets|bytes packets\n"
    "  eth0: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n    lo: 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9\n",
    "proc/net/arp": "IP address HW type Flags HW address Mask Device\n"
    + "".join(f"192.0.2.{n} 0x1 0x2 02:fc:00:00:00:0{n} * eth{n % 2}\n" for n in (1, 2, 3)),
    "proc/net/udp": "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    "  0: 00000000:0016 00000000:0000 0A 00000015:00000002 00:00000000 00000000     0        0 2740 1 f 1 0 0 2 -1\n"
    "  1: 00000000:0017 00000000:0000 0A 00000001:00000003 00:00000000 00000000     0        0 2741 1 f 1 0 0 2 -1\n",
    "proc/net/softnet_stat": "0000000a 00000001 00000002 0 0 0 0 0 0 0 0\n0000000b 00000000 00000000 0 0 0 0 0 0 0 0\n",
    "proc/net/stat/nf_conntrack": "entries  clashres found new invalid ignore delete chainlength insert insert_failed "
    "drop early_drop icmp_error  expect_new expect_create expect_delete search_restart\n"
    + 2
    * "00000001  00000000 00000010 00000000 00000002 00000003 00000000 00000000 00000004 00000005 00000006 "
    "00000007 00000000  00000000 00000000 00000000 00000008\n",
    "proc/sys/net/netfilter/nf_conntrack_count": "123\n",
    "proc/sys/net/netfilter/nf_conntrack_max": "65536\n",
    "proc/sys/fs/file-nr": "1024 0 1631329\n",
    "proc/pressure/io": "some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\n"
    "full avg10=0 avg60=0 avg300=0 total=500000\n",
    "proc/mounts": "/dev/sda1 / ext4 rw 0 0\n",
    "etc/os-release": 'NAME="Fedora Linux"\nVERSION_ID=37\nID=fedora\nVARIANT_ID=server\n# a comment\n',
    "etc/selinux/config": "# comment\nSELINUX=enforcing\nSELINUXTYPE=targeted\n",
    "sys/fs/selinux/enforce": "0",
    f"{_NET}/eth0/operstate": "up\n",
    f"{_NET}/eth0/speed": "1000\n",
    f"{_NET}/eth0/duplex": "full\n",
    f"{_NET}/eth0/address": "01:01:01:01:01:01\n",
    f"{_NET}/eth0/broadcast": "ff:ff:ff:ff:ff:ff\n",
    f"{_NET}/eth0/flags": "0x1303\n",
    f"{_NET}/eth0/type": "1\n",
    f"{_NET}/eth0/statistics/rx_nohandler": "5\n",
    f"{_NET}/eth1/operstate": "down\n",
    f"{_NET}/eth1/speed": "-1\n",
    f"{_NET}/bonding_masters": "bond0\n",
    "sys/class/thermal/thermal_zone0/temp": "49925\n",
    "sys/class/thermal/thermal_zone0/type": "bcm2835_thermal\n",
    "sys/class/thermal/thermal_zone0/policy": "step_wise\n",
    "sys/class/thermal/cooling_device0/type": "Processor\n",
    "sys/class/thermal/cooling_device0/cur_state": "1\n",
    "sys/class/thermal/cooling_device0/max_state": "7\n",
    f"{_EDAC}/ce_count": "1\n",
    f"{_EDAC}/ue_count": "5\n",
    f"{_EDAC}/ce_noinfo_count": "2\n",
    f"{_EDAC}/ue_noinfo_count": "6\n",
    f"{_EDAC}/csrow0/ce_count": "3\n",
    f"{_EDAC}/csrow0/ue_count": "4\n",
    f"{_OLD_CHIP}/name": "Old Chip\n",
    f"{_OLD_CHIP}/fan1_input": "1098\n",
    "run/udev/data/b8:0": "S:disk/by-id/x\nE:ID_MODEL=SuperDisk\nE:ID_PATH=pci-0000:00:1f.2\nE:ID_REVISION=AB1\n"
    "E:ID_SERIAL_SHORT=S1\nE:ID_WWN=0x5\nE:ID_FS_TYPE=ext4\nE:ID_FS_USAGE=filesystem\nE:ID_FS_UUID=u-1\nE:ID_FS_VERSION=1.0\n",
    "run/udev/data/b253:0": "E:DM_NAME=vg-root\nE:DM_UUID=LVM-1\nE:DM_VG_NAME=vg\nE:DM_LV_NAME=root\n",
}
_CPUS = {
    **{
        f"{_CPU}/cpu{n}/cpufreq/{file}": f"{value}\n"
        for n in (0, 1)
        for file, value in (
            *(("cpuinfo_cur_freq", 1699981), ("cpuinfo_min_freq", 800000), ("cpuinfo_max_freq", 3700000)),
            *(("cpuinfo_transition_latency", 0), ("related_cpus", n), ("scaling_available_governors", "powersave")),
            *(("scaling_driver", "intel_pstate"), ("scaling_governor", "powersave"), ("scaling_setspeed", "-")),
            *(("scaling_cur_freq", 1699982), ("scaling_min_freq", 800001), ("scaling_max_freq", 3700001)),
        )
    },
    # Two threads of one core.
    **{f"{_CPU}/cpu{n}/topology/{file}": "0\n" for n in (0, 1) for file in ("physical_package_id", "core_id")},
    **{
        f"{_CPU}/cpu{n}/thermal_throttle/{file}": f"{value}\n"
        for n in (0, 1)
        for file, value in (("core_throttle_count", 5), ("package_throttle_count", 30))
    },
}
_SENSORS = {
    "name": "coretemp",
    "temp1_input": 55000,
    "temp1_min": 1000,
    "temp1_max": 84000,
    "temp1_crit": 100000,
    "temp1_crit_alarm": 0,
    "temp1_alarm": 1,
    "temp1_label": "Core 0",
    "fan1_input": 1200,
    "fan1_min": 300,
    "fan1_max": 3000,
    "fan1_alarm": 0,
    "in0_input": 912,
    "in0_min": 800,
    "in0_max": 1200,
    "in0_alarm": 0,
    "curr1_input": 1500,
    "curr1_max": 2000,
    "power1_input": 55000000,
    "power1_average": 54000000,
    "power1_cap": 95000000,
}


def build_tree(root: Path) -> Path:
    """Write everything below `root`, and give it back."""
    files = {**FILES, **_CPUS, **{f"{_CHIP}/{name}": f"{value}\n" for name, value in _SENSORS.items()}}
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    device = root / "sys/devices/platform/coretemp.0"
    device.mkdir(parents=True)
    (root / _CHIP / "device").symlink_to(device)
    return root
