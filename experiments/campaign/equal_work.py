"""Equal work: differences between the work of a run and the work that the files ask for."""

import re
import sys
from collections.abc import Mapping
from functools import partial
from typing import Any

from bigdata.registry import LOADERS, WORKLOADS
from experiments.campaign.datasets import AskedOperations, PreparedData
from experiments.matrix.cell import Cell
from experiments.records.record import Work

NO_LIMIT = sys.maxsize
"""The end of a range of transactions that has only a beginning."""


# The axes whose values the loader repeats in its report.
_REPORTED = ("loader", "loop", "protocol", "poolsize", "transaction", "inserts", "workload", "checkout")


def find_differences(done: Work, data: PreparedData, transactions: range, cell: Cell | None = None) -> list[str]:
    """Return what differs from the work asked for; of ceilings only what they send, and nothing that is unknown."""
    loader = None if cell is None else LOADERS.get(cell.loader)
    operations = None if cell is None else data.operations_of(cell)
    digest = data.digest if operations is None else operations.digest
    rows = data.rows if operations is None else _rows_of(digest)
    asked = (("geo records", done.geo_records, data.geo_records), ("rows", done.rows, rows))
    found = [f"{what}: {actual} of {expected}" for what, actual, expected in asked if actual not in (None, expected)]
    compared = partial(_of_values, differ=_DIFFER[loader is not None and loader.values_differ, operations is not None])
    if compared(done.digest) != compared(digest) and not found:
        found.append("values: the tables do not hold what the files do (their digests differ)")
    if done.transactions is not None and done.transactions not in transactions:
        found.append(f"transactions: {done.transactions} of {_span(transactions)}")
    if operations is not None and cell is not None:
        return [*found, *_find_other_answers(done, operations), *_find_left_out(done, operations, cell)]
    # Each data record takes one of either SELECT, and each SELECT at least one scan.
    selects = loader is None or not loader.copies
    scans = (("geo_record", done.geo_scans), ("matrix", done.matrix_scans)) if selects else ()
    return found + [
        f"scans of {table}: {actual} of {data.data_records} at least, one for each SELECT"
        for table, actual in scans
        if actual is not None and actual < data.data_records
    ]


def _find_other_answers(done: Work, asked: AskedOperations) -> list[str]:
    """Return how the answers to the checked operations differ from what the files hold."""
    if asked.answers in (None, done.answers):
        return []
    rows, expected = _rows_of(done.answers or "0"), _rows_of(str(asked.answers))
    count = f"{rows} of {expected} rows" if rows != expected else "other values than the files hold (digests differ)"
    return [f"answers: {asked.checked} operations returned {count}"]


def _find_left_out(done: Work, asked: AskedOperations, cell: Cell) -> list[str]:
    """Return where the server counted less than the operations need."""
    statements, every = WORKLOADS[cell.workload].statements, asked.operations + asked.checked
    counts = [] if "SLEEP" in statements else [("scans of geo_record", done.geo_scans, every)]
    # A ceiling that draws other keys may read fewer.
    if "SELECT_ELEMENTS" in statements and not LOADERS[cell.loader].values_differ:
        counts.append(("data elements read", done.elements_read, asked.rows + _rows_of(str(asked.answers))))
    if "UPDATE_GEO" in statements:
        counts.append(("geo records updated", done.geo_updated, every))
    return [f"{what}: {actual} of {least} at least" for what, actual, least in counts if (actual or 0) < least]


def find_contradictions(
    report: Mapping[str, Any], cell: Cell, data: PreparedData, rate_per_s: float | None = None
) -> list[str]:
    """Return contradictions between the loader's report and what it was asked for; missing values are not judged."""
    client, phases, work = report["client"], report["phases"], report.get("work", {})
    asked = data.operations_of(cell)
    pairs = [
        *((axis, report.get(axis), getattr(cell, axis)) for axis in _REPORTED),
        ("arrivals per second", report.get("arrivals", {}).get("rate_per_s"), rate_per_s),
        ("implementation", client.get("driver_implementation"), cell.implementation),
        ("GIL", "on" if cell.gil == "off" and client.get("gil_enabled") else None, cell.gil),
    ]
    if asked is None:
        pairs += [
            ("rows of phase geo", phases["geo"]["rows"], data.geo_records),
            ("rows of phase data", phases["data"]["rows"], data.rows),
            ("data records", work.get("data_records"), data.data_records),
        ]
    else:
        least_s = WORKLOADS[cell.workload].least_s * asked.operations / cell.poolsize
        pairs += [
            ("phase data", "too short" if phases["data"]["wall_s"] < least_s else None, f"{least_s:g} s at least"),
            ("rows of phase data", phases["data"]["rows"], asked.rows),
            ("operations", phases["data"]["operations"], asked.operations),
            ("checked operations", work["checked"], asked.checked),
        ]
    return [f"{what}: {said}, not {asked}" for what, said, asked in pairs if said is not None and said != asked]


# The sums that differ where a ceiling's values do: of the data, and of operations those of both tables.
_DIFFER = {(False, False): 0, (False, True): 0, (True, False): 1, (True, True): 2}


def _of_values(digest: str | None, differ: int) -> str | None:
    """Return the comparable part of a digest ('geo:100:49;data:22200:-7'): without the sums that ``differ``."""
    sums = re.compile(r"(?<=\d):-?\d+" + ("$" if differ == 1 else r"(?=;|$)"))
    return sums.sub("", digest) if digest is not None and differ else digest


def _rows_of(digest: str) -> int:
    """Return the number of rows of a digest, of tables or of answers: the one before its last sum."""
    return int(digest.split(":")[-2] if ":" in digest else digest)


def _span(expected: range) -> str:
    if expected.stop == NO_LIMIT:
        return f"{expected[0]} at least"
    return f"{expected[0]}" if len(expected) == 1 else f"{expected[0]} to {expected[-1]}"
