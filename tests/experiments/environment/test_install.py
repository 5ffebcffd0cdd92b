from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.environment.install import run_locked, run_pip
from experiments.errors import Failure, Unsupported


def python(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def test_all_that_the_program_says_is_taken_in_and_it_gets_no_input(tmp_path: Path) -> None:
    text = "import sys, os; print(sys.stdin.read() + os.getcwd(), os.environ['A']); sys.stderr.write('e'); exit(3)"
    with (tmp_path / "lock").open("w") as lock:
        done = run_locked(python(text), lock=lock.fileno(), timeout_s=60, folder=tmp_path, environment={"A": "1"})
    assert (done.returncode, done.stdout, done.stderr) == (3, f"{tmp_path} 1\n", "e")


def test_the_lock_is_held_by_the_program_too(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = run_locked(
            python(f"import os; os.fstat({lock.fileno()}); print('held')"), lock=lock.fileno(), timeout_s=60
        )
    assert done.stdout == "held\n"


def test_a_program_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as lock, pytest.raises(subprocess.TimeoutExpired):
        run_locked(python("import time; time.sleep(60)"), lock=lock.fileno(), timeout_s=0.5)


def test_variables_of_pip_that_install_elsewhere_or_nothing_do_not_reach_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_DRY_RUN"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("PIP_INDEX_URL", "kept")
    seen = tmp_path / "seen"
    text = "import os, sys; open(sys.argv[-1], 'w').write(' '.join(n for n in os.environ if n.startswith('PIP_')))"
    with (tmp_path / "lock").open("w") as lock:
        run_pip(python(text), [seen], purpose="try", lock=lock.fileno())
    assert "PIP_INDEX_URL" in seen.read_text().split()
    assert not {"PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_DRY_RUN"} & set(seen.read_text().split())


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("ERROR: a-1-cp312-cp312-linux_x86_64.whl is not a supported wheel on this platform.", Unsupported),
        (
            "ERROR: Cannot install a and b because these package versions have conflicting dependencies.",
            Unsupported,
        ),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", Failure),
    ],
)
def test_packages_that_do_not_fit_are_no_failure(tmp_path: Path, said: str, kind: type[Exception]) -> None:
    program = python(f"import sys; print({said!r}, file=sys.stderr); exit(1)")
    with (tmp_path / "lock").open("w") as lock, pytest.raises(kind) as caught:
        run_pip(program, [], purpose="try", lock=lock.fileno())
    assert str(caught.value) == f"try: {said.removeprefix('ERROR: ')}"
