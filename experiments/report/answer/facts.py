"""Facts of the question: throughput, CPU cost and bottleneck of threads, asyncio and uvloop in each setting.

A setting is a cell without its loader. Holm's correction covers the ratios in the baseline's setting, and separately
those in all other settings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from experiments.analysis.ceilings import COPY, PGBENCH
from experiments.analysis.good_runs import paired, values
from experiments.analysis.queueing.measurements import Point
from experiments.analysis.queueing.model import Model
from experiments.analysis.stats import Estimate, adjust_holm, estimate_ratio, is_noise
from experiments.analysis.summary import CellSummary, ExperimentSummary
from experiments.analysis.usable_cores import Setup
from experiments.records.description import Description, ShownExperiment

QUESTION, PART = "io_or_cpu", "loaders"
"""The experiment of the shipped matrix that asks the question, and the one that asks a part of it."""

THREADS, ASYNCIO, UVLOOP = "threads", "asyncio", "uvloop"
COMPARED: Mapping[tuple[str, str | None], str] = {
    ("row_by_row_threaded", None): THREADS,
    ("row_by_row_asyncio", "asyncio"): ASYNCIO,
    ("row_by_row_asyncio", "uvloop"): UVLOOP,
}
"""The loaders that are compared, by loader and loop: the two of the demo of 2014, and the faster loop."""

# The cells of one setting by the name of their loader, and points by cell key.
Cells = dict[str, CellSummary]
Points = dict[str, Point]

# Loaders of one setting may differ in these.
_LOADER_AXES = ("loader", "loop", "protocol", "implementation", "sampling")


@dataclass(frozen=True)
class Ratio:
    """A ratio of throughputs; ``noise``: it is not significant, None without enough blocks for a test."""

    value: Estimate
    noise: bool | None = None


@dataclass(frozen=True)
class Measured:
    """One loader in one setting. Costs are CPU microseconds per row, shares parts of its cores; None: not measured.

    ``ratio`` is its throughput relative to threads in the same setting, ``capacity`` the rows/s of one core of Python,
    ``instructions`` those of a row.
    """

    rows_per_s: Estimate
    client_us: float | None = None
    server_us: float | None = None
    client_share: float | None = None
    server_share: float | None = None
    bottleneck: str | None = None
    ceiling_share: float | None = None
    ratio: Ratio | None = None
    to_baseline: Ratio | None = None
    to_pgbench: Ratio | None = None
    capacity: Estimate | None = None
    instructions: float | None = None


@dataclass(frozen=True)
class Setting:
    """The loaders that ran with the same values of all other axes. ``main``: the experiment's baseline is among them.

    ``durable``: each row waits for its commit to reach the disk.
    """

    axes: Mapping[str, Any]
    loaders: Mapping[str, Measured]
    setup: Setup = field(default_factory=Setup)
    main: bool = False
    durable: bool = True


@dataclass(frozen=True)
class Facts:
    """All settings in the order of the matrix, and the rows/s of COPY and pgbench in that of the baseline."""

    settings: tuple[Setting, ...]
    copy_rows_per_s: float | None = None
    pgbench_rows_per_s: float | None = None

    @property
    def main(self) -> Setting | None:
        """The baseline's setting; None if the baseline is none of the compared loaders."""
        return next((setting for setting in self.settings if setting.main), None)


def find_question(description: Description) -> ShownExperiment | None:
    """Return the campaign's experiment that answers most of the question."""
    experiments = {experiment.name: experiment for experiment in description.experiments}
    return experiments.get(QUESTION, experiments.get(PART))


