"""Made-up campaigns: records and descriptions as a small campaign leaves them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from experiments.matrix.cell import Cell
from experiments.records.description import Description, ShownCell, ShownExperiment
from experiments.records.facts import DataFacts, InterpreterFacts, MachineFacts, Placement, ServerFacts
from experiments.records.record import Client, Host, Phase, Record, ServerUse, Work

THREADED = Cell(
    engine="local",
    python="3.13",
    gil=None,
    loader="row_by_row_threaded",
    loop=None,
    protocol="simple",
    implementation=None,
    poolsize=20,
    postgres="default",
    data="ny",
    transaction="autocommit",
    inserts="execute",
    resources="split",
)
UVLOOP = replace(THREADED, loader="row_by_row_asyncio", loop="uvloop")

SERVER = ServerUse("17.11", {"max_connections": "30"}, "disk", 1.4)


@pytest.fixture
def threaded() -> Cell:
    return THREADED


@pytest.fixture
def uvloop_cell() -> Cell:
    return UVLOOP


@pytest.fixture
def make_record() -> Callable[..., Record]:
    """Makes the record of a good run: 22,200 rows at ``rows_per_s``, a quarter of the time on the client's CPU."""

    def make(cell: Cell = THREADED, *, block: int = 1, rows_per_s: float = 10_000.0, **changes: Any) -> Record:
        wall_s = 22_200 / rows_per_s
        data = Phase(rows=22_200, wall_s=wall_s, user_s=wall_s * 0.2, system_s=wall_s * 0.05)
        packages = {"psycopg2": "2.9.11"} if cell.loop is None else {"aiopg": "1.4.0", "psycopg2": "2.9.11"}
        record = Record(
            campaign="2026-11-22T1430-local",
            cell_key=f"sha256:{cell.loader}",
            arm="a",
            block=block,
            order=1,
            started_at="2026-11-22T14:31:07Z",
            status="ok",
            reason=None,
            cell=cell,
            rows_per_s=rows_per_s,
            cpu_us_per_row=round(wall_s * 0.25 / 22_200 * 1e6, 3),
            phases={"geo": Phase(100, 0.02, 0.01, 0.01), "data": data},
            client=Client("3.13.0", "CPython", True, True, packages, 170011, 9514, 56, 41_000_000),
            server=SERVER,
            work=Work("geo:100:1;data:22200:2", 22_200, 22_520, 100, 100, 200, 0),
            host=Host(0.0, 1.2, 0.01),
            wall_s=round(wall_s + 0.6, 3),
        )
        return replace(record, **changes)

    return make


@pytest.fixture
def make_failure(make_record: Callable[..., Record]) -> Callable[..., Record]:
    """Makes the record of a run that did not get as far as a measurement."""

    def make(cell: Cell = THREADED, **changes: Any) -> Record:
        nothing: dict[str, Any] = {"rows_per_s": None, "cpu_us_per_row": None, "phases": None, "client": None}
        return replace(make_record(cell), **{**nothing, "server": None, "work": None, "host": None, **changes})

    return make


@pytest.fixture
def description() -> Description:
    """Of a campaign of 6 blocks with two loaders and a cell that cannot run."""
    unsupported = replace(UVLOOP, loop="asyncio")
    cells = (
        ShownCell("sha256:row_by_row_threaded", "a", ("loaders",), THREADED),
        ShownCell("sha256:row_by_row_threaded", "b", ("loaders",), THREADED),
        ShownCell("sha256:row_by_row_asyncio", "a", ("loaders",), UVLOOP),
        ShownCell("sha256:none", "a", ("loaders",), unsupported, "no wheel of aiopg | none at all"),
    )
    return Description(
        campaign="2026-11-22T1430-local",
        created_at="2026-11-22T14:30:02Z",
        fingerprint="sha256:f",
        engine="local",
        seed=2014,
        repeats=6,
        matrix_hash="sha256:m",
        matrix={
            "experiments": {"loaders": {"matrix": {"loop": ["uvloop", "asyncio"]}}},
            "postgres": {"default": {"settings": {"synchronous_commit": "off"}}},
        },
        selection={
            "profile": "smoke",
            "only": {"loop": ["asyncio", "uvloop"], "python": ["3.13"]},
            "experiments": ["loaders"],
        },
        experiments=(ShownExperiment("loaders", "Is asyncio faster than threads?"),),
        cells=cells,
        placements={"split": Placement(frozenset({0}), frozenset({1, 2}))},
        data={"ny": DataFacts("geo:100:1;data:22200:2", geo_records=100, data_records=100, rows=22_200)},
        interpreters={"3.13": InterpreterFacts("3.13", "3.13.0", "CPython", True, "of April", "sha256:1")},
        postgres={"default": ServerFacts("17.11", {"max_connections": "30"}, "disk")},
        environment=MachineFacts(
            cpu="A Processor",
            machine="x86_64",
            cores=4,
            cores_allowed=[0, 1, 2],
            memory_bytes=8 * 2**30,
            system="Debian 12",
            kernel="Linux 6.1",
            virtualisation="virtual machine",
            file_system="ext4",
            commit="0123abc",
            uncommitted_changes=False,
            harness_python="3.11.2",
            harness_packages={"rich": "13.9"},
        ),
    )
