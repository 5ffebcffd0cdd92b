"""Response times of an open loop: percentiles of each run of a cell, and their medians with intervals.

Runs of an open loop are compared by the 99th percentile of the response time, not by throughput, which the schedule
decides. Saturated runs have no such time: it would be a matter of how long they ran. Among the others they count as the
slowest. Nor are the times of several runs put together: one that stood still for a moment would have all of the p99.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from experiments.analysis.stats import Estimate, estimate_median, median_of_known
from experiments.records.histogram import Histogram
from experiments.records.open_loop import OpenLoop
from experiments.records.record import Record

PERCENTS: Mapping[str, float] = {"p50": 50, "p90": 90, "p99": 99, "p99.9": 99.9, "max": 100}
COMPARED = "p99"
"""The percentile by which runs are compared."""

_S_PER_NS = 1e-9


@dataclass(frozen=True)
class ResponseTimes:
    """A cell's open loop: seconds by the names of ``PERCENTS``; none where more than half of the runs are saturated.

    ``offered`` is the rate of the schedule per second, the median of the runs as all that follow: ``queue`` are the
    operations in it at the end, ``mean_s`` is the mean response time. ``start_delay_s`` is the 99th percentile for
    operations whose worker was free, ``on_time`` the share of those that began within 0.2 ms, ``run_queue_us`` the time
    that the client's threads waited for a core for each operation.
    """

    offered: float
    queue: float
    saturated: int
    runs: int
    response_s: Mapping[str, Estimate]
    service_s: Mapping[str, Estimate]
    mean_s: float | None
    start_delay_s: float | None
    on_time: float | None
    run_queue_us: float | None

    @property
    def is_saturated(self) -> bool:
        """Return whether arrivals outran the cell in more than half of its runs."""
        return 2 * self.saturated > self.runs


def compared_by(record: Record) -> float | None:
    """Return what runs are compared by: the throughput, or the response time of an open loop; None if it has none."""
    if record.open_loop is None:
        return record.rate
    found = Histogram.decode(record.open_loop.response).percentile(PERCENTS[COMPARED])
    return None if record.open_loop.saturated or not found else found * _S_PER_NS


def find_response_times(ok: Sequence[Record]) -> ResponseTimes | None:
    """Return the response times of the good runs of a cell; None of a closed loop."""
    runs = [(record, record.open_loop) for record in ok if record.open_loop is not None]
    loops = [loop for _, loop in runs]
    if not loops:
        return None
    saturated = sum(loop.saturated for loop in loops)
    steady = loops if 2 * saturated <= len(loops) else []
    responses = [Histogram.decode(loop.response) for loop in steady]
    mean = _of_runs(steady, [one.mean for one in responses])
    delays = Histogram.merge(Histogram.decode(loop.start_delay) for loop in loops).percentile(99)
    awaited = sum(loop.awaited for loop in loops)
    waits = [
        data.run_queue_s / data.units * 1e6
        for record, _ in runs
        if record.phases and (data := record.phases["data"]).run_queue_s is not None and data.units
    ]
    return ResponseTimes(
        offered=statistics.median(loop.rate_per_s for loop in loops),
        queue=statistics.median(loop.queue for loop in loops),
        saturated=saturated,
        runs=len(loops),
        response_s=_percentiles(steady, responses),
        service_s=_percentiles(steady, [Histogram.decode(loop.service) for loop in steady]),
        mean_s=mean.value if mean else None,
        start_delay_s=_in_seconds(delays),
        on_time=sum(loop.on_time for loop in loops) / awaited if awaited else None,
        run_queue_us=median_of_known(waits),
    )


def _percentiles(loops: Sequence[OpenLoop], each: Sequence[Histogram]) -> dict[str, Estimate]:
    found = {name: _of_runs(loops, [one.percentile(percent) for one in each]) for name, percent in PERCENTS.items()}
    return {name: estimate for name, estimate in found.items() if estimate is not None}


def _of_runs(loops: Sequence[OpenLoop], values_ns: Sequence[float | None]) -> Estimate | None:
    """Return the median of the runs, of which at most half are saturated, with its interval if that ends."""
    pairs = zip(loops, values_ns, strict=True)
    own = [math.inf if loop.saturated else value * _S_PER_NS for loop, value in pairs if value is not None]
    if not own:
        return None
    found = estimate_median(own)
    if math.isinf(found.value):
        return Estimate(statistics.median_low(own))
    return Estimate(found.value) if found.high is not None and math.isinf(found.high) else found


def _in_seconds(value_ns: float | None) -> float | None:
    return None if value_ns is None else value_ns * _S_PER_NS
