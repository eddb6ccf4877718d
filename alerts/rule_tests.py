"""Generated promtool unit tests: for every alert, series under which it fires and series under which it does not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from alerts.conditions import Rule
from alerts.rules import dump
from alerts.series import Situation, situation
from watchkeeper.durations import format_duration

__all__ = ["notation", "test_files"]

# `test_files` is no test of pytest's.
__test__ = False


def test_files(rules: Iterable[Rule]) -> dict[str, bytes]:
    """The test files by path below the output directory: one beside each rule file."""
    by_system: dict[str, list[Rule]] = {}
    for rule in rules:
        by_system.setdefault(rule.system, []).append(rule)
    return {
        f"rules/tests/{system}.yaml": dump(
            {
                "rule_files": [f"../{system}.yaml"],
                "evaluation_interval": "1m",
                "tests": [test for rule in mine for test in _tests(rule)],
            }
        )
        for system, mine in sorted(by_system.items())
    }


def _tests(rule: Rule) -> Iterable[dict[str, Any]]:
    fires = situation(rule.condition, rule.hold, fires=True, system=rule.system)
    if fires is None:
        return
    names = ("alertname", "severity", "system", "owner", *dict(rule.labels))
    expected = ", ".join(f'{name}="{rule.all_labels[name]}"' for name in sorted(names))
    yield _test(
        f"{rule.name} fires",
        fires,
        f'count by ({", ".join(sorted(names))}) (ALERTS{{alertname="{rule.name}", alertstate="firing"}})',
        [{"labels": f"{{{expected}}}", "value": 1}],
    )
    quiet = situation(rule.condition, rule.hold, fires=False, system=rule.system)
    if quiet is not None:
        yield _test(f"{rule.name} is quiet", quiet, f'ALERTS{{alertname="{rule.name}"}}', [])


def _test(name: str, made: Situation, expression: str, expected: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": name,
        "interval": "1m",
        "input_series": [
            {"series": f"{metric}{{{_text(labels)}}}", "values": notation(values)}
            for metric, labels, values in made.series()
        ],
        "promql_expr_test": [{"expr": expression, "eval_time": format_duration(made.end), "exp_samples": expected}],
    }


def _text(labels: dict[str, str]) -> str:
    return ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items()))


def notation(values: Sequence[float]) -> str:
    """Values in promtool's notation: runs of even steps as `start+stepxcount`."""
    parts, index = [], 0
    while index < len(values):
        end = index + 1
        step = values[end] - values[index] if end < len(values) else 0.0
        while end + 1 < len(values) and _close(values[end + 1] - values[end], step):
            end += 1
        count = end - index if end < len(values) else 0
        sign = "-" if step < 0 else "+"
        parts.append(f"{_number(values[index])}{sign}{_number(abs(step))}x{count}" if count else _number(values[index]))
        index += count + 1
    return " ".join(parts)


def _close(first: float, second: float) -> bool:
    return abs(first - second) <= 1e-9 * max(1.0, abs(first), abs(second))


def _number(value: float) -> str:
    # promtool's notation knows no exponents with a plus sign: `1e+06` reads as 1e plus 06.
    return f"{value:.12f}".rstrip("0").rstrip(".") or "0"
