"""Filling of the tables by COPY, outside of what is timed, for workloads that find their data loaded."""

from __future__ import annotations

from functools import partial
from tempfile import TemporaryFile
from typing import Any, Iterable, Iterator

from bigdata.census.source import Source
from bigdata.database import statements as sql
from bigdata.database.dburl import connect, server_reason
from bigdata.database.literal_rows import Rows
from bigdata.database.marked_tables import clear_rows, make_checkpoint
from bigdata.errors import LoadFailed

# What the text format of COPY writes otherwise.
_ESCAPED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def fill(url: str, source: Source, mark: str | None) -> None:
    """Clear the tables and load all records of the source, unless they are filled with what has this ``mark``.

    Raises LoadFailed with the server's message if it refuses.
    """
    import psycopg2

    # Not open_connection's: psycopg2 has no COPY where it waits by a callback.
    connection = connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql.FIND_MARK)
            if mark is None or cursor.fetchone() != (mark,):
                clear_rows(connection)
                _copy(cursor, sql.COPY_GEO, source.geo_records())
                _copy(cursor, sql.COPY_ELEMENTS, _elements(url, source))
                cursor.execute(sql.CREATE_INDEX)
                cursor.execute(sql.SETTLE)
                cursor.execute(sql.pyformat(sql.MARK_FILLED), (mark,))
            make_checkpoint(cursor)
    except psycopg2.Error as error:
        raise LoadFailed(f"the server refused to fill its tables: {server_reason(error)}") from error
    finally:
        connection.close()


def _elements(url: str, source: Source) -> Iterator[tuple[int, int, Any]]:
    rows = Rows(partial(connect, url))
    for record in source.data_records():
        yield from rows.of(record)


def _copy(cursor: Any, statement: str, rows: Iterable[Iterable[Any]]) -> None:
    with TemporaryFile("w+", encoding="utf-8") as lines:
        lines.writelines("\t".join(map(_field, row)) + "\n" for row in rows)
        lines.seek(0)
        cursor.copy_expert(statement, lines)


def _field(value: object) -> str:
    return "\\N" if value is None else str(value).translate(_ESCAPED)
