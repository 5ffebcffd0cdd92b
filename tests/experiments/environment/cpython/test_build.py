from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from experiments.environment.cpython import build as module
from experiments.environment.cpython.build import Build, build, missing_to_build
from experiments.errors import Failure
from tests.bigdata.loader_program import wait_for

# Stands in for make: compiles nothing, and installs an interpreter that is the one of the tests.
MAKE = f"""
if [ "$1" = install ]; then
    folder="${{2#DESTDIR=}}$(cat prefix)"
    mkdir -p "$folder/bin" "$folder/lib/python3.14/test"
    printf '#!/bin/sh\\nexec {sys.executable} "$@"\\n' > "$folder/bin/python3"
    chmod +x "$folder/bin/python3"
fi
"""
CONFIGURE = 'for option; do case "$option" in --prefix=*) echo "${option#--prefix=}" > prefix;; esac; done'


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    script(tmp_path / "programs" / "make", MAKE)
    monkeypatch.setenv("PATH", f"{tmp_path / 'programs'}:{os.environ['PATH']}")
    return script(tmp_path / "work" / "Python-3.14.7" / "configure", CONFIGURE).parent


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "cpython-3.14.7"


def test_a_build_is_named_and_configured_for_what_it_is() -> None:
    usual, quick = Build("3.14.7", Path("/s")), Build("3.14.7", Path("/s"), free_threaded=True, quick=True)
    assert (usual.name, quick.name) == ("cpython-3.14.7", "cpython-3.14.7t-quick")
    assert usual.configuration(Path("/p")) == [
        *("/s/configure", "--prefix=/p", "--with-ensurepip=no", "--enable-optimizations", "--with-lto")
    ]
    assert quick.configuration(Path("/p")) == [
        *("/s/configure", "--prefix=/p", "--with-ensurepip=no", "--disable-gil", "--disable-test-modules")
    ]


def test_what_was_built_appears_whole_without_cpythons_own_tests(sources: Path, target: Path) -> None:
    told: list[str] = []
    build(Build("3.14.7", sources, quick=True), target, told.append, 0)
    assert sorted(path.relative_to(target).as_posix() for path in target.rglob("*")) == [
        *("bin", "bin/python3", "lib", "lib/python3.14")
    ]
    assert told[0] == "CPython 3.14.7: configuring"
    assert told[-1].startswith("CPython 3.14.7: installing took ")
    assert len(told) == 6


def test_a_step_that_fails_is_told_with_the_end_of_its_words_and_leaves_nothing(sources: Path, target: Path) -> None:
    script(sources.parent.parent / "programs" / "make", "seq 100; echo no zlib >&2; exit 2")
    with pytest.raises(Failure) as failure:
        build(Build("3.14.7", sources), target, lambda _: None, 0)
    head, *tail = str(failure.value).splitlines()
    assert head == "make failed with exit code 2; the end of what it said:"
    assert tail == [*map(str, range(87, 101)), "no zlib"]
    assert not target.exists()


def test_an_interpreter_that_lacks_something_is_not_kept(sources: Path, target: Path) -> None:
    script(
        sources.parent.parent / "programs" / "make", MAKE.replace(f"exec {sys.executable}", "echo no ssl >&2; false")
    )
    with pytest.raises(Failure, match=r"^the interpreter that was built lacks what is needed: no ssl$"):
        build(Build("3.14.7", sources), target, lambda _: None, 0)
    assert not target.exists()


def test_an_interruption_ends_all_that_a_step_has_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TIMEOUT_S", 0.5)
    command = ["sh", "-c", "sleep 60 & echo $! > child; wait"]
    with pytest.raises(Failure, match=r"^sh did not end within"):
        module._run(command, tmp_path, tmp_path / "log", 0)
    child = int((tmp_path / "child").read_text())
    wait_for(lambda: has_ended(child))


def has_ended(pid: int) -> bool:
    """Gone, or a zombie that whoever inherited it has yet to reap."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except OSError:
        return True


def test_what_is_missing_is_named_by_debians_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert missing_to_build() == ["gcc", "make", "zlib1g-dev", "libssl-dev", "libffi-dev"]
    script(tmp_path / "make", "")
    script(tmp_path / "cc", "read line; case $line in *zlib*) exit 1;; esac")
    assert missing_to_build() == ["zlib1g-dev"]
