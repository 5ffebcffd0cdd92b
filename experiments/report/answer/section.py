"""The answer section of the project's README, between two markers: five sentences, charts and a table."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.analysis.summary import ExperimentSummary, summarize
from experiments.errors import BadInput
from experiments.formatting import axis_name, axis_value, count
from experiments.records.description import Description, ShownExperiment, find_part
from experiments.records.record import Record
from experiments.report.answer.facts import Facts, find_facts, gather_cells
from experiments.report.answer.sentences import write_sentences
from experiments.report.answer.table import CEILING_NOTE, NOTES, answer_table, has_ceilings, same_everywhere
from experiments.report.answer.words import count_cores
from experiments.report.captions import describe_engine, describe_floor, describe_placement
from experiments.report.charts.catalog import CHARTS, chart_images, forest_name, time_name

START = "<!-- answer:start -->"
END = "<!-- answer:end -->"

QUESTION = "io_or_cpu"
"""The experiment of the shipped matrix that asks the project's question."""

PART = "loaders"
"""The one that asks a part of it: what campaigns answer that do not have the other."""

POOLS = "pool_sizes"

WHO = (
    "Three loaders insert the same Census records, one row per statement: *threads* with the driver psycopg2, and "
    "tasks with the driver aiopg on two event loops, *asyncio* and *uvloop*."
)


MARK = "≈ before a number: not told apart from 1."

PAGE_RATIOS = "Ratios in these sentences are to threads in the same setting, those in the table below to the baseline."

TERMS = (
    "A *cell* is a loader in one setting, a *block* runs every cell once, in a shuffled order; the *baseline* runs "
    "twice in each."
)

BOUNDARIES = (
    "Not covered: statements that read much, many connections that are mostly idle, networks other than loopback; what "
    "another machine or network makes of it is predicted (`nox -s predict`), not measured."
)


def write_answer(description: Description, records: Sequence[Record], place: str, folder: str) -> str:
    """The section; ``folder`` is that of the campaign, as the page reaches it.

    Raises BadInput where the campaign, which ``place`` names, has no experiment to make the answer of.
    """
    experiment = find_question(description)
    if experiment is None:
        raise BadInput(
            f"{place}: has no experiment {QUESTION!r} or {PART!r}, which the answer is made of; choose another campaign"
        )
    summary, facts = _sum_up(description, records, experiment)
    floor = describe_floor(description, summary)
    notes = "\n".join(f"- {note}" for note in _notes(description, summary, facts, folder))
    return (
        f"{experiment.question}\n\n{list_sentences(facts)}{floor} {TERMS}\n\n{_images(description, experiment, folder)}"
        f"{answer_table(facts)}\n\n{notes}\n"
    )


def describe_question(description: Description, records: Sequence[Record], experiment: ShownExperiment) -> str:
    """The sentences, for a page of the experiment that they answer; nothing where there are none."""
    if experiment != find_question(description):
        return ""
    _, facts = _sum_up(description, records, experiment)
    return f"{list_sentences(facts)}{PAGE_RATIOS}\n\n" if facts.main and facts.main.entrants else ""


def find_question(description: Description) -> ShownExperiment | None:
    """The campaign's experiment that answers most of the question."""
    experiments = {experiment.name: experiment for experiment in description.experiments}
    return experiments.get(QUESTION, experiments.get(PART))


def list_sentences(facts: Facts) -> str:
    """The sentences as a list in Markdown, below a paragraph that says who is meant, and what ends it."""
    return (
        f"{WHO} {_describe_main(facts)}{MARK}\n\n"
        + "\n".join(f"- {sentence}" for sentence in write_sentences(facts))
        + "\n\n"
    )


def _describe_main(facts: Facts) -> str:
    """How many cores either side had where the baseline ran, and how long a run is."""
    rows = f"; each run inserts {facts.rows:,} rows" if facts.rows else ""
    if facts.main is None or facts.main.setup.shared:
        return ""
    client, server = facts.main.setup.client_limit, facts.main.setup.server_limit
    each = "PostgreSQL and Python had one core each"
    had = each if client == server == 1 else f"PostgreSQL had {count_cores(server)}, Python {count_cores(client)}"
    return f"{had}, on one machine, connected by its loopback interface{rows}. "


