"""Bottleneck analysis of an experiment: the workers' time, and a sentence for each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from experiments.analysis.stats import median_of_known
from experiments.analysis.summary import CellSummary, ExperimentSummary
from experiments.analysis.time_breakdown import PARTS
from experiments.formatting import NOTHING, format_known, in_units
from experiments.records.campaign import Campaign
from experiments.report.labels import headings, label_axes, label_of, lay_out, one_line

_STATES = ("active", "idle", "idle_in_transaction")
# A smaller share is rounded away.
_WORTH_TELLING = 0.005

HEAD = """\
Where the time of a worker goes, in µs per row, medians: all columns up to *queueing* add up to *sum*, which is pool
size x time / rows. *Commit* and *other waits* are what `pg_stat_activity` showed of the connections, *round trips* are
those of an empty statement on an idle server. *Core wait* is the time that a side was ready to run and waited for a
core, by the kernel's account. *Queueing* is what is left: waiting for the interpreter's lock or the event loop (and for
a core where the kernel keeps no account), and the errors of the other parts. CPU time is exact, waits are sampled: what
forcing a commit to disk computes belongs to *server CPU*, and was seen as a wait, too. Where that makes the parts
longer than the whole, the waits are shortened (records have them as measured); else *queueing* is less by it.

*Client's cores* and *server's cores* are how much of the cores that it can use each side used: they decide the
bottleneck before any wait. *Active* and *idle* are shares of the connections' time, as the server sees them. *Waits
for* is what active ones wait for, computing meanwhile included. An idle one waits for its client, or has a statement
that waits for a core of the server, as only a running process can report that it is active.
{looks}
"""
# Without the number shares look more exact than they are.
_LOOKS = (
    "The connections were sampled {in_a_run} times in a run, at least {least:,} times in all runs of a row.\n"
    "*Active* is less than the server works: receiving a statement and answering it lie outside of it, and some\n"
    "samples come late."
)

LABELS: Mapping[str, str] = {
    "client-bound": "CPU bound in Python",
    "server-bound": "CPU bound in PostgreSQL",
    "commit-bound": "IO bound by commits",
    "latency-bound": "bound by latency",
    "host-saturated": "limited by the machine",
    "mixed": "without a single bottleneck",
}
"""What limits, in words of a sentence."""

_NAMES = (
    *("client, user", "client, system", "core wait (Python)", "server CPU", "core wait (PostgreSQL)"),
    *("commit", "other waits", "round trips", "queueing"),
)
PART_NAMES: Mapping[str, str] = dict(zip(PARTS, _NAMES, strict=True))
"""The parts of the ledger for people."""

BUSY_NAMES: Mapping[str, str] = {"client_share": "client's cores", "server_share": "server's cores"}
"""The used part of the cores that each side can use, for people."""

BOTTLENECK, OF_BOUND = "bottleneck", "of upper bound"

_SHARES = ("server_share", "run_share", "foreign_share")

# Shorter waits are not named in tables, nor more than these.
_LEAST_WAIT = 0.02

_MOST_WAITS = 2


def why_section(summary: ExperimentSummary, campaign: Campaign) -> str:
    """Return the section with its heading; nothing where no run of the experiment was observed."""
    cells = [cell for cell in summary.cells if cell.shown.arm == "a"]
    if not any(cell.ledger or cell.verdict for cell in cells):
        return ""
    listed = campaign.description.listed(summary.experiment.name)
    axes = label_axes([cell.shown.cell for cell in summary.cells], listed)
    head = in_units(HEAD.format(looks=_describe_looks(cells)).strip(), summary.unit)
    parts = ["## Bottleneck analysis", head]
    if any(cell.ledger for cell in cells):
        states, known = _states(cells), known_parts([cell.ledger for cell in cells])
        rows = [[*label_of(cell.shown.cell, axes), *_columns(cell, known, states)] for cell in cells if cell.ledger]
        shares = [*BUSY_NAMES.values(), *(one.replace("_", " ") for one in states)]
        labels = headings(axes)
        names = [*labels, *(PART_NAMES[part] for part in known), "sum", *shares, "waits for"]
        parts.append(lay_out(rows, names, "l" * len(labels) + "r" * (len(names) - len(labels) - 1) + "l"))
    parts.append("\n".join(bottleneck_lines(cells, axes)))
    return "\n\n".join(part for part in parts if part) + "\n"


def bottleneck_lines(cells: Sequence[CellSummary], axes: Sequence[str]) -> list[str]:
    """Write a line for each row with a known bottleneck, and one about the thresholds."""
    lines = [
        f"- {one_line(cell.shown.cell, axes)}: **{cell.verdict.label}**. {cell.verdict.sentence}"
        for cell in cells
        if cell.verdict
    ]
    thresholds = "- What each bottleneck means, and its thresholds: `experiments/analysis/verdict.py`."
    return [*lines, thresholds] if lines else []


def _states(cells: Sequence[CellSummary]) -> list[str]:
    """Return the states of connections that have a column: that of transactions only where there are any."""
    seen = [cell.observations for cell in cells if cell.observations]
    in_transaction = any((one.idle_in_transaction or 0.0) >= _WORTH_TELLING for one in seen)
    return list(_STATES if in_transaction else _STATES[:2])


def known_parts(ledgers: Sequence[Mapping[str, float] | None]) -> list[str]:
    """Return the parts that some ledger has: older records, and some kernels, have no core waits."""
    return [part for part in PARTS if any(part in ledger for ledger in ledgers if ledger)]


def _columns(cell: CellSummary, parts: Sequence[str], states: Sequence[str]) -> list[str]:
    ledger, seen = cell.ledger or {}, cell.observations
    texts = [format_known(ledger.get(part), ",.1f") for part in parts]
    shares = [format_known(getattr(seen, state, None), ".0%") for state in states]
    return [*texts, f"{sum(ledger.values()):,.1f}", *describe_busy(cell), *shares, describe_waits(cell)]


def _describe_looks(cells: Sequence[CellSummary]) -> str:
    looks = [cell.observations.looks for cell in cells if cell.observations and cell.observations.looks[2]]
    if not looks:
        return ""
    fewest, most, every = zip(*looks, strict=True)
    ends = dict.fromkeys((min(fewest), max(most)))
    return _LOOKS.format(in_a_run=" to ".join(f"{end:,}" for end in ends), least=min(every))


def why_headings(cells: Sequence[CellSummary]) -> list[str]:
    """Return the headings of these columns of the experiment's table that some row has a value for."""
    fields = {OF_BOUND: "ceiling_share", BOTTLENECK: "verdict"}
    return [heading for heading, name in fields.items() if any(getattr(cell, name) is not None for cell in cells)]


