"""The answer in sentences that can be quoted alone; one that a campaign has no cells for is left out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from experiments.analysis.stats import Ratio, mark_noise, with_interval
from experiments.formatting import axis_name, count, format_span
from experiments.report.answer.facts import OF_2014, THREADS, TWINS, Setting, divide
from experiments.report.bottlenecks import LABELS, group_bottlenecks

PAIRS = {TWINS: "Same driver, same SQL (psycopg 3)", OF_2014: "The pair of 2014 (psycopg2 on threads, aiopg)"}
BOTTLENECK = "With {pool}{durable} the work is {label}: PostgreSQL uses {server} of {cores}, Python {client}."
BOTTLENECKS = "With {pool}{durable} the bottleneck depends on the loader: {each}."


class Sentence(NamedTuple):
    """A sentence, and the experiment whose page has its numbers."""

    text: str
    experiment: str


def write_sentences(facts: Sequence[Setting]) -> list[str]:
    """Return the sentences whose numbers are known, the clean comparison first."""
    return [said.text for say in SENTENCES if (said := say(facts)) is not None]


def say_pair(driver: str, facts: Sequence[Setting]) -> Sentence | None:
    """Compare asyncio and threads with a driver."""
    main = _main(facts, driver)
    tested = {name: one for name, one in main.ratios.items() if one.noise is not None} if main else {}
    if main is None or not tested:
        return None
    same = all(one.noise for one in tested.values())
    (name, first), *further = tested.items()
    others = "".join(f", {other} {_times(one, mark=not same)} ({_interval(one)})" for other, one in further)
    reached = f"{name} reaches {_times(first, mark=not same)} the throughput of threads (95% CI {_interval(first)})"
    finding = ": no significant difference" if same else ""
    text = f"{PAIRS[driver]}: {reached}{others}{finding}."
    return Sentence(text, main.experiment)


def say_capacity(facts: Sequence[Setting]) -> Sentence | None:
    """Return the instructions of a row, where they were counted, and the client's capacity."""
    main = _main(facts, TWINS, OF_2014)
    known = {name: cell for name, cell in main.cells.items() if cell.capacity and cell.rows_per_s} if main else {}
    if main is None or not known:
        return None
    counts = {name: cell.count.instructions_per_row or 0.0 for name, cell in known.items() if cell.count}
    counted = f"A row takes {_list(counts, 'instructions')}: one" if counts and all(counts.values()) else "One"
    capacity = _list({name: cell.capacity.value for name, cell in known.items() if cell.capacity}, "rows/s")
    rates = _join([f"{cell.rows_per_s.value:,.0f}" for cell in known.values() if cell.rows_per_s])
    text = f"{counted} core of Python could do {capacity} ({main.driver}); measured are {rates}."
    return Sentence(text, main.experiment)


def say_bottleneck(facts: Sequence[Setting]) -> Sentence | None:
    """Return what limits the loaders in the baseline's setting."""
    main = _main(facts, OF_2014, TWINS)
    groups = group_bottlenecks(main.cells) if main else {}
    if main is None or not groups:
        return None
    setting = {"pool": count(main.pool, "connection"), "durable": " and durable commits" * main.durable}
    if len(groups) > 1:
        each = [f"{_join(names)} {'are' if len(names) > 1 else 'is'} {label}" for label, names in groups.items()]
        return Sentence(BOTTLENECKS.format(**setting, each=_join(each)), main.experiment)
    seen = [cell.observations for cell in main.cells.values() if cell.observations]
    cores = "the cores of both" if main.setup.shared else "its core" if main.setup.server_limit == 1 else "its cores"
    sides = {
        "server": format_span([one.server_share for one in seen]),
        "client": format_span([one.client_share for one in seen]),
    }
    text = BOTTLENECK.format(**setting, **sides, cores=cores, label=LABELS[next(iter(groups))])
    return Sentence(text, main.experiment)


def say_where(facts: Sequence[Setting]) -> Sentence | None:
    """Say in how many other settings the choice matters, and in which most."""
    others = [one for one in facts if one.differs and not one.setup.neighbours and not one.is_open]
    tested = [(one, name, ratio) for one in others for name, ratio in one.ratios.items() if ratio.noise is not None]
    if not tested:
        return None
    found = sorted((one for one in tested if not one[2].noise), key=lambda one: -abs(math.log(one[2].value.value)))
    most: dict[tuple[str, ...], str] = {}
    for one, name, ratio in found:
        where = ", ".join(f"{axis_name(axis)} `{one.axes[axis]}`" for axis in one.differs)
        most.setdefault(one.differs, f"{name} {_times(ratio)} with {where} (95% CI {_interval(ratio)})")
    some = len({id(one) for one, _, _ in found}) or "none"
    settings = count(len({id(one) for one, _, _ in tested}), "other setting")
    axes = ", ".join(dict.fromkeys(axis_name(axis) for one, _, _ in tested for axis in one.differs))
    strongest = ", most " * bool(most) + _join([*most.values()][:3])
    text = f"Asyncio or uvloop differs significantly from threads in {some} of {settings} ({axes}){strongest}."
    return Sentence(text, (found or tested)[0][0].experiment)


