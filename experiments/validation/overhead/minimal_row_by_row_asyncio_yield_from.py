"""The least code that does the data phase with aiopg and generators: for ``row_by_row_asyncio_yield_from``."""

from __future__ import annotations

import types
from typing import Any, Generator, Iterator

from experiments.validation.overhead.minimal_row_by_row_asyncio import main
from experiments.validation.overhead.script import INSERT_ELEMENT, SELECT_GEO_ID, SELECT_ITEM_IDS


@types.coroutine
def load(connection: Any, records: Iterator[Any]) -> Generator[Any, Any, None]:
    """One worker: records until there are no more."""
    cursor = yield from connection.cursor().__await__()
    for fileid, stusab, logrecno, segment, values in records:
        yield from cursor.execute(SELECT_GEO_ID, (fileid, stusab, logrecno))
        (geo_record_id,) = yield from cursor.fetchone()
        yield from cursor.execute(SELECT_ITEM_IDS, (segment,))
        items = yield from cursor.fetchall()
        for (item_id,), value in zip(items, values):
            yield from cursor.execute(INSERT_ELEMENT, (geo_record_id, item_id, value))


if __name__ == "__main__":
    main(load)
