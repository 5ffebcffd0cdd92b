"""What the command line chooses, and what it does to the matrix."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.errors import BadInput
from experiments.matrix.selection import Selection, apply_selection, parse_selection
from experiments.matrix.spec import (
    DataSet,
    Defaults,
    Experiment,
    Matrix,
    PostgresConfiguration,
    Profile,
    Resources,
)

NY = DataSet(source="synthetic", state="NY", segments=("01", "02"), records=100)
RI = DataSet(source="directory", path="data/Rhode_Island")
ONE = Experiment(question="One?", matrix={"data": ("ny", "ri"), "poolsize": (1,)}, include=({"engine": "local"},))
TWO = Experiment(question="Two?", matrix={"engine": ("auto",)})
MATRIX = Matrix(
    version=1,
    repeats=10,
    seed=2014,
    timeout_s=120.0,
    baseline={"data": "ri"},
    data={"ny": NY, "ri": RI},
    postgres={"default": PostgresConfiguration(version="17", storage="disk")},
    resources={"shared": Resources()},
    defaults=Defaults(loader="row_by_row_threaded", poolsize=20, postgres="default", data="ny", resources="shared"),
    experiments={"one": ONE, "two": TWO},
    profiles={"smoke": Profile(repeats=2, records=5, experiments=("two",)), "same": Profile()},
)


def test_nothing_chosen_is_the_matrix_as_it_stands() -> None:
    assert parse_selection() == Selection()
    assert apply_selection(MATRIX, Selection()) == MATRIX
    assert apply_selection(MATRIX, Selection(profile="same")) == MATRIX


def test_nothing_chosen_is_the_profile_named_default_where_there_is_one() -> None:
    matrix = replace(MATRIX, profiles={**MATRIX.profiles, "default": Profile(repeats=3, experiments=("two",))})
    assert list(apply_selection(matrix, Selection()).experiments) == ["two"]
    assert apply_selection(matrix, Selection()).repeats == 3
    assert list(apply_selection(matrix, Selection(profile="same")).experiments) == ["one", "two"]
    named = apply_selection(matrix, Selection(experiments=("one",)))
    assert (list(named.experiments), named.repeats) == (["one"], 10)


def test_the_texts_of_the_options_become_values() -> None:
    selection = parse_selection(
        profile="smoke",
        experiments=["two", "one", "two"],
        only=["poolsize=1, 5", "loop=uvloop", "poolsize=5,20"],
        engine="local",
        repeats="3",
        records="7",
        data="ny",
    )
    assert selection == Selection(
        profile="smoke",
        experiments=("two", "one"),
        only={"poolsize": ("1", "5", "20"), "loop": ("uvloop",)},
        engine="local",
        repeats=3,
        records=7,
        data="ny",
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "podman"}, "--engine: unknown engine 'podman' (known: auto, docker, local)"),
        ({"repeats": "0"}, "--repeats: '0' is not a positive integer (expected for example 20)"),
        ({"records": "many"}, "--records: 'many' is not a positive integer (expected for example 20)"),
        ({"records": "²"}, "--records: '²' is not a positive integer (expected for example 20)"),
        ({"only": ["poolsize"]}, "--only: 'poolsize' is not AXIS=VALUE or AXIS=VALUE,VALUE"),
        (
            {"only": ["poolsize=1,,2"]},
            "--only: 'poolsize=1,,2' is not AXIS=VALUE or AXIS=VALUE,VALUE",
        ),
        (
            {"only": ["pool=1"]},
            "--only: unknown axis 'pool' (did you mean poolsize? known: engine, python, gil, loader, loop, "
            "protocol, implementation, poolsize, postgres, data, transaction, inserts, resources, sampling, workload, "
            "packages, network, arrivals, checkout)",
        ),
    ],
)
def test_what_cannot_be_understood_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_selection(**options)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (
            Selection(profile="smok"),
            "--profile: unknown profile 'smok' (did you mean smoke? known: smoke, same)",
        ),
        (Selection(experiments=("three",)), "--experiment: unknown experiment 'three' (known: one, two)"),
        (
            Selection(data="nowhere"),
            "--data: 'nowhere' is neither a directory nor a data set of the matrix (known: ny, ri)",
        ),
    ],
)
def test_names_that_the_matrix_does_not_have_are_refused(selection: Selection, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        apply_selection(MATRIX, selection)
    assert str(caught.value) == message


def test_a_profile_goes_before_the_matrix() -> None:
    chosen = apply_selection(MATRIX, Selection(profile="smoke"))
    assert chosen.repeats == 2
    assert {name: data.records for name, data in chosen.data.items()} == {"ny": 5, "ri": 5}
    assert chosen.experiments == {"two": TWO}


def test_the_command_line_goes_before_the_profile() -> None:
    chosen = apply_selection(MATRIX, Selection(profile="smoke", repeats=3, records=7, experiments=("one",)))
    assert chosen.repeats == 3
    assert chosen.data["ny"].records == 7
    assert chosen.experiments == {"one": ONE}


def test_an_engine_takes_the_place_of_all_others() -> None:
    chosen = apply_selection(MATRIX, Selection(engine="local"))
    assert chosen.defaults.engine == "local"
    assert chosen.experiments["two"].matrix == {"engine": ("local",)}
    assert chosen.experiments["one"].include == ({"engine": "local"},)
    assert "engine" not in chosen.experiments["one"].matrix


def test_a_named_data_set_takes_the_place_of_all_others() -> None:
    chosen = apply_selection(MATRIX, Selection(data="ri"))
    assert chosen.defaults.data == "ri"
    assert chosen.baseline == {"data": "ri"}
    assert chosen.experiments["one"].matrix == {"data": ("ri",), "poolsize": (1,)}


def test_a_directory_becomes_a_data_set_like_the_usual_one(tmp_path: Path) -> None:
    folder = tmp_path / "Rhode_Island"
    folder.mkdir()
    chosen = apply_selection(MATRIX, Selection(data=f"{folder}/"))
    assert chosen.defaults.data == "Rhode_Island"
    assert chosen.data["Rhode_Island"] == DataSet(
        source="directory", path=f"{folder}/", segments=("01", "02"), records=100
    )
    assert chosen.experiments["one"].matrix["data"] == ("Rhode_Island",)


def test_records_on_the_command_line_hold_for_a_directory_too(tmp_path: Path) -> None:
    chosen = apply_selection(MATRIX, Selection(data=str(tmp_path), records=7))
    assert chosen.data[tmp_path.name].records == 7


@pytest.mark.parametrize(
    ("folder", "name"),
    [("My Data (2000)", "My_Data_2000"), ("-x.", "x"), ("é", "directory"), ("x" * 99, "x" * 40)],
)
def test_a_directory_becomes_a_data_set_with_a_valid_name(tmp_path: Path, folder: str, name: str) -> None:
    (tmp_path / folder).mkdir()
    assert apply_selection(MATRIX, Selection(data=str(tmp_path / folder))).defaults.data == name


def test_a_directory_named_as_a_data_set_takes_no_ones_name(tmp_path: Path) -> None:
    folder = tmp_path / "ny"
    folder.mkdir()
    chosen = apply_selection(MATRIX, Selection(data=str(folder)))
    assert chosen.defaults.data == "ny_directory"
    assert chosen.data["ny"] == NY


def test_packages_are_split_and_checked_and_become_sets_of_the_matrix() -> None:
    selection = parse_selection(packages=["asyncpg=0.29.0, asyncpg=locked", "asyncpg=0.29.0"])
    assert selection.packages == ("asyncpg=0.29.0", "asyncpg=locked")
    chosen = apply_selection(MATRIX, selection)
    assert chosen.packages == {"asyncpg_0.29.0": {"asyncpg": "0.29.0"}, "locked": {}}
    for one in chosen.experiments.values():
        assert one.matrix.get("packages") == (("asyncpg_0.29.0", "locked") if one.matrix else None)
        assert all("packages" in entry for entry in one.include)
    with pytest.raises(BadInput, match="--packages: no loader needs the distribution 'pyscopg'"):
        parse_selection(packages=["asyncpg=locked,pyscopg=1"])
