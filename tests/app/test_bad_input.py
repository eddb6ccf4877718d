"""Bad input at the command line: one clear line, the right exit code, and the rest goes on."""

from __future__ import annotations

from pathlib import Path

from examples.servers.postgresql import PostgreSQLServer
from tests.app.test_cli import run
from tests.servers import free_port


def collect(directory: Path, targets: str) -> tuple[int, str, str]:
    (directory / "watchkeeper.yaml").write_text(f"targets:\n  - {{name: this-host, system: host}}\n{targets}")
    done = run("collect", "--once", cwd=directory)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def test_a_dead_postgresql_is_one_line_and_the_rest_goes_on(tmp_path: Path) -> None:
    url = f"postgresql://127.0.0.1:{free_port()}/postgres"
    code, out, err = collect(tmp_path, f"  - {{name: records, system: postgresql, url: '{url}', user: watchkeeper}}\n")
    assert code == 3
    assert len(err.splitlines()) == 1
    assert err.startswith("watchkeeper: target records: ")
    assert "\npg_up 0" in out
    assert "\nnode_load1 " in out


def test_a_wrong_password_is_told_and_not_shown(tmp_path: Path, postgresql_server: PostgreSQLServer) -> None:
    (tmp_path / "secret").write_text("hunter2\n")
    url = f"postgresql://127.0.0.1:{postgresql_server.port}/postgres"
    code, _, err = collect(
        tmp_path,
        f"  - {{name: records, system: postgresql, url: '{url}', user: nobody, password: {{file: secret}}}}\n",
    )
    assert code == 3
    assert "it refused the user or the password" in err
    assert "hunter2" not in err


def test_a_redis_that_wants_a_password_says_what_to_write(tmp_path: Path, redis_factory: object) -> None:
    server = redis_factory(password="hunter2")  # type: ignore[operator]
    code, out, err = collect(tmp_path, f"  - {{name: cache, system: redis, url: 'redis://127.0.0.1:{server.port}'}}\n")
    assert code == 3
    assert len(err.splitlines()) == 1
    assert "password" in err
    assert "hunter2" not in err
    assert "\nredis_up 0" in out
    assert "\nnode_load1 " in out


def test_a_missing_secret_fails_its_target_only(tmp_path: Path) -> None:
    code, out, err = collect(
        tmp_path, "  - {name: cache, system: redis, url: 'redis://127.0.0.1', password: {file: /nowhere/secret}}\n"
    )
    assert code == 3
    assert "cannot read /nowhere/secret" in err
    assert "\nnode_load1 " in out


def test_a_runbook_with_an_unknown_kind_is_told_at_its_line(tmp_path: Path) -> None:
    (tmp_path / "bad.md").write_text(
        "---\ntitle: Bad\nowner: me\nsystems: [redis]\n---\n\nBad.\n\n## Diagnosis\n\n```pronql {id=a}\nup\n```\n"
    )
    done = run("runbook", "lint", "bad.md", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith("bad.md:11: ")
    assert "pronql" in done.stdout
    assert "promql" in done.stdout


def test_an_unknown_system_names_those_that_there_are(tmp_path: Path) -> None:
    (tmp_path / "watchkeeper.yaml").write_text(
        "targets:\n  - {name: cache, system: rediss, url: 'redis://127.0.0.1'}\n"
    )
    done = run("collect", "--once", cwd=tmp_path)
    assert done.returncode == 2
    assert "rediss" in done.stderr
    assert "Traceback" not in done.stderr
