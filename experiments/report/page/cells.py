"""Cells of the page: identity, runs, versions and settings, and the command that runs one again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from bigdata.registry import short_name
from experiments.analysis.attempts import placement_of
from experiments.analysis.disturbance import find_disturbances, usual_costs
from experiments.analysis.summary import CampaignSummary, CellSummary
from experiments.formatting import axis_value
from experiments.records.campaign import Campaign
from experiments.records.description import part_of
from experiments.records.record import Record
from experiments.report.captions import describe_placement

_KEY_DIGITS = 12
MOST_RUNS = 200
"""Of a cell with more attempts the page lists only the last: it is to stay small enough for a browser."""


class PageRun(NamedTuple):
    """One attempt, with its ``line`` in ``runs.jsonl``; ``counts``: it is in the medians."""

    line: int
    block: int
    status: str
    counts: bool
    rate: float | None
    cpu_us: float | None
    started_at: str
    remark: str


@dataclass(frozen=True)
class PageCell:
    """A cell and arm of a campaign. ``facts`` are places in the page's list of names with texts.

    ``runs`` are the last of its ``attempts``.
    """

    campaign: int
    key: str
    arm: str
    loader: str
    axes: Mapping[str, object]
    facts: tuple[int, ...]
    attempts: int
    runs: tuple[PageRun, ...]
    command: str


@dataclass
class Facts:
    """Names with texts, each kept once."""

    known: dict[tuple[str, str], int] = field(default_factory=dict)

    def place(self, name: str, text: str) -> int:
        """Return the place of a fact, which is new or not."""
        return self.known.setdefault((name, text), len(self.known))


def collect_cells(whole: CampaignSummary, number: int, facts: Facts) -> dict[tuple[str, str], PageCell]:
    """Collect all cells of a campaign by key and arm, each once."""
    campaign = whole.campaign
    cells = {(cell.shown.cell_key, cell.shown.arm): cell for one in whole.experiments for cell in one.cells}
    listed = {id(record) for cell in cells.values() for record in campaign.attempts_of(cell.shown)[-MOST_RUNS:]}
    lines = {id(record): line for line, record in enumerate(campaign.records, start=1) if id(record) in listed}
    return {name: _cell(cell, campaign, number, facts, lines) for name, cell in cells.items()}


def _cell(cell: CellSummary, campaign: Campaign, number: int, facts: Facts, lines: Mapping[int, int]) -> PageCell:
    shown, placement = cell.shown, placement_of(campaign, cell.shown)
    usual, counted = usual_costs(cell.finished), {id(record) for record in cell.finished}
    attempts, runs = campaign.attempts_of(shown), []
    for record in attempts[-MOST_RUNS:]:
        disturbances = find_disturbances(record, placement, usual.get(record.machine))
        remarks = [*([record.reason] if record.reason else []), *disturbances]
        remarks += ["interrupted"] if record.interrupted else []
        remarks += ["resumed"] if record.resumed else []
        remark, counts = "; ".join(remarks), id(record) in counted
        costs = record.rate, record.cost_us, record.started_at
        runs.append(PageRun(lines[id(record)], record.block, record.status, counts, *costs, remark))
    key = shown.cell_key.removeprefix("sha256:")[:_KEY_DIGITS]
    return PageCell(
        campaign=number,
        key=shown.cell_key,
        arm=shown.arm,
        loader=short_name(shown.cell.loader, shown.cell.loop, shown.cell.protocol, shown.cell.implementation),
        axes={axis: value for axis, value in shown.cell.axes().items() if value is not None},
        facts=tuple(facts.place(name, text) for name, text in _describe(cell, campaign)),
        attempts=len(attempts),
        runs=tuple(runs),
        command=f"nox -s matrix -- --reproduce {campaign.name} --cell {key}",
    )


def _describe(cell: CellSummary, campaign: Campaign) -> list[tuple[str, str]]:
    """Return versions and settings, as far as the campaign knows them."""
    described, shown = campaign.description, cell.shown.cell
    python = part_of(described.interpreters, shown, "python")
    server = part_of(described.postgres, shown, "postgres")
    data = described.data.get(shown.data)
    placement = part_of(described.placements, shown, "resources")
    found = [
        ("Commit", axis_value(described.environment.commit)),
        ("Loader's source", described.source_hash),
        ("Python", python and f"{python.implementation} {python.version}, {python.build}"),
        ("Packages", _packages(cell.ok)),
        ("Requirements", python and python.lock_hash),
        ("PostgreSQL", server and f"{server.version} on {server.storage}"),
        ("Settings", server and ", ".join(f"{name}={value}" for name, value in sorted(server.settings.items()))),
        ("Images", ", ".join(sorted({image for one in (python, server) if one and (image := one.image)}))),
        ("Cores", placement and describe_placement(placement)),
        ("Data", data and f"{data.rows:,} rows; digest {data.digest}"),
        ("Cannot run", cell.shown.unsupported),
    ]
    return [(name, text) for name, text in found if text]


def _packages(records: tuple[Record, ...]) -> str:
    versions = {(name, one) for record in records if record.client for name, one in record.client.packages.items()}
    return ", ".join(f"{name} {version}" for name, version in sorted(versions))
