"""Attempts at a planned run: which of them counts, and which of the baseline's it is compared with.

A run that was disturbed from outside is repeated at the end of its block, together with the baseline. Of its attempts
the first that was not disturbed counts, whatever came of it, else the last. It is compared with the baseline's attempt
of the same repetition, which ran at the same time. Where that one failed or was disturbed, it is compared with the
baseline's own attempt that counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from experiments.analysis.disturbance import has_outside_cause
from experiments.records.campaign import Campaign
from experiments.records.description import ShownCell, part_of
from experiments.records.facts import Placement
from experiments.records.record import Record


def counting_runs(campaign: Campaign, shown: ShownCell) -> list[Record]:
    """Return the attempts of a cell and arm that count, one for each of its runs."""
    return choose_counting(campaign.attempts_of(shown), placement_of(campaign, shown))


class BaselineRuns:
    """The attempts of an experiment's baseline, None without one, that other runs are compared with."""

    def __init__(self, campaign: Campaign, shown: ShownCell | None) -> None:
        placement = placement_of(campaign, shown) if shown else None
        attempts = campaign.attempts_of(shown) if shown else ()
        usable = [record for record in attempts if record.status == "ok" and not record.interrupted]
        self._own = {record.block: record for record in choose_counting(usable, placement)}
        self._quiet = {(one.block, one.repeat): one for one in usable if not has_outside_cause(one, placement)}

    def beside(self, runs: Iterable[Record]) -> list[Record]:
        """Return the attempts that these runs are compared with."""
        found = (self._quiet.get((run.block, run.repeat), self._own.get(run.block)) for run in runs)
        return [record for record in found if record is not None]


def choose_counting(attempts: Iterable[Record], placement: Placement | None) -> list[Record]:
    """Return the attempts that count of all those of a cell and arm; no interrupted one."""
    runs: dict[int, list[Record]] = {}
    for record in attempts:
        if not record.interrupted:
            runs.setdefault(record.block, []).append(record)
    return [_choose(some, placement) for some in runs.values()]


def placement_of(campaign: Campaign, shown: ShownCell) -> Placement | None:
    """Return the cores of a cell; None if it never had any."""
    return part_of(campaign.description.placements, shown.cell, "resources")


def _choose(attempts: Sequence[Record], placement: Placement | None) -> Record:
    if len(attempts) == 1:
        return attempts[0]
    in_order = sorted(attempts, key=lambda record: record.repeat)
    return next((one for one in in_order if not has_outside_cause(one, placement)), in_order[-1])
