from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from collectors.deploy.plan import collected
from watchkeeper.app.commands.config import PURPOSES, example_text
from watchkeeper.errors import SettingsError
from watchkeeper.settings import Secret, Target, load, parse, receivers, secrets_of

TARGET = "targets:\n  - name: cache\n    system: redis\n"


@pytest.mark.parametrize(
    "text, message",
    [
        (
            TARGET + "    timeout: 5\n",
            r"w.yaml:4: targets\[0\].timeout: expected a duration .* such as 5s .*found the number 5",
        ),
        (TARGET + "    timeout: soon\n", r"w.yaml:4: targets\[0\].timeout: 'soon' is not a duration"),
        (TARGET + "    adress: x\n", r"w.yaml:4: unknown key targets\[0\].adress. Allowed: name, system, url"),
        ("targts: []\n", r"w.yaml:1: unknown key targts. Did you mean targets\? Allowed: listen"),
        ("targets:\n  - system: redis\n", r"w.yaml:2: targets\[0\].name is missing"),
        ("alerts:\n  X: {severity: loud}\n", r"w.yaml:2: alerts.X.severity: .*allowed are info, warning, critical"),
        ("alerts:\n  X:\n    treshold: 1\n", r"w.yaml:3: unknown key alerts.X.treshold. Did you mean threshold"),
        ("alerts:\n  X: {hold: '5'}\n", r"w.yaml:2: alerts.X: '5' is not a duration.*did you mean 5s"),
        ("listen: here\n", r"w.yaml:1: listen: 'here' is not HOST:PORT, for example"),
        (TARGET + "    password: hallo\n", r"w.yaml:4: targets\[0\].password: expected {file: PATH} or {env: NAME}$"),
        (TARGET + "    password: {}\n", r"w.yaml:4: targets\[0\].password: a secret is either"),
        (TARGET + TARGET[9:], r"w.yaml:4: targets\[1\].name: two targets are named 'cache'"),
        ("data: x\npace: 0.5\n", "w.yaml:2: pace: pace is 0.5: it is at least 1"),
        ("listen: 9464\n", "w.yaml:1: listen: expected text such as 127.0.0.1:9464, found the number 9464"),
        ("targets: {}\n", "w.yaml:1: targets: expected a list, .* found keys with values"),
        ("log: {level: 3}\n", "w.yaml:1: log.level: expected one of debug, info, warning, error, found the number 3"),
        ("a: [\n", "w.yaml:2: not YAML"),
        ("data: x\ndata: y\n", "w.yaml:2: 'data' stands twice, first on line 1"),
        ("- a\n", "w.yaml:1: expected settings such as `targets:`, found a list"),
    ],
)
def test_a_mistake_names_path_line_what_was_found_and_what_is_allowed(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        parse(text, "w.yaml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("written", ["hunter2", "{file: [hunter2]}", "[hunter2]", "{env: {hunter2: x}}"])
def test_a_password_that_stands_in_the_settings_is_not_repeated(written: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse(TARGET + f"    password: {written}\n", "w.yaml")
    assert "hunter2" not in str(caught.value)


def test_a_missing_file_says_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file: write one with `watchkeeper config example"):
        load(tmp_path / "w.yaml")


def test_an_empty_file_is_all_defaults() -> None:
    assert parse("").listen == "127.0.0.1:8787"


def test_durations_are_seconds() -> None:
    assert parse("scrape_interval: 1m30s").scrape_interval == 90  # type: ignore[comparison-overlap]  # the type checker says so first


@pytest.mark.parametrize("purpose", PURPOSES)
def test_the_example_works_as_it_stands(purpose: str) -> None:
    settings = parse(example_text(purpose))
    assert any(target.url == "redis://127.0.0.1:6379" for target in settings.targets)


def test_a_secret_is_read_again_after_its_rotation(tmp_path: Path) -> None:
    file = tmp_path / "password"
    secret = Secret(file=str(file))
    file.write_text("old\n")
    assert secret.resolve() == "old"
    file.write_text("new\n")
    assert secret.resolve() == "new"


def test_a_missing_secret_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"cannot read {tmp_path}/none: No such file"):
        Secret(file=str(tmp_path / "none")).resolve()


def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_THERE", raising=False)
    with pytest.raises(SettingsError, match="NOT_THERE is not set"):
        Secret(env="NOT_THERE").resolve()


def test_relative_paths_begin_at_the_file_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2\n")
    (tmp_path / "w.yaml").write_text(
        "definitions: mine\nbills: [bills, /absolute]\n"
        "runbooks: {journal: 'postgresql://db/journal', logs: {a: a.log}}\n"
        "targets:\n  - {name: cache, system: redis, password: {file: secret}}\n"
    )
    settings = load(tmp_path / "w.yaml")
    assert settings.data == str(tmp_path / "watchkeeper-data")
    assert settings.definitions == str(tmp_path / "mine")
    assert settings.bills == (str(tmp_path / "bills"), "/absolute")
    assert settings.runbooks.journal == "postgresql://db/journal"
    assert settings.runbooks.logs == {"a": str(tmp_path / "a.log")}
    password = settings.targets[0].password
    assert password is not None
    assert password.resolve() == "hunter2"


def _target(base: Path, text: str) -> Target:
    (base / "w.yaml").write_text(f"targets:\n  - {{name: one, {text}}}\n")
    return load(base / "w.yaml").targets[0]


@pytest.mark.parametrize("name", ["ca_file", "cert_file", "key_file", "root", "state"])
def test_options_that_are_paths_begin_at_the_file_that_names_them(tmp_path: Path, name: str) -> None:
    assert _target(tmp_path, f"system: redis, options: {{{name}: a/b}}").options == {name: str(tmp_path / "a/b")}
    assert _target(tmp_path, f"system: redis, options: {{{name}: /a/b}}").options == {name: "/a/b"}
    assert _target(tmp_path, f"system: redis, options: {{{name}: 5}}").options == {name: 5}


def test_every_option_that_a_collector_calls_a_path_begins_there(tmp_path: Path) -> None:
    words = re.compile(r"\b(file|certificates? (that|to)|directory|private key|mounted)\b")
    speak_of_files = {"from", "network_filesystems", "service"}  # and are none
    found = {
        name
        for system in collected()
        for name, meaning in import_module(f"collectors.{system}").COLLECTOR.options
        if words.search(meaning) and name not in speak_of_files
    }
    assert found >= {"ca_file", "state", "root"}
    options = _target(tmp_path, f"system: x, options: {{{', '.join(f'{name}: a' for name in found)}}}").options
    assert set(options.values()) == {str(tmp_path / "a")}


@pytest.mark.parametrize(
    "url, expected",
    [
        (
            "postgresql://u:p%2F@h/db?sslmode=verify-full&sslrootcert=a%20b/ca.pem&sslkey=/etc/k",
            "postgresql://u:p%2F@h/db?sslmode=verify-full&sslrootcert={base}/a%20b/ca.pem&sslkey=/etc/k",
        ),
        ("postgres://h/db?sslcert=c.pem&sslrootcert=", "postgres://h/db?sslcert={base}/c.pem&sslrootcert="),
        ("mongodb://h/?tls=true&tlsCAFile=ca.pem", "mongodb://h/?tls=true&tlsCAFile={base}/ca.pem"),
        ("http://h/metrics?sslkey=x&a=b+c", "http://h/metrics?sslkey=x&a=b+c"),
        ("redis://h:6379/0", "redis://h:6379/0"),
    ],
)
def test_files_that_an_address_names_begin_at_the_file_that_names_them(tmp_path: Path, url: str, expected: str) -> None:
    assert _target(tmp_path, f"system: x, url: '{url}'").url == expected.replace("{base}", str(tmp_path))


def test_files_of_every_receiver_begin_at_the_file_that_names_them(tmp_path: Path) -> None:
    one = "{url: 'http://h', user: u, password: {file: p}, ca_file: ca.pem}"
    (tmp_path / "w.yaml").write_text(
        f"store: {{prometheus: {one}}}\nalertmanager: {one}\nelasticsearch: {one}\n"
        f"push: {{otlp: {one}, remote_write: {one}}}\n"
    )
    settings = load(tmp_path / "w.yaml")
    found = receivers(settings)
    assert [".".join(map(str, place)) for place, _ in found] == [
        "store.prometheus",
        "alertmanager",
        "elasticsearch",
        "push.otlp",
        "push.remote_write",
    ]
    assert {receiver.ca_file for _, receiver in found} == {str(tmp_path / "ca.pem")}
    assert {secret.file for secret in secrets_of(settings)} == {str(tmp_path / "p")}


@pytest.mark.parametrize(
    "written, headers",
    [
        ("push: {otlp: {url: http://h, headers: {X-Key: {env: A}}}}", {"X-Key": "s"}),
        ("push: {otlp: {url: http://h, bearer: {env: A}}}", {"Authorization": "Bearer s"}),
        ("push: {remote_write: {url: http://h, user: u, password: {env: A}}}", {"Authorization": "Basic dTpz"}),
        (
            "store: {prometheus: {url: http://h, bearer: {env: A}, tenant: t}}",
            {"Authorization": "Bearer s", "X-Scope-OrgID": "t"},
        ),
        ("alertmanager: {url: http://h}", {}),
        ("elasticsearch: {url: http://h, api_key: {env: A}}", {"Authorization": "ApiKey s"}),
    ],
)
def test_a_receiver_is_shown_who_asks(monkeypatch: pytest.MonkeyPatch, written: str, headers: dict[str, str]) -> None:
    monkeypatch.setenv("A", "s")
    ((_, receiver),) = receivers(parse(written))
    assert receiver.credentials() == headers


def test_the_settings_alone_load_no_http_client() -> None:
    code = "import sys, watchkeeper.settings; assert not {'http.client', 'ssl', 'urllib3'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_only_the_first_line_of_a_secret_file_is_the_secret(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\nsecond line\n")
    assert Secret(file=str(tmp_path / "token")).resolve() == "s3cret"


@pytest.mark.parametrize("content", [b"", b"\n", b"a\x07b\n", b"\xff\xfe"])
def test_a_secret_that_cannot_be_one_is_refused_without_showing_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(SettingsError, match=f"{tmp_path}/token") as caught:
        Secret(file=str(tmp_path / "token")).resolve()
    assert "\x07" not in str(caught.value)


@pytest.mark.parametrize(
    "text,message",
    [
        ("scrape_interval: 0s\n", "w.yaml:1: scrape_interval: expected a duration longer than 0"),
        ("pace: .nan\n", "pace is nan"),
        (TARGET + "    url: 'redis://[::1'\n", r"w.yaml:2: targets\[0\]: 'redis://\[::1' is not a URL"),
        ("push: {otlp: {url: a}}\n", "w.yaml:1: push.otlp: 'a' is not a URL"),
        ("detectors:\n  X: {hold: '5'}\n", r"w.yaml:2: detectors.X: '5' is not a duration"),
        ("alertmanager: {url: nonsense}\n", "w.yaml:1: alertmanager: 'nonsense' is not a URL: write http://HOST:PORT"),
        ("store: {prometheus: {url: 'http://a:b'}}\n", "is not a URL"),
        ("elasticsearch: {url: h}\n", "w.yaml:1: elasticsearch: 'h' is not a URL"),
        ("elasticsearch:\n  url: http://h\n  spans: apm\n", "w.yaml:3: .*apm.* is not allowed here.*ecs, otel"),
        ("elasticsearch: {url: http://h, user: u, api_key: {env: A}}\n", "either api_key, or user and password"),
        ("elasticsearch: {url: http://h, logs: '', traces: ''}\n", "elasticsearch is for nothing"),
        ("elasticsearch: {url: http://h, deviations: {index: Mine}}\n", "'Mine' is no name of an index: lower case"),
        ("elasticsearch: {url: http://h, deviations: {index: 'a,b'}}\n", "'a,b' is no name of an index"),
        ("elasticsearch: {url: http://h, deviations: {queue_bytes: 1}}\n", "queue_bytes is 1: it is at least 65536"),
    ],
)
def test_what_could_only_fail_later_is_refused_now(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        parse(text, "w.yaml")


def test_every_secret_is_found() -> None:
    settings = parse(
        TARGET + "    password: {env: A}\nstore: {prometheus: {url: http://p, bearer: {env: B}}}\n"
        "alertmanager: {url: http://a, password: {env: C}}\nelasticsearch: {url: http://e, api_key: {env: D}}\n"
    )
    assert [secret.env for secret in secrets_of(settings)] == ["A", "B", "C", "D"]


def test_the_key_of_a_cluster_is_no_text_and_is_not_repeated() -> None:
    with pytest.raises(SettingsError, match=r"elasticsearch\.api_key: expected \{file: PATH\} or \{env") as caught:
        parse("elasticsearch: {url: http://h, api_key: c2VjcmV0}\n")
    assert "c2VjcmV0" not in str(caught.value)


def test_a_cluster_may_take_documents_and_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "w.yaml").write_text(
        "elasticsearch: {url: http://h, logs: '', traces: '', deviations: {}, api_key: {file: key}}\n"
    )
    cluster = load(tmp_path / "w.yaml").elasticsearch
    assert cluster is not None and cluster.deviations is not None and cluster.api_key is not None
    assert (cluster.is_read, cluster.deviations.index) == (False, "watchkeeper-deviations")
    assert cluster.api_key.file == str(tmp_path / "key")
