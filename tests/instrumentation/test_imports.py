"""What the instrumentation loads, and what it does without its optional libraries."""

from __future__ import annotations

import subprocess
import sys

import pytest

import watchkeeper.instrumentation

_WITHOUT = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
"""

_USE = """
from watchkeeper.instrumentation import *
from watchkeeper.instrumentation import REGISTRY
with workflow("w"), agent_run("a"), llm_call("claude-sonnet-4-5", provider="anthropic") as call:
    cost = call.tokens(input=10, output=5)
headers = {}
with http_client("GET", "tools", headers) as request:
    request.status = 200
labels = {"gen_ai_provider_name": "anthropic", "gen_ai_request_model": "claude-sonnet-4-5"}
print(cost is None, headers, REGISTRY.get_sample_value("watchkeeper_gen_ai_unpriced_calls_total", labels))
"""


def _run(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_metrics_work_without_opentelemetry_and_prices() -> None:
    assert _run(_WITHOUT.format(blocked={"opentelemetry", "genai_prices"}) + _USE) == "True {} 1.0"


def test_configure_tracing_says_what_to_install() -> None:
    script = _WITHOUT.format(blocked={"opentelemetry"}) + (
        "from watchkeeper.instrumentation import TracingError, configure_tracing\n"
        "try:\n"
        "    configure_tracing('x', 'http://127.0.0.1:4318')\n"
        "except TracingError as error:\n"
        "    print(error)\n"
    )
    assert "pip install 'watchkeeper[otel]'" in _run(script)


_PACKAGES = {"collectors", "dashboards", "alerts", "detectors", "runbooks", "yaml", "msgspec", "click", "numpy", "rich"}
_LIBRARIES = {"tenacity", "stamina", "pybreaker", "starlette", "fastapi", "celery", "openai", "anthropic"}


@pytest.mark.parametrize("module", ["resilience", "adapters", "vitals"])
def test_a_module_needs_neither_opentelemetry_nor_the_other_packages(module: str) -> None:
    script = _WITHOUT.format(blocked=_PACKAGES | _LIBRARIES | {"opentelemetry", "genai_prices"})
    assert (
        _run(f"{script}import watchkeeper.instrumentation.{module} as found; print(len(found.__all__) > 0)") == "True"
    )


@pytest.mark.parametrize("module", ["spans", "sampling", "export"])
def test_a_module_needs_opentelemetry_alone(module: str) -> None:
    script = _WITHOUT.format(blocked=_PACKAGES | _LIBRARIES | {"genai_prices"})
    assert (
        _run(f"{script}import watchkeeper.instrumentation.{module} as found; print(len(found.__all__) > 0)") == "True"
    )


def test_every_module_is_found_from_the_package() -> None:
    text = watchkeeper.instrumentation.__doc__ or ""
    for module in ("resilience", "adapters", "vitals", "spans", "sampling"):
        assert f"\n    {module} " in text


def test_importing_loads_no_optional_and_no_heavy_library() -> None:
    script = (
        "import sys, watchkeeper.instrumentation\n"
        "heavy = {'opentelemetry', 'genai_prices', 'numpy', 'pandas', 'yaml', 'msgspec', 'click', 'rich'}\n"
        "print(sorted(heavy & {name.split('.')[0] for name in sys.modules}))\n"
    )
    assert _run(script) == "[]"
