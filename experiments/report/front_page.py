"""``results/README.md``: the newest campaign's tables, how they came to be, and lists of the other campaigns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.analysis.queueing.model import model_cells
from experiments.formatting import NOTHING, count, duration
from experiments.records.description import Description, ShownExperiment, part_key
from experiments.records.record import Record
from experiments.report.answer.section import describe_question
from experiments.report.captions import describe_engine, describe_placement
from experiments.report.charts.catalog import CHARTS, chart_images
from experiments.report.queueing import model_name
from experiments.report.reproduction import PAGE
from experiments.report.tables import markdown_table

HEAD = """# Results

Written by the program from the records in `{folder}/runs.jsonl`; do not edit. `nox -s tables` writes it anew.

How to read the tables: one row is one cell of the matrix, measured once in each block. **rows/s** are INSERTs per
second of the data phase, the median over the blocks. The **ratio** compares with the baseline in the same block, so
that what the machine did meanwhile hits both: it is the geometric mean of the blocks' ratios, in ten blocks or more
without the tenth at either end, not the quotient of two medians. The baseline is measured twice, and the
**noise floor** is what that finds to be different where nothing is; `≈` marks what is not told apart from the
baseline. **Client CPU** is the median of what the loader's process used per row, and **client core** the part of one
core that this comes to: near 100%, the client is the limit. The **verdict** says what held the row back, and *Why*, on
the page of each experiment, on what grounds; **of ceiling** is the part that it reaches of the rows/s of pgbench.

What became of the runs: **ok** are those whose work was checked and found equal (same rows, same values, same number of
transactions), **wrong_work** those that ended well and had done other work, **failed** and **timed out** those that
did not end well. Only ok runs are in medians and ratios. **Unsupported** cells cannot run here, for the reason that is
given; **interrupted** attempts were ended from outside and are done again when the campaign goes on; **resumed** runs
are of a command that went on with it. **Disturbed** runs, during which something else held the machine up, are marked
and counted, and never dropped.
"""


@dataclass(frozen=True)
class Other:
    """A campaign that the page does not show, and how many of its planned runs have no record."""

    description: Description
    left: int


def write_readme(newest: Description, records: Sequence[Record], others: Sequence[Other]) -> str:
    """The page, of nothing but what it is given; ``others`` may hold reproductions that are newer than ``newest``."""
    tables = [
        f"## {experiment.name}\n\n{markdown_table(newest, records, experiment, charts=charts)}"
        for experiment in newest.experiments
        for charts in [_above(newest, records, experiment)]
    ]
    return "\n".join([HEAD.format(folder=newest.campaign), *tables, _origin(newest, records), _list_others(others)])


def _above(newest: Description, records: Sequence[Record], experiment: ShownExperiment) -> str:
    """What stands above the experiment's table."""
    answer = describe_question(newest, records, experiment)
    return answer + chart_images(newest, experiment, f"{newest.campaign}/{CHARTS}")


def timed_share(records: Sequence[Record]) -> float | None:
    """The part of the time that all complete runs took which lies inside timed phases; None without such runs."""
    complete = [record for record in records if record.wall_s and record.phases]
    total_s = sum(record.wall_s or 0.0 for record in complete)
    return sum(record.timed_s for record in complete) / total_s if total_s else None


def _origin(newest: Description, records: Sequence[Record]) -> str:
    lines = [
        f"- {name}: {text}" for name, text in (*_machine(newest), *_parts(newest, records), *_run(newest, records))
    ]
    return "## How these results came to be\n\n" + "\n".join(lines) + "\n"


def _machine(newest: Description) -> list[tuple[str, str]]:
    facts = newest.environment
    memory = facts.get("memory_bytes")
    allowed = facts.get("cores_allowed") or []
    return [
        ("Machine", f"{_known(facts, 'cpu')} ({_known(facts, 'machine')}), {_virtual(facts)}"),
        ("Cores", f"{len(allowed)} used of {_known(facts, 'cores')}"),
        ("Memory", NOTHING if memory is None else f"{memory / 2**30:.1f} GiB"),
        ("System", f"{_known(facts, 'system')}, kernel {_known(facts, 'kernel')}"),
        ("File system of the servers on disk", _known(facts, "file_system")),
        *((f"Cores `{name}`", describe_placement(facts)) for name, facts in newest.placements.items()),
        *((f"Engine `{name}`", describe_engine(name, facts)) for name, facts in newest.engines.items() if facts),
    ]


def _parts(newest: Description, records: Sequence[Record]) -> list[tuple[str, str]]:
    parts = [(f"Python `{name}`", _interpreter(name, facts, records)) for name, facts in newest.interpreters.items()]
    parts += [(f"PostgreSQL `{name}`", _server(facts)) for name, facts in newest.postgres.items()]
    parts += [(f"Data `{name}`", _data(facts)) for name, facts in newest.data.items()]
    return parts


