from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from experiments.errors import Failure
from experiments.lock import LockTarget, left_out
from experiments.resolve import index_environment, make_lock, requirement_name

REQUIREMENTS = ("psycopg2-binary", "SQLAlchemy", "psycopg[binary]>=3.2", "uvloop")


@pytest.fixture
def target(tmp_path: Path) -> LockTarget:
    return LockTarget(tmp_path / "locks" / "py3.14.txt", REQUIREMENTS, "3.14", may_leave_out=True)


def fake_uv(monkeypatch: pytest.MonkeyPatch, answer: Callable[[Sequence[str], list[str]], tuple[int, str]]) -> None:
    """uv answers with a text for the requirements on its standard input and its options."""

    def run(command: list[str], *, input: str, **_: Any) -> subprocess.CompletedProcess[str]:
        code, text = answer(command, input.split("\n"))
        return subprocess.CompletedProcess(command, code, text if code == 0 else "", text if code else "")

    monkeypatch.setattr("experiments.resolve.subprocess.run", run)


def refusing(*names: str) -> Callable[[Sequence[str], list[str]], tuple[int, str]]:
    def answer(_: Sequence[str], requirements: list[str]) -> tuple[int, str]:
        for requirement in requirements:
            if requirement in names:
                cause = f"Because {requirement} has no usable wheels and you require {requirement}, we can conclude"
                return 1, f"error: No solution found when resolving dependencies\n  cause: {cause} that.\n\nhint: no"
        return 0, "".join(f"{requirement}==1\n" for requirement in requirements)

    return answer


def test_everything_that_can_be_had_is_locked(target: LockTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_uv(monkeypatch, refusing())
    assert make_lock(target, {}) == {}
    assert target.is_current()
    assert target.file.read_text().splitlines()[2:] == [f"{requirement}==1" for requirement in REQUIREMENTS]


def test_a_driver_that_cannot_be_had_is_left_out_with_uvs_reason(
    target: LockTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_uv(monkeypatch, refusing("psycopg[binary]>=3.2"))
    reasons = {"psycopg": "psycopg[binary]>=3.2 has no usable wheels"}
    assert make_lock(target, {}) == reasons
    assert left_out(target.file) == reasons
    assert "psycopg[binary]" not in target.file.read_text().partition("wheels")[2]


def test_what_every_loader_needs_cannot_be_left_out(target: LockTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_uv(monkeypatch, refusing("SQLAlchemy"))
    with pytest.raises(Failure, match=r"py3\.14\.txt: every loader needs SQLAlchemy: SQLAlchemy has no usable wheels"):
        make_lock(target, {})
    assert not target.file.exists()


def test_versions_that_differ_between_platforms_are_no_solution(
    target: LockTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_uv(monkeypatch, lambda command, _: (0, "x==1" if "aarch64-manylinux_2_28" in command else "x==2"))
    with pytest.raises(Failure, match="the newest versions with wheels differ between x86_64"):
        make_lock(target, {})


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
    [("aiopg", "aiopg"), ("psycopg[binary]>=3.1", "psycopg"), ("psycopg2-binary == 2.9", "psycopg2-binary")],
)
def test_a_requirement_names_a_distribution(requirement: str, name: str) -> None:
    assert requirement_name(requirement) == name
