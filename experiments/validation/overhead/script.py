"""Common parts of the minimal scripts: arguments, records, SQL, loads, workers, the clock and the line that they print.

It runs on the loader's interpreter and on purpose uses nothing of ``bigdata``. The geo records must already be in the
database. The printed line has: rows, wall_s, user_s, system_s.
"""

from __future__ import annotations

import argparse
import inspect
import json
import resource
import threading
import time
import zipfile
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, Sequence, Tuple

TRUNCATE = "TRUNCATE data_element"

SELECT_GEO_ID = "SELECT id FROM geo_record WHERE fileid = %s AND stusab = %s AND logrecno = %s"
SELECT_ITEM_IDS = (
    "SELECT dictionary_item.id FROM dictionary_item JOIN matrix ON matrix.id = dictionary_item.matrix_id "
    "WHERE matrix.segment_id = %s ORDER BY matrix.sortkey, dictionary_item.index"
)
INSERT_ELEMENT = "INSERT INTO data_element (geo_record_id, dictionary_item_id, value) VALUES (%s, %s, %s)"

Times = Tuple[float, float, float]
"""Seconds of the clock, and of user and system CPU time."""


def main(loads: Mapping[str, Callable[..., Any]]) -> None:
    """Run the named loader's load and print its line; it gets options and records, and returns or awaits its times."""
    parser = argparse.ArgumentParser()
    parser.add_argument("loader", choices=list(loads))
    parser.add_argument("--dburl", required=True)
    parser.add_argument("--directory", required=True)
    parser.add_argument("--records", type=int, required=True)
    parser.add_argument("--poolsize", type=int, required=True)
    parser.add_argument("--loop", choices=["asyncio", "uvloop", "rloop"])
    options = parser.parse_args()
    records = list(read_records(options.directory, options.records))
    times = loads[options.loader](options, records)
    if inspect.isawaitable(times):
        times = new_event_loop(options.loop).run_until_complete(times)
    wall_s, user_s, system_s = times
    rows = sum(len(record[4]) for record in records)
    print(json.dumps({"rows": rows, "wall_s": wall_s, "user_s": user_s, "system_s": system_s}))


def read_records(directory: str, count: int) -> Iterator[Any]:
    """Yield the first data records of the one state there: fileid, stusab, logrecno, segment, values."""
    (path,) = Path(directory).glob("*00001_uf1.zip")
    with zipfile.ZipFile(path) as archive:
        lines = archive.read(archive.namelist()[0]).decode("latin-1").splitlines()[:count]
    for line in lines:
        fields = line.split(",")
        yield fields[0], fields[1], fields[4], fields[3], [int(item) for item in fields[5:]]


def new_event_loop(name: str) -> Any:
    """Return a loop of the package of this name, and make it the current one."""
    import asyncio
    from importlib import import_module

    loop = import_module(name).new_event_loop()
    asyncio.set_event_loop(loop)
    return loop


def load(connection: Any, records: Iterator[Any]) -> None:
    """Load records until there are no more: the work of one worker, with any driver of the DB-API."""
    with connection.cursor() as cursor:
        for fileid, stusab, logrecno, segment, values in records:
            cursor.execute(SELECT_GEO_ID, (fileid, stusab, logrecno))
            (geo_record_id,) = cursor.fetchone()
            cursor.execute(SELECT_ITEM_IDS, (segment,))
            for (item_id,), value in zip(cursor.fetchall(), values):
                cursor.execute(INSERT_ELEMENT, (geo_record_id, item_id, value))


async def load_async(connection: Any, records: Iterator[Any]) -> None:
    """Do the same on an event loop."""
    async with connection.cursor() as cursor:
        for fileid, stusab, logrecno, segment, values in records:
            await cursor.execute(SELECT_GEO_ID, (fileid, stusab, logrecno))
            (geo_record_id,) = await cursor.fetchone()
            await cursor.execute(SELECT_ITEM_IDS, (segment,))
            for (item_id,), value in zip(await cursor.fetchall(), values):
                await cursor.execute(INSERT_ELEMENT, (geo_record_id, item_id, value))


def measure_threads(load: Callable[..., None], connections: Sequence[Any], records: list[Any]) -> Times:
    """Return what the load takes in one thread per connection."""
    shared = iter(records)
    threads = [threading.Thread(target=load, args=(connection, shared)) for connection in connections]

    def run() -> None:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return measure(run)


def measure_greenlets(load: Callable[..., None], connections: Sequence[Any], records: list[Any]) -> Times:
    """Return what the load takes in one greenlet per connection."""
    import gevent

    shared = iter(records)

    def run() -> None:
        gevent.joinall([gevent.spawn(load, connection, shared) for connection in connections], raise_error=True)

    return measure(run)


async def measure_tasks(load: Callable[..., Any], connections: Sequence[Any], records: list[Any]) -> Times:
    """Return what the load takes in one task per connection, and close the connections."""
    import asyncio

    shared = iter(records)
    before = usage()
    await asyncio.gather(*(load(connection, shared) for connection in connections))
    times = since(before)
    for connection in connections:
        await connection.close()
    return times


def measure(work: Callable[[], Any]) -> Times:
    """Return what the call takes."""
    before = usage()
    work()
    return since(before)


def since(before: Times) -> Times:
    """Return what was used from then to now."""
    after = usage()
    return after[0] - before[0], after[1] - before[1], after[2] - before[2]


def usage() -> Times:
    """Return the clock, and what this process has used so far of the user's and the system's CPU time."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter(), used.ru_utime, used.ru_stime
