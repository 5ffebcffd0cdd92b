"""Columns that say why: verdict, share of the ceiling, ledger of the workers' time, what connections were at. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from experiments.analysis.summary import CellSummary
from experiments.analysis.time_breakdown import PARTS
from experiments.formatting import NOTHING

PART_NAMES: Mapping[str, str] = {
    "client_user": "client, user",
    "client_system": "client, system",
    "server_cpu": "server CPU",
    "commit_wait": "commit",
    "other_wait": "other waits",
    "round_trip": "round trips",
    "queueing": "queueing",
}
"""The parts of the ledger for people."""

BUSY_NAMES: Mapping[str, str] = {"client_share": "client's cores", "server_share": "server's cores"}
"""What each side used of the cores that it can use, for people."""

VERDICT, OF_CEILING = "verdict", "of ceiling"

_STATES = ("active", "idle", "idle_in_transaction")
_SHARES = ("server_share", "run_share", "foreign_share")
# Shorter waits are not named in tables, nor more than these.
_LEAST_WAIT = 0.02
_MOST_WAITS = 2


def why_headings(cells: Sequence[CellSummary]) -> list[str]:
    """The headings of the columns of the experiment's table: only those of which some row has something."""
    shares = [OF_CEILING] if any(cell.ceiling_share is not None for cell in cells) else []
    return [*shares, *([VERDICT] if any(cell.verdict for cell in cells) else [])]


def why_cells(cell: CellSummary, headings: Sequence[str]) -> list[str]:
    """The row's values under these headings."""
    share = NOTHING if cell.ceiling_share is None else f"{cell.ceiling_share:.0%}"
    values = {OF_CEILING: share, VERDICT: cell.verdict.label if cell.verdict else NOTHING}
    return [values[heading] for heading in headings]


def describe_busy(cell: CellSummary) -> list[str]:
    """What each side used of the cores that it can use: '24%', '94%'."""
    shares = [getattr(cell.observations, name, None) for name in BUSY_NAMES]
    return [NOTHING if share is None else f"{share:.0%}" for share in shares]


def describe_waits(cell: CellSummary) -> str:
    """What the active connections wait for, the longest first: 'IO:WalSync 12%, LWLock:WALWrite 3%'."""
    waits = cell.observations.waits if cell.observations else {}
    named = [f"{name} {share:.0%}" for name, share in waits.items() if name != "CPU" and share >= _LEAST_WAIT]
    return ", ".join(named[:_MOST_WAITS]) or NOTHING


def why_csv(cell: CellSummary) -> dict[str, object]:
    """For programs: shares of 1, microseconds of worker time per row; empty where nobody observed it.

    ``waits`` are all of them in one column, as 'CPU=0.31 IO:WalSync=0.2'. What is named ``server_`` is of the server.
    ``looks`` are how often all runs' connections were looked at: what the shares of the pool are from.
    """
    seen = cell.observations
    shares = {name: getattr(seen, name, None) for name in (*_SHARES, *_STATES)}
    waits = " ".join(f"{name}={share:.4g}" for name, share in (seen.waits if seen else {}).items())
    parts = {f"{part}_us_per_row": (cell.ledger or {}).get(part) for part in PARTS if part != "server_cpu"}
    return {
        "verdict": cell.verdict.label if cell.verdict else "",
        "ceiling_share": _shown(cell.ceiling_share),
        "server_cpu_us_per_row": _shown(_server_cpu_us_per_row(cell), 3),
        **{name: _shown(value, 3) for name, value in parts.items()},
        **{name: _shown(value) for name, value in shares.items()},
        "waits": waits,
        "looks": seen.looks[2] if seen and seen.looks[2] else "",
    }


def _server_cpu_us_per_row(cell: CellSummary) -> float | None:
    """Of phase data, also in runs whose connections nobody looked at."""
    data = [record.phases["data"] for record in cell.ok if record.phases and "data" in record.phases]
    told = [phase.server_cpu_s / phase.rows * 1e6 for phase in data if phase.server_cpu_s is not None and phase.rows]
    return statistics.median(told) if told else None


def _shown(value: float | None, digits: int = 4) -> float | str:
    return "" if value is None else round(value, digits)
