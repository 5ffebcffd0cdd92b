"""The guards of equal work, proved: a loader that does other work than it is asked for never passes for a slow one.

Each is a copy of the package in which something was rewritten, run the way that a campaign runs loaders. The copy that
was left as it is passes all the same, so that none of the others fails for another reason.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from bigdata.database.statements import SELECT_GEO_ID, SELECT_ITEM_IDS
from bigdata.registry import LOADERS
from experiments.campaign.datasets import PreparedData, provide
from experiments.campaign.prepared_cell import PreparedCell
from experiments.campaign.run import initial_record, measure
from experiments.engines.local.loader import LocalLoaderHost
from experiments.engines.local.postgres_binaries import locked_binaries
from experiments.engines.local.server import start_server
from experiments.errors import Failure, Unsupported
from experiments.matrix.cell import Cell
from experiments.matrix.plan import PlannedRun
from experiments.matrix.spec import DataSet
from experiments.records.facts import InterpreterFacts, Placement
from experiments.records.record import Record
from experiments.validation.same_sql import runs
from experiments.validation.same_sql.findings import Variant
from experiments.validation.same_sql.runs import Workplace, examine, prepare
from experiments.validation.same_sql.statements import shown
from tests.bigdata import concurrency_guard as guard
from tests.bigdata import loader_program as program
from tests.conftest import PostgresServer
from tests.experiments.validation import sabotage as sabotages
from tests.experiments.validation.sabotage import AIOPG, ASYNCPG, PSYCOPG, PSYCOPG2, Sabotage, sabotaged_copy

pytestmark = pytest.mark.postgres

FACTS = InterpreterFacts("3.13", "3.13.0", "CPython", True, "build", "sha256:lock")
POOLSIZE = 3
RECORDS = 3
# Of two states, with the same numbers in both.
DATA_RECORDS = 2 * RECORDS
ROWS = DATA_RECORDS * 222

LOADER_OF = {
    PSYCOPG2: "row_by_row_threaded",
    PSYCOPG: "row_by_row_psycopg_threaded",
    AIOPG: "row_by_row_asyncio",
    ASYNCPG: "row_by_row_asyncpg",
}
VALUES = "values: the tables do not hold what the files do (their digests differ)"

CopyOf = Callable[[Sabotage | None], Path]
Case = tuple[Sabotage, str, str]
"""What is done, how transactions are made, and how the reason of the record begins."""


def in_autocommit(reason: str, *which: Sabotage) -> list[Case]:
    return [(one, "autocommit", reason) for one in which]


CASES: list[Case] = [
    *in_autocommit(f"rows: {ROWS - 2 * 222} of {ROWS}; transactions: ", *sabotages.DROPS_A_RECORD.values()),
    *((one, "per_record", "transactions: ") for one in sabotages.COMMITS_PER_STATEMENT.values()),
    *in_autocommit("transactions: ", *(sabotages.SKIPS_A_SELECT[driver] for driver in (PSYCOPG2, AIOPG, ASYNCPG))),
    *(
        (one, "per_record", "scans of ")
        for one in (sabotages.SKIPS_A_SELECT[PSYCOPG2], sabotages.SKIPS_A_SELECT[AIOPG])
    ),
    *in_autocommit(VALUES, *sabotages.LOADS_A_VALUE_WRONG.values()),
    *in_autocommit(
        VALUES,
        sabotages.SWAPS_TWO_VALUES,
        sabotages.LOADS_ONE_TWICE,
        sabotages.TAKES_ANOTHER_GEO_RECORD,
        sabotages.TAKES_ANOTHER_STATE,
        sabotages.LOADS_A_GEO_VALUE_WRONG,
        sabotages.LOADS_NULL_AS_TEXT,
    ),
    *in_autocommit("transactions: ", sabotages.SHARES_A_CONNECTION, sabotages.SENDS_MORE[ASYNCPG]),
    *in_autocommit("rows of phase geo: 12, not 6", sabotages.COUNTS_TWICE),
    *in_autocommit("rows of phase geo: 0, not 6", sabotages.COUNTS_NOTHING),
]
# Of a driver that prepares by itself the transactions are known exactly on one connection, and to a few on several.
ON_ONE_CONNECTION = [
    (sabotages.SENDS_MORE[PSYCOPG], "transactions: "),
    (sabotages.SKIPS_A_SELECT[PSYCOPG], "transactions: "),
    # In order, so that it is known which record is loaded twice.
    (sabotages.LOADS_A_RECORD_TWICE, VALUES),
]
HONEST = sorted({(LOADER_OF.get(one.file, LOADER_OF[PSYCOPG2]), transaction) for one, transaction, _ in CASES})


@pytest.fixture(scope="module")
def copy_of(tmp_path_factory: pytest.TempPathFactory) -> CopyOf:
    made: dict[Sabotage | None, Path] = {}

    def copy(sabotage: Sabotage | None) -> Path:
        if sabotage not in made:
            made[sabotage] = sabotaged_copy(tmp_path_factory.mktemp("copy"), sabotage)
        return made[sabotage]

    return copy


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    directory = tmp_path_factory.mktemp("files")
    for state in ("DE", "RI"):
        program.generate(directory, state=state, records=RECORDS)
    named = DataSet(source="directory", path=str(directory), records="all")
    return provide(named, cache=directory, source="")


@pytest.fixture(scope="module")
def run(postgres_server: PostgresServer, data: PreparedData, copy_of: CopyOf) -> Callable[..., Record]:
    return partial(run_once, postgres_server, data, copy_of)


def run_once(
    postgres_server: PostgresServer,
    data: PreparedData,
    copy_of: CopyOf,
    loader: str,
    transaction: str,
    sabotage: Sabotage | None,
    poolsize: int = POOLSIZE,
) -> Record:
    """One run of a campaign, of a loader from that copy of the package."""
    registered, cpus = LOADERS[loader], frozenset(os.sched_getaffinity(0))
    cell = Cell(
        *("local", FACTS.python, None, loader, next(iter(registered.loops), None), registered.protocols[0]),
        *(next(iter(registered.implementations), None), poolsize, "default", "two states"),
        *(transaction, "execute", "shared"),
    )
    host = LocalLoaderHost(Path(sys.executable), FACTS, copy_of(sabotage))
    placement, directory = Placement(cpus, cpus), str(data.directory)
    ready = PreparedCell(cell, "sha256:k", host, postgres_server.local, placement, data, directory, 60.0)
    return measure(ready, initial_record("2026-11-22T1430-local", PlannedRun(cell, "a", 1, 1), ready.key))


@pytest.mark.parametrize(("loader", "transaction"), HONEST, ids=lambda value: value)
def test_the_copy_that_was_left_as_it_is_does_the_work(
    loader: str, transaction: str, run: Callable[..., Record]
) -> None:
    record = run(loader, transaction, None)
    assert (record.status, record.reason) == ("ok", None)
    assert record.work is not None
    assert (record.work.geo_scans, record.work.matrix_scans) == (DATA_RECORDS, DATA_RECORDS)


@pytest.mark.parametrize(
    ("sabotage", "transaction", "reason"),
    CASES,
    ids=[f"{one.name}, {Path(one.file).stem}, {transaction}" for one, transaction, _ in CASES],
)
def test_a_loader_that(sabotage: Sabotage, transaction: str, reason: str, run: Callable[..., Record]) -> None:
    record = run(LOADER_OF.get(sabotage.file, LOADER_OF[PSYCOPG2]), transaction, sabotage)
    assert record.status == "wrong_work", record
    assert str(record.reason).startswith(reason)


@pytest.mark.parametrize(
    ("sabotage", "reason"),
    ON_ONE_CONNECTION,
    ids=[f"{one.name}, {Path(one.file).stem}" for one, _ in ON_ONE_CONNECTION],
)
def test_on_one_connection_a_loader_that(sabotage: Sabotage, reason: str, run: Callable[..., Record]) -> None:
    assert run(LOADER_OF[sabotage.file], "autocommit", None, poolsize=1).status == "ok"
    record = run(LOADER_OF[sabotage.file], "autocommit", sabotage, poolsize=1)
    assert record.status == "wrong_work", record
    assert str(record.reason).startswith(reason)


def test_a_select_that_is_skipped_is_found_where_transactions_are_to_spare(run: Callable[..., Record]) -> None:
    record = run(LOADER_OF[PSYCOPG], "autocommit", sabotages.SKIPS_A_SELECT[PSYCOPG])
    assert record.status == "wrong_work", record
    assert "scans of matrix: " in str(record.reason)


def test_the_oldest_postgresql_which_counts_late_is_judged_as_well(data: PreparedData, copy_of: CopyOf) -> None:
    try:
        old = start_server(locked_binaries("14"), name="old", storage="disk", settings={}, max_connections=20)
    except (Failure, Unsupported) as reason:
        if "CI" in os.environ:
            raise
        pytest.skip(f"no PostgreSQL 14 to test with: {reason}")
    try:
        sabotage = sabotages.SKIPS_A_SELECT[PSYCOPG2]
        # What one of them leaves must not seem to be of the next.
        records = [
            run_once(PostgresServer(old), data, copy_of, "row_by_row_threaded", "per_record", one)
            for one in (None, None, sabotage)
        ]
    finally:
        old.stop()
    assert [(record.status, record.reason) for record in records[:2]] == [("ok", None)] * 2
    assert records[2].status == "wrong_work"
    assert str(records[2].reason).startswith("scans of matrix: ")


@pytest.fixture(scope="module")
def examine_copy(
    postgres_server: PostgresServer, data: PreparedData, copy_of: CopyOf
) -> Callable[[str, Sabotage], tuple[str, ...]]:
    """The differences of a copy; of the one that was left as it is the tests of ``nox -s ledger`` see none."""

    def differences(loader: str, sabotage: Sabotage) -> tuple[str, ...]:
        host = LocalLoaderHost(Path(sys.executable), FACTS, copy_of(sabotage))
        work = Workplace(host, postgres_server.local, data)
        prepare(work)
        registered = LOADERS[loader]
        loop, implementation = next(iter(registered.loops), None), next(iter(registered.implementations), None)
        with pytest.MonkeyPatch.context() as only_loads:
            only_loads.setattr(runs, "OPERATING", {})
            found = examine(work, Variant(registered, loop, registered.protocols[0], implementation))
        assert found.unsupported is None
        return found.differences

    return differences


@pytest.mark.parametrize(
    ("driver", "statement"), [(AIOPG, SELECT_GEO_ID), (ASYNCPG, SELECT_ITEM_IDS)], ids=["aiopg", "asyncpg"]
)
def test_the_ledger_names_the_select_that_is_skipped_in_a_transaction_per_record(
    driver: str, statement: str, examine_copy: Callable[[str, Sabotage], tuple[str, ...]]
) -> None:
    found = examine_copy(LOADER_OF[driver], sabotages.SKIPS_A_SELECT[driver])
    assert any(line.startswith(f"per_record: {shown(statement)}: ") for line in found), found


def test_the_ledger_names_what_a_loader_asks_of_its_session(
    examine_copy: Callable[[str, Sabotage], tuple[str, ...]],
) -> None:
    found = examine_copy("row_by_row_threaded", sabotages.SETS_ITS_SESSION)
    expected = "autocommit: start-up: the client asks for options=-c synchronous_commit=off, which may change"
    assert any(line.startswith(expected) for line in found), found


@pytest.fixture(scope="module")
def meeting_database(postgres_server: PostgresServer) -> Iterator[str]:
    with guard.meeting_database(postgres_server.local) as dburl:
        yield dburl


@pytest.mark.parametrize(
    ("driver", "serial"), [(PSYCOPG2, {"geo", "data"}), (ASYNCPG, {"data"})], ids=["psycopg2", "asyncpg"]
)
def test_the_concurrency_guard_notices_a_loader_that_is_serial_in_silence(
    driver: str, serial: set[str], meeting_database: str, tmp_path: Path, copy_of: CopyOf
) -> None:
    directory = guard.generate(tmp_path)
    loader = (LOADER_OF[driver], next(iter(LOADERS[LOADER_OF[driver]].loops), None))

    def load(sabotage: Sabotage | None) -> None:
        root = copy_of(sabotage)
        program.load(loader, directory, guard.WORKERS, "--prepared", dburl=meeting_database, root=root)

    assert guard.serial_phases(lambda: load(None), meeting_database) == set()
    is_serial = sabotages.IS_SERIAL[driver]
    assert guard.serial_phases(lambda: load(is_serial), meeting_database, guard.SHORT_PATIENCE_S) == serial
