"""Page of a campaign's model as Markdown: bounds, prediction and error of each cell, and the fitted parameters."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

from experiments.analysis.queueing.fit import Fit
from experiments.analysis.queueing.measurements import CLIENT, SERVER, SHARED
from experiments.analysis.queueing.model import POOL, Model, Modelled
from experiments.analysis.queueing.open_loop import OpenCell
from experiments.analysis.stats import median_of_known
from experiments.formatting import NOTHING, count, in_units, unit_of, whole
from experiments.records.description import Description
from experiments.report.labels import headings, label_axes, label_of, lay_out

_HEADINGS = ("rows/s", "client could", "server could", "connections could", "predicted", "error", "note")
_OPEN_HEADINGS = ("offered rows/s", "measured ms", "predicted ms", "error", "note")
_FIT_HEADINGS = ("client µs/row", "server µs/row", "delay µs", "fitted on pools", "contention")

BOUNDS = """\
**Client could** and **server could** are the bounds of the utilisation law, cores / CPU seconds per row. They use the
costs measured in the cell itself. A cell near one of them is limited by that side.
"""

PREDICTIONS = """\
**Connections could** is the bound by their number: connections / (both costs and the delay of one connection alone).
No row waits for another there. **Predicted** are the mean values of a closed network: connections go round between the
client's core, the server's cores, and a delay. Each loader's parameters come from two cells: one connection, and the
smallest pool that keeps one side busy. The client does the same with every PostgreSQL configuration, so its costs are
means over them. The **error** is positive where the prediction is too high. Cells with the note *fitted* are no test,
as parameters come from them. An error of a tenth or more has the broken assumption in its note.
"""

NO_PREDICTIONS = """\
Predictions need cells of a loader with one connection and with another pool, such as those of `pool_sizes`.
"""

NOT_EXACT = """\
The runs of {cells} did not measure the server's CPU time inside the phase. Its cost per row there includes the start
of connections, up to what its cores could give at that rate. The true bound is at least **server could**, perhaps more.
"""

OPEN_LOOPS = """\
## Response times

