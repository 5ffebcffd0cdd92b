"""The points of the lines over an axis, from the experiment's summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from experiments.analysis.stats import Estimate, estimate_median
from experiments.analysis.summary import CellSummary, ExperimentSummary
from experiments.report.charts.catalog import Curves, Line
from experiments.report.labels import value_text


@dataclass(frozen=True)
class Metric:
    """What a panel shows. ``name`` is that of its marks in the file."""

    name: str
    caption: str


METRICS = (
    Metric("rows", "rows/s"),
    Metric("cpu", "client CPU, µs per row"),
)


@dataclass(frozen=True)
class Series:
    """One line: for each of ``METRICS`` the medians by value of the axis. Values without a good run are not there."""

    label: tuple[str, ...]
    points: tuple[Mapping[str, Estimate], ...]


def series_of(curves: Curves, summary: ExperimentSummary) -> tuple[Series, ...]:
    """The lines in their order, those too that have no point."""
    cells = {cell.shown.cell_key: cell for cell in summary.cells if cell.shown.arm == "a"}
    return tuple(_series(line, curves.axis, cells) for line in curves.lines)


def top_of(series: Sequence[Series], metric: int) -> float | None:
    """Where a panel's axis ends that begins at 0 and holds all points with their intervals; None without points."""
    highest = [
        point.value if point.high is None else point.high for one in series for point in one.points[metric].values()
    ]
    return 1.06 * max(highest) if highest else None


def _series(line: Line, axis: str, cells: Mapping[str, CellSummary]) -> Series:
    by_value = {value_text(shown.cell, axis): cells[shown.cell_key] for shown in line.cells}
    rows = {value: cell.rows_per_s for value, cell in by_value.items() if cell.rows_per_s is not None}
    cpu = {value: estimate for value, cell in by_value.items() if (estimate := _cpu(cell)) is not None}
    return Series(line.label, (rows, cpu))


def _cpu(cell: CellSummary) -> Estimate | None:
    values = [record.cpu_us_per_row for record in cell.ok if record.cpu_us_per_row is not None]
    return estimate_median(values) if values else None
