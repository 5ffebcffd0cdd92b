"""psycopg's two hot loops are twins: what sets them apart is async and await, so that only waiting can differ."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from bigdata import loaders

FOLDER = Path(loaders.__file__).parent

# The blocking one can wait in greenlets, which the asynchronous one has no use for.
BLOCKING_ONLY = "use_greenlets"


class WithoutAsync(ast.NodeTransformer):
    """Takes async and await out, and ``Async`` from the front of names."""

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        self.generic_visit(node)
        return ast.FunctionDef(**dict(ast.iter_fields(node)))

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AST:
        self.generic_visit(node)
        return ast.For(**dict(ast.iter_fields(node)))

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AST:
        self.generic_visit(node)
        return ast.With(**dict(ast.iter_fields(node)))

    def visit_Await(self, node: ast.Await) -> ast.AST:
        self.generic_visit(node)
        return node.value

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(node.id.removeprefix("Async"), node.ctx)


def definitions(text: str) -> dict[str, str]:
    """Every function, and every name that is given a value, without what imports have to differ in."""
    tree = WithoutAsync().visit(ast.parse(text))
    functions = {node.name: ast.dump(node) for node in tree.body if isinstance(node, ast.FunctionDef)}
    values = {ast.dump(node.targets[0]): ast.dump(node.value) for node in tree.body if isinstance(node, ast.Assign)}
    return {**functions, **values}


def test_psycopg_and_its_asynchronous_twin_are_the_same_but_for_async_and_await() -> None:
    blocking = (FOLDER / "psycopg.py").read_text().replace(f', "{BLOCKING_ONLY}"', "")
    found = definitions(blocking)
    assert {"load_geo", "load_data_many_per_record", "insert_elements", "connect", "close"} <= found.keys()
    assert found == definitions((FOLDER / "psycopg_async.py").read_text())


@pytest.mark.parametrize(
    ("blocking", "asynchronous"),
    [
        ("for record in records: run(record)", "async for record in records: await run(record)"),
        ("with open() as cursor: x: Cursor = cursor", "async with open() as cursor: x: AsyncCursor = cursor"),
    ],
)
def test_async_and_await_are_all_that_is_taken_out(blocking: str, asynchronous: str) -> None:
    assert definitions(f"def f():\n  {blocking}") == definitions(f"async def f():\n  {asynchronous}")
    assert definitions(f"def f():\n  {blocking}\n  more()") != definitions(f"async def f():\n  {asynchronous}")
