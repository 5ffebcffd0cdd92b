from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.campaign.cluster.agreement import (
    Machine,
    check_machines,
    check_parts,
    describe_machine,
    find_differences,
)
from experiments.errors import BadInput
from experiments.records.description import Description
from experiments.records.facts import MachineFacts, Placement

HERE = describe_machine()
HEAD = "--cluster: the machines differ; give them the same commit and locks, and start their workers again:\n"


def test_sources_and_locks_are_known_by_hash(tmp_path: Path) -> None:
    for name in ("bigdata/cmd.py", "experiments/errors.py", "docker/requirements/py3.13.txt"):
        file = tmp_path / name
        file.parent.mkdir(parents=True)
        file.write_text(name)
    before = describe_machine(tmp_path).hashes
    assert before.keys() == {"bigdata/", "experiments/", "docker/requirements/py3.13.txt"}
    (tmp_path / "bigdata/cmd.py").write_text("other")
    after = describe_machine(tmp_path).hashes
    assert {name for name in before if before[name] != after[name]} == {"bigdata/"}


def test_the_name_of_a_machine_tells_nothing_of_it_and_differs_for_other_cores() -> None:
    one, other = Machine("boot", frozenset({0}), {}), Machine("boot", frozenset({1}), {})
    assert one.name != other.name
    assert {len(one.name), len(other.name)} == {6}


def test_machines_with_the_same_checkout_and_cores_of_their_own_agree() -> None:
    check_machines({"a": replace(HERE, cpus=frozenset({0})), "b": replace(HERE, cpus=frozenset({1}))})
    check_machines({"a": HERE, "b": replace(HERE, identity="another machine")})


def test_a_lock_that_differs_is_named_with_both_hashes() -> None:
    lock = "docker/requirements/py3.13.txt"
    other = replace(HERE, identity="other", hashes={**HERE.hashes, lock: "sha256:0123456789abcdef"})
    with pytest.raises(BadInput) as error:
        check_machines({"tcp://10.0.0.1:4000": HERE, "tcp://10.0.0.2:4000": other})
    mine = HERE.hashes[lock][:19]
    sides = f"{mine} on this machine, tcp://10.0.0.1:4000; sha256:0123456789ab on tcp://10.0.0.2:4000"
    assert str(error.value) == f"{HEAD}- {lock}: {sides}"


def test_two_workers_that_share_cores_of_a_machine_are_refused() -> None:
    one, other = replace(HERE, cpus=frozenset({0, 1})), replace(HERE, cpus=frozenset({1, 2}))
    with pytest.raises(BadInput, match="the workers a and b share the cores 1 of one machine"):
        check_machines({"a": one, "b": other})


def other_server(described: Description) -> Description:
    return replace(described, postgres={"default": replace(described.postgres["default"], version="17.10")})


def more_cores(described: Description) -> Description:
    return replace(described, placements={"split": Placement(frozenset({0}), frozenset({1, 2, 3}))})


def other_driver(described: Description) -> Description:
    *others, last = described.cells
    return replace(described, cells=(*others, replace(last, cell_key="sha256:other")))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (other_server, "- PostgreSQL default: "),
        (more_cores, "- cores split: "),
        (other_driver, "- driver, limits or settings of cell row_by_row_asyncio"),
    ],
)
def test_parts_that_differ_are_named(
    description: Description, change: Callable[[Description], Description], named: str
) -> None:
    other = replace(change(description), fingerprint="sha256:other")
    with pytest.raises(BadInput) as error:
        check_parts({"a": description, "b": other})
    assert str(error.value).startswith(HEAD + named)
    assert str(error.value).count("\n- ") == 1


def test_machines_may_be_of_different_makes(description: Description) -> None:
    check_parts({"a": description, "b": replace(description, environment=MachineFacts(cpu="Another"))})


def test_of_long_values_the_part_that_differs_is_shown() -> None:
    long = {"a": {"server": "x" * 200 + "17.11"}, "b": {"server": "x" * 200 + "17.10"}, "c": {}}
    (line,) = find_differences(long)
    same = "..." + "x" * 36
    assert line == f"server: {same}17.11 on a; {same}17.10 on b; nothing on c"