def _run(newest: Description, records: Sequence[Record]) -> list[tuple[str, str]]:
    facts = newest.environment
    packages = ", ".join(f"{name} {version}" for name, version in (facts.get("harness_packages") or {}).items())
    share = timed_share(records)
    took_s = sum(record.wall_s or 0.0 for record in records)
    changes = " with uncommitted changes" if facts.get("uncommitted_changes") else ""
    return [
        ("Campaign", f"`{newest.campaign}`, begun {newest.created_at}, engine {newest.engine}"),
        ("Commit", f"{_known(facts, 'commit')}{changes}"),
        ("matrix.yaml", newest.matrix_hash),
        ("Chosen", "; ".join(f"{name} {_choice(value)}" for name, value in newest.selection.items()) or "all of it"),
        *([] if newest.reproduces is None else [("Reproduces", _reproduction(newest))]),
        ("Order", f"{count(newest.repeats, 'block')}, each shuffled; seed {newest.seed}"),
        *_model(newest, records),
        ("Duration", f"{duration(took_s)}, {NOTHING if share is None else f'{share:.0%}'} of it inside timed phases"),
        ("Harness", f"Python {_known(facts, 'harness_python')}, {packages}"),
    ]


def _model(newest: Description, records: Sequence[Record]) -> list[tuple[str, str]]:
    model = model_cells(newest, records)
    page = f"({newest.campaign}/tables/{model_name(newest)}.md)"
    if not model.bases:
        return [("Bounds", f"[what either side could have done]{page}")] if model.cells else []
    error = "" if model.median_error is None else f", median error {model.median_error:.1%}"
    return [("Model", f"[measured beside predicted]{page}{error}")]


def _reproduction(newest: Description) -> str:
    return f"`{newest.reproduces}`: [which of its numbers came out again]({newest.campaign}/{PAGE})"


def _choice(value: Any) -> str:
    if isinstance(value, Mapping):
        return " and ".join(f"{axis}={','.join(values)}" for axis, values in value.items())
    return ", ".join(value) if isinstance(value, list | tuple) else str(value)


def _interpreter(name: str, facts: Mapping[str, Any], records: Sequence[Record]) -> str:
    versions: dict[str, str] = {}
    for record in records:
        python = record.cell.python
        if record.client and name in (python, part_key(record.cell.engine, python)):
            versions.update(record.client.packages)
    build = "" if facts.get("optimized_build") else ", not built with `--enable-optimizations` as far as it says"
    packages = ", ".join(f"{package} {version}" for package, version in sorted(versions.items()))
    base = f", in an image made from {facts['build']}" if facts.get("image") else ""
    return f"{facts['implementation']} {facts['version']}{build}{base}" + (f"; {packages}" if packages else "")


def _server(facts: Mapping[str, Any]) -> str:
    settings = ", ".join(f"`{name}={value}`" for name, value in sorted(facts["settings"].items()))
    image = f", image {facts['image']}" if facts.get("image") else ""
    return f"{facts['version']} on {facts['storage']}{image}; {settings}"


def _data(facts: Mapping[str, Any]) -> str:
    records = f"{count(facts['geo_records'], 'geo record')}, {count(facts['data_records'], 'data record')}"
    return f"{records}, {count(facts['rows'], 'row')} to insert; digest `{facts['digest']}`"


def _list_others(others: Sequence[Other]) -> str:
    older = [_other(one, "tables/") for one in others if one.description.reproduces is None]
    again = [_other(one, PAGE) for one in others if one.description.reproduces is not None]
    text = "## Older campaigns\n\n" + "\n".join(older or ["None."]) + "\n"
    return text + ("\n## Reproductions\n\n" + "\n".join(again) + "\n" if again else "")


def _other(one: Other, page: str) -> str:
    described = one.description
    name = described.campaign
    what = f"{', '.join(shown.name for shown in described.experiments)}; {count(described.repeats, 'block')}"
    what = what if described.reproduces is None else f"`{described.reproduces}` again; {what}"
    if one.left:
        # It has no tables: those are written when a campaign ends.
        return f"- {name}: {what}; unfinished, {count(one.left, 'run')} left"
    if described.may_grow:
        return f"- {name}: {what}; unfinished, more blocks may follow"
    return f"- [{name}]({name}/{page}): {what}"


def _known(facts: Mapping[str, Any], name: str) -> str:
    value = facts.get(name)
    return NOTHING if value is None else str(value)


def _virtual(facts: Mapping[str, Any]) -> str:
    kind = facts.get("virtualisation")
    return {"none": "not virtual", None: "virtual or not is not known"}.get(kind, str(kind))
