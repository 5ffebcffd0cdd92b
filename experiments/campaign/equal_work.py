"""What an attempt is worth: the reason why it failed, or how its work differs from what the files ask for."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Mapping
from typing import Any

from bigdata.registry import Loader
from experiments.campaign.datasets import ReadyData
from experiments.engines.protocol import Finished
from experiments.matrix.cell import Cell
from experiments.records.record import Status, Work

NO_LIMIT = sys.maxsize
"""The end of a range of transactions that has only a beginning."""

# What a driver dies of that does not fit its interpreter.
_CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE)

# What ceilings are.
_PROGRAMS = ("pgbench", "psql")

# The axes whose values the loader repeats in its report.
_SAID = ("loader", "loop", "protocol", "poolsize", "transaction", "inserts")


class Trouble(Exception):
    """A step of an attempt did not do what it should; ``status`` is that of the record, ``reason`` says why."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status: Status = status
        self.reason = reason


def read_report(step: str, finished: Finished, timeout_s: float) -> Mapping[str, Any]:
    """The line that a finished loader process reported. Raises Trouble where there is none, as it failed."""
    if finished.cause is not None:
        raise Trouble("failed", f"{step}: {finished.cause}")
    if finished.timed_out:
        raise Trouble("timeout", f"{step}: no end within {timeout_s:g} s")
    if finished.returncode < 0:
        raise Trouble("failed", f"{step}: ended by {_signal_name(-finished.returncode)}")
    if finished.returncode > 0:
        raise Trouble("failed", f"{step}: {_own_words(finished.stderr) or f'exit code {finished.returncode}'}")
    try:
        report = json.loads(_last_line(finished.stdout))
    except ValueError:
        report = None
    if not isinstance(report, dict):
        raise Trouble("failed", f"{step}: reported {_last_line(finished.stdout)[:80]!r}, not a line of JSON")
    return report


def read_trial(finished: Finished, timeout_s: float) -> str | None:
    """Why a combination of loader, loop, protocol and interpreter cannot run, in one line; None where it can.

    Only a crash is such a reason, and what the loader says itself. An ordinary error (no answer from the server, a
    fault of the loader, a process that was killed or did not end) is none: its runs will fail, and say so.
    """
    if -finished.returncode in _CRASHES and not has_been_ended(finished):
        return f"ended by {_signal_name(-finished.returncode)} when it was tried"
    try:
        report = read_report("check", finished, timeout_s)
    except Trouble:
        return None
    if report.get("supported", True):
        return None
    return " ".join(str(report.get("reason")).split())


def has_been_ended(finished: Finished) -> bool:
    """Whether something else has ended it: the time limit, a limit of memory."""
    return finished.timed_out or finished.cause is not None


def driver_facts(finished: Finished) -> Mapping[str, Any]:
    """The libpq that a driver uses, by what it says when it is tried, and the version of a ceiling's program.

    Nothing where it says nothing.

    A lock does not decide it: psycopg in Python takes the system's, and what is built from source was built with it.
    """
    try:
        client = json.loads(_last_line(finished.stdout))["client"]
        facts = {name: client[name] for name in ("libpq", "libpq_bundled")}
        return {**facts, **{name: said for name, said in client.get("packages", {}).items() if name in _PROGRAMS}}
    except (ValueError, TypeError, KeyError):
        return {}


def reported_cpu_s(finished: Finished) -> float | None:
    """CPU seconds of the loader's process from its start, as it reports them; None where it does not."""
    try:
        return float(json.loads(_last_line(finished.stdout))["client"]["cpu_s"])
    except (ValueError, TypeError, KeyError):
        return None


def find_differences(done: Work, data: ReadyData, transactions: range, loader: Loader | None = None) -> list[str]:
    """Name everything in which the work done differs from the work asked for. What is not known is not judged.

    Of a ceiling's values only their number is judged where it sends others, and no SELECTs where it sends none.
    """
    asked = (("geo records", done.geo_records, data.geo_records), ("rows", done.rows, data.rows))
    found = [f"{what}: {actual} of {expected}" for what, actual, expected in asked if actual not in (None, expected)]
    values_differ = loader is not None and loader.values_differ
    if _of_values(done.digest, values_differ) != _of_values(data.digest, values_differ) and not found:
        found.append("values: the tables do not hold what the files do (their digests differ)")
    if done.transactions is not None and done.transactions not in transactions:
        found.append(f"transactions: {done.transactions} of {_span(transactions)}")
    # Of either SELECT there is one for each data record, and none comes without a scan.
    selects = loader is None or not loader.copies
    scans = (("geo_record", done.geo_scans), ("matrix", done.matrix_scans)) if selects else ()
    found += [
        f"scans of {table}: {actual} of {data.data_records} at least, one for each SELECT"
        for table, actual in scans
        if actual is not None and actual < data.data_records
    ]
    return found


def find_contradictions(report: Mapping[str, Any], cell: Cell, data: ReadyData) -> list[str]:
    """Name everything that the loader says it did and was not asked for. What it does not say is not judged.

    The rates that are published are computed from its rows; the other way of running would be another cell.
    """
    client, phases, work = report["client"], report["phases"], report.get("work", {})
    pairs = [
        *((axis, report.get(axis), getattr(cell, axis)) for axis in _SAID),
        ("implementation", client.get("driver_implementation"), cell.implementation),
        ("GIL", "on" if cell.gil == "off" and client.get("gil_enabled") else None, cell.gil),
        ("rows of phase geo", phases["geo"]["rows"], data.geo_records),
        ("rows of phase data", phases["data"]["rows"], data.rows),
        ("data records", work.get("data_records"), data.data_records),
    ]
    return [f"{what}: {said}, not {asked}" for what, said, asked in pairs if said is not None and said != asked]


def _of_values(digest: str | None, values_differ: bool) -> str | None:
    """What is compared of a digest ('geo:100:49;data:22200:-7'): all but the data's sum where the values differ."""
    return digest.rpartition(":")[0] if digest is not None and values_differ else digest


def _span(expected: range) -> str:
    if expected.stop == NO_LIMIT:
        return f"{expected[0]} at least"
    return f"{expected[0]}" if len(expected) == 1 else f"{expected[0]} to {expected[-1]}"


def _own_words(stderr: str) -> str:
    """The error that the loader ended with: a message of libpq has several lines. Without one, the last line."""
    _, prefix, message = f"\n{stderr}".rpartition("\nerror: ")
    return " ".join(message.split()) if prefix else _last_line(stderr)


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else ""


def _signal_name(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"
