"""Explanation of cells: each is run again with instruments, and its page written into a campaign that has it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bigdata.registry import LOADERS
from experiments.campaign.datasets import providing
from experiments.campaign.prepare import Preparation, harness_cpus
from experiments.campaign.prepared_cell import PreparedCell
from experiments.engines.loader_report import RunFailed
from experiments.engines.protocol import Engine
from experiments.engines.select import instruments_of
from experiments.environment.affinity import allowed_cpus, can_pin, confined
from experiments.environment.hashes import source_hash
from experiments.errors import BadInput, Failure, Unsupported
from experiments.formatting import count
from experiments.matrix.arrivals import CLOSED
from experiments.matrix.cell import LOOPBACK, Cell
from experiments.matrix.expand import PlannedCell
from experiments.matrix.spec import Matrix, PostgresConfiguration
from experiments.profiling.files import find_campaign_of, find_obstacle, page_path, write_explanation
from experiments.profiling.runs import explain_cell
from experiments.records.description import Description
from experiments.records.folder import CampaignFolder

_PRELOADED = "shared_preload_libraries"
_STATISTICS = "pg_stat_statements"

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Page:
    """Result of a cell: its page, or the reason why there is none."""

    cell: Cell
    path: Path | None
    reason: str | None = None


def choose_folders(
    cells: Sequence[Cell], folders: Sequence[CampaignFolder], results: Path, tell: Tell, done: str = "explained"
) -> dict[Cell, CampaignFolder]:
    """Return the newest campaign of each cell that can run and is in one. Raises BadInput if no cell is left."""
    chosen, unknown = {}, []
    for cell in cells:
        if folder := find_campaign_of(cell, folders):
            chosen[cell] = folder
        elif reason := find_obstacle(cell, folders):
            tell(f"not {done}, as it cannot run: {cell.label()}: {reason}")
        else:
            unknown.append(cell.label())
    if chosen:
        for label in unknown:
            tell(f"not {done}, as no campaign has it: {label}")
        return chosen
    if unknown:
        raise BadInput(
            f"{results}: no campaign has the cell {unknown[0]}, to write the result into; "
            "run the same options with nox -s matrix first"
        )
    raise BadInput("--only: none of these cells can run here; select others")


def can_be_explained(planned: Sequence[PlannedCell]) -> list[Cell]:
    """Return the cells that can run, each once: no ceilings, which are not Python, no relay and no open loop."""
    able = [one.cell for one in planned if one.unsupported is None and not LOADERS[one.cell.loader].ceiling]
    return [cell for cell in dict.fromkeys(able) if (cell.network, cell.arrivals) == (LOOPBACK, CLOSED)]


def explain_asked(
    campaign: CampaignFolder, matrix: Matrix, planned: Sequence[PlannedCell], engines: Mapping[str, Engine], tell: Tell
) -> bool:
    """Explain the cells without a page in the experiments that ask for it; return False if interrupted."""
    asked = {name for name, experiment in matrix.experiments.items() if experiment.explain}
    cells = can_be_explained([one for one in planned if asked.intersection(one.experiments)])
    left = [cell for cell in cells if not page_path(campaign.path, cell).exists()]
    if not left:
        return True
    try:
        explain_cells(dict.fromkeys(left, campaign), matrix, engines, tell)
    except KeyboardInterrupt:
        tell("interrupted; the campaign is complete, and nox -s explain writes the pages left")
        return False
    return True


def explain_cells(
    folders: Mapping[Cell, CampaignFolder], matrix: Matrix, engines: Mapping[str, Engine], tell: Tell
) -> list[Page]:
    """Explain each cell and write its page. ``engines`` are entered, the results folder must be locked."""
    source = source_hash()
    # A separate server: pg_stat_statements has to be loaded from its start.
    names = {name: f"{name[:28]}.counted{place}" for place, name in enumerate(matrix.postgres)}
    counted = _with_statistics(matrix, names)
    own = {replace(cell, postgres=names[cell.postgres]): cell for cell in folders}
    preparation = Preparation(counted, engines, source, providing(source), tell)
    cells = preparation.prepare(tuple(PlannedCell(cell, "a", ()) for cell in own))
    pages = []
    # The harness must not disturb the loader.
    with confined(harness_cpus(cells, allowed_cpus()) if can_pin() else None):
        for number, (renamed, ready) in enumerate(cells.items(), 1):
            cell = own[renamed]
            tell(f"explaining {cell.label()} ({number} of {len(cells)})")
            if (told := find_other_data(folders[cell].description(), cell, ready)) is not None:
                tell(told)
            page = _explain(cell, ready, folders[cell].path)
            tell(f"wrote {page.path}" if page.reason is None else f"not explained: {page.reason}")
            pages.append(page)
    return pages


def find_other_data(described: Description, cell: Cell, ready: PreparedCell | str) -> str | None:
    """Say how the data that a cell is explained with differ from the campaign's; None if they do not."""
    then = described.data.get(cell.data)
    if isinstance(ready, str) or then is None or then.digest == ready.data.digest:
        return None
    now = count(ready.data.data_records, "data record")
    return f"warning: {now} of {cell.data} instead of the campaign's {then.data_records:,}; --records selects as many"


def _explain(cell: Cell, ready: PreparedCell | str, campaign: Path) -> Page:
    if isinstance(ready, str):
        return Page(cell, None, ready)
    try:
        explanation = explain_cell(replace(ready, cell=cell), instruments_of(ready.host))
    except (Failure, Unsupported) as reason:
        return Page(cell, None, str(reason))
    except RunFailed as failure:
        return Page(cell, None, failure.reason)
    return Page(cell, write_explanation(campaign, cell, explanation))


def _with_statistics(matrix: Matrix, names: Mapping[str, str]) -> Matrix:
    """Return the matrix with a copy, by these names, of every PostgreSQL configuration that counts its statements."""
    more = {names[name]: _counting(configuration) for name, configuration in matrix.postgres.items()}
    return replace(matrix, postgres={**matrix.postgres, **more})


def _counting(configuration: PostgresConfiguration) -> PostgresConfiguration:
    asked = configuration.settings.get(_PRELOADED, "")
    libraries = ", ".join(part for part in (asked, _STATISTICS) if part)
    return replace(configuration, settings={**configuration.settings, _PRELOADED: libraries})
