"""compare two campaigns: what differs behind them, and which of their ratios differ; or pool several"""

import re
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from experiments.analysis.comparison import compare_campaigns, find_differences, find_differences_behind
from experiments.analysis.counts import CountedTwice, compare_counts
from experiments.analysis.differences import Difference, describe_difference
from experiments.analysis.matching import ambiguous_cells
from experiments.analysis.pooling import pairs_between, pool_campaigns
from experiments.cli.options import add_results
from experiments.cli.output import add_output, as_json, print_result, progress_aside, terminal_width
from experiments.errors import BadInput, suggest
from experiments.formatting import count, unit_of
from experiments.matrix.cell import AXES, Cell
from experiments.records.campaign import Campaign, find_campaign, load_campaign
from experiments.report.comparison import write_comparison
from experiments.report.labels import Style
from experiments.report.pages import write_page
from experiments.report.pooling import letter, write_pooling

MOST_IN_A_NAME = 4


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    option = parser.add_argument
    option("a", metavar="A", help="a campaign: its name in the results folder, or its folder wherever that is")
    option("b", metavar="B", help="the campaign to compare with A")
    option("more", metavar="C", nargs="*", default=[], help="more campaigns, with --pool")
    add_results(parser)
    option("--force", action="store_true", help="compare even where host or configuration make it meaningless")
    option("--fail-over", metavar="PERCENT", help="exit 1 if the instructions/row of a cell grew by more, such as 2%%")
    option("--save", action="store_true", help="also write the page into the last one's folder, as compared/A.md")
    option("--pool", action="store_true", help="combine the ratios of two or more campaigns (random effects)")
    option(
        "--ignore",
        metavar="AXIS[,AXIS]",
        default="",
        help=f"take cells as the same that differ only in these axes; axes: {', '.join(AXES)}",
    )
    add_output(parser)


def run(options: Namespace) -> int:
    """Print the comparison; campaigns that differ are no failure."""
    names = [options.a, options.b, *options.more]
    if options.more and not options.pool:
        raise BadInput(f"{len(names)} campaigns: compare puts two side by side; name two, or use --pool to combine all")
    if options.pool and options.fail_over is not None:
        raise BadInput("--fail-over cannot be combined with --pool; name two campaigns without it")
    limit = None if options.fail_over is None else parse_limit(options.fail_over)
    ignored = parse_ignored(options.ignore)
    folders = [find_campaign(options.results, text) for text in names]
    campaigns = [load_campaign(folder) for folder in folders]
    for one, other in combinations(campaigns, 2):
        check_two(one, other)
    result = (pool if options.pool else compare)(campaigns, ignored, options)
    heading = "".join(f"{line}\n" for line in result.warnings) + "\n" * bool(result.warnings)
    text = (heading + result.page(terminal_width())).rstrip()
    print_result(options, text, lambda: {"warnings": result.warnings, **result.document})
    with progress_aside(options):
        if options.save:
            prefix = "pooled-" if options.pool else ""
            file = folders[-1].subfolder("compared") / f"{prefix}{file_name(campaigns[:-1])}.md"
            write_page(file, heading + result.page("pipe"))
            print(f"\nwrote {file}")
        return 0 if limit is None else check_growth(compare_counts(campaigns[0], campaigns[1]), limit)


def parse_limit(text: str) -> float:
    """Return the limit of --fail-over as a share. Raises BadInput."""
    if not re.fullmatch(r"\d{1,4}(\.\d{1,9})?%", text):
        raise BadInput(f"--fail-over: {text!r} is no share; expected a percentage such as 2% or 0.5%")
    return float(text.removesuffix("%")) / 100


def check_growth(cells: Sequence[CountedTwice], limit: float) -> int:
    """List the cells whose instructions per row grew by more; return 1 if there are any, or none could be compared."""
    compared = [(cell, cell.growth) for cell in cells if cell.growth is not None]
    if not compared:
        raise BadInput(
            "--fail-over: no cell was counted by the same tool in both campaigns; count them with: nox -s count"
        )
    grown = [(cell, growth) for cell, growth in compared if growth > limit]
    print(f"\n{len(grown)} of {count(len(compared), 'counted cell')} grew by more than {limit:.2%}")
    for cell, growth in grown:
        print(f"- {cell.shown.cell.label()}: {growth:+.2%} instructions per {unit_of([cell.shown.cell.workload])}")
    return 1 if grown else 0


@dataclass(frozen=True)
class Result:
    """What a comparison found: warnings, the page, and the document for programs."""

    warnings: Sequence[str]
    page: Callable[[Style], str]
    document: Mapping[str, Any]


def compare(campaigns: Sequence[Campaign], ignored: Sequence[str], options: Namespace) -> Result:
    """Compare two campaigns. Raises BadInput where they have nothing in common."""
    a, b = campaigns
    comparison = compare_campaigns(a, b, ignored)
    if not comparison.experiments:
        raise BadInput(
            f"{a.name} and {b.name}: {describe_nothing_in_common(a, b, ignored)}; name campaigns that ran the same "
            f"cells, or run those of A again: nox -s matrix -- --reproduce {options.a}"
        )
    differences = find_differences(a, b, ignored)
    warnings = check_comparable(a, b, differences, force=options.force)
    document = {"a": a.name, "b": b.name, "differences": differences, **as_json(comparison)}
    return Result(warnings, lambda style: write_comparison(a, b, differences, comparison, style), document)


