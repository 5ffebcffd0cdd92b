"""The guards of equal work in workloads other than the load, proved: no other operations pass for slow ones."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bigdata.registry import LOADERS, WORKLOADS
from experiments.campaign.datasets import PreparedData, provide
from experiments.campaign.prepared_cell import PreparedCell
from experiments.campaign.run import initial_record, measure
from experiments.engines.local.loader import LocalLoaderHost
from experiments.matrix.cell import Cell
from experiments.matrix.plan import PlannedRun
from experiments.matrix.spec import DataSet
from experiments.records.facts import InterpreterFacts, Placement
from experiments.records.record import Record
from tests.bigdata import loader_program as program
from tests.conftest import PostgresServer
from tests.experiments.validation.sabotage import AIOPG, ASYNCPG, PSYCOPG, PSYCOPG2, Sabotage, sabotaged_copy

pytestmark = pytest.mark.postgres

FACTS = InterpreterFacts("3.13", "3.13.0", "CPython", True, "build", "sha256:lock")
RECORDS = 5
ROWS = RECORDS * 222
LOADER_OF = {
    PSYCOPG2: "row_by_row_threaded",
    PSYCOPG: "row_by_row_psycopg_threaded",
    AIOPG: "row_by_row_asyncio",
    ASYNCPG: "row_by_row_asyncpg",
}
OTHER = "answers: 100 operations returned other values"
# Operations of each, with those that are checked before.
TRANSACTIONS = 40 * RECORDS + 100


def changed(name: str, *changes: tuple[str, str], file: str = PSYCOPG2, more: str = "") -> Sabotage:
    return Sabotage(name, file, changes, more)


NOT_DECODED = "\n\nextensions.register_type(extensions.new_type((1700,), 'TEXT', lambda value, cursor: value))\n"
NOT_DECODED_3 = (
    "\n\nimport psycopg\nfrom psycopg.types.string import TextLoader\n"
    "psycopg.adapters.register_loader('numeric', TextLoader)\n"
)
MEMORY = "\n\nFIRST = {}\n"
COMMIT_PSYCOPG2 = "sql.FIRST_ITEM_ID, population + 1))\n            connection.commit()"
COMMIT_AIOPG = "sql.FIRST_ITEM_ID, population + 1))\n                await cursor.execute(sql.COMMIT)"
COMMIT_ASYNCPG = "sql.FIRST_ITEM_ID, population + 1)\n            await transaction.commit()"

Case = tuple[Sabotage, str, int, str]
"""What is done, in which workload, with how many connections, and how the reason of the record begins."""

CASES: list[Case] = [
    (
        changed("fetches no row", ("(SELECT_GEO, key)\n            cursor.fetchone()", "(SELECT_GEO, key)")),
        *("lookup", 3, "answers: 100 operations returned 0 of 100 rows"),
    ),
    (
        changed("fetches some rows", ("cursor.fetchall()\n\n\ndef transact", "cursor.fetchmany(9)\n\n\ndef transact")),
        *("fetch", 3, "answers: 100 operations returned 900 of 22200 rows"),
    ),
    (
        changed(
            "fetches a row",
            ("connection.fetch(sql.SELECT_ELEMENTS", "connection.fetchrow(sql.SELECT_ELEMENTS"),
            file=ASYNCPG,
        ),
        *("fetch", 3, "answers: 100 operations returned 100 of 22200 rows"),
    ),
    *((changed("does not decode", more=NOT_DECODED), workload, 3, OTHER) for workload in ("lookup", "fetch")),
    *(
        (changed("does not decode", file=PSYCOPG, more=NOT_DECODED_3), workload, 3, OTHER)
        for workload in ("lookup", "fetch")
    ),
    *(
        (
            changed(
                "takes the same key again and again",
                (f"cursor.execute({statement}, key)", f"cursor.execute({statement}, FIRST.setdefault(0, key))"),
                file=file,
                more=MEMORY,
            ),
            *(workload, 3, reason),
        )
        for file in (PSYCOPG2, AIOPG)
        for statement, workload, reason in (
            ("SELECT_GEO", "lookup", OTHER),
            ("SELECT_ELEMENTS", "fetch", OTHER),
            ("LOCK_GEO", "transaction", "values: the tables do not hold what the files do"),
        )
    ),
    # Of several connections one would wait for another's lock for ever.
    *(
        (
            changed("leaves COMMIT out", (commit, commit.partition("\n")[0]), file=file),
            *("transaction", 1, f"rows: {ROWS} of {ROWS + TRANSACTIONS}; transactions: "),
        )
        for file, commit in ((PSYCOPG2, COMMIT_PSYCOPG2), (AIOPG, COMMIT_AIOPG), (ASYNCPG, COMMIT_ASYNCPG))
    ),
    (
        changed(
            "commits each statement",
            ("(LOCK_GEO, key)\n", "(LOCK_GEO, key)\n            connection.commit()\n"),
        ),
        *("transaction", 1, "transactions: "),
    ),
    (
        changed("does not UPDATE", ("            cursor.execute(UPDATE_GEO, (population + 1, geo_id))\n", "")),
        *("transaction", 3, "values: the tables do not hold what the files do"),
    ),
    (
        changed("does not wait as long", ("(sql.SLEEP_S,)", "(0.001,)")),
        *("wait", 3, "phase data: too short, not 0.333333 s at least"),
    ),
    *(
        (
            changed(
                "leaves operations out",
                (f"keys:\n            cursor.execute({sent}", f"islice(keys, 50):\n            cursor.execute({sent}"),
                more="\n\nfrom itertools import islice\n",
            ),
            *(workload, 1, "transactions: "),
        )
        for sent, workload in (("SELECT_GEO,", "lookup"), ("SELECT_ELEMENTS", "fetch"), ("SLEEP", "wait"))
    ),
]


HONEST = sorted({(LOADER_OF[one.file], workload, poolsize) for one, workload, poolsize, _ in CASES})


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    directory = tmp_path_factory.mktemp("files")
    program.generate(directory, records=RECORDS)
    return provide(DataSet(source="directory", path=str(directory), records="all"), cache=directory, source="")


def run(server: PostgresServer, data: PreparedData, root: Path, loader: str, workload: str, poolsize: int) -> Record:
    """One run of a campaign, of a loader from that copy of the package."""
    registered, cpus = LOADERS[loader], frozenset(os.sched_getaffinity(0))
    cell = Cell(
        *("local", FACTS.python, None, loader, next(iter(registered.loops), None), registered.protocols[0]),
        *(next(iter(registered.implementations), None), poolsize, "default", "a state"),
        *("autocommit" if WORKLOADS[workload].autocommit else "per_record", "execute", "shared"),
        workload=workload,
    )
    host, placement = LocalLoaderHost(Path(sys.executable), FACTS, root), Placement(cpus, cpus)
    ready = PreparedCell(cell, "sha256:k", host, server.local, placement, data, str(data.directory), 60.0)
    return measure(ready, initial_record("2026-11-22T1430-local", PlannedRun(cell, "a", 1, 1), ready.key))


@pytest.fixture(scope="module")
def honest_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sabotaged_copy(tmp_path_factory.mktemp("copy"), None)


@pytest.mark.parametrize(("loader", "workload", "poolsize"), HONEST)
def test_the_copy_that_was_left_as_it_is_does_the_work(
    loader: str, workload: str, poolsize: int, postgres_server: PostgresServer, data: PreparedData, honest_copy: Path
) -> None:
    record = run(postgres_server, data, honest_copy, loader, workload, poolsize)
    assert (record.status, record.reason) == ("ok", None)
    assert record.operations_per_s is not None
    assert record.rows_per_s == pytest.approx(record.operations_per_s * (222 if workload == "fetch" else 1), rel=1e-3)


@pytest.mark.parametrize(
    ("sabotage", "workload", "poolsize", "reason"),
    CASES,
    ids=[f"{one.name}, {Path(one.file).stem}, {workload}" for one, workload, *_ in CASES],
)
def test_a_loader_that(
    sabotage: Sabotage,
    workload: str,
    poolsize: int,
    reason: str,
    postgres_server: PostgresServer,
    data: PreparedData,
    tmp_path: Path,
) -> None:
    root = sabotaged_copy(tmp_path, sabotage)
    record = run(postgres_server, data, root, LOADER_OF[sabotage.file], workload, poolsize)
    assert record.status == "wrong_work", record
    assert str(record.reason).startswith(reason)
