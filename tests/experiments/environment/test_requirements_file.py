from __future__ import annotations

import pytest

from experiments.environment.requirements_file import (
    Notes,
    architecture_of,
    for_architecture,
    merge,
    read_entries,
    read_from_source,
    read_left_out,
    with_versions,
)

HASH = " \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\n"
FOR_INTEL, FOR_ARM = f"aiopg==1{HASH}gevent==25{HASH}zope-event==5{HASH}", f"aiopg==1{HASH}gevent==22{HASH}"


def test_entries_that_are_equal_everywhere_say_nothing_of_processors() -> None:
    assert merge({"x86_64": FOR_INTEL, "aarch64": FOR_INTEL}) == FOR_INTEL


def test_each_processor_gets_back_what_was_merged() -> None:
    merged = merge({"x86_64": FOR_INTEL, "aarch64": FOR_ARM})
    assert [line for line in merged.splitlines() if "==" in line] == [
        "aiopg==1 \\",
        "gevent==25 ; platform_machine == 'x86_64' \\",
        "gevent==22 ; platform_machine == 'aarch64' \\",
        "zope-event==5 ; platform_machine == 'x86_64' \\",
    ]
    assert for_architecture("# a note\n" + merged, "x86_64") == FOR_INTEL
    assert for_architecture(merged, "aarch64") == FOR_ARM


def test_a_reason_that_holds_everywhere_stands_once() -> None:
    notes = Notes({"x86_64": {"rloop": "none"}, "aarch64": {"rloop": "none", "gevent": "too old"}})
    lines = ["# left out: rloop: none", "# left out on aarch64: gevent: too old"]
    assert notes.lines() == lines
    assert read_left_out("\n".join(lines), "x86_64") == {"rloop": "none"}
    assert read_left_out("\n".join(lines), "arm64") == {"rloop": "none", "gevent": "too old"}


def test_what_is_built_from_source_is_read_back() -> None:
    assert read_from_source("\n".join(Notes({}, ("a", "b-c")).lines()) + "\nx==1\n") == ("a", "b-c")
    assert read_from_source("x==1\n") == ()


@pytest.mark.parametrize(("machine", "name"), [("arm64", "aarch64"), ("AMD64", "x86_64"), ("riscv64", "riscv64")])
def test_processors_have_their_names_in_wheels(machine: str, name: str) -> None:
    assert architecture_of(machine) == name


def test_a_wheel_of_this_machine_is_named_by_its_version_elsewhere() -> None:
    own = "psycopg @ file:///here/a%20b/psycopg-3.4.0.dev1%2Bx-py3-none-any.whl \\\n    --hash=sha256:11\n"
    other = "uvloop==0.22.1 \\\n    --hash=sha256:22\n"
    assert with_versions(own + other) == f"psycopg==3.4.0.dev1+x \\\n    --hash=sha256:11\n{other}"
    assert read_entries(own + other) == {"psycopg": own, "uvloop": other}
    assert for_architecture(own + other, "x86_64") == own + other
