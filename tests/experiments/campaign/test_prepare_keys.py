"""The key of a cell: whatever of a campaign's parts would change a result changes it, and nothing else does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from experiments.campaign.datasets import PreparedData, provide
from experiments.campaign.prepare import Preparation
from experiments.campaign.prepared_cell import PreparedCell
from experiments.engines.protocol import Finished
from experiments.matrix.cell import Cell
from experiments.matrix.expand import PlannedCell
from experiments.matrix.packages import Packages
from experiments.matrix.spec import DataSet, Experiment, Matrix, PostgresConfiguration, load_matrix
from experiments.records.facts import InterpreterFacts, Placement, ServerFacts
from tests.experiments.campaign.test_prepare import FakeEngine, FakeHost, FakeServer
from tests.project import ROOT

FACTS = InterpreterFacts("3.13", "3.13.0", "CPython", True, "build", "sha256:lock")
MATRIX = load_matrix(ROOT / "matrix.yaml")
LIBPQ = {"libpq": 170011, "libpq_bundled": True}


class Engine(FakeEngine):
    """Has what it is told to have, and serves what is asked of it."""

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self._parts = parts
        said = {"schema": 1, "supported": True, "reason": None, "client": parts.libpq}
        self.answers = {"row_by_row_threaded": Finished(0, json.dumps(said), "", 0.2)}

    def loader_host(self, python: str, packages: Packages = ()) -> FakeHost:
        host = super().loader_host(python, packages)
        host.facts = self._parts.interpreter
        return host

    def serve(self, name: str, configuration: PostgresConfiguration, *, max_connections: int) -> FakeServer:
        server = super().serve(name, configuration, max_connections=max_connections)
        settings = {"max_connections": str(max_connections), **configuration.settings}
        server.facts = replace(self._parts.server, settings=settings, storage=configuration.storage)
        return server

    def check_placement(self, placement: Placement) -> None:
        """Holds everybody to everything."""


@dataclass(frozen=True)
class Parts:
    """All that a campaign is made from; ``pools`` are those of its other cells."""

    matrix: Matrix = MATRIX
    source: str = "sha256:source"
    digest: str = "geo:1:2;data:3:4"
    interpreter: InterpreterFacts = FACTS
    libpq: Mapping[str, Any] = field(default_factory=lambda: LIBPQ)
    server: ServerFacts = ServerFacts("17.11", {}, "disk", build="postgres 0123")  # noqa: RUF009 - frozen
    pools: tuple[int, ...] = (20,)


def key_of(cell: Cell, parts: Parts) -> str:
    data = PreparedData(Path("/ny"), (), parts.digest, 100, 100, 22_200)
    engine = Engine(parts)
    preparation = Preparation(parts.matrix, {"local": engine}, parts.source, lambda *_: data, lambda text: None)
    cells = (cell, *(replace(cell, poolsize=pool) for pool in parts.pools))
    ready = preparation.prepare(tuple(PlannedCell(one, "a", ("loaders",)) for one in cells))[cell]
    assert isinstance(ready, PreparedCell)
    return ready.key


def postgres(**changes: Any) -> Matrix:
    default = replace(MATRIX.postgres["default"], **changes)
    return replace(MATRIX, postgres={**MATRIX.postgres, "default": default})


def resources(**changes: Any) -> Matrix:
    split = replace(MATRIX.resources["split"], **changes)
    return replace(MATRIX, resources={**MATRIX.resources, "split": split})


IN_AN_IMAGE = ServerFacts("17.11", {}, "disk", "postgres:17@sha256:1", "sha256:made")

CHANGES: dict[str, Parts] = {
    "a setting": Parts(postgres(settings={"synchronous_commit": "off"})),
    "the storage": Parts(postgres(storage="tmpfs")),
    "the version of the server": Parts(server=replace(Parts().server, version="17.12")),
    "the build of the server": Parts(server=replace(Parts().server, build="postgres 4567")),
    "a server in an image": Parts(server=IN_AN_IMAGE),
    "the largest pool": Parts(pools=(20, 50)),
    "the time limit": Parts(replace(MATRIX, timeout_s=MATRIX.timeout_s + 1)),
    "the loader's cores": Parts(resources(loader_cpuset="1")),
    "the server's cores": Parts(resources(server_cpuset="0-2")),
    "a quota of the loader": Parts(resources(loader_cpus=0.25)),
    "a quota of the server": Parts(resources(server_cpus=0.25)),
    "memory of the loader": Parts(resources(loader_memory=2**26)),
    "memory of the server": Parts(resources(server_memory=2**26)),
    "the data": Parts(digest="geo:1:2;data:3:5"),
    "the loader's source": Parts(source="sha256:other"),
    "the lock": Parts(interpreter=replace(FACTS, lock_hash="sha256:other")),
    "the interpreter's build, or its base image": Parts(interpreter=replace(FACTS, build="other")),
    "the system's libpq": Parts(libpq={"libpq": 150018, "libpq_bundled": False}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_key_changes_with(change: str, threaded: Cell) -> None:
    assert key_of(threaded, CHANGES[change]) != key_of(threaded, Parts())


def test_each_change_makes_a_key_of_its_own(threaded: Cell) -> None:
    assert len({key_of(threaded, parts) for parts in (Parts(), *CHANGES.values())}) == 1 + len(CHANGES)


def test_another_image_of_the_server_is_another_key_and_one_built_anew_of_the_same_parts_is_not(
    threaded: Cell,
) -> None:
    key = key_of(threaded, Parts(server=IN_AN_IMAGE))
    assert key_of(threaded, Parts(server=replace(IN_AN_IMAGE, image="postgres:17@sha256:2"))) != key
    assert key_of(threaded, Parts(server=replace(IN_AN_IMAGE, image_id="sha256:again"))) == key
    more = postgres(shm_size=2**30)
    assert key_of(threaded, Parts(more, server=IN_AN_IMAGE)) != key


@pytest.mark.parametrize(
    "matrix",
    [
        replace(MATRIX, seed=1),
        replace(MATRIX, repeats=99),
        replace(MATRIX, experiments={"other": Experiment("Why?")}),
        replace(MATRIX, postgres={"other": MATRIX.postgres["memory"], **MATRIX.postgres}),
        replace(MATRIX, profiles={}),
    ],
    ids=["seed", "blocks", "questions", "a configuration that it does not use", "profiles"],
)
def test_what_does_not_define_a_cell_does_not_change_its_key(matrix: Matrix, threaded: Cell) -> None:
    assert key_of(threaded, Parts(matrix)) == key_of(threaded, Parts())


def test_a_loader_that_does_not_say_what_it_uses_when_it_is_tried_has_a_key_all_the_same(threaded: Cell) -> None:
    assert key_of(threaded, Parts(libpq={})) != key_of(threaded, Parts())


def test_the_digest_stands_for_all_that_chooses_the_data(tmp_path: Path) -> None:
    data = DataSet(source="synthetic", state="NY", records=2)
    others = [
        replace(data, records=3),
        replace(data, segments=("01", "04")),
        replace(data, segments=("04",)),
        replace(data, state="DE"),
        replace(data, seed=1),
    ]
    assert len({provide(one, cache=tmp_path, source="sha256:1").digest for one in (data, *others)}) == 1 + len(others)
