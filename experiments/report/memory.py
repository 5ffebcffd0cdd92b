"""Memory of the client over the number of connections."""

from __future__ import annotations

from experiments.analysis.ceilings import is_ceiling
from experiments.analysis.stats import median_of_known
from experiments.analysis.summary import CellSummary, ExperimentSummary
from experiments.report.labels import join_label, label_axes, label_of

_KB = 1024
_MB = 1024 * _KB

_LARGE_POOL = 100
"""Below it, the memory of connections is lost in that of the interpreter."""


def memory_lines(summary: ExperimentSummary) -> list[str]:
    """Say what each further connection takes of the client's memory, where pools grow to a hundred and more."""
    cells = [cell for cell in summary.cells if cell.shown.arm == "a" and not is_ceiling(cell.shown.cell)]
    axes = label_axes([cell.shown.cell for cell in cells], {}, over="poolsize")
    lines: dict[str, list[tuple[int, float]]] = {}
    for cell in cells:
        memory = peak_memory(cell)
        if memory is not None:
            label = join_label(label_of(cell.shown.cell, axes))
            lines.setdefault(label, []).append((cell.shown.cell.poolsize, memory))
    told = [f"{label} {_describe(min(sizes), max(sizes))}" for label, sizes in lines.items() if _grows(sizes)]
    return [f"Memory of the client at its peak: {'; '.join(told)}."] if told else []


def peak_memory(cell: CellSummary) -> float | None:
    """Return the bytes that the client's processes had at most, the median of the runs that count."""
    return median_of_known(client.peak_rss_bytes for record in cell.ok if (client := record.client))


def _grows(sizes: list[tuple[int, float]]) -> bool:
    return len(sizes) > 1 and max(sizes)[0] >= _LARGE_POOL


def _describe(smallest: tuple[int, float], largest: tuple[int, float]) -> str:
    (few, least), (many, most) = smallest, largest
    each = max(0.0, (most - least) / (many - few))
    return (
        f"{least / _MB:,.0f} MB with {few:,} and {most / _MB:,.0f} MB with {many:,} connections "
        f"({each / _KB:,.0f} kB for each further one)"
    )
