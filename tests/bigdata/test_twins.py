"""Hot loops that are twins: what sets them apart is async and await, so that only waiting can differ.

An asynchronous one gets its records in iterators over what is at hand, as awaiting each would cost more.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from bigdata import loaders

FOLDER = Path(loaders.__file__).parent

# The blocking one can wait in greenlets, which the asynchronous one has no use for.
BLOCKING_ONLY = "use_greenlets"


class WithoutAsync(ast.NodeTransformer):
    """Takes async and await out, ``Async`` from the front of names, and the loop over what is at hand."""

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        self.generic_visit(node)
        return ast.FunctionDef(**dict(ast.iter_fields(node)))

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.AsyncFor(ast.Name("at_hand"), records, [ast.For(record, ast.Name("at_hand"), body, [])], []):
                return ast.For(record, records, body, [], None)
        return ast.For(**dict(ast.iter_fields(node)))

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """Let what is iterated over twice be of the records themselves."""
        self.generic_visit(node)
        match node:
            case ast.Subscript(ast.Name("Iterable"), ast.Subscript(ast.Name("Iterable")) as records):
                return records
        return node

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AST:
        self.generic_visit(node)
        return ast.With(**dict(ast.iter_fields(node)))

    def visit_Await(self, node: ast.Await) -> ast.AST:
        self.generic_visit(node)
        return node.value

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(node.id.removeprefix("Async"), node.ctx)


def body_of(text: str) -> list[str]:
    """All that a module does, in its order; of what it imports the names, ``Async`` taken from their front."""
    tree = WithoutAsync().visit(ast.parse(text))
    rest = tree.body[1:] if ast.get_docstring(tree) else tree.body
    return [_imported(node) if isinstance(node, ast.Import | ast.ImportFrom) else ast.dump(node) for node in rest]


def _imported(node: ast.Import | ast.ImportFrom) -> str:
    module = node.module if isinstance(node, ast.ImportFrom) else ""
    names = {(name.name.removeprefix("Async"), name.asname) for name in node.names}
    return f"{module}: {sorted((name, alias) for name, alias in names if name != BLOCKING_ONLY)}"


def test_psycopg_and_its_asynchronous_twin_are_the_same_but_for_async_and_await() -> None:
    blocking = (FOLDER / "psycopg.py").read_text().replace(f', "{BLOCKING_ONLY}"', "")
    found = body_of(blocking)
    for name in ("load_geo", "load_data_many_per_record", "insert_elements", "connect", "close"):
        assert any(f"name='{name}'" in one for one in found)
    assert found == body_of((FOLDER / "psycopg_async.py").read_text())


def test_the_loops_of_psycopgs_pools_are_the_same_but_for_async_and_await() -> None:
    asynchronous = (FOLDER / "psycopg_pool_async.py").read_text()
    found = body_of((FOLDER / "psycopg_pool.py").read_text())
    assert any("name='transact'" in one for one in found)
    assert found == body_of(asynchronous.replace("psycopg_async", "psycopg"))


@pytest.mark.parametrize(("name", "package"), [("sqlalchemy_core", "sqlalchemy"), ("sqlalchemy_orm", "sqlalchemy.orm")])
def test_sqlalchemys_twins_are_the_same_but_for_async_and_await_and_their_driver(name: str, package: str) -> None:
    asynchronous = (FOLDER / f"{name}_async.py").read_text()
    renamed = asynchronous.replace("sqlalchemy.ext.asyncio", package).replace("_asyncpg", "_psycopg2")
    found = body_of((FOLDER / f"{name}.py").read_text())
    assert any("name='insert_elements'" in one for one in found)
    assert found == body_of(renamed)


@pytest.mark.parametrize(
    ("blocking", "asynchronous"),
    [
        ("for record in records: run(record)", "async for record in records: await run(record)"),
        (
            "for record in records: run(record)",
            "async for at_hand in records:\n    for record in at_hand: await run(record)",
        ),
        ("x: Iterable[Key] = 1", "x: AsyncIterable[Iterable[Key]] = 1"),
        ("with open() as cursor: x: Cursor = cursor", "async with open() as cursor: x: AsyncCursor = cursor"),
    ],
)
def test_async_and_await_are_all_that_is_taken_out(blocking: str, asynchronous: str) -> None:
    assert body_of(f"def f():\n  {blocking}") == body_of(f"async def f():\n  {asynchronous}")
    assert body_of(f"def f():\n  {blocking}\n  more()") != body_of(f"async def f():\n  {asynchronous}")


@pytest.mark.parametrize(
    "asynchronous",
    [
        "async for at_hand in records:\n    count()\n    for record in at_hand: await run(record)",
        "async for at_hand in records:\n    for record in others: await run(record)",
        "async for at_hand in others:\n    for record in at_hand: await run(record)",
        "async for at_hand in records:\n    for record in at_hand: await run(at_hand)",
    ],
)
def test_a_loop_over_what_is_at_hand_does_nothing_else(asynchronous: str) -> None:
    assert body_of("for record in records: run(record)") != body_of(asynchronous)


@pytest.mark.parametrize(
    "more", ["x = 1", "class Cursor: pass", "from a import b as cursor", "x: int = 1", "if x: y()", "import a"]
)
def test_whatever_one_of_them_has_alone_sets_them_apart(more: str) -> None:
    assert body_of(f"def f(): pass\n{more}") != body_of("async def f(): pass")


def test_names_are_the_same_but_for_their_async() -> None:
    assert body_of("from a import Cursor, use_greenlets") == body_of("from a import AsyncCursor")
    assert body_of("from a import Cursor") != body_of("from b import AsyncCursor")
