"""Machines of a campaign on a cluster: how many, the spread between them, and intervals for machines like these."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from experiments.analysis.machines import FEWEST_MACHINES, find_spread, machines_of
from experiments.analysis.stats import with_interval
from experiments.analysis.summary import CellSummary, ExperimentSummary
from experiments.formatting import count, format_known
from experiments.records.campaign import Campaign
from experiments.report.bottlenecks import rounded
from experiments.report.labels import headings, label_of, lay_out

_HEADINGS = ("ICC", "ratio on machines like these (95% interval)")
_ENDS = {"": "value", "_low": "low", "_high": "high"}


def describe_machines(summary: ExperimentSummary, campaign: Campaign) -> str:
    """Return the machines with their blocks; nothing of a campaign on one machine alone."""
    blocks = Counter({block: name for cell in summary.cells for block, name in machines_of(cell).items()}.values())
    if not blocks:
        return ""
    facts = campaign.description.machines
    models = Counter(facts[name].cpu or "unknown CPU" for name in blocks if name in facts)
    kinds = ", ".join(f"{number} x {model}" for model, number in models.items())
    each = ", ".join(f"{name} {number:,}" for name, number in sorted(blocks.items()))
    return f"Measured on {count(len(blocks), 'machine')} ({kinds}); blocks of each: {each}. Ratios are within a block."


def describe_spread(summary: ExperimentSummary, axes: Sequence[str]) -> str:
    """Return a table of the spread between machines, with what it means; nothing for fewer than two machines."""
    found = [(cell, spread) for cell in summary.cells if (spread := find_spread(cell))]
    if not found:
        return ""
    rows = [
        [
            *label_of(cell.shown.cell, axes),
            format_known(spread.correlation, ".2f"),
            "1" if cell.baseline else with_interval(spread.ratio, ".2f"),
        ]
        for cell, spread in found
    ]
    names = headings(axes)
    table = lay_out(rows, [*names, *_HEADINGS], "l" * len(names) + "rr")
    text = (
        "ICC is the share of the variance of blocks that is between machines: of the ratio and, in the baseline's row, "
        f"of its rate. Intervals above hold for these machines; those here, from {FEWEST_MACHINES} machines on, for "
        "machines like these."
    )
    return f"\n**Machines**\n\n{text}\n\n{table}\n"


def machine_columns(cell: CellSummary) -> dict[str, object]:
    """Return the columns that the CSV of a campaign on a cluster has."""
    spread = find_spread(cell)
    ratio = spread.ratio if spread else None
    return {
        "machines": len(set(machines_of(cell).values())),
        "machines_icc": rounded(spread.correlation if spread else None, 3),
        **{f"machines_ratio{end}": rounded(getattr(ratio, name, None)) for end, name in _ENDS.items()},
    }
