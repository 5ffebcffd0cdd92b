"""Campaign from order to end: prepare, begin or resume, run away from the loader's cores."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from experiments.analysis.stats import FEWEST_BLOCKS
from experiments.campaign.cell_engines import CellEngines
from experiments.campaign.datasets import providing
from experiments.campaign.loop import Runner, run_blocks
from experiments.campaign.monitoring.monitor import WriteSamples
from experiments.campaign.monitoring.run_queue import find_missing_account
from experiments.campaign.prepare import Preparation, harness_cpus, unsupported_key
from experiments.campaign.prepared_cell import CellParts, PreparedCell
from experiments.campaign.progress import Reporter
from experiments.campaign.quiet_gate import QuietGate
from experiments.campaign.resume import find_unfinished, fingerprint
from experiments.campaign.run import measure, utc_now
from experiments.campaign.stopping_rule import Blocks, BlocksUntil, PlannedBlocks, Until
from experiments.engines.protocol import Engine
from experiments.environment.affinity import allowed_cpus, can_pin, confined
from experiments.environment.cache import shared_folder
from experiments.environment.hashes import source_hash
from experiments.environment.host import describe_environment, find_ownership_problem
from experiments.errors import BadInput
from experiments.formatting import count
from experiments.matrix.cell import Cell
from experiments.matrix.plan import Plan, make_plan
from experiments.matrix.spec import Matrix
from experiments.records.campaign import runs_left
from experiments.records.description import (
    Description,
    ShownCell,
    ShownExperiment,
    as_written,
    part_apart,
    part_key,
    part_name,
)
from experiments.records.facts import Placement
from experiments.records.folder import CampaignFolder, create, leaving_out_unreadable, list_campaigns, new_name

Cells = Mapping[Cell, PreparedCell | str]


@dataclass(frozen=True)
class Order:
    """Request of a command: the selected matrix, its plan, and the folder for results."""

    matrix: Matrix
    matrix_hash: str
    selection: Mapping[str, Any]
    plan: Plan
    results: Path
    fresh: bool
    notice: str | None = None
    """A warning to show before anything else."""
    reproduces: str | None = None
    """The campaign whose cells are to run again."""
    max_connections: int | None = None
    """Connections that every server allows; None: as many as the largest pool needs."""
    check: Callable[[Description], Sequence[str]] | None = None
    """Called with the description before the first run; returns warnings. Raises BadInput to refuse the run."""
    add_files: Callable[[CampaignFolder], None] | None = None
    """Called with the campaign's folder before the first run of a command, also of one that resumes."""
    until: Until | None = None
    """When to stop adding blocks to those of the plan."""
    cluster: bool = False
    """Whether machines of a cluster measure the blocks."""


def run_campaign(order: Order, engines: Mapping[str, Engine], reporter: Reporter) -> CampaignFolder:
    """Run what is left of the campaign and return its folder. Needs entered ``engines`` and a locked results folder."""
    repair_campaigns(order.results)
    for line in find_notices(order, engines):
        reporter.tell(line)
    source = source_hash()
    cells = prepare_cells(order, engines, source, reporter.tell)
    keys = keys_of(cells, source)
    described = describe(order, engines, cells, keys, source)
    campaign, resumed = begin_or_resume(order, described, reporter.tell)
    # The harness must not disturb the loader.
    with confined(harness_cpus(cells, allowed_cpus()) if can_pin() else None):
        run_ordered(order, campaign, cells, keys, reporter, resumed=resumed)
    return campaign


def repair_campaigns(results: Path) -> None:
    """Bring every campaign of the folder in order that was killed."""
    for folder in list_campaigns(results):
        with leaving_out_unreadable():
            folder.repair()


def find_notices(order: Order, engines: Mapping[str, Engine]) -> list[str]:
    """Return the warnings about this machine, the checkout on it and its engines."""
    notices = [order.notice, find_ownership_problem(), find_missing_account()]
    notices += [line for engine in engines.values() for line in engine.notices]
    return [notice for notice in notices if notice is not None]


def keys_of(cells: Cells, source: str) -> dict[Cell, str]:
    """Return the key of each cell, of one that cannot run, too."""
    return {
        cell: one.key if isinstance(one, PreparedCell) else unsupported_key(cell, source) for cell, one in cells.items()
    }


def begin_or_resume(order: Order, described: Description, tell: Callable[[str], None]) -> tuple[CampaignFolder, bool]:
    """Return the folder of the unfinished campaign that this is, or of a new one, and whether it is resumed."""
    if order.check is not None:
        for line in order.check(described):
            tell(line)
    unfinished = None if order.fresh else find_unfinished(order.results, described.fingerprint)
    if unfinished is None:
        tell(f"beginning {described.campaign}")
        campaign = create(order.results, described)
    else:
        tell(f"resuming {unfinished.path.name} (--fresh begins a new campaign)")
        campaign = unfinished
    if order.add_files is not None:
        order.add_files(campaign)
    return campaign, unfinished is not None


def prepare_cells(order: Order, engines: Mapping[str, Engine], source: str, tell: Callable[[str], None]) -> Cells:
    """Prepare all cells; with a check, that of all that is known without a server comes before the first one starts."""
    preparation = Preparation(order.matrix, engines, source, providing(source), tell, any_cores=order.cluster)
    check = order.check
    if check is None:
        return preparation.prepare(order.plan.cells, order.max_connections)

    def check_parts(parts: Mapping[Cell, CellParts | str]) -> None:
        check(describe(order, engines, parts, dict.fromkeys(parts, ""), source))

    return preparation.prepare(order.plan.cells, order.max_connections, check_parts)


