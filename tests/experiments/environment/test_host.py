from __future__ import annotations

import json
import platform
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest

from experiments.environment.host import describe_environment, find_ownership_problem


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "proc/self").mkdir(parents=True)
    (root / "etc").mkdir()
    (root / "proc/cpuinfo").write_text(
        "processor\t: 0\nmodel name\t: A Processor @ 2.00GHz\nflags\t\t: fpu sse hypervisor\n\nprocessor\t: 1\n"
    )
    (root / "proc/meminfo").write_text("MemTotal:        8000 kB\nMemFree:  1 kB\n")
    (root / "etc/os-release").write_text('PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\n')
    (root / "proc/self/mountinfo").write_text(
        "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n23 22 8:2 / /cache rw - xfs /dev/sdb1 rw\n"
    )
    return root


def test_the_facts_are_those_of_the_kernels_files(root: Path, tmp_path: Path) -> None:
    facts = describe_environment(Path("/cache/data"), root, project=tmp_path)
    assert facts.cpu == "A Processor @ 2.00GHz"
    assert facts.memory_bytes == 8_192_000
    assert facts.system == "Debian GNU/Linux 12 (bookworm)"
    assert facts.virtualisation == "virtual machine"
    assert facts.file_system == "xfs"
    assert facts.harness_packages.keys() == {"docker", "pydantic", "pyyaml", "rich", "scipy", "tabulate"}


def test_what_a_system_does_not_tell_is_null(tmp_path: Path) -> None:
    facts = describe_environment(Path("/cache"), tmp_path, project=tmp_path)
    names = ("memory_bytes", "virtualisation", "file_system", "commit", "uncommitted_changes")
    assert [getattr(facts, name) for name in names] == [None] * 5


def test_neither_the_hosts_name_nor_a_path_is_told(root: Path, tmp_path: Path) -> None:
    text = json.dumps(asdict(describe_environment(Path("/cache/data"), root, project=tmp_path)))
    assert platform.node() not in text
    assert str(Path.home()) not in text
    assert "/cache" not in text


def test_the_commit_and_whether_files_differ_from_it_are_told_but_results_do_not_count(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        who = ("-c", "user.name=A", "-c", "user.email=a@b")
        command = ["git", "-C", str(tmp_path), *who, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "first")
    (tmp_path / "look").mkdir()
    (tmp_path / "look/README.md").write_text("tables")
    clean = describe_environment(tmp_path, tmp_path, project=tmp_path)
    assert (clean.commit, clean.uncommitted_changes) == (git("rev-parse", "HEAD"), False)
    (tmp_path / "bigdata").mkdir()
    (tmp_path / "bigdata/edited.py").write_text("pass")
    assert describe_environment(tmp_path, tmp_path, project=tmp_path).uncommitted_changes is True
    assert find_ownership_problem(tmp_path) is None


def test_a_checkout_of_somebody_else_has_a_problem_with_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_ownership_problem(tmp_path) is None
    subprocess.run(["git", "-C", str(tmp_path), "init", "-q"], check=True)
    # What git's own tests use, as only root can give a folder away.
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    problem = find_ownership_problem(tmp_path)
    assert problem is not None
    assert problem.endswith(f"to allow it: git config --global --add safe.directory {tmp_path}")
