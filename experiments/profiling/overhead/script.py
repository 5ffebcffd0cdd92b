"""Common parts of the minimal scripts: arguments, records, SQL, loads, workers and the line that they print.

It runs on the loader's interpreter, understands what it needs of the loader's command line, and on purpose its loads
use nothing of ``bigdata``. The tables must be filled. The printed line is what a count needs of a loader's report.
"""

from __future__ import annotations

import argparse
import inspect
import json
import random
import threading
import zipfile
from functools import partial
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Sequence

from bigdata.measurement.forked_loads import run_forked

SELECT_GEO_ID = "SELECT id FROM geo_record WHERE fileid = %s AND stusab = %s AND logrecno = %s"
SELECT_ITEM_IDS = (
    "SELECT dictionary_item.id FROM dictionary_item JOIN matrix ON matrix.id = dictionary_item.matrix_id "
    "WHERE matrix.segment_id = %s ORDER BY matrix.sortkey, dictionary_item.index"
)
INSERT_ELEMENT = "INSERT INTO data_element (geo_record_id, dictionary_item_id, value) VALUES (%s, %s, %s)"
_OF_KEY = "WHERE geo_record.fileid = %s AND geo_record.stusab = %s AND geo_record.logrecno = %s"
LOCK_GEO = f"SELECT id, pop100 FROM geo_record {_OF_KEY} FOR UPDATE"  # noqa: S608 - own text
UPDATE_GEO = "UPDATE geo_record SET pop100 = %s WHERE id = %s"
FIRST_ITEM_ID = 1
# By workload, those of one statement; with the operations that a record is.
QUERIES = {
    "lookup": "SELECT stusab, logrecno, sumlev, county, name, pop100, hu100, latitude, longitude, land_area "  # noqa: S608
    f"FROM geo_record {_OF_KEY}",
    "fetch": "SELECT matrix.code, dictionary_item.name, data_element.value, geo_record.stusab, geo_record.logrecno "  # noqa: S608
    "FROM geo_record JOIN data_element ON data_element.geo_record_id = geo_record.id "
    "JOIN dictionary_item ON dictionary_item.id = data_element.dictionary_item_id "
    f"JOIN matrix ON matrix.id = dictionary_item.matrix_id {_OF_KEY}",
    "wait": "SELECT slept::text FROM pg_sleep(%s) AS slept",
}
OPERATIONS = {"lookup": 100, "fetch": 40, "transaction": 40, "wait": 20}
SLEEP_S = 0.01


class Loads(NamedTuple):
    """The work of one worker for each kind of workload, by connection and what it shares with the others."""

    ingest: Callable[[Any, Iterator[Any]], Any]
    """Of records."""
    query: Callable[[Any, Iterator[Any]], Any]
    """Of statements with their values."""
    transact: Callable[[Any, Iterator[Any]], Any]
    """Of keys, each a transaction."""

    def choose(self, workload: str) -> Callable[[Any, Iterator[Any]], Any]:
        """Return the load of a workload."""
        return {"ingest": self.ingest, "transaction": self.transact}.get(workload, self.query)


def main(runs: Mapping[str, Callable[..., Any]]) -> None:
    """Run what is of the named loader and print its line; it gets options and work, and may have to be awaited."""
    parser = argparse.ArgumentParser()
    parser.add_argument("verb")
    parser.add_argument("loader", choices=list(runs))
    parser.add_argument("--dburl", required=True)
    parser.add_argument("--directory", required=True)
    parser.add_argument("--records", type=int)
    parser.add_argument("--forked", help="loads of so many records one after the other, in forks of this process")
    parser.add_argument("--poolsize", type=int, required=True)
    parser.add_argument("--workload", default="ingest")
    parser.add_argument("--loop", choices=["asyncio", "uvloop", "rloop"])
    options, _ = parser.parse_known_args()
    report = partial(run_load, runs[options.loader], options)
    if options.forked:
        print(json.dumps(run_forked(report, [int(size) for size in options.forked.split(",")], options.poolsize)))
    else:
        print(json.dumps(report(options.records, options.poolsize)))


def run_load(run: Callable[..., Any], options: argparse.Namespace, count: int, poolsize: int) -> dict[str, Any]:
    """Load so many records over so many connections and return the report."""
    options.poolsize = poolsize
    records = list(read_records(options.directory, count))
    operations = [] if options.workload == "ingest" else list(draw_operations(options.workload, records))
    running = run(options, operations or records)
    if inspect.isawaitable(running):
        new_event_loop(options.loop).run_until_complete(running)
    data = {"rows": sum(len(record[4]) for record in records), "wall_s": 1.0}
    if operations:
        data["operations"] = len(operations)
    return {"phases": {"data": data}, "work": {"checked": 0}}


