"""Rows of charts: which cells have one, and in which order."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.analysis.ceilings import is_ceiling
from experiments.analysis.summary import CellSummary, ExperimentSummary
from experiments.records.campaign import Campaign
from experiments.report.labels import label_axes, setting_first, setting_of

MOST_ROWS = 12
"""Of a chart on a front page."""


def chart_axes(summary: ExperimentSummary, campaign: Campaign) -> tuple[str, ...]:
    """Return the axes for the labels of the rows with results, those of the loader last."""
    cells = [cell.shown.cell for cell in summary.cells if cell.rows_per_s is not None or cell.response is not None]
    listed = campaign.description.listed(summary.experiment.name)
    return setting_first(label_axes(cells, listed))


def by_setting(cells: Sequence[CellSummary], axes: Sequence[str]) -> list[CellSummary]:
    """Sort the cells so that those of a setting are together; settings and loaders keep their order."""
    settings = list(dict.fromkeys(setting_of(cell.shown.cell, axes) for cell in cells))
    places = {setting: place for place, setting in enumerate(settings)}
    return sorted(cells, key=lambda cell: places[setting_of(cell.shown.cell, axes)])


def has_ratio(cell: CellSummary) -> bool:
    """Return whether the chart of ratios has a row for it."""
    return not is_ceiling(cell.shown.cell) and cell.rows_per_s is not None and (cell.baseline or cell.ratio is not None)


def has_time(cell: CellSummary) -> bool:
    """Return whether the chart of time has a row for it."""
    shown = cell.shown.arm == "a" and not is_ceiling(cell.shown.cell)
    return shown and bool(cell.ledger) and sum((cell.ledger or {}).values()) > 0
