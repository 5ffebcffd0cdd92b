"""Plan and outcome of a campaign as text."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments.analysis.precision import describe_until
from experiments.analysis.stats import FEWEST_BLOCKS
from experiments.analysis.summary import CampaignSummary
from experiments.engines.protocol import Engine
from experiments.formatting import count, duration
from experiments.matrix.cell import LOOPBACK, Cell
from experiments.matrix.plan import Plan, estimate_s, guess_run_s
from experiments.matrix.spec import Matrix
from experiments.records.description import Description
from experiments.records.folder import CampaignFolder
from experiments.report.captions import describe_engine
from experiments.report.front_page import describe_headline, timed_share
from experiments.report.page.html import REPORT
from experiments.report.reproduction import PAGE
from experiments.report.tables import table_rows, terminal_table


def describe_outcome(folder: CampaignFolder, whole: CampaignSummary, width: int, *, quiet: bool = False) -> str:
    """Return the tables, unless ``quiet``, the failures, the headline, and where the results are."""
    campaign, summaries = whole.campaign, whole.experiments
    description, records = campaign.description, campaign.records
    tables = [f"\n{summary.experiment.name}: {terminal_table(summary, campaign, width)}" for summary in summaries]
    parts = [] if quiet else tables
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
    parts += [describe_headline(whole), f"page: {page_of(folder, description)}"]
    return "\n".join([*parts, f"records: {folder.records_file}"])


def page_of(folder: CampaignFolder, description: Description) -> Path:
    """Return the page of a campaign; of a reproduction that of what came out again."""
    return folder.path / (REPORT if description.reproduces is None else PAGE)


def outcome_document(folder: CampaignFolder, whole: CampaignSummary) -> dict[str, Any]:
    """Return the same for programs; cells have the columns of the CSV."""
    records = whole.campaign.records
    statuses = Counter(record.status for record in records if not record.interrupted)
    return {
        "campaign": whole.campaign.name,
        "folder": folder.path,
        "page": page_of(folder, whole.campaign.description),
        "headline": describe_headline(whole),
        "runs": {"missing": whole.campaign.missing, **statuses},
        "experiments": [
            {
                "name": summary.experiment.name,
                "question": summary.experiment.question,
                "noise_floor": None if summary.floor is None else summary.floor - 1,
                "cells": [
                    {"cell_key": cell.shown.cell_key, **row}
                    for cell, row in zip(summary.cells, table_rows(summary, whole.model), strict=True)
                ],
            }
            for summary in whole.experiments
        ],
    }


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
