"""The arrows between the packages, and the shape of the modules, read from the source.

Each rule is a function from a source tree to findings, so that it is also shown to find what it forbids.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

FIVE = ("collectors", "dashboards", "alerts", "detectors", "runbooks")
PACKAGES = ("watchkeeper", *FIVE)
MAX_LINES = 450

# What the base install brings, by import name.
BASE = {"click", "msgspec", "prometheus_client", "urllib3", "yaml"}
# Where the shared language may use more. Each is an extra, and is imported where it is used.
MORE: Mapping[str, set[str]] = {
    "watchkeeper.elastic": {"elastic_transport", "elasticsearch"},
    "watchkeeper.stores": {"numpy", "pandas"},
    "watchkeeper.instrumentation": {"genai_prices", "opentelemetry", "pybreaker"},
    "watchkeeper.queries": {"promql_parser"},
}


@dataclass(frozen=True)
class Module:
    """One source file: its dotted name, its path below the root and its syntax tree."""

    name: str
    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, filename=self.path)

    def inside(self, package: str) -> bool:
        return self.name == package or self.name.startswith(package + ".")


@dataclass(frozen=True)
class Import:
    """One imported name; `lazy` inside a function, `typing` under `if TYPE_CHECKING`."""

    name: str
    line: int
    lazy: bool
    typing: bool

    @property
    def top(self) -> str:
        return self.name.partition(".")[0]

    def inside(self, package: str) -> bool:
        return self.name == package or self.name.startswith(package + ".")


def modules(root: Path, *packages: str) -> Iterator[Module]:
    for package in packages:
        for path in sorted((root / package).rglob("*.py")):
            relative = path.relative_to(root)
            parts = relative.with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            yield Module(name, str(relative), path.read_text(encoding="utf-8"))


def imports(module: Module) -> Iterator[Import]:
    """Every import of a module, those through `importlib.import_module("name")` among them."""
    yield from _imports(module, module.tree, lazy=False, typing=False)


def _imports(module: Module, node: ast.AST, *, lazy: bool, typing: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, child.lineno, lazy, typing)
        elif isinstance(child, ast.ImportFrom):
            base = _absolute(module, child)
            # `from watchkeeper import app` imports a module as much as `import watchkeeper.app`.
            for alias in child.names:
                yield Import(f"{base}.{alias.name}", child.lineno, lazy, typing)
        elif isinstance(child, ast.Call) and _is_import_module(child):
            argument = child.args[0]
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield Import(argument.value, child.lineno, lazy, typing)
        function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        checking = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        yield from _imports(module, child, lazy=lazy or function, typing=typing or checking)


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if node.level == 0:
        return node.module or ""
    parts = module.name.split(".")
    up = node.level - (1 if module.path.endswith("__init__.py") else 0)
    return ".".join([*parts[: len(parts) - up], *([node.module] if node.module else [])])


def _is_import_module(node: ast.Call) -> bool:
    called = ast.unparse(node.func)
    return called in ("importlib.import_module", "import_module", "__import__") and bool(node.args)


def five_import_only_watchkeeper(root: Path) -> list[str]:
    """The five packages know the shared language; not each other, the front door, examples or tests."""
    findings = []
    for module in modules(root, *FIVE):
        own = module.name.partition(".")[0]
        others = {*FIVE, "examples", "tests"} - {own}
        for item in imports(module):
            if item.top in others or item.inside("watchkeeper.app"):
                findings.append(f"{module.path}:{item.line}: {own} imports {item.name}")
    return findings


def watchkeeper_imports_none_of_the_five(root: Path) -> list[str]:
    """The shared language knows nobody: neither the five nor the front door."""
    return [
        f"{module.path}:{item.line}: watchkeeper imports {item.name}"
        for module in modules(root, "watchkeeper")
        if not module.inside("watchkeeper.app")
        for item in imports(module)
        if item.top in {*FIVE, "examples", "tests"} or item.inside("watchkeeper.app")
    ]


def watchkeeper_is_free_of_heavy_libraries(root: Path) -> list[str]:
    """The shared language needs the base install, and more only where `MORE` says so."""
    findings = []
    for module in modules(root, "watchkeeper"):
        if module.inside("watchkeeper.app"):
            continue
        allowed = {"watchkeeper", *BASE, *sys.stdlib_module_names}
        allowed |= {name for place, names in MORE.items() if module.inside(place) for name in names}
        for item in imports(module):
            if not item.typing and item.top not in allowed:
                findings.append(f"{module.path}:{item.line}: watchkeeper imports {item.name}")
    return findings


def app_loads_the_five_when_asked(root: Path) -> list[str]:
    """The front door loads the five inside functions, so that start-up is fast and the sidecar small."""
    return [
        f"{module.path}:{item.line}: imports {item.name} as soon as it is imported itself"
        for module in modules(root, "watchkeeper")
        if module.inside("watchkeeper.app")
        for item in imports(module)
        if item.top in {*FIVE, "examples"} and not item.lazy and not item.typing
    ]


def nobody_imports_the_tests(root: Path) -> list[str]:
    """Neither the packages nor the examples use the tests."""
    return [
        f"{module.path}:{item.line}: imports {item.name}"
        for module in modules(root, *PACKAGES, "examples")
        for item in imports(module)
        if item.top == "tests"
    ]


def examples_are_users(root: Path) -> list[str]:
    """The examples import what other people's code may import: `watchkeeper` without its front door."""
    return [
        f"{module.path}:{item.line}: imports {item.name}"
        for module in modules(root, "examples")
        for item in imports(module)
        if item.top in FIVE or item.inside("watchkeeper.app")
    ]


