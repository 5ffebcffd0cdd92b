"""Hot loops are written by hand: per row there is nothing but the driver's own call, and runtimes know no driver."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from bigdata.registry import CONTESTANTS, LOADERS
from bigdata.runtimes import job

RUNTIMES = Path(job.__file__).parent
HOT_LOOPS = sorted({loader.hot_loop for loader in LOADERS.values()})
DRIVERS = {module for loader in LOADERS.values() for module in loader.modules} - {"gevent"}

# Of a record, not of a row: what looks at the two answers, and hands the values out in pairs; and SQLAlchemy's
# statements, which are made with their values.
PER_RECORD = {"geo_record_id", "known_geo_id", "item_rows", "zip", "select_geo_id", "select_item_ids"}
# The only one for which a row is two calls: an object is added, and flushed.
ORM = ("sqlalchemy_orm", "sqlalchemy_orm_async")


def source_of(hot_loop: str) -> str:
    return (RUNTIMES.parent / "loaders" / f"{hot_loop}.py").read_text()


def loops_over_rows(text: str) -> Iterator[ast.For]:
    """The loops over the values of a record."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.For) and ast.unparse(node.target) == "((item_id,), value)":
            yield node


@pytest.mark.parametrize("hot_loop", [name for name in HOT_LOOPS if name not in ORM])
def test_a_row_is_one_call_of_the_driver_and_nothing_else(hot_loop: str) -> None:
    (loop,) = loops_over_rows(source_of(hot_loop))
    (statement,) = loop.body
    assert isinstance(statement, ast.Expr)
    waited = statement.value
    call = waited.value if isinstance(waited, ast.Await | ast.YieldFrom) else waited
    assert isinstance(call, ast.Call)
    assert ast.unparse(call.func) in ("cursor.execute", "connection.execute")
    # What it is given is at hand: no call inside of it.
    assert [
        ast.unparse(node) for argument in call.args for node in ast.walk(argument) if isinstance(node, ast.Call)
    ] == []


@pytest.mark.parametrize("hot_loop", ORM)
def test_a_row_of_the_orm_is_an_object_that_is_added_and_flushed(hot_loop: str) -> None:
    (loop,) = loops_over_rows(source_of(hot_loop))
    assert [ast.unparse(statement).removeprefix("await ") for statement in loop.body] == [
        "session.add(DataElement(geo_record_id=geo_id, dictionary_item_id=item_id, value=value))",
        "session.flush()",
    ]


@pytest.mark.parametrize("hot_loop", HOT_LOOPS)
def test_a_record_costs_no_helper_but_the_checks_of_its_answers(hot_loop: str) -> None:
    functions = [
        node
        for node in ast.walk(ast.parse(source_of(hot_loop)))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("insert_")
    ]
    assert functions
    calls = [node.func for one in functions for node in ast.walk(one) if isinstance(node, ast.Call)]
    mapped = {"DataElement"} if hot_loop in ORM else set()
    assert {node.id for node in calls if isinstance(node, ast.Name)} - {"coroutine"} <= PER_RECORD | mapped


@pytest.mark.parametrize("path", sorted(RUNTIMES.glob("*.py")), ids=lambda path: path.name)
def test_a_runtime_knows_no_driver(path: Path) -> None:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    imported = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    imported |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    assert {
        name for name in imported if name.partition(".")[0] in DRIVERS or name.startswith("bigdata.loaders")
    } == set()


def test_threads_greenlets_processes_and_one_connection_run_the_same_loop() -> None:
    by_loop = {loop: {one.runtime for one in CONTESTANTS.values() if one.hot_loop == loop} for loop in HOT_LOOPS}
    assert by_loop["psycopg2"] >= {"greenlets", "processes", "serial", "threads"}
    assert by_loop["psycopg"] >= {"greenlets", "threads"}


def test_an_asynchronous_loop_runs_on_tasks_alone() -> None:
    # asyncio, uvloop and rloop run it as it is: the event loop is chosen by the runtime.
    waiting = (ast.Await, ast.YieldFrom)
    nodes = {loop: list(ast.walk(ast.parse(source_of(loop)))) for loop in HOT_LOOPS}
    asynchronous = {loop for loop in HOT_LOOPS if any(isinstance(node, waiting) for node in nodes[loop])}
    assert {one.name for one in CONTESTANTS.values() if one.runtime == "tasks"} == {
        one.name for one in CONTESTANTS.values() if one.hot_loop in asynchronous
    }
