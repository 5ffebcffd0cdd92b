"""Workloads besides the load: every loader does the same operations, on data that COPY has loaded."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from bigdata.census.digest_files import digest_of
from bigdata.census.digest_operations import digest_operations
from bigdata.census.source import open_source
from bigdata.database import statements as sql
from bigdata.database.filling import fill
from bigdata.registry import LOADERS, OPERATING, operating_transactions
from bigdata.runtimes.answers import Answers, Cover
from bigdata.runtimes.programs import FOLDER_VARIABLE
from experiments.engines.local.postgres_binaries import Binaries
from tests.bigdata import loader_program as program
from tests.bigdata.test_hot_loops import HOT_LOOPS, source_of

FUNCTIONS = {"look_up": 2, "fetch": 2, "transact": 5, "wait": 2}
"""The loop of each workload, and how many statements and answers there are at most in its turn, with a COMMIT."""

MADE = ("select_geo", "select_elements", "lock_geo", "update_geo", "DataElement")
"""What a call of SQLAlchemy is given: a statement with its values, or an object."""


def turn_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.stmt]:
    """What is done for each key. A loop around it, as asynchronous ones have, only takes those at hand."""
    *around, loop = (node for node in ast.walk(function) if isinstance(node, ast.For | ast.AsyncFor | ast.While))
    assert isinstance(loop, ast.For)
    assert [node for one in around for node in one.body if not isinstance(node, ast.Try)] == [loop] * len(around)
    return loop.body


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("hot_loop", HOT_LOOPS)
def test_an_operation_is_calls_of_the_driver_and_nothing_else(hot_loop: str, name: str) -> None:
    functions = ast.walk(ast.parse(source_of(hot_loop)))
    (function,) = (
        node for node in functions if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name
    )
    turn = turn_of(function)
    assert 1 <= len(turn) <= FUNCTIONS[name] + 2
    for statement in turn:
        if isinstance(statement, ast.AugAssign):
            assert ast.unparse(statement) == "geo.pop100 += 1"
            continue
        assert isinstance(statement, ast.Expr | ast.Assign)
        calls = [ast.unparse(node.func) for node in ast.walk(statement) if isinstance(node, ast.Call)]
        first, *made = [call.partition(".")[0] for call in calls]
        assert first in ("cursor", "connection", "transaction", "session", "result")
        assert made == [] or made in ([one] for one in MADE)


POOLED = [name for name, loader in LOADERS.items() if loader.pool]


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("loader", POOLED)
def test_an_operation_with_a_pool_is_the_same_calls_on_a_connection_that_it_takes(loader: str, name: str) -> None:
    functions = ast.walk(ast.parse(source_of(LOADERS[loader].with_checkout("per_operation").hot_loop)))
    (function,) = (
        node for node in functions if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name
    )
    (taking,) = turn_of(function)
    assert isinstance(taking, ast.With | ast.AsyncWith)
    first, *others = (ast.unparse(item) for item in taking.items)
    assert first in ("pool.connection() as connection", "pool.acquire() as connection")
    assert others in ([], ["connection.transaction()"])
    assert 1 <= len(taking.body) <= FUNCTIONS[name]
    for statement in taking.body:
        assert isinstance(statement, ast.Expr | ast.Assign)
        (call,) = (ast.unparse(node.func) for node in ast.walk(statement) if isinstance(node, ast.Call))
        assert call.partition(".")[0] in ("connection", "cursor")


@pytest.mark.postgres
@pytest.mark.parametrize("workload", ["lookup", "transaction"])
@pytest.mark.parametrize("name", POOLED)
def test_with_a_pool_a_loader_does_the_same_and_what_the_registry_says_of_the_pool(
    name: str, workload: str, dburl: str, tmp_path: Path
) -> None:
    directory = program.generate(tmp_path, records=3)
    source, loader = open_source(directory), LOADERS[name].with_checkout("per_operation")
    fill(dburl, source, None)
    options = ("--workload", workload, "--checkout", "per_operation")
    report = program.load_prepared((name, None), directory, 4, *options, dburl=dburl)
    asked = digest_operations(source, OPERATING[workload], digest_of(source), 4)
    work, every = report["work"], asked.operations + asked.checked
    assert (report["checkout"], report["phases"]["data"]["operations"]) == ("per_operation", asked.operations)
    assert (work["digest"], asked.answers in (None, work["answers"])) == (asked.digest, True)
    assert set(report["client"]["packages"]) == set(loader.modules)
    protocol = report["protocol"]
    expected = operating_transactions(loader, OPERATING[workload], operations=every, poolsize=4, protocol=protocol)
    assert work["transactions"] in expected


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("loader", "workload"),
    # The loops of a workload are a driver's: a runtime or an event loop more does the first one.
    [(pair, name) for pair in program.COVER for name in OPERATING if name == "lookup" or pair in program.HOT_LOOPS],
    ids=lambda value: value if isinstance(value, str) else program.name_of(value),
)
def test_every_hot_loop_does_every_operation_and_no_more(
    loader: program.Pair, workload: str, dburl: str, tmp_path: Path
) -> None:
    directory = program.generate(tmp_path, records=3)
    source = open_source(directory)
    fill(dburl, source, None)
    report = program.load_prepared(loader, directory, 4, "--workload", workload, dburl=dburl)
    asked = digest_operations(source, OPERATING[workload], digest_of(source), 4)
    work, data = report["work"], report["phases"]["data"]
    assert (report["workload"], data["operations"], data["rows"]) == (workload, asked.operations, asked.rows)
    assert work["digest"] == asked.digest
    assert asked.answers in (None, work["answers"])
    expected = operating_transactions(
        LOADERS[loader[0]],
        OPERATING[workload],
        operations=asked.operations + asked.checked,
        poolsize=report["poolsize"],
        protocol=report["protocol"],
    )
    assert work["transactions"] in expected
    assert report["transaction"] == ("per_record" if workload == "transaction" else "autocommit")


@pytest.mark.postgres
def test_pgbench_does_as_many_operations(
    dburl: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, binaries: Binaries
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(binaries.folder))
    directory = program.generate(tmp_path, records=3)
    report = program.load(("ceiling_pgbench", None), directory, 7, "--workload", "lookup", dburl=dburl)
    # Besides the operations 100 checked ones, and two connections for each client and one for pgbench.
    assert report["work"]["transactions"] == 300 + 100 + 2 * 7 + 1


@pytest.mark.postgres
def test_people_are_told_operations(dburl: str, tmp_path: Path) -> None:
    arguments = program.load_arguments(("row_by_row_serial", None), program.generate(tmp_path, records=3), 1)
    done = program.run(*arguments, "--workload", "fetch", dburl=dburl)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[1].split()[:3] == ["check", "22,200", "rows"]
    assert lines[2].split()[:3] == ["data", "26,640", "rows"]
    assert lines[3].startswith("  120 operations, ")


@pytest.mark.postgres
def test_filled_tables_are_left_unless_they_may_have_changed(dburl: str, tmp_path: Path) -> None:
    directory = str(program.generate(tmp_path, records=3))

    def fill_marked(*options: str) -> int:
        assert program.run("clear", "--directory", directory, *options, dburl=dburl).returncode == 0
        ((inserted,),) = program.query(dburl, "SELECT pg_relation_filenode('data_element')")
        assert program.query(dburl, "SELECT count(*) FROM data_element") == [(666,)]
        return int(inserted)

    first = fill_marked("--mark", "a")
    assert fill_marked("--mark", "a") == first
    others = [fill_marked("--mark", "b"), fill_marked(), fill_marked("--mark", "b")]
    assert len({first, *others}) == 4
    assert program.run("clear", dburl=dburl).returncode == 0
    assert program.query(dburl, sql.FIND_MARK) == [(None,)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--workload", "fetsh"),
            "--workload: found 'fetsh', expected one of ingest, lookup, ",
        ),
        (
            ("--workload", "fetch", "--no-autocommit"),
            "--no-autocommit: means nothing to the workload ",
        ),
    ],
)
def test_what_cannot_be_asked_for_is_refused(options: tuple[str, ...], message: str, tmp_path: Path) -> None:
    done = program.run(*program.load_arguments(("row_by_row_threaded", None), tmp_path, 1, *options))
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {message}")


class Cursor:
    """Answers as a driver's cursor does."""

    def __init__(self) -> None:
        self.executed: list[str] = []

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, *error: object) -> None:
        self.executed.append("closed")

    def execute(self, statement: str) -> None:
        self.executed.append(statement)

    def fetchall(self) -> list[tuple[int]]:
        return [(1,), (2,)]

    def fetchone(self) -> tuple[int] | None:
        return None


