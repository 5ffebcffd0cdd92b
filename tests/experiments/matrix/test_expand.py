"""From the matrix to cells."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from experiments.errors import BadInput
from experiments.matrix.cell import Cell
from experiments.matrix.expand import PlannedCell, expand
from experiments.matrix.packages import DISTRIBUTIONS, Packages
from experiments.matrix.selection import Selection, parse_selection
from experiments.matrix.spec import DataSet, Defaults, Experiment, Matrix, PostgresConfiguration, Resources

THREADS = "row_by_row_threaded"
TASKS = "row_by_row_asyncio"
ASYNCPG = "row_by_row_asyncpg"
PSYCOPG = "row_by_row_psycopg_threaded"
BASELINE = Cell(
    *("local", "3.13", None, THREADS, None, "simple", None),
    *(20, "default", "ny", "autocommit", "execute", "split"),
)
ASYNCIO = replace(BASELINE, loader=TASKS, loop="asyncio")
UVLOOP = replace(BASELINE, loader=TASKS, loop="uvloop")


class FakeMachine:
    def resolve_engine(self, value: str) -> str:
        return "local" if value == "auto" else value

    def default_python(self, engine: str) -> str:
        return {"local": "3.13"}[engine]

    def default_implementation(self, python: str, packages: Packages) -> str:
        return "python" if python == "3.14t" or "./psycopg" in dict(packages).values() else "binary"


def make_matrix(experiments: Mapping[str, Mapping[str, Any]], **parts: Any) -> Matrix:
    return Matrix(
        version=1,
        repeats=10,
        seed=2014,
        timeout_s=120.0,
        data={"ny": DataSet(source="synthetic", state="NY", records=100)},
        postgres={name: PostgresConfiguration(version="17", storage="disk") for name in ("default", "memory")},
        resources={"split": Resources(loader_cpuset="0", server_cpuset="rest")},
        defaults=Defaults(loader=THREADS, poolsize=20, postgres="default", data="ny", resources="split"),
        experiments={name: Experiment(question="Which?", **body) for name, body in experiments.items()},
        **parts,
    )


def cells_of(matrix: Matrix, selection: Selection | None = None) -> list[PlannedCell]:
    return list(expand(matrix, selection or Selection(), FakeMachine()))


LOADERS: dict[str, Any] = {"matrix": {"loader": [THREADS, TASKS], "loop": ["asyncio", "uvloop"]}}
POOLS: dict[str, Any] = {"matrix": {"loader": [THREADS, TASKS], "poolsize": [5, 20]}}


def test_a_loop_collapses_where_the_loader_has_none_and_the_baseline_runs_twice() -> None:
    assert cells_of(make_matrix({"loaders": LOADERS})) == [
        PlannedCell(BASELINE, "a", ("loaders",)),
        PlannedCell(BASELINE, "b", ("loaders",)),
        PlannedCell(ASYNCIO, "a", ("loaders",)),
        PlannedCell(UVLOOP, "a", ("loaders",)),
    ]


def test_an_experiment_with_a_baseline_of_its_own_compares_with_that_and_with_no_other() -> None:
    old = {"matrix": {"loader": [THREADS, TASKS], "python": ["3.9"]}, "baseline": {"python": "3.9"}}
    pools = {"matrix": {"python": ["3.13", "3.9"]}}
    old_baseline = replace(BASELINE, python="3.9")
    assert cells_of(make_matrix({"old": old, "pools": pools})) == [
        PlannedCell(old_baseline, "a", ("old", "pools")),
        PlannedCell(old_baseline, "b", ("old",)),
        PlannedCell(replace(ASYNCIO, python="3.9"), "a", ("old",)),
        PlannedCell(BASELINE, "a", ("pools",)),
        PlannedCell(BASELINE, "b", ("pools",)),
    ]


def test_equal_cells_run_once_and_show_in_every_experiment_that_names_them() -> None:
    assert cells_of(make_matrix({"loaders": LOADERS, "pools": POOLS})) == [
        PlannedCell(BASELINE, "a", ("loaders", "pools")),
        PlannedCell(BASELINE, "b", ("loaders", "pools")),
        PlannedCell(ASYNCIO, "a", ("loaders", "pools")),
        PlannedCell(UVLOOP, "a", ("loaders",)),
        PlannedCell(replace(BASELINE, poolsize=5), "a", ("pools",)),
        PlannedCell(replace(ASYNCIO, poolsize=5), "a", ("pools",)),
    ]


def test_the_baseline_is_added_to_an_experiment_that_does_not_name_it() -> None:
    matrix = make_matrix({"memory": {"matrix": {"postgres": ["memory"]}}}, baseline={"poolsize": 1})
    baseline = replace(BASELINE, poolsize=1)
    assert cells_of(matrix) == [
        PlannedCell(baseline, "a", ("memory",)),
        PlannedCell(baseline, "b", ("memory",)),
        PlannedCell(replace(BASELINE, postgres="memory"), "a", ("memory",)),
    ]


def test_names_of_the_default_merge_with_what_they_resolve_to() -> None:
    matrix = make_matrix({"pythons": {"matrix": {"python": ["default", "3.13", "3.9"], "engine": ["auto", "local"]}}})
    assert [planned.cell for planned in cells_of(matrix)] == [BASELINE, BASELINE, replace(BASELINE, python="3.9")]


def one_matrix(**lists: Any) -> Matrix:
    return make_matrix({"one": {"matrix": lists}})


def others(matrix: Matrix) -> list[tuple[Any, ...]]:
    """Loader, protocol, implementation and reason of the cells besides the baseline."""
    return [
        (planned.cell.loader, planned.cell.protocol, planned.cell.implementation, planned.unsupported)
        for planned in cells_of(matrix)[2:]
    ]


def test_a_protocol_is_the_loaders_first_unless_asked() -> None:
    assert others(one_matrix(loader=[ASYNCPG, PSYCOPG], protocol=["default", "extended"])) == [
        (ASYNCPG, "prepared", None, None),
        (ASYNCPG, "extended", None, None),
        (PSYCOPG, "prepared", "binary", None),
        (PSYCOPG, "extended", "binary", None),
    ]


def test_a_protocol_collapses_where_the_driver_has_one_and_is_a_reason_where_it_lacks_the_one_asked_for() -> None:
    assert cells_of(one_matrix(loader=[THREADS], protocol=["prepared", "simple"])) == [
        PlannedCell(BASELINE, "a", ("one",)),
        PlannedCell(BASELINE, "b", ("one",)),
    ]
    assert others(one_matrix(loader=[ASYNCPG], protocol=["simple"])) == [
        (ASYNCPG, "simple", None, "row_by_row_asyncpg speaks prepared, extended")
    ]


def test_an_implementation_is_what_the_python_has_packages_for_and_collapses_where_the_driver_has_one() -> None:
    assert others(one_matrix(loader=[PSYCOPG], implementation=["default", "c", "binary"])) == [
        (PSYCOPG, "prepared", "binary", None),
        (PSYCOPG, "prepared", "c", None),
    ]
    assert others(one_matrix(loader=[PSYCOPG], python=["3.14t"])) == [(PSYCOPG, "prepared", "python", None)]
    assert others(one_matrix(loader=[ASYNCPG], implementation=["c", "python"])) == [(ASYNCPG, "prepared", None, None)]


def test_a_checkout_collapses_for_the_load_and_for_programs_and_is_a_reason_where_a_loader_has_no_pool() -> None:
    both = ["per_worker", "per_operation"]
    assert [one.cell.checkout for one in cells_of(one_matrix(loader=[ASYNCPG], checkout=both))[2:]] == [both[0]]
    loaders = [ASYNCPG, "ceiling_pgbench", "row_by_row_psycopg_gevent"]
    found = cells_of(one_matrix(loader=loaders, checkout=both, workload=["lookup"]))
    assert [(one.cell.loader, one.cell.checkout, one.unsupported) for one in found[2:]] == [
        (ASYNCPG, "per_worker", None),
        (ASYNCPG, "per_operation", None),
        ("ceiling_pgbench", "per_worker", None),
        ("row_by_row_psycopg_gevent", "per_worker", None),
        (
            *("row_by_row_psycopg_gevent", "per_operation"),
            "row_by_row_psycopg_gevent takes no connections from a pool; loaders that do: row_by_row_asyncpg, "
            "row_by_row_psycopg_threaded, row_by_row_psycopg_asyncio",
        ),
    ]


def test_packages_of_a_pool_belong_to_its_cells_alone() -> None:
    axes = {"workload": ["lookup"], "checkout": ["per_worker", "per_operation"], "packages": ["locked", "pool"]}
    body = {"matrix": {"loader": [PSYCOPG], **axes}}
    planned = cells_of(make_matrix({"one": body}, packages={"pool": {"psycopg-pool": "3.2.6"}}))
    assert [(one.cell.checkout, one.cell.packages) for one in planned[2:]] == [
        ("per_worker", "locked"),
        ("per_operation", "locked"),
        ("per_operation", "pool"),
    ]


def test_the_gil_is_an_axis_of_free_threaded_builds_alone() -> None:
    found = cells_of(one_matrix(python=["3.14", "3.14t"], gil=["default", "off"]))[2:]
    assert [(planned.cell.python, planned.cell.gil) for planned in found] == [
        ("3.14", None),
        ("3.14t", "default"),
        ("3.14t", "off"),
    ]


def test_a_loader_with_one_connection_has_a_pool_of_one() -> None:
    found = cells_of(one_matrix(loader=["row_by_row_serial"], poolsize=[1, 5, 20]))[2:]
    assert [(planned.cell.loader, planned.cell.poolsize) for planned in found] == [("row_by_row_serial", 1)]


def test_a_loop_that_a_loader_does_not_run_on_is_a_reason() -> None:
    (_, _, cell) = cells_of(one_matrix(loader=["row_by_row_psycopg_asyncio"], loop=["rloop"]))
    assert cell.unsupported == "row_by_row_psycopg_asyncio does not run on rloop, only on asyncio, uvloop"


def test_the_new_axes_can_be_chosen_among() -> None:
    matrix = one_matrix(loader=[ASYNCPG, PSYCOPG], protocol=["extended", "prepared"], python=["3.13", "3.14t"])
    found = cells_of(matrix, only("protocol=extended", "implementation=python", "gil=default"))[2:]
    assert [(planned.cell.loader, planned.cell.python) for planned in found] == [(PSYCOPG, "3.14t")]
    with pytest.raises(BadInput, match=r"^--only: no cell has protocol=simple \(known: extended, prepared\)$"):
        cells_of(one_matrix(loader=[ASYNCPG], protocol=["extended", "prepared"]), only("protocol=simple"))


def test_an_exclusion_may_name_what_a_value_resolves_to() -> None:
    matrix = make_matrix(
        {"pools": {"matrix": {"poolsize": [5, 20]}, "exclude": [{"poolsize": 5, "engine": "local", "why": "no"}]}}
    )
    assert cells_of(matrix)[-1] == PlannedCell(replace(BASELINE, poolsize=5), "a", ("pools",), "no")


def test_executemany_is_unsupported_where_the_driver_has_none() -> None:
    matrix = make_matrix({"inserts": {"matrix": {"loader": [THREADS, TASKS], "inserts": ["executemany"]}}})
    assert cells_of(matrix)[2:] == [
        PlannedCell(replace(BASELINE, inserts="executemany"), "a", ("inserts",)),
        PlannedCell(
            replace(ASYNCIO, inserts="executemany"),
            "a",
            ("inserts",),
            "aiopg has no executemany that row_by_row_asyncio could use",
        ),
    ]


def test_executemany_in_a_pipeline_takes_more_than_the_simple_protocol() -> None:
    matrix = one_matrix(loader=[PSYCOPG], protocol=["simple", "extended"], inserts=["executemany"])
    assert others(matrix) == [
        (PSYCOPG, "simple", "binary", "psycopg sends executemany in a pipeline, which the protocol simple has not"),
        (PSYCOPG, "extended", "binary", None),
    ]


def test_the_reason_of_an_exclusion_is_the_reason_of_its_row() -> None:
    pools = {**POOLS, "exclude": [{"loader": TASKS, "poolsize": 5, "why": "not on a Sunday"}]}
    assert cells_of(make_matrix({"pools": pools}))[-1] == PlannedCell(
        replace(ASYNCIO, poolsize=5), "a", ("pools",), "not on a Sunday"
    )


def test_what_one_experiment_excludes_and_another_runs_is_run_and_shown_in_both() -> None:
    excluding = {**POOLS, "exclude": [{"loader": TASKS, "poolsize": 5, "why": "not on a Sunday"}]}
    for experiments in ({"one": excluding, "two": POOLS}, {"two": POOLS, "one": excluding}):
        found = {planned.cell: planned for planned in cells_of(make_matrix(experiments))}
        planned = found[replace(ASYNCIO, poolsize=5)]
        assert (set(planned.experiments), planned.unsupported) == ({"one", "two"}, None)


def test_the_baseline_runs_even_where_an_experiment_excludes_it() -> None:
    loaders = {**LOADERS, "exclude": [{"loader": THREADS, "why": "no"}]}
    assert cells_of(make_matrix({"loaders": loaders}))[:2] == [
        PlannedCell(BASELINE, "a", ("loaders",)),
        PlannedCell(BASELINE, "b", ("loaders",)),
    ]


def only(*texts: str) -> Selection:
    return parse_selection(only=texts)


def test_only_keeps_cells_with_one_of_the_values_and_the_baseline() -> None:
    matrix = make_matrix({"loaders": LOADERS, "pools": POOLS})
    found = cells_of(matrix, only("poolsize=5"))
    assert found == [
        PlannedCell(BASELINE, "a", ("pools",)),
        PlannedCell(BASELINE, "b", ("pools",)),
        PlannedCell(replace(BASELINE, poolsize=5), "a", ("pools",)),
        PlannedCell(replace(ASYNCIO, poolsize=5), "a", ("pools",)),
    ]


def test_choices_of_several_axes_must_all_hold() -> None:
    matrix = make_matrix({"loaders": LOADERS, "pools": POOLS})
    found = cells_of(matrix, only("loader=row_by_row_asyncio", "poolsize=5,20", "loop=uvloop"))
    assert [planned.cell for planned in found] == [BASELINE, BASELINE, UVLOOP]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["poolsize=50"], "--only: no cell has poolsize=50 (known: 20, 5)"),
        (["poolsize=5,7"], "--only: no cell has poolsize=7 (known: 20, 5)"),
        (["loop=uvlop"], "--only: no cell has loop=uvlop (did you mean uvloop? known: asyncio, uvloop)"),
        (["python=default"], "--only: no cell has python=default (known: 3.13)"),
        (
            ["loop=uvloop", "poolsize=5"],
            "--only: no cell matches both loop=uvloop and poolsize=5",
        ),
    ],
)
def test_a_choice_that_matches_nothing_lists_what_there_is(texts: list[str], message: str) -> None:
    with pytest.raises(BadInput) as caught:
        cells_of(make_matrix({"loaders": LOADERS, "pools": POOLS}), only(*texts))
    assert str(caught.value) == message


def test_an_experiment_can_be_chosen() -> None:
    found = cells_of(make_matrix({"loaders": LOADERS, "pools": POOLS}), Selection(experiments=("pools",)))
    assert {planned.experiments for planned in found} == {("pools",)}


def test_an_experiment_that_excludes_all_it_has_keeps_the_baseline() -> None:
    matrix = make_matrix({"none": {"matrix": {"poolsize": [5]}, "exclude": [{"poolsize": 5}]}})
    assert cells_of(matrix) == [PlannedCell(BASELINE, "a", ("none",)), PlannedCell(BASELINE, "b", ("none",))]


def test_of_ceilings_copy_has_no_choice_but_its_data_and_pgbench_has_those_of_loaders() -> None:
    matrix = {"loader": ["ceiling_copy", "ceiling_pgbench"], "poolsize": [5, 20], "inserts": ["execute", "executemany"]}
    matrix |= {"transaction": ["autocommit", "per_record"], "loop": ["asyncio", "uvloop"]}
    planned = [one for one in cells_of(make_matrix({"ceilings": {"matrix": matrix}})) if one.cell.loader != THREADS]
    copies = [one for one in planned if one.cell.loader == "ceiling_copy"]
    assert [(one.cell.poolsize, one.cell.transaction, one.cell.inserts) for one in copies] == [
        (1, "autocommit", "execute")
    ]
    able = [one.cell for one in planned if one.cell.loader == "ceiling_pgbench" and one.unsupported is None]
    assert [(cell.poolsize, cell.transaction) for cell in able] == [
        (pool, transaction) for pool in (5, 20) for transaction in ("autocommit", "per_record")
    ]


def test_pgbench_prepares_no_transaction_per_record() -> None:
    matrix = {"loader": ["ceiling_pgbench"], "protocol": ["prepared"], "transaction": ["autocommit", "per_record"]}
    planned = [one for one in cells_of(make_matrix({"ceilings": {"matrix": matrix}})) if one.cell.loader != THREADS]
    assert [one.unsupported is None for one in planned] == [True, False]


def test_each_question_to_the_machine_is_asked_once_however_many_cells_there_are() -> None:
    asked: list[str] = []

    class Machine(FakeMachine):
        def default_python(self, engine: str) -> str:
            asked.append(engine)
            return super().default_python(engine)

    matrix = make_matrix({"many": {"matrix": {"poolsize": range(1, 2000), "loader": [THREADS, TASKS]}}})
    begun = time.process_time()
    assert len(expand(matrix, Selection(), Machine())) == 3_999
    assert time.process_time() - begun < 5
    assert asked == ["local"]


def test_what_does_not_apply_to_a_workload_collapses() -> None:
    lists = {
        "workload": ("lookup",),
        "transaction": ("autocommit", "per_record"),
        "inserts": ("execute", "executemany"),
    }
    found = cells_of(make_matrix({"reading": {"matrix": lists}}))
    assert [(one.cell.workload, one.cell.transaction, one.cell.inserts) for one in found if one.arm == "a"] == [
        ("lookup", "autocommit", "execute")
    ]
    (changing, _) = cells_of(make_matrix({"changing": {"matrix": {"workload": ("transaction",)}}}))
    assert changing.cell == replace(BASELINE, workload="transaction", transaction="per_record")


def test_only_pgbench_is_an_upper_bound_of_other_workloads() -> None:
    ceilings = {
        "loader": ("ceiling_pgbench", "ceiling_copy"),
        "protocol": ("simple", "prepared"),
        "workload": ("fetch",),
    }
    found = {
        (one.cell.loader, one.cell.protocol): one.unsupported
        for one in cells_of(make_matrix({"a": {"matrix": ceilings}}))
    }
    assert found == {
        (THREADS, "simple"): None,
        ("ceiling_pgbench", "simple"): None,
        ("ceiling_pgbench", "prepared"): "pgbench would have to prepare a statement for each key",
        ("ceiling_copy", "simple"): "ceiling_copy has no other workload than ingest",
    }


def test_a_part_of_an_experiment_can_be_chosen_by_its_name() -> None:
    matrix = make_matrix({"a": {"matrix": {"workload": ("ingest", "fetch")}}, "b": {"matrix": {"poolsize": (1,)}}})
    parts = [
        {one.cell.workload for one in cells_of(matrix, Selection(experiments=(name,)))} for name in ("a", "a_fetch")
    ]
    assert parts == [{"ingest", "fetch"}, {"fetch"}]


SETS = {"older": {"asyncpg": "0.29.0"}, "loop": {"uvloop": "0.22.0"}, "own": {"psycopg": "./psycopg"}}


def test_packages_collapse_for_loaders_that_need_none_of_them() -> None:
    body = {"matrix": {"loader": [THREADS, ASYNCPG], "loop": ["asyncio", "uvloop"], "packages": ["locked", *SETS]}}
    planned = cells_of(make_matrix({"one": body}, packages=SETS))
    assert [(one.cell.loader, one.cell.loop, one.cell.packages) for one in planned] == [
        (THREADS, None, "locked"),
        (THREADS, None, "locked"),
        (ASYNCPG, "asyncio", "locked"),
        (ASYNCPG, "asyncio", "older"),
        (ASYNCPG, "uvloop", "locked"),
        (ASYNCPG, "uvloop", "older"),
        (ASYNCPG, "uvloop", "loop"),
    ]


def test_what_a_driver_uses_unless_asked_depends_on_its_packages() -> None:
    body = {"matrix": {"loader": [PSYCOPG], "packages": ["locked", "own"]}}
    planned = cells_of(make_matrix({"one": body}, packages=SETS))
    assert [(one.cell.packages, one.cell.implementation) for one in planned[2:]] == [
        ("locked", "binary"),
        ("own", "python"),
    ]


def test_packages_of_the_command_line_are_an_axis_of_every_experiment_and_the_baseline_stays_locked() -> None:
    included = {"include": [{"loader": ASYNCPG, "poolsize": 7}]}
    listed = {"matrix": {"loader": [THREADS, ASYNCPG]}}
    asked = Selection(packages=("asyncpg=0.29.0", "asyncpg=0.30.0"))
    planned = cells_of(make_matrix({"one": listed, "two": included}), asked)
    assert [(one.cell.loader, one.cell.packages, one.experiments) for one in planned] == [
        (THREADS, "locked", ("one", "two")),
        (THREADS, "locked", ("one", "two")),
        (ASYNCPG, "asyncpg_0.29.0", ("one",)),
        (ASYNCPG, "asyncpg_0.30.0", ("one",)),
        (ASYNCPG, "asyncpg_0.29.0", ("two",)),
        (ASYNCPG, "asyncpg_0.30.0", ("two",)),
    ]


@pytest.mark.parametrize("only", [{}, {"loader": (THREADS,)}])
def test_packages_that_none_of_the_chosen_loaders_needs_are_refused(only: dict[str, tuple[str, ...]]) -> None:
    experiment = {"matrix": {"loader": [THREADS, ASYNCPG]}} if only else LOADERS
    chosen = Selection(packages=("asyncpg=0.29.0", "asyncpg=locked"), only=only)
    with pytest.raises(BadInput) as caught:
        cells_of(make_matrix({"loaders": experiment}), chosen)
    assert str(caught.value) == (
        "--packages: no loader of these cells needs asyncpg; choose others with --experiment and --only, or name "
        f"another distribution (known: {', '.join(DISTRIBUTIONS)})"
    )
