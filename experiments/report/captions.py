"""Captions of a table: what all its rows share, cores, servers, noise and run status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from bigdata.registry import INGEST, WORKLOADS
from experiments.analysis.precision import describe_until
from experiments.analysis.stats import FEWEST_BLOCKS, FEWEST_FOR_MEDIAN
from experiments.analysis.summary import ExperimentSummary
from experiments.cpuset import format_cpuset
from experiments.formatting import axis_name, count, memory_size
from experiments.records.campaign import Campaign
from experiments.records.description import Description, part_of
from experiments.records.facts import InterpreterFacts, Placement, ServerFacts
from experiments.records.record import Cell
from experiments.report.bottlenecks import BOTTLENECK, OF_BOUND, why_headings
from experiments.report.builds import build_lines
from experiments.report.counts import count_lines
from experiments.report.footnotes import foot_lines
from experiments.report.labels import label_of
from experiments.report.machines import describe_machines
from experiments.report.memory import memory_lines
from experiments.report.response_times import response_lines

_IMAGES = {
    "registry": ", official images pinned by digest",
    "debian": ", images made from Debian's packages, not the pinned official ones",
}

# Not told where all rows have it.
_USUAL = (
    ("workload", INGEST.name),
    *((axis, getattr(Cell, axis)) for axis in ("packages", "network", "arrivals", "checkout")),
)


def caption_lines(summary: ExperimentSummary, campaign: Campaign, axes: Sequence[str]) -> list[str]:
    """Return the lines below the table."""
    description = campaign.description
    lines = [
        _same_everywhere(summary),
        *(describe(description, summary) for describe in (_engines, _cores, _servers, _unlike)),
        describe_machines(summary, campaign),
        *_operations(summary),
        *response_lines(summary),
        *describe_ratios(summary),
        *count_lines(summary.cells),
        *memory_lines(summary),
        *_why(summary),
        *_marks(description, summary),
        describe_until(description, [summary]),
        *build_lines(summary, axes),
        _packages(description, summary),
        *foot_lines(summary),
    ]
    return [line for line in lines if line]


def describe_ratios(summary: ExperimentSummary) -> list[str]:
    """Say how ratios are computed, where the table has any."""
    text = (
        "Ratios are means of the blocks' ratios on the logarithmic scale (of ten blocks or more without the outermost "
        "tenth at either end), not the quotients of the medians."
    )
    return [text] if any(cell.ratio for cell in summary.cells) and not summary.is_open else []


def describe_floor(summary: ExperimentSummary, campaign: Campaign) -> str:
    """Return the line above the table: the noise floor, without which no ratio means anything."""
    if (repeats := campaign.description.repeats) < FEWEST_BLOCKS:
        blocks = count(repeats, "block")
        return f"**Noise floor: not known** ({blocks}; intervals need {FEWEST_BLOCKS}): nothing is called different."
    if any(cell.baseline and cell.is_disturbed for cell in summary.cells):
        return (
            "**Disturbed: nothing is claimed**, as something else slowed down the baseline's runs; repeat the campaign."
        )
    if summary.floor is None:
        return "**Noise floor: not known**, as the baseline did not run twice often enough: nothing is marked."
    blocks = count(summary.floor_blocks, "block")
    return (
        f"**Noise floor: {summary.floor - 1:.1%}** ({blocks}; the baseline against itself). "
        "n.s. = not significant: no clear difference from the baseline."
    )


def describe_placement(placement: Placement) -> str:
    """Say which cores each side has, and how much of them and of memory."""
    loader, server = (format_cpuset(cpus) for cpus in (placement.loader_cpus, placement.server_cpus))
    limits = {
        "loader": _limit(placement.loader_quota, placement.loader_memory_bytes, placement.loader_neighbours),
        "server": _limit(placement.server_quota, placement.server_memory_bytes, placement.server_neighbours),
    }
    note = f" ({placement.note})" if placement.note else ""
    if loader == server:
        limited = "".join(f"; the {side} has {limit}" for side, limit in limits.items() if limit)
        return f"loader and server share {_cores_named(loader)}{limited}{note}"
    sides = {"loader": loader, "server": server}
    placed = [
        f"{side} on {_cores_named(cpus)}" + (f" ({limits[side]})" * bool(limits[side])) for side, cpus in sides.items()
    ]
    return f"{', '.join(placed)}{note}"


def describe_engine(name: str, facts: Mapping[str, Any]) -> str:
    """Describe an engine, with a warning where its images are not the pinned ones."""
    version = f" {facts['version']}" if facts.get("version") else ""
    return f"{name}{version}{_IMAGES.get(str(facts.get('source')), '')}"


def _limit(quota: float | None, memory: int | None, neighbours: int) -> str:
    """Return 'at most 0.25 cores and 64 MB of memory', with busy neighbours, or nothing."""
    parts = [] if quota is None else [f"{quota:g} {'core' if quota == 1 else 'cores'}"]
    parts += [] if memory is None else [f"{memory_size(memory)} of memory"]
    limits = [f"at most {' and '.join(parts)}"] if parts else []
    return " and ".join([*limits, *([count(neighbours, "busy neighbour")] if neighbours else [])])


def _cores_named(cpus: str) -> str:
    return f"core {cpus}" if cpus.isdigit() else f"cores {cpus}"


def _same_everywhere(summary: ExperimentSummary) -> str:
    if not summary.cells:
        return ""
    first, varying = summary.cells[0].shown.cell, summary.varying_axes
    # One name tells the loader and its loop.
    hidden = {"loop", *varying, *(["loader"] if {"loader", "loop"} & {*varying} else [])}
    same = [
        f"{axis_name(axis)} {label_of(first, ['loader'])[0] if axis == 'loader' else value}"
        for axis, value in first.axes().items()
        if axis not in hidden and value is not None and (axis, value) not in _USUAL
    ]
    return f"The same in all rows: {', '.join(same)}."


def _operations(summary: ExperimentSummary) -> list[str]:
    """Say what an operation is, where rates count operations, and how many rows it returns."""
    told = {cell.shown.cell.workload for cell in summary.cells} - {INGEST.name}
    lines = [f"An operation of {name} is {WORKLOADS[name].description}" for name in sorted(told & WORKLOADS.keys())]
    phases = [record.phases["data"] for cell in summary.cells for record in cell.ok if record.phases]
    rows = {phase.rows / phase.operations for phase in phases if phase.operations} - {1.0}
    many = (
        f" It returns {max(rows):,.4g} rows, so that rates in rows are so many times higher." if rows and told else ""
    )
    return [f"{'; '.join(lines)}.{many}"] if lines else []


def _engines(description: Description, summary: ExperimentSummary) -> str:
    """Describe the engines that have facts: containers, and what they are made from."""
    used = dict.fromkeys(cell.shown.cell.engine for cell in summary.cells)
    told = [describe_engine(name, facts) for name in used if (facts := description.engines.get(name))]
    return f"Engine: {'; '.join(told)}." if told else ""


def _cores(description: Description, summary: ExperimentSummary) -> str:
    described = dict.fromkeys(_placement_of(description, cell.shown.cell) for cell in summary.cells)
    return f"Cores: {'; '.join(described)}."


def _placement_of(description: Description, cell: Cell) -> str:
    placement = part_of(description.placements, cell, "resources")
    return f"{cell.resources}: {'not used' if placement is None else describe_placement(placement)}"


def _servers(description: Description, summary: ExperimentSummary) -> str:
    described = dict.fromkeys(_server_of(description, cell.shown.cell) for cell in summary.cells)
    known = "; ".join(filter(None, described))
    return f"PostgreSQL: {known}." if known else ""


def _server_of(description: Description, cell: Cell) -> str:
    """Describe version, storage and the settings that the matrix asks for: the harness's own are all the same."""
    facts = part_of(description.postgres, cell, "postgres")
    if facts is None:
        return ""
    asked = description.matrix.get("postgres", {}).get(cell.postgres, {}).get("settings", {})
    settings = "".join(f", {setting}={value}" for setting, value in asked.items())
    engine = f" ({cell.engine})" if len(description.engines) > 1 else ""
    return f"{cell.postgres}{engine}: {facts.version} on {facts.storage}{settings}"


