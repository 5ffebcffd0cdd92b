"""The architecture, held by tests: imports go down the layers only, and files stay short enough to read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# A script that the harness starts with the loader's interpreter, and never imports.
LOADER_SCRIPTS = {ROOT / "experiments/bench/reading.py"}

# What is said of all loaders at once comes from the statements themselves, of which no driver has a part.
LEDGER = {ROOT / "experiments/ledger.py"}

# The pure ends of the harness: what is run, and what came out. Neither touches the world or knows the other.
WHAT_TO_RUN = {
    *("axis_types", "cells", "checks", "combinations", "expand", "plan", "selection", "spec"),
    *("validation", "yaml_lines"),
}
WHAT_CAME_OUT = {
    *("answer", "answer_bound", "answer_facts", "answer_help", "answer_limits", "answer_sentences", "answer_table"),
    "answer_words",
    "builds",
    "captions",
    "ceilings",
    *("chart_curves", "chart_forest", "chart_labels", "chart_list", "chart_page", "chart_points", "chart_rows"),
    *("chart_scale", "chart_sheets", "chart_time", "charts"),
    "client_columns",
    "compare",
    "compare_table",
    "crossing",
    "description",
    "differences",
    "disturbance",
    "effects",
    *("effects_basis", "effects_table"),
    *("explain_page", "explain_sentences", "explanation", "flame_graph", "stacks", "thread_time"),
    "foot",
    "ledger",
    "paths",
    *("chart_model", "fit", "model", "model_columns", "model_points", "model_table", "queueing", "what_if"),
    *("observations", "time_ledger", "usable_cores", "verdict"),
    "precision",
    "readme",
    "reasons",
    "records",
    "reproduced",
    "stats",
    "summary",
    "tables",
    *("why", "why_columns"),
    "wording",
}
NEUTRAL = {"cpuset", "errors"}

# What the loader may never load: the harness, and the packages that only the harness has.
NOT_IN_THE_LOADER = {"experiments", "yaml", "pydantic", "rich", "tabulate", "scipy", "docker", "psutil", "matplotlib"}


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("path", sources("bigdata"), ids=str)
def test_the_loader_imports_nothing_of_the_harness(path: Path) -> None:
    assert {name.split(".")[0] for name in imports_of(path)} & NOT_IN_THE_LOADER == set()


@pytest.mark.parametrize("path", sources("experiments"), ids=str)
def test_the_harness_imports_only_the_registry_of_the_loader_and_for_the_ledger_its_statements(path: Path) -> None:
    allowed = {"bigdata.source"} if path in LOADER_SCRIPTS else {"bigdata.registry"}
    allowed |= {"bigdata.statements"} if path in LEDGER else set()
    assert {name for name in imports_of(path) if name.split(".")[0] == "bigdata"} <= allowed


@pytest.mark.parametrize("path", sources("bigdata") + sources("experiments"), ids=str)
def test_a_file_has_at_most_300_lines_and_a_function_at_most_40(path: Path) -> None:
    text = path.read_text()
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = [f.name for f in functions if (f.end_lineno or 0) - f.body[0].lineno + 1 > 40]
    assert text.count("\n") <= 300
    assert long == []


def harness_imports() -> dict[str, set[str]]:
    """Module -> modules of the harness that it imports, without the package's name: 'engines.local.server'."""
    graph = {}
    for path in sources("experiments"):
        module = ".".join(path.relative_to(ROOT / "experiments").with_suffix("").parts).removesuffix(".__init__")
        names = [name for name in imports_of(path) if name.startswith("experiments.")]
        graph[module] = {name.removeprefix("experiments.") for name in names}
    return graph


@pytest.mark.parametrize("layer", [WHAT_TO_RUN, WHAT_CAME_OUT], ids=["what to run", "what came out"])
def test_the_pure_ends_import_only_themselves(layer: set[str]) -> None:
    graph = harness_imports()
    assert layer <= graph.keys()
    assert {module: graph[module] - layer - NEUTRAL for module in layer if graph[module] - layer - NEUTRAL} == {}


@pytest.mark.parametrize("module", ["conversation", "ledger", "ledger_findings", "ledger_tables", "wire"])
def test_what_judges_the_ledger_touches_neither_engine_nor_relay(module: str) -> None:
    graph = harness_imports()
    seen, waiting = set(), {module}
    while waiting:
        seen |= waiting
        waiting = {name for one in waiting for name in graph.get(one, set())} - seen
    assert {name for name in seen if name.startswith("engines") or name in ("relay", "ledger_runs")} == set()


@pytest.mark.parametrize("module", ["campaign", "judge", "prepare", "run", "start"])
def test_what_runs_a_campaign_knows_no_engine_but_only_the_protocol(module: str) -> None:
    engines = {name for name in harness_imports()[module] if name.startswith("engines")}
    assert engines <= {"engines.protocol"}


def test_only_the_command_line_imports_commands() -> None:
    importers = {
        module
        for module, imported in harness_imports().items()
        for name in imported
        if name.partition(".")[0] == "commands"
    }
    assert importers == {"__main__"}


def test_imports_make_no_circle() -> None:
    # Raises graphlib.CycleError, which names the circle.
    list(TopologicalSorter(harness_imports()).static_order())
