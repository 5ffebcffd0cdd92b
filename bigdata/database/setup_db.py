"""Creation of tables and dictionary with SQLAlchemy, in a process of its own, never in the measured one."""

from __future__ import annotations

from typing import Any, Sequence

import psycopg2
from sqlalchemy import MetaData, create_engine
from sqlalchemy.exc import DBAPIError

from bigdata.census import dictionary
from bigdata.database.dburl import CLIENT_ENCODING, server_reason
from bigdata.database.marked_tables import TABLES
from bigdata.database.model import make_metadata
from bigdata.database.statements import BOUND_WAITING
from bigdata.errors import LoadFailed


def rebuild(url: str, present: Sequence[str]) -> None:
    """Drop the marked tables that are ``present``, create all four and load the dictionary, all in one transaction.

    Raises LoadFailed with the server's message if it refuses.
    """
    metadata = make_metadata()
    # libpq reads the URL itself, so that whatever it understands can be in it.
    engine = create_engine(
        "postgresql+psycopg2://", creator=lambda: psycopg2.connect(url, client_encoding=CLIENT_ENCODING)
    )
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(BOUND_WAITING)
            metadata.drop_all(connection, tables=[metadata.tables[name] for name in present], checkfirst=False)
            metadata.create_all(connection, tables=[metadata.tables[name] for name in TABLES], checkfirst=False)
            _load_dictionary(connection, metadata)
    except DBAPIError as error:
        raise LoadFailed(f"the server refused to create the tables: {server_reason(error.orig)}") from error
    finally:
        engine.dispose()


def _load_dictionary(connection: Any, metadata: MetaData) -> None:
    matrices, items = dictionary_rows()
    connection.execute(metadata.tables["matrix"].insert(), matrices)
    connection.execute(metadata.tables["dictionary_item"].insert(), items)


def dictionary_rows() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of matrix and of dictionary_item, with ids from 1; parents come before their children."""
    matrices = [
        {
            "id": number,
            "code": matrix.code,
            "name": matrix.name,
            "universe": matrix.universe,
            "sortkey": matrix.sortkey,
            "segment_id": matrix.segment,
        }
        for number, matrix in enumerate(dictionary.matrices(), 1)
    ]
    matrix_ids = {matrix["code"]: matrix["id"] for matrix in matrices}
    item_ids = {(item.matrix, item.index): number for number, item in enumerate(dictionary.items(), 1)}
    items = [
        {
            "id": item_ids[item.matrix, item.index],
            "name": item.name,
            "matrix_id": matrix_ids[item.matrix],
            "index": item.index,
            "parent_id": None if item.parent is None else item_ids[item.matrix, item.parent],
        }
        for item in dictionary.items()
    ]
    return matrices, items
