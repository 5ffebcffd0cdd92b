"""An experiment with several workloads is one for each of them."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from experiments.matrix.spec import Experiment
from experiments.matrix.workloads import split_experiment


def split(default: str = "ingest", name: str = "one", **parts: Any) -> dict[str, Experiment]:
    return dict(split_experiment(name, Experiment(question="Why?", **parts), default))


def test_an_experiment_without_the_axis_is_left_as_it_is() -> None:
    experiment = Experiment(question="Why?", matrix={"poolsize": (1, 5)}, include=({"poolsize": 7},))
    assert split_experiment("one", experiment, "ingest") == {"one": experiment}


def test_each_workload_has_its_cells_its_question_and_its_baseline() -> None:
    found = split(matrix={"workload": ("ingest", "fetch"), "poolsize": (1, 5)}, baseline={"poolsize": 5})
    assert list(found) == ["one_ingest", "one_fetch"]
    assert found["one_fetch"].question == "Why? (fetch)"
    assert found["one_fetch"].matrix == {"workload": ("fetch",), "poolsize": (1, 5)}
    assert found["one_fetch"].baseline == {"poolsize": 5, "workload": "fetch"}


def test_a_part_has_all_other_fields_of_the_experiment() -> None:
    others: dict[str, Any] = {"exclude": ({"poolsize": 5},), "count": True, "explain": True}
    found = split(matrix={"workload": ("ingest", "fetch"), "poolsize": (1, 5)}, **others)
    assert [{name: getattr(part, name) for name in others} for part in found.values()] == [others, others]
    own = {"question", "matrix", "include", "baseline"}
    assert {field.name for field in fields(Experiment)} == {*others, *own}


def test_one_other_workload_keeps_the_name_and_has_its_own_baseline() -> None:
    found = split(matrix={"workload": ("wait",)})
    assert (list(found), found["one"].question) == (["one"], "Why?")
    assert found["one"].baseline == {"workload": "wait"}


def test_an_entry_goes_where_its_workload_is() -> None:
    entries = ({"workload": "fetch", "poolsize": 3}, {"poolsize": 7}, {"workload": "wait"})
    found = split(matrix={"workload": ("ingest", "fetch")}, include=entries)
    assert [one.include for one in found.values()] == [entries[1:2], entries[:2], entries[2:]]
    assert found["one_wait"].matrix == {}


def test_an_entry_without_a_workload_has_the_default_one() -> None:
    found = split(default="wait", include=({"poolsize": 7}, {"workload": "fetch"}))
    assert [one.include for one in found.values()] == [({"poolsize": 7},), ({"workload": "fetch"},)]


def test_a_name_stays_as_short_as_names_are() -> None:
    assert max(map(len, split(name="a" * 40, matrix={"workload": ("ingest", "transaction")}))) == 40