def replace_answer(text: str, answer: str, place: str) -> str:
    """The text with the answer between its markers. Raises BadInput where it does not have each of them once."""
    for marker in (START, END):
        if text.count(marker) != 1:
            raise BadInput(f"{place}: found {marker} {text.count(marker)} times, expected it once; put it back")
    before, _, rest = text.partition(START)
    _, found, after = rest.partition(END)
    if not found:
        raise BadInput(f"{place}: {END} stands before {START}; expected it after")
    return f"{before}{START}\n{answer}{END}{after}"


def _sum_up(
    description: Description, records: Sequence[Record], experiment: ShownExperiment
) -> tuple[ExperimentSummary, Facts]:
    gathered = gather_cells(description, experiment)
    summary = summarize(gathered, records, experiment)
    return summary, find_facts(gathered, records, summary)


def _images(description: Description, experiment: ShownExperiment, folder: str) -> str:
    """The curves of the experiment, else those of the one about pools: other charts have a line for each row."""
    others = [one for one in description.experiments if one.name == POOLS]
    for one in (experiment, *others):
        shown = chart_images(description, one, f"{folder}/{CHARTS}", {forest_name(one), time_name(one)})
        if shown:
            return shown
    return ""


def _notes(description: Description, summary: ExperimentSummary, facts: Facts, folder: str) -> list[str]:
    """What must be known to read the table; the experiment's own has the rest."""
    same = ", ".join(f"{axis_name(axis)} {axis_value(value)}" for axis, value in same_everywhere(facts).items())
    page = f"[{summary.experiment.name}]({folder}/tables/{summary.experiment.name}.md)"
    return [
        *NOTES,
        *([CEILING_NOTE] if has_ceilings(facts) else []),
        *([f"The same in all rows: {same}."] if same else []),
        *_engines(description, facts),
        *_cores(description, facts),
        *_servers(description, facts),
        *[f"Not run: {reason}." for reason in facts.not_run],
        _count_runs(description, summary, facts),
        BOUNDARIES,
        f"Every loader by itself, charts of where the time goes, what disturbed runs were disturbed by: {page}.",
        _measured(description),
    ]


def _engines(description: Description, facts: Facts) -> list[str]:
    """What containers are made of, aloud where that is not the pinned images."""
    names = dict.fromkeys(str(contest.setting["engine"]) for contest in facts.contests)
    told = [describe_engine(name, known) for name in names if (known := description.engines.get(name))]
    return [f"Engine: {'; '.join(told)}."] if told else []


def _count_runs(description: Description, summary: ExperimentSummary, facts: Facts) -> str:
    """How many runs counted, of how many rows, and how many of them something else held up."""
    planned, ok = sum(cell.planned for cell in summary.cells), sum(len(cell.ok) for cell in summary.cells)
    disturbed = sum(cell.disturbed for cell in summary.cells)
    rows = f", {facts.rows:,} rows each" if facts.rows else ""
    blocks = count(description.repeats, "block")
    return f"Runs: {ok:,} ok of {planned:,} planned, in {blocks}{rows}; {disturbed:,} were disturbed."


def _cores(description: Description, facts: Facts) -> list[str]:
    settings = {str(contest.setting["resources"]): contest.setting for contest in facts.contests}
    told = [
        f"{name}: {describe_placement(placement)}"
        for name, setting in settings.items()
        if (placement := find_part(description.placements, str(setting["engine"]), name)) is not None
    ]
    return [f"Cores: {'; '.join(told)}."] if told else []


def _servers(description: Description, facts: Facts) -> list[str]:
    """Version, storage and the settings that the matrix asks for, of each configuration."""
    told = []
    for name, setting in {str(contest.setting["postgres"]): contest.setting for contest in facts.contests}.items():
        server = find_part(description.postgres, str(setting["engine"]), name)
        if server is not None:
            asked = description.matrix["postgres"][name]["settings"]
            settings = "".join(f", {key}={value}" for key, value in asked.items())
            told.append(f"{name}: {server['version']} on {server['storage']}{settings}")
    return [f"PostgreSQL: {'; '.join(told)}."] if told else []


def _measured(description: Description) -> str:
    machine = description.environment.get("cpu") or "a CPU that does not tell its name"
    cores = len(description.environment.get("cores_allowed") or [])
    return f"Campaign on {machine}, {cores} cores, in campaign `{description.campaign}`."
