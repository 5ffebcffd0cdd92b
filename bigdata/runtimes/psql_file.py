"""Upper bound by psql with a file: the loader's statements with their values, one after another."""

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


def run(job: Job) -> Outcome:
    """Load. Raises as ``programs.run`` does."""

    def write_script(script: TextIO, records: Iterator[DataRecord]) -> None:
        rows = Rows(partial(connect, job.url))
        script.write(BEGINNING)
        for record in records:
            lines = [
                sql.with_values(sql.SELECT_GEO_ID, *map(sql.literal, (record.fileid, record.stusab, record.logrecno))),
                sql.with_values(sql.SELECT_ITEM_IDS, sql.literal(record.segment)),
                *(sql.with_values(sql.INSERT_ELEMENT, *map(sql.literal, row)) for row in rows.of(record)),
            ]
            if not job.autocommit:
                lines = [sql.BEGIN, *lines, sql.COMMIT]
            script.writelines(f"{line};\n" for line in lines)

    return programs.run(job, "psql", write_script, psql_arguments)
