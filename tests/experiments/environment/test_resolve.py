from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.environment.requirements import LockTarget, from_source, left_out
from experiments.environment.resolve import (
    build_wheel,
    index_environment,
    list_versions,
    make_lock,
    requirement_name,
    resolve_upon,
    stand_in,
)
from experiments.errors import Failure, Unsupported

REQUIREMENTS = ("psycopg2-binary", "SQLAlchemy", "psycopg[binary]>=3.2", "uvloop")


@pytest.fixture
def target(tmp_path: Path) -> LockTarget:
    return LockTarget(tmp_path / "locks" / "py3.14.txt", REQUIREMENTS, "3.14", may_leave_out=True)


def fake_uv(monkeypatch: pytest.MonkeyPatch, answer: Callable[[Sequence[str], list[str]], tuple[int, str]]) -> None:
    """uv answers with a text for the requirements on its standard input and its options."""

    def run(command: list[str], *, input: str, **_: Any) -> subprocess.CompletedProcess[str]:
        code, text = answer(command, input.split("\n"))
        return subprocess.CompletedProcess(command, code, text if code == 0 else "", text if code else "")

    monkeypatch.setattr("experiments.environment.resolve.subprocess.run", run)


def entry(requirement: str) -> str:
    return f"{requirement_name(requirement).lower()}==1 \\\n    --hash=sha256:00\n"


def refuse(requirement: str) -> tuple[int, str]:
    cause = f"Because {requirement} has no usable wheels and you require {requirement}, we can conclude"
    return 1, f"error: No solution found when resolving dependencies\n  cause: {cause} that.\n\nhint: no"


def refusing(*names: str) -> Callable[[Sequence[str], list[str]], tuple[int, str]]:
    def answer(_: Sequence[str], requirements: list[str]) -> tuple[int, str]:
        for requirement in requirements:
            if requirement in names:
                return refuse(requirement)
        return 0, "".join(sorted(entry(requirement) for requirement in requirements))

    return answer


def locked(lock: Path) -> list[str]:
    """The lines that pin, without those of hashes."""
    return [line.removesuffix(" \\") for line in lock.read_text().splitlines() if "==" in line]