class Connection:
    def __init__(self) -> None:
        self.made = Cursor()

    def cursor(self) -> Cursor:
        return self.made

    async def fetchval(self) -> int:
        return 3


def test_a_cover_sees_rows_that_are_fetched_and_hands_on_the_rest() -> None:
    answers, connection = Answers(), Connection()

    def loop(covered: Connection, keys: list[int]) -> None:
        with covered.cursor() as cursor:
            for _ in keys:
                cursor.execute("a")
                assert cursor.fetchall() == [(1,), (2,)]
                assert cursor.fetchone() is None

    answers.watched(loop)(connection, [1, 2])
    assert connection.made.executed == ["a", "a", "closed"]
    assert answers.digest().startswith("4:")


class Result:
    def one(self) -> tuple[int, str]:
        return (1, "a")


class Executing:
    async def execute(self) -> Result:
        return Result()

    def scalars(self) -> Result:
        return Result()

    def scalar(self) -> str:
        return "b"


def test_a_cover_sees_the_rows_of_results_and_their_first_values() -> None:
    seen: list[tuple[str, object]] = []
    covered: Any = Cover(Executing(), lambda *answer: seen.append(answer))
    waiting = covered.execute()
    with pytest.raises(StopIteration) as returned:
        waiting.send(None)
    assert [returned.value.value.one(), covered.scalars().one(), covered.scalar()] == [(1, "a"), (1, "a"), "b"]
    assert seen == [("one", (1, "a")), ("one", (1, "a")), ("scalar", "b")]


def test_a_cover_sees_answers_that_are_awaited() -> None:
    seen: list[tuple[str, object]] = []
    waiting = Cover(Connection(), lambda *answer: seen.append(answer)).fetchval()
    with pytest.raises(StopIteration, match="3"):
        waiting.send(None)
    assert seen == [("fetchval", 3)]
