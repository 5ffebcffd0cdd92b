"""The answer in words: at most eight sentences, a table of settings, and the section of the project's README."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from experiments.analysis.stats import mark_unless, with_interval
from experiments.analysis.summary import CampaignSummary, ExperimentSummary
from experiments.errors import BadInput
from experiments.formatting import NOTHING, axis_name, axis_value, count, format_known, whole
from experiments.report.answer import facts as known
from experiments.report.answer.facts import ASYNCIO, COMPARED, THREADS, UVLOOP, Facts, Ratio, Setting
from experiments.report.charts.catalog import CHARTS, chart_images, chart_name
from experiments.report.labels import lay_out

LOADERS = (
    "*threads* is the driver psycopg2 on threads; *asyncio* and *uvloop* are the driver aiopg on these event loops. "
    "Each inserts the same rows, one per statement."
)
NOTE = (
    "Ratios are to threads in the same row, with 95% intervals; n.s.: not significant, or within the noise floor. "
    "Client CPU is that of threads / asyncio / uvloop. *Of pgbench* is the throughput of threads relative to pgbench. "
    f"{NOTHING} was not measured, or too many of its runs were disturbed."
)
CAPACITY = "Measured rows/s, of those that one core of Python could do: {each}."
INSTRUCTIONS = "A row takes Python {each}, counted without noise."
BOTTLENECK = "With {pool}{durable} the work is {label}: PostgreSQL uses {server} of {cores}, Python {client}."
BOTTLENECKS = "With {pool}{durable} the bottleneck depends on the loader: {each}."
THROUGHPUT = "{finding}: {name} reaches {times} the throughput of threads (95% CI {interval}){others}."
COSTS = "A row costs Python {client}, and PostgreSQL {server} µs."
LIMIT = "Python becomes the bottleneck below about {shares} (predicted from CPU per row)."
SETTINGS = "Relative to {pool} on `{postgres}`, threads reach {ratios}."
BOUNDS = "COPY reaches {copy} rows/s ({factor:.1f}x threads) and pgbench {pgbench}, of which threads reach {reach}."

LABELS: Mapping[str, str] = {
    "client-bound": "CPU bound in Python",
    "server-bound": "CPU bound in PostgreSQL",
    "commit-bound": "IO bound by commits",
    "latency-bound": "bound by latency",
    "host-saturated": "limited by the machine",
    "mixed": "without a single bottleneck",
}
_IN_README = 3
_AXES = ("engine", "poolsize", "postgres", "resources")
_COLUMNS = ("rows/s of threads", "asyncio ÷ threads", "uvloop ÷ threads", "client CPU µs/row")


def describe_question(summary: ExperimentSummary, whole: CampaignSummary) -> str:
    """Return sentences and table of settings for an experiment's page; '' if it is not the campaign's question."""
    if summary.experiment != known.find_question(whole.campaign.description):
        return ""
    facts = known.find_facts(summary, whole.model)
    sentences = write_sentences(facts)
    listed = "".join(f"- {sentence}\n" for sentence in sentences)
    return f"{LOADERS}\n\n{listed}\n{settings_table(facts)}\n\n- {NOTE}\n\n" if sentences else ""


def write_answer(whole: CampaignSummary, place: str, folder: str) -> str:
    """Return the README's section; ``folder`` is the link to the campaign. Raises BadInput if it has no question."""
    described = whole.campaign.description
    question = known.find_question(described)
    if question is None:
        raise BadInput(f"{place}: no experiment {known.QUESTION!r} or {known.PART!r}; choose another campaign")
    summary = next(one for one in whole.experiments if one.experiment == question)
    facts = known.find_facts(summary, whole.model)
    listed = "".join(f"- {sentence}\n" for sentence in write_sentences(facts)[:_IN_README])
    # The chart over the pool size if there is one, else that of all ratios.
    charts = chart_images(described, question, f"{folder}/{CHARTS}", {chart_name(question, "time")})
    image = charts.strip().split("\n\n")[-1]
    page = f"[all settings]({folder}/tables/{question.name}.md)"
    floor = "unknown" if summary.floor is None else f"{summary.floor - 1:.1%}"
    source = f"Measured in campaign `{described.campaign}` (noise floor {floor}): {page}."
    return f"{question.question}\n\n{LOADERS}\n\n{listed}\n{image}\n\n{source}\n"