def _packages(description: Description, summary: ExperimentSummary) -> str:
    """Name the versions of each set of packages, and of the same packages where they are the locked ones."""
    named: dict[str, dict[str, None]] = {}
    for cell in summary.cells:
        facts = part_of(description.interpreters, cell.shown.cell, "python")
        for name, version in (facts.packages if facts else {}).items():
            named.setdefault(cell.shown.cell.packages, {})[f"{name} {version}"] = None
    # Drivers name themselves by their modules.
    modules = {one.partition(" ")[0].removesuffix("-binary") for versions in named.values() for one in versions}
    for cell in summary.cells if named else ():
        for module, version in (cell.clients[0].packages if cell.clients else {}).items():
            if module in modules and cell.shown.cell.packages == Cell.packages:
                named.setdefault(Cell.packages, {})[f"{module} {version}"] = None
    told = [f"{name}: {', '.join(sorted(versions))}" for name, versions in named.items()]
    return f"Packages: {'; '.join(told)}." if told else ""


def _unlike(description: Description, summary: ExperimentSummary) -> str:
    """Warn where compared engines differ in more than the container."""
    versions: dict[tuple[str, str], dict[str, str]] = {}
    sections: list[tuple[str, Mapping[str, InterpreterFacts | ServerFacts], str]]
    sections = [("python", description.interpreters, "CPython"), ("postgres", description.postgres, "PostgreSQL")]
    for cell, (axis, parts, what) in product([cell.shown.cell for cell in summary.cells], sections):
        if (facts := part_of(parts, cell, axis)) is not None:
            versions.setdefault((what, str(cell.value(axis))), {})[cell.engine] = facts.version
    unlike = [
        f"{what} {', '.join(f'{version} ({engine})' for engine, version in of_engine.items())}"
        for (what, _), of_engine in versions.items()
        if len(set(of_engine.values())) > 1
    ]
    return f"The engines differ in more than the container: {'; '.join(unlike)}." if unlike else ""


