from __future__ import annotations

from dataclasses import replace

from experiments.matrix.cell import Cell
from experiments.report.labels import headings, label_axes, label_of, name_setting, setting_first, setting_of


def test_an_axis_that_follows_from_others_is_left_out_unless_the_matrix_lists_values_of_it(
    threaded: Cell, uvloop_cell: Cell
) -> None:
    cells = [threaded, replace(uvloop_cell, protocol="prepared")]
    assert label_axes(cells, {"loop": ["uvloop"]}) == ("loader",)
    assert label_axes(cells, {"loop": ["uvloop", "asyncio"]}) == ("loader", "loop")


def test_what_it_takes_to_tell_cells_apart_is_never_left_out(threaded: Cell) -> None:
    cells = [replace(threaded, postgres=name, data=data) for name in "ab" for data in "xy"]
    assert label_axes(cells, {}) == ("postgres", "data")
    assert label_of(cells[1], ("postgres", "data")) == ("a", "y")


def test_interpreter_and_gil_are_one_label(threaded: Cell) -> None:
    cells = [replace(threaded, python="3.14t", gil=gil) for gil in ("default", "off")]
    assert label_axes(cells, {}) == ("python",)
    assert [label_of(cell, ("python",)) for cell in cells] == [("3.14t",), ("3.14t GIL off",)]
    assert headings(("python", "poolsize")) == ["Python", "pool size"]


def test_a_single_row_is_called_by_its_loader(threaded: Cell) -> None:
    assert label_axes([threaded], {}) == ("loader",)
    assert label_axes([], {}) == ("loader",)


def test_along_an_axis_cells_share_the_label_of_their_line(threaded: Cell, uvloop_cell: Cell) -> None:
    cells = [replace(cell, poolsize=size) for cell in (threaded, uvloop_cell) for size in (1, 5)]
    assert label_axes(cells, {"poolsize": [1, 5]}, over="poolsize") == ("loader",)
    # Of the interpreters each has an implementation of its own, which makes no other line.
    pythons = [replace(threaded, python=python, implementation=python) for python in ("3.9", "3.10")]
    assert label_axes(pythons, {"python": ["3.9", "3.10"]}, over="python") == ()


def test_by_setting_first_loaders_in_the_same_setting_are_neighbours(threaded: Cell) -> None:
    axes = setting_first(("loader", "protocol", "poolsize", "postgres"))
    assert axes == ("poolsize", "postgres", "loader", "protocol")
    assert name_setting(headings(axes), setting_of(threaded, axes)) == "pool size 20, PostgreSQL default"