def write_sentences(facts: Facts) -> list[str]:
    """Return the sentences whose numbers are known, the answer to the question first."""
    main = facts.main
    if main is None:
        return []
    sentences = (
        say_capacity(main),
        say_bottleneck(main),
        say_throughput(main),
        *say_costs(main),
        say_instructions(main),
        say_settings(facts, main),
    )
    return [sentence for sentence in (*sentences, say_bounds(facts, main)) if sentence]


def say_capacity(main: Setting) -> str:
    """Return the measured rows/s of each loader beside its client's capacity, the pair that explains all else."""
    known = {name: (one.rows_per_s.value, one.capacity) for name, one in main.loaders.items() if one.capacity}
    each = (f"{name} {rows:,.0f} of {with_interval(capacity, ',.0f')}" for name, (rows, capacity) in known.items())
    return CAPACITY.format(each=", ".join(each)) if known else ""


def say_instructions(main: Setting) -> str:
    """Return the instructions of a row, where they were counted."""
    counted = _values(main, "instructions")
    return INSTRUCTIONS.format(each=_list(counted, ",.0f", " instructions")) if counted else ""


def say_bottleneck(main: Setting) -> str:
    """Return what limits the loaders in the baseline's setting."""
    groups, setup = _group_bottlenecks(main), main.setup
    setting = {"pool": _connections(main), "durable": " and durable commits" * main.durable}
    if len(groups) > 1:
        each = [f"{_join(names)} {'are' if len(names) > 1 else 'is'} {label}" for label, names in groups.items()]
        return BOTTLENECKS.format(**setting, each=_join(each))
    client, server = _values(main, "client_share"), _values(main, "server_share")
    if not groups or not client or not server:
        return ""
    cores = "the cores of both" if setup.shared else "its core" if setup.server_limit == 1 else "its cores"
    setting |= {"server": _span(server, ".0%"), "client": _span(client, ".0%"), "cores": cores}
    return BOTTLENECK.format(**setting, label=LABELS[next(iter(groups))])


def say_throughput(main: Setting) -> str:
    """Return the throughput relative to threads, and whether any loader differs significantly."""
    tested = {name: one.ratio for name, one in main.loaders.items() if one.ratio and one.ratio.noise is not None}
    if not tested:
        return ""
    different = any(not ratio.noise for ratio in tested.values())
    # If none is significant the sentence begins with that.
    (name, *first), *others = [(name, _times(one, mark=different), _interval(one)) for name, one in tested.items()]
    return THROUGHPUT.format(
        finding="A significant difference" if different else "No significant difference",
        name=name,
        times=first[0],
        interval=first[1],
        others="".join(f", {other} {times} ({interval})" for other, times, interval in others),
    )


def say_costs(main: Setting) -> list[str]:
    """Return the CPU time per row of either side, and the part of a core below which Python limits by these costs."""
    client, server, setup = _values(main, "client_us"), _values(main, "server_us"), main.setup
    if client.keys() != server.keys() or not client:
        return []
    costs = COSTS.format(client=_list(client, ".1f", " µs of CPU"), server=_span(server, ".0f"))
    if setup.client_limit != 1 or setup.shared or set(_group_bottlenecks(main)) != {"server-bound"}:
        return [costs]
    # The utilisation law: both sides are busy at this ratio of their cores.
    shares = {name: cost / server[name] * setup.server_limit for name, cost in client.items()}
    return [costs, LIMIT.format(shares=_list(shares, ".2f", " of a core"))]


def say_settings(facts: Facts, main: Setting) -> str:
    """Return the throughput of threads without durable commits, and with the most and the fewest connections."""
    # The ratios are to the experiment's baseline, which may be another loader.
    if THREADS not in main.loaders or main.loaders[THREADS].to_baseline is not None:
        return ""
    pools = sorted(_differing(facts, main, "poolsize"), key=lambda one: -int(one.axes["poolsize"]))
    named = [(one, f"`{one.axes['postgres']}`") for one in _differing(facts, main, "postgres") if not one.durable]
    named += [(one, _connections(one)) for one in pools[:1] + pools[1:][-1:]]
    told = [f"{_times(ratio)} with {name}" for one, name in named if (ratio := one.loaders[THREADS].to_baseline)]
    return SETTINGS.format(pool=_connections(main), ratios=", ".join(told), **main.axes) if told else ""


