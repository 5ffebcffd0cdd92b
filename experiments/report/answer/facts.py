"""Facts of the question: threads, asyncio and uvloop with the same driver, in each setting of a campaign.

A setting is a cell without its loader. Holm's correction covers the ratios of an experiment in the baseline's setting,
and separately those in all its other settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakKeyDictionary

from experiments.analysis.good_runs import paired, values
from experiments.analysis.queueing.measurements import Point
from experiments.analysis.queueing.model import Model
from experiments.analysis.stats import Estimate, Ratio, estimate_ratio, mark_noise
from experiments.analysis.summary import CampaignSummary, CellSummary, ExperimentSummary
from experiments.analysis.usable_cores import Setup
from experiments.records.description import Description, ShownExperiment

QUESTION, PART = "io_or_cpu", "loaders"
"""The experiment of the shipped matrix that asks the question, and the one that asks a part of it."""

THREADS, ASYNCIO, UVLOOP = "threads", "asyncio", "uvloop"
TWINS, OF_2014 = "psycopg 3", "psycopg2, aiopg"
COMPARED: Mapping[tuple[str, str | None], tuple[str, str]] = {
    ("row_by_row_psycopg_threaded", None): (TWINS, THREADS),
    ("row_by_row_psycopg_asyncio", "asyncio"): (TWINS, ASYNCIO),
    ("row_by_row_psycopg_asyncio", "uvloop"): (TWINS, UVLOOP),
    ("row_by_row_threaded", None): (OF_2014, THREADS),
    ("row_by_row_asyncio", "asyncio"): (OF_2014, ASYNCIO),
    ("row_by_row_asyncio", "uvloop"): (OF_2014, UVLOOP),
}
"""The loaders that are compared, by loader and loop: with the same driver and SQL, and those of the demo of 2014."""

# The loaders of a setting differ in the first two, the drivers of the same main setting in all.
ANY_LOADER = ("loader", "loop", "protocol", "implementation")

Cells = Mapping[str, CellSummary]


@dataclass(frozen=True)
class Setting:
    """A driver's cells with the same values of all axes but the loader's, their ratios to threads, and model's points.

    ``differs`` are the axes whose values are not those of the baseline of the campaign's question.
    """

    experiment: str
    driver: str
    axes: Mapping[str, Any]
    cells: Cells
    ratios: Mapping[str, Ratio]
    floor: float | None = None
    differs: tuple[str, ...] = ()
    points: Mapping[str, Point] = field(default_factory=dict)

    @property
    def setup(self) -> Setup:
        """Return the cores of both sides."""
        return next((cell.observations.cores for cell in self.cells.values() if cell.observations), Setup())

    @property
    def durable(self) -> bool:
        """Return whether each row waits for its commit to reach the disk."""
        return any(point.durable for point in self.points.values())

    @property
    def main(self) -> bool:
        """Return whether it is the baseline's."""
        return not self.differs

    @property
    def is_open(self) -> bool:
        """Return whether it is an open loop, whose ratios are those of the 99th percentile of the response time."""
        return any(cell.shown.cell.is_open for cell in self.cells.values())

    @property
    def pool(self) -> int:
        """Return the number of connections."""
        return int(self.axes["poolsize"] or 0)


def find_question(description: Description) -> ShownExperiment | None:
    """Return the campaign's experiment that answers most of the question."""
    experiments = {experiment.name: experiment for experiment in description.experiments}
    return experiments.get(QUESTION, experiments.get(PART))


def find_facts(whole: CampaignSummary) -> list[Setting]:
    """Return the settings of all experiments, each with a driver once; those of the question come first."""
    question = find_question(whole.campaign.description)
    ordered = sorted(whole.experiments, key=lambda one: one.experiment != question)
    main = next((_without(cell, ANY_LOADER) for one in ordered for cell in one.cells if cell.baseline), {})
    found: dict[tuple[str, tuple[Any, ...]], Setting] = {}
    for setting in (one for summary in ordered for one in find_settings(summary, whole.model)):
        axes = _without(_first(setting.cells), ANY_LOADER)
        differs = tuple(axis for axis, value in axes.items() if axis not in main or main[axis] != value)
        found.setdefault((setting.driver, tuple(setting.axes.values())), replace(setting, differs=differs))
    return list(found.values())


def find_settings(summary: ExperimentSummary, model: Model | None = None) -> Sequence[Setting]:
    """Return the settings of one experiment; rows that were disturbed, or limited by a relay, are in none."""
    found = _FOUND.get(summary)
    if found is None:
        found = _FOUND[summary] = tuple(_find_settings(summary))
    points = {cell.point.shown.cell_key: cell.point for cell in (model.cells if model else ())}
    keys = [{name: cell.shown.cell_key for name, cell in one.cells.items()} for one in found]
    measured = [{name: points[key] for name, key in of_one.items() if key in points} for of_one in keys]
    return [replace(one, points=of_one) for one, of_one in zip(found, measured, strict=True)]


# Charts, page and answer ask for the same, and each ratio takes all runs of two cells.
_FOUND: WeakKeyDictionary[ExperimentSummary, Sequence[Setting]] = WeakKeyDictionary()


def _find_settings(summary: ExperimentSummary) -> Iterable[Setting]:
    groups: dict[tuple[str, tuple[Any, ...]], dict[str, CellSummary]] = {}
    for cell in summary.cells:
        driver, name = COMPARED.get((cell.shown.cell.loader, cell.shown.cell.loop), ("", ""))
        if driver and cell.shown.arm == "a" and cell.rows_per_s and not (cell.disturbed_ground or cell.is_relay_bound):
            groups.setdefault((driver, tuple(_without(cell).values())), {})[name] = cell
    baseline = next((_without(cell, ANY_LOADER) for cell in summary.cells if cell.baseline), None)
    ratios: dict[str, Ratio] = {}
    for main in (True, False):
        family = [cells for cells in groups.values() if (_without(_first(cells), ANY_LOADER) == baseline) is main]
        ratios |= mark_noise(_divide_all(family), summary.floor)
    for (driver, _), cells in groups.items():
        keys = {name: cell.shown.cell_key for name, cell in cells.items()}
        own = {name: ratios[key] for name, key in keys.items() if key in ratios}
        yield Setting(summary.experiment.name, driver, _without(_first(cells)), cells, own, summary.floor)


def _divide_all(family: Iterable[Cells]) -> dict[str, Estimate]:
    """Return the ratios to threads, by cell key, that are tested together."""
    pairs = [(cell, cells[THREADS]) for cells in family if THREADS in cells for cell in cells.values()]
    ratios = {cell.shown.cell_key: divide(cell, threads) for cell, threads in pairs if cell is not threads}
    return {key: ratio for key, ratio in ratios.items() if ratio is not None}


def divide(cell: CellSummary, other: CellSummary) -> Estimate | None:
    """Return the ratio of the throughput of two cells, paired by block."""
    pace = cell.pace if other.baseline else other.good_runs
    return estimate_ratio(values(paired(cell.good_runs, pace)), values(pace))


def _first(cells: Cells) -> CellSummary:
    return next(iter(cells.values()))


def _without(cell: CellSummary, left_out: Sequence[str] = ANY_LOADER[:2]) -> dict[str, Any]:
    return {axis: value for axis, value in cell.shown.cell.axes().items() if axis not in left_out}
