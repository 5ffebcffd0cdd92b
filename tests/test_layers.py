"""The architecture, held by tests: imports go down the layers only, and files stay short enough to read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# A script that the harness starts with the loader's interpreter, and never imports.
LOADER_SCRIPTS = {ROOT / "experiments/bench/reading.py"}

# What the loader may never load: the harness, and the packages that only the harness has.
NOT_IN_THE_LOADER = {"experiments", "yaml", "pydantic", "rich", "tabulate", "scipy", "docker", "psutil"}


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
def test_the_harness_imports_only_the_registry_of_the_loader(path: Path) -> None:
    allowed = {"bigdata.source"} if path in LOADER_SCRIPTS else {"bigdata.registry"}
    assert {name for name in imports_of(path) if name.split(".")[0] == "bigdata"} <= allowed


@pytest.mark.parametrize("path", sources("bigdata") + sources("experiments"), ids=str)
def test_a_file_has_at_most_300_lines_and_a_function_at_most_40(path: Path) -> None:
    text = path.read_text()
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = [f.name for f in functions if (f.end_lineno or 0) - f.body[0].lineno + 1 > 40]
    assert text.count("\n") <= 300
    assert long == []
