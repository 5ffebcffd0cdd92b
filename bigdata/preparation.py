"""Preparation and verification of a run by other processes, so that the measuring one holds only its driver."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any, Mapping, NamedTuple, Sequence

from bigdata.database.dburl import VARIABLE
from bigdata.errors import BadInput, LoadFailed, Unsupported

STOP_WITHIN_S = 3.0


class Preparation(NamedTuple):
    """State of the server before a load: at rest, with empty tables."""

    transactions: int | None
    """``xact_commit`` of the database; None if it cannot be read."""


class Verification(NamedTuple):
    """Result of a load as the server holds it."""

    of_tables: str
    transactions: int | None
    """Transactions that the load added."""
    problem: str | None


@lru_cache(maxsize=None)
def read_session(url: str) -> dict[str, str]:
    """Return the session that set-up gets."""
    session: dict[str, str] = _ask(["session", "--report", "-"], url)["session"]
    return session


def check_driver(url: str, loader: str, options: Sequence[str]) -> dict[str, str]:
    """Return what a report has of the session that the loader's driver gets.

    Raises BadInput if it is not that of set-up, Unsupported if the loader cannot run here. Its own process connects, as
    a connection more would count among the transactions of the load.
    """
    report = _ask(["check", loader, *options, "--report", "-"], url)
    if not report["supported"]:
        raise Unsupported(report["reason"])
    session: dict[str, str] = report["session"]
    return session


def prepare(url: str, poolsize: int, filling: Sequence[str] = ()) -> Preparation:
    """Create what is missing, remove loaded rows, check that the server allows so many connections.

    ``filling`` are options for the records that the tables are filled with.
    """
    report = _ask(["clear", "--poolsize", str(poolsize), *filling, "--report", "-"], url)
    return Preparation(report["xact_commit"])


def verify(
    url: str,
    of_source: Sequence[str],
    preparation: Preparation,
    expected_transactions: int,
    done: Mapping[str, Any],
    *,
    values_differ: bool = False,
) -> Verification:
    """Compare the digest of the tables with that of the files; with ``values_differ`` all but the data's own sum.

    Of a report ``done`` for another workload than ``ingest``, what its operations returned, too.
    """
    before = preparation.transactions
    waiting = [] if before is None else ["--expect-transactions", str(before + expected_transactions)]
    tables = _ask(["digest", *waiting, "--report", "-"], url)
    files = _ask(["digest", *of_source, "--report", "-"], url)
    after = tables["xact_commit"]
    transactions = None if before is None or after is None else after - before
    problem = None
    asked = files["workloads"][done["workload"]] if "workload" in done else files
    found, expected = tables["digest"], asked["digest"]
    if values_differ:
        found, expected = (digest.rpartition(":")[0] for digest in (found, expected))
    if found != expected:
        problem = (
            f"the tables do not hold what the files do: found {found}, expected {expected} "
            "(did another program write to them? to recreate tables and dictionary: python -m bigdata.cmd rebuild)"
        )
    answers = asked.get("answers")
    if answers is not None and done["work"]["answers"] != answers:
        problem = f"the operations did not return what the files hold: found {done['work']['answers']}, not {answers}"
    return Verification(tables["digest"], transactions, problem)


def _ask(arguments: list[str], url: str) -> dict[str, Any]:
    """Run a verb of this program, with the URL in its environment, which no process list shows."""
    root = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH")) if part)
    process = subprocess.Popen(
        [sys.executable, "-m", "bigdata.cmd", *arguments],
        env={**os.environ, VARIABLE: url, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
    )
    try:
        out, errors = process.communicate()
    except BaseException:
        _stop(process)
        raise
    if process.returncode:
        kind = BadInput if process.returncode == BadInput.exit_code else LoadFailed
        message = errors.strip()
        raise kind(message[len("error: ") :] if message.startswith("error: ") else message)
    report: dict[str, Any] = json.loads(out)
    return report


def _stop(process: subprocess.Popen[str]) -> None:
    """Stop the process, after it has cancelled its statement on the server."""
    process.terminate()
    try:
        process.communicate(timeout=STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
