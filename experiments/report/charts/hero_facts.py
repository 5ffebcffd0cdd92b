"""Facts of the hero: throughput of each client over its connections, and CPU time per row of both sides."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from experiments.analysis.ceilings import PGBENCH
from experiments.analysis.queueing.measurements import is_durable
from experiments.analysis.stats import Estimate
from experiments.analysis.summary import CellSummary, ExperimentSummary
from experiments.formatting import count, format_span
from experiments.records.description import Description
from experiments.report.answer.facts import ANY_LOADER, OF_2014, TWINS, Setting, find_question, find_settings
from experiments.report.bottlenecks import LABELS, server_cpu_us_per_row
from experiments.report.labels import label_of

WAITS, NO_WAIT = "durable commit", "commit does not wait"
_FEWEST_POOLS = 3
_FREE_AXES = ("poolsize", "postgres", *ANY_LOADER)


@dataclass(frozen=True)
class Client:
    """A loader or pgbench: rows/s by kind of commit and pool size, and Python's and PostgreSQL's CPU µs per row."""

    name: str
    rates: Mapping[str, Mapping[int, Estimate]]
    is_bound: bool
    cpu_us: tuple[float, float] | None = None


@dataclass(frozen=True)
class Hero:
    """Both panels: the clients, what limits them, what a row costs, and in which setting it costs that."""

    clients: tuple[Client, ...]
    limit: str
    cost: str
    beside: str

    @property
    def pools(self) -> list[int]:
        """Return all pool sizes, the smallest first."""
        return sorted({pool for one in self.clients for rates in one.rates.values() for pool in rates})


def find_hero(description: Description, summary: ExperimentSummary) -> Hero | None:
    """Return the facts of the campaign's question; None without clients at three pool sizes, or CPU times."""
    base = next((cell for cell in summary.cells if cell.baseline), None)
    if summary.experiment != find_question(description) or base is None:
        return None
    found = [one for one in find_settings(summary) if _is_beside(base, _cells([one])[0])]
    driver = next((name for name in (OF_2014, TWINS) if any(one.driver == name for one in found)), None)
    kinds: dict[str, str] = {}
    for cell in _cells([one for one in found if one.driver == driver]):
        kind = WAITS if is_durable(description, cell.shown) else NO_WAIT
        if kind not in kinds.values():
            kinds[cell.shown.cell.postgres] = kind
    drawn = [one for one in found if one.driver == driver and one.axes["postgres"] in kinds]
    if len({one.pool for one in drawn}) < _FEWEST_POOLS:
        return None
    bounds = [cell for cell in summary.cells if _is_bound_of(base, cell, kinds)]
    clients = _clients([*_cells(drawn), *bounds], kinds, base)
    costs = [one.cpu_us for one in clients if one.cpu_us]
    if not costs:
        return None
    limit = say_limit([[one for one in drawn if one.axes["postgres"] == name] for name in kinds])
    beside = f"{count(base.shown.cell.poolsize or 0, 'connection')}, {kinds.get(base.shown.cell.postgres, '')}"
    return Hero(clients, limit, say_cost(costs), beside.rstrip(", "))


def say_limit(kinds: Sequence[Sequence[Setting]]) -> str:
    """Say what limits the clients where each kind of commit is fastest; only what is the same of all is said of all."""
    peaks = [max(settings, key=_fastest) for settings in kinds if settings]
    ratios = [(name, ratio) for one in peaks for name, ratio in one.ratios.items() if ratio.noise is not None]
    labels = {cell.verdict.label if cell.verdict else "" for cell in _cells(peaks)}
    different = [(name, ratio.value.value) for name, ratio in ratios if not ratio.noise]
    if different:
        name, value = max(different, key=lambda one: abs(math.log(one[1])))
        return f"{name} differs most from threads: {value:.2f}x the rows/s"
    if ratios and labels == {"server-bound"}:
        cores = "core" if all(one.setup.server_limit == 1 for one in peaks) else "cores"
        return f"All clients hit the same ceiling: PostgreSQL's {cores}"
    shared = LABELS.get(labels.pop()) if len(labels) == 1 else None
    found = "No client differs significantly from threads" if ratios else "Rows per second of each client"
    return f"{found}: {shared}" if shared else found


def say_cost(sides_us: Sequence[tuple[float, float]]) -> str:
    """Say how many times as much CPU time PostgreSQL uses as Python."""
    ratios = [server / client for client, server in sides_us]
    return f"PostgreSQL uses {format_span(ratios, '.1f')}x Python's CPU time"


def _clients(cells: Sequence[CellSummary], kinds: Mapping[str, str], base: CellSummary) -> tuple[Client, ...]:
    named: dict[str, list[CellSummary]] = {}
    for cell in cells:
        named.setdefault(label_of(cell.shown.cell, ("loader",))[0], []).append(cell)
    return tuple(_client(name, some, kinds, base) for name, some in named.items())


def _client(name: str, cells: Sequence[CellSummary], kinds: Mapping[str, str], base: CellSummary) -> Client:
    rates: dict[str, dict[int, Estimate]] = {kind: {} for kind in kinds.values()}
    for cell in cells:
        if cell.rows_per_s:
            rates[kinds[cell.shown.cell.postgres]][cell.shown.cell.poolsize or 0] = cell.rows_per_s
    is_bound = cells[0].shown.cell.loader == PGBENCH
    own = [cell for cell in cells if _is_beside(base, cell, ANY_LOADER)]
    sides = [(cell.cpu_us_per_row, server_cpu_us_per_row(cell)) for cell in own]
    known = [(client, server) for client, server in sides if client and server and not is_bound]
    return Client(name, rates, is_bound, known[0] if known else None)


def _cells(settings: Sequence[Setting]) -> list[CellSummary]:
    return [cell for one in settings for cell in one.cells.values()]


def _fastest(setting: Setting) -> float:
    return max(cell.rows_per_s.value for cell in setting.cells.values() if cell.rows_per_s)


def _is_beside(base: CellSummary, cell: CellSummary, free: Sequence[str] = _FREE_AXES) -> bool:
    """Return whether the cell differs from the baseline in these axes only."""
    own, other = cell.shown.cell.axes(), base.shown.cell.axes()
    return all(own[axis] == value for axis, value in other.items() if axis not in free)


def _is_bound_of(base: CellSummary, cell: CellSummary, kinds: Mapping[str, str]) -> bool:
    shown = cell.shown.cell
    alike = (shown.loader, shown.protocol) == (PGBENCH, base.shown.cell.protocol) and shown.postgres in kinds
    return alike and not cell.disturbed_ground and _is_beside(base, cell)
