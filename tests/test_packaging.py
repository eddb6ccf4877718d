"""What is shipped and how it is set up: the wheel, its requirements, the Makefile and the script of CI."""

from __future__ import annotations

import email.parser
import os
import re
import subprocess
import sys
import zipfile
from email.message import Message
from pathlib import Path

import pytest

from tests.test_architecture import PACKAGES, ROOT

BASE = {"click", "msgspec", "prometheus-client", "pyyaml", "urllib3"}
# What instruments an application of the user's is chosen by that application, and no part of `all`.
ADAPTERS = {"anthropic", "asgi", "celery", "fastapi", "openai"}
EXTRAS = ADAPTERS | {
    "bench",
    "dask",
    "build",
    "cloud",
    "console",
    "cost",
    "detect",
    "elasticsearch",
    "mongodb",
    "otel",
    "postgresql",
    "redis",
    "sidecar",
    "all",
    "dev",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this tree."""
    directory = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = directory.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def members(wheel: Path) -> set[str]:
    """The names of the files in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    """The core metadata of the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return email.parser.Parser().parsestr(archive.read(name).decode())


def test_the_wheel_holds_the_six_packages_and_nothing_else(members: set[str]) -> None:
    tops = {name.partition("/")[0] for name in members}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    assert not [name for name in members if "tests" in name.split("/")]


@pytest.mark.parametrize("package", PACKAGES)
def test_the_wheel_holds_every_file_of_the_package(package: str, members: set[str]) -> None:
    here = {
        str(path.relative_to(ROOT))
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert f"{package}/py.typed" in here
    assert here - members == set()


def test_the_base_install_is_the_sidecar(metadata: Message) -> None:
    requirements = [text for text in metadata.get_all("Requires-Dist", []) if "extra ==" not in text]
    assert {_name(text) for text in requirements} == BASE


def test_every_extra_is_there(metadata: Message) -> None:
    assert set(metadata.get_all("Provides-Extra", [])) == EXTRAS


def test_all_is_every_extra_that_something_uses(metadata: Message) -> None:
    used = EXTRAS - ADAPTERS - {"all", "bench", "dask", "dev", "cloud"}
    assert _extra(metadata, "all") == set.union(*(_extra(metadata, name) for name in used))


def test_each_requirement_has_a_lower_bound_and_no_upper_one(metadata: Message) -> None:
    for text in metadata.get_all("Requires-Dist", []):
        specifier = text.partition(";")[0]
        assert ">=" in specifier, text
        assert "<" not in specifier, text
        assert "==" not in specifier, text


def test_the_python_versions_are_those_promised(metadata: Message) -> None:
    assert set(metadata["Requires-Python"].split(",")) == {">=3.11", "<3.14"}


def test_both_commands_are_installed(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
        lines = archive.read(name).decode().splitlines()
    assert "watchkeeper = watchkeeper.app.cli:main" in lines
    assert "wk = watchkeeper.app.cli:main" in lines


@pytest.mark.long
def test_the_base_install_works_by_itself(wheel: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True, timeout=120)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([str(python), "-m", "pip", "install", "-qq", str(wheel)], check=True, timeout=300)
    listed = subprocess.run(
        [str(python), "-m", "pip", "list", "--format=freeze"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    installed = {_name(line) for line in listed.stdout.splitlines()} - {"pip", "setuptools", "wheel"}
    assert installed == BASE | {"watchkeeper"}
    for command in ("watchkeeper", "wk"):
        program = tmp_path / "venv" / "bin" / command
        done = subprocess.run([str(program), "--help"], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        assert "Usage: " in done.stdout


def test_make_help_lists_every_target() -> None:
    done = _make("help")
    listed = re.findall(r"^  make ([a-z-]+)", done.stdout, flags=re.MULTILINE)
    declared = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert sorted(listed) == sorted(declared[0].split())
    assert {"demo", "test", "test-all", "check", "bench", "help"} <= set(listed)


@pytest.mark.long
def test_make_takes_a_python3_when_the_versioned_names_do_not_run(tmp_path: Path) -> None:
    _makefile_with_pythons(tmp_path, good=["python3"], bad=["python3.11", "python3.12", "python3.13", "python"])
    done = _make(".venv/bin/python", cwd=tmp_path, path=tmp_path / "bin")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / ".venv" / "bin" / "python").exists()


def test_make_says_what_is_missing_without_a_fitting_python(tmp_path: Path) -> None:
    _makefile_with_pythons(tmp_path, good=[], bad=["python3.11", "python3.12", "python3.13", "python3", "python"])
    done = _make(".venv/bin/python", cwd=tmp_path, path=tmp_path / "bin")
    assert done.returncode != 0
    assert "No Python 3.11, 3.12 or 3.13 found: install one, or name it with PYTHON=" in done.stderr


def test_the_script_of_ci_runs_the_checks_and_the_tests() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    commands = [line.split("make ")[1].split()[1] for line in script.read_text().splitlines() if "make " in line]
    assert commands == ["check", "test"]


def _name(requirement: str) -> str:
    """The distribution's normalised name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]).lower()


def _extra(metadata: Message, name: str) -> set[str]:
    """The requirements of one extra, by distribution name."""
    marker = re.compile(rf"extra == ['\"]{name}['\"]")
    return {_name(text) for text in metadata.get_all("Requires-Dist", []) if marker.search(text)}


def _make(target: str, *, cwd: Path = ROOT, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS", "PYTHON"))}
    if path is not None:
        environment["PATH"] = f"{path}:{environment['PATH']}"
    return subprocess.run(
        ["make", "--no-print-directory", target],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _makefile_with_pythons(directory: Path, *, good: list[str], bad: list[str]) -> None:
    """A copy of the Makefile, and a `bin` with these interpreters before all others."""
    (directory / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    (directory / "bin").mkdir()
    for name in (*good, *bad):
        line = f'exec "{sys.executable}" "$@"' if name in good else "exit 127"
        (directory / "bin" / name).write_text(f"#!/bin/sh\n{line}\n")
        (directory / "bin" / name).chmod(0o755)