def say_bounds(facts: Facts, main: Setting) -> str:
    """Return the throughput of COPY and pgbench in the baseline's setting."""
    threads = main.loaders.get(THREADS)
    if threads is None or threads.to_pgbench is None or not facts.copy_rows_per_s or not facts.pgbench_rows_per_s:
        return ""
    return BOUNDS.format(
        copy=whole(facts.copy_rows_per_s),
        factor=facts.copy_rows_per_s / threads.rows_per_s.value,
        pgbench=whole(facts.pgbench_rows_per_s),
        reach=f"{_times(threads.to_pgbench)}, 95% CI {_interval(threads.to_pgbench)}",
    )


def settings_table(facts: Facts) -> str:
    """Return the table of settings as Markdown, without columns that are empty or the same in all rows."""
    axes = [axis for axis in _AXES if len({setting.axes[axis] for setting in facts.settings}) > 1]
    headings = [*map(axis_name, axes), *_COLUMNS, "bottleneck", "of pgbench"]
    rows = [[*(axis_value(one.axes[axis]) for axis in axes), *_columns(one)] for one in facts.settings]
    kept = [place for place in range(len(headings)) if any(row[place] != NOTHING for row in rows)]
    align = "".join("l" if place < len(axes) or headings[place] == "bottleneck" else "r" for place in kept)
    headings, *cells = [[row[place] for place in kept] for row in (headings, *rows)]
    return lay_out(cells, headings, align)


def _columns(setting: Setting) -> list[str]:
    threads, costs = setting.loaders.get(THREADS), _values(setting, "client_us")
    ratios = [one.ratio if one else None for one in map(setting.loaders.get, (ASYNCIO, UVLOOP))]
    each = " / ".join(f"{costs[name]:.1f}" if name in costs else NOTHING for name in COMPARED.values())
    groups = _group_bottlenecks(setting)
    alike = len(next(iter(groups.values()), [])) == len(setting.loaders)
    bottlenecks = [label if alike else f"{_join(names)} {label}" for label, names in groups.items()]
    return [
        with_interval(threads.rows_per_s if threads else None, ",.0f"),
        *(
            mark_unless(one is None or not one.noise, with_interval(one.value if one else None, ".2f"))
            for one in ratios
        ),
        each if costs else NOTHING,
        "; ".join(bottlenecks) or NOTHING,
        format_known(threads.ceiling_share if threads else None, ".0%"),
    ]


def _group_bottlenecks(setting: Setting) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name, one in setting.loaders.items():
        if one.bottleneck is not None:
            groups.setdefault(one.bottleneck, []).append(name)
    return groups


def _values(setting: Setting, fact: str) -> dict[str, float]:
    return {name: value for name, one in setting.loaders.items() if (value := getattr(one, fact))}


def _differing(facts: Facts, main: Setting, axis: str) -> list[Setting]:
    """Return the settings with threads that differ from the main one in this axis alone."""
    others = {name: value for name, value in main.axes.items() if name != axis}
    found = (one for one in facts.settings if one is not main and THREADS in one.loaders)
    return [one for one in found if others.items() <= one.axes.items()]


def _list(values: Mapping[str, float], form: str, unit: str) -> str:
    """Return '17.2 µs with threads, 20.1 with asyncio': the unit stands once."""
    each = [f"{value:{form}}{{}} with {name}" for name, value in values.items()]
    return ", ".join(text.format("" if place else unit) for place, text in enumerate(each))


def _span(values: Mapping[str, float], form: str) -> str:
    low, high = (format(end(values.values()), form) for end in (min, max))
    return low if low == high else f"{low} to {high}"


def _connections(setting: Setting) -> str:
    return count(setting.axes["poolsize"], "connection")


def _join(texts: Sequence[str]) -> str:
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def _times(ratio: Ratio, *, mark: bool = True) -> str:
    return f"{ratio.value.value:.2f}x{' (n.s.)' if mark and ratio.noise else ''}"


def _interval(ratio: Ratio) -> str:
    return f"{ratio.value.low:.2f} to {ratio.value.high:.2f}"
