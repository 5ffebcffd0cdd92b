"""A run of the loader whose workers all wait in a statement that takes a minute."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bigdata import loader_program as program
from tests.project import ROOT

STOP_WITHIN_S = 5.0
INTERRUPTED = "error: interrupted before the work was complete\n"

SLEEPING_TABLE = """
    CREATE FUNCTION interfere() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$;
    CREATE TRIGGER interfere BEFORE INSERT ON data_element FOR EACH ROW EXECUTE FUNCTION interfere()
"""
COUNT_ASLEEP = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"


@contextlib.contextmanager
def asleep(
    name: str, tmp_path: Path, workers: int, dburl: str, *, through: str | None = None
) -> Iterator[subprocess.Popen[str]]:
    """The run, in a group of processes of its own; ``through`` is the address that it connects to, if another."""
    program.query(dburl, SLEEPING_TABLE)
    directory = program.generate(tmp_path / "files", records=30)
    with start(name, directory, workers, through or dburl) as process:
        program.wait_for(lambda: program.query(dburl, COUNT_ASLEEP) == [(workers,)])
        yield process


@contextlib.contextmanager
def start(name: str, directory: Path, workers: int, dburl: str) -> Iterator[subprocess.Popen[str]]:
    """A run on tables that are prepared, in a group of processes of its own, which is gone in the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bigdata.cmd", *program.load_arguments((name, None), directory, workers, "--prepared")],
        cwd=ROOT,
        env={**os.environ, "BIGDATA_DBURL": dburl},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        with process:
            yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def end_by(process: subprocess.Popen[str], number: signal.Signals = signal.SIGINT) -> None:
    """Send the signal: the run ends in time, says that it was interrupted and nothing else, with exit code 130."""
    process.send_signal(number)
    started_s = time.monotonic()
    _, errors = process.communicate(timeout=20)
    assert time.monotonic() - started_s < STOP_WITHIN_S
    assert (process.returncode, errors) == (130, INTERRUPTED)
