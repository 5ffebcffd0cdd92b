"""compare two campaigns: what differs behind them, and which of their ratios differ"""

import re
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import replace

from experiments.analysis.comparison import compare_campaigns, find_differences
from experiments.analysis.counts import CountedTwice, compare_counts
from experiments.analysis.differences import Difference, describe_difference
from experiments.cli.options import add_results
from experiments.errors import BadInput
from experiments.formatting import count
from experiments.matrix.cell import AXES, Cell
from experiments.records.campaign import Campaign, find_campaign, load_campaign
from experiments.report.comparison import write_comparison
from experiments.report.pages import write_page


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    option = parser.add_argument
    option("a", metavar="A", help="a campaign: its name in the results folder, or its folder wherever that is")
    option("b", metavar="B", help="the campaign to compare with A")
    add_results(parser)
    option("--force", action="store_true", help="compare even where host or configuration make it meaningless")
    option("--fail-over", metavar="PERCENT", help="exit 1 if the instructions/row of a cell grew by more, such as 2%%")
    option("--save", action="store_true", help="also write the page into B's folder, as compared/A.md")


def run(options: Namespace) -> int:
    """Print the comparison; campaigns that differ are no failure."""
    limit = None if options.fail_over is None else parse_limit(options.fail_over)
    folder_a, folder_b = (find_campaign(options.results, text) for text in (options.a, options.b))
    a, b = load_campaign(folder_a), load_campaign(folder_b)
    check_two(a, b)
    comparison = compare_campaigns(a, b)
    if not comparison.experiments:
        raise BadInput(
            f"{a.name} and {b.name}: {describe_nothing_in_common(a, b)}; name campaigns that ran the same cells, or "
            f"run those of A again: nox -s matrix -- --reproduce {options.a}"
        )
    differences = find_differences(a, b)
    warnings = check_comparable(a, b, differences, force=options.force)
    heading = "".join(f"{line}\n" for line in warnings) + "\n" * bool(warnings)
    print(heading + write_comparison(a, b, differences, comparison, "simple"), end="")
    if options.save:
        file = folder_b.subfolder("compared") / f"{a.name}.md"
        write_page(file, heading + write_comparison(a, b, differences, comparison))
        print(f"\nwrote {file}")
    return 0 if limit is None else check_growth(compare_counts(a, b), limit)


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
        print(f"- {cell.shown.cell.label()}: {growth:+.2%} instructions per row")
    return 1 if grown else 0


def check_two(a: Campaign, b: Campaign) -> None:
    """Raise BadInput if both are the same campaign, or copies of it."""
    one, other = ((side.name, side.description.created_at, side.description.fingerprint) for side in (a, b))
    if one == other:
        raise BadInput(f"{a.name}: the same campaign twice; name two different ones")


def check_comparable(a: Campaign, b: Campaign, differences: Sequence[Difference], *, force: bool) -> list[str]:
    """Return warnings. Raises BadInput, with all reasons, if a comparison would be meaningless, unless forced."""
    notices = [
        f"notice: {side.name} is unfinished: {count(side.missing, 'run')} missing" for side in (a, b) if side.missing
    ]
    reasons = [describe_difference(one) for one in differences if one.forbids]
    if reasons and not force:
        listed = "\n".join(f"- {reason}" for reason in reasons)
        raise BadInput(
            f"{a.name} (A) and {b.name} (B) are not comparable:\n{listed}\n"
            "that alone could change their ratios; use --force to compare them nevertheless"
        )
    return notices + [f"warning: not comparable: {reason}" for reason in reasons]


def describe_nothing_in_common(a: Campaign, b: Campaign) -> str:
    """Return why there is no cell to compare: experiments, or axes, without a common value."""
    names = [[shown.name for shown in side.description.experiments] for side in (a, b)]
    if not set(names[0]) & set(names[1]):
        return f"no experiment in common; A has {', '.join(names[0])}, B has {', '.join(names[1])}"
    unlike = []
    cells = [[shown.cell for shown in side.description.cells] for side in (a, b)]
    if sampled := _describe_sampling(*cells):
        return f"no cell in common: {sampled}"
    for axis in AXES:
        values = [dict.fromkeys(str(cell.value(axis)) for cell in side) for side in cells]
        if not values[0].keys() & values[1].keys():
            unlike.append(f"{axis} is {', '.join(values[0])} in A and {', '.join(values[1])} in B")
    return f"no cell in common{': ' * bool(unlike)}{'; '.join(unlike)}"


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
