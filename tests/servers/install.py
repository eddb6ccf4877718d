"""Installs what the real servers need, when it may: `python -m tests.servers.install`.

It acts only as root on a machine with apt-get, when something is missing and WATCHKEEPER_NO_APT is not set.
What it cannot install is not an error: the tests that need it are skipped and say so. No service is started.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from examples.servers.process import find_program
from tests.servers import (
    alertmanager,
    chromium,
    exporters,
    nginx,
    postgresql,
    prometheus,
    rabbitmq,
    redis,
    victoriametrics,
)

__all__ = ["install", "main", "missing_packages"]

# Programs that single tests use, by package.
_PROGRAMS = {"systemd-journal-remote": "systemd-journal-remote", "openssl": "openssl"}
_LIBRARIES = ("/lib/systemd", "/usr/lib/systemd")
_POLICY = Path("/usr/sbin/policy-rc.d")
_NO_CLUSTER = Path("/etc/postgresql-common/createcluster.d/watchkeeper-tests.conf")
# Another package manager may be at work: wait for its lock.
_APT_OPTIONS = ("-q", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3")


def missing_packages() -> list[str]:
    """The Debian packages of the servers that are not here."""
    modules = (postgresql, redis, prometheus, alertmanager, chromium, nginx, rabbitmq, victoriametrics)
    missing = [module.PACKAGE for module in modules if module.available() is not None]
    missing += [package for package, name in _PROGRAMS.items() if find_program(name, under=_LIBRARIES) is None]
    return missing + [package for kind, package in exporters.PACKAGES.items() if exporters.available(kind)]


def install(packages: list[str]) -> str | None:
    """Install Debian packages and start no service; the end of apt's output when it failed, else None."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    with tempfile.TemporaryFile("w+") as log, _no_services(), _no_database_cluster():
        for command in (
            ["apt-get", *_APT_OPTIONS, "update"],
            ["apt-get", *_APT_OPTIONS, "install", "-y", "--no-install-recommends", *packages],
        ):
            done = subprocess.run(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False
            )
            if done.returncode != 0 and "install" in command:
                log.seek(0)
                return "\n".join(log.read().splitlines()[-8:])
    _disable_at_boot(packages)
    return None


def main() -> int:
    """Install what is missing; 0 also when nothing can be installed, with one line that says why."""
    missing = missing_packages()
    if not missing:
        return 0
    reason = _why_not()
    if reason is not None:
        print(f"real servers: not installing {', '.join(missing)}: {reason}; their tests are skipped")
        return 0
    print(f"real servers: installing {', '.join(missing)}", flush=True)
    failure = install(missing)
    if failure is not None:
        print(
            f"real servers: apt-get failed; the tests of what is missing are skipped:\n{failure}",
            file=sys.stderr,
        )
    return 0


def _why_not() -> str | None:
    if os.environ.get("WATCHKEEPER_NO_APT"):
        return "WATCHKEEPER_NO_APT is set"
    if shutil.which("apt-get") is None:
        return "apt-get is not on this machine"
    if os.geteuid() != 0:
        return "that takes root"
    return None


@contextlib.contextmanager
def _no_services() -> Iterator[None]:
    """While packages are installed, Debian's tools start no service (exit 101: forbidden by policy)."""
    with _temporary_file(_POLICY, "#!/bin/sh\nexit 101\n", mode=0o755):
        yield


@contextlib.contextmanager
def _no_database_cluster() -> Iterator[None]:
    """Keep Debian's PostgreSQL package from making a database of its own."""
    with _temporary_file(_NO_CLUSTER, "create_main_cluster = false\n", mode=0o644):
        yield


@contextlib.contextmanager
def _temporary_file(path: Path, text: str, *, mode: int) -> Iterator[None]:
    """Write a file for the time of the block; one that is there already stays as it is."""
    if path.exists():
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _disable_at_boot(packages: list[str]) -> None:
    """A package's service would start at the next boot: nobody who ran a test asked for that."""
    if not Path("/run/systemd/system").exists():
        return
    for package in packages:
        subprocess.run(
            ["systemctl", "disable", "--quiet", package],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )


if __name__ == "__main__":
    sys.exit(main())
