"""Upper bounds: loads by a program of PostgreSQL's own, which no loader surpasses.

The geo records are loaded by the driver, on threads. Then a script for phase data is written; the program is started,
connects, and waits at a pipe, so that the clock starts when it stands ready, as all workers do. Its CPU time is read by
the system's clock of its process when it is let go and when it has ended, so that neither connecting nor reading the
script is in it. Nothing of this program runs meanwhile. What is in it besides the load, from leaving the gate to the
program's end, took pgbench 1.7 ms with 20 connections, of time and of CPU time, and psql 1.3 ms (2 cores, Linux 6.18):
0.1% of a load of 22,200 rows, 1% where that is one COPY.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple, Sequence, TextIO

from bigdata.census.sf1 import DataRecord
from bigdata.database.dburl import hide_password
from bigdata.errors import BadInput, LoadFailed, Unsupported
from bigdata.measurement.measure import Measured, PhaseClock, Usage
from bigdata.measurement.run_queue import growth, read_waits
from bigdata.measurement.tally import Taken
from bigdata.runtimes.job import Job, Outcome
from bigdata.runtimes.threads import run as run_threads

FOLDER_VARIABLE = "BIGDATA_PG_BIN"
"""Folder of PostgreSQL's programs; without it they are searched in PATH."""

GATE = "gate"
"""Name of the pipe beside the script, where the program waits for the start."""
WAIT_AT_GATE = f"read line < {GATE}"
"""Shell command that waits there."""

_SCRIPT = "script.sql"
_LOOK_AGAIN_AFTER_S = 0.001
_STOP_WITHIN_S = 2.0
_SHOWN_CHARACTERS = 500


class Program(NamedTuple):
    """One of PostgreSQL's programs, such as pgbench."""

    name: str
    path: str
    version: str
    """Version such as '17.11'."""

    @property
    def major(self) -> int:
        """Return the major version."""
        return int(re.split(r"\D", self.version)[0])


PROGRAMS = {"pgbench": "pgbench", "psql_file": "psql", "psql_copy": "psql"}
"""Program of each runtime that has one."""

WriteScript = Callable[[TextIO, Iterator[Any]], None]


def run(
    job: Job,
    name: str,
    write_script: WriteScript,
    arguments: Callable[[str], Sequence[str]],
    read_taken: Callable[[Path, int], list[Taken]] = lambda folder, records: [],
) -> Outcome:
    """Load geo records by the driver and data records by the program ``name``.

    ``write_script`` writes all that the program is to do; ``arguments`` are those of its command line, given the
    script's name, and are asked for when it has been written. ``read_taken`` returns what workers did, of the folder
    that the program ran in and the number of records. Raises Unsupported if there is no such program or it cannot be
    measured, BadInput for what cannot be asked of it, LoadFailed with its words where it fails.
    """
    program = find_program(name)
    if job.statements is not None or job.profiler is not None:
        raise BadInput(f"--echo, --profile: {name} is a program of PostgreSQL's, which cannot be inspected")
    geo, data = job.phases
    # The protocol is the program's.
    outcome = run_threads(replace(job, phases=(geo,), protocol="simple"))
    _, records, rows_of = data
    counted = _Counted(records, rows_of)
    with tempfile.TemporaryDirectory(prefix="bigdata-") as temporary:
        folder = Path(temporary)
        try:
            with (folder / _SCRIPT).open("w", encoding="utf-8") as script:
                write_script(script, counted)
        except OSError as error:
            raise LoadFailed(f"{folder / _SCRIPT}: cannot be written: {error.strerror}") from error
        measured = _run(program, arguments(_SCRIPT), job, folder, counted.rows)
        outcome.taken["data"] = read_taken(folder, counted.records)
    outcome.measured["data"], outcome.records["data"] = measured, counted.records
    outcome.read_ahead += counted.records
    outcome.programs = {program.name: program.version}
    return outcome


def find_program(name: str) -> Program:
    """Return the program. Raises Unsupported if it cannot be started or the system has no process clocks."""
    if sys.platform != "linux":
        raise Unsupported(f"{name} needs Linux: other systems do not report the CPU time of a running program")
    folder = os.environ.get(FOLDER_VARIABLE)
    path = shutil.which(name, path=folder)
    if path is None:
        where = (
            f"in {folder}, which {FOLDER_VARIABLE} names" if folder else f"in PATH, and {FOLDER_VARIABLE} is not set"
        )
        raise Unsupported(
            f"{name} was not found {where}; install PostgreSQL's client programs, or name their folder (bin/): "
            f"{FOLDER_VARIABLE}=DIR"
        )
    try:
        said = subprocess.run(
            [path, "--version"], check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ).stdout.decode(errors="replace")
    except OSError as error:
        raise Unsupported(f"{path} cannot be started: {error.strerror}") from error
    version = re.search(r"\(PostgreSQL\) (\d\S*)", said)
    if version is None:
        raise Unsupported(f"{path} does not start here: {' '.join(said.split())}")
    return Program(name, path, version.group(1))


