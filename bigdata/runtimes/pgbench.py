"""Upper bound by pgbench, PostgreSQL's own client in C: one thread, as many connections as workers.

A script of pgbench is what a client does again and again. Here that is some INSERTs of a record (all of them with the
protocol ``simple``), and before the first of them its two SELECTs. Clients take turns: with 20 of them, client 3 has
the records 3, 23, 43, ... Clients that have none left go through the script without sending anything.

pgbench has no tables of values, so each INSERT has the same one, that of the first record, and the ids of items
count up to the one that the SELECT found last.
"""

from __future__ import annotations

from functools import reduce
from math import gcd
from pathlib import Path
from typing import Any, Iterator, Sequence, TextIO

from bigdata.census.sf1 import DataRecord
from bigdata.database import statements as sql
from bigdata.errors import BadInput, Unsupported
from bigdata.measurement.tally import Taken
from bigdata.registry import INGEST, WORKLOADS, most_prepared_inserts
from bigdata.runtimes import programs
from bigdata.runtimes.job import Job, Outcome
from bigdata.runtimes.pgbench_log import log_options, read_log
from bigdata.runtimes.pgbench_operations import SEED, OperationsScript

# Older ones prepare all statements of a script at once, also those for other clients' records.
_PREPARES_WHEN_NEEDED = 16

# Each time that a client goes through its script it passes by the SELECTs of all records, at 0.04 us each. Reading the
# script takes a time that grows with the square of its length: 9 s for 5,000 records (pgbench 17).
MOST_RECORDS = {"simple": 5_000, "prepared": 2_000}

ONE_TRANSACTION = (
    "pgbench ends no script within a transaction, so that a transaction per record takes a script for whole records"
)


class Script:
    """A script for these records with ``step`` INSERTs, which each client repeats ``turns`` times."""

    def __init__(self, records: Sequence[DataRecord], clients: int, *, prepared: bool, autocommit: bool) -> None:
        self._records = records
        self._clients = clients
        self._autocommit = autocommit
        self.step = find_step([len(record.values) for record in records], prepared=prepared)
        each = [sum(len(record.values) for record in records[client::clients]) for client in range(clients)]
        self.turns = max(each) // self.step

    def lines(self) -> Iterator[str]:
        """Yield its lines."""
        yield "\\if :left = 0"
        yield from self._next_record()
        yield "\\endif"
        yield "\\if :left > 0"
        for _ in range(self.step):
            yield "\\set item :last_id - :left + 1"
            yield sql.with_values(sql.INSERT_ELEMENT, ":geo_id", ":item", ":value") + ";"
            yield "\\set left :left - 1"
        if not self._autocommit:
            yield from ("\\if :left = 0", f"{sql.COMMIT};", "\\endif")
        yield "\\endif"

    def _next_record(self) -> Iterator[str]:
        """Yield the lines between two records: wait at the gate before the first, then SELECT the ids."""
        yield from ("\\if :client_id + :turn = 0", f"\\shell {programs.WAIT_AT_GATE}", "\\endif")
        yield f"\\set record :client_id + :turn * {self._clients}"
        yield "\\set turn :turn + 1"
        yield f"\\if :record < {len(self._records)}"
        if not self._autocommit:
            yield f"{sql.BEGIN};"
        segments = sorted({record.segment for record in self._records})
        yield from self._geo_ids(0, len(self._records), segments)
        yield from self._item_ids(segments)
        yield "\\endif"

    def _geo_ids(self, first: int, end: int, segments: Sequence[str]) -> Iterator[str]:
        """Yield a tree of conditions, with as few as possible before the SELECT of the record."""
        if end - first > 1:
            middle = (first + end) // 2
            yield f"\\if :record < {middle}"
            yield from self._geo_ids(first, middle, segments)
            yield "\\else"
            yield from self._geo_ids(middle, end, segments)
            yield "\\endif"
            return
        record = self._records[first]
        key = map(sql.literal, (record.fileid, record.stusab, record.logrecno))
        yield sql.with_values(sql.SELECT_GEO_ID, *key) + " \\gset geo_"
        yield f"\\set left {len(record.values)}"
        if len(segments) > 1:
            yield f"\\set segment {segments.index(record.segment)}"

    def _item_ids(self, segments: Sequence[str]) -> Iterator[str]:
        for number, segment in enumerate(segments):
            if len(segments) > 1:
                yield f"\\if :segment = {number}"
            yield sql.with_values(sql.SELECT_ITEM_IDS, sql.literal(segment)) + " \\aset last_"
            if len(segments) > 1:
                yield "\\endif"


def run(job: Job) -> Outcome:
    """Load. Raises as ``programs.run`` does, and BadInput for more records than a script can have."""
    _check_protocol(job, programs.find_program("pgbench"))
    operating = job.workload != INGEST.name
    options: list[str] = []

    def write_operations(script: TextIO, keys: Iterator[Any]) -> None:
        made = OperationsScript(list(keys), job.poolsize, WORKLOADS[job.workload])
        script.writelines(f"{line}\n" for line in made.lines())
        options.extend([f"--transactions={made.turns}", SEED])
        options.extend([] if job.schedule is None else log_options(job.schedule.rate))

    def write_script(script: TextIO, records: Iterator[DataRecord]) -> None:
        every = list(records)
        if len(every) > MOST_RECORDS[job.protocol]:
            raise BadInput(
                f"--records: pgbench would have {len(every):,} data records in its script, which slows it down; "
                f"at most {MOST_RECORDS[job.protocol]:,} with the protocol {job.protocol}: give fewer"
            )
        if every:
            if not job.autocommit and len({len(record.values) for record in every}) > 1:
                raise BadInput(f"--segments: {ONE_TRANSACTION}, and these have different numbers of values: give one")
            made = Script(every, job.poolsize, prepared=job.protocol == "prepared", autocommit=job.autocommit)
            script.writelines(f"{line}\n" for line in made.lines())
            options.extend([f"--transactions={made.turns}", f"--define=value={every[0].values[0]}"])

    def arguments(script: str) -> Sequence[str]:
        how = [f"--client={job.poolsize}", "--jobs=1", f"--protocol={job.protocol}", "--no-vacuum"]
        return [*how, *options, "--define=left=0", "--define=turn=0", f"--file={script}"]

    def read_taken(folder: Path, operations: int) -> list[Taken]:
        return [] if job.schedule is None else read_log(folder, operations, job.poolsize)

    return programs.run(job, "pgbench", write_operations if operating else write_script, arguments, read_taken)


def _check_protocol(job: Job, program: programs.Program) -> None:
    """Raise Unsupported for what pgbench cannot prepare."""
    prepared = job.protocol == "prepared"
    if prepared and program.major < _PREPARES_WHEN_NEEDED:
        raise Unsupported(
            f"pgbench {program.version} prepares every statement of its script on each connection; "
            f"the protocol prepared takes pgbench {_PREPARES_WHEN_NEEDED} or newer"
        )
    if prepared and not job.autocommit:
        raise Unsupported(ONE_TRANSACTION)
    if prepared and job.workload != INGEST.name:
        raise Unsupported("pgbench would have to prepare a statement for each key")


def find_step(rows: Sequence[int], *, prepared: bool) -> int:
    """Return the number of INSERTs in a script that is repeated for every record: all of a record if possible.

    With ``prepared`` a few: each is a statement of its own, which every connection has to prepare.
    """
    common = reduce(gcd, rows)
    limit = most_prepared_inserts(len(rows)) if prepared else common
    return max(step for step in range(1, limit + 1) if common % step == 0)
