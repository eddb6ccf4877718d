"""Container: the cgroups (v2) of a pod, or of a machine, under cAdvisor's names.

The tree is walked at every read from `path` below `root`, by default from the sidecar's own cgroup. What a container
runtime made is a container, and so is a cgroup without others in it; below a container nothing is walked.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from glob import glob
from typing import TYPE_CHECKING

from collectors import options
from collectors.container_files import Cgroup, network
from collectors.description import Collector
from collectors.families import Family, family
from collectors.host_files import Found
from watchkeeper.clock import monotonic
from watchkeeper.errors import TargetError
from watchkeeper.signals import Signal

if TYPE_CHECKING:
    from watchkeeper.settings import Target

__all__ = ["COLLECTOR"]

_ROOT = "/sys/fs/cgroup"
_DEPTH = 6
# What the runtimes call the cgroup of a container: containerd, CRI-O, Docker, Podman, with systemd or without.
_RUNTIME = re.compile(r"(?:(?:cri-containerd|crio|docker|libpod)-)?([0-9a-f]{64})(?:\.scope)?")
_SHORT = 12  # as `docker ps` shows an id


class ContainerSession:
    """Walks a tree of cgroups. Raises SettingsError when an option cannot be meant so."""

    def __init__(self, target: Target) -> None:
        self._root, self._path, self._names = _options(target)
        self._devices: dict[str, str] = {}

    def read(self, deadline: float) -> Sequence[Family]:
        if not os.path.exists(f"{self._root}/cgroup.controllers"):  # noqa: PTH110  a text, as all paths here
            raise TargetError(
                f"container: {self._root} is no tree of cgroups v2: mount one there, or name it with option root"
            )
        starts = self._starts()
        if not starts:
            raise TargetError(f"container: there is no cgroup {self._root}/{self._path}: see option path")
        found: dict[str, tuple[Signal, list[tuple[tuple[str, ...], float]]]] = {}
        parts = [self._walk(start, _DEPTH, deadline) for start in starts]
        if self._path is None:
            parts.append(network((starts[0], "")))
        for part in parts:
            for signal, values, value in part:
                found.setdefault(signal.name, (signal, []))[1].append((values, value))
        return [family(signal, samples) for signal, samples in found.values()]

    def abort(self) -> None:
        """A read of a file cannot be broken off; the lane answers without it."""

    def close(self) -> None:
        """Nothing is open."""

    def _starts(self) -> list[str]:
        """The cgroups to begin with, as paths below the root."""
        if self._path is None:
            return [own_cgroup(self._root)]
        below = len(self._root)
        return sorted(one[below:] or "/" for one in glob(f"{self._root}/{self._path}") if os.path.isdir(one))  # noqa: PTH112, PTH207

    def _walk(self, path: str, depth: int, deadline: float) -> Found:
        if monotonic() >= deadline:
            raise TargetError(
                "container: the tree of cgroups was not walked in time: name a part of it with option path"
            )
        children = self._children(path) if depth else []
        runtime = _RUNTIME.fullmatch(path.rpartition("/")[2])
        name = "" if children and not runtime else self._name(path, runtime)
        cgroup = Cgroup(f"{self._root}{path}".rstrip("/"), (path, name), self._devices)
        yield from cgroup.read()
        if not name:
            for child in children:
                yield from self._walk(f"{path.rstrip('/')}/{child}", depth - 1, deadline)

    def _children(self, path: str) -> list[str]:
        try:
            with os.scandir(f"{self._root}{path}") as entries:
                return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
        except OSError:  # a container that has just ended
            return []

    def _name(self, path: str, runtime: re.Match[str] | None) -> str:
        own = path.rpartition("/")[2]
        for pattern, name in self._names:
            if fnmatchcase(own, pattern) or fnmatchcase(path, pattern):
                return name
        if runtime:
            return runtime[1][:_SHORT]
        return own.removesuffix(".scope").removesuffix(".service") or os.uname().nodename


def own_cgroup(root: str, text: str | None = None) -> str:
    """The path of this process's cgroup below a root; `/` where the root is its own, as in a container.

    `text` is what /proc/self/cgroup says.
    """
    if text is None:
        try:
            with open("/proc/self/cgroup", encoding="utf-8") as file:  # noqa: PTH123
                text = file.read()
        except OSError:
            return "/"
    for line in text.splitlines():
        if line.startswith("0::"):
            path = line[3:].strip()
            # Seen from a namespace of its own, another's cgroup begins with `/..`.
            if not path.startswith("/..") and os.path.isdir(root + path):  # noqa: PTH112
                return path
    return "/"


def _options(target: Target) -> tuple[str, str | None, tuple[tuple[str, str], ...]]:
    """The options `root`, `path` (None when it is left out) and `names`."""
    names = target.options.get("names", {})
    if not isinstance(names, dict):
        raise options.wrong(target, "names", "it is a mapping from a cgroup's name or path to a name")
    root = options.text(target, "root", _ROOT, example=_ROOT).rstrip("/")
    path = options.text(target, "path", example="/kubepods.slice").strip("/") if "path" in target.options else None
    return root, path, tuple((str(pattern), str(name)) for pattern, name in names.items())


COLLECTOR = Collector(
    system="container",
    open=ContainerSession,
    login="none",
    stands="machine",
    check=_options,
    options=(
        ("root", f"where the tree of cgroups v2 is mounted, {_ROOT} when it is left out"),
        ("path", "the cgroup to begin with, below root; patterns are allowed; the sidecar's own when it is left out"),
        ("names", "names of containers: a mapping from a cgroup's name or path, or a pattern of it, to a name"),
    ),
)
