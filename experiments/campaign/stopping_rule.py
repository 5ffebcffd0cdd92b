"""What --until and --budget ask for, and the blocks that they add to a campaign."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from experiments.analysis.precision import BUDGET, estimate_block_s, find_precision, percentage
from experiments.analysis.stats import FEWEST_BLOCKS
from experiments.analysis.summary import summarize_all
from experiments.errors import BadInput
from experiments.formatting import count, duration
from experiments.matrix.plan import Plan, make_plan
from experiments.records.campaign import load_campaign
from experiments.records.folder import CampaignFolder

USUAL_BUDGET = "30m"


@dataclass(frozen=True)
class Until:
    """Blocks are added until the interval of every ratio reaches at most ``precision``, or ``budget_s`` is spent."""

    precision: float
    budget_s: float

    def facts(self) -> dict[str, Any]:
        """For ``campaign.json``."""
        return {"precision": self.precision, "budget_s": self.budget_s}


def parse_until(precision: str | None, budget: str | None, repeats: int) -> Until | None:
    """Understand both options; None where none is given. ``repeats`` are the blocks that run in any case.

    Raises:
        BadInput: one that cannot be understood, a budget for nothing, or fewer blocks than an interval needs.
    """
    if precision is None:
        if budget is not None:
            raise BadInput("--budget: it limits the blocks that --until adds; add --until 5%, or leave the option out")
        return None
    until = Until(_parse_precision(precision), _parse_budget(USUAL_BUDGET if budget is None else budget))
    if repeats < FEWEST_BLOCKS:
        raise BadInput(
            f"--until: found {count(repeats, 'block')} to begin with, and an interval needs {FEWEST_BLOCKS}; add "
            f"--repeats {FEWEST_BLOCKS} or more"
        )
    return until


def _parse_precision(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(%?)", text, re.ASCII)
    value = float(found[1]) / (100 if found[2] else 1) if found else 0.0
    if not 0 < value < 1:
        raise BadInput(
            f"--until: {text!r} is no precision: write how far from its ratio an interval may reach, more than 0% and "
            "less than 100%, such as 5% or 0.05"
        )
    return value


def _parse_budget(text: str) -> float:
    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", text, re.ASCII)
    hours, minutes, seconds = (int(number or 0) for number in found.groups()) if found else (0, 0, 0)
    budget_s = hours * 3600.0 + minutes * 60.0 + seconds
    if budget_s == 0:
        raise BadInput(
            f"--budget: {text!r} is no length of time: write hours, minutes and seconds, such as 2h, 1h30m or 90s"
        )
    return budget_s


def describe_growth(until: Until) -> str:
    """What a plan says of the blocks that may be added to it."""
    budget = duration(until.budget_s)
    return (
        "then a block at a time is added until the interval of every ratio reaches at most "
        f"{percentage(until.precision)} from it; none is begun that would end later than {budget} after the first run, "
        f"so all of it takes at most the above or {budget}, whichever is longer"
    )


class Blocks(Protocol):
    """Knows how many blocks a campaign has."""

    def label(self, block: int) -> str:
        """Which block this is of how many, for people: 'block 2/10'."""

    def budget(self) -> str:
        """What is left of the budget, for people; '' where there is none."""

    def grow(self, plan: Plan) -> Plan | None:
        """All runs of ``plan`` are done: return it with one more block, or None where the campaign has ended."""


class PlannedBlocks:
    """As many as were planned."""

    def __init__(self, repeats: int) -> None:
        self._repeats = repeats

    def label(self, block: int) -> str:
        """'block 2/10'."""
        return f"block {block}/{self._repeats}"

    def budget(self) -> str:
        """''."""
        return ""

    def grow(self, plan: Plan) -> Plan | None:
        """None."""
        return None


class BlocksUntil:
    """Those planned, and then one at a time while intervals are too wide and the budget lasts.

    The budget is counted from when this is made. ``campaign.json`` says at once what has changed, so that a killed
    campaign goes on with the block that was added, and one that has ended does not.
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
        """'block 12 (until 5%)'."""
        return f"block {block} (until {percentage(self._until.precision)})"

    def budget(self) -> str:
        """'14 min of the budget left'."""
        return f"{duration(max(0.0, self._left_s()))} of the budget left"

    def grow(self, plan: Plan) -> Plan | None:
        """One more block, unless intervals are narrow enough, or it would not end within the budget."""
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
