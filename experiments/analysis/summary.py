"""Summaries of experiments: one row per cell and arm, in the order of the matrix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from experiments.analysis import counts
from experiments.analysis.attempts import BaselineRuns, choose_counting, placement_of
from experiments.analysis.ceilings import Ceilings, compare_with_ceiling, is_ceiling, list_ceilings
from experiments.analysis.disturbance import MAX_DISTURBED_SHARE, find_disturbances, sum_up_disturbances, usual_costs
from experiments.analysis.good_runs import GoodRuns, estimate_rate, good_runs, paired, values
from experiments.analysis.queueing.model import Model, model_cells
from experiments.analysis.queueing.open_loop import OpenCell, model_responses
from experiments.analysis.response_times import ResponseTimes, find_response_times
from experiments.analysis.stats import (
    Estimate,
    adjust_holm,
    estimate_ratio,
    is_noise,
    median_of_known,
    noise_floor,
)
from experiments.analysis.time_breakdown import median_ledger
from experiments.analysis.usable_cores import client_share
from experiments.analysis.utilization import Observations, observe
from experiments.analysis.verdict import Verdict, find_verdict
from experiments.formatting import unit_of
from experiments.records.campaign import Campaign
from experiments.records.counts import CellCount
from experiments.records.description import Description, ShownCell, ShownExperiment
from experiments.records.record import AXES, Client, Record, Status


@dataclass(frozen=True)
class CellSummary:
    """One row: a cell and arm with its finished runs. Medians and the ratio are None where no run was ok.

    ``response`` are the times of an open loop, whose ``ratio`` is that of their 99th percentile, below 1 if shorter.

    ``client_share`` is the part of its cores that the client used in phase ``data``, ``throttled_share`` the part of
    that phase in which it waited for its quota. ``disturbed`` runs have a ``disturbance``; on ``disturbed_ground`` too
    many of the row's or the baseline's are, so that the ratio is not tested. ``repeated`` counts repetitions, ``pace``
    has the runs of the baseline, with the row's arrivals, that its own are compared with. In ``cut`` blocks an
    interruption came between the run and that of the baseline. ``holm_p`` is the ratio's p value adjusted for its
    table; ``noise``: the ratio does not differ significantly from 1. ``ledger`` is microseconds of worker time per row
    by ``time_breakdown.PARTS``, ``to_ceiling`` the ratio to the upper bound, of both arms of a baseline. ``capacity``
    are the rows/s of one core of Python, ``instruction_ratio`` those of its ``count`` to the baseline's. None is
    unknown.
    """

    shown: ShownCell
    baseline: bool
    planned: int
    finished: tuple[Record, ...]
    interrupted: int
    rows_per_s: Estimate | None
    ratio: Estimate | None
    cpu_us_per_row: float | None
    client_share: float | None
    throttled_share: float | None
    disturbed: int
    disturbance: str
    disturbed_ground: bool = False
    repeated: int = 0
    pace: GoodRuns = field(default_factory=dict)
    cut: int = 0
    holm_p: float | None = None
    noise: bool | None = None
    observations: Observations | None = None
    verdict: Verdict | None = None
    ledger: Mapping[str, float] | None = None
    to_ceiling: Estimate | None = None
    capacity: Estimate | None = None
    count: CellCount | None = None
    instruction_ratio: float | None = None
    response: ResponseTimes | None = None

    @cached_property
    def ok(self) -> tuple[Record, ...]:
        """Return the runs that count."""
        return tuple(record for record in self.finished if record.status == "ok")

    @property
    def ceiling_share(self) -> float | None:
        """Return the rows/s as a share of the upper bound."""
        return None if self.to_ceiling is None else self.to_ceiling.value

    @property
    def is_pace(self) -> bool:
        """Return whether others are compared with it: the baseline, or that with other arrivals."""
        return self.baseline or (self.ratio is None and bool(self.pace) and self.pace == self.good_runs)

    @property
    def is_relay_bound(self) -> bool:
        """Return whether the relay in place of a network limited it, so that it is no result."""
        return self.verdict is not None and self.verdict.is_relay_bound

    @property
    def is_disturbed(self) -> bool:
        """Return whether too many of its runs are disturbed for a claim."""
        return self.disturbed > MAX_DISTURBED_SHARE * len(self.finished)

    @cached_property
    def good_runs(self) -> GoodRuns:
        """Return the same by block, as far as comparisons need them."""
        return good_runs(self.finished)

    @property
    def troubles(self) -> Counter[tuple[Status, str]]:
        """Count each (status, reason) other than ok."""
        return Counter((record.status, record.reason or "") for record in self.finished if record.status != "ok")

    @cached_property
    def missing(self) -> tuple[int, ...]:
        """Return the planned blocks without the record of a finished run."""
        done = {record.block for record in self.finished}
        return tuple(block for block in range(1, self.planned + 1) if block not in done)

    @property
    def optimized_build(self) -> bool:
        """Return False where an interpreter says that it was built without optimizations."""
        return all(record.client.optimized_build is not False for record in self.finished if record.client)

    @cached_property
    def clients(self) -> tuple[Client, ...]:
        """Return what the processes of its runs reported of themselves."""
        return tuple(record.client for record in self.finished if record.client)

    def client_fact(self, name: str) -> Any:
        """Return what all its runs report in this field of ``Client``; None where they differ or say nothing."""
        values = {getattr(client, name) for client in self.clients}
        return values.pop() if len(values) == 1 else None


@dataclass(frozen=True, eq=False)
class ExperimentSummary:
    """One question with its rows. ``floor`` is the noise floor, a factor above 1, of so many ``floor_blocks``."""

    experiment: ShownExperiment
    cells: tuple[CellSummary, ...]
    floor: float | None
    floor_blocks: int = 0

    @property
    def is_open(self) -> bool:
        """Return whether its cells are open loops, which are compared by their response times."""
        return any(cell.shown.cell.is_open for cell in self.cells)

    @property
    def unit(self) -> str:
        """Return what its rates count."""
        return unit_of(cell.shown.cell.workload for cell in self.cells)

    @property
    def varying_axes(self) -> list[str]:
        """Return the axes that have more than one value; the loader where none has."""
        cells = [cell.shown.cell for cell in self.cells]
        axes = [axis for axis in AXES if len({cell.value(axis) for cell in cells}) > 1]
        return axes or ["loader"]


@dataclass(frozen=True)
class CampaignSummary:
    """A campaign with the summaries of its experiments, and all its cells with the model's results."""

    campaign: Campaign
    experiments: tuple[ExperimentSummary, ...]
    model: Model
    responses: tuple[OpenCell, ...] = ()
    """Those of open loops."""


