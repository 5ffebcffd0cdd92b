"""Equal work: differences between the work of a run and the work that the files ask for."""

import sys
from collections.abc import Mapping
from typing import Any

from bigdata.registry import Loader
from experiments.campaign.datasets import PreparedData
from experiments.matrix.cell import Cell
from experiments.records.record import Work

NO_LIMIT = sys.maxsize
"""The end of a range of transactions that has only a beginning."""


# The axes whose values the loader repeats in its report.
_REPORTED = ("loader", "loop", "protocol", "poolsize", "transaction", "inserts")


def find_differences(done: Work, data: PreparedData, transactions: range, loader: Loader | None = None) -> list[str]:
    """Return what differs from the work asked for; of ceilings only what they send, and nothing that is unknown."""
    asked = (("geo records", done.geo_records, data.geo_records), ("rows", done.rows, data.rows))
    found = [f"{what}: {actual} of {expected}" for what, actual, expected in asked if actual not in (None, expected)]
    values_differ = loader is not None and loader.values_differ
    if _of_values(done.digest, values_differ) != _of_values(data.digest, values_differ) and not found:
        found.append("values: the tables do not hold what the files do (their digests differ)")
    if done.transactions is not None and done.transactions not in transactions:
        found.append(f"transactions: {done.transactions} of {_span(transactions)}")
    # Each data record takes one of either SELECT, and each SELECT at least one scan.
    selects = loader is None or not loader.copies
    scans = (("geo_record", done.geo_scans), ("matrix", done.matrix_scans)) if selects else ()
    found += [
        f"scans of {table}: {actual} of {data.data_records} at least, one for each SELECT"
        for table, actual in scans
        if actual is not None and actual < data.data_records
    ]
    return found


def find_contradictions(report: Mapping[str, Any], cell: Cell, data: PreparedData) -> list[str]:
    """Return contradictions between the loader's report and what it was asked for; missing values are not judged."""
    client, phases, work = report["client"], report["phases"], report.get("work", {})
    pairs = [
        *((axis, report.get(axis), getattr(cell, axis)) for axis in _REPORTED),
        ("implementation", client.get("driver_implementation"), cell.implementation),
        ("GIL", "on" if cell.gil == "off" and client.get("gil_enabled") else None, cell.gil),
        ("rows of phase geo", phases["geo"]["rows"], data.geo_records),
        ("rows of phase data", phases["data"]["rows"], data.rows),
        ("data records", work.get("data_records"), data.data_records),
    ]
    return [f"{what}: {said}, not {asked}" for what, said, asked in pairs if said is not None and said != asked]


def _of_values(digest: str | None, values_differ: bool) -> str | None:
    """Return the comparable part of a digest ('geo:100:49;data:22200:-7'): without the data's sum if values differ."""
    return digest.rpartition(":")[0] if digest is not None and values_differ else digest


def _span(expected: range) -> str:
    if expected.stop == NO_LIMIT:
        return f"{expected[0]} at least"
    return f"{expected[0]}" if len(expected) == 1 else f"{expected[0]} to {expected[-1]}"
