"""Options are read with their types, and wrong ones are refused before anything is read."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import pytest

import collectors
from collectors import options
from collectors.description import Collector, check_target
from collectors.runtime import Sidecar
from tests.collectors.helpers import target
from watchkeeper.errors import SettingsError
from watchkeeper.settings import Secret, Target


def _target(*value: object) -> Target:
    return target("t", "shop", options={"x": value[0]} if value else {})


@pytest.mark.parametrize(
    "read, value, expected",
    [
        (lambda one: options.whole(one, "x", 5), 1, 1),
        (lambda one: options.whole(one, "x", 5, least=0), 0, 0),
        (lambda one: options.flag(one, "x"), True, True),
        (lambda one: options.flag(one, "x", True), False, False),
        (lambda one: options.text(one, "x", "a"), "b", "b"),
        (lambda one: options.one_of(one, "x", ("a", "b")), "b", "b"),
        (lambda one: options.texts(one, "x", ("a",)), ["b", "c"], ("b", "c")),
        (lambda one: options.texts(one, "x", alone=True), "b", ("b",)),
        (lambda one: options.duration(one, "x", "1h"), "90s", 90.0),
    ],
)
def test_an_option_that_is_right_is_taken(read: Callable[[Target], object], value: object, expected: object) -> None:
    assert read(_target(value)) == expected


@pytest.mark.parametrize(
    "read, expected",
    [
        (lambda one: options.whole(one, "x", 5), 5),
        (lambda one: options.flag(one, "x"), False),
        (lambda one: options.flag(one, "x", True), True),
        (lambda one: options.text(one, "x", "a"), "a"),
        (lambda one: options.one_of(one, "x", ("a", "b")), "a"),
        (lambda one: options.one_of(one, "x", ("a", "b"), "b"), "b"),
        (lambda one: options.texts(one, "x", ("a",)), ("a",)),
        (lambda one: options.duration(one, "x", "1h"), 3600.0),
        (lambda one: options.pattern(one, "x"), None),
    ],
)
def test_an_option_that_is_left_out_has_its_default(read: Callable[[Target], object], expected: object) -> None:
    assert read(_target()) == expected


@pytest.mark.parametrize(
    "read, value, message",
    [
        (lambda one: options.whole(one, "x", 5), 0, "x is 0: write a whole number above 0"),
        (lambda one: options.whole(one, "x", 5), True, "x is True: write a whole number above 0"),
        (lambda one: options.whole(one, "x", 5), 1.5, "x is 1.5: write a whole number above 0"),
        (lambda one: options.whole(one, "x", 5), "5", "x is '5': write a whole number above 0"),
        (lambda one: options.whole(one, "x", 5, least=0), -1, "x is -1: write a whole number, 0 for none"),
        (lambda one: options.whole(one, "x", 5, least=3), 2, "x is 2: write a whole number, 3 or more"),
        (lambda one: options.flag(one, "x"), "false", "x is 'false': write true or false"),
        (lambda one: options.flag(one, "x"), 1, "x is 1: write true or false"),
        (lambda one: options.text(one, "x"), 5, "x is 5: write a text"),
        (lambda one: options.text(one, "x", example="a=b"), ["a"], "x is ['a']: write a text such as a=b"),
        (lambda one: options.one_of(one, "x", ("", "a", "b")), "c", "x is 'c': allowed: a, b"),
        (lambda one: options.texts(one, "x", example="a.b"), "a", "x is 'a': write a list of texts such as [a.b]"),
        (lambda one: options.texts(one, "x", example="a.b"), [1], "x is [1]: write a list of texts such as [a.b]"),
        (lambda one: options.duration(one, "x", "1h"), "5", "x is '5': write a duration with a unit, such as 1h"),
        (lambda one: options.duration(one, "x", "1h"), 5, "x is 5: write a text such as 1h"),
        (lambda one: options.pattern(one, "x"), "(", "x is '(': it is no regular expression: missing )"),
        (lambda one: options.pattern(one, "x"), 5, "x is 5: write a text"),
    ],
)
def test_an_option_that_is_wrong_is_named_with_what_is_allowed(
    read: Callable[[Target], object], value: object, message: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        read(_target(value))
    assert str(caught.value).startswith(f"target t: option {message}")


def test_a_long_value_is_shown_in_part() -> None:
    with pytest.raises(SettingsError) as caught:
        options.flag(_target("x" * 10_000), "x")
    assert len(str(caught.value)) < 200


def _with_options() -> list[tuple[Collector, str]]:
    modules = [import_module(f"collectors.{one.name}") for one in iter_modules(collectors.__path__) if not one.ispkg]
    found = [vars(module)["COLLECTOR"] for module in modules if "COLLECTOR" in vars(module)]
    return [(collector, name) for collector in found for name, _ in collector.options]


@pytest.mark.parametrize(
    "collector, name", [pytest.param(*one, id=f"{one[0].system}-{one[1]}") for one in _with_options()]
)
def test_every_option_of_every_collector_is_checked_before_it_is_used(collector: Collector, name: str) -> None:
    refused = []
    for scheme in collector.schemes or ("",):
        url = f"{scheme}://{'' if scheme == 'file' else '127.0.0.1:1'}/x" if scheme else ""
        # It is no text, no whole number, no flag, no list, no mapping and no duration.
        made = target("t", collector.system, url, password=Secret(env="NOT_READ"), options={name: -1.5})
        try:
            check_target(collector, made)
        except SettingsError as error:
            refused.append(error)
    # Some options are for some schemes alone.
    assert {error.place for error in refused} == {("options", name)}
    assert all(str(error).startswith("target t: ") and name in str(error) for error in refused)


@pytest.mark.parametrize(
    "system, url, wrong",
    [
        ("redis", "redis://127.0.0.1:1", {"config_metrics": "yes"}),
        ("redis", "redis://127.0.0.1:1", {"check_keys": ["jobs"]}),
        ("redis", "redis://127.0.0.1:1", {"scan_limit": 0}),
        ("redis", "rediss://127.0.0.1:1", {"ca_file": 5}),
        ("falkordb", "redis://127.0.0.1:1", {"memory": "yes"}),
        ("falkordb", "redis://127.0.0.1:1", {"graph_limit": -1}),
        ("rabbitmq", "http://127.0.0.1:15672", {"queues": "all"}),
        ("rabbitmq", "http://127.0.0.1:15672", {"max_queues": "many"}),
        ("rabbitmq", "http://127.0.0.1:15692/metrics", {"ca_file": ["a"]}),
        ("nginx", "https://127.0.0.1/stub_status", {"ca_file": True}),
        ("shop", "https://127.0.0.1/metrics", {"ca_file": True}),
        ("probes", "https://127.0.0.1/", {"verify": "false"}),
        ("probes", "https://127.0.0.1/", {"ca_file": 5}),
        ("container", "", {"names": "app"}),
        ("container", "", {"path": 5}),
        ("host", "", {"network_filesystems": "false"}),
        ("host", "", {"root": ["/host"]}),
        ("postgresql", "", {"process_idle": "yes"}),
        ("logs", "file:///var/log/app.log", {"templates": True}),
    ],
)
def test_a_sidecar_does_not_begin_with_an_option_that_is_wrong(system: str, url: str, wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(SettingsError, match=f"target t: option {name} is ") as caught:
        Sidecar([target("t", system, url, options=wrong)])
    assert "\n" not in str(caught.value)
