"""Instructions and system calls per row or operation in tables, footnotes, CSV and the comparison of two campaigns."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.analysis.counts import CountedTwice
from experiments.analysis.summary import CellSummary
from experiments.formatting import NOTHING, count, format_known, in_units, shortened, unit_of
from experiments.records.counts import CellCount
from experiments.report.bottlenecks import rounded
from experiments.report.labels import Style, label_of, lay_out, table_axes
from experiments.report.labels import headings as label_headings

HEADINGS = ("instructions/row", "instructions ratio", "system calls/row")
CAPACITY = (
    "*client capacity*: the rows/s that one core of Python could do if it never waited: 1 / (CPU time per row). Where "
    "it is far above the measured rows/s, a faster driver loads no faster."
)
MEANING = (
    "*instructions/row*: those of the client in user space, counted apart from the timed runs by {tools}; the two "
    "counts of a cell are at most {noise:.1%} apart. The kernel's part is in *system calls/row*."
)
COMPARED = ("instructions/row in A", "in B", "B relative to A")
_REASON_LENGTH = 200


def count_headings(cells: Sequence[CellSummary]) -> tuple[str, ...]:
    """Return the columns of counts; none where no cell has one."""
    counted = (cell.count for cell in cells if cell.count)
    return HEADINGS if any(one.instructions_per_row or one.system_calls_per_row for one in counted) else ()


def count_cells(cell: CellSummary) -> list[str]:
    """Return the cells of these columns."""
    return [
        format_known(_known(cell, "instructions_per_row"), ",.0f"),
        "1" if cell.baseline and cell.instruction_ratio else format_known(cell.instruction_ratio, ".2f"),
        format_known(_known(cell, "system_calls_per_row"), ".1f"),
    ]


def count_lines(cells: Sequence[CellSummary]) -> list[str]:
    """Explain the columns, and say why cells have no counts."""
    lines = [CAPACITY] if any(cell.capacity for cell in cells) else []
    counts = {cell.shown.cell_key: cell.count for cell in cells if cell.count}.values()
    by_tool = [(one.instructions_tool, one.instructions_tool_version) for one in counts if one.instructions_tool]
    if tools := dict.fromkeys(" ".join(filter(None, tool)) for tool in by_tool):
        noise = max(one.noise or 0.0 for one in counts)
        lines.append(MEANING.format(tools=" and ".join(tools), noise=noise))
    lines += _explain_missing_ratios(cells)
    for what, field in (("instructions", "instructions_reason"), ("system calls", "system_calls_reason")):
        reasons = [reason for one in counts if (reason := getattr(one, field))]
        for reason in dict.fromkeys(reasons):
            told = shortened(reason, _REASON_LENGTH)
            lines.append(f"No {what} are counted of {count(reasons.count(reason), 'cell')}: {told}.")
    return lines


def _explain_missing_ratios(cells: Sequence[CellSummary]) -> list[str]:
    """Say why counted cells have no ratio: it takes a count of the baseline by the same tool."""
    without = [cell for cell in cells if _known(cell, "instructions_per_row") and cell.instruction_ratio is None]
    if not without:
        return []
    by = next((cell.count.instructions_tool for cell in cells if cell.baseline and cell.count), None)
    why = f"was counted by {by}, which counts differently" if by else "has no count; nox -s count adds it"
    return [f"No *instructions ratio* of {count(len(without), 'cell')}: the baseline {why}."]


def count_columns(cell: CellSummary) -> dict[str, object]:
    """Return the columns of the CSV."""
    one = cell.count
    return {
        "instructions_per_row": rounded(_known(cell, "instructions_per_row"), 1),
        "instructions_ratio": rounded(cell.instruction_ratio, 4),
        "instructions_noise": rounded(_known(cell, "noise"), 5),
        "instructions_tool": (one and one.instructions_tool) or "",
        "system_calls_per_row": rounded(_known(cell, "system_calls_per_row"), 3),
        "count_reason": "; ".join(_reasons(one)),
    }


def _known(cell: CellSummary, name: str) -> float | None:
    """Return a number of the cell's count; None without one."""
    value: float | None = getattr(cell.count, name, None)
    return value


def _reasons(one: CellCount | None) -> list[str]:
    return [reason for reason in (one.instructions_reason, one.system_calls_reason) if reason] if one else []


def compared_counts(cells: Sequence[CountedTwice], style: Style = "pipe") -> str:
    """Write the section of the comparison, to 1%; '' where no cell was counted in both."""
    if not cells:
        return ""
    axes = table_axes([cell.shown.cell for cell in cells])
    rows = [
        [
            *label_of(cell.shown.cell, axes),
            *(format_known(one.instructions_per_row, ",.0f") for one in (cell.a, cell.b)),
            describe_growth(cell),
        ]
        for cell in cells
    ]
    names = label_headings(axes)
    unit = unit_of(cell.shown.cell.workload for cell in cells)
    headings = [in_units(heading, unit) for heading in COMPARED]
    table = lay_out(rows, [*names, *headings], "l" * len(names) + "rrr", style)
    return f"## Instructions per {unit}\n\nCounted, not timed: a change of 1% is one of the program.\n\n{table}\n"


def describe_growth(cell: CountedTwice) -> str:
    """Return the change in percent, or why there is none."""
    if cell.growth is not None:
        return f"{cell.growth:+.1%}"
    tools = [one.instructions_tool for one in (cell.a, cell.b)]
    return f"{tools[0]} and {tools[1]} count differently" if all(tools) else NOTHING
