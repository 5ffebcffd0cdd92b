"""Pages of a results folder: its campaigns, and where and how each was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.analysis.disturbed_runs import count_disturbed
from experiments.analysis.queueing.model import Model
from experiments.analysis.stats import FEWEST_BLOCKS
from experiments.analysis.summary import CampaignSummary, ExperimentSummary
from experiments.formatting import NOTHING, axis_value, count, duration, format_known, shortened
from experiments.records.campaign import Campaign
from experiments.records.description import Description, part_key, part_name
from experiments.records.facts import DataFacts, InterpreterFacts, ServerFacts
from experiments.records.record import Record
from experiments.report.answer.facts import find_facts, find_question
from experiments.report.answer.section import describe_question
from experiments.report.answer.sentences import PAIRS, say_pair
from experiments.report.captions import describe_engine, describe_placement
from experiments.report.charts.catalog import CHARTS, chart_image, chart_images, list_charts
from experiments.report.queueing import model_name
from experiments.report.reproduction import PAGE
from experiments.report.tables import markdown_table

README = "README.md"
_VIRTUAL = {"none": "not virtual", None: "virtual or not is not known"}

INDEX = """# Results

Published campaigns by machine, newest first. Written by `nox -s publish` and `nox -s tables` from their records; do not
edit.

The **noise floor** is the difference that the baseline shows between its own two runs in each block. A ratio within it,
or not significant at 5% (Holm), is *n.s.*. **Disturbed** runs are those during which something else used the machine.
"""

_GALLERY = """
## {machine}

| campaign | Python | noise floor | disturbed | headline |
|:---------|:-------|------------:|----------:|:---------|
"""

HEAD = """# Results

Written by the program from the records in `{folder}/runs.jsonl`; do not edit. `nox -s tables` writes it anew.

How to read the tables: one row is one cell of the matrix, measured once in each block. **rows/s** are INSERTs per
second of the data phase, the median over the blocks; of another workload than ingest, **operations/s**. The **ratio**
compares with the baseline in the same block, so that what the machine did meanwhile hits both: it is the geometric
mean of the blocks' ratios, in ten blocks or more without the tenth at either end, not the quotient of two medians.
The baseline is measured twice, and the **noise floor** is the difference between these runs; a ratio within it, or
not significant, is marked. **Client CPU** is the median CPU time of the loader's process per row, and **client's
cores** the part of the cores that it can use: near 100%, the client is the limit. The **bottleneck** says what limited
the row, and *Bottleneck analysis*, on the page of each experiment, on what grounds; **of upper bound** is its
throughput relative to pgbench.

