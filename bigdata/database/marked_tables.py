"""The program's tables in a database: finding, checking and emptying them, with psycopg2 only."""

from __future__ import annotations

from typing import Any, NamedTuple

from bigdata.census.sf1 import GEO_COLUMNS
from bigdata.database import statements as sql
from bigdata.errors import BadInput

MARK = "Made by bigdata.cmd, which clears and drops it."
"""Comment that marks a table as created by this program."""

# With their columns, by which tables of an older shape are told. Referenced tables first.
TABLES = {
    "matrix": ("id", "code", "name", "universe", "sortkey", "segment_id"),
    "dictionary_item": ("id", "name", "matrix_id", "index", "parent_id"),
    "geo_record": ("id", *GEO_COLUMNS),
    "data_element": ("id", "geo_record_id", "dictionary_item_id", "value"),
}

MATRICES = 286
ITEMS = 8113


class Found(NamedTuple):
    """The program's tables that exist, and whether they are complete, with the whole dictionary."""

    tables: tuple[str, ...]
    whole: bool


def find_tables(connection: Any) -> Found:
    """Find the tables. Raises BadInput if one of these names exists without the mark: it belongs to somebody else."""
    with connection.cursor() as cursor:
        cursor.execute(sql.pyformat(sql.FIND_TABLES), (list(TABLES),))
        found = {name: (comment, tuple(columns)) for name, comment, columns in cursor.fetchall()}
        for name, (comment, _) in found.items():
            if comment != MARK:
                raise BadInput(
                    f"table {name}: exists already and was not created by this program (its comment is {comment!r}, "
                    f"expected {MARK!r}); it is left unchanged: name another database, or rename or drop the table"
                )
        whole = {name: columns for name, (_, columns) in found.items()} == TABLES
        if whole:
            cursor.execute(sql.COUNT_DICTIONARY)
            whole = cursor.fetchone() == (MATRICES, ITEMS)
    return Found(tuple(name for name in TABLES if name in found), whole)


def clear_rows(connection: Any) -> None:
    """Remove the loaded rows, and make a checkpoint if the role may."""
    with connection.cursor() as cursor:
        cursor.execute(sql.BOUND_WAITING)
        cursor.execute(sql.CLEAR)
        make_checkpoint(cursor)


def make_checkpoint(cursor: Any) -> None:
    """Make a checkpoint if the role may."""
    cursor.execute(sql.MAY_CHECKPOINT)
    if cursor.fetchone()[0]:
        cursor.execute(sql.CHECKPOINT)


def check_poolsize(connection: Any, poolsize: int) -> None:
    """Raise BadInput where the server would refuse so many connections."""
    with connection.cursor() as cursor:
        cursor.execute(sql.CONNECTION_LIMITS)
        problem = poolsize_problem(poolsize, *cursor.fetchone())
    if problem:
        raise BadInput(problem)


def poolsize_problem(
    poolsize: int,
    maximum: int,
    reserved: int,
    in_use: int,
    of_role: int,
    by_role: int,
    of_database: int,
    in_database: int,
) -> str | None:
    """Return why so many connections are not possible, or None. A limit of -1 means no limit."""
    free = maximum - reserved - in_use
    why = f"max_connections {maximum}, {reserved} of them reserved, {in_use} in use"
    if of_role >= 0 and of_role - by_role < free:
        free, why = of_role - by_role, f"this role may have {of_role}, {by_role} are in use"
    if of_database >= 0 and of_database - in_database < free:
        free, why = of_database - in_database, f"this database may have {of_database}, {in_database} are in use"
    if poolsize <= free:
        return None
    return f"--poolsize: found {poolsize}, expected 1 to {max(free, 0)}, which is what the server allows now ({why})"
