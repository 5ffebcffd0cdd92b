from __future__ import annotations

from dataclasses import replace
from typing import Any

from experiments.analysis.matching import ambiguous_cells, match_cells, only_in, pair_cells
from experiments.matrix.cell import read_cell
from experiments.records.description import Description, ShownExperiment
from tests.experiments.older_cells import without


def on(description: Description, **axes: Any) -> Description:
    """The same campaign with other values of these axes."""
    cells = tuple(replace(shown, cell=replace(shown.cell, **axes)) for shown in description.cells)
    return replace(description, cells=cells)


def also_on(description: Description, axis: str, *values: str) -> Description:
    """A campaign whose cells, but for the baseline's second arm, are also there with other values of an axis."""
    more = [
        replace(shown, cell_key=f"{shown.cell_key}{value}")
        for value in values
        for shown in on(description, **{axis: value}).cells
        if shown.arm == "a"
    ]
    return replace(description, cells=(*description.cells, *more))


def test_cells_are_the_same_by_their_axes_whatever_their_keys_and_however_old(description: Description) -> None:
    new = ("gil", "protocol", "implementation")
    cells = tuple(
        replace(shown, cell_key="old", cell=read_cell(without(shown.cell, *new))) for shown in description.cells
    )
    pairs = pair_cells(replace(description, cells=cells), description)
    assert pairs == tuple(dict.fromkeys((shown.cell, shown.cell) for shown in description.cells))
    assert pairs[0][0].protocol == "simple"


def test_cells_of_other_interpreters_are_the_same_where_these_are_ignored(description: Description) -> None:
    other = on(description, python="3.14")
    assert pair_cells(description, other) == ()
    pairs = pair_cells(description, other, ("python",))
    assert [(here.python, there.python) for here, there in pairs] == [("3.13", "3.14")] * 3
    assert all(replace(here, python="3.14") == there for here, there in pairs)
    assert only_in(description, [other], ("python",)) == ambiguous_cells(description, ("python",)) == ()
    assert len(only_in(description, [other])) == 3


def test_a_ratio_between_engines_is_not_one_within_an_engine(description: Description) -> None:
    # The baseline is local, so the cells in docker have a ratio to another engine.
    two = also_on(description, "engine", "docker")
    in_docker = on(description, engine="docker")
    pairs = pair_cells(two, in_docker, ("engine",))
    assert [(here.engine, there.engine) for here, there in pairs] == [("local", "docker")] * 3
    assert [shown.cell.engine for shown in only_in(two, [in_docker], ("engine",))] == ["docker"] * 3
    assert ambiguous_cells(two, ("engine",)) == ()


def test_cells_that_only_an_ignored_axis_tells_apart_are_left_out(description: Description) -> None:
    three = also_on(description, "python", "3.14", "3.15")
    ambiguous = ambiguous_cells(three, ("python",))
    assert {shown.cell.python for shown in ambiguous} == {"3.14", "3.15"}
    assert {shown.cell.python for shown in match_cells(three.cells, ("python",)).values()} == {"3.13"}
    assert ambiguous_cells(three, ()) == ()


def test_an_axis_that_does_not_apply_to_the_baseline_can_be_ignored(description: Description) -> None:
    uvloop = replace(description, cells=description.cells[:3])
    asyncio = replace(description, cells=(*description.cells[:2], description.cells[3]))
    pairs = pair_cells(uvloop, asyncio, ("loop",))
    assert {(here.loop, there.loop) for here, there in pairs} == {(None, None), ("uvloop", "asyncio")}


def test_cells_are_paired_within_experiments(description: Description) -> None:
    renamed = replace(
        description,
        experiments=(ShownExperiment("others", "?"),),
        cells=tuple(replace(shown, experiments=("others",)) for shown in description.cells),
    )
    assert pair_cells(description, renamed) == ()
