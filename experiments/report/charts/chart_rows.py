"""What the chart of the ratios shows of each row, from the experiment's summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from experiments.analysis.ceilings import is_ceiling
from experiments.analysis.stats import Estimate
from experiments.analysis.summary import CellSummary, ExperimentSummary
from experiments.formatting import NOTHING
from experiments.report.labels import label_of


class Mark(Enum):
    """What a row's ratio tells; the value is the id that its points have in the file."""

    BASELINE = "baseline"
    AGAIN = "baseline-again"
    TOLD_APART = "told-apart"
    NOISE = "not-told-apart"
    UNCLAIMED = "nothing-claimed"


@dataclass(frozen=True)
class ForestRow:
    """One row of the table. ``numbers`` are rows/s and client CPU; ``without_result`` says why there is no ratio."""

    label: tuple[str, ...]
    numbers: tuple[str, str]
    mark: Mark
    ratio: Estimate | None
    without_result: str | None = None


def forest_rows(summary: ExperimentSummary, axes: Sequence[str]) -> tuple[ForestRow, ...]:
    """The rows in the order of the table, but for ceilings: COPY alone would take most of the axis."""
    return tuple(_row(cell, axes) for cell in summary.cells if not is_ceiling(cell.shown.cell))


def _row(cell: CellSummary, axes: Sequence[str]) -> ForestRow:
    return ForestRow(
        label=label_of(cell.shown.cell, axes),
        numbers=(
            NOTHING if cell.rows_per_s is None else f"{cell.rows_per_s.value:,.0f}",
            NOTHING if cell.cpu_us_per_row is None else f"{cell.cpu_us_per_row:.1f}",
        ),
        mark=_mark(cell),
        ratio=cell.ratio,
        without_result=_without_result(cell),
    )


def _mark(cell: CellSummary) -> Mark:
    if cell.baseline:
        return Mark.BASELINE
    if cell.shown.arm == "b":
        return Mark.AGAIN
    if cell.noise is None:
        return Mark.UNCLAIMED
    return Mark.NOISE if cell.noise else Mark.TOLD_APART


def _without_result(cell: CellSummary) -> str | None:
    """Why the row has no point; None where it has one."""
    if cell.shown.unsupported:
        return "cannot run"
    if cell.rows_per_s is not None:
        return None if cell.baseline or cell.ratio else "no run of the baseline in the same block"
    statuses = dict.fromkeys(status for status, _ in cell.troubles)
    return ", ".join(status.replace("_", " ") for status in statuses) or "not run yet"
