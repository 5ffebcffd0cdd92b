"""Runs of a cell that count, by block, with what they are compared by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from experiments.analysis.response_times import compared_by
from experiments.analysis.stats import Estimate, estimate_median
from experiments.records.record import Record


@dataclass(frozen=True, slots=True)
class GoodRun:
    """A run that counts. ``compared`` is its throughput, or the response time of an open loop (``compared_by``).

    ``resumed``: by a command that resumed the campaign, on restarted servers.
    """

    compared: float
    resumed: bool


GoodRuns = Mapping[int, GoodRun]
"""By block."""


def good_runs(runs: Iterable[Record]) -> dict[int, GoodRun]:
    """Return the runs of one cell that count, by block: only ok ones are in medians, ratios and effects."""
    return {
        record.block: GoodRun(compared, record.resumed)
        for record in runs
        if record.status == "ok" and (compared := compared_by(record)) is not None
    }


def paired(runs: GoodRuns, baseline: GoodRuns) -> dict[int, GoodRun]:
    """Return the runs whose baseline ran in the same block by the same command, so on the same start of the servers."""
    return {block: run for block, run in runs.items() if block in baseline and baseline[block].resumed == run.resumed}


def values(runs: GoodRuns) -> dict[int, float]:
    """Return what they are compared by."""
    return {block: run.compared for block, run in runs.items()}


def estimate_rate(ok: Iterable[Record]) -> Estimate | None:
    """Estimate the throughput; of an open loop it is that of its schedule, unless the loop is saturated."""
    reached = [record.operations_per_s if record.open_loop else record.rate for record in ok]
    known = [rate for rate in reached if rate is not None]
    return estimate_median(known) if known else None
