"""The least code that does the data phase with aiopg and tasks: what ``row_by_row_asyncio`` is held against.

A script for the loader's interpreter, written by hand on purpose: it shares nothing with ``bigdata``. The geo records
must be in the database already. Prints one JSON line: rows, wall_s, user_s, system_s.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import time
import zipfile
from pathlib import Path
from typing import Any, Iterator

import aiopg


async def load(connection: Any, records: Iterator[Any]) -> None:
    """One worker: records until there are no more."""
    async with connection.cursor() as cursor:
        for fileid, stusab, logrecno, segment, values in records:
            await cursor.execute(
                "SELECT id FROM geo_record WHERE fileid = %s AND stusab = %s AND logrecno = %s",
                (fileid, stusab, logrecno),
            )
            (geo_record_id,) = await cursor.fetchone()
            await cursor.execute(
                "SELECT dictionary_item.id FROM dictionary_item JOIN matrix ON matrix.id = dictionary_item.matrix_id "
                "WHERE matrix.segment_id = %s ORDER BY matrix.sortkey, dictionary_item.index",
                (segment,),
            )
            for (item_id,), value in zip(await cursor.fetchall(), values):
                await cursor.execute(
                    "INSERT INTO data_element (geo_record_id, dictionary_item_id, value) VALUES (%s, %s, %s)",
                    (geo_record_id, item_id, value),
                )


def read_records(directory: str, count: int) -> Iterator[Any]:
    """The first data records of the one state there."""
    (path,) = Path(directory).glob("*00001_uf1.zip")
    with zipfile.ZipFile(path) as archive:
        lines = archive.read(archive.namelist()[0]).decode("latin-1").splitlines()[:count]
    for line in lines:
        fields = line.split(",")
        yield fields[0], fields[1], fields[4], fields[3], [int(item) for item in fields[5:]]


async def run(options: argparse.Namespace) -> Any:
    """Connect, empty the table, load on the clock."""
    records = list(read_records(options.directory, options.records))
    shared = iter(records)
    connections = [await aiopg.connect(options.dburl) for _ in range(options.poolsize)]
    async with connections[0].cursor() as cursor:
        await cursor.execute("TRUNCATE data_element")

    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    await asyncio.gather(*(load(connection, shared) for connection in connections))
    wall_s, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)

    for connection in connections:
        await connection.close()
    return {
        "rows": sum(len(record[4]) for record in records),
        "wall_s": wall_s,
        "user_s": after.ru_utime - before.ru_utime,
        "system_s": after.ru_stime - before.ru_stime,
    }


def main() -> None:
    """Load once and print the line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--dburl", required=True)
    parser.add_argument("--directory", required=True)
    parser.add_argument("--records", type=int, required=True)
    parser.add_argument("--poolsize", type=int, required=True)
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], required=True)
    options = parser.parse_args()

    if options.loop == "uvloop":
        import uvloop

        loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    else:
        loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    print(json.dumps(loop.run_until_complete(run(options))))


if __name__ == "__main__":
    main()