class _Counted:
    """An iterator of records that counts the rows they become."""

    def __init__(self, records: Iterator[DataRecord], rows_of: Callable[[Any], int]) -> None:
        self._records = records
        self._rows_of = rows_of
        self.records = 0
        self.rows = 0

    def __iter__(self) -> Iterator[DataRecord]:
        return self

    def __next__(self) -> DataRecord:
        record = next(self._records)
        self.records += 1
        self.rows += self._rows_of(record)
        return record


def _run(program: Program, arguments: Sequence[str], job: Job, folder: Path, rows: int) -> Measured:
    """Start the program, open the gate and wait for its end. Without records it is not started."""
    clock = PhaseClock()
    if not rows:
        clock.start()
        return clock.stop(0)
    os.mkfifo(str(folder / GATE))
    database, secret = hide_password(job.url)
    with (folder / "said").open("w+", encoding="utf-8", errors="replace") as said:
        process = subprocess.Popen(
            [program.path, *arguments, database],
            cwd=str(folder),
            env={**os.environ, **secret, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
        try:
            measured = _measure(process, folder / GATE, clock, rows)
        except BaseException:
            _end(process)
            raise
        finally:
            _take_away(folder / GATE)
        if measured is None or process.wait() != 0:
            said.seek(0)
            raise LoadFailed(f"{program.name}: {_reason(said.read()) or f'exit code {process.wait()}'}")
    return measured


def _measure(process: subprocess.Popen[bytes], gate: Path, clock: PhaseClock, rows: int) -> Measured | None:
    """Return the usage, or None if the program ended before it was ready."""
    writing = _open_gate(process, gate)
    if writing is None:
        return None
    before, waits_before = _read_usage(process.pid), read_waits(process.pid)
    clock.start()
    os.write(writing, b"\n")
    os.close(writing)
    # It has ended, and is still there to be asked.
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    used = divide_usage(_read_usage(process.pid).since(before))
    return clock.stop(rows, [used._replace(run_queue_s=growth(waits_before, read_waits(process.pid)))])


def _open_gate(process: subprocess.Popen[bytes], gate: Path) -> int | None:
    """Wait until the program is at the gate; return None if it has ended instead."""
    while process.poll() is None:
        try:
            return os.open(str(gate), os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            # Nobody reads yet.
            if error.errno != errno.ENXIO:
                raise
        time.sleep(_LOOK_AGAIN_AFTER_S)
    return None


def divide_usage(used: Usage) -> Usage:
    """Return the usage without a part below zero, which one of a few ms can seem to have; the sum is exact."""
    total_s = used.user_s + used.system_s
    user_s = min(used.user_s, total_s)
    return used._replace(user_s=user_s, system_s=total_s - user_s)


def _read_usage(pid: int) -> Usage:
    """Return the CPU time of the process without its children. It has one thread, or has ended.

    The sum is of its CPU clock, in nanoseconds (clock_getcpuclockid(3) and the kernel's posix-timers.h say how its
    number is made). How it divides into user and system is known to 10 ms, from proc(5).
    """
    total_s = time.clock_gettime((~pid << 3) | 2)
    # Its name, in brackets, may hold anything.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks_per_s = os.sysconf("SC_CLK_TCK")
    user_s = min(int(fields[11]) / ticks_per_s, total_s)
    status = Path(f"/proc/{pid}/status").read_text()
    voluntary, involuntary = (int(count) for count in re.findall(r"voluntary_ctxt_switches:\s+(\d+)", status))
    return Usage(user_s, total_s - user_s, voluntary, involuntary)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process."""
    process.terminate()
    try:
        process.wait(_STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait()


def _take_away(gate: Path) -> None:
    """Release a shell that still waits at the gate and outlives the program; a later one finds no gate."""
    # For reading, too: this waits for nobody, and is no error where nobody reads.
    held = os.open(str(gate), os.O_RDWR)
    gate.unlink()
    os.close(held)


def _reason(said: str) -> str:
    """Return the server's first message, else the program's first error, on one line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    first = next((line for line in lines if re.search(r"\b(ERROR|FATAL|PANIC):", line)), None)
    first = first or next((line for line in lines if "error:" in line), None) or (lines[0] if lines else "")
    return first[:_SHOWN_CHARACTERS]
