"""What the minimal scripts share besides their loops: arguments, records, SQL, the clock, the line that they print.

For the loader's interpreter, and on purpose without anything of ``bigdata``. The geo records must be in the database
already. The line has: rows, wall_s, user_s, system_s.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
import zipfile
from pathlib import Path
from typing import Any, Callable, Iterator

TRUNCATE = "TRUNCATE data_element"

SELECT_GEO_ID = "SELECT id FROM geo_record WHERE fileid = %s AND stusab = %s AND logrecno = %s"
SELECT_ITEM_IDS = (
    "SELECT dictionary_item.id FROM dictionary_item JOIN matrix ON matrix.id = dictionary_item.matrix_id "
    "WHERE matrix.segment_id = %s ORDER BY matrix.sortkey, dictionary_item.index"
)
INSERT_ELEMENT = "INSERT INTO data_element (geo_record_id, dictionary_item_id, value) VALUES (%s, %s, %s)"


def parse_options() -> argparse.Namespace:
    """What ``compare`` says: server, records, connections, event loop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--dburl", required=True)
    parser.add_argument("--directory", required=True)
    parser.add_argument("--records", type=int, required=True)
    parser.add_argument("--poolsize", type=int, required=True)
    parser.add_argument("--loop", choices=["asyncio", "uvloop", "rloop"])
    return parser.parse_args()


def read_records(options: argparse.Namespace) -> list[Any]:
    """The first data records of the one state there: fileid, stusab, logrecno, segment, values."""
    return list(_records(options.directory, options.records))


def _records(directory: str, count: int) -> Iterator[Any]:
    (path,) = Path(directory).glob("*00001_uf1.zip")
    with zipfile.ZipFile(path) as archive:
        lines = archive.read(archive.namelist()[0]).decode("latin-1").splitlines()[:count]
    for line in lines:
        fields = line.split(",")
        yield fields[0], fields[1], fields[4], fields[3], [int(item) for item in fields[5:]]


def new_event_loop(name: str) -> Any:
    """A loop of the package of this name."""
    if name == "uvloop":
        import uvloop

        return uvloop.new_event_loop()
    if name == "rloop":
        import rloop

        return rloop.new_event_loop()
    import asyncio

    return asyncio.new_event_loop()


def usage() -> tuple[float, float, float]:
    """Now: seconds of the clock, of this process' own and of the system's CPU time for it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter(), used.ru_utime, used.ru_stime


def measure(work: Callable[[], Any]) -> tuple[float, float, float]:
    """Seconds that the call takes, as ``usage`` has them."""
    before = usage()
    work()
    return since(before)


def since(before: tuple[float, float, float]) -> tuple[float, float, float]:
    """Seconds since then, as ``usage`` has them."""
    after = usage()
    return after[0] - before[0], after[1] - before[1], after[2] - before[2]


def report(records: list[Any], taken: tuple[float, float, float]) -> None:
    """Print the line."""
    rows = sum(len(record[4]) for record in records)
    print(json.dumps({"rows": rows, "wall_s": taken[0], "user_s": taken[1], "system_s": taken[2]}))