Mean response times of open loops that are not saturated, measured and by the model: arrivals of a Poisson process wait
for a connection, and the connections are a closed network of queues. CPU costs are those measured in each cell. The
delay of each loader comes from its lowest load, with the note *fitted*; its other loads test the model.
"""

CHART_ALT = (
    "Chart of the model: rows per second over the pool size, for each loader a predicted curve and the measured "
    "medians with their 95% intervals; the numbers are in the table"
)


def model_name(description: Description) -> str:
    """Return the name of the page's and chart's files, without suffix."""
    taken = {experiment.name for experiment in description.experiments}
    return "model~all" if "model" in taken else "model"


def model_image(place: str) -> str:
    """Return the chart as an image in Markdown; ``place`` is relative to the page."""
    return f"![{CHART_ALT}]({place})\n"


def model_page(description: Description, model: Model, image: str = "", responses: Sequence[OpenCell] = ()) -> str:
    """Write the page. ``image`` is its chart in Markdown. Without fits it has the bounds alone."""
    parts = [f"# {model_name(description)}\n"]
    parts += [_closed_loops(model, image)] if model.cells else []
    parts += [_open_loops(responses)] if responses else []
    return "\n".join(parts)


def _closed_loops(model: Model, image: str) -> str:
    every = [cell.point.shown.cell for cell in model.cells]
    listed = {axis: [one.value(axis) for one in every] for axis in ("poolsize", "resources")}
    axes = tuple(dict.fromkeys([*label_axes(every, listed), "poolsize"]))
    unit = unit_of(cell.workload for cell in every)
    shown = [in_units(heading, unit) for heading in (_HEADINGS if model.bases else _HEADINGS[:3])]
    rows = [[*label_of(cell.point.shown.cell, axes), *_columns(cell)[: len(shown)]] for cell in model.cells]
    align = "l" * len(headings(axes)) + "".join("l" if heading == "note" else "r" for heading in shown)
    table = lay_out(rows, [*headings(axes), *shown], align) + "\n"
    inexact = sum(not cell.point.exact for cell in model.cells)
    cells = f"{'all ' if inexact == len(every) else ''}{count(inexact, 'cell')}"
    exact = NOT_EXACT.format(cells=cells) if inexact else ""
    fitted = [PREDICTIONS, exact, describe_error(model) + "\n", image, table, _fits(model)] if model.bases else []
    parts = fitted or [exact, NO_PREDICTIONS, table]
    return in_units("\n".join(part for part in (BOUNDS, *parts) if part), unit)


def _open_loops(responses: Sequence[OpenCell]) -> str:
    """Return the section about the response times of open loops."""
    cells = [one.shown.cell for one in responses]
    axes = tuple(dict.fromkeys([*label_axes(cells, {}), "arrivals"]))
    rows = [
        [
            *label_of(one.shown.cell, axes),
            whole(one.offered),
            f"{one.measured_s * 1e3:,.3g}",
            f"{one.predicted_s * 1e3:,.3g}" if math.isfinite(one.predicted_s) else NOTHING,
            f"{one.error:+z.1%}" if math.isfinite(one.predicted_s) else NOTHING,
            "fitted" if one.fitted else "" if math.isfinite(one.predicted_s) else "more than the cores can do",
        ]
        for one in responses
    ]
    names = headings(axes)
    table = lay_out(rows, [*names, *_OPEN_HEADINGS], "l" * len(names) + "rrrrl")
    tested = [abs(one.error) for one in responses if not one.fitted and math.isfinite(one.predicted_s)]
    median = median_of_known(tested)
    known = "not known" if median is None else f"{median:.1%}"
    error = f"**Median error: {known}** ({count(len(tested), 'cell')} that it was not fitted on)."
    return in_units(f"{OPEN_LOOPS}\n{error}\n\n{table}\n", unit_of(cell.workload for cell in cells))


def describe_error(model: Model) -> str:
    """Say how well the cells are predicted that the model was not fitted on."""
    if model.median_error is None:
        return "**Median error: not known**, as all cells were needed for fitting."
    cells = count(len(model.tested), "cell")
    text = f"**Median error: {model.median_error:.1%}** ({cells} that it was not fitted on)."
    text += _by_network(model)
    if model.plain_error is None or not any(fit.contention for fit in model.fits.values()):
        return text
    return (
        f"{text} Without the server's contention it would be {model.plain_error:.1%}. The contention comes from one "
        "more cell of one loader, which is then among those not fitted on."
    )


def _by_network(model: Model) -> str:
    """Return the median error in each network; nothing where all cells have the same."""
    errors: dict[str, list[float]] = {}
    for cell in model.tested:
        errors.setdefault(cell.point.shown.cell.network, []).append(abs(cell.error or 0.0))
    if len(errors) < 2:
        return ""
    told = (f"{name} {statistics.median(some):.1%} ({count(len(some), 'cell')})" for name, some in errors.items())
    return f" By network: {', '.join(told)}."


def describe_fit(fit: Fit) -> list[str]:
    """Return the parameters in microseconds, for the table of fits."""
    demands = [f"{one.least_s * 1e6:.1f} {one.shared_s * 1e6:+.1f} · 2/(N+1)" for one in (fit.client, fit.server)]
    delay = f"{fit.delay_s * 1e6:.0f}{' · (3 - 2/N)' if fit.durable else ''}"
    contention = f"{fit.contention:+.1%} per connection beyond {fit.contended}" if fit.contention else NOTHING
    return [*demands, delay, f"1, {fit.saturated}", contention]


def _columns(cell: Modelled) -> list[str]:
    bounds = [_bound(cell.measured_bounds, side) for side in (CLIENT, SERVER, POOL)]
    measured = [whole(cell.point.median.rows_per_s), *bounds]
    if cell.prediction is None:
        return [*measured, NOTHING, NOTHING, ""]
    error = NOTHING if cell.error is None else f"{cell.error:+z.1%}"
    notes = [note for note in ("fitted" if cell.used else "", cell.broken) if note]
    return [*measured, whole(cell.prediction.rows_per_s), error, "; ".join(notes)]


def _bound(bounds: Mapping[str, float], side: str) -> str:
    """Return the bound of a side; the bound of shared cores applies to the server, too."""
    known = [bounds[name] for name in (side, *([SHARED] if side == SERVER else [])) if name in bounds]
    return whole(min(known)) if known else NOTHING


def _fits(model: Model) -> str:
    cells = [model.bases[name].alone.shown.cell for name in model.fits]
    axes = label_axes(cells, {}, over="poolsize") or ("loader",)
    unit = unit_of(cell.workload for cell in cells)
    fits = model.fits.values()
    rows = [[*label_of(cell, axes), *describe_fit(fit)] for cell, fit in zip(cells, fits, strict=True)]
    names = [*headings(axes), *(in_units(heading, unit) for heading in _FIT_HEADINGS)]
    table = lay_out(rows, names, "l" * len(names))
    return (
        f"## Parameters\n\n{table}\n\nN is the pool size. The first part of a cost is that of each row, the second one "
        "is shared by rows that come together. `experiments/analysis/queueing/fit.py` explains the forms.\n"
    )