def test_everything_that_can_be_had_is_locked(target: LockTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_uv(monkeypatch, refusing())
    assert make_lock(target, {}).lines() == []
    assert target.is_current()
    assert locked(target.file) == ["psycopg-binary==1", "psycopg2-binary==1", "sqlalchemy==1", "uvloop==1"]


def test_a_driver_that_cannot_be_had_is_left_out_with_uvs_reason(
    target: LockTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_uv(monkeypatch, refusing("psycopg[binary]>=3.2"))
    assert make_lock(target, {}).lines() == ["# left out: psycopg-binary: psycopg[binary]>=3.2 has no usable wheels"]
    assert left_out(target.file) == {"psycopg-binary": "psycopg[binary]>=3.2 has no usable wheels"}
    assert locked(target.file) == ["psycopg2-binary==1", "sqlalchemy==1", "uvloop==1"]


def test_of_an_extra_the_reason_is_its_own_distributions(target: LockTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_uv(monkeypatch, refusing("psycopg[binary]>=3.2", "psycopg-binary"))
    make_lock(target, {})
    assert left_out(target.file) == {"psycopg-binary": "psycopg-binary has no usable wheels"}


def test_a_deduction_from_single_versions_is_told_in_short(target: LockTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_uv(monkeypatch, lambda _, given: refuse("all of: uvloop<1 uvloop>2") if "uvloop" in given else (0, "x==1\n"))
    make_lock(target, {})
    assert left_out(target.file) == {"uvloop": "no version of uvloop has usable wheels"}


def test_what_every_loader_needs_cannot_be_left_out(target: LockTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_uv(monkeypatch, refusing("SQLAlchemy"))
    with pytest.raises(Failure, match=r"py3\.14\.txt: every loader needs SQLAlchemy: SQLAlchemy has no usable wheels"):
        make_lock(target, {})
    assert not target.file.exists()


def test_what_differs_between_processors_says_which_it_is_for(
    target: LockTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(command: Sequence[str], requirements: list[str]) -> tuple[int, str]:
        if "x86_64-manylinux_2_28" in command:
            return 0, "gevent==25 \\\n    --hash=sha256:00\nx==1\n"
        return refuse("uvloop") if "uvloop" in requirements else (0, "gevent==22 \\\n    --hash=sha256:11\nx==1\n")

    fake_uv(monkeypatch, answer)
    make_lock(target, {})
    assert target.file.read_text().splitlines()[2:] == [
        "# left out on aarch64: uvloop: uvloop has no usable wheels",
        "gevent==25 ; platform_machine == 'x86_64' \\",
        "    --hash=sha256:00",
        "gevent==22 ; platform_machine == 'aarch64' \\",
        "    --hash=sha256:11",
        "x==1",
    ]


def test_without_wheels_a_driver_is_taken_as_sources_with_what_building_needs(
    target: LockTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its versions are those for the build with the GIL; what needs it is resolved as if it needed it not."""
    free_threaded = replace(target, python="3.14t", may_be_built=("psycopg2-binary",))

    def answer(command: Sequence[str], requirements: list[str]) -> tuple[int, str]:
        assert command[command.index("--python-version") + 1] == "3.14"
        script = Path(command[command.index("--python") + 1]).with_name("stand_in.py").read_text()
        if "psycopg2-binary" in requirements and 'lambda name: 1 if name == "Py_GIL_DISABLED"' in script:
            return refuse("psycopg2-binary")
        if "--excludes" in command:
            excluded = Path(command[command.index("--excludes") + 1]).read_text()
            assert (excluded, "psycopg2-binary" in requirements) == ("psycopg2-binary", False)
        return refusing()(command, requirements)

    fake_uv(monkeypatch, answer)
    assert make_lock(free_threaded, {}).lines() == ["# from source: psycopg2-binary"]
    assert from_source(target.file) == ("psycopg2-binary",)
    assert locked(target.file) == [
        *("psycopg-binary==1", "psycopg2-binary==1", "setuptools==1", "sqlalchemy==1", "uvloop==1")
    ]


@pytest.mark.parametrize("free_threaded", [False, True])
def test_the_stand_in_tells_uv_which_build_it_is(tmp_path: Path, free_threaded: bool) -> None:
    question = "import sys, sysconfig; print(sysconfig.get_config_var('Py_GIL_DISABLED'), sys.argv)"
    command = [str(stand_in(tmp_path, free_threaded=free_threaded)), "-I", "-B", "-c", question, "more"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said == f"{int(free_threaded)} ['-c', 'more']\n"


def test_uv_itself_believes_the_stand_in(tmp_path: Path) -> None:
    """Without a network: uv names the build that it takes the stand-in for, when it can find nothing for it."""
    command = [sys.executable, "-m", "uv", "--no-config", "pip", "compile", "-", "--offline", "--color", "never"]
    command += [
        "--no-index",
        "--find-links",
        str(tmp_path),
        "--only-binary",
        ":all:",
        "--cache-dir",
        str(tmp_path / "c"),
    ]
    (tmp_path / "only-1-cp314-cp314-manylinux_2_28_x86_64.whl").touch()
    command += ["--python-platform", "x86_64-manylinux_2_28", "--python-version", "3.14"]
    command += ["--python", str(stand_in(tmp_path, free_threaded=True))]
    done = subprocess.run(command, input="only", capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "free-threaded CPython 3.14 (`cp314t`)" in done.stderr


def test_another_failure_of_uv_is_no_reason_to_leave_anything_out(
    target: LockTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_uv(monkeypatch, lambda *_: (2, "error: Failed to fetch\n  cause: connection refused"))
    with pytest.raises(Failure, match=r"py3\.14\.txt: uv failed: error: Failed to fetch cause: connection refused"):
        make_lock(target, {})


def test_pips_index_and_certificate_are_handed_to_uv() -> None:
    listed = (
        "global.cert='/certs.pem'\nglobal.timeout='60'\n"
        ":env:.index-url='https://mirror.example/simple'\nglobal.extra-index-url='https://other.example'\n"
    )
    assert index_environment(listed, {"PATH": "/bin"}) == {
        "PATH": "/bin",
        "SSL_CERT_FILE": "/certs.pem",
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
    }


def test_what_the_user_set_for_uv_stays() -> None:
    assert index_environment("global.cert='/pip.pem'", {"SSL_CERT_FILE": "/uv.pem"}) == {"SSL_CERT_FILE": "/uv.pem"}


@pytest.mark.parametrize(
    ("requirement", "name"),
    [
        ("aiopg", "aiopg"),
        ("psycopg[binary]>=3.1", "psycopg-binary"),
        ("psycopg>=3.1", "psycopg"),
        ("psycopg2-binary == 2.9", "psycopg2-binary"),
    ],
)
def test_a_requirement_names_a_distribution(requirement: str, name: str) -> None:
    assert requirement_name(requirement) == name


def test_other_packages_are_resolved_with_the_lock_as_what_is_preferred(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], *, input: str, **_: Any) -> subprocess.CompletedProcess[str]:
        output = Path(command[command.index("--output-file") + 1])
        assert output.read_text() == "uvloop==1\n"
        assert "--upgrade" not in command
        assert command[command.index("--python-platform") + 1] == "aarch64-manylinux_2_28"
        output.write_text(f"{input}\n")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr("experiments.environment.resolve.uv_environment", dict)
    monkeypatch.setattr("experiments.environment.resolve.subprocess.run", run)
    assert resolve_upon("uvloop==1\n", ["asyncpg==0.29.0"], "3.13", "aarch64") == "asyncpg==0.29.0\n"


def test_the_versions_of_an_index_are_pips_answer_from_the_index_that_uv_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        said = "asyncpg (0.32.0)\nAvailable versions: 0.32.0, 0.31.0\n" if len(asked) == 1 else ""
        return subprocess.CompletedProcess(command, 0, said, "")

    monkeypatch.setattr("experiments.environment.resolve.uv_environment", lambda: {"UV_DEFAULT_INDEX": "file:///x"})
    monkeypatch.setattr("experiments.environment.resolve.subprocess.run", run)
    assert list_versions("asyncpg") == ("0.32.0", "0.31.0")
    assert asked[0][-2:] == ["--index-url", "file:///x"]
    assert list_versions("asyncpg") == ()


def test_a_wheel_is_built_from_a_source_folder_or_it_is_said_why_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        folder, source = Path(command[command.index("--out-dir") + 1]), Path(command[-1])
        if source.name == "bad":
            return subprocess.CompletedProcess(command, 2, "", "error: Failed to build\n  no compiler\n")
        folder.mkdir()
        (folder / "x-1-py3-none-any.whl").touch()
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr("experiments.environment.resolve.uv_environment", dict)
    monkeypatch.setattr("experiments.environment.resolve.subprocess.run", run)
    python = Path("/usr/bin/python")
    assert build_wheel(tmp_path / "good", python, tmp_path / "out").name == "x-1-py3-none-any.whl"
    with pytest.raises(Unsupported, match=r"^cannot be built: Failed to build$"):
        build_wheel(tmp_path / "bad", python, tmp_path / "none")
