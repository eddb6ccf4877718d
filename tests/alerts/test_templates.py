"""The texts of alerts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from alerts.templates import for_prometheus, labels_in, render, shown
from tests.conftest import need
from tests.servers import prometheus
from watchkeeper.units import BYTES, ONE, RATIO, SECONDS, USD, Unit


@pytest.mark.parametrize(
    "value, unit, text",
    [
        (0.931, RATIO, "93.1%"),
        (125.0, SECONDS, "2m 5s"),
        (0.0125, SECONDS, "12.5ms"),
        (90061.0, SECONDS, "1d 1h 1m 1s"),
        (1.5 * 2**30, BYTES, "1.5GiB"),
        (1234567.0, ONE, "1.235M"),
        (3.5, USD, "3.5 USD"),
        (float("nan"), ONE, "NaN"),
        (float("inf"), RATIO, "+Inf%"),
    ],
)
def test_a_value_is_shown_in_its_unit(value: float, unit: Unit, text: str) -> None:
    assert shown(value, unit) == text


def test_labels_and_value_are_put_in() -> None:
    text = "{{ $labels.instance }}: {{$value}} used by {{ $labels.missing }}"
    assert render(text, {"instance": "db-1"}, 0.5, RATIO) == "db-1: 50% used by "


def test_a_label_that_looks_like_a_template_stays_text() -> None:
    assert render("{{ $labels.a }}", {"a": "{{ $value }}"}, 1.0, ONE) == "{{ $value }}"


def test_the_labels_of_a_text_are_found_once() -> None:
    assert labels_in("{{ $labels.b }} {{$labels.a}} {{ $labels.b }}") == ("b", "a")


def test_prometheus_shows_the_same_text(tmp_path: Path) -> None:
    """Our rendering against Prometheus' own, over units and magnitudes."""
    need(prometheus.available())
    values = (0.0, 1e-7, 0.004, 0.25, 1.0, 7.5, 59.9, 61.0, 999.5, 1024.0, 3725.0, 123456.0, 5e9, 2.5e13, -42.0, -0.5)
    units = (ONE, RATIO, SECONDS, BYTES, BYTES / SECONDS, ONE / SECONDS, USD)
    rules, tests = [], []
    for number, unit in enumerate(units):
        text = "{{ $labels.case }} is {{ $value }}"
        rules.append(
            {"alert": f"Unit{number}", "expr": "number == number", "annotations": {"text": for_prometheus(text, unit)}}
        )
        expected = [
            {
                "exp_labels": {"case": f"c{index}"},
                "exp_annotations": {"text": render(text, {"case": f"c{index}"}, value, unit)},
            }
            for index, value in enumerate(values)
        ]
        tests.append({"eval_time": "1m", "alertname": f"Unit{number}", "exp_alerts": expected})
    series = [
        {"series": f'number{{case="c{i}"}}', "values": f"{value:.12f} {value:.12f}"} for i, value in enumerate(values)
    ]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "units", "rules": rules}]}))
    (tmp_path / "tests.yaml").write_text(
        json.dumps(
            {
                "rule_files": ["rules.yaml"],
                "tests": [{"interval": "1m", "input_series": series, "alert_rule_test": tests}],
            }
        )
    )
    done = prometheus.promtool("test", "rules", tmp_path / "tests.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