def files_are_short(root: Path) -> list[str]:
    """No file is above the limit."""
    return [
        f"{module.path}: {lines} lines, at most {MAX_LINES}"
        for module in modules(root, *PACKAGES, "examples", "tests")
        if (lines := len(module.text.splitlines())) > MAX_LINES
    ]


def public_modules_declare_all(root: Path) -> list[str]:
    """Each module of the packages that defines a public name says in `__all__` which are meant."""
    findings = []
    for module in modules(root, *PACKAGES):
        if any(part.startswith("_") for part in module.name.split(".")):
            continue
        names = set(_defined(module.tree))
        if "__all__" not in names and any(not name.startswith("_") for name in names):
            findings.append(f"{module.path}: defines public names and has no __all__")
    return findings


def _defined(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def no_group_is_possessive(root: Path) -> list[str]:
    """No regular expression repeats a group possessively: before Python 3.11.5 such a one matches too little, and what
    was to be hidden is told (https://github.com/python/cpython/issues/106052).
    """
    return [
        f"{module.path}:{node.lineno}: a possessive group: make what is inside it possessive, or nothing"
        for module in modules(root, *PACKAGES, "examples")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _POSSESSIVE_GROUP.search(node.value)
    ]


_POSSESSIVE_GROUP = re.compile(r"\)(?:[*+?]|\{\d*,?\d*\})\+")

Rule = Callable[[Path], list[str]]

# A rule, a file that breaks it, and a file that may look like it and does not.
SEEDED: list[tuple[Rule, tuple[str, str], tuple[str, str]]] = [
    (
        five_import_only_watchkeeper,
        ("alerts/redis.py", "def f():\n    import collectors.redis\n"),
        ("alerts/redis.py", "from alerts.model import X\nfrom watchkeeper.systems import redis\n"),
    ),
    (
        five_import_only_watchkeeper,
        ("dashboards/render.py", "from watchkeeper import app\n"),
        ("dashboards/render.py", "from . import layout\n"),
    ),
    (
        five_import_only_watchkeeper,
        ("runbooks/engine.py", "import importlib\nimportlib.import_module('detectors.cause')\n"),
        ("runbooks/engine.py", "import importlib\nimportlib.import_module('runbooks.kinds')\n"),
    ),
    (
        watchkeeper_imports_none_of_the_five,
        ("watchkeeper/catalogue.py", "def load():\n    import alerts\n"),
        ("watchkeeper/app/load.py", "def load():\n    import alerts\n"),
    ),
    (
        watchkeeper_imports_none_of_the_five,
        ("watchkeeper/queries/tree.py", "from ..app import cli\n"),
        ("watchkeeper/queries/tree.py", "from ..units import Unit\n"),
    ),
    (
        watchkeeper_is_free_of_heavy_libraries,
        ("watchkeeper/units.py", "import numpy as np\n"),
        ("watchkeeper/stores/embedded.py", "import numpy as np\nimport yaml\n"),
    ),
    (
        app_loads_the_five_when_asked,
        (
            "watchkeeper/app/cli.py",
            "try:\n    from collectors import runtime\nexcept ImportError:\n    pass\n",
        ),
        ("watchkeeper/app/cli.py", "def collect():\n    from collectors import runtime\n"),
    ),
    (
        nobody_imports_the_tests,
        ("examples/agent_platform/run.py", "from tests.servers import redis\n"),
        ("examples/agent_platform/run.py", "import testing\n"),
    ),
    (
        examples_are_users,
        ("examples/agent_platform/run.py", "import collectors\n"),
        ("examples/agent_platform/run.py", "from watchkeeper import instrumentation\n"),
    ),
    (
        files_are_short,
        ("detectors/seasonal.py", "x = 1\n" * (MAX_LINES + 1)),
        ("detectors/seasonal.py", "x = 1\n" * MAX_LINES),
    ),
    (
        public_modules_declare_all,
        ("alerts/redis.py", "ALERTS = ()\n"),
        ("alerts/_private.py", "ALERTS = ()\n"),
    ),
    (
        no_group_is_possessive,
        ("collectors/logs.py", "PATH = r'(?:/a)*+'\n"),
        ("collectors/logs.py", "PATH = r'(?:/a++)*'\n"),
    ),
]

RULES = list(dict.fromkeys(rule for rule, _, _ in SEEDED))


def test_every_package_has_modules() -> None:
    assert {module.name.partition(".")[0] for module in modules(ROOT, *PACKAGES)} == set(PACKAGES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_source_keeps(rule: Rule) -> None:
    findings = rule(ROOT)
    assert not findings, "\n".join(findings)


@pytest.mark.parametrize("rule,bad,good", SEEDED, ids=[f"{rule.__name__}-{bad[0]}" for rule, bad, _ in SEEDED])
def test_a_breach_is_found(rule: Rule, bad: tuple[str, str], good: tuple[str, str], tmp_path: Path) -> None:
    for directory, (name, text) in (("bad", bad), ("good", good)):
        path = tmp_path / directory / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    assert [finding.partition(":")[0] for finding in rule(tmp_path / "bad")] == [bad[0]]
    assert rule(tmp_path / "good") == []