Run status: **ok** runs did equal work (same rows, same values, same number of transactions), **wrong_work** runs ended
well and did other work, **failed** and **timed out** runs did not end well. Only ok runs are in medians and ratios.
**Unsupported** cells cannot run here, for the given reason; **interrupted** attempts were ended from outside and are
repeated when the campaign resumes; **resumed** runs are of a command that resumed it. **Disturbed** runs are those
during which something else used the machine. They are repeated within their block, and marked and counted. A row is
**disturbed**, and nothing is claimed of it, if more than a fifth of its runs or of the baseline's are.
"""


def write_readme(newest: CampaignSummary, others: Sequence[Campaign]) -> str:
    """Write the page of a local results folder; ``others`` may hold reproductions that are newer than ``newest``."""
    campaign = newest.campaign
    parts = [HEAD.format(folder=campaign.name)]
    for summary in newest.experiments:
        images = chart_images(summary, campaign, f"{campaign.name}/{CHARTS}", "front")
        name = summary.experiment.name
        images += f"[All charts, and the bottleneck analysis]({campaign.name}/tables/{name}.md)\n\n"
        table = markdown_table(summary, campaign, charts=describe_question(summary, newest) + images)
        parts.append(f"## {name}\n\n{table}")
    origin = f"Machine, versions and commit: [{campaign.name}]({campaign.name}/{README}).\n"
    return "\n".join([*parts, origin, _list_others(others)])


def write_index(campaigns: Sequence[CampaignSummary], folder: str) -> str:
    """Write the page of published campaigns: a table for each machine, in which each campaign is a row."""
    machines: dict[str, list[CampaignSummary]] = {}
    for whole in campaigns:
        machines.setdefault(describe_machine(whole), []).append(whole)
    parts = [INDEX]
    for machine, found in machines.items():
        parts.append(_GALLERY.format(machine=machine))
        parts += [f"| {' | '.join(_index_row(whole, folder))} |\n" for whole in found]
    return "".join(parts)


def _index_row(whole: CampaignSummary, folder: str) -> tuple[str, ...]:
    link = f"[{whole.campaign.name}]({folder}/{whole.campaign.name}/{README})"
    disturbed = count_disturbed(whole)
    return link, describe_pythons(whole), describe_noise(whole), f"{disturbed.share:.1%}", describe_headline(whole)


def describe_machine(whole: CampaignSummary) -> str:
    """Return what campaigns of one machine share: 'A Processor, 3 cores, local'."""
    described = whole.campaign.description
    cores = count(len(described.environment.cores_allowed), "core")
    return shortened(f"{axis_value(described.environment.cpu)}, {cores}, {described.engine}", 200)


def describe_pythons(whole: CampaignSummary) -> str:
    """Return the versions of the interpreters of a campaign."""
    return ", ".join(sorted({facts.version for facts in whole.campaign.description.interpreters.values()}))


def describe_noise(whole: CampaignSummary) -> str:
    """Return the noise floor of the experiment that a campaign is about."""
    floor = _first_asked(whole).floor
    return NOTHING if floor is None else f"{floor - 1:.1%}"


def describe_headline(whole: CampaignSummary) -> str:
    """Return the result of a campaign in one sentence: that of the first pair of loaders, else that of a table."""
    facts = find_facts(whole)
    if said := next((one for driver in PAIRS if (one := say_pair(driver, facts))), None):
        return said.text
    summary = _first_asked(whole)
    tested = [cell.noise for cell in summary.cells if cell.noise is not None and cell.shown.arm == "a"]
    if not tested and any(cell.disturbed_ground for cell in summary.cells):
        return f"{summary.experiment.name}: nothing is claimed, as something else disturbed the runs."
    if not tested:
        return f"{summary.experiment.name}: nothing is called different, as intervals need {FEWEST_BLOCKS} blocks."
    return f"{summary.experiment.name}: {tested.count(False)} of {count(len(tested), 'ratio')} significant."


def _first_asked(whole: CampaignSummary) -> ExperimentSummary:
    question = find_question(whole.campaign.description)
    return next((one for one in whole.experiments if one.experiment == question), whole.experiments[0])


def campaign_page(whole: CampaignSummary) -> str:
    """Write the page of one campaign: its experiments with a chart each, and machine, versions and choices."""
    described, records = whole.campaign.description, whole.campaign.records
    pages = [f"- [{shown.name}](tables/{shown.name}.md): {shown.question}" for shown in described.experiments]
    charts = [line for summary in whole.experiments for line in _first_chart(summary, whole.campaign)]
    facts = (*_machine(described), *_parts(described, records), *_run(described, records, whole.model))
    origin = [f"- {name}: {text}" for name, text in facts]
    return "\n".join([f"# {described.campaign}", "", *pages, "", *charts, "## How it was measured", "", *origin, ""])


def _first_chart(summary: ExperimentSummary, campaign: Campaign) -> list[str]:
    """Return the most important chart of an experiment, and the line below it."""
    front = (chart for chart in list_charts(summary, campaign) if chart.page != "own")
    return [line for chart in [*front][:1] for line in (chart_image(chart, CHARTS), "")]


def timed_share(records: Sequence[Record]) -> float | None:
    """Return the part of the duration of complete runs that lies inside timed phases; None without such runs."""
    complete = [record for record in records if record.wall_s and record.phases]
    total_s = sum(record.wall_s or 0.0 for record in complete)
    return sum(record.timed_s for record in complete) / total_s if total_s else None


def _machine(newest: Description) -> list[tuple[str, str]]:
    facts, kind = newest.environment, newest.environment.virtualisation
    memory = facts.memory_bytes
    return [
        ("Machine", f"{axis_value(facts.cpu)} ({axis_value(facts.machine)}), {_VIRTUAL.get(kind, str(kind))}"),
        ("Cores", f"{len(facts.cores_allowed)} used of {axis_value(facts.cores)}"),
        ("Memory", NOTHING if memory is None else f"{memory / 2**30:.1f} GiB"),
        ("System", f"{axis_value(facts.system)}, kernel {axis_value(facts.kernel)}"),
        ("File system of the servers on disk", axis_value(facts.file_system)),
        *((f"Cores `{name}`", describe_placement(facts)) for name, facts in newest.placements.items()),
        *((f"Engine `{name}`", describe_engine(name, facts)) for name, facts in newest.engines.items() if facts),
    ]


def _parts(newest: Description, records: Sequence[Record]) -> list[tuple[str, str]]:
    return [
        *((f"Python `{name}`", _interpreter(name, facts, records)) for name, facts in newest.interpreters.items()),
        *((f"PostgreSQL `{name}`", _server(facts)) for name, facts in newest.postgres.items()),
        *((f"Data `{name}`", _data(facts)) for name, facts in newest.data.items()),
    ]


def _run(newest: Description, records: Sequence[Record], model: Model) -> list[tuple[str, str]]:
    facts = newest.environment
    packages = ", ".join(f"{name} {version}" for name, version in facts.harness_packages.items())
    took_s = sum(record.wall_s or 0.0 for record in records)
    again = f"`{newest.reproduces}`: [which of its numbers are reproduced]({PAGE})"
    changes = " with uncommitted changes" if facts.uncommitted_changes else ""
    return [
        ("Campaign", f"`{newest.campaign}`, started {newest.created_at}, engine {newest.engine}"),
        ("Commit", f"{axis_value(facts.commit)}{changes}"),
        ("matrix.yaml", newest.matrix_hash),
        ("Chosen", "; ".join(f"{name} {_choice(value)}" for name, value in newest.selection.items()) or "all of it"),
        *([("Reproduces", again)] if newest.reproduces else []),
        ("Order", f"{count(newest.repeats, 'block')}, each shuffled; seed {newest.seed}"),
        *_model(newest, model),
        ("Duration", f"{duration(took_s)}, {format_known(timed_share(records), '.0%')} of it inside timed phases"),
        ("Harness", f"Python {axis_value(facts.harness_python)}, {packages}"),
    ]


def _model(newest: Description, model: Model) -> list[tuple[str, str]]:
    page = f"(tables/{model_name(newest)}.md)"
    if not model.bases:
        return [("Bounds", f"[upper bounds of either side]{page}")] if model.cells else []
    error = "" if model.median_error is None else f", median error {model.median_error:.1%}"
    return [("Model", f"[measured and predicted]{page}{error}")]


def _choice(value: Any) -> str:
    if isinstance(value, Mapping):
        return " and ".join(f"{axis}={','.join(map(str, values))}" for axis, values in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _interpreter(name: str, facts: InterpreterFacts, records: Sequence[Record]) -> str:
    versions: dict[str, str] = {}
    for record in records:
        python = part_name(record.cell, "python")
        if record.client and name in (python, part_key(record.cell.engine, python)):
            versions.update(record.client.packages)
    build = "" if facts.optimized_build else ", does not say that it was built with optimizations"
    packages = ", ".join(f"{package} {version}" for package, version in sorted(versions.items()))
    base = f", in an image made from {facts.build}" if facts.image else ""
    return f"{facts.implementation} {facts.version}{build}{base}" + (f"; {packages}" if packages else "")


def _server(facts: ServerFacts) -> str:
    settings = ", ".join(f"`{name}={value}`" for name, value in sorted(facts.settings.items()))
    image = f", image {facts.image}" if facts.image else ""
    return f"{facts.version} on {facts.storage}{image}; {settings}"


def _data(facts: DataFacts) -> str:
    records = f"{count(facts.geo_records, 'geo record')}, {count(facts.data_records, 'data record')}"
    return f"{records}, {count(facts.rows, 'row')} to insert; digest `{facts.digest}`"


def _list_others(others: Sequence[Campaign]) -> str:
    older = [_other(one, README) for one in others if one.description.reproduces is None]
    again = [_other(one, PAGE) for one in others if one.description.reproduces is not None]
    text = "## Other campaigns\n\n" + "\n".join(older or ["None."]) + "\n"
    return text + ("\n## Reproductions\n\n" + "\n".join(again) + "\n" if again else "")


def _other(one: Campaign, page: str) -> str:
    described = one.description
    what = f"{', '.join(shown.name for shown in described.experiments)}; {count(described.repeats, 'block')}"
    what = what if described.reproduces is None else f"reproduces `{described.reproduces}`; {what}"
    # Pages are written when a campaign ends.
    if one.missing:
        return f"- {one.name}: {what}; unfinished, {count(one.missing, 'run')} left"
    if described.may_grow:
        return f"- {one.name}: {what}; unfinished, more blocks may follow"
    return f"- [{one.name}]({one.name}/{page}): {what}"
