from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.__main__ import main
from experiments.matrix.cell import read_cell
from experiments.records.counts import CellCount
from experiments.records.description import Description, ShownExperiment
from experiments.records.facts import MachineFacts
from experiments.records.folder import CampaignFolder, create
from experiments.records.record import Record
from tests.experiments.made_campaigns import measured
from tests.experiments.older_cells import without

Make = Callable[..., Path]

ONE = {"row_by_row_threaded": 1.0, "again": 1.01, "row_by_row_asyncio": 1.2}


@pytest.fixture
def make(tmp_path: Path, description: Description, make_record: Callable[..., Record]) -> Make:
    """Writes a campaign of this name with these ratios, 5 blocks and other facts where they are given."""

    def write(name: str, *, faster: float = 1.0, results: Path | None = None, blocks: int = 5, **changes: Any) -> Path:
        ratios = {**ONE, "row_by_row_asyncio": 1.2 * faster}
        changes = {"created_at": f"2026-11-22T14:30:02Z {name}", **changes}
        side = measured(description, make_record, ratios, campaign=name, **changes)
        folder = create(results or tmp_path / "results", side.description)
        for record in side.records:
            if record.block <= blocks:
                folder.append(record)
        return folder.path

    return write


def compare(tmp_path: Path, *arguments: str) -> int:
    return main(["compare", *arguments, "--results", str(tmp_path / "results")])


def environment(description: Description, **changes: Any) -> MachineFacts:
    return replace(description.environment, **changes)


def test_what_differs_is_printed_first_and_differences_are_no_failure(
    tmp_path: Path, make: Make, description: Description, capsys: pytest.CaptureFixture[str]
) -> None:
    make("one")
    make("two", faster=1.25, environment=environment(description, commit="456def"))
    assert compare(tmp_path, "one", "two") == 0
    out = capsys.readouterr().out
    assert out.startswith("# Two campaigns compared\n\n- A: `one`, begun ")
    assert out.index("  - checkout, commit: 0123abc in A, 456def in B\n") < out.index("## loaders")
    assert " ≠ 1.250 (1.222 to 1.279)" in out
    assert "- 1 of 1 cell differs significantly (Holm, 5%)" in out
    assert list(tmp_path.glob("results/*/compared")) == []


