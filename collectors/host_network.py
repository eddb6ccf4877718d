"""Host: network devices, protocols, sockets and tracked connections."""

from __future__ import annotations

import os
from functools import lru_cache

from collectors.host_files import LOOPBACK, Files, Found, Source, net_dev, single
from watchkeeper.signals import Signal
from watchkeeper.systems import host_devices as d
from watchkeeper.systems import host_signals as s

__all__ = ["NETWORK_SOURCES", "network_devices"]


def _net_dev(text: str) -> Found:
    for device, words in net_dev(text):
        labels = (device,)
        for signal, word in zip(d.NETDEV, words, strict=False):
            yield signal, labels, float(word)


@lru_cache(maxsize=16)
def _columns(names: str) -> tuple[tuple[int, Signal], ...]:
    """The places in a line of values that have a signal, from the line of their names."""
    group, *words = names.replace(":", "").split()
    found = [(place, s.NETSTAT.get(f"{group}_{word}")) for place, word in enumerate(words, 1)]
    return tuple((place, signal) for place, signal in found if signal is not None)


def _netstat(text: str) -> Found:
    """Pairs of lines: names, then values, both behind `Tcp:`."""
    rows = text.splitlines()
    for names, row in zip(rows[::2], rows[1::2], strict=False):
        if columns := _columns(names):
            values = row.split()
            for place, signal in columns:
                if place < len(values):
                    yield signal, (), float(values[place])


# In /proc/net/snmp6 group and name are written in one: Ip6InOctets.
_SNMP6 = {key.replace("6_", "6"): signal for key, signal in s.NETSTAT.items() if "6_" in key}


def _snmp6(text: str) -> Found:
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        signal = _SNMP6.get(name)
        if signal is not None:
            yield signal, (), float(value)


_PAGE = float(os.sysconf("SC_PAGE_SIZE"))


def _sockstat(text: str) -> Found:
    for line in text.splitlines():
        words = line.replace(":", "").split()
        for name, value in zip(words[1::2], words[2::2], strict=False):
            key = f"{words[0]}_{name}"
            signal = s.SOCKSTAT.get(key)
            if signal is not None:
                yield signal, (), float(value)
            if name == "mem":
                yield s.SOCKSTAT[f"{key}_bytes"], (), float(value) * _PAGE


def _queues(version: str) -> Source:
    labels = ((version, "tx"), (version, "rx"))

    def parse(text: str) -> Found:
        sent = received = 0
        for line in text.splitlines()[1:]:
            queues = line.split(None, 5)[4]
            sent += int(queues[:8], 16)
            received += int(queues[9:17], 16)
        yield s.NODE_UDP_QUEUES, labels[0], float(sent)
        yield s.NODE_UDP_QUEUES, labels[1], float(received)

    return Source("proc/net/udp" if version == "v4" else "proc/net/udp6", parse)


def _arp(text: str) -> Found:
    counts: dict[str, int] = {}
    for line in text.splitlines()[1:]:
        device = line.split()[-1]
        counts[device] = counts.get(device, 0) + 1
    for device, count in counts.items():
        yield s.NODE_ARP_ENTRIES, (device,), float(count)


def _conntrack_stat(text: str) -> Found:
    """One line for each processor, all in hexadecimal; the sums."""
    names, *rows = (line.split() for line in text.splitlines())
    for place, name in enumerate(names):
        if name in s.CONNTRACK:
            yield s.CONNTRACK[name], (), float(sum(int(row[place], 16) for row in rows))


NETWORK_SOURCES = (
    Source("proc/net/dev", _net_dev),
    Source("proc/net/netstat", _netstat),
    Source("proc/net/snmp", _netstat),
    Source("proc/net/snmp6", _snmp6),
    Source("proc/net/sockstat", _sockstat),
    Source("proc/net/sockstat6", _sockstat),
    _queues("v4"),
    _queues("v6"),
    Source("proc/net/arp", _arp),
    single("proc/sys/net/netfilter/nf_conntrack_count", s.NODE_NF_CONNTRACK_ENTRIES),
    single("proc/sys/net/netfilter/nf_conntrack_max", s.NODE_NF_CONNTRACK_ENTRIES_LIMIT),
    Source("proc/net/stat/nf_conntrack", _conntrack_stat),
)

_CLASS = "sys/class/net"
_MEGABIT = 125_000.0


def network_devices(files: Files) -> Found:
    """What sysfs says of every network device; what a device does not know is left out."""
    for device in files.names(_CLASS):
        base, labels = f"{_CLASS}/{device}", (device,)
        state = files.word(f"{base}/operstate")
        if state is None:  # not a device: the bonding driver keeps a file here
            continue
        yield d.NODE_NETWORK_UP, labels, float(state == "up")
        for name, signal in d.NETCLASS.items():
            value = files.number(f"{base}/{name}")
            if value is None:
                continue
            if name == "speed":
                # The kernel says -1 for a device that does not know.
                if value < 0:
                    continue
                value *= _MEGABIT
            yield signal, labels, value
        words = [files.word(f"{base}/{name}") or "" for name in ("address", "broadcast", "duplex", "ifalias")]
        yield d.NODE_NETWORK_INFO, (words[0], words[1], device, words[2], words[3], state), 1.0
        if device != LOOPBACK:
            dropped = files.number(f"{base}/statistics/rx_nohandler")
            if dropped is not None:
                yield d.NODE_NETWORK_RECEIVE_NOHANDLER_TOTAL, labels, dropped
