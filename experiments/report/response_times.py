"""Columns and notes of experiments whose cells are open loops: response times in the place of rows/s."""

from __future__ import annotations

from collections.abc import Mapping

from experiments.analysis.response_times import COMPARED, PERCENTS, ResponseTimes
from experiments.analysis.stats import Estimate, with_interval
from experiments.analysis.summary import CellSummary, ExperimentSummary
from experiments.formatting import NOTHING, format_known, whole

SATURATED = "saturated"

RATIO = f"{COMPARED} ratio (95% interval)"
HEADINGS = (
    "rows/s offered",
    "rows/s reached",
    *(f"{name} ms" for name in PERCENTS),
    RATIO,
    "service p50 ms",
    "service p99 ms",
    "queue at end",
    "start delay p99 µs",
    "core wait µs/row",
    "client CPU µs/row",
)
TERMINAL_HEADINGS = ("rows/s offered", "p50 ms", "p99 ms", RATIO)

NOTES = (
    "Response time: from the instant at which an operation is due by the schedule, a Poisson process with the same "
    "instants for every loader (pgbench: one of its own), to the end of its answer; by HdrHistogram to within "
    "0.4%, the median of the runs, of which a saturated one is the slowest. Service time: from its start. The "
    "difference is the time in the queue.",
    f"Ratios are of the {COMPARED} response time to that of the baseline with the same arrivals, in the same block: "
    "below 1 is faster. They are means on the logarithmic scale.",
    "Saturated: arrivals outran the row, as over 2% of the operations were still queued when the last one came. "
    "Response times would only say how long the run was.",
    "*Start delay*: how late an operation began though its worker was free, for 1 of 100 (p99). That is the lag of the "
    "event loop, or the wait for the interpreter's lock and for a core. *Core wait* is the kernel's account of the "
    "latter.",
)


def value_cells(cell: CellSummary, ratio: str) -> list[str]:
    """Return a row's values under ``HEADINGS``."""
    times = cell.response
    if times is None:
        return [NOTHING] * len(HEADINGS)
    service = [_milliseconds(times.service_s.get(name)) for name in ("p50", "p99")]
    delay_us = None if times.start_delay_s is None else times.start_delay_s * 1e6
    return [
        whole(times.offered),
        with_interval(cell.rows_per_s, ",.0f"),
        *(_response(times, name) for name in PERCENTS),
        ratio,
        *service,
        whole(times.queue),
        format_known(delay_us, ",.0f"),
        format_known(times.run_queue_us, ".1f"),
        format_known(cell.cpu_us_per_row, ".1f"),
    ]


def short_cells(cell: CellSummary, ratio: str) -> list[str]:
    """Return a row's values under ``TERMINAL_HEADINGS``."""
    times = cell.response
    if times is None:
        return [NOTHING] * len(TERMINAL_HEADINGS)
    return [whole(times.offered), _response(times, "p50"), _response(times, "p99"), ratio]


def response_lines(summary: ExperimentSummary) -> list[str]:
    """Return the notes below the table, with how well the schedule was kept where it was not."""
    if not summary.is_open:
        return []
    times = [cell.response for cell in summary.cells if cell.response is not None]
    kept = [one.on_time for one in times if one.on_time is not None]
    if not kept:
        return [*NOTES]
    shares = f"{min(kept):.1%} to {max(kept):.1%}"
    return [*NOTES, f"Schedule: {shares} of the operations whose worker was free began within 0.2 ms, by row."]


def csv_columns(cell: CellSummary) -> dict[str, object]:
    """Return the columns of the CSV, always the same: seconds, empty where unknown or saturated."""
    times = cell.response
    columns: dict[str, object] = {
        "offered_per_s": times.offered if times else "",
        "queue": times.queue if times else "",
        "saturated_runs": times.saturated if times else "",
        "on_time_share": _rounded(times.on_time if times else None),
        "start_delay_p99_s": _rounded(times.start_delay_s if times else None),
        "core_wait_us_per_row": _rounded(times.run_queue_us if times else None),
    }
    kinds: dict[str, Mapping[str, Estimate]] = {
        "response": times.response_s if times else {},
        "service": times.service_s if times else {},
    }
    for kind, estimates in kinds.items():
        for name in PERCENTS:
            found = estimates.get(name)
            for end, suffix in (("value", ""), ("low", "_low"), ("high", "_high")):
                columns[f"{kind}_{name}{suffix}_s"] = _rounded(getattr(found, end, None))
    return columns


def _response(times: ResponseTimes, name: str) -> str:
    """Return a percentile in milliseconds; of a saturated row the first one says so."""
    if times.is_saturated:
        return SATURATED if name == next(iter(PERCENTS)) else NOTHING
    return _milliseconds(times.response_s.get(name), with_ends=name in ("p50", COMPARED))


def _milliseconds(time_s: Estimate | None, *, with_ends: bool = False) -> str:
    if time_s is None:
        return NOTHING
    ends = [time_s.value, *(time_s.interval or ())] if with_ends else [time_s.value]
    value, *interval = (f"{end * 1e3:,.3g}" for end in ends)
    return f"{value} ({' to '.join(interval)})" if interval else value


def _rounded(value: float | None) -> float | str:
    return "" if value is None else float(f"{value:.4g}")