def summarize_campaign(campaign: Campaign) -> CampaignSummary:
    """Summarize all experiments and model all cells, each once."""
    return CampaignSummary(campaign, tuple(summarize_all(campaign)), model_cells(campaign), model_responses(campaign))


def summarize(campaign: Campaign, experiment: ShownExperiment) -> ExperimentSummary:
    """Condense what the records say about one experiment."""
    shown = in_matrix_order(campaign.description, experiment)
    again = next((cell for cell in shown if cell.arm == "b"), None)
    baseline = next((cell for cell in shown if again and (cell.cell_key, cell.arm) == (again.cell_key, "a")), None)
    ceilings = list_ceilings(campaign.description.cells)
    counted = campaign.counts.get(baseline.cell_key) if baseline else None
    none, paces = BaselineRuns(campaign, None), [cell for cell in shown if _is_pace(cell, baseline)]
    beside = {cell.cell.arrivals: BaselineRuns(campaign, cell) for cell in paces}
    cells = [
        _summarize_cell(campaign, cell, None if cell in paces else beside.get(cell.cell.arrivals, none), ceilings)
        for cell in shown
    ]
    ratios = (counts.instruction_ratio(cell.count, counted) for cell in cells)
    cells = [
        replace(cell, baseline=cell.shown is baseline, instruction_ratio=ratio)
        for cell, ratio in zip(cells, ratios, strict=True)
    ]
    cells = _mark_disturbed_ground(cells)
    second = next((cell for cell in cells if cell.shown is again), None)
    floor = noise_floor(second.ratio) if second else None
    blocks = len(paired(second.good_runs, second.pace)) if second else 0
    return ExperimentSummary(experiment, tuple(_compare(cells, floor)), floor, blocks)


def _is_pace(shown: ShownCell, baseline: ShownCell | None) -> bool:
    """Return whether others are compared with the cell: it is the baseline, or that with other arrivals."""
    same = baseline and replace(shown.cell, arrivals=baseline.cell.arrivals) == baseline.cell
    return shown.arm == "a" and bool(same)


