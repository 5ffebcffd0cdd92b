"""Stopping rule of a campaign: its planned blocks, or more of them by --until and --budget."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from experiments.analysis.precision import BUDGET, estimate_block_s, find_precision, percentage
from experiments.analysis.stats import FEWEST_BLOCKS
from experiments.analysis.summary import summarize_all
from experiments.errors import BadInput
from experiments.formatting import count, duration
from experiments.matrix.plan import Plan, make_plan
from experiments.matrix.values import LONGEST_TIME_S
from experiments.records.campaign import load_campaign
from experiments.records.folder import CampaignFolder

USUAL_BUDGET = "30m"


@dataclass(frozen=True)
class Until:
    """A rule to add blocks until every ratio's interval is within ``precision``, or ``budget_s`` is spent."""

    precision: float
    budget_s: float

    def facts(self) -> dict[str, Any]:
        """Return both for ``campaign.json``."""
        return {"precision": self.precision, "budget_s": self.budget_s}


def parse_until(precision: str | None, budget: str | None, repeats: int) -> Until | None:
    """Parse both options; None without --until. Raises BadInput, also for fewer ``repeats`` than an interval needs."""
    if precision is None:
        if budget is not None:
            raise BadInput("--budget requires --until, such as --until 5%")
        return None
    budget_s = parse_duration("--budget", USUAL_BUDGET if budget is None else budget)
    if budget_s == 0:
        raise BadInput(f"--budget: {budget!r} is no time at all (expected for example 2h, 1h30m or 90s)")
    until = Until(_parse_precision(precision), budget_s)
    if repeats < FEWEST_BLOCKS:
        raise BadInput(
            f"--until: {count(repeats, 'block')} planned, but an interval needs {FEWEST_BLOCKS}; "
            f"use --repeats {FEWEST_BLOCKS} or more"
        )
    return until


def _parse_precision(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(%?)", text, re.ASCII)
    value = float(found[1]) / (100 if found[2] else 1) if found else 0.0
    if not 0 < value < 1:
        raise BadInput(
            f"--until: {text!r} is not a precision (expected more than 0% and less than 100%, for example 5% or 0.05)"
        )
    return value


def parse_duration(option: str, text: str) -> float:
    """Return the seconds of '1h30m' or '90s'. Raises BadInput, which names the option."""
    found = re.fullmatch(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?", text, re.ASCII)
    if not text or found is None:
        raise BadInput(
            f"{option}: {text!r} is not a duration (expected hours, minutes and seconds, for example 2h, 1h30m or 90s)"
        )
    hours, minutes, seconds = (int(number or 0) for number in found.groups())
    return hours * 3600.0 + minutes * 60.0 + seconds


def parse_patience(text: str, repeats: int) -> float:
    """Return the seconds that a block waits for quiet cores; 0 is none. Raises BadInput, also for too few blocks."""
    if not re.fullmatch(r"0|(\d{1,6}[hms])+", text, re.ASCII):
        raise BadInput(f"--patience: {text!r} is not a time (expected for example 60s or 5m; 0 does not wait)")
    patience_s = 0.0 if text == "0" else parse_duration("--patience", text)
    if patience_s > LONGEST_TIME_S:
        raise BadInput(f"--patience: {text!r} is longer than a week; use less")
    if patience_s and repeats < FEWEST_BLOCKS:
        raise BadInput(
            f"--patience: {count(repeats, 'block')} planned, and of fewer than {FEWEST_BLOCKS} nothing is claimed; "
            f"use --repeats {FEWEST_BLOCKS} or more"
        )
    return patience_s


def describe_growth(until: Until) -> str:
    """Return the lines of a plan about the blocks that may be added to it."""
    budget = duration(until.budget_s)
    return (
        "then a block at a time is added until the interval of every ratio reaches at most "
        f"{percentage(until.precision)} from it; none is begun that would end later than {budget} after the first run "
        "(waiting for quiet cores, and repeated runs, come on top), "
        f"so all of it takes at most the above or {budget}, whichever is longer"
    )


class PlannedBlocks:
    """The planned blocks and no more."""

    def __init__(self, repeats: int) -> None:
        self._repeats = repeats

    def label(self, block: int) -> str:
        """Return the block's name: 'block 2/10'."""
        return f"block {block}/{self._repeats}"

    def budget(self) -> str:
        """Return the rest of the budget, for people; '' without one."""
        return ""

    def grow(self, plan: Plan) -> Plan | None:
        """Return the finished ``plan`` with one more block, or None if the campaign has ended."""
        return None


class BlocksUntil:
    """The planned blocks, then one at a time while intervals are too wide and the budget lasts.

    The budget starts when this is created. ``campaign.json`` is updated at once, so that a killed campaign resumes with
    the block that was added, and an ended one does not.
    """

    def __init__(
        self,
        folder: CampaignFolder,
        until: Until,
        tell: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._until = until
        self._tell = tell
        self._clock = clock
        self._ends = clock() + until.budget_s

    def label(self, block: int) -> str:
        """Return 'block 12 (until 5%)'."""
        return f"block {block} (until {percentage(self._until.precision)})"

    def budget(self) -> str:
        """Return '14 min of the budget left'."""
        return f"{duration(max(0.0, self._left_s()))} of the budget left"

    def grow(self, plan: Plan) -> Plan | None:
        """Return the plan with one more block, unless intervals are narrow enough or it would exceed the budget."""
        campaign = load_campaign(self._folder)
        described, records = campaign.description, campaign.records
        found = find_precision(summarize_all(campaign))
        ended = found.find_end(self._until.precision)
        if ended is None and estimate_block_s(records) > self._left_s():
            ended = BUDGET
        if ended is not None:
            self._folder.rewrite(replace(described, until={**self._until.facts(), "ended": ended}))
            return None
        self._folder.rewrite(replace(described, repeats=plan.repeats + 1))
        self._tell(f"adding block {plan.repeats + 1}: widest interval so far {found.widest:.1%} ({found.cell})")
        return make_plan(plan.cells, plan.repeats + 1, plan.seed)

    def _left_s(self) -> float:
        return self._ends - self._clock()


Blocks = PlannedBlocks | BlocksUntil
