"""Footnotes of a table: the run status of every planned run, with reasons. Failures are data."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from experiments.analysis.disturbance import THRESHOLDS
from experiments.analysis.summary import ExperimentSummary
from experiments.formatting import count, shortened
from experiments.records.record import Record, Status

STATUS_NAMES: Mapping[Status, str] = {
    "ok": "ok",
    "wrong_work": "wrong_work",
    "failed": "failed",
    "timeout": "timed out",
}
# The length of a reason; the CSV has all of it.
_REASON_LENGTH = 200


_NUMBER = re.compile(r"\d+")


def foot_lines(summary: ExperimentSummary) -> list[str]:
    """Return the counts, zeros too; each reason with its number; the disturbed runs."""
    lines = [_counts(summary), *_troubles(summary), *_unsupported(summary), _missing(summary), _cut(summary)]
    lines += [_repeated(summary), _unwatched(summary), _late(summary), _disturbed(summary)]
    return [line for line in lines if line]


def _counts(summary: ExperimentSummary) -> str:
    rows = summary.cells
    records = [record for row in rows for record in row.finished]
    statuses = Counter(record.status for record in records)
    parts = ", ".join(f"{statuses[status]:,} {name}" for status, name in STATUS_NAMES.items())
    return (
        f"Run status: {sum(row.planned for row in rows):,} planned, {len(records):,} run "
        f"({sum(record.resumed for record in records):,} resumed): {parts}. "
        f"Unsupported cells: {len({row.shown.cell_key for row in rows if row.shown.unsupported}):,}. "
        f"Interrupted attempts: {sum(row.interrupted for row in rows):,}."
    )


def _repeated(summary: ExperimentSummary) -> str:
    """Count the repetitions, with the rule which of several runs counts."""
    repeated = sum(row.repeated for row in summary.cells)
    why = "disturbed from outside, or the baseline of one that was; of several runs in a block the last counts"
    return f"Repeated within their block: {count(repeated, 'run')}, {why}." if repeated else ""


def _troubles(summary: ExperimentSummary) -> list[str]:
    records = [record for row in summary.cells for record in row.finished]
    grouped = group_troubles(records)
    return [f"{count(reason.number, 'run')} {name}{reason.told(_REASON_LENGTH)}." for name, reason in grouped]


def _unsupported(summary: ExperimentSummary) -> list[str]:
    found = {row.shown.cell_key: row.shown.unsupported for row in summary.cells if row.shown.unsupported}
    grouped = group_reasons(found.values())
    return [f"{count(reason.number, 'cell')} cannot run{reason.told(_REASON_LENGTH)}." for reason in grouped]


def _missing(summary: ExperimentSummary) -> str:
    """Count the missing runs of a campaign that has not ended. Each row with one names the blocks."""
    rows = [len(row.missing) for row in summary.cells if row.missing]
    runs, where = count(sum(rows), "run"), count(len(rows), "row")
    return f"Not run: {runs} of {where}, whose notes name the blocks. The campaign has not ended." if rows else ""


def _cut(summary: ExperimentSummary) -> str:
    """Count the ok runs that are in no ratio."""
    pairs = sum(row.cut for row in summary.cells)
    why = "the campaign was interrupted between them and their baseline"
    return f"{count(pairs, 'run')} excluded from ratios, not from medians: {why}." if pairs else ""


def _unwatched(summary: ExperimentSummary) -> str:
    """Count the runs without samples of their connections although they were asked for."""
    asked = [record for row in summary.cells for record in row.ok if _was_to_be_watched(record)]
    missing = [record for record in asked if not (record.connections and record.connections.samples)]
    runs = f"{len(missing):,} of {count(len(asked), 'run')} that were ok"
    return f"Connections were not sampled in {runs}; samples.jsonl says why." if missing else ""


def _late(summary: ExperimentSummary) -> str:
    """Count the runs whose connections may have been sampled too late; older records do not say."""
    watched = [record.connections for row in summary.cells for record in row.ok if record.connections]
    late = [seen for seen in watched if seen.scheduling is None]
    if not late:
        return ""
    return (
        f"In {len(late):,} of {count(len(watched), 'run')} the sampler had no short time slice, and may have waited "
        "for a core of the server. More connections may have been active, and fewer waiting, than these samples show."
    )


def _was_to_be_watched(record: Record) -> bool:
    """Return whether samples were asked for; a loader that does not time its phases cannot have any."""
    data = (record.phases or {}).get("data")
    return record.cell.sampling == "on" and data is not None and data.started_s is not None


def _disturbed(summary: ExperimentSummary) -> str:
    records = [record for row in summary.cells for record in row.finished]
    if not any(record.host and record.host.steal_s is not None for record in records):
        return "Disturbed runs: not known, as nothing observed the machine."
    disturbed = sum(row.disturbed for row in summary.cells)
    return f"Disturbed runs: {disturbed:,} of {len(records):,} ({THRESHOLDS})."


@dataclass(frozen=True)
class Reason:
    """A reason with its number of runs; ``alike`` where some of those differ from ``text`` in their numbers."""

    number: int
    text: str
    alike: bool

    def told(self, length: int) -> str:
        """Return ': no wheels' or, for several that are alike, ', such as: 3 of 4', shortened to a length."""
        if not self.text:
            return ""
        return f"{', such as' if self.alike else ''}: {shortened(self.text, length)}"


def group_troubles(records: Sequence[Record]) -> list[tuple[str, Reason]]:
    """Return the grouped reasons of the runs that were not ok, each with the name of its status."""
    found = {name: [one.reason or "" for one in records if one.status == key] for key, name in STATUS_NAMES.items()}
    return [(name, reason) for name in found if name != "ok" for reason in group_reasons(found[name])]


def group_reasons(reasons: Iterable[str]) -> list[Reason]:
    """Group failure reasons that differ only in numbers, the most frequent first."""
    groups: dict[str, list[str]] = {}
    for reason in reasons:
        groups.setdefault(_NUMBER.sub("#", reason), []).append(reason)
    found = [Reason(len(group), group[0], len(set(group)) > 1) for group in groups.values()]
    return sorted(found, key=lambda reason: -reason.number)