def why_cells(cell: CellSummary, headings: Sequence[str]) -> list[str]:
    """Return the row's values under these headings."""
    label = cell.verdict.label if cell.verdict else NOTHING
    values = {OF_BOUND: format_known(cell.ceiling_share, ".0%"), BOTTLENECK: label}
    return [values[heading] for heading in headings]


def describe_busy(cell: CellSummary) -> list[str]:
    """Return what each side used of the cores that it can use: '24%', '94%'."""
    return [format_known(getattr(cell.observations, name, None), ".0%") for name in BUSY_NAMES]


def describe_waits(cell: CellSummary) -> str:
    """Return what active connections wait for, the longest first: 'IO:WalSync 12%, LWLock:WALWrite 3%'."""
    waits = cell.observations.waits if cell.observations else {}
    named = [f"{name} {share:.0%}" for name, share in waits.items() if name != "CPU" and share >= _LEAST_WAIT]
    return ", ".join(named[:_MOST_WAITS]) or NOTHING


def why_csv(cell: CellSummary) -> dict[str, object]:
    """Return the columns of the CSV: shares of 1, microseconds of worker time per row; empty where unknown.

    ``waits`` are in one column: 'CPU=0.31 IO:WalSync=0.2'. ``looks`` counts the samples of all runs' connections.
    """
    seen = cell.observations
    shares = {name: getattr(seen, name, None) for name in (*_SHARES, *_STATES)}
    waits = " ".join(f"{name}={share:.4g}" for name, share in (seen.waits if seen else {}).items())
    parts = {f"{part}_us_per_row": (cell.ledger or {}).get(part) for part in PARTS if part != "server_cpu"}
    return {
        "verdict": cell.verdict.label if cell.verdict else "",
        "ceiling_share": rounded(cell.ceiling_share),
        "server_cpu_us_per_row": rounded(server_cpu_us_per_row(cell), 3),
        **{name: rounded(value, 3) for name, value in parts.items()},
        **{name: rounded(value) for name, value in shares.items()},
        "waits": waits,
        "looks": seen.looks[2] if seen and seen.looks[2] else "",
    }


def server_cpu_us_per_row(cell: CellSummary) -> float | None:
    """Return the server's cost in phase data, also in runs without samples."""
    data = [record.phases["data"] for record in cell.ok if record.phases and "data" in record.phases]
    return median_of_known(p.server_cpu_s / p.units * 1e6 for p in data if p.server_cpu_s is not None and p.units)


def rounded(value: float | None, digits: int = 4) -> float | str:
    """Round a number for the CSV; '' if it is unknown."""
    return "" if value is None else round(value, digits)


def group_bottlenecks(cells: Mapping[str, CellSummary]) -> dict[str, list[str]]:
    """Return the names of cells by their bottleneck."""
    groups: dict[str, list[str]] = {}
    for name, one in cells.items():
        if one.verdict is not None:
            groups.setdefault(one.verdict.label, []).append(name)
    return groups
