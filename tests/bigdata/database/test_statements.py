"""SQL is written down once, and neither a hot loop nor a runtime has any of its own, or makes any."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TypeGuard

import pytest

from bigdata.database import statements
from tests.project import ROOT

LOADERS = sorted((ROOT / "bigdata/loaders").glob("*.py"))
RUNTIMES = sorted((ROOT / "bigdata/runtimes").glob("*.py"))

VERBS = (
    *("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE", "COPY", "WITH", "CREATE", "DROP", "ALTER"),
    *("PREPARE", "EXECUTE", "DEALLOCATE", "DECLARE", "FETCH", "CALL", "DO", "LOCK", "LISTEN", "NOTIFY", "DISCARD"),
    *("BEGIN", "START", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "SET", "RESET", "SHOW", "ANALYZE"),
)
# In capitals anywhere; in any letters where the text begins with it, but for a word that also joins others.
SQL = re.compile(rf"\b({'|'.join(VERBS)}|FROM|VALUES)\b|(?i:^\s*(?!with)({'|'.join(VERBS)})(;|\s|$))")

# What sends a statement, by the name of the drivers' methods; the statement comes first.
SENDING = {
    "execute",
    "executemany",
    "fetch",
    "fetchval",
    "fetchrow",
    "cursor_execute",
    "scalar",
    "scalars",
    "copy",
    "copy_expert",
    "mogrify",
}
SENDING |= {"execute_values", "execute_batch", "prepare", "callproc", "copy_from", "copy_to", "raw"}
# These count what the methods of the drivers get, and hand it on.
COUNTING = {"CountingCursor", "CountingConnection"}


def texts_of(text: str) -> list[str]:
    """Every string in the source that is not a docstring, those in pieces (f-strings, sums) piece by piece."""
    tree = ast.parse(text)
    nodes = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    first = [node.body[0] for node in ast.walk(tree) if isinstance(node, nodes) and node.body]
    docstrings = {id(node.value) for node in first if isinstance(node, ast.Expr)}
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docstrings]
    values = [node.value.decode("latin-1") if isinstance(node.value, bytes) else node.value for node in constants]
    # Names that a module gives to others, such as "execute", are strings, too, and no SQL.
    return [value for value in values if isinstance(value, str)]


def sql_in(text: str) -> list[str]:
    return [found for found in texts_of(text) if SQL.search(found)]


def foreign_statements(text: str) -> list[str]:
    """What is sent and is neither ``sql.NAME`` nor a constant of the module made of one by ``sql.pyformat`` alone.

    What a loader has from another module of loaders is held to the same there; it may be called with values.
    """
    tree = ast.parse(text)
    own = {
        ast.unparse(target): ast.unparse(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
    }
    assigned_later = {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    } - own.keys()
    known = {name for name, value in own.items() if value == f"sql.pyformat(sql.{name})"}
    known |= {name.name for node in tree.body if _is_from_a_loader(node) for name in node.names if name.asname is None}
    known -= assigned_later
    named = [f"sql.{name}" for name in dir(statements) if name.isupper()]
    known |= {*named, *(f"sql.pyformat({name})" for name in named)}
    counting = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name in COUNTING]
    let_be = {id(node) for one in counting for node in ast.walk(one)}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and id(node) not in let_be]
    sending = [node for node in calls if isinstance(node.func, ast.Attribute) and node.func.attr in SENDING]
    first = [_statement_in(node.args[0]) if node.args else ast.unparse(node) for node in sending]
    return [found for found in first if found not in known]


def _statement_in(sent: ast.expr) -> str:
    """What is sent, of a statement that a function of its name makes the name."""
    made = isinstance(sent, ast.Call) and isinstance(sent.func, ast.Name)
    return ast.unparse(sent).partition("(")[0] if made else ast.unparse(sent)


def _is_from_a_loader(node: ast.stmt) -> TypeGuard[ast.ImportFrom]:
    """Which is held to the same."""
    return isinstance(node, ast.ImportFrom) and str(node.module).startswith("bigdata.loaders.")


def test_hot_loops_and_runtimes_are_found() -> None:
    assert {"psycopg2.py", "asyncpg.py"} <= {path.name for path in LOADERS}
    assert {"threads.py", "tasks.py"} <= {path.name for path in RUNTIMES}


@pytest.mark.parametrize("path", [*LOADERS, *RUNTIMES], ids=lambda path: path.name)
def test_no_loader_and_no_runtime_has_sql_of_its_own(path: Path) -> None:
    assert sql_in(path.read_text()) == []


@pytest.mark.parametrize("path", [*LOADERS, *RUNTIMES], ids=lambda path: path.name)
def test_whatever_is_sent_is_one_of_the_statements_as_it_stands(path: Path) -> None:
    assert foreign_statements(path.read_text()) == []


@pytest.mark.parametrize(
    "written",
    [
        'x = "SELECT 1"',
        'x = "select id from geo_record"',
        'x = f"INSERT INTO {table}"',
        'x = "INSERT INTO %s" % table',
        'x = "insert into " + table + " values"',
        'x = "COMMIT" if done else ""',
        'x = b"ROLLBACK"',
        'x = "commit;"',
        'x = "set synchronous_commit = off"',
        'def f():\n    x = """\n  select 1 + 1"""',
    ],
)
def test_sql_is_found_however_it_is_written(written: str) -> None:
    assert sql_in(written) != []


@pytest.mark.parametrize(
    "written",
    ['"""SELECT in a docstring."""', 'x = "made up from values"', 'x = "prepared"', 'x = "a set of begun copies"'],
)
def test_words_are_not_taken_for_sql(written: str) -> None:
    assert sql_in(written) == []


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("cursor.execute(text)", ["text"]),
        ("cursor.execute(sql.BEGIN + sql.COMMIT)", ["sql.BEGIN + sql.COMMIT"]),
        ("cursor.execute(f'{sql.INSERT_GEO}')", ["f'{sql.INSERT_GEO}'"]),
        ("cursor.execute(INSERT_GEO % record)", ["INSERT_GEO % record"]),
        ("cursor.execute(sql.UNHEARD_OF)", ["sql.UNHEARD_OF"]),
        ("INSERT_GEO = sql.pyformat(sql.INSERT_GEO) + tail\ncursor.execute(INSERT_GEO)", ["INSERT_GEO"]),
        ("INSERT_GEO = sql.pyformat(sql.INSERT_ELEMENT)\ncursor.execute(INSERT_GEO)", ["INSERT_GEO"]),
        ("INSERT_GEO = sql.pyformat(sql.INSERT_GEO)\ncursor.execute(INSERT_GEO, record)", []),
        ("async def f():\n    await connection.fetchval(sql.SELECT_GEO_ID, 1)", []),
        ("from bigdata.loaders.made import select_geo\nconnection.execute(select_geo(key))", []),
        ("connection.scalar(select_geo(key))", ["select_geo"]),
        ("cursor.execute(query=text)", ["cursor.execute(query=text)"]),
    ],
)
def test_what_is_sent_and_stands_elsewhere_is_found(written: str, sent: list[str]) -> None:
    assert foreign_statements(written) == sent


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