def find_facts(summary: ExperimentSummary, model: Model) -> Facts:
    """Return the facts in an experiment's summary and its campaign's model; rows whose runs were disturbed are none."""
    points = {cell.point.shown.cell_key: cell.point for cell in model.cells}
    groups: dict[tuple[Any, ...], Cells] = {}
    for cell in summary.cells:
        name = COMPARED.get((cell.shown.cell.loader, cell.shown.cell.loop))
        usable = cell.rows_per_s is not None and not cell.disturbed_ground
        if name is not None and cell.shown.arm == "a" and usable:
            groups.setdefault(tuple(_setting_axes(cell).values()), {})[name] = cell
    main = [cells for cells in groups.values() if any(cell.baseline for cell in cells.values())]
    others = [cells for cells in groups.values() if cells not in main]
    ratios = {**find_ratios(main, summary.floor), **find_ratios(others, summary.floor)}
    settings = tuple(_setting(cells, points, ratios, summary.floor) for cells in groups.values())
    return Facts(settings, _bound(summary, COPY), _bound(summary, PGBENCH))


def find_ratios(family: Sequence[Cells], floor: float | None) -> dict[str, Ratio]:
    """Return the ratios to threads, by cell key, that are tested together with those of uvloop to asyncio."""
    found: list[tuple[str, Estimate]] = []
    for name, other in ((ASYNCIO, THREADS), (UVLOOP, THREADS), (UVLOOP, ASYNCIO)):
        pairs = [(cells[name], cells[other]) for cells in family if name in cells and other in cells]
        key = "{}" if other == THREADS else "uvloop to asyncio: {}"
        found += [(key.format(a.shown.cell_key), ratio) for a, b in pairs if (ratio := _ratio(a, b)) is not None]
    adjusted = adjust_holm([ratio.p_value for _, ratio in found])
    return {key: Ratio(one, is_noise(one, floor, p)) for (key, one), p in zip(found, adjusted, strict=True)}


def _setting_axes(cell: CellSummary) -> dict[str, Any]:
    return {axis: value for axis, value in cell.shown.cell.axes().items() if axis not in _LOADER_AXES}


def _setting(cells: Cells, points: Points, ratios: Mapping[str, Ratio], floor: float | None) -> Setting:
    known = [points[cell.shown.cell_key] for cell in cells.values() if cell.shown.cell_key in points]
    loaders = {
        name: _measured(cell, points.get(cell.shown.cell_key), ratios.get(cell.shown.cell_key), floor)
        for name in COMPARED.values()
        if (cell := cells.get(name)) is not None
    }
    axes, main = _setting_axes(next(iter(cells.values()))), any(cell.baseline for cell in cells.values())
    setting = Setting(axes, loaders, main=main)
    return replace(setting, setup=known[0].setup, durable=known[0].durable) if known else setting


def _measured(cell: CellSummary, point: Point | None, ratio: Ratio | None, floor: float | None) -> Measured:
    seen = cell.observations
    return Measured(
        rows_per_s=cell.rows_per_s or Estimate(0.0),
        client_us=cell.cpu_us_per_row,
        server_us=None if point is None else point.median.server_s * 1e6,
        client_share=None if seen is None else seen.client_share,
        server_share=None if seen is None else seen.server_share,
        bottleneck=None if cell.verdict is None else cell.verdict.label,
        ceiling_share=cell.ceiling_share,
        ratio=ratio,
        to_baseline=None if cell.ratio is None else Ratio(cell.ratio, cell.noise),
        to_pgbench=None if cell.to_ceiling is None else Ratio(cell.to_ceiling, is_noise(cell.to_ceiling, floor)),
        capacity=cell.capacity,
        instructions=None if cell.count is None else cell.count.instructions_per_row,
    )


def _ratio(cell: CellSummary, other: CellSummary) -> Estimate | None:
    pace = cell.pace if other.baseline else other.good_runs
    return estimate_ratio(values(paired(cell.good_runs, pace)), values(pace))


def _bound(summary: ExperimentSummary, program: str) -> float | None:
    """Return the rows/s of a program in the baseline's setting, if possible by the protocol that all loaders speak."""
    main = next((_setting_axes(cell) for cell in summary.cells if cell.baseline), {})
    axes = {axis: value for axis, value in main.items() if axis != "poolsize" or program == PGBENCH}
    found = [
        (cell.shown.cell.protocol != "simple", cell.rows_per_s.value)
        for cell in summary.cells
        if cell.shown.cell.loader == program and cell.rows_per_s and axes.items() <= _setting_axes(cell).items()
    ]
    return min(found)[1] if found else None
