"""Counting of cells after the timed blocks: instructions and system calls, into the campaign's folder."""

from collections.abc import Mapping, Sequence

from experiments.analysis.stats import FEWEST_BLOCKS
from experiments.campaign.datasets import providing
from experiments.campaign.prepare import Preparation, harness_cpus
from experiments.campaign.run import utc_now
from experiments.engines.protocol import Engine
from experiments.engines.select import instruments_of
from experiments.environment.affinity import allowed_cpus, can_pin, confined
from experiments.environment.hashes import source_hash
from experiments.errors import Unsupported
from experiments.formatting import in_units, unit_of
from experiments.matrix.cell import Cell
from experiments.matrix.expand import PlannedCell
from experiments.matrix.spec import Matrix
from experiments.profiling.counters import count_cell
from experiments.profiling.explain import Tell, can_be_explained
from experiments.profiling.files import shown_cells
from experiments.records.counts import CellCount
from experiments.records.folder import CampaignFolder

COUNTING_S = 20.0
"""What a cell takes."""


def asked_cells(matrix: Matrix, planned: Sequence[PlannedCell]) -> list[Cell]:
    """Return the cells that can be counted in the experiments that ask for it; none of a short campaign."""
    if matrix.repeats < FEWEST_BLOCKS:
        return []
    asked = {name for name, experiment in matrix.experiments.items() if experiment.count}
    return can_be_explained([one for one in planned if asked.intersection(one.experiments)])


def count_asked(
    campaign: CampaignFolder, matrix: Matrix, planned: Sequence[PlannedCell], engines: Mapping[str, Engine], tell: Tell
) -> bool:
    """Count the cells without a count in the experiments that ask for it; return False if interrupted."""
    described, done = campaign.description(), campaign.counts()
    cells = [
        cell
        for cell in asked_cells(matrix, planned)
        if any(not shown.unsupported and shown.cell_key not in done for shown in shown_cells(described, cell))
    ]
    try:
        if cells:
            count_cells(dict.fromkeys(cells, campaign), matrix, engines, tell)
    except KeyboardInterrupt:
        tell("interrupted; the campaign is complete, and nox -s count counts the cells left")
        return False
    return True


def count_cells(
    folders: Mapping[Cell, CampaignFolder], matrix: Matrix, engines: Mapping[str, Engine], tell: Tell
) -> list[CellCount]:
    """Count each cell; write and return the counts. ``engines`` are entered, the results folder must be locked."""
    source = source_hash()
    preparation = Preparation(matrix, engines, source, providing(source), tell)
    cells = preparation.prepare(tuple(PlannedCell(cell, "a", ()) for cell in folders))
    found = []
    with confined(harness_cpus(cells, allowed_cpus()) if can_pin() else None):
        for number, (cell, ready) in enumerate(cells.items(), 1):
            described = folders[cell].description()
            if described.source_hash not in (None, source):
                tell(f"not counted: {cell.label()}: the loader's source has changed since {described.campaign}")
                continue
            tell(f"counting {cell.label()} ({number} of {len(cells)})")
            key = next(shown.cell_key for shown in shown_cells(described, cell))
            try:
                if isinstance(ready, str):
                    raise Unsupported(ready)
                one = count_cell(described.campaign, key, ready, instruments_of(ready.host))
            except Unsupported as reason:
                one = CellCount(described.campaign, key, utc_now(), cell, instructions_reason=str(reason))
            folders[cell].append_count(one)
            tell(describe_count(one))
            found.append(one)
    return found


def describe_count(one: CellCount) -> str:
    """Return both counts in a line, or why there is none."""
    instructions = f"instructions: {one.instructions_reason}"
    if one.instructions_per_row is not None:
        noise = f" ({one.instructions_tool}, twice, {one.noise or 0.0:.1%} apart)"
        instructions = f"{one.instructions_per_row:,.0f} instructions per row{noise}"
    calls = f"system calls: {one.system_calls_reason}"
    if one.system_calls_per_row is not None:
        calls = f"{one.system_calls_per_row:.1f} system calls per row ({one.system_calls_tool})"
    return in_units(f"{instructions}; {calls}", unit_of([one.cell.workload]))
