"""The program's tables in a database: which are there, are they whole, and emptying them. Needs psycopg2 only."""

from __future__ import annotations

from typing import Any, NamedTuple

from bigdata import statements as sql
from bigdata.errors import BadInput

MARK = "Made by bigdata.cmd, which clears and drops it."
"""The comment by which a table is known as this program's own."""

# Referenced tables first.
TABLES = ("matrix", "dictionary_item", "geo_record", "data_element")

MATRICES = 286
ITEMS = 8113


class Found(NamedTuple):
    """The program's tables that are there, and whether they are all there with the whole dictionary."""

    tables: tuple[str, ...]
    whole: bool


def find_tables(connection: Any) -> Found:
    """Look for the tables. Raises BadInput where one of that name is there without the mark: it is somebody else's."""
    with connection.cursor() as cursor:
        cursor.execute(sql.pyformat(sql.FIND_TABLES), (list(TABLES),))
        comments = dict(cursor.fetchall())
        for name, comment in comments.items():
            if comment != MARK:
                raise BadInput(
                    f"table {name}: is there already and was not made by this program (its comment is {comment!r}, "
                    f"expected {MARK!r}); it stays as it is: name another database, or rename or drop the table"
                )
        whole = len(comments) == len(TABLES)
        if whole:
            cursor.execute(sql.COUNT_DICTIONARY)
            whole = cursor.fetchone() == (MATRICES, ITEMS)
    return Found(tuple(name for name in TABLES if name in comments), whole)


def clear_rows(connection: Any) -> None:
    """Remove the loaded rows, and write what the server still holds in memory where the role may ask for that."""
    with connection.cursor() as cursor:
        cursor.execute(sql.BOUND_WAITING)
        cursor.execute(sql.CLEAR)
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
    """What speaks against so many connections. A limit of -1, of the role or of the database, is none."""
    free = maximum - reserved - in_use
    why = f"max_connections {maximum}, {reserved} of them reserved, {in_use} in use"
    if of_role >= 0 and of_role - by_role < free:
        free, why = of_role - by_role, f"this role may have {of_role}, {by_role} are in use"
    if of_database >= 0 and of_database - in_database < free:
        free, why = of_database - in_database, f"this database may have {of_database}, {in_database} are in use"
    if poolsize <= free:
        return None
    return f"--poolsize: found {poolsize}, expected 1 to {max(free, 0)}: more the server does not allow ({why})"
