"""matrix, include and exclude, as GitHub Actions has them."""

from __future__ import annotations

from typing import Any

from experiments.matrix.cell import AxisValue
from experiments.matrix.combinations import Values, combine
from experiments.matrix.spec import Experiment

THREADS = "row_by_row_threaded"
TASKS = "row_by_row_asyncio"


def complete(values: Values) -> Values:
    return {"engine": "local", "python": "3.13", "loader": THREADS, "loop": None, "poolsize": 20, **values}


def combinations(**parts: Any) -> list[tuple[dict[str, AxisValue], str | None]]:
    experiment = Experiment(question="Which?", **parts)
    return [(one.values, one.why) for one in combine(experiment, complete)]


def test_a_matrix_gives_every_combination_in_order() -> None:
    assert combinations(matrix={"loader": [THREADS, TASKS], "poolsize": [1, 5]}) == [
        ({"loader": THREADS, "poolsize": 1}, None),
        ({"loader": THREADS, "poolsize": 5}, None),
        ({"loader": TASKS, "poolsize": 1}, None),
        ({"loader": TASKS, "poolsize": 5}, None),
    ]


def test_an_exclusion_removes_what_has_all_its_values() -> None:
    found = combinations(matrix={"loader": [THREADS, TASKS], "poolsize": [1, 5]}, exclude=[{"loader": THREADS}])
    assert found == [({"loader": TASKS, "poolsize": 1}, None), ({"loader": TASKS, "poolsize": 5}, None)]


def test_an_exclusion_with_a_reason_keeps_the_row() -> None:
    found = combinations(
        matrix={"loader": [THREADS, TASKS], "poolsize": [1, 5]},
        exclude=[{"loader": THREADS, "poolsize": 5, "why": "too many"}, {"poolsize": 5}],
    )
    assert found == [
        ({"loader": THREADS, "poolsize": 1}, None),
        ({"loader": TASKS, "poolsize": 1}, None),
        ({"loader": THREADS, "poolsize": 5}, "too many"),
    ]


def test_an_exclusion_sees_the_axes_that_the_matrix_leaves_to_the_defaults() -> None:
    assert combinations(matrix={"poolsize": [1, 5]}, exclude=[{"poolsize": 5, "python": "3.13"}]) == [
        ({"poolsize": 1}, None)
    ]
    assert len(combinations(matrix={"poolsize": [1, 5]}, exclude=[{"poolsize": 5, "python": "3.9"}])) == 2


def test_an_inclusion_extends_what_it_does_not_change() -> None:
    found = combinations(
        matrix={"loader": [THREADS, TASKS], "poolsize": [1, 5]}, include=[{"loader": TASKS, "loop": "uvloop"}]
    )
    assert found == [
        ({"loader": THREADS, "poolsize": 1}, None),
        ({"loader": THREADS, "poolsize": 5}, None),
        ({"loader": TASKS, "poolsize": 1, "loop": "uvloop"}, None),
        ({"loader": TASKS, "poolsize": 5, "loop": "uvloop"}, None),
    ]


def test_an_inclusion_that_names_no_axis_of_the_matrix_extends_all() -> None:
    assert combinations(matrix={"poolsize": [1, 5]}, include=[{"python": "3.9"}]) == [
        ({"poolsize": 1, "python": "3.9"}, None),
        ({"poolsize": 5, "python": "3.9"}, None),
    ]


def test_an_inclusion_that_fits_nothing_is_a_combination_of_its_own() -> None:
    assert combinations(matrix={"poolsize": [1]}, include=[{"poolsize": 120, "loader": TASKS}]) == [
        ({"poolsize": 1}, None),
        ({"poolsize": 120, "loader": TASKS}, None),
    ]


def test_later_inclusions_change_what_earlier_ones_added_but_not_their_own_combinations() -> None:
    """The example of GitHub's documentation, with other fruit."""
    found = combinations(
        matrix={"loader": [THREADS, TASKS], "poolsize": [1, 5]},
        include=[
            {"python": "3.9"},
            {"python": "3.11", "poolsize": 1},
            {"loader": THREADS, "loop": "asyncio"},
            {"poolsize": 50},
            {"poolsize": 50, "python": "3.14"},
        ],
    )
    assert [values for values, _ in found] == [
        {"loader": THREADS, "poolsize": 1, "python": "3.11", "loop": "asyncio"},
        {"loader": THREADS, "poolsize": 5, "python": "3.9", "loop": "asyncio"},
        {"loader": TASKS, "poolsize": 1, "python": "3.11"},
        {"loader": TASKS, "poolsize": 5, "python": "3.9"},
        {"poolsize": 50},
        {"poolsize": 50, "python": "3.14"},
    ]


def test_an_inclusion_brings_back_what_was_excluded() -> None:
    found = combinations(matrix={"poolsize": [1, 5]}, exclude=[{"poolsize": 5}], include=[{"poolsize": 5}])
    assert found == [({"poolsize": 1}, None), ({"poolsize": 5}, None)]


def test_inclusions_alone_are_enough() -> None:
    assert combinations(include=[{"poolsize": 1}, {"poolsize": 1, "loader": TASKS}]) == [
        ({"poolsize": 1}, None),
        ({"poolsize": 1, "loader": TASKS}, None),
    ]
