"""Upper bound by psql with one COPY: as fast as the server can receive the rows."""

from __future__ import annotations

from functools import partial
from typing import Iterator, TextIO

from bigdata.census.sf1 import DataRecord
from bigdata.database import statements as sql
from bigdata.database.dburl import connect
from bigdata.database.literal_rows import Rows
from bigdata.runtimes import programs
from bigdata.runtimes.job import Job, Outcome
from bigdata.runtimes.psql_script import BEGINNING, psql_arguments

# How psql knows that the rows, which stand behind the statement, have come to their end.
_NO_MORE_ROWS = "\\.\n"


def run(job: Job) -> Outcome:
    """Load. Raises as ``programs.run`` does."""

    def write_script(script: TextIO, records: Iterator[DataRecord]) -> None:
        rows = Rows(partial(connect, job.url))
        script.write(f"{BEGINNING}{sql.COPY_ELEMENTS};\n")
        for record in records:
            script.writelines(f"{geo_id}\t{item_id}\t{value}\n" for geo_id, item_id, value in rows.of(record))
        script.write(_NO_MORE_ROWS)

    return programs.run(job, "psql", write_script, psql_arguments)
