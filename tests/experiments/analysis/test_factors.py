from __future__ import annotations

from typing import Any

from experiments.analysis.factors import Factor, Nesting, find_crossing


def cells(axes: str, *rows: tuple[Any, ...]) -> list[dict[str, Any]]:
    return [dict(zip(axes.split(), row, strict=True)) for row in rows]


def test_axes_of_which_all_combinations_are_there_are_crossed() -> None:
    found = find_crossing(cells("python poolsize data", (1, 5, "ny"), (1, 9, "ny"), (2, 5, "ny"), (2, 9, "ny")))
    assert found.factors == (Factor(("python",), ((1,), (2,))), Factor(("poolsize",), ((5,), (9,))))
    assert (found.missing, found.nestings, found.following) == (0, (), ())


def test_an_axis_that_follows_from_another_is_one_factor_with_it() -> None:
    rows = [(python, *loader) for python in (1, 2) for loader in (("threads", None, "simple"), ("pg", "uv", "simple"))]
    found = find_crossing(cells("python loader loop protocol", *rows))
    loader = Factor(("loader", "loop"), (("threads", None), ("pg", "uv")))
    assert found.factors == (Factor(("python",), ((1,), (2,))), loader)
    assert found.nestings == ()


def test_the_loader_gives_the_factor_its_name_wherever_the_axis_stands() -> None:
    found = find_crossing(cells("loop loader", (None, "threads"), ("uv", "pg")))
    assert [factor.axes for factor in found.factors] == [("loader", "loop")]


def test_a_loop_that_threads_have_not_is_nested_in_the_loader_and_one_factor_with_it() -> None:
    loaders = (("threads", None), ("pg", "asyncio"), ("pg", "uv"))
    found = find_crossing(cells("loader loop poolsize", *((*loader, size) for loader in loaders for size in (1, 5))))
    assert found.factors == (Factor(("loader", "loop"), loaders), Factor(("poolsize",), ((1,), (5,))))
    assert found.nestings == (Nesting("loop", "loader", (("threads", None),)),)
    assert found.missing == 0


def test_python_does_not_follow_from_the_state_of_a_gil_that_only_some_have() -> None:
    found = find_crossing(cells("python gil", ("3.14", None), ("3.14t", "default"), ("3.14t", "off")))
    assert found.nestings == (Nesting("gil", "python", (("3.14", None),)),)


def test_what_follows_from_several_factors_together_is_no_factor() -> None:
    rows = [("3.9", "a", "c"), ("3.9", "b", "python"), ("3.14", "a", "python"), ("3.14", "b", "python")]
    found = find_crossing(cells("python loader implementation", *rows))
    assert [factor.axes for factor in found.factors] == [("python",), ("loader",)]
    assert found.following == ("implementation",)
    assert found.missing == 0


def test_combinations_that_are_not_there_are_counted() -> None:
    rows = [(1, 5, "x"), (1, 9, "y"), (2, 5, "y"), (2, 9, "x"), (3, 5, "x"), (3, 9, "x"), (3, 9, "y")]
    assert find_crossing(cells("python poolsize data", *rows)).missing == 12 - 7


def test_one_value_everywhere_is_no_factor_and_no_cell_has_none() -> None:
    assert find_crossing(cells("python", (1,), (1,))).factors == ()
    assert find_crossing([]).factors == ()


def test_a_level_is_told_from_others_without_what_follows_from_its_first_value() -> None:
    factor = Factor(("loader", "protocol", "loop"), (("t", "simple", None), ("pg", "own", "uv"), ("pg", "own", "aio")))
    assert [factor.telling(level) for level in factor.levels] == [("t",), ("pg", "uv"), ("pg", "aio")]
