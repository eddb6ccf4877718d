"""The command line as a person types it: one line for each mistake, and the documented exit code."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.app.test_loop import get, running
from tests.servers import free_port, wait_until
from watchkeeper.app.cli import COMMANDS
from watchkeeper.app.commands.config import PURPOSES


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from watchkeeper.app.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=60, check=False)


def test_help_names_every_command(tmp_path: Path) -> None:
    done = run("--help", cwd=tmp_path)
    assert done.returncode == 0
    assert all(f"  {name} " in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help_and_an_example(tmp_path: Path, name: str) -> None:
    done = run(name, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "Example" in done.stdout


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom watchkeeper.app.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'pandas', 'yaml', 'msgspec', 'rich', 'urllib3', 'prometheus_client'} & set(sys.modules)\n"
        "print(heavy or 'light', file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=60, check=True
    )
    assert done.stderr.strip() == "light"


@pytest.mark.parametrize(
    "arguments,code,message",
    [
        (["chekc"], 2, "Did you mean check?"),
        (["config", "check"], 2, "watchkeeper.yaml: no such file: write one with `watchkeeper config example"),
        (["collect", "--config", "none.yaml"], 2, "none.yaml: no such file"),
        (["demo", "--headless"], 2, "--headless needs --inject"),
        (["runbook", "show", "redis/memory-hig"], 2, "Did you mean redis/memory-high?"),
        (["cost"], 2, "no bills: name FOCUS files"),
    ],
)
def test_a_mistake_is_one_line_and_an_exit_code(tmp_path: Path, arguments: list[str], code: int, message: str) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("purpose", PURPOSES)
def test_the_example_passes_its_own_check(tmp_path: Path, purpose: str) -> None:
    example = run("config", "example", "--for", purpose, cwd=tmp_path)
    (tmp_path / "watchkeeper.yaml").write_text(example.stdout)
    assert run("config", "check", cwd=tmp_path).returncode == 0


def test_what_show_prints_can_be_loaded(tmp_path: Path) -> None:
    run("init", cwd=tmp_path)
    shown = run("config", "show", cwd=tmp_path)
    (tmp_path / "again.yaml").write_text(shown.stdout)
    assert run("config", "show", "again.yaml", cwd=tmp_path).stdout == shown.stdout


def test_init_does_not_replace_a_file(tmp_path: Path) -> None:
    assert run("init", cwd=tmp_path).returncode == 0
    again = run("init", cwd=tmp_path)
    assert again.returncode == 2
    assert "--force" in again.stderr


def test_a_missing_secret_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "watchkeeper.yaml").write_text(
        "targets:\n  - {name: cache, system: redis, url: redis://127.0.0.1, password: {file: /nowhere/secret}}\n"
    )
    done = run("config", "check", cwd=tmp_path)
    assert done.returncode == 2
    why = "target cache: secret: cannot read /nowhere/secret: No such file or directory"
    assert done.stderr.strip() == f"watchkeeper: watchkeeper.yaml:2: {why}"


def test_check_of_our_own_catalogue_is_clean(tmp_path: Path) -> None:
    done = run("check", "--strict", "--json", cwd=tmp_path)
    assert json.loads(done.stdout) == {"errors": 0, "findings": []}
    assert done.returncode == 0


def test_check_fails_with_the_line_of_a_defect(tmp_path: Path) -> None:
    (tmp_path / "defs").mkdir()
    (tmp_path / "defs" / "mine.py").write_text(
        "from watchkeeper.declarations import NamedQuery\n"
        "from watchkeeper import queries as q\n"
        'QUERIES = (NamedQuery(key="redis.mine", title="Mine", query=q.PromQL("redis_memory_used_byte")),)\n'
    )
    (tmp_path / "watchkeeper.yaml").write_text("definitions: defs\n")
    done = run("check", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith("defs/mine.py:3: error: query redis.mine: PromQL text uses redis_memory_used_byte")
    assert "Did you mean redis_memory_used_bytes?" in done.stdout


def test_check_resolves_every_secret(tmp_path: Path) -> None:
    (tmp_path / "watchkeeper.yaml").write_text(
        "alertmanager: {url: http://127.0.0.1:9093, bearer: {file: /nowhere/a}}\n"
    )
    done = run("config", "check", cwd=tmp_path)
    assert done.returncode == 2
    assert "cannot read /nowhere/a" in done.stderr


def test_build_removes_what_it_wrote_before_and_writes_no_more(tmp_path: Path) -> None:
    (tmp_path / "out" / "rules").mkdir(parents=True)
    (tmp_path / "out" / "rules" / "mine.yaml").write_text("groups: []\n")
    assert run("build", "--out", "out", cwd=tmp_path).returncode == 0
    rules = (tmp_path / "out" / "rules" / "redis.yaml").read_text()
    names = [line.split(": ")[1] for line in rules.splitlines() if line.strip().startswith("- alert: ")]
    assert names
    off = "".join(f"  {name}: {{enabled: false}}\n" for name in names)
    (tmp_path / "watchkeeper.yaml").write_text(f"alerts:\n{off}")
    assert run("build", "--out", "out", cwd=tmp_path).returncode == 0
    assert not (tmp_path / "out" / "rules" / "redis.yaml").exists()
    assert (tmp_path / "out" / "rules" / "mine.yaml").exists()


def test_up_beside_a_prometheus_says_what_to_type(tmp_path: Path) -> None:
    (tmp_path / "watchkeeper.yaml").write_text("store: {prometheus: {url: http://127.0.0.1:9090}}\n")
    done = run("up", "--listen", "127.0.0.1:0", cwd=tmp_path)
    assert done.returncode == 2
    assert "type `watchkeeper serve`" in done.stderr


def test_a_demo_directory_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run("demo", "--headless", "--inject", "none", "--keep", "file/x", cwd=tmp_path)
    assert done.returncode == 2
    assert "--keep file/x: cannot be made" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_runbook_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "bad.md").write_bytes(b"\xff\xfe")
    done = run("runbook", "lint", "bad.md", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith("bad.md: cannot be read")


@pytest.mark.parametrize("command", ["up", "collect"])
def test_a_port_in_use_is_one_line(tmp_path: Path, command: str) -> None:
    (tmp_path / "watchkeeper.yaml").write_text("targets:\n  - {name: this-host, system: host}\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run(command, "--listen", address, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert address in done.stderr
    assert "Traceback" not in done.stderr


def test_serve_without_prometheus_says_what_to_write(tmp_path: Path) -> None:
    (tmp_path / "watchkeeper.yaml").write_text("targets: []\n")
    done = run("serve", "--listen", "127.0.0.1:0", cwd=tmp_path)
    assert done.returncode == 2
    assert "write store.prometheus.url, or use `watchkeeper up`" in done.stderr


def test_cost_adds_up_exactly(tmp_path: Path) -> None:
    header = "BilledCost,EffectiveCost,BillingCurrency,ChargePeriodStart,ChargePeriodEnd,ServiceName,ProviderName,Tags"
    row = '{},{},USD,2026-01-01 00:00:00,2026-01-02 00:00:00,Storage,AWS,"{{""team"": ""a""}}"'
    (tmp_path / "bill.csv").write_text("\n".join([header, *(row.format("0.1", "0.1") for _ in range(3))]) + "\n")
    done = run("cost", "bill.csv", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"][0]["effective"] == "0.3"


@pytest.mark.parametrize(
    "arguments,extras",
    [
        (["check"], "build,console"),
        (["build", "--out", "x"], "build,console"),
        (["runbook", "list"], "console"),
        (["up"], "console,detect"),
    ],
)
def test_what_to_install_for_a_command_is_named_at_once(tmp_path: Path, arguments: list[str], extras: str) -> None:
    (tmp_path / "watchkeeper.yaml").write_text("targets: []\n")
    code = (
        "import sys\nsys.modules['markdown_it'] = sys.modules['grafanalib'] = sys.modules['numpy'] = None\n"
        f"from watchkeeper.app.cli import main\nmain({arguments!r})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False
    )
    assert done.returncode == 2, done.stderr
    assert f"pip install 'watchkeeper[{extras}]'" in done.stderr


@pytest.mark.long
def test_serve_says_that_its_prometheus_is_away_and_stays_ready(tmp_path: Path) -> None:
    away, address = f"http://127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    (tmp_path / "watchkeeper.yaml").write_text(f"store: {{prometheus: {{url: '{away}'}}}}\n")
    told = f"store: {away}/api/v1/query: cannot be reached"
    with running("serve", cwd=tmp_path, address=address):
        wait_until(lambda: told in get(f"http://{address}/readyz"), seconds=30)
        assert "cannot be reached" in get(f"http://{address}/")
