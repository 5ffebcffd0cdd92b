"""Checklist for a new loader: whatever is forgotten fails here, under the loader's name, with what to do."""

from __future__ import annotations

import re
from functools import cache

import pytest

from bigdata.registry import CONTESTANTS, LOADERS, Loader
from experiments.environment.requirements import left_out, loader_lock, locked_pythons
from experiments.environment.requirements_file import ARCHITECTURES, for_architecture
from experiments.profiling.overhead.compare import minimal_script
from tests.experiments.profiling.overhead.minimal_loads import loads_of
from tests.project import ROOT

BIGDATA = ROOT / "bigdata"
SCHEMA = ROOT / "experiments/matrix.schema.json"

every_loader = pytest.mark.parametrize("loader", LOADERS.values(), ids=lambda loader: loader.name)
# A layer over a driver is compared with that driver's loader.
COMPARED = [loader for loader in CONTESTANTS.values() if loader.layer_over is None]

every_compared_loader = pytest.mark.parametrize("loader", COMPARED, ids=lambda loader: loader.name)


@every_loader
def test_its_hot_loop_and_its_runtime_are_modules(loader: Loader) -> None:
    for module in (f"loaders/{loader.hot_loop}.py", f"runtimes/{loader.runtime}.py"):
        assert (BIGDATA / module).is_file(), f"write bigdata/{module}"


@cache
def packages_of(python: str, architecture: str) -> set[str]:
    """The packages that a lock has, or says why it has not."""
    lock = loader_lock(python)
    entries = for_architecture(lock.read_text(), architecture)
    return {*re.findall(r"^([\w.-]+)==", entries, re.MULTILINE), *left_out(lock, architecture)}


@every_loader
def test_every_lock_has_its_packages_or_says_why_not(loader: Loader) -> None:
    loops = {loop for loop in loader.loops if loop != "asyncio"}
    implementations = {f"{loader.driver}-binary"} if "binary" in loader.implementations else set()
    wanted = {*loader.requirements, *loops, *implementations}
    locks = [(python, architecture) for python in locked_pythons() for architecture in ARCHITECTURES]
    missing = {lock: wanted - packages_of(*lock) for lock in locks if wanted - packages_of(*lock)}
    assert missing == {}, "add its packages to the group loader in pyproject.toml and run: nox -s lock"


@every_loader
def test_it_is_described_in_one_line(loader: Loader) -> None:
    assert loader.description
    assert "\n" not in loader.description


@every_loader
def test_editors_know_it_from_the_schema(loader: Loader) -> None:
    assert f'"{loader.name}"' in SCHEMA.read_text(), "run: nox -s schema"


@every_loader
def test_an_experiment_of_the_shipped_matrix_has_it(loader: Loader) -> None:
    names = re.findall(r"\w+", (ROOT / "matrix.yaml").read_text())
    assert loader.name in names, f"add {loader.name} to the experiment drivers in matrix.yaml"


@every_compared_loader
def test_it_has_a_minimal_load_to_be_compared_with(loader: Loader) -> None:
    script = minimal_script(loader)
    assert script is not None, f"write experiments/profiling/overhead/minimal_{loader.driver}.py"
    assert loader.name in loads_of(script), f"add a load for {loader.name} to {script.relative_to(ROOT)}"