def run_ordered(
    order: Order, campaign: CampaignFolder, cells: Cells, keys: Mapping[Cell, str], reporter: Reporter, *, resumed: bool
) -> None:
    """Run what is left of a prepared campaign, and added blocks; an exception is raised after telling the runs left."""
    described = campaign.description()
    campaign.set_reported(False)
    if order.until is not None:
        # A resumed campaign may have another budget.
        campaign.rewrite(replace(described, until=order.until.facts()))
    # An earlier command may have added blocks.
    plan = make_plan(order.plan.cells, described.repeats, order.plan.seed)
    blocks = PlannedBlocks(plan.repeats) if order.until is None else BlocksUntil(campaign, order.until, reporter.tell)
    with telling_runs_left(campaign, reporter.tell):
        run_blocks(plan, cells, keys, make_runner(order, campaign, reporter, blocks, resumed=resumed))


def make_runner(
    order: Order, campaign: CampaignFolder, reporter: Reporter, blocks: Blocks, *, resumed: bool = False
) -> Runner:
    """Return what measures the runs on this machine."""
    measure_run = partial(measure, write_samples=sample_writer(campaign, reporter.tell))
    gate = QuietGate(order.matrix.patience_s if order.plan.repeats >= FEWEST_BLOCKS else 0.0, reporter.tell)
    return Runner(campaign, measure_run, reporter, blocks, gate, resumed)


@contextlib.contextmanager
def telling_runs_left(campaign: CampaignFolder, tell: Callable[[str], None]) -> Iterator[None]:
    """Tell the runs left of a campaign that an exception ends."""
    try:
        yield
    except (KeyboardInterrupt, Exception):
        # After a full disk the campaign may be unreadable.
        with contextlib.suppress(BadInput, OSError):
            described = campaign.description()
            left, planned = runs_left(campaign, described), count(len(described.planned_runs), "planned run")
            tell(f"not run yet: {left:,} of {planned}; rerun the same command to resume")
        raise


def sample_writer(campaign: CampaignFolder, tell: Callable[[str], None]) -> WriteSamples:
    """Return a function that puts each run's samples on disk, and warns of the first failure of the sampler."""
    failures: list[str] = []

    def write(line: Mapping[str, Any]) -> None:
        campaign.append_samples(line)
        if line["reason"] is not None and not failures:
            failures.append(line["reason"])
            tell(f"warning: connections are not sampled: {failures[0]}; samples.jsonl has the reason for each run")

    return write


def describe(
    order: Order,
    engines: Mapping[str, Engine],
    cells: Mapping[Cell, PreparedCell | str] | Mapping[Cell, CellParts | str],
    keys: Mapping[Cell, str],
    source: str,
) -> Description:
    """Return the description of a new campaign. ``source`` is the loader's source hash."""
    shown = tuple(_shown_cells(order, cells, keys))
    ready = [one for one in cells.values() if not isinstance(one, str)]
    name_part = partial(_name_part, CellEngines(order.matrix, engines).is_apart)
    now, names = utc_now(), "-".join(engines)
    precision = None if order.until is None else order.until.precision
    described = Description(
        campaign=new_name(order.results, now, names),
        created_at=now,
        fingerprint=fingerprint(order.matrix, shown, order.reproduces, precision, cluster=order.cluster),
        engine=names,
        seed=order.plan.seed,
        repeats=order.plan.repeats,
        matrix_hash=order.matrix_hash,
        # Where hosts are is nobody's business.
        matrix={**asdict(order.matrix), "hosts": {name: {} for name in order.matrix.hosts}},
        selection=order.selection,
        experiments=_shown_experiments(order),
        cells=shown,
        placements={
            part_key(one.cell.engine, name_part(one.cell, "resources")): _shown_placement(one, order.cluster)
            for one in ready
        },
        data={one.cell.data: one.data.facts() for one in ready},
        interpreters={part_key(one.cell.engine, part_name(one.cell, "python")): one.host.facts for one in ready},
        postgres={part_key(one.cell.engine, name_part(one.cell, "postgres")): one.server_facts for one in ready},
        environment=describe_environment(shared_folder()),
        engines={name: dict(engine.facts()) for name, engine in engines.items()},
        source_hash=source,
        reproduces=order.reproduces,
        until=None if order.until is None else order.until.facts(),
    )
    return as_written(described)


def _shown_cells(
    order: Order, cells: Mapping[Cell, PreparedCell | str] | Mapping[Cell, CellParts | str], keys: Mapping[Cell, str]
) -> Iterator[ShownCell]:
    for one in order.plan.cells:
        why = cells[one.cell]
        yield ShownCell(keys[one.cell], one.arm, one.experiments, one.cell, why if isinstance(why, str) else None)


def _name_part(is_apart: Callable[[Cell], bool], cell: Cell, axis: str) -> str:
    name = part_name(cell, axis)
    return part_apart(name, cell) if is_apart(cell) else name


def _shown_placement(one: PreparedCell | CellParts, cluster: bool) -> Placement:
    return one.placement.numbered_from_0() if cluster else one.placement


def _shown_experiments(order: Order) -> tuple[ShownExperiment, ...]:
    """Return the experiments that have cells: a selection may leave some without."""
    used = {name for planned in order.plan.cells for name in planned.experiments}
    experiments = order.matrix.experiments.items()
    return tuple(ShownExperiment(name, experiment.question) for name, experiment in experiments if name in used)