def say_tail(facts: Sequence[Setting]) -> Sentence | None:
    """Return the 99th percentile of the response time at the load of an open loop's baseline."""
    opened = [one for one in facts if one.is_open]
    base = next((one.axes for one in opened for cell in one.cells.values() if cell.baseline), None)
    beside = [one for one in opened if base and all(one.axes[axis] == base[axis] for axis in ("arrivals", "workload"))]
    for one in (one for driver in PAIRS for one in beside if one.driver == driver and one.ratios):
        times = [(name, cell.response.response_s) for name, cell in one.cells.items() if cell.response]
        # Too few blocks for an interval: some were saturated.
        marks = {name: f" ({_times(ratio)})" for name, ratio in one.ratios.items() if ratio.value.interval}
        each = [f"{s['p99'].value * 1e3:.1f} ms on {name}{marks.get(name, '')}" for name, s in times if "p99" in s]
        text = f"At {one.axes['arrivals']} load 99% of the {one.axes['workload']}s are answered within {_join(each)}"
        return Sentence(f"{text} ({one.driver}).", one.experiment)
    return None


def say_limit(facts: Sequence[Setting]) -> Sentence | None:
    """Return the part of a core below which Python limits by its costs, where PostgreSQL does in the baseline's."""
    main = _main(facts, OF_2014, TWINS)
    if main is None or main.setup.client_limit != 1 or main.setup.shared:
        return None
    # The utilisation law: both sides are busy at this ratio of their cores.
    costs = [one.median for one in main.points.values() if [*group_bottlenecks(main.cells)] == ["server-bound"]]
    shares = [one.client_s / one.server_s * main.setup.server_limit for one in costs]
    text = "Python becomes the bottleneck below {} of a core (predicted from CPU per row)."
    return Sentence(text.format(format_span(shares, ".2f")), main.experiment) if shares else None


def say_pool(facts: Sequence[Setting]) -> Sentence | None:
    """Return the fastest pool with each PostgreSQL configuration, relative to the baseline's."""
    main = _main([one for one in facts if THREADS in one.cells], OF_2014, TWINS)
    if main is None:
        return None
    cells = {
        (f"`{one.axes['postgres']}`", one.pool): one.cells[THREADS]
        for one in facts
        if one.driver == main.driver and {*one.differs} <= {"poolsize", "postgres"} and THREADS in one.cells
    }
    usual = {name: cell for (name, pool), cell in cells.items() if pool == main.pool}
    pairs = {key: (cell, usual[key[0]]) for key, cell in cells.items() if key[0] in usual and key[1] != main.pool}
    ratios = {key: ratio for key, (cell, other) in pairs.items() if (ratio := divide(cell, other)) is not None}
    tested, best = mark_noise(ratios, main.floor), dict[int, list[str]]()
    for postgres in dict.fromkeys(name for name, _ in tested):
        of_this = {pool: one.value.value for (name, pool), one in tested.items() if name == postgres}
        pool = max({main.pool: 1.0, **of_this}.items(), key=lambda one: one[1])[0]
        found = tested.get((postgres, pool))
        beside = f" ({_times(found)} of {main.pool}, 95% CI {_interval(found)})" if found else ""
        best.setdefault(pool, []).append(f"{postgres}{beside}")
    sizes = _join([str(pool) for pool in sorted({main.pool, *(pool for _, pool in tested)})])
    each = ", ".join(f"{pool} with {_join(names)}" for pool, names in best.items())
    return Sentence(f"The fastest of {sizes} connections on threads: {each}.", main.experiment) if best else None


def say_neighbour(facts: Sequence[Setting]) -> Sentence | None:
    """Return what a busy neighbour leaves of the throughput of each loader."""
    for busy in (one for one in facts if one.setup.neighbours):
        main = _main(facts, busy.driver)
        calm = main.cells if main and busy.differs == ("resources",) else {}
        left = {name: divide(cell, calm[name]) for name, cell in busy.cells.items() if name in calm}
        each = [f"{with_interval(ratio, '.0%')} on {name}" for name, ratio in left.items() if ratio]
        if each:
            side = {"client": "Python", "server": "PostgreSQL"}[busy.setup.neighbours[0]]
            text = f"A busy neighbour on the cores of {side} leaves of the throughput {_join(each)}."
            return Sentence(text, busy.experiment)
    return None


SENTENCES: Sequence[Callable[[Sequence[Setting]], Sentence | None]] = (
    *(partial(say_pair, driver) for driver in PAIRS),
    *(say_capacity, say_bottleneck, say_where, say_tail, say_limit, say_pool, say_neighbour),
)


def _main(facts: Sequence[Setting], *drivers: str) -> Setting | None:
    main = [one for one in facts if one.main and not one.is_open]
    return next((one for driver in drivers for one in main if one.driver == driver), None)


def _list(values: Mapping[str, float], unit: str) -> str:
    """Return '17 rows/s on threads and 20 on asyncio': the unit stands once."""
    units = (f" {unit}", *("" for _ in values))
    return _join([f"{value:,.0f}{one} on {name}" for (name, value), one in zip(values.items(), units, strict=False)])


def _join(texts: Sequence[str]) -> str:
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def _times(ratio: Ratio, *, mark: bool = True) -> str:
    return f"{ratio.value.value:.2f}x{' (n.s.)' if mark and ratio.noise else ''}"


def _interval(ratio: Ratio) -> str:
    return f"{ratio.value.low:.2f} to {ratio.value.high:.2f}"
