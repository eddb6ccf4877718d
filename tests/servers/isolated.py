"""A process under the constraints that a container's manifest asks for, without a container engine.

A mount namespace with a read-only root of what the program needs, a user without a name or privileges, no capability,
and a memory cgroup. What it does not have of a container: an image, a network of its own, a seccomp profile.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from examples.servers.process import ServerProcess, workdir

__all__ = ["Isolated", "available", "run"]

_REPOSITORY = Path(__file__).resolve().parents[2]
_TOOLS = ("unshare", "setpriv", "mount", "chroot")
# What a dynamically linked Python and its certificates need of the system.
_SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/etc/ssl", "/etc/ld.so.cache")


class Isolated(ServerProcess):
    """The running process: every step of its start replaces the one before, so that `pid` is the program's own."""

    def end(self, number: signal.Signals, *, seconds: float = 10.0) -> int:
        """Send a signal and wait; the exit code."""
        assert self._popen is not None
        self._popen.send_signal(number)
        return self._popen.wait(seconds)


def available() -> str | None:
    """Why a process cannot be isolated here, or None."""
    if os.geteuid() != 0:
        return "isolating a process takes root"
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        return f"{missing[0]} is not installed (Debian package util-linux)"
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode != 0:
        return "this machine forbids mount namespaces"
    if _memory_root() is None:
        return "there is no writable memory cgroup"
    return None


@contextlib.contextmanager
def run(
    container: Mapping[str, Any], files: Mapping[str, Mapping[str, str]], *, ready: Callable[[], bool]
) -> Iterator[Isolated]:
    """Start `watchkeeper` with the arguments, user and memory limit of a container's specification.

    `files` are the contents of its mounts: by mount path, then by file name.
    """
    context = container["securityContext"]
    assert context["readOnlyRootFilesystem"], "the manifest asks for a writable root"
    limit = int(container["resources"]["limits"]["memory"].removesuffix("Mi")) * 2**20
    with workdir("isolated") as directory, _memory_cgroup(limit) as cgroup:
        root = directory / "root"
        root.mkdir()
        script = directory / "start.sh"
        script.write_text(_script(root, directory, files, context, container["args"], cgroup))
        process = Isolated(
            "isolated",
            ["unshare", "--mount", "--propagation", "private", "sh", str(script)],
            log=directory / "isolated.log",
            ready=ready,
        )
        process.start()
        try:
            yield process
        finally:
            process.stop()


def _script(
    root: Path,
    directory: Path,
    files: Mapping[str, Mapping[str, str]],
    context: Mapping[str, Any],
    arguments: Sequence[str],
    cgroup: Path,
) -> str:
    shown = [path for path in (*_SYSTEM, sys.prefix, sys.base_prefix, str(_REPOSITORY)) if Path(path).exists()]
    lines = ["set -e", f"echo $$ > {cgroup}/cgroup.procs", f"mount -t tmpfs -o mode=755 tmpfs {root}"]
    for path in dict.fromkeys(shown):
        lines += _mounted(Path(path), root, Path(path))
    for mount_path, contents in files.items():
        source = directory / mount_path.strip("/").replace("/", "-")
        source.mkdir(mode=0o755)
        for name, text in contents.items():
            (source / name).write_text(text)
            (source / name).chmod(0o444)
        lines += _mounted(source, root, Path(mount_path))
    lines += [f"mkdir -p {root}/proc {root}/tmp", f"mount -t proc -o ro proc {root}/proc"]
    lines.append(f"mount -o remount,ro {root}")
    privileges = [
        f"--reuid={context['runAsUser']}",
        f"--regid={context['runAsGroup']}",
        "--clear-groups",
        "--inh-caps=-all",
        "--bounding-set=-all",
    ]
    if not context["allowPrivilegeEscalation"]:
        privileges.append("--no-new-privs")
    assert context["capabilities"]["drop"] == ["ALL"]
    programs = Path(sys.prefix) / "bin"
    program = [str(programs / "python"), str(programs / "watchkeeper"), *arguments]
    command = ["chroot", str(root), "setpriv", *privileges, "--", *program]
    return "\n".join([*lines, f"exec {shlex.join(command)}", ""])


def _mounted(source: Path, root: Path, at: Path) -> list[str]:
    place = shlex.quote(f"{root}{at}")
    make = f"mkdir -p {place}" if source.is_dir() else f"mkdir -p $(dirname {place}) && touch {place}"
    return [make, f"mount --rbind {shlex.quote(str(source))} {place}", f"mount -o remount,bind,ro {place}"]


def _memory_root() -> Path | None:
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    own = {line.split(":", 2)[1]: line.split(":", 2)[2] for line in lines}
    for base in (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")):
        name = own.get("memory", own.get("", "/")).lstrip("/")
        for place in (base / name, base):
            if (place / "memory.limit_in_bytes").exists() and os.access(place, os.W_OK):
                return place
            control = place / "cgroup.subtree_control"
            if control.exists() and "memory" in control.read_text() and os.access(place, os.W_OK):
                return place
    return None


@contextlib.contextmanager
def _memory_cgroup(limit: int) -> Iterator[Path]:
    base = _memory_root()
    assert base is not None
    group = base / f"watchkeeper-{os.getpid()}-{os.urandom(3).hex()}"
    group.mkdir()
    try:
        old, new = group / "memory.limit_in_bytes", group / "memory.max"
        (old if old.exists() else new).write_text(str(limit))
        yield group
    finally:
        with contextlib.suppress(OSError):
            group.rmdir()
