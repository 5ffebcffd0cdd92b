"""Share of disturbed runs of a whole campaign."""

from __future__ import annotations

from typing import NamedTuple

from experiments.analysis.summary import CampaignSummary
from experiments.formatting import count


class DisturbedRuns(NamedTuple):
    """Number of disturbed runs of a campaign, and of all that count."""

    disturbed: int
    runs: int

    @property
    def share(self) -> float:
        """Return the share of disturbed runs."""
        return self.disturbed / self.runs if self.runs else 0.0

    def __str__(self) -> str:
        return f"{self.share:.1%} ({self.disturbed:,} of {count(self.runs, 'run')})"


def count_disturbed(whole: CampaignSummary) -> DisturbedRuns:
    """Count each run once, of however many experiments its cell is."""
    cells = {(one.shown.cell_key, one.shown.arm): one for summary in whole.experiments for one in summary.cells}
    return DisturbedRuns(sum(one.disturbed for one in cells.values()), sum(len(one.finished) for one in cells.values()))