def _why(summary: ExperimentSummary) -> list[str]:
    """Explain the columns of ``why_headings``, where the table has them."""
    texts = {
        OF_BOUND: "*of upper bound*: rows/s as a share of those of pgbench, a program in C, over as many connections. "
        "Above 100%: statements in batches cost the server less CPU.",
        BOTTLENECK: "*bottleneck*: what limits the row, by the cores that each side used and the waits of the "
        "connections.",
    }
    return [texts[heading] for heading in why_headings(summary.cells)]


def _marks(description: Description, summary: ExperimentSummary) -> list[str]:
    """Explain intervals and marks, where the table has them."""
    if description.repeats < FEWEST_BLOCKS or summary.floor is None:
        return []
    ratios = sum(cell.holm_p is not None for cell in summary.cells)
    # Of one ratio Holm's correction leaves what it is.
    corrected = (
        f", by Holm's correction for the {ratios} ratios of this table: a row can be n.s. although its own interval "
        "leaves out 1"
    )
    few = [] if description.repeats >= FEWEST_FOR_MEDIAN else [f"Intervals of rows/s need {FEWEST_FOR_MEDIAN} blocks."]
    return [
        "Intervals: 95%, each for itself, over the blocks. A ratio is n.s. (not significant) within the noise floor, "
        f"or where it does not differ significantly from 1 (at 5%{corrected if ratios > 1 else ''}).",
        *few,
    ]
