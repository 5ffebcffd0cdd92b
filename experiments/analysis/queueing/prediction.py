"""Predictions beyond the measured cells, with bounds, interval and trust."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments.analysis.queueing.basis import Basis, fit_basis
from experiments.analysis.queueing.fit import Prediction, predict
from experiments.analysis.queueing.measurements import CLIENT, FREE_AXES, SERVER, SHARED, Family, Point
from experiments.analysis.queueing.model import Model
from experiments.analysis.stats import Estimate, estimate_median, median_of_known, with_interval
from experiments.analysis.time_breakdown import round_trips_per_row
from experiments.analysis.usable_cores import Setup
from experiments.formatting import count, whole
from experiments.matrix.cell import AxisValue
from experiments.records.record import Record

_STATIONS = {CLIENT: "the client", SERVER: "the server", SHARED: "the cores that both share"}


@dataclass(frozen=True)
class Question:
    """Changed conditions. Cores are CPU time per time, None as measured; each round trip is longer by ``rtt_s``."""

    poolsize: int
    client_cores: float | None = None
    server_cores: float | None = None
    rtt_s: float = 0.0


@dataclass(frozen=True)
class Tested:
    """The measured conditions of a family: the ends of its pools, cores of either side, and longer round trips."""

    pools: tuple[int, int]
    client_cores: tuple[float, ...]
    server_cores: tuple[float, ...]
    further_s: float


@dataclass(frozen=True)
class Answer:
    """A prediction with its interval over the blocks, and the cells it was tested on.

    ``measured`` is the range of this family's cells, ``unfounded`` the parts of the question outside of it.
    ``grown_no_further`` is the prediction without growth of the server's cost beyond the largest measured pool.
    """

    prediction: Prediction
    spread: Estimate | None
    blocks: int
    setup: Setup
    tested: tuple[tuple[int, str, str, float], ...]
    """Pool size, cores, network and error of each cell of the family that it was not fitted on."""
    measured: tuple[str, ...]
    unfounded: tuple[str, ...]
    grown_no_further: float | None


def name_contestants(model: Model) -> Sequence[tuple[Family, dict[str, AxisValue]]]:
    """Return each family with a fit, and the values of its axes."""
    axes = {family: basis.alone.shown.cell.axes() for family, basis in model.bases.items()}
    return [
        (name, {axis: one for axis, one in values.items() if axis not in FREE_AXES}) for name, values in axes.items()
    ]


def find_round_trips(model: Model, family: Family, records: Sequence[Record]) -> float:
    """Return the round trips that a row waits for: the median of the runs with one connection that it is fitted on."""
    alone = model.bases[family].alone.shown.cell_key
    found = median_of_known(round_trips_per_row(one) for one in records if (one.cell_key, one.status) == (alone, "ok"))
    return 1.0 if found is None else found


def answer_question(model: Model, family: Family, question: Question, *, trips_per_row: float = 1.0) -> Answer:
    """Predict a family that waits for this many round trips per row."""
    basis, fit = model.bases[family], model.fits[family]
    points = [cell.point for cell in model.cells if cell.point.family == family]
    setup = change_setup(basis, question)
    extra_s = question.rtt_s * trips_per_row
    rates = _rates_by_block(basis, question, setup, extra_s)
    # The largest pool in which the growth of the server's cost was measured.
    largest = (basis.reference.crowded if basis.reference else basis.saturated).poolsize
    stopped: float | None = None
    if fit.contention and question.poolsize > largest:
        factor = fit.server_s(largest) / fit.server.at(largest)
        server = replace(fit.server, least_s=fit.server.least_s * factor, shared_s=fit.server.shared_s * factor)
        uncrowded = replace(fit, server=server, contention=0.0)
        stopped = predict(uncrowded, question.poolsize, setup, extra_delay_s=extra_s).rows_per_s
    return Answer(
        prediction=predict(fit, question.poolsize, setup, extra_delay_s=extra_s),
        spread=estimate_median(rates) if rates else None,
        blocks=len(rates),
        setup=setup,
        tested=tuple(
            (cell.point.poolsize, cell.point.shown.cell.resources, cell.point.shown.cell.network, cell.error)
            for cell in model.tested
            if cell.point.family == family and cell.error is not None
        ),
        measured=_describe_range(points),
        unfounded=tuple(_find_unfounded(points, question, setup, trips_per_row)),
        grown_no_further=stopped,
    )


def change_setup(basis: Basis, question: Question) -> Setup:
    """Return the measured cores, replaced by those in the question, which are not shared."""
    setup = basis.alone.setup
    if (cores := question.server_cores) is not None:
        setup = replace(setup, server_cores=math.ceil(cores), server_quota=_quota(cores), shared_cores=0)
    if (cores := question.client_cores) is not None:
        # A lock or a loop limits a loader to one core.
        cores = cores if basis.alone.several_cores else min(cores, 1.0)
        setup = replace(setup, client_cores=math.ceil(cores), client_quota=_quota(cores), shared_cores=0)
    return setup


def describe_answer(answer: Answer, model: Model) -> str:
    """Format an answer for a terminal."""
    prediction, bounds = answer.prediction, answer.prediction.bounds
    lines = [f"predicted: {whole(prediction.rows_per_s)} rows/s{_spread(answer)}"]
    if answer.grown_no_further is not None:
        further = "if the server's cost per row grows no further than in the largest pool measured"
        lines.append(f"           {whole(answer.grown_no_further)} {further}")
    costs = {
        CLIENT: (f"{_cores(answer.setup.client_limit)} / {prediction.client_s * 1e6:.1f} µs per row"),
        SERVER: (f"{_cores(answer.setup.server_limit)} / {prediction.server_s * 1e6:.1f} µs per row"),
        SHARED: (f"{_cores(answer.setup.shared_cores)} / the sum of both"),
    }
    lines.append("bounds:")
    lines += [f"  {_STATIONS[name]}: {whole(most)} rows/s ({costs[name]})" for name, most in bounds.stations.items()]
    lines.append(
        f"  so many connections: {whole(bounds.population)} rows/s (no row waits for another; "
        f"{prediction.delay_s * 1e6:.0f} µs of delay besides both costs)"
    )
    limit = _STATIONS.get(prediction.limit, "the number of connections")
    return "\n".join([*lines, f"limit: {limit}", *_trust(answer, model)])


def _rates_by_block(basis: Basis, question: Question, setup: Setup, extra_s: float) -> list[float]:
    """Return the prediction of each block in which all cells ran that the fit is from."""
    fits = [fit_basis(basis, block) for block in sorted(set.intersection(*(set(one.blocks) for one in basis.points)))]
    return [predict(fit, question.poolsize, setup, extra_delay_s=extra_s).rows_per_s for fit in fits]


def _describe_range(points: Sequence[Point]) -> tuple[str, ...]:
    tested = find_tested(points)
    return (
        f"pools of {tested.pools[0]} to {tested.pools[1]}",
        f"{' or '.join(map(_cores, tested.client_cores))} of the client",
        f"{' or '.join(map(_cores, tested.server_cores))} of the server",
        _describe_trips(points),
    )


def find_tested(points: Sequence[Point]) -> Tested:
    """Return the conditions in which these cells of a family were measured."""
    pools, (shortest_s, longest_s) = [point.poolsize for point in points], _range_of_trips(points)
    client = sorted({point.setup.client_limit for point in points})
    server = sorted({point.setup.server_limit for point in points})
    return Tested((min(pools), max(pools)), tuple(client), tuple(server), longest_s - shortest_s)


def _range_of_trips(points: Sequence[Point]) -> tuple[float, float]:
    """Return the shortest and the longest measured round trip in seconds; the same of one network."""
    trips = [point.trip_s for point in points]
    several = len({point.shown.cell.network for point in points}) > 1
    return min(trips), max(trips) if several else min(trips)


def _describe_trips(points: Sequence[Point]) -> str:
    shortest_s, longest_s = _range_of_trips(points)
    if shortest_s == longest_s:
        return "the round trip of this campaign"
    return f"round trips of {shortest_s * 1e3:.2g} to {longest_s * 1e3:.3g} ms"


def _find_unfounded(points: Sequence[Point], question: Question, setup: Setup, trips_per_row: float) -> list[str]:
    tested, client, server = find_tested(points), setup.client_limit, setup.server_limit
    asked = {
        f"a pool of {question.poolsize}": tested.pools[0] <= question.poolsize <= tested.pools[1],
        f"{_cores(client)} of the client": client in tested.client_cores,
        f"{_cores(server)} of the server": server in tested.server_cores,
        f"a longer round trip ({trips_per_row:.3g} of them per row)": question.rtt_s <= tested.further_s,
    }
    return [text for text, measured in asked.items() if not measured]


def _trust(answer: Answer, model: Model) -> list[str]:
    networks = {network for *_, network, _ in answer.tested}
    errors = [
        f"pool {poolsize} on {cores}{f', {network}' if len(networks) > 1 else ''} {error:+.1%}"
        for poolsize, cores, network, error in answer.tested
    ]
    tested = ", ".join(errors) or "none, as all were needed for fitting"
    if model.median_error is not None:
        tested += f"; median of all {count(len(model.tested), 'cell')} of the campaign {model.median_error:.1%}"
    lines = [f"measured were: {', '.join(answer.measured)}", f"tested on cells that it was not fitted on: {tested}"]
    return [*lines, *([f"outside of what was measured: {', '.join(answer.unfounded)}"] if answer.unfounded else [])]


def _spread(answer: Answer) -> str:
    spread = answer.spread
    if spread is None or spread.low is None:
        return f" (no interval: {count(answer.blocks, 'block')}, it takes 6)"
    text = with_interval(spread, ",.0f").partition(" ")[2].strip("()")
    return f" ({text} by {answer.blocks} fits, one per block: the spread of runs, not what is wrong with the model)"


def _quota(cores: float) -> float | None:
    return None if cores == math.ceil(cores) else cores


def _cores(number: float) -> str:
    return f"{number:g} {'core' if number == 1 else 'cores'}"
