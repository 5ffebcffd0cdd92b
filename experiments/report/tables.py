"""Tables of an experiment: Markdown, terminal and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from experiments.analysis.machines import machines_of
from experiments.analysis.queueing.model import Model, Modelled
from experiments.analysis.stats import Estimate, mark_unless, with_interval
from experiments.analysis.summary import CampaignSummary, CellSummary, ExperimentSummary
from experiments.cpuset import format_cpuset
from experiments.formatting import NOTHING, format_known, in_units, shortened, unit_of
from experiments.records.campaign import Campaign
from experiments.records.record import RUN_STATUSES
from experiments.report import response_times
from experiments.report.bottlenecks import BOTTLENECK, BUSY_NAMES, rounded, why_cells, why_csv, why_headings
from experiments.report.builds import marks_of
from experiments.report.captions import caption_lines, describe_floor, describe_ratios
from experiments.report.counts import count_cells, count_columns, count_headings
from experiments.report.csv_columns import fact_columns, measure_columns, model_columns
from experiments.report.effects import describe_effects
from experiments.report.footnotes import STATUS_NAMES, foot_lines, group_troubles
from experiments.report.labels import headings, label_of, lay_out, table_axes
from experiments.report.machines import describe_machines, describe_spread, machine_columns
from experiments.report.terminal import UNLIMITED

HEADINGS = (
    "rows/s (95% interval)",
    "client capacity (95% interval)",
    "ratio (95% interval)",
    "client CPU µs/row",
    BUSY_NAMES["client_share"],
)
"""Before those of ``count_headings`` and ``why_headings``, and ``LAST_HEADINGS`` behind them."""
LAST_HEADINGS = ("ok", "note")
TERMINAL_HEADINGS = ("rows/s", "ratio (95% interval)", "CPU µs/row", "ok", "note")

# The length of a reason in a row; the footnotes have more of it, the CSV all.
NOTE_LENGTH = 80


def markdown_table(summary: ExperimentSummary, campaign: Campaign, *, charts: str = "") -> str:
    """Write question, noise floor, ``charts`` (paragraphs), table, notes and effects, without a heading."""
    axes = table_axes([cell.shown.cell for cell in summary.cells])
    why, counted = why_headings(summary.cells), count_headings(summary.cells)
    rows = [
        [
            *_axis_cells(cell, axes),
            *(response_times.value_cells(cell, _ratio(cell)) if summary.is_open else _value_cells(cell)),
            *(count_cells(cell) if counted else []),
            *why_cells(cell, why),
            *_last_cells(cell),
        ]
        for cell in summary.cells
    ]
    names = headings(axes)
    measured = response_times.HEADINGS if summary.is_open else HEADINGS
    numbers = [*(in_units(heading, summary.unit) for heading in (*measured, *counted)), *why]
    align = "l" * len(names) + "".join("l" if one == BOTTLENECK else "r" for one in numbers) + "rl"
    table = lay_out(rows, [*names, *numbers, *LAST_HEADINGS], align)
    notes = "\n".join(f"- {line}" for line in caption_lines(summary, campaign, axes))
    effects = describe_effects(summary, campaign)
    matters = "" if effects is None else f"\n**What matters**\n\n{effects.strip()}\n"
    matters += describe_spread(summary, axes)
    question, floor = summary.experiment.question, describe_floor(summary, campaign)
    return f"{question}\n\n{floor}\n\n{charts}{table}\n\n" + in_units(f"{notes}\n{matters}", summary.unit)


def terminal_table(summary: ExperimentSummary, campaign: Campaign, width: int = UNLIMITED) -> str:
    """Write what fits a terminal of this width: ratios with their intervals, medians without, and the run status."""
    axes = table_axes([cell.shown.cell for cell in summary.cells])
    rows = [[*label_of(cell.shown.cell, axes), *_short_cells(cell, is_open=summary.is_open)] for cell in summary.cells]
    names = headings(axes)
    told = (*response_times.TERMINAL_HEADINGS, *LAST_HEADINGS) if summary.is_open else TERMINAL_HEADINGS
    measured = [in_units(heading, summary.unit) for heading in told]
    table = lay_out(rows, [*names, *measured], "l" * len(names) + "r" * (len(measured) - 1) + "l", width)
    machines = [line for line in (describe_machines(summary, campaign),) if line]
    notes = "\n".join(f"- {line}" for line in [*machines, *describe_ratios(summary), *foot_lines(summary)])
    floor = describe_floor(summary, campaign).replace("**", "")
    return f"{summary.experiment.question}\n{floor}\n\n{table}\n\n{in_units(notes, summary.unit)}\n"


def table_rows(summary: ExperimentSummary, model: Model) -> list[dict[str, object]]:
    """Return the same rows for programs: every axis, plain numbers, units in the names."""
    modelled = {cell.point.shown.cell_key: cell for cell in model.cells}
    clustered = any(machines_of(cell) for cell in summary.cells)
    return [
        {
            **_csv_row(cell, summary, modelled),
            **(machine_columns(cell) if clustered else {}),
            "note": describe_note(cell),
        }
        for cell in summary.cells
    ]


def csv_table(summary: ExperimentSummary, model: Model) -> str:
    """Write these rows as CSV."""
    return _write_csv(table_rows(summary, model))


def cells_table(campaigns: Sequence[CampaignSummary]) -> str:
    """Write the rows of all experiments of these campaigns as one CSV, each behind its campaign and cell key."""
    rows = [
        {"campaign": whole.campaign.name, "cell_key": cell.shown.cell_key, **row}
        for whole in campaigns
        for summary in whole.experiments
        for cell, row in zip(summary.cells, table_rows(summary, whole.model), strict=True)
    ]
    return _write_csv(rows)


def _write_csv(rows: Sequence[Mapping[str, object]]) -> str:
    """Write every column that a row has, empty in the others; the note is the last."""
    columns = dict.fromkeys(column for row in rows for column in row)
    if "note" in columns:
        columns["note"] = columns.pop("note")
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(columns), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _axis_cells(cell: CellSummary, axes: Sequence[str]) -> list[str]:
    texts = dict(zip(headings(axes), label_of(cell.shown.cell, axes), strict=True))
    for mark, axis in marks_of(cell, axes):
        texts[headings([axis])[0]] += f" {mark}"
    return list(texts.values())


def _value_cells(cell: CellSummary) -> list[str]:
    return [
        with_interval(cell.rows_per_s, ",.0f"),
        with_interval(cell.capacity, ",.0f"),
        _ratio(cell),
        format_known(cell.cpu_us_per_row, ".1f"),
        format_known(cell.client_share, ".0%"),
    ]


def _last_cells(cell: CellSummary) -> list[str]:
    return [
        NOTHING if cell.shown.unsupported else f"{len(cell.ok)} of {cell.planned}",
        describe_note(cell, NOTE_LENGTH),
    ]


def _short_cells(cell: CellSummary, *, is_open: bool) -> list[str]:
    measured = [
        format_known(cell.rows_per_s.value if cell.rows_per_s else None, ",.0f"),
        _ratio(cell),
        format_known(cell.cpu_us_per_row, ".1f"),
    ]
    return [
        *(response_times.short_cells(cell, _ratio(cell)) if is_open else measured),
        NOTHING if cell.shown.unsupported else f"{len(cell.ok)}/{cell.planned}",
        describe_note(cell, NOTE_LENGTH),
    ]


def _ratio(cell: CellSummary) -> str:
    if cell.is_pace and cell.good_runs:
        return "1"
    if cell.is_relay_bound and cell.ratio is not None:
        return f"{with_interval(cell.ratio, '.2f')} relay-bound"
    if cell.disturbed_ground and cell.ratio is not None:
        return f"{with_interval(cell.ratio, '.2f')} disturbed"
    return mark_unless(cell.ratio is None or not cell.noise, with_interval(cell.ratio, ".2f"))


def describe_note(cell: CellSummary, length: int | None = None) -> str:
    """Return role, obstacle, slowdown and failures of a row; each reason has at most this ``length``."""
    if cell.shown.unsupported:
        return f"cannot run: {shortened(cell.shown.unsupported, length or len(cell.shown.unsupported))}"
    parts = ["baseline"] if cell.baseline else ["the baseline's loader"] if cell.is_pace else []
    parts += ["the baseline again"] if cell.shown.arm == "b" else []
    parts += [] if cell.throttled_share is None else [f"throttled {cell.throttled_share:.0%} of the time"]
    parts += _troubles(cell, length)
    if cell.is_disturbed:
        parts.append(f"{cell.disturbed} of {len(cell.finished)} runs disturbed: {cell.disturbance}")
    if cell.response is not None and cell.response.saturated > 0 and not cell.response.is_saturated:
        parts.append(f"{cell.response.saturated} of {cell.response.runs} runs saturated")
    if cell.missing:
        parts.append(f"not run: block{'s' * (len(cell.missing) > 1)} {format_cpuset(cell.missing)}")
    return "; ".join(parts)


def _troubles(cell: CellSummary, length: int | None) -> list[str]:
    """Count each outcome other than ok, with its reasons; every reason without a ``length``."""
    if length is None:
        return [f"{number} {STATUS_NAMES[status]}: {reason}" for (status, reason), number in cell.troubles.items()]
    return [f"{reason.number} {name}{reason.told(length)}" for name, reason in group_troubles(cell.finished)]


def _csv_row(cell: CellSummary, summary: ExperimentSummary, modelled: Mapping[str, Modelled]) -> dict[str, object]:
    statuses = [record.status for record in cell.finished]
    return {
        "experiment": summary.experiment.name,
        **cell.shown.cell.axes(),
        "arm": cell.shown.arm,
        "baseline": int(cell.baseline),
        "planned": cell.planned,
        **{status: statuses.count(status) for status in RUN_STATUSES},
        "unsupported": int(bool(cell.shown.unsupported)),
        "interrupted": cell.interrupted,
        "resumed": sum(record.resumed for record in cell.finished),
        "repeated": cell.repeated,
        "disturbed": cell.disturbed,
        "disturbed_ground": int(cell.disturbed_ground),
        "unit": unit_of([cell.shown.cell.workload]),
        **_estimate_columns("rows_per_s", cell.rows_per_s, 1),
        **_estimate_columns("ratio", cell.ratio, 4),
        "ratio_p": _p_value(None if cell.ratio is None else cell.ratio.p_value),
        "ratio_p_holm": _p_value(cell.holm_p),
        "not_told_apart": "" if cell.noise is None else int(cell.noise),
        **{name: rounded(getattr(cell, name), 3) for name in ("cpu_us_per_row", "client_share", "throttled_share")},
        **_estimate_columns("client_capacity_rows_per_s", cell.capacity, 1),
        **count_columns(cell),
        **fact_columns(cell),
        **measure_columns(cell),
        **(response_times.csv_columns(cell) if summary.is_open else {}),
        **why_csv(cell),
        **model_columns(cell.shown, modelled),
    }


def _p_value(value: float | None) -> float | str:
    return "" if value is None else float(f"{value:.3g}")


def _estimate_columns(name: str, estimate: Estimate | None, digits: int) -> dict[str, object]:
    names = {"value": name, "low": f"{name}_low", "high": f"{name}_high"}
    return {column: rounded(getattr(estimate, key, None), digits) for key, column in names.items()}
