"""What must be known to read a table: what is the same in all its rows, cores, noise, what became of the runs."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.cpuset import format_cpuset
from experiments.description import Description
from experiments.stats import FEWEST_BLOCKS, FEWEST_FOR_MEDIAN
from experiments.summary import ExperimentSummary, count_statuses
from experiments.wording import axis_name, count


def caption_lines(description: Description, summary: ExperimentSummary, axes: Sequence[str]) -> list[str]:
    """The lines below the table."""
    lines = _same_everywhere(summary, axes) + _cores(description, summary) + _servers(description, summary)
    lines += _noise(description, summary) + _builds(summary, axes)
    return [*lines, count_statuses(sum(cell.planned for cell in summary.cells), summary.cells)]


def describe_placement(description: Description, name: str) -> str:
    """Which cores each side has under a named resources entry."""
    placement = description.placements.get(name)
    if placement is None:
        return f"{name}: not used"
    loader, server = (format_cpuset(placement[side]) for side in ("loader_cpus", "server_cpus"))
    quota = placement.get("loader_quota")
    limit = f", of which the loader may use {quota:g} cores" if quota else ""
    note = f" ({placement['note']})" if placement.get("note") else ""
    if loader == server:
        return f"{name}: loader and server share {_cores_named(loader)}{limit}{note}"
    return f"{name}: loader on {_cores_named(loader)}, server on {_cores_named(server)}{limit}{note}"


def _cores_named(cpus: str) -> str:
    return f"core {cpus}" if cpus.isdigit() else f"cores {cpus}"


def _same_everywhere(summary: ExperimentSummary, axes: Sequence[str]) -> list[str]:
    if not summary.cells:
        return []
    first = summary.cells[0].shown.cell
    same = [f"{axis_name(axis)} {first[axis]}" for axis in first if axis not in axes and first[axis] is not None]
    return [f"The same in all rows: {', '.join(same)}."]


def _cores(description: Description, summary: ExperimentSummary) -> list[str]:
    names = dict.fromkeys(str(cell.shown.cell["resources"]) for cell in summary.cells)
    return [f"Cores: {'; '.join(describe_placement(description, name) for name in names)}."]


def _servers(description: Description, summary: ExperimentSummary) -> list[str]:
    names = dict.fromkeys(str(cell.shown.cell["postgres"]) for cell in summary.cells)
    known = [_server(description, name) for name in names if name in description.postgres]
    return [f"PostgreSQL: {'; '.join(known)}."] if known else []


def _server(description: Description, name: str) -> str:
    """Version and storage, and of the settings those that the matrix asks for: the harness's own are all the same."""
    facts = description.postgres[name]
    asked = description.matrix["postgres"][name]["settings"]
    settings = "".join(f", {setting}={value}" for setting, value in asked.items())
    return f"{name}: {facts['version']} on {facts['storage']}{settings}"


def _noise(description: Description, summary: ExperimentSummary) -> list[str]:
    if description.repeats < FEWEST_BLOCKS:
        return [f"{count(description.repeats, 'block')}, and intervals need {FEWEST_BLOCKS}: nothing is claimed."]
    if summary.floor is None:
        return ["Noise floor: not known, as the baseline did not run twice often enough; nothing is marked."]
    few = [] if description.repeats >= FEWEST_FOR_MEDIAN else [f"Intervals of rows/s need {FEWEST_FOR_MEDIAN} blocks."]
    return [
        f"Noise floor: the baseline measured twice differs from itself by up to {summary.floor - 1:.1%}. "
        "≈ marks a ratio that is nearer to 1 than that, or whose interval holds 1: not told apart from the baseline.",
        *few,
    ]


def _builds(summary: ExperimentSummary, axes: Sequence[str]) -> list[str]:
    plain = dict.fromkeys(str(cell.shown.cell["python"]) for cell in summary.cells if not cell.optimized_build)
    if not plain:
        return []
    mark = "† " if "python" in axes else ""
    return [f"{mark}Built without `--enable-optimizations`, so slower than most: Python {', '.join(plain)}."]
