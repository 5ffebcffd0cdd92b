"""What the answer is made of: who met whom in which setting, how fast, what it cost, and what held them back.

A setting is all of a cell but who runs: the same PostgreSQL, pool size, cores and so on. In each of them the ratios are
those to threads there, paired within blocks. Holm's correction is over those of the baseline's setting, which answer
the question, and over those of all other settings together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from experiments.analysis.ceilings import find_ceiling, is_ceiling
from experiments.analysis.queueing.measurements import Point, read_points
from experiments.analysis.stats import Estimate, adjust_holm, estimate_ratio, is_noise
from experiments.analysis.summary import CellSummary, ExperimentSummary, paired, rates
from experiments.analysis.time_breakdown import LOG_WAITS
from experiments.analysis.usable_cores import Setup
from experiments.records.description import Description, ShownCell, ShownExperiment
from experiments.records.record import AXES, Cell, Record

THREADS, ASYNCIO, UVLOOP = "threads", "asyncio", "uvloop"
ENTRANTS: Mapping[tuple[str, str | None], str] = {
    ("row_by_row_threaded", None): THREADS,
    ("row_by_row_asyncio", "asyncio"): ASYNCIO,
    ("row_by_row_asyncio", "uvloop"): UVLOOP,
}
"""Who is compared, by loader and loop: the two of the demo of 2014, and the faster loop."""

# What differs between entrants of one setting, or says nothing of it.
_NOT_OF_THE_SETTING = ("loader", "loop", "protocol", "implementation", "sampling")

# What the question is asked for several values of.
_VARIED = ("poolsize", "postgres", "resources")


@dataclass(frozen=True)
class Entrant:
    """One row of a setting. Costs are CPU microseconds per row, shares parts of 1; None is what nobody measured.

    ``client_share`` is of the CPU time that the loader can get, ``server_share`` of PostgreSQL's. ``active``, ``idle``,
    ``in_transaction`` (idle there), ``commit_wait`` and ``sync_wait`` (the part of it in which the disk is waited for)
    are shares of the connections. ``ratio`` (rows per second) and ``cpu_ratio`` (the client's CPU time per row) are to
    threads in the same setting, block by block, ``to_baseline`` is to the experiment's baseline, ``to_ceiling`` to
    pgbench. ``disturbed``: the part of its runs that something else held up. ``both_full``: it is ``mixed`` as both
    sides are at their limit.
    """

    rows_per_s: Estimate
    client_us: float | None = None
    server_us: float | None = None
    client_share: float | None = None
    server_share: float | None = None
    active: float | None = None
    idle: float | None = None
    in_transaction: float | None = None
    commit_wait: float | None = None
    sync_wait: float | None = None
    label: str | None = None
    ceiling_share: float | None = None
    ratio: Estimate | None = None
    noise: bool | None = None
    cpu_ratio: Estimate | None = None
    to_baseline: Estimate | None = None
    to_baseline_noise: bool | None = None
    to_ceiling: Estimate | None = None
    to_ceiling_noise: bool | None = None
    disturbed: float = 0.0
    both_full: bool = False


@dataclass(frozen=True)
class Contest:
    """A setting with those who ran there, by name, in the order of ``ENTRANTS``. ``main``: it is the baseline's.

    ``loops`` is uvloop's ratio to asyncio. ``durable``: each row is known to wait until it is on disk.
    """

    setting: Mapping[str, Any]
    entrants: Mapping[str, Entrant]
    setup: Setup = field(default_factory=Setup)
    main: bool = False
    durable: bool = True
    loops: Estimate | None = None
    loops_noise: bool | None = None


@dataclass(frozen=True)
class Facts:
    """All settings, as the matrix orders them. ``ceilings``: rows/s of each program by its name, and its setting.

    ``baseline`` is which of the entrants the experiment's is, None where it is none of them. ``not_run`` says why cells
    of the experiment cannot run here. ``rows`` are those that each run inserts in phase data, None where they differ.
    """

    contests: tuple[Contest, ...]
    ceilings: Mapping[str, Sequence[tuple[Cell, float]]] = field(default_factory=dict)
    not_run: tuple[str, ...] = ()
    baseline: str | None = THREADS
    rows: int | None = None

    @property
    def main(self) -> Contest | None:
        """The baseline's setting; None where the baseline is none of the entrants."""
        return next((contest for contest in self.contests if contest.main), None)


def gather_cells(description: Description, experiment: ShownExperiment) -> Description:
    """The campaign with all cells in this experiment that say something of its question, whoever else asks for them.

    Those are who is compared and the ceilings, in settings that differ from its baseline in nothing but what a setting
    of the question is. So the pool sizes of one experiment and the PostgreSQL of another one are part of the answer.
    """
    name = experiment.name
    baseline = next((cell for cell in description.cells if cell.arm == "b" and name in cell.experiments), None)
    if baseline is None:
        return description
    return replace(
        description,
        cells=tuple(
            replace(shown, experiments=(*shown.experiments, name))
            if name not in shown.experiments and _is_told_of(shown, baseline)
            else shown
            for shown in description.cells
        ),
    )


def _is_told_of(shown: ShownCell, baseline: ShownCell) -> bool:
    """Whether a cell is somebody's in a setting of the question, and was measured beside the baseline, whose noise
    floor is then its own.
    """
    axes = shown.cell
    somebody = (axes.loader, axes.loop) in ENTRANTS or is_ceiling(axes)
    free = (*_NOT_OF_THE_SETTING, *_VARIED)
    alike = all(axes.value(axis) == baseline.cell.value(axis) for axis in AXES if axis not in free)
    watched = axes.sampling == baseline.cell.sampling
    compared = not set(shown.experiments).isdisjoint(baseline.experiments)
    return shown.arm == "a" and somebody and alike and watched and compared


def find_facts(description: Description, records: Sequence[Record], summary: ExperimentSummary) -> Facts:
    """What the records say about the question of the experiment that ``summary`` is of."""
    points = {point.shown.cell_key: point for point in read_points(description, records)}
    groups: dict[tuple[Any, ...], dict[str, CellSummary]] = {}
    for cell in summary.cells:
        if (name := _entrant_of(cell)) is not None and cell.shown.arm == "a":
            groups.setdefault(_setting_of(cell), {})[name] = cell
    found = [_contest(cells, points, summary) for cells in groups.values()]
    contests = [contest for contest in found if contest.entrants]
    unsupported = dict.fromkeys(cell.shown.unsupported for cell in summary.cells if cell.shown.unsupported)
    baseline = next((_entrant_of(cell) for cell in summary.cells if cell.baseline), None)
    marked = mark_ratios(contests, summary.floor)
    return Facts(tuple(marked), _find_ceilings(summary.cells), tuple(unsupported), baseline, _rows_of(summary))


def _rows_of(summary: ExperimentSummary) -> int | None:
    phases = [(record.phases or {}).get("data") for cell in summary.cells for record in cell.ok]
    rows = {phase.rows for phase in phases if phase is not None}
    return rows.pop() if len(rows) == 1 else None


def _entrant_of(cell: CellSummary) -> str | None:
    axes = cell.shown.cell
    return ENTRANTS.get((axes.loader, axes.loop))


def _setting_of(cell: CellSummary) -> tuple[Any, ...]:
    return tuple(value for axis, value in cell.shown.cell.axes().items() if axis not in _NOT_OF_THE_SETTING)


def _contest(cells: Mapping[str, CellSummary], points: Mapping[str, Point], summary: ExperimentSummary) -> Contest:
    some = next(iter(cells.values()))
    known = {name: point for name, cell in cells.items() if (point := points.get(cell.shown.cell_key)) is not None}
    point = next(iter(known.values()), None)
    entrants = {
        name: _against_ceiling(_entrant(cells[name], known.get(name), cells.get(THREADS)), cells[name], summary)
        for name in ENTRANTS.values()
        if name in cells and cells[name].rows_per_s is not None
    }
    loops = None
    if ASYNCIO in cells and UVLOOP in cells:
        loops = _ratio(cells[UVLOOP], cells[ASYNCIO])
    return Contest(
        setting={axis: value for axis, value in some.shown.cell.axes().items() if axis not in _NOT_OF_THE_SETTING},
        entrants=entrants,
        setup=Setup() if point is None else point.setup,
        main=any(cell.baseline for cell in cells.values()),
        durable=point is not None and point.durable,
        loops=loops,
    )


def _entrant(cell: CellSummary, point: Point | None, threads: CellSummary | None) -> Entrant:
    seen = cell.observations
    client_share, server_share = (None, None) if point is None else _shares(point)
    return Entrant(
        rows_per_s=cell.rows_per_s or Estimate(0.0),
        client_us=cell.cpu_us_per_row,
        server_us=None if point is None else point.median.server_s * 1e6,
        client_share=client_share if seen is None else seen.client_share,
        server_share=server_share if seen is None else seen.server_share,
        active=None if seen is None else seen.active,
        idle=None if seen is None else seen.idle,
        in_transaction=None if seen is None else seen.idle_in_transaction,
        commit_wait=None if seen is None else seen.commit_wait,
        sync_wait=None if seen is None or seen.commit_wait is None else sync_share(seen.waits),
        label=None if cell.verdict is None else cell.verdict.label,
        ceiling_share=cell.ceiling_share,
        ratio=None if threads is None or cell is threads else _ratio(cell, threads),
        cpu_ratio=None if threads is None or cell is threads else _cpu_ratio(cell, threads),
        to_baseline=cell.ratio,
        to_baseline_noise=cell.noise,
        disturbed=cell.disturbed / len(cell.finished) if cell.finished else 0.0,
        both_full=cell.verdict is not None and set(cell.verdict.numbers) == {"client_share", "server_share"},
    )


def sync_share(waits: Mapping[str, float]) -> float:
    """The share of the connections that wait for the disk itself, not for whoever writes the log."""
    return sum(share for name, share in waits.items() if name.casefold() in LOG_WAITS)


def _against_ceiling(entrant: Entrant, cell: CellSummary, summary: ExperimentSummary) -> Entrant:
    """With the ratio to the ceiling, block by block, marked by itself."""
    ceiling = find_ceiling(cell.shown.cell, [one.shown for one in summary.cells])
    other = next((one for one in summary.cells if one.shown is ceiling), None)
    ratio = None if other is None else _ratio(cell, other)
    return replace(
        entrant,
        to_ceiling=ratio,
        to_ceiling_noise=None if ratio is None else is_noise(ratio, summary.floor),
    )


def _shares(point: Point) -> tuple[float, float]:
    """What client and server used of their cores, in campaigns of before that was observed in the phase itself."""
    sample, setup = point.median, point.setup
    client_share = sample.rows_per_s * sample.client_s / setup.client_limit
    return client_share, sample.rows_per_s * sample.server_s / setup.server_limit


def _ratio(cell: CellSummary, other: CellSummary) -> Estimate | None:
    pairs = paired(cell.good_runs, other.good_runs)
    return estimate_ratio(rates(pairs), rates(other.good_runs))


def _cpu_ratio(cell: CellSummary, other: CellSummary) -> Estimate | None:
    pairs = paired(cell.good_runs, other.good_runs)
    costs = {block: cost for block, cost in _costs(cell).items() if block in pairs}
    return estimate_ratio(costs, _costs(other))


def _costs(cell: CellSummary) -> dict[int, float]:
    return {record.block: record.cpu_us_per_row for record in cell.ok if record.cpu_us_per_row}


def mark_ratios(contests: Sequence[Contest], floor: float | None) -> list[Contest]:
    """The settings with what their ratios come to: the baseline's for themselves, all others together."""
    main = iter(_mark_family([contest for contest in contests if contest.main], floor))
    others = iter(_mark_family([contest for contest in contests if not contest.main], floor))
    return [next(main if contest.main else others) for contest in contests]


def _mark_family(contests: Sequence[Contest], floor: float | None) -> list[Contest]:
    """These settings, with p values adjusted for all ratios in them."""
    ratios = [entrant.ratio for contest in contests for entrant in contest.entrants.values()]
    ratios += [contest.loops for contest in contests]
    adjusted = adjust_holm([None if ratio is None else ratio.p_value for ratio in ratios])
    marks = iter([None if one is None else is_noise(one, floor, p) for one, p in zip(ratios, adjusted, strict=True)])
    marked = [
        replace(
            contest,
            entrants={name: replace(entrant, noise=next(marks)) for name, entrant in contest.entrants.items()},
        )
        for contest in contests
    ]
    return [replace(contest, loops_noise=next(marks)) for contest in marked]


def _find_ceilings(cells: Sequence[CellSummary]) -> dict[str, tuple[tuple[Cell, float], ...]]:
    """What the programs did that are no contestants."""
    found: dict[str, list[tuple[Cell, float]]] = {}
    for cell in cells:
        if is_ceiling(cell.shown.cell) and cell.rows_per_s is not None:
            found.setdefault(cell.shown.cell.loader, []).append((cell.shown.cell, cell.rows_per_s.value))
    return {name: tuple(those) for name, those in found.items()}
