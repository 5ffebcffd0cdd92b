"""Data of the page: campaigns with their answers, one row for each row of a table, cells and models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bigdata.registry import short_name
from experiments.analysis.ceilings import is_ceiling
from experiments.analysis.stats import Estimate, estimate_median
from experiments.analysis.summary import CampaignSummary, CellSummary, ExperimentSummary
from experiments.formatting import AXIS_NAMES, axis_value, count
from experiments.records.record import AXES, Record
from experiments.report.answer.facts import find_facts, find_question
from experiments.report.answer.sentences import write_sentences
from experiments.report.page.cells import Facts, PageCell, collect_cells
from experiments.report.page.model import PageFamily, collect_families
from experiments.report.tables import describe_note

Interval = tuple[float, float | None, float | None]
"""A value with the ends of its 95% interval."""


@dataclass(frozen=True)
class PageExperiment:
    """One question of a campaign; ``floor`` is its noise floor, a factor above 1."""

    name: str
    question: str
    floor: float | None
    unit: str


@dataclass(frozen=True)
class PageCampaign:
    """A campaign; ``records`` is the link to their file, ``first`` the experiment that the page begins with."""

    name: str
    records: str
    machine: str
    created_at: str
    blocks: int
    first: str
    answer: tuple[str, ...]
    experiments: tuple[PageExperiment, ...]


@dataclass(frozen=True)
class PageRow:
    """One row of an experiment's table; ``cell`` is the place of its cell among those of the page.

    ``meaning`` is the role or the test of the ratio: 'baseline', 'baseline again', 'significant', 'n.s.', 'disturbed',
    'relay-bound' or 'not tested'. ``upper_bound``: it is no loader, as pgbench. The
    latency is that of a record, or of an operation.
    """

    campaign: int
    experiment: str
    cell: int
    upper_bound: bool
    rate: Interval | None
    ratio: Interval | None
    meaning: str
    cpu_us: Interval | None
    instructions: float | None
    p50_ms: Interval | None
    p99_ms: Interval | None
    bottleneck: str
    reason: str
    client_share: float | None
    server_share: float | None
    ok: int
    planned: int
    disturbed: int
    note: str


@dataclass(frozen=True)
class PageData:
    """All of the page. Cells name their ``facts`` by number, as most are those of many cells."""

    axes: Mapping[str, str]
    campaigns: tuple[PageCampaign, ...]
    rows: tuple[PageRow, ...]
    cells: tuple[PageCell, ...]
    facts: tuple[tuple[str, str], ...]
    families: tuple[PageFamily, ...]

    def to_values(self) -> dict[str, Any]:
        """Return it for JSON, numbers with six digits."""
        values: dict[str, Any] = _shorten(asdict(self))
        return values


def collect_page(campaigns: Sequence[CampaignSummary], folders: Sequence[str]) -> PageData:
    """Collect what the page shows of these campaigns, the one that it begins with first."""
    facts = Facts()
    rows: list[PageRow] = []
    cells: list[PageCell] = []
    families: list[PageFamily] = []
    for number, whole in enumerate(campaigns):
        found = collect_cells(whole, number, facts)
        places = {one: len(cells) + place for place, one in enumerate(found)}
        cells += found.values()
        for summary in whole.experiments:
            rows += [_row(cell, summary, number, places[cell.shown.cell_key, cell.shown.arm]) for cell in summary.cells]
        families += collect_families(whole.model, number, name_loader)
    described = tuple(_campaign(whole, folder) for whole, folder in zip(campaigns, folders, strict=True))
    axes = {axis: AXIS_NAMES.get(axis, axis) for axis in AXES}
    return PageData(axes, described, tuple(rows), tuple(cells), tuple(facts.known), tuple(families))


def name_loader(axes: Mapping[str, Any]) -> str:
    """Return the short name of the loader in these values of axes."""
    return short_name(*(axes[axis] for axis in ("loader", "loop", "protocol", "implementation")))


def _campaign(whole: CampaignSummary, folder: str) -> PageCampaign:
    described, facts = whole.campaign.description, whole.campaign.description.environment
    question = find_question(described)
    machine = f"{axis_value(facts.cpu)}, {count(len(facts.cores_allowed), 'core')}, engine {described.engine}"
    return PageCampaign(
        name=described.campaign,
        records=folder + whole.campaign.file,
        machine=machine,
        created_at=described.created_at,
        blocks=described.repeats,
        first=(question or described.experiments[0]).name,
        answer=tuple(write_sentences(find_facts(whole))),
        experiments=tuple(
            PageExperiment(one.experiment.name, one.experiment.question, one.floor, one.unit)
            for one in whole.experiments
        ),
    )


def _row(cell: CellSummary, summary: ExperimentSummary, campaign: int, place: int) -> PageRow:
    seen = cell.observations
    return PageRow(
        campaign=campaign,
        experiment=summary.experiment.name,
        cell=place,
        upper_bound=is_ceiling(cell.shown.cell),
        rate=_interval(cell.rows_per_s),
        ratio=_interval(cell.ratio),
        meaning=_meaning(cell),
        cpu_us=_median([record.cost_us for record in cell.ok]),
        instructions=None if cell.count is None else cell.count.instructions_per_row,
        p50_ms=_median([latency_ms(record, "p50") for record in cell.ok]),
        p99_ms=_median([latency_ms(record, "p99") for record in cell.ok]),
        bottleneck="" if cell.verdict is None else cell.verdict.label,
        reason="" if cell.verdict is None else cell.verdict.sentence,
        client_share=None if seen is None else seen.client_share,
        server_share=None if seen is None else seen.server_share,
        ok=len(cell.ok),
        planned=cell.planned,
        disturbed=cell.disturbed,
        note=describe_note(cell),
    )


def _meaning(cell: CellSummary) -> str:
    if cell.baseline:
        return "baseline"
    if cell.shown.arm == "b":
        return "baseline again"
    if cell.is_relay_bound:
        return "relay-bound"
    if cell.disturbed_ground:
        return "disturbed"
    return "not tested" if cell.noise is None else "n.s." if cell.noise else "significant"


def latency_ms(record: Record, part: str) -> float | None:
    """Return a percentile of the run's latency."""
    latency_s = (record.client.record_latency_s or {}).get(part) if record.client else None
    return None if latency_s is None else latency_s * 1e3


def _interval(estimate: Estimate | None) -> Interval | None:
    return None if estimate is None else (estimate.value, estimate.low, estimate.high)


def _median(values: Sequence[float | None]) -> Interval | None:
    known = [value for value in values if value is not None]
    return _interval(estimate_median(known)) if known else None


def _shorten(value: Any) -> Any:
    """Return a value for JSON whose numbers have six digits; what is not finite is unknown."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if abs(value) < float("inf") else None
    if isinstance(value, Mapping):
        return {str(name): _shorten(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_shorten(one) for one in value]
    return value
