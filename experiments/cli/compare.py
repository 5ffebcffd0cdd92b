"""compare two campaigns: what differs behind them, and which of their ratios differ"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from experiments.analysis.comparison import compare_campaigns, find_differences
from experiments.analysis.differences import Difference, describe_difference
from experiments.errors import BadInput
from experiments.files import write_whole
from experiments.formatting import count
from experiments.matrix.cell import AXES, Cell
from experiments.records.campaign import Campaign, find_campaign, load_campaign
from experiments.report.comparison import write_comparison


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    option = parser.add_argument
    option("a", metavar="A", help="a campaign: its name in the results folder, or its folder wherever that is")
    option("b", metavar="B", help="another one, which is held against A")
    option(
        "--results", metavar="DIR", type=Path, default=Path("results"), help="where campaigns are (default: results)"
    )
    option("--anyway", action="store_true", help="compare even where host or configuration make it meaningless")
    option("--save", action="store_true", help="also write the page into B's folder, as compared/A.md")


def run(options: Namespace) -> int:
    """Print the comparison. That campaigns differ is a finding, and no failure."""
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
    warnings = check_comparable(a, b, differences, anyway=options.anyway)
    said = "".join(f"{line}\n" for line in warnings) + "\n" * bool(warnings)
    print(said + write_comparison(a, b, differences, comparison, "simple"), end="")
    if options.save:
        file = folder_b.path / "compared" / f"{a.name}.md"
        file.parent.mkdir(exist_ok=True)
        write_whole(file, said + write_comparison(a, b, differences, comparison))
        print(f"\nwrote {file}")
    return 0


def check_two(a: Campaign, b: Campaign) -> None:
    """Raise BadInput where both are the same campaign, be it a copy."""
    one, other = ((side.name, side.description.created_at, side.description.fingerprint) for side in (a, b))
    if one == other:
        raise BadInput(f"{a.name}: the same campaign twice; name two different ones")


def check_comparable(a: Campaign, b: Campaign, differences: Sequence[Difference], *, anyway: bool) -> list[str]:
    """What must be said aloud. Raises BadInput, with all reasons, where a comparison would mean nothing."""
    notices = [
        f"notice: {side.name} is unfinished: {count(side.missing, 'run')} missing" for side in (a, b) if side.missing
    ]
    reasons = [describe_difference(one) for one in differences if one.forbids]
    if reasons and not anyway:
        listed = "\n".join(f"- {reason}" for reason in reasons)
        raise BadInput(
            f"{a.name} (A) and {b.name} (B) are not comparable:\n{listed}\n"
            "a difference between their ratios could come from that alone; --anyway compares them all the same"
        )
    return notices + [f"warning: not comparable: {reason}" for reason in reasons]


def describe_nothing_in_common(a: Campaign, b: Campaign) -> str:
    """Why there is no cell to compare: the experiments, or the axes on which no value is in common."""
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
    """That cells are the same but for whether their connections were watched, as in campaigns of before; or nothing."""
    sides = [{replace(cell, sampling="off"): cell.sampling for cell in side} for side in (a, b)]
    same = sides[0].keys() & sides[1].keys()
    if not same:
        return ""
    values = [", ".join(sorted({side[cell] for cell in same})) for side in sides]
    watched = {"on": "were watched", "off": "were not watched"}
    told = [f"connections {watched.get(value, value)} (sampling {value})" for value in values]
    return f"they differ in sampling; in A {told[0]}, in B {told[1]}"
