from __future__ import annotations

import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.engines.docker.debian import mmdebstrap as recipe
from experiments.engines.docker.debian.mmdebstrap import (
    Recipe,
    candidate_versions,
    explain,
    make_tar,
    mmdebstrap_missing,
)
from experiments.errors import Failure

PYTHON = Recipe("trixie", "python", ("python3.13", "python3.13-venv"), "amd64")
POSTGRES = Recipe("bookworm", "postgres", ("postgresql-15",), "arm64", merge_usr=True)


@pytest.fixture
def mmdebstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script of the test's that is found as mmdebstrap."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder / "mmdebstrap"


def write(script: Path, body: str) -> None:
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)


def test_the_command_has_suite_packages_options_and_hooks_by_content(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BIGDATA_DEBIAN_MIRROR", raising=False)
    command = POSTGRES.command("/somewhere/base.tar")
    assert command[-3:] == ["--include=postgresql-15", "bookworm", "/somewhere/base.tar"]
    assert {"--architectures=arm64", "--variant=essential", "--skip=cleanup/run"} < set(command)
    assert '--aptopt=Acquire::Check-Valid-Until "false";' in command
    assert "--dpkgopt=path-exclude=/usr/share/doc/*" in command
    assert "--dpkgopt=path-exclude=/usr/lib/*/libLLVM*" in command
    assert "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr" in command
    (essential,) = (option for option in command if option.startswith("--essential-hook="))
    assert "create_main_cluster = false" in essential
    assert not any("#" in option for option in command if option.startswith(("--aptopt", "--dpkgopt")))


def test_what_only_postgresql_needs_is_not_in_the_command_for_python() -> None:
    command = PYTHON.command("base.tar")
    assert not any("LLVM" in option or "merged-usr" in option or "essential-hook" in option for option in command)


def test_a_mirror_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIGDATA_DEBIAN_MIRROR", "file:///mirror")
    assert PYTHON.command("base.tar")[-2:] == ["base.tar", "file:///mirror"]


def test_the_digest_changes_with_what_the_recipe_says_and_with_nothing_else() -> None:
    assert PYTHON.digest() == replace(PYTHON).digest()
    assert PYTHON.digest() != replace(PYTHON, suite="forky").digest()
    assert PYTHON.digest() != replace(PYTHON, packages=("python3.13",)).digest()


def test_a_recipes_name_changes_with_its_files_and_not_with_processor_or_mirror(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = PYTHON.name()
    monkeypatch.setenv("BIGDATA_DEBIAN_MIRROR", "file:///mirror")
    assert name == replace(PYTHON, architecture="arm64").name()
    assert name != replace(PYTHON, packages=("python3.13",)).name()
    folder = tmp_path / "debian"
    shutil.copytree(recipe._FOLDER, folder)
    monkeypatch.setattr(recipe, "_FOLDER", folder)
    assert PYTHON.name() == name
    names = {name, POSTGRES.name()}
    for file in ("apt.conf", "dpkg.conf", "python.customize.sh"):
        with (folder / file).open("a") as changed:
            changed.write("more\n")
        names.add(PYTHON.name())
    assert len(names) == 5


def test_the_versions_are_those_that_apt_would_install(mmdebstrap: Path) -> None:
    lines = ["Inst libc6 (2.41-12 Debian:13/stable [amd64]) []", "Conf libc6 (2.41-12 Debian:13/stable [amd64])"]
    lines += ["Inst tzdata [1] (2026a-0 Debian:13/stable [all])", "I: success"]
    write(mmdebstrap, "\n".join(f"echo '{line}' >&2" for line in lines))
    assert candidate_versions(PYTHON) == {"libc6": "2.41-12", "tzdata": "2026a-0"}


def test_a_failure_has_the_words_of_mmdebstrap_and_what_was_to_be_made(mmdebstrap: Path, tmp_path: Path) -> None:
    write(mmdebstrap, "echo 'I: begin' >&2; echo 'E: no space left' >&2; exit 1")
    with pytest.raises(Failure, match=r"^Debian trixie with python3\.13, python3\.13-venv: no space left$"):
        make_tar(PYTHON, tmp_path / "base.tar", threading.Event())


def test_where_no_mirror_is_reached_it_says_what_may_help() -> None:
    output = "Err:1 http://mirror trixie InRelease\n  Could not resolve 'mirror'\nE: apt-get update failed\n"
    assert explain(output) == (
        "Err:1 http://mirror trixie InRelease; apt-get update failed. Debian's mirror was not reached: "
        "check the network, or name one in BIGDATA_DEBIAN_MIRROR"
    )


def test_without_mmdebstrap_it_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mmdebstrap: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    words = "mmdebstrap is not installed (on Debian or Ubuntu: apt-get install mmdebstrap)"
    assert mmdebstrap_missing() == words
    with pytest.raises(Failure) as caught:
        make_tar(PYTHON, tmp_path / "base.tar", threading.Event())
    assert str(caught.value).endswith(words)


def test_it_can_be_stopped_and_gets_to_clean_up(mmdebstrap: Path, tmp_path: Path) -> None:
    cleaned, begun = tmp_path / "cleaned", tmp_path / "begun"
    write(mmdebstrap, f"trap 'touch {cleaned}; exit 1' INT\ntouch {begun}\nwhile :; do sleep 0.05; done")
    stop = threading.Event()

    def stop_when_begun() -> None:
        while not begun.exists():
            time.sleep(0.01)
        stop.set()

    threading.Thread(target=stop_when_begun).start()
    with pytest.raises(Failure, match=r"stopped$"):
        make_tar(PYTHON, tmp_path / "base.tar", stop)
    assert cleaned.exists()