def summarize_all(campaign: Campaign) -> list[ExperimentSummary]:
    """Summarize every experiment of a campaign."""
    return [summarize(campaign, experiment) for experiment in campaign.description.experiments]


def in_matrix_order(description: Description, experiment: ShownExperiment) -> list[ShownCell]:
    """Sort the cells of an experiment by its axes from left to right, values as the matrix lists them.

    A value that the experiment does not list (of a baseline from elsewhere, or none at all) comes first.
    """
    places = {
        axis: {value: place for place, value in enumerate(values)}
        for axis, values in description.listed(experiment.name).items()
    }

    def position(shown: ShownCell) -> list[int]:
        return [places.get(axis, {}).get(value, -1) for axis, value in shown.cell.axes().items()]

    return sorted((cell for cell in description.cells if experiment.name in cell.experiments), key=position)


def _mark_disturbed_ground(cells: Sequence[CellSummary]) -> list[CellSummary]:
    """Mark the rows of which nothing is claimed, as they or the baseline are disturbed.

    A busy neighbour does not add noise that the noise floor would show: it slows event loops down more than threads.
    """
    everywhere = any(cell.baseline and cell.is_disturbed for cell in cells)
    return [replace(cell, disturbed_ground=everywhere or cell.is_disturbed) for cell in cells]


def _compare(cells: Sequence[CellSummary], floor: float | None) -> list[CellSummary]:
    """Add the significance of each ratio, adjusted for all those of the table.

    The baseline's second arm is not compared, as it measures noise, nor are upper bounds, disturbed rows, and those
    that a relay limits.
    """
    without = [is_ceiling(cell.shown.cell) or cell.disturbed_ground or cell.is_relay_bound for cell in cells]
    compared = [cell.shown.arm == "a" and not left_out for cell, left_out in zip(cells, without, strict=True)]
    ratios = [cell.ratio if is_compared else None for cell, is_compared in zip(cells, compared, strict=True)]
    adjusted = adjust_holm([None if ratio is None else ratio.p_value for ratio in ratios])
    return [
        replace(cell, holm_p=p, noise=None if ratio is None else is_noise(ratio, floor, p))
        for cell, ratio, p in zip(cells, ratios, adjusted, strict=True)
    ]


def _summarize_cell(
    campaign: Campaign, shown: ShownCell, baseline_runs: BaselineRuns | None, ceilings: Ceilings
) -> CellSummary:
    """Condense the runs of a cell and arm; it is its own pace if no others are given."""
    placement, attempts = placement_of(campaign, shown), campaign.attempts_of(shown)
    finished = tuple(record for record in choose_counting(attempts, placement) if record.status != "unsupported")
    good = good_runs(finished)
    pace = good if baseline_runs is None else good_runs(baseline_runs.beside(finished))
    pairs = paired(good, pace)
    is_open = shown.cell.is_open
    ok = [record for record in finished if record.status == "ok"]
    data = [record.phases["data"] for record in ok if record.phases]
    throttled = [None if phase.throttled_s is None else phase.throttled_s / phase.wall_s for phase in data]
    usual = usual_costs(finished)
    disturbed = [record for record in finished if find_disturbances(record, placement, usual[record.machine])]
    seen = observe(finished, placement)
    return CellSummary(
        shown=shown,
        baseline=False,
        pace=pace,
        planned=0 if shown.unsupported else campaign.description.repeats,
        finished=finished,
        interrupted=sum(record.interrupted for record in attempts),
        repeated=sum(record.repeat > 0 and not record.interrupted for record in attempts),
        rows_per_s=estimate_rate(ok),
        ratio=None if baseline_runs is None else estimate_ratio(values(pairs), values(pace)),
        cpu_us_per_row=median_of_known(record.cost_us for record in ok),
        client_share=client_share(shown.cell, ok, placement),
        throttled_share=median_of_known(throttled),
        disturbed=len(disturbed),
        disturbance=sum_up_disturbances(disturbed, placement, usual),
        cut=len(good.keys() & pace.keys()) - len(pairs),
        observations=seen,
        verdict=None if seen is None or is_open or is_ceiling(shown.cell) else find_verdict(seen),
        ledger=median_ledger(finished),
        to_ceiling=compare_with_ceiling(campaign, shown, ceilings) if good and not is_open else None,
        capacity=None if is_open or is_ceiling(shown.cell) else counts.client_capacity(ok),
        count=campaign.counts.get(shown.cell_key),
        response=find_response_times(ok),
    )
