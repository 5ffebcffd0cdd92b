"""Records of one experiment condensed to one summary per cell and arm, in the order of the matrix."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.description import Description, ShownCell, ShownExperiment
from experiments.records import RUN_STATUSES, Client, Record
from experiments.stats import Estimate, estimate_median, estimate_ratio, noise_floor


@dataclass(frozen=True)
class CellSummary:
    """One row: a cell and arm with its finished runs. Medians and the ratio are None where no run was ok."""

    shown: ShownCell
    baseline: bool
    planned: int
    finished: tuple[Record, ...]
    interrupted: int
    rows_per_s: Estimate | None
    ratio: Estimate | None
    cpu_us_per_row: float | None
    client_share: float | None
    """CPU seconds of the client per second of phase ``data``: the part of one core that it used."""
    throttled_share: float | None
    """The part of phase ``data`` in which the client had used up its limit and waited; None without a limit."""

    @property
    def ok(self) -> tuple[Record, ...]:
        """The runs that count."""
        return tuple(record for record in self.finished if record.status == "ok")

    @property
    def troubles(self) -> Counter[tuple[str, str]]:
        """How often each (status, reason) other than ok came out."""
        return Counter((record.status, record.reason or "") for record in self.finished if record.status != "ok")

    @property
    def optimized_build(self) -> bool:
        """False where an interpreter said that it was built without optimizations."""
        return all(record.client.optimized_build for record in self.finished if record.client)

    @property
    def clients(self) -> tuple[Client, ...]:
        """What the processes of its runs reported of themselves."""
        return tuple(record.client for record in self.finished if record.client)

    def client_fact(self, name: str) -> Any:
        """What all its runs report under this name of ``Client``; None where they differ, or do not tell."""
        values = {getattr(client, name) for client in self.clients}
        return values.pop() if len(values) == 1 else None


@dataclass(frozen=True)
class ExperimentSummary:
    """One question with its rows. ``floor`` is the noise floor as a factor above 1, None without enough blocks."""

    experiment: ShownExperiment
    cells: tuple[CellSummary, ...]
    floor: float | None


def summarize(description: Description, records: Sequence[Record], experiment: ShownExperiment) -> ExperimentSummary:
    """Condense what the records say about one experiment."""
    shown = in_matrix_order(description, experiment)
    again = next((cell for cell in shown if cell.arm == "b"), None)
    baseline = next((cell for cell in shown if again and (cell.cell_key, cell.arm) == (again.cell_key, "a")), None)
    pace = _pace(records, baseline) if baseline else {}
    cells = tuple(_summarize_cell(cell, description.repeats, records, pace, cell is baseline) for cell in shown)
    floors = (noise_floor(cell.ratio) for cell in cells if cell.shown is again)
    return ExperimentSummary(experiment, cells, next(floors, None))


def in_matrix_order(description: Description, experiment: ShownExperiment) -> list[ShownCell]:
    """The cells of an experiment sorted by its axes from left to right, values as the matrix lists them.

    A value that the experiment does not list (of a baseline from elsewhere, or none at all) comes first.
    """
    lists = description.matrix["experiments"][experiment.name]["matrix"]

    def position(shown: ShownCell) -> list[int]:
        return [
            list(lists[axis]).index(value) if value in lists.get(axis, ()) else -1 for axis, value in shown.cell.items()
        ]

    return sorted((cell for cell in description.cells if experiment.name in cell.experiments), key=position)


def count_statuses(planned: int, cells: Iterable[CellSummary]) -> str:
    """Say what became of the planned runs: every status with its number, zeros too."""
    rows = list(cells)
    statuses = Counter(record.status for row in rows for record in row.finished)
    parts = [f"{statuses[status]} {status}" for status in RUN_STATUSES]
    unsupported = len({row.shown.cell_key for row in rows if row.shown.unsupported})
    interrupted = sum(row.interrupted for row in rows)
    run = sum(statuses.values())
    return (
        f"Runs: {planned:,} planned, {run:,} run: {', '.join(parts)}. "
        f"Cells that cannot run (unsupported): {unsupported}. Attempts interrupted, and then repeated: {interrupted}."
    )


def _summarize_cell(
    shown: ShownCell, repeats: int, records: Sequence[Record], pace: dict[int, float], baseline: bool
) -> CellSummary:
    attempts = [record for record in records if _belongs(record, shown)]
    finished = tuple(record for record in attempts if not record.interrupted and record.status != "unsupported")
    rates = _pace(finished, shown)
    data = [record.phases["data"] for record in finished if record.status == "ok" and record.phases]
    throttled = [phase.throttled_s / phase.wall_s for phase in data if phase.throttled_s is not None]
    cpu = [record.cpu_us_per_row for record in finished if record.status == "ok" and record.cpu_us_per_row is not None]
    return CellSummary(
        shown=shown,
        baseline=baseline,
        planned=0 if shown.unsupported else repeats,
        finished=finished,
        interrupted=sum(record.interrupted for record in attempts),
        rows_per_s=estimate_median(list(rates.values())) if rates else None,
        ratio=None if baseline else estimate_ratio(rates, pace),
        cpu_us_per_row=statistics.median(cpu) if cpu else None,
        client_share=statistics.median((p.user_s + p.system_s) / p.wall_s for p in data) if data else None,
        throttled_share=statistics.median(throttled) if throttled else None,
    )


def _pace(records: Iterable[Record], shown: ShownCell) -> dict[int, float]:
    """Rows per second of the cell's good runs, by block."""
    return {
        record.block: record.rows_per_s
        for record in records
        if _belongs(record, shown) and record.status == "ok" and record.rows_per_s is not None
    }


def _belongs(record: Record, shown: ShownCell) -> bool:
    return (record.cell_key, record.arm) == (shown.cell_key, shown.arm)
