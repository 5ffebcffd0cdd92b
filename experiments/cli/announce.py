"""Plan and outcome of a campaign as text."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from experiments.analysis.precision import describe_until
from experiments.analysis.stats import FEWEST_BLOCKS
from experiments.analysis.summary import ExperimentSummary
from experiments.engines.protocol import Engine
from experiments.formatting import count, duration
from experiments.matrix.cell import LOOPBACK, Cell
from experiments.matrix.plan import Plan, estimate_s, guess_run_s
from experiments.matrix.spec import Matrix
from experiments.records.campaign import Campaign
from experiments.records.folder import CampaignFolder
from experiments.report.captions import describe_engine
from experiments.report.front_page import timed_share
from experiments.report.reproduction import PAGE
from experiments.report.tables import terminal_table


def describe_outcome(folder: CampaignFolder, campaign: Campaign, summaries: Sequence[ExperimentSummary]) -> str:
    """Return the tables, the failures, and where the results are."""
    description, records = campaign.description, campaign.records
    parts = [f"\n{summary.experiment.name}: {terminal_table(summary, campaign)}" for summary in summaries]
    rows = [cell for summary in summaries for cell in summary.cells if cell.good_runs]
    # Of fewer blocks nothing is claimed anyway.
    disturbed = sum(cell.disturbed_ground for cell in rows) if description.repeats >= FEWEST_BLOCKS else 0
    if disturbed:
        of_all = count(len(rows), "row")
        parts.append(f"disturbed: nothing is claimed of {disturbed:,} of {of_all}; repeat the campaign")
    finished = {(cell.shown.cell_key, cell.shown.arm): cell.finished for one in summaries for cell in one.cells}
    failed = sum(record.status != "ok" for runs in finished.values() for record in runs)
    if failed:
        parts.append(f"warning: {count(failed, 'run')} not ok; the tables name the reasons")
    until = describe_until(description, summaries)
    parts += [] if until is None else [until]
    share = timed_share(records)
    if share is None:
        parts.append("warning: nothing was measured; the tables name the reasons")
    else:
        parts.append(f"{share:.0%} of the wall time was spent in timed phases")
    # The front page shows no reproduction.
    page = folder.path.parent / "README.md" if description.reproduces is None else folder.path / PAGE
    parts.append(f"results: {page}, records: {folder.path / 'runs.jsonl'}")
    return "\n".join(parts)


def describe_engines(notice: str | None, engines: Mapping[str, Engine]) -> list[str]:
    """Return the warnings of the engines, and a line for each engine."""
    notices = [line for engine in engines.values() for line in engine.notices]
    lines = [f"engine {describe_engine(name, engine.facts())}" for name, engine in engines.items()]
    return [*([] if notice is None else [notice]), *notices, *lines]


def describe_delays(plan: Plan, matrix: Matrix, engines: Mapping[str, Engine]) -> list[str]:
    """Return what delays packets, a line for each engine with cells behind a network that is none between hosts."""
    delayed = {name for name, network in matrix.network.items() if network.hosts is None} - {LOOPBACK}
    names = dict.fromkeys(one.cell.engine for one in plan.runnable if one.cell.network in delayed)
    obstacles = {name: engines[name].find_netem_obstacle() for name in names}
    return [
        f"network, {name}: {f'a relay stands in for netem: {why}' if why else 'delayed by netem'}"
        for name, why in obstacles.items()
    ]


def describe_plan(plan: Plan, matrix: Matrix, obstacles: Mapping[Cell, str]) -> str:
    """Return the cells with their experiments, ``obstacles`` why some cannot run here, and an estimate of the time."""
    lines = []
    for planned in plan.cells:
        reason = planned.unsupported or obstacles.get(planned.cell)
        why = f"; cannot run: {reason}" if reason else ""
        arm = ", again" if planned.arm == "b" else ""
        lines.append(f"- {planned.cell.label()}{arm} ({', '.join(planned.experiments)}){why}")

    def guess_s(cell: Cell) -> float:
        cores = matrix.resources[cell.resources].loader_cpus
        return guess_run_s(cell, matrix.data[cell.data], matrix.timeout_s, cores)

    plan = replace(plan, cells=tuple(planned for planned in plan.cells if planned.cell not in obstacles))
    per_block = len(plan.runnable)
    runs = count(per_block * plan.repeats, "run")
    lines.append(
        f"{runs}: {count(plan.repeats, 'block')} of {per_block}, each block in its own "
        f"shuffled order (seed {plan.seed})"
    )
    lines.append(f"about {duration(estimate_s(plan, guess_s))} after set-up; nothing was run")
    return "\n".join(lines)
