from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from experiments.engines.docker import owner as module
from experiments.engines.docker.owner import Owner, has_died, host_id, parse_owner, this_owner


def test_a_label_says_who_the_owner_is() -> None:
    owner = Owner("0123", 42, "boot/7")
    assert owner.label() == '{"host": "0123", "pid": 42, "started": "boot/7"}'
    assert parse_owner(owner.label()) == owner


@pytest.mark.parametrize("label", ["", "{", "[]", '{"host": "0123", "pid": "x", "started": ""}', '{"pid": 1}'])
def test_any_other_label_names_no_owner(label: str) -> None:
    assert parse_owner(label) is None


def test_this_process_lives() -> None:
    owner = this_owner()
    assert (owner.pid, has_died(owner)) == (os.getpid(), False)


def test_an_owner_that_has_ended_has_died() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        started = module.start_of(process.pid)
        assert started is not None
        owner = replace(this_owner(), pid=process.pid, started=started)
        assert not has_died(owner)
    assert has_died(owner)


def test_another_process_with_the_number_is_not_the_owner() -> None:
    assert has_died(replace(this_owner(), started="long ago"))


def test_of_an_owner_on_another_machine_nothing_is_known() -> None:
    assert not has_died(replace(this_owner(), host="elsewhere", started="long ago"))


def test_another_users_process_that_is_hidden_has_not_died(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int, number: int) -> None:
        assert number == 0
        raise PermissionError

    someone = replace(this_owner(), pid=4711)
    monkeypatch.setattr(module, "start_of", lambda pid: None)
    monkeypatch.setattr(os, "kill", refuse)
    assert not has_died(someone)


def test_who_is_not_there_at_all_has_died(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_nothing(pid: int, number: int) -> None:
        raise ProcessLookupError

    someone = replace(this_owner(), pid=4711)
    monkeypatch.setattr(module, "start_of", lambda pid: None)
    monkeypatch.setattr(os, "kill", find_nothing)
    assert has_died(someone)


def test_the_name_of_the_machine_tells_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    name = host_id()
    assert (len(name), int(name, 16) >= 0, host_id()) == (16, True, name)
    monkeypatch.setattr("platform.node", lambda: "another")
    assert host_id() != name


def test_without_proc_a_process_is_found_by_ps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PROCESSES", module._MACHINE_ID)
    lines = {"11": "Sun Nov 22  20:00:00 2026\n", "12": ""}

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        assert command[:4] == ["ps", "-o", "lstart=", "-p"]
        return subprocess.CompletedProcess(command, 0, lines[command[4]], "")

    monkeypatch.setattr("subprocess.run", run)
    assert module.start_of(11) == "Sun Nov 22 20:00:00 2026"
    assert module.start_of(12) is None
