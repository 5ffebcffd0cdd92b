"""SQL is written down once, and no hot loop has any of its own."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from bigdata import statements

LOADERS = sorted((Path(statements.__file__).parent / "loaders").glob("*.py"))
SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|TRUNCATE|COPY|BEGIN|COMMIT|ROLLBACK|SET|FROM|VALUES)\b")


def texts_of(path: Path) -> list[str]:
    """Every string in the file that is not a docstring."""
    tree = ast.parse(path.read_text())
    nodes = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, nodes)}
    constants = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return [value for value in constants if isinstance(value, str) and value not in docstrings]


@pytest.mark.parametrize("path", LOADERS, ids=lambda path: path.name)
def test_no_loader_has_sql_of_its_own(path: Path) -> None:
    assert [text for text in texts_of(path) if SQL.search(text)] == []


def test_pyformat_puts_a_placeholder_for_each_parameter() -> None:
    assert statements.pyformat("SELECT id FROM t WHERE a = $1 AND b = $2") == (
        "SELECT id FROM t WHERE a = %s AND b = %s"
    )


def test_pyformat_translates_two_digits_as_one_number() -> None:
    assert statements.pyformat(statements.INSERT_GEO).count("%s") == 19
    assert "$" not in statements.pyformat(statements.INSERT_GEO)


@pytest.mark.parametrize("statement", ["SELECT $2, $1", "SELECT $1, $1", "SELECT $2", "SELECT $1 % 2"])
def test_pyformat_refuses_what_it_cannot_translate(statement: str) -> None:
    with pytest.raises(ValueError, match="SELECT"):
        statements.pyformat(statement)


def test_the_geo_insert_names_the_columns_of_the_files_in_their_order() -> None:
    assert statements.INSERT_GEO.startswith("INSERT INTO geo_record (fileid, stusab, sumlev, geocomp, chariter, cifsn,")
    assert statements.INSERT_GEO.endswith("$17, $18, $19)")
