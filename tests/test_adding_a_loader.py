"""CONTRIBUTING's checklist: whatever is forgotten when a loader is added fails here, under the loader's name.

That it stands in ``matrix.yaml`` is held by ``test_shipped_matrix``, its minimal script by ``bench/test_compare``.
"""

from __future__ import annotations

import re

import pytest

from bigdata.registry import LOADERS, Loader
from experiments.environment.requirements import left_out, loader_lock, locked_pythons
from experiments.environment.requirements_file import ARCHITECTURES, for_architecture
from tests.project import ROOT

BIGDATA = ROOT / "bigdata"

every_loader = pytest.mark.parametrize("loader", LOADERS.values(), ids=lambda loader: loader.name)


@every_loader
def test_its_hot_loop_and_its_runtime_are_modules(loader: Loader) -> None:
    assert (BIGDATA / "loaders" / f"{loader.hot_loop}.py").is_file()
    assert (BIGDATA / "runtimes" / f"{loader.runtime}.py").is_file()


@every_loader
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("python", locked_pythons())
def test_every_lock_has_its_packages_or_says_why_not(loader: Loader, python: str, architecture: str) -> None:
    lock = loader_lock(python)
    entries = for_architecture(lock.read_text(), architecture)
    locked = set(re.findall(r"^([\w.-]+)==", entries, re.MULTILINE))
    loops = {loop for loop in loader.loops if loop != "asyncio"}
    implementations = {f"{loader.driver}-binary"} if "binary" in loader.implementations else set()
    assert {*loader.requirements, *loops, *implementations} <= locked | left_out(lock, architecture).keys()


@every_loader
def test_it_is_described_in_one_line(loader: Loader) -> None:
    assert loader.description
    assert "\n" not in loader.description