def read_records(directory: str, count: int) -> Iterator[Any]:
    """Yield the first data records of the one state there: fileid, stusab, logrecno, segment, values."""
    (path,) = Path(directory).glob("*00001_uf1.zip")
    with zipfile.ZipFile(path) as archive:
        lines = archive.read(archive.namelist()[0]).decode("latin-1").splitlines()[:count]
    for line in lines:
        fields = line.split(",")
        yield fields[0], fields[1], fields[4], fields[3], [int(item) for item in fields[5:]]


def draw_operations(workload: str, records: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield keys of records, or statements with their values, as many as the workload has."""
    keys = [(fileid, stusab, logrecno) for fileid, stusab, logrecno, _, _ in records]
    draw = random.Random(2014).random  # noqa: S311
    for _ in range(OPERATIONS[workload] * len(records)):
        key = keys[int(draw() * len(keys))]
        if workload == "transaction":
            yield key
        else:
            yield QUERIES[workload], (SLEEP_S,) if workload == "wait" else key


def new_event_loop(name: str) -> Any:
    """Return a loop of the package of this name, and make it the current one."""
    import asyncio
    from importlib import import_module

    loop = import_module(name).new_event_loop()
    asyncio.set_event_loop(loop)
    return loop


def ingest(connection: Any, records: Iterator[Any]) -> None:
    """Load records until there are no more: the work of one worker, with any driver of the DB-API."""
    with connection.cursor() as cursor:
        for fileid, stusab, logrecno, segment, values in records:
            cursor.execute(SELECT_GEO_ID, (fileid, stusab, logrecno))
            (geo_record_id,) = cursor.fetchone()
            cursor.execute(SELECT_ITEM_IDS, (segment,))
            for (item_id,), value in zip(cursor.fetchall(), values):
                cursor.execute(INSERT_ELEMENT, (geo_record_id, item_id, value))


def query(connection: Any, operations: Iterator[Any]) -> None:
    """Send each statement and fetch what it returns."""
    with connection.cursor() as cursor:
        for statement, values in operations:
            cursor.execute(statement, values)
            cursor.fetchall()


def transact(connection: Any, keys: Iterator[Any]) -> None:
    """Change a geo record and add an element to it, for each key."""
    with connection.cursor() as cursor:
        for key in keys:
            cursor.execute(LOCK_GEO, key)
            geo_record_id, population = cursor.fetchone()
            cursor.execute(UPDATE_GEO, (population + 1, geo_record_id))
            cursor.execute(INSERT_ELEMENT, (geo_record_id, FIRST_ITEM_ID, population + 1))
            connection.commit()


async def ingest_async(connection: Any, records: Iterator[Any]) -> None:
    """Do the same as ``ingest`` on an event loop."""
    async with connection.cursor() as cursor:
        for fileid, stusab, logrecno, segment, values in records:
            await cursor.execute(SELECT_GEO_ID, (fileid, stusab, logrecno))
            (geo_record_id,) = await cursor.fetchone()
            await cursor.execute(SELECT_ITEM_IDS, (segment,))
            for (item_id,), value in zip(await cursor.fetchall(), values):
                await cursor.execute(INSERT_ELEMENT, (geo_record_id, item_id, value))


async def query_async(connection: Any, operations: Iterator[Any]) -> None:
    """Do the same as ``query`` on an event loop."""
    async with connection.cursor() as cursor:
        for statement, values in operations:
            await cursor.execute(statement, values)
            await cursor.fetchall()


BLOCKING = Loads(ingest, query, transact)


def run_threads(load: Callable[..., None], connections: Sequence[Any], work: Sequence[Any]) -> None:
    """Load in one thread per connection."""
    shared = iter(work)
    threads = [threading.Thread(target=load, args=(connection, shared)) for connection in connections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def run_greenlets(load: Callable[..., None], connections: Sequence[Any], work: Sequence[Any]) -> None:
    """Load in one greenlet per connection."""
    import gevent

    shared = iter(work)
    gevent.joinall([gevent.spawn(load, connection, shared) for connection in connections], raise_error=True)


async def run_tasks(load: Callable[..., Any], connections: Sequence[Any], work: Sequence[Any]) -> None:
    """Load in one task per connection, and close the connections."""
    import asyncio

    shared = iter(work)
    await asyncio.gather(*(load(connection, shared) for connection in connections))
    for connection in connections:
        await connection.close()
