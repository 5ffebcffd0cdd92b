"""Table of the settings of the question: asyncio and uvloop beside threads in each of them."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.analysis.stats import mark_unless, with_interval
from experiments.formatting import NOTHING, axis_name, axis_value, format_known
from experiments.report.answer.facts import ASYNCIO, THREADS, UVLOOP, Setting
from experiments.report.bottlenecks import group_bottlenecks
from experiments.report.labels import lay_out

NOTE = (
    "Ratios are to threads in the same row, with 95% intervals; n.s.: not significant, or within the noise floor. "
    "Client CPU is that of threads / asyncio / uvloop. *Of pgbench* is the throughput of threads relative to pgbench. "
    f"{NOTHING} was not measured, or too many of its runs were disturbed."
)
_AXES = ("engine", "poolsize", "postgres", "resources")
_COLUMNS = ("rows/s of threads", "asyncio ÷ threads", "uvloop ÷ threads", "client CPU µs/row")


def settings_table(settings: Sequence[Setting]) -> str:
    """Return the table as Markdown, without columns that are empty or the same in all rows."""
    axes = [axis for axis in _AXES if len({setting.axes[axis] for setting in settings}) > 1]
    headings = [*map(axis_name, axes), *_COLUMNS, "bottleneck", "of pgbench"]
    rows = [[*(axis_value(one.axes[axis]) for axis in axes), *_columns(one)] for one in settings]
    kept = [place for place in range(len(headings)) if any(row[place] != NOTHING for row in rows)]
    align = "".join("l" if place < len(axes) or headings[place] == "bottleneck" else "r" for place in kept)
    headings, *cells = [[row[place] for place in kept] for row in (headings, *rows)]
    return lay_out(cells, headings, align)


def _columns(setting: Setting) -> list[str]:
    threads, groups = setting.cells.get(THREADS), group_bottlenecks(setting.cells)
    ratios = [setting.ratios.get(name) for name in (ASYNCIO, UVLOOP)]
    costs = [one.cpu_us_per_row if one else None for one in map(setting.cells.get, (THREADS, ASYNCIO, UVLOOP))]
    alike = len(next(iter(groups.values()), [])) == len(setting.cells)
    bottlenecks = [label if alike else f"{' and '.join(names)} {label}" for label, names in groups.items()]
    return [
        with_interval(threads.rows_per_s if threads else None, ",.0f"),
        *(
            mark_unless(one is None or not one.noise, with_interval(one.value if one else None, ".2f"))
            for one in ratios
        ),
        " / ".join(format_known(cost, ".1f") for cost in costs) if any(costs) else NOTHING,
        "; ".join(bottlenecks) or NOTHING,
        format_known(threads.ceiling_share if threads else None, ".0%"),
    ]
