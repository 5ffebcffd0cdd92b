"""One table per experiment, as Markdown and as CSV, from a campaign's description and records alone."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict

from tabulate import tabulate

from experiments.builds import marks_of
from experiments.captions import caption_lines
from experiments.description import Description, ShownExperiment
from experiments.records import RUN_STATUSES, Record
from experiments.stats import Estimate, is_noise
from experiments.summary import CellSummary, ExperimentSummary, summarize
from experiments.wording import NOTHING, axis_name, axis_value, with_interval

HEADINGS = (
    "rows/s (95% interval)",
    "ratio (95% interval)",
    "client CPU µs/row",
    "client core",
    "ok",
    "note",
)
RIGHT_ALIGNED = 5

# Column of the CSV -> field of ``Client``.
_CLIENT_COLUMNS = {
    "free_threaded": "free_threaded",
    "gil_enabled": "gil_enabled",
    "optimized": "optimized_build",
    "lto": "lto",
    "jit": "jit",
    "switch_interval_s": "switch_interval_s",
    "libpq": "libpq",
    "libpq_bundled": "libpq_bundled",
    "driver_implementation": "driver_implementation",
}


def markdown_table(description: Description, records: Sequence[Record], experiment: ShownExperiment) -> str:
    """The experiment's question, its table and what must be known to read it; no heading."""
    summary = summarize(description, records, experiment)
    axes = varying_axes(summary)
    rows = [[*_axis_cells(cell, axes), *_value_cells(cell, summary.floor)] for cell in summary.cells]
    headings = [*(axis_name(axis) for axis in axes), *HEADINGS]
    alignment = ["left"] * len(axes) + ["right"] * RIGHT_ALIGNED + ["left"]
    table = tabulate(rows, headings, tablefmt="pipe", disable_numparse=True, colalign=alignment)
    notes = "\n".join(f"- {line}" for line in caption_lines(description, summary, axes))
    return f"{experiment.question}\n\n{table}\n\n{notes}\n"


def csv_table(description: Description, records: Sequence[Record], experiment: ShownExperiment) -> str:
    """The same rows for programs: every axis, plain numbers, units in the names."""
    summary = summarize(description, records, experiment)
    text = io.StringIO()
    rows = [_csv_row(cell, summary) for cell in summary.cells]
    writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def varying_axes(summary: ExperimentSummary) -> list[str]:
    """The axes that have more than one value in the experiment; the loader where none has."""
    cells = [cell.shown.cell for cell in summary.cells]
    axes = [axis for axis in cells[0] if len({cell[axis] for cell in cells}) > 1] if cells else []
    return axes or ["loader"]


def _axis_cells(cell: CellSummary, axes: Sequence[str]) -> list[str]:
    texts = {axis: axis_value(cell.shown.cell[axis]) for axis in axes}
    for mark, column in marks_of(cell, axes):
        texts[column] += f" {mark}"
    return list(texts.values())


def _value_cells(cell: CellSummary, floor: float | None) -> list[str]:
    return [
        NOTHING if cell.rows_per_s is None else with_interval(cell.rows_per_s, ",.0f"),
        _ratio(cell, floor),
        NOTHING if cell.cpu_us_per_row is None else f"{cell.cpu_us_per_row:.1f}",
        NOTHING if cell.client_share is None else f"{cell.client_share:.0%}",
        NOTHING if cell.shown.unsupported else f"{len(cell.ok)} of {cell.planned}",
        _note(cell).replace("|", "\\|"),
    ]


def _ratio(cell: CellSummary, floor: float | None) -> str:
    if cell.baseline and cell.rows_per_s is not None:
        return "1"
    if cell.ratio is None:
        return NOTHING
    mark = "≈ " if cell.shown.arm == "a" and is_noise(cell.ratio, floor) else ""
    return mark + with_interval(cell.ratio, ".2f")


def _note(cell: CellSummary) -> str:
    """What makes the row special: its role, why it cannot run, what held it back, what went wrong."""
    if cell.shown.unsupported:
        return f"cannot run: {cell.shown.unsupported}"
    parts = ["baseline"] if cell.baseline else []
    parts += ["the baseline again"] if cell.shown.arm == "b" else []
    parts += [] if cell.throttled_share is None else [f"throttled {cell.throttled_share:.0%} of the time"]
    parts += [f"{number} {status}: {reason}" for (status, reason), number in cell.troubles.items()]
    missing = cell.planned - len(cell.finished)
    parts += [f"{missing} not run yet"] if missing else []
    return "; ".join(parts)


def _csv_row(cell: CellSummary, summary: ExperimentSummary) -> dict[str, object]:
    statuses = [record.status for record in cell.finished]
    noise = cell.ratio is not None and cell.shown.arm == "a" and is_noise(cell.ratio, summary.floor)
    return {
        "experiment": summary.experiment.name,
        **cell.shown.cell,
        "arm": cell.shown.arm,
        "baseline": int(cell.baseline),
        "planned": cell.planned,
        **{status: statuses.count(status) for status in RUN_STATUSES},
        "unsupported": int(bool(cell.shown.unsupported)),
        "interrupted": cell.interrupted,
        **_estimate_columns("rows_per_s", cell.rows_per_s, 1),
        **_estimate_columns("ratio", cell.ratio, 4),
        "not_told_apart": int(noise),
        "cpu_us_per_row": "" if cell.cpu_us_per_row is None else round(cell.cpu_us_per_row, 3),
        "client_share": "" if cell.client_share is None else round(cell.client_share, 3),
        "throttled_share": "" if cell.throttled_share is None else round(cell.throttled_share, 3),
        **_client_columns(cell),
        "note": _note(cell),
    }


def _client_columns(cell: CellSummary) -> dict[str, object]:
    """What the runs say of interpreter and driver, where they all say the same; yes is 1."""
    values = {column: cell.client_fact(name) for column, name in _CLIENT_COLUMNS.items()}
    return {
        column: "" if value is None else int(value) if isinstance(value, bool) else value
        for column, value in values.items()
    }


def _estimate_columns(name: str, estimate: Estimate | None, digits: int) -> dict[str, object]:
    values = asdict(estimate or Estimate(0.0))
    known = {key: value for key, value in values.items() if estimate is not None and value is not None}
    names = {"value": name, "low": f"{name}_low", "high": f"{name}_high"}
    return {column: round(known[key], digits) if key in known else "" for key, column in names.items()}
