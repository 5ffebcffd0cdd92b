"""The architecture, held by tests: imports go down the layers only, and files stay short enough to read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

from tests.project import ROOT

# A script that the harness starts with the loader's interpreter, and never imports.
LOADER_SCRIPTS = {
    ROOT / "experiments/profiling/overhead/reading.py": "bigdata.census.source",
    ROOT / "experiments/profiling/overhead/script.py": "bigdata.measurement.forked_loads",
}

# What is said of all loaders at once comes from the statements themselves, of which no driver has a part.
PROGRAM = ROOT / "experiments" / "__main__.py"
LEDGER = {ROOT / "experiments/validation/same_sql/statements.py"}

# The packages of the harness from the ground up: each imports only those above it in this list.
PACKAGES = (
    "matrix",
    "records",
    "environment",
    "analysis",
    "engines",
    "report",
    "campaign",
    "validation",
    "profiling",
    "cli",
)
# Modules beside the packages: everybody may import them, and they import only each other.
BASE = {"errors", "files", "cpuset", "formatting", "signals"}
# Packages that import less than what lies below them.
NARROW = {"matrix": {"matrix"}, "report": {"report", "analysis", "records"}}
# Packages that import engines.
USERS_OF_ENGINES = {"engines", "campaign", "validation", "profiling", "cli"}

# What the loader may never load: the harness, and the packages that only the harness has.
NOT_IN_THE_LOADER = {"experiments", "yaml", "pydantic", "rich", "tabulate", "scipy", "docker", "psutil", "matplotlib"}


@cache
def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


@cache
def nodes_of(path: Path) -> list[ast.AST]:
    """Every import and every function of a file: what the tests look at."""
    kinds = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef
    return [node for node in statements_in(ast.parse(path.read_text())) if isinstance(node, kinds)]


def statements_in(node: ast.AST) -> Iterator[ast.AST]:
    """Every statement below a node: ast.walk would look at each expression, too, for three quarters of the time."""
    for name in ("body", "orelse", "finalbody", "handlers", "cases"):
        # A lambda's body, and what a conditional expression has, is no list.
        for child in below if isinstance(below := getattr(node, name, None), list) else []:
            yield child
            yield from statements_in(child)


def imports_of(path: Path) -> Iterator[str]:
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_the_loader_imports_nothing_of_the_harness() -> None:
    imported = {(str(path), name) for path in sources("bigdata") for name in imports_of(path)}
    assert {(path, name) for path, name in imported if name.split(".")[0] in NOT_IN_THE_LOADER} == set()


def allowed_of_the_loader(path: Path) -> set[str]:
    allowed = {LOADER_SCRIPTS.get(path, "bigdata.registry")}
    allowed |= {"bigdata.arguments"} if path == PROGRAM else set()
    return allowed | ({"bigdata.database.statements"} if path in LEDGER else set())


def test_the_harness_imports_only_registry_and_parser_of_the_loader_and_for_the_ledger_its_statements() -> None:
    wrong = {
        (str(path), name)
        for path in sources("experiments")
        for name in imports_of(path)
        if name.split(".")[0] == "bigdata" and name not in allowed_of_the_loader(path)
    }
    assert wrong == set()


def test_a_file_has_at_most_300_lines() -> None:
    long = [str(path) for path in sources("bigdata") + sources("experiments") if path.read_text().count("\n") > 300]
    assert long == []


def test_a_function_has_at_most_40_lines() -> None:
    long = [
        (str(path), node.name)
        for path in sources("bigdata") + sources("experiments")
        for node in nodes_of(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.body[0].lineno + 1 > 40
    ]
    assert long == []


@cache
def harness_imports() -> dict[str, set[str]]:
    """Module -> modules of the harness that it imports, without the package's name: 'engines.local.server'."""
    return {module_of(path).removeprefix("experiments."): set(harness_names(path)) for path in sources("experiments")}


@cache
def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def harness_names(path: Path) -> Iterator[str]:
    modules = {module_of(one) for one in sources("experiments")}
    for node in nodes_of(path):
        if isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] == "experiments":
            # A name may itself be a module: from experiments.records import description.
            for name in (f"{node.module}.{alias.name}" for alias in node.names):
                yield (name if name in modules else str(node.module)).removeprefix("experiments").removeprefix(".")


def may_import(package: str, other: str) -> bool:
    if other in BASE:
        return True
    if package in BASE:
        return False
    if other == "engines":
        return package in USERS_OF_ENGINES
    return other in NARROW.get(package, PACKAGES[: PACKAGES.index(package) + 1])


def test_the_packages_of_the_harness_are_these() -> None:
    packages = {path.parent.name for path in (ROOT / "experiments").glob("*/__init__.py")}
    assert packages == set(PACKAGES)
    assert {path.stem for path in (ROOT / "experiments").glob("*.py")} == BASE | {"__init__", "__main__"}


def test_a_package_imports_only_what_lies_below_it() -> None:
    imported = {
        (module, name)
        for module, names in harness_imports().items()
        for name in names
        if module.partition(".")[0] in {*BASE, *PACKAGES}
        and not may_import(module.partition(".")[0], name.partition(".")[0])
    }
    assert imported == set()


def test_a_package_has_at_most_25_modules_of_its_own() -> None:
    folders = [path.parent for path in sources("experiments") if path.name == "__init__.py"]
    many = {str(folder): len(list(folder.glob("[!_]*.py"))) for folder in folders}
    assert {folder: count for folder, count in many.items() if count > 25} == {}


def test_the_statement_log_is_judged_without_engine_and_relay() -> None:
    graph = harness_imports()
    judging = {f"validation.same_sql.{name}" for name in ("conversation", "statements", "findings", "tables", "wire")}
    seen, waiting = set(), set(judging)
    while waiting:
        seen |= waiting
        waiting = {name for one in waiting for name in graph.get(one, set())} - seen
    wrong = {name for name in seen if name.startswith("engines") or name.endswith(("same_sql.proxy", "same_sql.runs"))}
    assert wrong == set()


def test_a_campaign_knows_no_engine_but_only_the_protocol() -> None:
    imported = {
        name
        for module, names in harness_imports().items()
        for name in names
        if module.partition(".")[0] == "campaign" and name.partition(".")[0] == "engines"
    }
    assert {name for name in imported if name.startswith(("engines.docker", "engines.local"))} == set()


def test_imports_make_no_circle() -> None:
    # Raises graphlib.CycleError, which names the circle.
    list(TopologicalSorter(harness_imports()).static_order())