def test_the_page_is_saved_with_the_later_named_campaign(
    tmp_path: Path, make: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    make("one")
    two = make("two")
    assert compare(tmp_path, "one", "two", "--save") == 0
    out = capsys.readouterr().out
    saved = (two / "compared" / "one.md").read_text()
    assert out.endswith(f"\nwrote {two / 'compared' / 'one.md'}\n")
    # The same, but for tables that are Markdown.
    table = [line for line in saved.splitlines() if line.startswith("|")]
    assert len(table) == 2 + 4
    rest = [line for line in saved.splitlines() if not line.startswith("|")]
    assert rest == [
        line for line in out.splitlines()[:-2] if not line.startswith(("psycopg2", "aiopg", "loader  ", "-----"))
    ]


def test_another_machine_or_other_work_is_refused_with_every_reason_unless_asked_for(
    tmp_path: Path, make: Make, description: Description, capsys: pytest.CaptureFixture[str]
) -> None:
    make("one")
    data = {"ny": replace(description.data["ny"], digest="other")}
    changed = {"environment": environment(description, cpu="Another", kernel="Linux 6.2"), "data": data}
    make("two", **changed)
    assert compare(tmp_path, "one", "two") == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == (
        "error: one (A) and two (B) are not comparable:\n"
        "- environment, CPU: A Processor in A, Another in B\n"
        "- data ny, digest: geo:100:1;data:22200:2 in A, other in B\n"
        "that alone could change their ratios; use --force to compare them nevertheless\n"
    )
    assert compare(tmp_path, "one", "two", "--force") == 0
    out = capsys.readouterr().out
    assert out.startswith("warning: not comparable: environment, CPU: A Processor in A, Another in B\nwarning: ")
    assert "- 0 of 1 cell differ significantly" in out


def test_campaigns_may_be_folders_elsewhere(tmp_path: Path, make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    make("one")
    elsewhere = make("two", results=tmp_path / "elsewhere")
    assert compare(tmp_path, "one", f"{elsewhere}/") == 0
    assert "- B: `two`, begun " in capsys.readouterr().out


def test_an_unknown_campaign_is_refused_with_a_suggestion(
    tmp_path: Path, make: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    make("2026-11-22T1430-local")
    assert compare(tmp_path, "2026-11-22T1430-local", "2026-11-22T1431-local") == 2
    assert capsys.readouterr().err == (
        f"error: '2026-11-22T1431-local' is neither a campaign of {tmp_path / 'results'} nor the folder of one "
        "(did you mean 2026-11-22T1430-local? known: 2026-11-22T1430-local)\n"
    )


def test_a_campaign_is_not_compared_with_itself_nor_with_its_copy(
    tmp_path: Path, make: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    make("one")
    copy = make("one", results=tmp_path / "copy")
    for again in ("one", str(copy)):
        assert compare(tmp_path, "one", again) == 2
        assert capsys.readouterr().err == "error: one: the same campaign twice; name two different ones\n"


def test_an_unfinished_campaign_is_compared_with_a_notice(
    tmp_path: Path, make: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    make("one")
    make("two", blocks=4)
    assert compare(tmp_path, "one", "two") == 0
    out = capsys.readouterr().out
    assert out.startswith("notice: two is unfinished: 3 runs missing\n\n# Two")
    assert "- Nothing is called different: " in out


def test_nothing_in_common_is_refused_with_what_differs(
    tmp_path: Path, make: Make, description: Description, capsys: pytest.CaptureFixture[str]
) -> None:
    make("one")
    renamed = tuple(replace(shown, experiments=("others",)) for shown in description.cells)
    matrix = {**description.matrix, "experiments": {"others": {"matrix": {}}}}
    make("two", cells=renamed, matrix=matrix, experiments=(ShownExperiment("others", "?"),))
    moved = tuple(replace(shown, cell=replace(shown.cell, python="3.14")) for shown in description.cells)
    make("three", cells=moved)
    assert compare(tmp_path, "one", "two") == 2
    advice = "; name campaigns that ran the same cells, or run those of A again: nox -s matrix -- --reproduce one\n"
    assert (
        capsys.readouterr().err == f"error: one and two: no experiment in common; A has loaders, B has others{advice}"
    )
    assert compare(tmp_path, "one", "three") == 2
    assert capsys.readouterr().err == (
        f"error: one and three: no cell in common: python is 3.13 in A and 3.14 in B; "
        f"use --ignore python to compare them nevertheless{advice}"
    )


def test_a_campaign_of_before_and_one_whose_connections_were_watched_differ_in_that(
    tmp_path: Path, make: Make, description: Description, capsys: pytest.CaptureFixture[str]
) -> None:
    before = [read_cell(without(shown.cell, "sampling")) for shown in description.cells]
    make("old", cells=tuple(replace(shown, cell=cell) for shown, cell in zip(description.cells, before, strict=True)))
    assert {shown.cell.sampling for shown in description.cells} == {"on"}
    make("new")
    for a, b, sides in (
        ("old", "new", ("were not", "off", "were", "on")),
        ("new", "old", ("were", "on", "were not", "off")),
    ):
        assert compare(tmp_path, a, b) == 2
        expected = "in A connections {} sampled (sampling {}), in B connections {} sampled (sampling {});".format(
            *sides
        )
        assert f"no cell in common: they differ in sampling; {expected}" in capsys.readouterr().err


def test_a_killed_campaign_elsewhere_is_repaired_where_it_is(
    tmp_path: Path, make: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    make("one")
    elsewhere = make("two", results=tmp_path / "elsewhere")
    with (elsewhere / "runs.jsonl").open("a") as runs:
        runs.write('{"schema": 1, "camp')
    assert compare(tmp_path, "one", str(elsewhere)) == 2
    advice = capsys.readouterr().err.partition("; nox -s ")[2]
    assert advice == f"tables -- --results {tmp_path / 'elsewhere'} repairs that\n"
    assert main(advice.removesuffix(" repairs that\n").replace(" -- ", " ").split()) == 0
    assert compare(tmp_path, "one", str(elsewhere)) == 0


def test_cells_that_differ_in_ignored_axes_are_compared(
    tmp_path: Path, make: Make, description: Description, capsys: pytest.CaptureFixture[str]
) -> None:
    make("one")
    moved = tuple(replace(shown, cell=replace(shown.cell, python="3.14")) for shown in description.cells)
    make("two", faster=1.25, cells=moved)
    assert compare(tmp_path, "one", "two", "--ignore", "python, python") == 0
    out = capsys.readouterr().out
    assert "  - ignored axis, python: 3.13 in A, 3.14 in B\n" in out
    assert " ≠ 1.250 (1.222 to 1.279)" in out
    assert compare(tmp_path, "one", "two", "--ignore", "pythn") == 2
    assert capsys.readouterr().err.startswith(
        "error: --ignore: unknown axis 'pythn' (did you mean python? known: engine, python, "
    )


def test_cells_that_only_ignored_axes_tell_apart_are_named_and_alone_refused(
    tmp_path: Path, make: Make, description: Description, capsys: pytest.CaptureFixture[str]
) -> None:
    make("one")
    versions = [
        replace(shown, cell_key=f"{shown.cell_key}{version}", cell=replace(shown.cell, python=version))
        for version in ("3.14", "3.15")
        for shown in description.cells[2:]
    ]
    make("two", cells=(*description.cells[:2], *versions))
    assert compare(tmp_path, "one", "two", "--ignore", "python") == 0
    assert "- Left out, as only ignored axes tell them apart: in B 4 cells: " in capsys.readouterr().out
    make("three", cells=tuple(versions))
    assert compare(tmp_path, "one", "three", "--ignore", "python") == 2
    assert "several of one campaign are the same without python; ignore less; " in capsys.readouterr().err


def test_three_campaigns_are_pooled_and_without_that_refused(
    tmp_path: Path, make: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, faster in (("one", 1.0), ("two", 1.02), ("three", 1.04)):
        make(name, faster=faster)
    assert compare(tmp_path, "one", "two", "three") == 2
    assert capsys.readouterr().err == (
        "error: 3 campaigns: compare puts two side by side; name two, or use --pool to combine all\n"
    )
    assert compare(tmp_path, "one", "two", "three", "--pool", "--save") == 0
    out = capsys.readouterr().out
    assert out.startswith("# 3 campaigns pooled\n\n- A: `one`, begun ")
    assert "\n- 1 of 1 cell differs significantly from the baseline (Holm, 5%).\n" in out
    page = tmp_path / "results" / "three" / "compared" / "pooled-one+two.md"
    assert out.endswith(f"\nwrote {page}\n")
    (heading,) = (line for line in page.read_text().splitlines() if line.startswith("| loader"))
    assert "combined ratio (95%)" in heading


def test_campaigns_that_cannot_be_pooled_are_refused_with_the_reason(
    tmp_path: Path, make: Make, description: Description, capsys: pytest.CaptureFixture[str]
) -> None:
    make("one")
    make("two")
    make("three", environment=environment(description, cpu="Another"))
    assert compare(tmp_path, "one", "two", "one", "--pool") == 2
    assert capsys.readouterr().err == "error: one: the same campaign twice; name two different ones\n"
    assert compare(tmp_path, "one", "two", "three", "--pool") == 2
    assert capsys.readouterr().err == (
        "error: one (A) and three (C) are not comparable:\n- environment, CPU: A Processor in A, Another in C\n"
        "that alone could change their ratios; use --force to compare them nevertheless\n"
    )
    assert compare(tmp_path, "one", "two", "three", "--pool", "--force") == 0
    assert capsys.readouterr().out.startswith(
        "warning: not comparable: environment, CPU: A Processor in A, Another in C\n\n# 3 campaigns pooled\n"
    )
    moved = tuple(replace(shown, cell=replace(shown.cell, python="3.14")) for shown in description.cells)
    make("four", cells=moved)
    assert compare(tmp_path, "one", "four", "--pool") == 2
    assert capsys.readouterr().err == (
        "error: no two of 2 campaigns have a cell in common: one (A) and four (B): no cell in common: python is 3.13 "
        "in A and 3.14 in B; use --ignore python to compare them nevertheless; name campaigns that ran the same cells\n"
    )


def count_cells(path: Path, instructions: float) -> None:
    """Add a count of each cell to a campaign."""
    folder = CampaignFolder(path)
    for shown in folder.description().cells:
        count = CellCount(path.name, shown.cell_key, "now", shown.cell, instructions, 0.001, "valgrind")
        folder.append_count(count)


def test_grown_instructions_fail_and_are_listed(tmp_path: Path, make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    count_cells(make("one"), 40_000.0)
    count_cells(make("two"), 41_000.0)
    assert compare(tmp_path, "one", "two") == 0
    assert compare(tmp_path, "one", "two", "--fail-over", "2.5%") == 0
    assert compare(tmp_path, "two", "one", "--fail-over", "2%") == 0
    capsys.readouterr()
    assert compare(tmp_path, "one", "two", "--fail-over", "2%") == 1
    out = capsys.readouterr().out
    assert "## Instructions per row" in out
    assert "+2.5%" in out
    assert " counted cells grew by more than 2.00%\n- row_by_row_threaded, pool 20, " in out
    assert ": +2.50% instructions per row" in out


@pytest.mark.parametrize("limit", ["2", "-1%", "nan%", "much"])
def test_a_limit_that_is_no_percentage_is_refused(
    tmp_path: Path, make: Make, limit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make("one")
    make("two")
    assert compare(tmp_path, "one", "two", f"--fail-over={limit}") == 2
    assert f"--fail-over: '{limit}' is no share; expected a percentage such as 2%" in capsys.readouterr().err


def test_without_common_counts_nothing_can_be_checked(
    tmp_path: Path, make: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    count_cells(make("one"), 40_000.0)
    make("two")
    assert compare(tmp_path, "one", "two", "--fail-over", "2%") == 2
    assert "count them with: nox -s count" in capsys.readouterr().err