def pool(campaigns: Sequence[Campaign], ignored: Sequence[str], options: Namespace) -> Result:
    """Pool campaigns. Raises BadInput where no two have a cell in common.

    What differs is looked for behind each cell, between the first campaign that has it and every later one.
    """
    experiments = pool_campaigns(campaigns, ignored)
    if not experiments:
        reason = describe_nothing_in_common(campaigns[0], campaigns[1], ignored)
        raise BadInput(
            f"no two of {len(campaigns)} campaigns have a cell in common: {campaigns[0].name} (A) and "
            f"{campaigns[1].name} (B): {reason}; name campaigns that ran the same cells"
        )
    differences = {
        (a, b): find_differences_behind(campaigns[a], campaigns[b], pairs, ignored)
        for (a, b), pairs in pairs_between(experiments).items()
    }
    warnings = [
        line
        for (a, b), found in differences.items()
        for line in check_comparable(campaigns[a], campaigns[b], found, (letter(a), letter(b)), force=options.force)
    ]
    return Result(
        list(dict.fromkeys(warnings)),
        lambda style: write_pooling(campaigns, differences, experiments, ignored, style),
        {"campaigns": [one.name for one in campaigns], "experiments": experiments},
    )


def parse_ignored(text: str) -> tuple[str, ...]:
    """Return the axes of --ignore. Raises BadInput for one that does not exist."""
    axes = tuple(dict.fromkeys(axis.strip() for axis in text.split(","))) if text else ()
    for axis in axes:
        if axis not in AXES:
            raise BadInput(f"--ignore: unknown axis {axis!r} {suggest(axis, AXES)}")
    return axes


def file_name(campaigns: Sequence[Campaign]) -> str:
    """Name a page by the campaigns before the last; of many the first, which leaves room in a file's name."""
    names = [side.name for side in campaigns]
    return "+".join(names) if len(names) <= MOST_IN_A_NAME else f"{names[0]}+{len(names) - 1}"


def check_two(a: Campaign, b: Campaign) -> None:
    """Raise BadInput if both are the same campaign, or copies of it."""
    one, other = ((side.name, side.description.created_at, side.description.fingerprint) for side in (a, b))
    if one == other:
        raise BadInput(f"{a.name}: the same campaign twice; name two different ones")


def check_comparable(
    a: Campaign, b: Campaign, differences: Sequence[Difference], letters: tuple[str, str] = ("A", "B"), *, force: bool
) -> list[str]:
    """Return warnings. Raises BadInput, with all reasons, if a comparison would be meaningless, unless forced."""
    notices = [
        f"notice: {side.name} is unfinished: {count(side.missing, 'run')} missing" for side in (a, b) if side.missing
    ]
    here, there = letters
    reasons = [describe_difference(one, f"in {here}", f"in {there}") for one in differences if one.forbids]
    if reasons and not force:
        listed = "\n".join(f"- {reason}" for reason in reasons)
        raise BadInput(
            f"{a.name} ({here}) and {b.name} ({there}) are not comparable:\n{listed}\n"
            "that alone could change their ratios; use --force to compare them nevertheless"
        )
    return notices + [f"warning: not comparable: {reason}" for reason in reasons]


def describe_nothing_in_common(a: Campaign, b: Campaign, ignored: Sequence[str]) -> str:
    """Return why there is no cell to compare: experiments, or axes, without a common value."""
    names = [[shown.name for shown in side.description.experiments] for side in (a, b)]
    if not set(names[0]) & set(names[1]):
        return f"no experiment in common; A has {', '.join(names[0])}, B has {', '.join(names[1])}"
    if any(ambiguous_cells(side.description, ignored) for side in (a, b)):
        return f"no cell in common: several of one campaign are the same without {', '.join(ignored)}; ignore less"
    unlike: list[str] = []
    texts: list[str] = []
    cells = [[shown.cell for shown in side.description.cells] for side in (a, b)]
    if sampled := _describe_sampling(*cells):
        return f"no cell in common: {sampled}"
    for axis in (axis for axis in AXES if axis not in ignored):
        values = [dict.fromkeys(str(cell.value(axis)) for cell in side) for side in cells]
        if not values[0].keys() & values[1].keys():
            unlike.append(axis)
            texts.append(f"{axis} is {', '.join(values[0])} in A and {', '.join(values[1])} in B")
    advice = f"; use --ignore {','.join((*ignored, *unlike))} to compare them nevertheless" if unlike else ""
    return f"no cell in common{': ' * bool(unlike)}{'; '.join(texts)}{advice}"


def _describe_sampling(a: Sequence[Cell], b: Sequence[Cell]) -> str:
    """Return how two campaigns differ if only in sampling, as older ones do; '' if not only in that."""
    sides = [{replace(cell, sampling="off"): cell.sampling for cell in side} for side in (a, b)]
    same = sides[0].keys() & sides[1].keys()
    if not same:
        return ""
    values = [", ".join(sorted({side[cell] for cell in same})) for side in sides]
    sampled = {"on": "were sampled", "off": "were not sampled"}
    parts = [f"connections {sampled.get(value, value)} (sampling {value})" for value in values]
    return f"they differ in sampling; in A {parts[0]}, in B {parts[1]}"
